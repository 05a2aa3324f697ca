// Makes the pictures of docs/images: the views of the page, with the sample note.
import { launch, mention, open, serve } from './charthand.js';

const folder = new URL('../../docs/images/', import.meta.url).pathname;
const [server, browser] = await Promise.all([serve(), launch()]);
const picture = async (name, options, prepare) => {
  const page = await open(browser, server.address, { viewport: { width: 1280, height: 710 }, ...options });
  await prepare(page);
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: `${folder}${name}.png` });
  await page.context().close();
};
const sample = async (page) => {
  await page.click('#sample');
  await page.waitForSelector('.block');
};
for (const colorScheme of ['light', 'dark']) {
  await picture(`page-note-${colorScheme}`, { colorScheme }, async (page) => {
    await sample(page);
    await mention(page, colorScheme === 'light' ? 'Type 2 diabetes mellitus' : 'hemoptysis').hover();
  });
  await picture(`page-resource-${colorScheme}`, { colorScheme }, async (page) => {
    await sample(page);
    const head = page.locator('.resource-head', { hasText: 'Metformin' });
    await head.click();
  });
}
await picture('page-start-light', {}, async () => {});
await picture('page-narrow-light', { viewport: { width: 390, height: 780 } }, async (page) => {
  await sample(page);
  await mention(page, 'Lisinopril').click();
});
await browser.close();
await server.stop();
