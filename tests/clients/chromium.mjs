// One Chromium with a context of its own for each client in it. Commands come in on standard input, one
// JSON object a line, and what the clients see goes to standard output likewise, until input ends.
//   {client: ID, open: PAGE, context: {...}}                 tells the page's text whenever it changes, and
//                                                            each request, fault and download of the page
//   {client: ID, adapter: NAME, origin: ORIGIN, url: URL, options: {...}, cookies: [...]}
//                                                            runs adapters/NAME.mjs on a page of ORIGIN
//   {client: ID, evaluate: SCRIPT, ticket: N}                runs it on the page that is open, and tells its
//                                                            value with the ticket
//   {client: ID, close: true}
import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import {extname} from 'node:path';
import {createInterface} from 'node:readline';

import {chromium} from 'playwright-core';

import {OPTIONS} from './browser.mjs';

const browser = await chromium.launch(OPTIONS);

// Modules from the packages as they were published, without a bundler.
const FILES = '/client-files/';
const modules = (path) => `${FILES}node_modules/${path}`;
const PAGE = `<!doctype html><title>client</title><script type="importmap">${JSON.stringify({
  imports: {
    '@microsoft/fetch-event-source': modules('@microsoft/fetch-event-source/lib/esm/index.js'),
    'event-source-polyfill': modules('event-source-polyfill/src/eventsource.js'),
    'reconnecting-eventsource':
        modules('reconnecting-eventsource/build/esm/reconnecting-eventsource.js'),
  },
})}</script>`;

async function fileOf(path) {
  if (path === FILES) return {contentType: 'text/html', body: PAGE};
  const file = path.slice(FILES.length) + (extname(path) ? '' : '.js');
  return {contentType: 'text/javascript', body: await readFile(file)};
}

const serveRoute = async (route) =>
  route.fulfill(await fileOf(new URL(route.request().url()).pathname));

// An origin of its own, for pages that are not of the gateway's. A page that only a route has made counts
// as one of the public network, which Chromium lets reach nothing on this machine.
const server = createServer(async (request, response) => {
  if (!request.url.startsWith(FILES)) return response.writeHead(404).end();  // a browser wants an icon
  const {contentType, body} = await fileOf(request.url);
  response.writeHead(200, {'Content-Type': contentType}).end(body);
}).listen(0, '127.0.0.1');
await once(server, 'listening');

async function runAdapter(page, {adapter, origin, url, options}) {
  const files = `${origin}${FILES}`;
  if (new URL(url).origin === origin) await page.route(`${files}**`, serveRoute);
  await page.goto(files);
  await page.evaluate(async ([folder, name]) => {
    const {tellClosed} = await import(`${folder}eventsource-api.mjs`);
    const {watch} = await import(`${folder}${name}.mjs`);
    window.start = (...stream) => tellClosed(watch(...stream), window.tell);
  }, [`${FILES}adapters/`, adapter]);
  // While a page has a route, Playwright answers its preflights.
  await page.unrouteAll();
  await page.evaluate(([target, watchOptions]) => window.start(target, window.tell, watchOptions),
      [url, options]);
}

async function showPage(page, url, tell) {
  page.on('request', (request) => tell({kind: 'request', url: request.url()}));
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (violation) =>
    window.tell({kind: 'violation', text: `${violation.violatedDirective} ${violation.blockedURI}`})));
  await page.goto(url);
  await page.evaluate(() => {
    const say = () => window.tell({kind: 'text', text: document.body.innerText});
    new MutationObserver(say).observe(document.body,
        {subtree: true, childList: true, characterData: true});
    say();
  });
}

const contexts = new Map();

async function obey(command) {
  const tell = (line) => console.log(JSON.stringify({client: command.client, ...line}));
  if (command.close) {
    const context = contexts.get(command.client);
    contexts.delete(command.client);
    await context?.close();
    tell({kind: 'gone'});
    return;
  }
  if (command.evaluate) {
    const value = await contexts.get(command.client).pages()[0].evaluate(command.evaluate);
    tell({kind: 'value', ticket: command.ticket, value});
    return;
  }
  const context = await browser.newContext(command.context);
  contexts.set(command.client, context);
  if (command.cookies) await context.addCookies(command.cookies);
  const page = await context.newPage();
  page.on('pageerror', (error) => tell({kind: 'pageerror', text: String(error)}));
  page.on('requestfailed', () => tell({kind: 'requestfailed'}));
  page.on('download', async (download) => tell(
      {kind: 'download', name: download.suggestedFilename(), path: await download.path().catch(() => null)}));
  await page.exposeFunction('tell', tell);
  await (command.open ? showPage(page, command.open, tell) : runAdapter(page, command));
}

console.log(JSON.stringify({kind: 'ready', origin: `http://127.0.0.1:${server.address().port}`}));
for await (const line of createInterface({input: process.stdin})) {
  const command = JSON.parse(line);
  obey(command).catch((error) => console.log(JSON.stringify(
      {client: command.client, kind: 'fault', text: String(error)})));
}
server.close();
await browser.close();
