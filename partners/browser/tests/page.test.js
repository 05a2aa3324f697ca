// A reader at the page: pastes, drops, looks, filters, copies; with the pointer and with the keyboard alone.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { faults } from '../axe.js';
import { close, drop, fixture, launch, mention, open, paste, serve } from '../charthand.js';

let server;
let browser;
let page;
before(async () => {
  [server, browser] = await Promise.all([serve(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
afterEach(async () => {
  assert.deepEqual(await close(page), []);
});

const start = async (options) => (page = await open(browser, server.address, options));
const admission = () => fixture('notes/admission-allergies-family.txt').then(String);
const shown = () => page.locator('.note').evaluate((note) => note.textContent);

test('a pasted note is shown as it is, its mentions with their states', async () => {
  await start();
  const note = await admission();
  await paste(page, note);
  assert.equal(await shown(), note);
  const label = (words, nth) => mention(page, words, nth).getAttribute('aria-label');
  assert.match(await label('hemoptysis'), /^hemoptysis, Sign symptom, denied, score 0\.\d\d$/);
  assert.match(await label('Deep vein thrombosis'), /, over or stopped, score/);
  assert.match(await label('wheezing'), /, only if, score/);
  assert.match(await label('Pulmonary embolism'), /, ruled out, score/);
  const style = (words, name) => mention(page, words).evaluate((e, property) => getComputedStyle(e)[property], name);
  assert.equal(await style('hemoptysis', 'textDecorationLine'), 'line-through');
  assert.equal(await style('Lisinopril', 'textDecorationStyle'), 'double');
  assert.notEqual(await style('Lisinopril', 'textDecorationColor'), await style('Hypertension', 'textDecorationColor'));
  assert.equal(await page.locator('.entity.is-family').first().getAttribute('data-mark'), 'mother');
  assert.equal(await mention(page, 'wheezing').getAttribute('data-mark'), 'if');
});

test('the outline leads to a section', async () => {
  await start();
  await paste(page, await admission());
  await page.locator('.outline button', { hasText: 'assessment and plan' }).click();
  await page.waitForFunction(() => {
    const heading = [...document.querySelectorAll('.heading')].find((h) => h.textContent.startsWith('ASSESSMENT'));
    const { top, bottom } = heading.getBoundingClientRect();
    return top > 0 && bottom < innerHeight;
  });
});

test('pointing at words lights up the resource, and the other way round', async () => {
  await start();
  await paste(page, await admission());
  await mention(page, 'Osteoarthritis').hover();
  assert.deepEqual(await page.locator('.resource.lit .resource-title').allTextContents(), ['Osteoarthritis']);
  assert.match(await page.locator('.card').innerText(), /Disease disorder\s+0\.\d\d\s+Osteoarthritis[\s\S]*PAST MEDICAL HISTORY[\s\S]*Condition/);
  await page.locator('.resource', { hasText: 'Hypertension' }).first().hover();
  assert.deepEqual(await page.locator('.resource.lit').count(), 0);
  const lit = await page.locator('.entity.lit').allTextContents();
  assert.ok(lit.length >= 2 && lit.every((words) => words === 'Hypertension'), lit.join());
  assert.ok(await page.locator('.card').isHidden());
});

test('the card says why', async () => {
  await start();
  await paste(page, await admission());
  await mention(page, 'hemoptysis').hover();
  assert.match(await page.locator('.card').innerText(), /denied\s[\s\S]*denies denies[\s\S]*no resource/);
  assert.equal(await page.evaluate(() => [...CSS.highlights.get('cue')].map(String).join()), 'denies');
  await mention(page, 'Metformin').click();
  assert.match(await page.locator('.card').innerText(), /Dosage\s+1000 mg by mouth twice daily with meals/);
  await page.locator('.card button', { hasText: '1000 mg' }).click();
  assert.match(await page.locator('.card').innerText(), /Dosage[\s\S]*Says more of\s+Metformin/);
  await page.locator('.card button', { hasText: 'Metformin' }).first().click();
  await page.locator('.row', { hasText: 'Evidence for' }).getByRole('button').first().click();
  assert.equal(await page.evaluate(() => document.activeElement.querySelector('.resource-title').textContent), 'Metformin');
  assert.match(await page.locator('.resource:has(:focus) .json').innerText(), /"resourceType": "MedicationStatement"/);
});

test('mentions that nest and cross are all there', async () => {
  const text = 'acute right lower lobe pneumonia with sepsis.';
  const found = (label, words) => ({ label, start: text.indexOf(words), end: text.indexOf(words) + words.length, text: words, score: 0.9, group: 0 });
  const annotation = { text, entities: [found('Disease_disorder', 'acute right lower lobe pneumonia'), found('Biological_structure', 'right lower lobe'), found('Disease_disorder', 'pneumonia with sepsis')], relations: [], groups: [] };
  const answer = (value) => (route) => route.fulfill({ contentType: 'application/fhir+json', body: JSON.stringify(value) });
  await start({ answers: { annotate: answer(annotation), extract: answer({ resourceType: 'Parameters' }) } });
  await paste(page, text);
  assert.equal(await shown(), text);
  const labels = [];
  await page.locator('.entity').first().focus();
  for (let i = 0; i < 3; i++) {
    labels.push(await page.evaluate(() => document.activeElement.getAttribute('aria-label')));
    await page.keyboard.press('ArrowRight');
  }
  assert.deepEqual(labels, ['acute right lower lobe pneumonia, Disease disorder, score 0.90', 'right lower lobe, Biological structure, score 0.90', 'pneumonia with sepsis, Disease disorder, score 0.90']);
  assert.match(await page.locator('.card').innerText(), /Overlaps\s+acute right lower lobe pneumonia/);
  assert.deepEqual(await page.locator('.entity.lit').allTextContents(), ['pneumonia', ' with sepsis']);
});

test('the keyboard alone is enough', async () => {
  await start();
  await page.focus('#text');
  await page.keyboard.insertText('She denies chest pain. Has asthma. Takes aspirin 81 mg PO daily.');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('.block');
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent);
  assert.equal(await focused(), 'Pasted note');
  const tabTo = async (matches, what) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(matches)) return;
    }
    assert.fail(`Tab does not lead to ${what}`);
  };
  await tabTo(() => document.activeElement.matches('.filters input[type=range]'), 'the score');
  await tabTo(() => document.activeElement.matches('.entity'), 'the note');
  const first = await focused();
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await focused(), first);
  while (!/^asthma/.test(await focused())) await page.keyboard.press('ArrowRight');
  assert.ok(await page.locator('.card').isVisible(), 'the focus shows what the pointer shows');
  await page.keyboard.press('Escape');
  assert.ok(await page.locator('.card').isHidden());
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('.card').getAttribute('role'), 'dialog');
  assert.equal(await focused(), 'Close');
  await page.keyboard.press('Escape');
  assert.match(await focused(), /^asthma, Disease disorder/);
  await page.keyboard.press('End');
  const last = await focused();
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), last);
  await tabTo(() => document.activeElement.matches('[role=tab]'), 'the tabs');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getAttribute('[role=tab]:focus', 'aria-selected'), 'true');
  assert.ok(await page.locator('#panel-bundle').isVisible());
  await page.keyboard.press('ArrowLeft');
  await tabTo(() => document.activeElement.matches('.resource-head'), 'the resources');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await page.getAttribute('.resource-head:focus', 'aria-expanded'), 'true');
});

