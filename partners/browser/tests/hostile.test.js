// What looks like markup is text, wherever it comes from; the policy stays on; nothing is asked of anybody else.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { close, command, drop, launch, mention, open, paste, serve, settle } from '../charthand.js';

const script = '<script>alert(1)</script>';
const image = '<img src=x onerror=alert(2)>';
const link = '<a href="javascript:alert(3)">click</a>';
const hostile = [script, image, link, '"><svg onload=alert(4)>', 'javascript:alert(5)', '{{7*7}}', '</textarea></title>'];

let folder;
let server;
let browser;
let page;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'charthand-'));
  await writeFile(join(folder, 'names.tsv'), `term\tcode\tdisplay\nasthma\t${image}\t${script} ${link}\n`);
  await command('terminology', 'import', 'tsv', join(folder, 'names.tsv'), '--system', 'http://example.org/codes', '--of', 'problem', '--data', folder);
  [server, browser] = await Promise.all([serve('--data', folder), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  assert.deepEqual(await close(page), []);
});

// What the page has made beside its own: elements that nobody here makes, and addresses that do something.
const foreign = () => page.evaluate(() => [...document.querySelectorAll('main :is(script, img, svg, iframe, object, embed, style, a[href]), [onerror], [onload], [href^="javascript:" i]')].map((e) => e.outerHTML));

test('in a note', async () => {
  page = await open(browser, server.address);
  const note = `She has asthma ${hostile.join(' ')}. Takes ${image} aspirin.\n`;
  await paste(page, note);
  assert.equal(await page.locator('.note').evaluate((e) => e.textContent), note);
  assert.deepEqual(await foreign(), []);
  for (const index of [0, 1]) await page.locator('.entity').nth(index).hover();
  for (const tab of ['bundle', 'outcome']) await page.click(`#tab-${tab}`);
  assert.deepEqual(await foreign(), []);
});

test('in a file name, and in a file', async () => {
  page = await open(browser, server.address);
  const name = `${image}${script}.txt`;
  await drop(page, name, 'text/plain', Buffer.from(`Has asthma. ${hostile.join('\n')}`));
  await page.waitForSelector('.block');
  assert.equal(await page.locator('.reading-title').textContent(), name);
  assert.deepEqual(await foreign(), []);
  await page.click('#new');
  await drop(page, `${script}.html`, 'text/html', Buffer.from(`<p>Has asthma.${hostile.join('')}</p>`));
  await page.locator('.reading-title', { hasText: '.html' }).waitFor();
  assert.deepEqual(await foreign(), []);
});

test('in a code system', async () => {
  page = await open(browser, server.address);
  await paste(page, 'She has asthma.');
  await mention(page, 'asthma').click();
  assert.deepEqual(await page.locator('.codes tbody td').allTextContents().then((cells) => cells.slice(1, 3)), [image, `${script} ${link}`]);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.resource .chip').first().textContent(), image);
  await page.locator('.resource-head', { hasText: 'asthma' }).click();
  assert.ok((await page.locator('.codings').innerText()).includes(link));
  await page.click('#tab-bundle');
  assert.deepEqual(await foreign(), []);
});

test('in codes, displays, labels, rules and what the server says', async () => {
  const [x, y] = hostile;
  const all = hostile.join(' ');
  const text = 'Has asthma.';
  const annotation = {
    text,
    sections: [{ start: 0, end: 11, heading: { start: 0, end: 3 }, code: y }],
    entities: [{ label: all, start: 4, end: 10, text: 'asthma', score: 0.9, group: 0, normal: x, experiencer: y, negated: true, cues: [{ start: 0, end: 3, rule: all }],
      value: { valueString: y, interpretation: [{ text: x }] }, sig: { dosage: [{ text: y }] }, date: { dateTime: x },
      codings: [{ system: all, code: link, display: all, score: 0.5 }] }],
    relations: [{ kind: x, from: 0, to: 0 }], groups: [[0]], coverage: { characters: 11, read: 11 },
  };
  const concept = { text: all, coding: [{ system: 'javascript:alert(6)', code: link, display: image }] };
  const resource = { resourceType: 'Condition', code: concept, bodySite: [{ text: x }], severity: { text: y }, onsetString: link, clinicalStatus: concept,
    text: { status: 'generated', div: `<div>${all}</div>` },
    extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/derivation-reference', extension: [{ url: 'offset', valueInteger: 4 }, { url: 'length', valueInteger: 6 }] }] };
  const parameters = { resourceType: 'Parameters', parameter: [
    { name: 'return', resource: { resourceType: 'Bundle', type: 'transaction', entry: [{ resource, request: { method: image, url: 'Condition' } }, { resource: { resourceType: image, code: concept } }] } },
    { name: 'outcome', resource: { resourceType: 'OperationOutcome', issue: [{ severity: image, code: 'x', diagnostics: all, expression: [script] }] } }] };
  const json = (value) => (route) => route.fulfill({ contentType: 'application/fhir+json', body: JSON.stringify(value) });
  page = await open(browser, server.address, { answers: { annotate: json(annotation), extract: json(parameters) } });
  await paste(page, text);
  await page.locator('.entity').first().click();
  assert.match(await page.locator('.card').innerText(), /<img src=x onerror=alert\(2\)>/);
  assert.ok((await page.locator('.codes').innerText()).includes(link));
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.resource-title').first().textContent(), all);
  for (const index of [0, 1]) await page.locator('.resource-head').nth(index).click();
  for (const tab of ['bundle', 'outcome']) {
    await page.click(`#tab-${tab}`);
    assert.ok((await page.locator(`#panel-${tab}`).textContent()).includes(image));
  }
  assert.deepEqual(await foreign(), []);
});

test('in what a refusal says', async () => {
  page = await open(browser, server.address, { answers: { annotate: (route) => route.fulfill({ status: 422, contentType: 'application/fhir+json', body: JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', diagnostics: hostile.join(' ') }] }) }) } });
  await page.fill('#text', 'Has asthma.');
  await page.click('#read');
  await page.locator('#message', { hasText: image }).waitFor();
  assert.deepEqual(await foreign(), []);
});

test('the policy is on: what would run markup or scripts is refused', async () => {
  page = await open(browser, server.address);
  const refused = await page.evaluate(async (markup) => {
    const tried = {};
    try {
      document.body.innerHTML = markup;
      tried.markup = 'taken';
    } catch (error) {
      tried.markup = error.name;
    }
    const inline = document.createElement('script');
    try {
      inline.textContent = 'globalThis.ran = true';
      document.body.append(inline);
      tried.inline = String(globalThis.ran);
    } catch (error) {
      tried.inline = error.name;
    }
    const styled = document.createElement('p');
    styled.setAttribute('style', 'color: red');
    tried.style = styled.style.color;
    tried.elsewhere = await fetch('https://elsewhere.invalid/').then(() => 'asked', () => 'refused');
    return tried;
  }, image);
  assert.deepEqual(refused, { markup: 'TypeError', inline: refused.inline, style: '', elsewhere: 'refused' });
  assert.ok(['TypeError', 'undefined'].includes(refused.inline), refused.inline);
  await settle(page);
  const directives = new Set(page.faults.map((fault) => fault.split(' ')[1]));
  for (const directive of ['require-trusted-types-for', 'style-src-attr', 'connect-src']) assert.ok(directives.has(directive), `no breach of ${directive} in ${[...directives]}`);
  page.faults = page.faults.filter((fault) => !fault.startsWith('policy:'));
});
