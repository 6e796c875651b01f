// A WebSocket client by `ws`: sends texts and bytes of many sizes to an echo, several at a time, and prints
// what was wrong, or "done".
import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';

import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2], {perMessageDeflate: process.argv[3] === 'deflate'});
const digest = (data) => createHash('sha256').update(data).digest('hex');
await once(socket, 'open');
const messages = [];
for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1_000_000]) {
  messages.push(randomBytes(size), randomBytes(size).toString('base64'));
}
const sent = messages.map(digest);
const got = [];
socket.on('message', (data, isBinary) => {
  got.push(digest(isBinary ? data : data.toString()));
  if (got.length === sent.length) socket.close(4000, 'enough');
});
for (const message of messages) socket.send(message);
socket.ping();
await once(socket, 'pong');
const [code, reason] = await once(socket, 'close');
const right = JSON.stringify(got) === JSON.stringify(sent);
console.log(right && code === 4000 && String(reason) === 'enough' ? 'done' : `${right} ${code} ${reason}`);
