#!/usr/bin/env php
<?php
// Publishes over HTTP: publish_http.php TOPIC MESSAGE [EVENT [ID]]

if ($argc < 3 || $argc > 5) {
    fwrite(STDERR, "usage: publish_http.php TOPIC MESSAGE [EVENT [ID]]\n");
    exit(2);
}
[$topic, $message, $event, $id] = array_pad(array_slice($argv, 1), 4, '');

$base = getenv('SLUICE_URL') ?: 'http://127.0.0.1:8080';
$query = http_build_query(['event' => $event, 'id' => $id]);
$headers = ['Content-Type: text/plain; charset=utf-8'];
if (getenv('SLUICE_TOKEN')) {
    $headers[] = 'Authorization: Bearer ' . getenv('SLUICE_TOKEN');
}

$context = stream_context_create(['http' => [
    'method' => 'POST', 'header' => $headers, 'content' => $message, 'timeout' => 10,
    'ignore_errors' => true,  // the body of an error says what is wrong
]]);
$body = @file_get_contents("$base/publish/" . rawurlencode($topic) . "?$query", false, $context);
if ($body === false) {
    fwrite(STDERR, 'publish_http.php: ' . error_get_last()['message'] . "\n");
    exit(1);
}
if (!str_contains($http_response_header[0], ' 202 ')) {
    fwrite(STDERR, "publish_http.php: {$http_response_header[0]} $body");
    exit(1);
}
echo 'published as ', json_decode($body, true)['id'], "\n";