test('filters leave what is asked for', async () => {
  await start();
  await paste(page, await admission());
  const all = await page.locator('.entity[role]').count();
  const drugs = await page.locator('.entity.kind-drug[role]').count();
  await page.locator('.filters button', { hasText: 'None' }).click();
  assert.equal(await page.locator('.entity[role]').count(), 0);
  await page.locator('.filters label', { hasText: 'Medication' }).locator('input').check();
  assert.equal(await page.locator('.entity[role]').count(), drugs);
  assert.deepEqual([...new Set(await page.locator('.resource:visible:not([data-type=Device], [data-type=Provenance])').evaluateAll((list) => list.map((r) => r.dataset.type)))].sort(), ['AllergyIntolerance', 'MedicationStatement']);
  assert.match(await page.locator('.reading > [role=status]').textContent(), new RegExp(`^${drugs} of ${all} mentions are shown$`));
  await page.locator('.filters button', { hasText: 'All' }).click();
  await page.locator('#least-score').fill('0.9');
  const scores = await page.locator('.entity[role]').evaluateAll((list) => list.map((e) => Number(e.getAttribute('aria-label').match(/score (\S+)$/)[1])));
  assert.ok(scores.length > 0 && scores.length < all && scores.every((s) => s >= 0.9));
  await page.locator('#least-score').fill('0');
  await page.locator('.used input').check();
  const used = await page.locator('.entity[role]').count();
  assert.ok(used > 0 && used < all);
  assert.ok(await mention(page, 'hemoptysis').getAttribute('role') === null, 'what is denied makes no resource');
});

