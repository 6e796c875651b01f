#!/usr/bin/env node
// Publishes over HTTP: publish_http.mjs TOPIC MESSAGE [EVENT [ID]]

const [topic, message, event = '', id = ''] = process.argv.slice(2);
if (message === undefined || process.argv.length > 6) {
  console.error('usage: publish_http.mjs TOPIC MESSAGE [EVENT [ID]]');
  process.exit(2);
}
const {SLUICE_URL = 'http://127.0.0.1:8080', SLUICE_TOKEN} = process.env;
const query = new URLSearchParams({event, id});
const headers = {'Content-Type': 'text/plain; charset=utf-8'};
if (SLUICE_TOKEN) headers.Authorization = `Bearer ${SLUICE_TOKEN}`;

try {
  const response = await fetch(`${SLUICE_URL}/publish/${encodeURIComponent(topic)}?${query}`, {
    method: 'POST', body: message, headers, signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  console.log('published as', (await response.json()).id);
} catch (error) {
  console.error(`publish_http.mjs: ${error.cause?.message || error.message}`);
  process.exit(1);
}
