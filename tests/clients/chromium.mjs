// Chromium on a page: node chromium.mjs PAGE [STREAM]. With STREAM it opens an EventSource there, from
// the page's own origin, and prints what it sees, one JSON object a line; without, it prints the
// page's text whenever that changes. Until it is killed, or its standard input ends.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {chromium} from 'playwright-core';

import {watch} from './watch.mjs';

const [page_url, stream] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
process.stdin.resume();
process.stdin.on('end', async () => {
  await browser.close();
  rmSync(profile, {recursive: true, force: true});
  process.exit(0);
});

const page = browser.pages()[0];
const tell = (line) => console.log(JSON.stringify(line));
page.on('pageerror', (error) => tell({kind: 'pageerror', text: String(error)}));
page.on('request', (request) => {
  if (request.resourceType() === 'eventsource') {
    request.allHeaders().then((headers) => tell(
        {kind: 'request', lastEventId: headers['last-event-id'] ?? null}), () => {});
  }
});
await page.exposeFunction('tell', tell);
await page.goto(page_url);
if (stream) {
  await page.evaluate(`(${watch})(EventSource, ${JSON.stringify(stream)}, tell)`);
} else {
  await page.evaluate(() => {
    const say = () => tell({kind: 'text', text: document.body.innerText});
    new MutationObserver(say).observe(document.body,
        {subtree: true, childList: true, characterData: true});
    say();
  });
}
