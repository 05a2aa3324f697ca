// Starts bin/charthand serve on a free port, and drives a Chromium that asks nobody but it.
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const root = new URL('../../', import.meta.url);
export const fixture = (path) => readFile(new URL(`fixtures/${path}`, root));

const binary = new URL('bin/charthand', root).pathname;

// command(…words) runs a command to its end.
export const command = (...words) => promisify(execFile)(binary, words);

// serve(…flags) → { address, stop() }
export async function serve(...flags) {
  const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (data) => {
      said += data;
      const found = said.match(/serves on (http:\S+);/);
      if (found) resolve(found[1]);
    });
    child.once('error', reject);
    ended.then((code) => reject(new Error(`charthand ended with ${code}: ${said}`)));
  });
  return {
    address,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

// A new empty profile each time; nothing that asks the network of its own accord; no sandbox, which needs privileges that containers lack.
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const launch = () => chromium.launch({ executablePath: process.env.CHARTHAND_CHROMIUM ?? '/usr/bin/chromium', args: flags });

// open(browser, address, options) → a page at / (an empty one with start: false), which has kept what went wrong in page.faults: breaches of the policy, errors, requests to
// elsewhere than the address and the origins of options.also. The answers of the API can be replaced with options.answers: { annotate, extract }, each (route) => ….
export async function open(browser, address, { answers = {}, permissions = [], start = true, also = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, colorScheme: 'light', ...options });
  await context.grantPermissions(permissions, { origin: address });
  const page = await context.newPage();
  page.faults = [];
  await page.exposeBinding('breach', (_, what) => page.faults.push(what));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) => globalThis.breach(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
  page.on('pageerror', (error) => page.faults.push(`error: ${error.stack}`));
  page.on('dialog', (dialog) => {
    page.faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (![address, ...also].some((origin) => request.url().startsWith(`${origin}/`)) && !request.url().startsWith(`blob:${address}`)) page.faults.push(`elsewhere: ${request.url()}`);
  });
  if (answers.annotate) await page.route('**/api/annotate', answers.annotate);
  if (answers.extract) await page.route('**/$extract*', answers.extract);
  if (start) await page.goto(`${address}/`);
  return page;
}

// settle(page) waits until the page has told of all breaches so far.
export const settle = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 20))));

// close(page) closes it, and gives its faults.
export async function close(page) {
  await settle(page);
  await page.context().close();
  return page.faults;
}

// paste(page, text) reads a text, and waits until it is shown.
export async function paste(page, text) {
  await page.fill('#text', text);
  await page.click('#read');
  await page.waitForSelector('.block');
}

// drop(page, name, type, bytes) drops a file on the page.
export async function drop(page, name, type, bytes) {
  const transfer = await page.evaluateHandle(([fileName, fileType, base64]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName, { type: fileType }));
    return data;
  }, [name, type, bytes.toString('base64')]);
  for (const event of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('body', event, { dataTransfer: transfer });
}

// mention(page, words, nth) → the element of a mention.
export const mention = (page, words, nth = 0) => page.locator('.entity', { hasText: new RegExp(`^${words}$`) }).nth(nth);