test('the Bundle is copied and downloaded as the server wrote it', async () => {
  let answered;
  await start({ permissions: ['clipboard-read', 'clipboard-write'], answers: { extract: async (route) => {
    const response = await route.fetch();
    answered = JSON.parse(await response.text()).parameter.find((p) => p.name === 'return').resource;
    await route.fulfill({ response });
  } } });
  await paste(page, await admission());
  await page.click('#tab-bundle');
  assert.deepEqual(JSON.parse(await page.locator('.bundle-text').evaluate((e) => e.textContent)), answered);
  await page.locator('.bundle-actions button', { hasText: 'Copy' }).click();
  await page.locator('.bundle-actions button', { hasText: 'Copied' }).waitFor();
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), answered);
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.bundle-actions button', { hasText: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'bundle.json');
  assert.deepEqual(JSON.parse(await readFile(await download.path(), 'utf8')), answered);
});

for (const [name, type, words, place] of [
  ['attachments/table.pdf', 'application/pdf', 'chronic kidney disease', /page 1/],
  ['attachments/visit-summary.html', 'text/html', 'paroxysmal atrial fibrillation', /\/html/],
  ['attachments/progress-word.rtf', '', null],
  ['attachments/referral.xml', 'text/xml', null, /ClinicalDocument/],
  ['attachments/unstructured-rtf.xml', 'text/xml', null],
  ['notes/consult-neurology-umlaut.txt', 'text/plain', null],
  ['documents/progress-diabetes.json', 'application/json', 'Diabetic neuropathy'],
]) {
  test(`a dropped file is read: ${name}`, async () => {
    await start();
    const file = name.split('/').at(-1);
    await drop(page, file, type, await fixture(name));
    await page.waitForSelector('.block', { timeout: 60_000 }); // PDFium may still be compiled
    assert.equal(await page.locator('.reading-title').textContent(), file);
    const text = await shown();
    if (name.startsWith('notes/')) assert.equal(text, String(await fixture(name)));
    if (words) assert.match(text, new RegExp(words));
    // The evidence of a resource is where its words stand, whatever the original was.
    const heads = page.locator('.resource[data-type=Condition] .resource-head');
    assert.ok(await heads.count() > 0);
    const title = await heads.first().locator('.resource-title').textContent();
    await heads.first().focus();
    const lit = await page.evaluate(() => [...CSS.highlights.get('evidence')].map((range) => String(range).replace(/\s+/g, ' ')));
    assert.ok(lit.includes(title), `${title} is not among ${lit}`);
    if (place) {
      await heads.first().click();
      assert.match(await page.locator('.places small').first().textContent(), place);
    }
  });
}

