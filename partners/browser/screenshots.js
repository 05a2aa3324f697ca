// Makes the pictures of docs/images: the views of the page, with the sample note, and of the app, in a clinic.
import { launch, mention, open, serve } from './charthand.js';
import { sample as note } from '../../server/web/static/sample.js';
import { launchFromEHR, openApp, site } from './smart.js';

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
await server.stop();

const clinic = await site({ settings: ({ iss, clientId }) => `app: {clientId: ${clientId}, fhirServers: ['${iss}']}` });
const patient = await clinic.createPatient('Ines Example');
for (const [date, type, author, text] of [
  ['2024-02-02T09:00:00Z', 'Clinic letter', 'Dr. Kai Muster', 'Dear colleague, she has hypertension and gout. Continue lisinopril 20 mg daily.'],
  ['2024-03-14T20:00:00Z', 'Emergency department note', 'Dr. Bo Writer', note],
  ['2024-03-20T11:00:00Z', 'Discharge summary', 'Dr. Ada Test', 'She had pneumonia. Discharged on amoxicillin 500 mg PO three times daily.'],
]) await clinic.createNote(patient, text, { date, type: { text: type }, author: [{ display: author }] });
for (const colorScheme of ['light', 'dark']) {
  const page = await openApp(browser, clinic, { viewport: { width: 1280, height: 710 }, colorScheme });
  const shoot = (name) => page.screenshot({ path: `${folder}app-${name}-${colorScheme}.png` });
  await launchFromEHR(page, { patient });
  const row = page.locator('.note-row', { hasText: 'Emergency' });
  await row.waitFor();
  if (colorScheme === 'light') await shoot('notes');
  await row.click();
  const item = (words) => page.locator('.resource', { hasText: words }).first();
  if (colorScheme === 'light') {
    for (const words of ['Fever', 'Hypertension']) {
      await item(words).locator('[data-decide=confirm]').click();
      await item(words).locator('.is-confirmed').waitFor();
    }
    await item('cough').locator('[data-decide=reject]').click();
    await page.locator('.choice', { hasText: 'Wrong reading' }).click();
    await item('cough').locator('.is-wrong-reading').waitFor();
    await item('Fever').hover();
    await shoot('note');
  } else {
    await item('Metformin').locator('[data-decide=correct]').click();
    await page.fill('#correct-text', 'Metformin hydrochloride');
    await page.fill('#correct-system', 'http://www.nlm.nih.gov/research/umls/rxnorm');
    await page.fill('#correct-code', '235743');
    await page.keyboard.press('Enter');
    await item('Metformin hydrochloride').locator('.is-corrected').waitFor();
    await page.mouse.move(5, 5);
    await item('Fever').locator('.resource-head').focus();
    await shoot('note');
  }
  await page.context().close();
}
await browser.close();
await clinic.stop();
