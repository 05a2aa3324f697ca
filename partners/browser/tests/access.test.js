// A server that wants to know who asks.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { close, launch, open, serve } from '../charthand.js';

const key = 'an-invented-key-for-tests-0123456789abcdef';
let folder;
let server;
let browser;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'charthand-'));
  await writeFile(join(folder, 'keys'), `tests ${key}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'site.yaml'), `access:\n  keysFile: ${join(folder, 'keys')}\n`);
  [server, browser] = await Promise.all([serve('--config', join(folder, 'site.yaml')), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true });
});

test('the page asks for a key, and keeps it in memory alone', async () => {
  const page = await open(browser, server.address);
  await page.fill('#text', 'Has asthma.');
  await page.click('#read');
  await page.locator('#login').waitFor();
  assert.match(await page.locator('#message').innerText(), /wants to know who asks[\s\S]*a token or an API key is needed/);
  await page.fill('#token', 'wrong');
  await page.keyboard.press('Enter');
  await page.locator('#message', { hasText: 'not valid' }).waitFor();
  await page.fill('#token', key);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.block');
  await page.click('#new');
  await page.click('#read');
  await page.waitForSelector('.block');
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes(key) && !(await page.content()).includes(key));
  assert.equal(await page.inputValue('#token'), '');
  await page.reload();
  await page.fill('#text', 'Has asthma.');
  await page.click('#read');
  await page.locator('#login').waitFor();
  assert.deepEqual(await close(page), []);
});
