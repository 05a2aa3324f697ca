// faults(page) → what axe-core says of the page as it is. It is evaluated, not loaded by the page, which would not let it in.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function faults(page) {
  await page.evaluate(await source);
  return page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
}
