// Pictures of both pages for the documentation: node screenshots.mjs STATUS-URL DEMO-URL FOLDER. Sends a
// line of chat, waits for the numbers, and writes the files that docs/ refers to.
import {join} from 'node:path';

import {chromium} from 'playwright-core';

import {OPTIONS} from './browser.mjs';

const [status, demo, folder] = process.argv.slice(2);
const browser = await chromium.launch(OPTIONS);

async function picture(name, url, {scheme = 'light', width = 1060, height = 800, prepare = async () => {}} = {}) {
  const context = await browser.newContext({colorScheme: scheme, viewport: {width, height}});
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById('state').textContent === 'open');
  await page.waitForFunction(() => document.querySelector('.line').getAttribute('d')?.length > 100);
  await page.waitForFunction(() => document.querySelector('.value').textContent !== '–');
  await prepare(page);
  await page.screenshot({path: join(folder, name)});
  await context.close();
}

const say = async (page, name, text) => {
  await page.fill('.topic[data-topic=chat] .name', name);
  await page.fill('.topic[data-topic=chat] input[required]', text);
  await page.click('.topic[data-topic=chat] form button');
  await page.waitForFunction((said) => document.querySelector('.topic[data-topic=chat] ol').innerText.includes(said), text);
};

// The card is at the top.
const scrollTo = (page, card) => page.evaluate((id) => {
  window.scrollTo(0, document.getElementById(id).getBoundingClientRect().top + window.scrollY - 12);
}, card);

await picture('status-light.png', status, {height: 970});
await picture('status-dark.png', status, {scheme: 'dark', height: 970, prepare: (page) => scrollTo(page, 'served')});
await picture('status-phone.png', status, {width: 390, height: 844, prepare: (page) => scrollTo(page, 'proxied')});
await picture('demo.png', demo, {
  height: 690,
  prepare: async (page) => {
    await page.click('.topic[data-topic=news] button.plain');
    await say(page, 'Ada', 'does this come in at your end?');
    await say(page, 'Grace', 'yes, at once');
    await say(page, 'Ada', 'and after a restart of the gateway?');
    await say(page, 'Grace', 'also. It says reconnecting, then open');
    await page.fill('.topic[data-topic=chat] .name', 'Ada');
    await page.evaluate(() => {
      document.activeElement.blur();
      scrollTo(0, 0);
    });
  },
});
await browser.close();
