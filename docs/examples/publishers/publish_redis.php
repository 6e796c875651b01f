#!/usr/bin/env php
<?php
// Publishes through Redis: publish_redis.php CHANNEL MESSAGE [EVENT [ID]]
// With EVENT the message is an envelope, as a topic with `format: envelope` takes it.

if ($argc < 3 || $argc > 5) {
    fwrite(STDERR, "usage: publish_redis.php CHANNEL MESSAGE [EVENT [ID]]\n");
    exit(2);
}
[, $channel, $message] = $argv;
if ($argc > 3) {
    $envelope = array_combine(array_slice(['data', 'event', 'id'], 0, $argc - 2), array_slice($argv, 2));
    $message = json_encode($envelope, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
}

$url = parse_url(getenv('REDIS_URL') ?: 'redis://127.0.0.1:6379');
try {
    $redis = new Redis();
    $redis->connect($url['host'], $url['port'] ?? 6379, 10.0);
    if (isset($url['pass'])) {
        $user = urldecode($url['user'] ?? '') ?: 'default';
        $redis->auth([$user, urldecode($url['pass'])]);
    }
    echo 'received by ', $redis->publish($channel, $message), " gateways\n";
} catch (RedisException $error) {
    fwrite(STDERR, "publish_redis.php: {$error->getMessage()}\n");
    exit(1);
}