test('a file is opened with the button, too', async () => {
  await start();
  await page.setInputFiles('#file', { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('😀😀 She has asthma.') });
  await page.waitForSelector('.block');
  assert.equal(await shown(), '😀😀 She has asthma.');
  assert.match(await mention(page, 'asthma').getAttribute('aria-label'), /^asthma, Disease disorder, /);
  await page.click('#new');
  assert.ok(await page.locator('#text').isVisible());
});

test('what is refused is said plainly', async () => {
  await start();
  await page.click('#read');
  assert.equal(await page.locator('#message').innerText(), 'This cannot be read\nerror\nThere is no text yet: paste a note, open a file, or try the sample.');
  await drop(page, 'scan.pdf', 'application/pdf', await fixture('attachments/scanned.pdf'));
  await page.locator('#message', { hasText: 'no text layer' }).waitFor({ timeout: 60_000 });
  assert.match(await page.locator('#message').innerText(), /This cannot be read[\s\S]*no text layer/);
  await drop(page, 'a.json', 'application/json', Buffer.from('{"resourceType":"Patient"}'));
  await page.locator('#message', { hasText: 'found Patient' }).waitFor();
  await drop(page, 'long.txt', 'text/plain', Buffer.alloc(9 << 20, 'Has asthma. '));
  await page.locator('#message', { hasText: 'the body is larger than 10485760 bytes' }).waitFor();
});

test('a note that speaks no more is shown, and why it makes no resources', async () => {
  await start();
  const withdrawn = JSON.parse(await fixture('documents/progress-diabetes.json'));
  withdrawn.status = 'entered-in-error';
  await paste(page, JSON.stringify(withdrawn));
  assert.match(await page.locator('#panel-resources').innerText(), /This cannot be read[\s\S]*the document is entered-in-error/);
});

test('busy: it offers to try again', async () => {
  let asked = 0;
  const busy = { status: 429, headers: { 'Retry-After': '7' }, contentType: 'application/fhir+json', body: '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled","diagnostics":"busy"}]}' };
  await start({ answers: { annotate: (route) => (asked++ === 0 ? route.fulfill(busy) : route.continue()) } });
  await page.fill('#text', 'Has asthma.');
  await page.click('#read');
  await page.locator('#message', { hasText: 'The server is busy' }).waitFor();
  assert.match(await page.locator('#message').innerText(), /wait for 7 s/);
  await page.locator('#message button').click();
  await page.waitForSelector('.block');
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds no serious fault: ${colorScheme}`, async () => {
    await start({ colorScheme });
    const check = async (what) => {
      const { violations } = await faults(page);
      const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
      assert.deepEqual(grave.map((v) => `${what}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.failureSummary}`).join(' | ')}`), []);
    };
    await check('start');
    await page.click('#read');
    await check('message');
    await page.click('#sample');
    await page.waitForSelector('.block');
    await page.mouse.move(0, 0);
    await check('note');
    await mention(page, 'Metformin').click();
    await check('card');
    await page.keyboard.press('Escape');
    await page.locator('.resource-head').nth(2).click();
    await check('resource');
    for (const tab of ['bundle', 'outcome']) {
      await page.click(`#tab-${tab}`);
      await check(tab);
    }
  });
}

test('light and dark: what the system says, until something else is chosen', async () => {
  await start({ colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.click('#theme');
  assert.notEqual(await ground(), dark);
  await page.reload();
  assert.notEqual(await ground(), dark);
  assert.equal(await page.getAttribute('#theme', 'aria-pressed'), 'false');
});

test('on a narrow screen nothing is cut off', async () => {
  await start({ viewport: { width: 390, height: 844 } });
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(await wide(), 390);
  await paste(page, await admission());
  assert.equal(await wide(), 390);
  await page.locator('.panes [data-pane=result]').click();
  await page.locator('.resource-head').nth(1).click();
  assert.ok(await page.locator('.note').isHidden());
  assert.equal(await wide(), 390);
  await page.click('#tab-bundle');
  assert.equal(await wide(), 390);
});
