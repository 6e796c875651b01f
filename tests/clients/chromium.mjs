// One Chromium with a context of its own for each client in it. Commands come in on standard input, one
// JSON object a line, and what the clients see goes to standard output likewise, until input ends.
//   {client: ID, open: PAGE}                                 tells the page's text whenever it changes
//   {client: ID, adapter: NAME, origin: ORIGIN, target: TARGET, options: {...}, cookies: [...]}
//                                                            runs adapters/NAME.mjs on a page of ORIGIN
//   {client: ID, evaluate: SCRIPT}                           runs it on the page that is open
//   {client: ID, close: true}
import {readFile} from 'node:fs/promises';
import {extname} from 'node:path';
import {createInterface} from 'node:readline';

import {chromium} from 'playwright-core';

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

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

async function serveFile(route) {
  const path = new URL(route.request().url()).pathname;
  if (path === FILES) return route.fulfill({contentType: 'text/html', body: PAGE});
  const file = path.slice(FILES.length) + (extname(path) ? '' : '.js');
  return route.fulfill({contentType: 'text/javascript', body: await readFile(file)});
}

async function runAdapter(page, {adapter, origin, target, options}) {
  await page.route(`${origin}${FILES}**`, serveFile);
  await page.goto(origin + FILES);
  await page.evaluate(async ([folder, name, url, watchOptions]) => {
    const {tellClosed} = await import(`${folder}eventsource-api.mjs`);
    const {watch} = await import(`${folder}${name}.mjs`);
    tellClosed(watch(url, window.tell, watchOptions), window.tell);
  }, [`${FILES}adapters/`, adapter, target, options]);
}

async function showPage(page, url) {
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
    await contexts.get(command.client).pages()[0].evaluate(command.evaluate);
    return;
  }
  const context = await browser.newContext();
  contexts.set(command.client, context);
  if (command.cookies) await context.addCookies(command.cookies);
  const page = await context.newPage();
  page.on('pageerror', (error) => tell({kind: 'pageerror', text: String(error)}));
  await page.exposeFunction('tell', tell);
  await (command.open ? showPage(page, command.open) : runAdapter(page, command));
}

console.log(JSON.stringify({kind: 'ready'}));
for await (const line of createInterface({input: process.stdin})) {
  const command = JSON.parse(line);
  obey(command).catch((error) => console.log(JSON.stringify(
      {client: command.client, kind: 'fault', text: String(error)})));
}
await browser.close();
