// A whole site on node:http and `ws`, of everything that a browser does with an app: pages with their styles,
// scripts and pictures, a login that redirects, a form that uploads, a link that downloads, an event stream of the
// app's own, a topic that it hands over to, and a WebSocket.
import {createHash, randomBytes} from 'node:crypto';
import {createServer} from 'node:http';

import {WebSocketServer} from 'ws';

const sessions = new Map();

const PAGE = `<!doctype html>
<title>site</title>
<link rel="stylesheet" href="/static/site.css">
<h1>Hello <span id="user"></span></h1>
<img src="/static/dot.svg" alt="">
<form id="login" action="/login" method="post" target="result"><input name="user"></form>
<form id="upload" action="/uploads" method="post" enctype="multipart/form-data" target="result">
  <input type="file" name="file"></form>
<iframe name="result"></iframe>
<a href="/downloads/data.bin">data</a>
<script src="/static/site.js"></script>`;

const STATIC = {
  '/static/site.css': ['text/css', 'h1 { color: rgb(1, 2, 3); }'],
  '/static/site.js': ['text/javascript', 'document.querySelector("#user").textContent = "stranger";'],
  '/static/dot.svg': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>'],
};

// What the file in the only part of a form was.
function fileIn(body, type) {
  const start = body.indexOf('\r\n\r\n') + 4;
  const boundary = `\r\n--${/boundary=(.*)$/.exec(type)[1]}--`;
  return body.subarray(start, body.lastIndexOf(boundary));
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function send(response, type, body, fields = {}) {
  response.writeHead(200, {'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...fields}).end(body);
}

function stream(request, response) {
  response.writeHead(200, {'Content-Type': 'text/event-stream'});
  let number = 0;
  const timer = setInterval(() => response.write(`id: ${number}\ndata: ${number++}\n\n`), 20);
  response.on('close', () => clearInterval(timer));
}

const bytes = Buffer.alloc(20_000_000, 'Sluice');

async function answer(request, response) {
  const url = new URL(request.url, 'http://app');
  const user = sessions.get(/session=(\w+)/.exec(request.headers.cookie ?? '')?.[1]);
  const body = await bodyOf(request);
  if (STATIC[url.pathname]) return send(response, ...STATIC[url.pathname]);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return send(response, 'text/html', PAGE);
    case 'POST /login': {
      const session = randomBytes(8).toString('hex');
      sessions.set(session, new URLSearchParams(String(body)).get('user'));
      const place = new URL('/me', `http://${request.headers.host}`);
      return response.writeHead(303, {'Set-Cookie': `session=${session}; HttpOnly`, Location: place.href}).end();
    }
    case 'GET /me':
      return send(response, 'text/plain', `you are ${user}`);
    case 'POST /uploads': {
      const file = fileIn(body, request.headers['content-type']);
      return send(response, 'text/plain', `${file.length} ${createHash('sha256').update(file).digest('hex')}`);
    }
    case 'GET /downloads/data.bin':
      return send(response, 'application/octet-stream', bytes, {'Content-Disposition': 'attachment'});
    case 'GET /numbers':
      return stream(request, response);
    case 'GET /live':
      if (!user) return response.writeHead(401).end();
      return response.writeHead(200, {'X-Accel-Redirect': `/internal/events/users/${user}`}).end();
    default:
      return response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());  // the client has left
}).listen(0, '127.0.0.1', () => console.log(server.address().port));

new WebSocketServer({server, path: '/socket'}).on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
});
