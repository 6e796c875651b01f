// An app that hands its browsers over: it knows who they are, and Sluice holds their streams. Node alone.
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';

const port = Number(process.env.PORT ?? 3000);
const sluice = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080';
const token = process.env.SLUICE_PUBLISH_TOKEN ?? '';
const sessions = new Map(); // a real app keeps them elsewhere, and asks for a password

const page = `<!doctype html><title>Handover</title>
<button onclick="fetch('/login?user=ada', {method: 'POST'}).then(() => open())">Log in as ada</button>
<ul id="events"></ul>
<script>
const list = document.getElementById('events');
function open() {
  new EventSource('/events').onmessage = ({ data }) =>
    list.appendChild(document.createElement('li')).textContent = data;
}
</script>`;

function userOf(request) {
  const session = /(?:^|;\s*)session=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
  return sessions.get(session);
}

function answer(response, status, fields = {}, body = '') {
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...fields }).end(body);
}

async function notify(user, request) {
  const text = [];
  for await (const piece of request) text.push(piece);
  const topic = encodeURIComponent(`user:${user}`);
  const published = await fetch(`${sluice}/publish/${topic}`, {
    method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: Buffer.concat(text),
  });
  return published.status === 202 ? 204 : 502;
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://app');
  const user = userOf(request);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return answer(response, 200, { 'Content-Type': 'text/html; charset=utf-8' }, page);
    case 'POST /login': {
      const session = randomBytes(16).toString('hex');
      sessions.set(session, url.searchParams.get('user') ?? '');
      return answer(response, 204, { 'Set-Cookie': `session=${session}; HttpOnly; SameSite=Lax; Path=/` });
    }
    case 'GET /events':
      if (!user) return answer(response, 401, {}, 'Log in first.\n');
      return answer(response, 200, { 'X-Accel-Redirect': `/internal/events/users/${encodeURIComponent(user)}` });
    case 'POST /notify':
      if (!user) return answer(response, 401, {}, 'Log in first.\n');
      return answer(response, await notify(url.searchParams.get('user') ?? '', request).catch(() => 502));
    default:
      return answer(response, 404, {}, 'There is nothing here.\n');
  }
}).listen(port, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${port}`));
