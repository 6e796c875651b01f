// An app as tutorials have it: Express with a page, a stream of metrics by res.write, and a WebSocket echo by
// `ws` on the same port.
import express from 'express';
import {WebSocketServer} from 'ws';

const app = express();
let watching = 0;

app.get('/', (req, res) => {
  res.send(`<!doctype html>
<title>metrics</title>
<ul id="metrics"></ul>
<script>
  const source = new EventSource('/api/metrics');
  source.onmessage = (event) => {
    const item = document.createElement('li');
    item.textContent = JSON.parse(event.data).number;
    document.querySelector('#metrics').append(item);
  };
</script>`);
});

app.get('/api/metrics', (req, res) => {
  res.setHeader('Content-Type', 'text/event-stream');
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('Connection', 'keep-alive');
  res.setHeader('X-Accel-Buffering', 'no');
  watching++;
  let number = 0;
  const send = () => res.write(`data: ${JSON.stringify({number: number++})}\n\n`);
  send();
  const interval = setInterval(send, Number(req.query.interval ?? 100));
  req.on('close', () => {
    watching--;
    clearInterval(interval);
    res.end();
  });
});

app.get('/watching', (req, res) => res.json({watching}));

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));

new WebSocketServer({server, path: '/socket'}).on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
  socket.on('close', (code) => console.error(`closed ${code}`));
});
