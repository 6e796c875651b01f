#!/usr/bin/env node
// Publishes through Redis: publish_redis.mjs CHANNEL MESSAGE [EVENT [ID]]
// With EVENT the message is an envelope, as a topic with `format: envelope` takes it.
import {createClient} from 'redis';

const [channel, text, event, id] = process.argv.slice(2);
if (text === undefined || process.argv.length > 6) {
  console.error('usage: publish_redis.mjs CHANNEL MESSAGE [EVENT [ID]]');
  process.exit(2);
}
const message = event === undefined ? text : JSON.stringify({data: text, event, id});

const client = createClient({
  url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  // One message, one attempt. A service leaves this out: the client then reconnects by itself.
  socket: {reconnectStrategy: false},
});
client.on('error', () => {});  // connect() and publish() fail with it too
try {
  await client.connect();
  console.log(`received by ${await client.publish(channel, message)} gateways`);
  await client.close();
} catch (error) {
  console.error(`publish_redis.mjs: ${error.message || error.code}`);
  process.exit(1);
}
