// A reviewer at the SMART app, in a clinic: a real FHIR server and a strict authorisation server (smart.js).
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { faults } from '../axe.js';
import { close, launch, open, serve, settle } from '../charthand.js';
import { launchFromEHR, launchStandalone, openApp, site } from '../smart.js';

const text = `HISTORY: Severe asthma. She denies chest pain. Possible pneumonia. Has gout and migraine. Pulmonary embolism was ruled out.
ALLERGIES: Penicillin (hives).
MEDICATIONS: Lisinopril 20 mg PO once daily. Metformin 1000 mg PO twice daily.
FAMILY HISTORY: Mother with breast cancer at 52.
PAST SURGICAL HISTORY: Appendectomy in 2011.
DATA: Hemoglobin 9.0 g/dL on 03/14/2024.
`;
const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const about = { date: '2024-03-14T10:00:00Z', type: { text: 'Admission note' }, author: [{ display: 'Dr. Bo Writer' }] };

let s;
let browser;
let page;
before(async () => {
  [s, browser] = await Promise.all([site({ settings: ({ iss, clientId }) => `app: {clientId: ${clientId}, fhirServers: ['${iss}']}` }), launch()]);
});
after(async () => {
  await browser?.close();
  await s?.stop();
});
afterEach(async () => {
  await s.control({ approve: true, patient: '', scopes: '', refuse: '', delay: 0, tokenLife: 3600 });
  if (page) assert.deepEqual(await close(page), []);
  page = undefined;
});

const item = (words) => page.locator('.resource', { has: page.locator('.resource-title', { hasText: new RegExp(`^${words}$`, 'i') }) }).first();
const button = (words, what) => item(words).locator(`[data-decide=${what}]`);
const state = (words) => item(words).locator('.review').getAttribute('class').then((c) => c.match(/is-(\S+)/)[1]);
const decided = (words, what) => item(words).locator(`.is-${what}`).waitFor();
const row = (words) => page.locator('.note-row', { hasText: words });
const codeOf = (concept) => concept?.coding?.[0]?.code;
const focused = () => page.evaluate(() => document.activeElement.querySelector('.resource-title')?.textContent);

// A patient with a note, the app launched there; open also opens the note.
async function atNote({ words = text, more = {}, opened = true, ...options } = {}) {
  const patient = await s.createPatient('Ines Example');
  const note = await s.createNote(patient, words, { ...about, ...more });
  page = await openApp(browser, s, options);
  await launchFromEHR(page, { patient });
  if (opened) {
    await row('Admission note').click();
    await page.locator('.review').first().waitFor({ state: 'attached' });
  }
  const fact = async (name) => (await s.facts(patient)).find((f) => s.words(f).toLowerCase() === name.toLowerCase());
  return { patient, note, fact };
}

test('decisions are on the server as the contract has them, and shown so after a reload', async () => {
  const { patient, note, fact } = await atNote({ opened: false });
  await row('Admission note').waitFor();
  assert.match(await row('Admission note').innerText(), /2024-03-14 · Dr. Bo Writer\s+\d+ to review/);
  assert.equal(await page.locator('#patient').innerText(), 'Ines Example');
  const before = Object.fromEntries((await s.facts(patient)).map((f) => [f.id, f]));
  await row('Admission note').click();
  assert.equal(await page.locator('.note').evaluate((e) => e.textContent), text);
  const evidence = await fact('asthma');

  await button('asthma', 'confirm').click();
  await decided('asthma', 'confirmed');
  await button('Lisinopril', 'confirm').click();
  await decided('Lisinopril', 'confirmed');
  await button('Hemoglobin', 'confirm').click();
  await decided('Hemoglobin', 'confirmed');
  await button('Metformin', 'correct').click();
  await page.fill('#correct-text', 'Metformin XR');
  await page.fill('#correct-code', '860975');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#correct-system').evaluate((e) => e.validationMessage), 'A code needs its system.');
  await page.fill('#correct-system', 'http://www.nlm.nih.gov/research/umls/rxnorm');
  await page.fill('#correct-display', '24 HR metformin');
  await page.getByRole('button', { name: 'Save and confirm' }).click();
  await decided('Metformin XR', 'corrected');
  assert.equal(await focused(), 'Metformin XR');
  await button('gout', 'reject').click();
  await page.locator('.choice', { hasText: 'Wrong reading' }).click();
  await decided('gout', 'wrong-reading');
  for (const words of ['migraine', 'Penicillin']) {
    await button(words, 'reject').click();
    await page.locator('.choice', { hasText: 'Ruled out' }).click();
    await decided(words, 'ruled-out');
  }
  await page.getByRole('button', { name: 'Confirm all…' }).click();
  assert.match(await page.locator('.dialog').innerText(), /\d+ facts will be confirmed in your name\.\s+1 uncertain one is left out/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Reject all…' }).click();
  const number = Number((await page.locator('.dialog strong').innerText()).match(/\d+/)[0]);
  await page.getByRole('button', { name: `Reject ${number} facts as read wrongly` }).click();
  await page.locator('.review-counts', { hasText: /^0 to review · \d+ reviewed$/ }).waitFor();

  const now = await s.facts(patient);
  const statuses = (f) => [codeOf(f.verificationStatus) ?? f.status, codeOf(f.clinicalStatus)];
  const of = async (words) => statuses(now.find((f) => s.words(f).toLowerCase() === words.toLowerCase()));
  assert.deepEqual(await of('asthma'), ['confirmed', 'active']);
  assert.deepEqual(await of('Lisinopril'), ['active', undefined]);
  assert.deepEqual(await of('Hemoglobin'), ['final', undefined]);
  assert.deepEqual(await of('gout'), ['entered-in-error', undefined]);
  assert.deepEqual(await of('migraine'), ['refuted', undefined]);
  assert.deepEqual(await of('Penicillin'), ['refuted', 'inactive']);
  assert.deepEqual(await of('pneumonia'), ['entered-in-error', undefined]);
  const corrected = now.find((f) => s.words(f) === 'Metformin XR');
  assert.deepEqual(corrected.medicationCodeableConcept, { coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '860975', display: '24 HR metformin' }], text: 'Metformin XR' });
  assert.equal(now.find((f) => s.words(f) === 'Lisinopril').meta.versionId, '1', 'confirmed by its Provenance alone');
  for (const f of now) {
    assert.deepEqual(f.extension, before[f.id].extension);
    assert.deepEqual(f.meta.security, before[f.id].meta.security);
    const [provenance, ...others] = await s.reviews(`${f.resourceType}/${f.id}`);
    assert.equal(others.length, 0);
    assert.deepEqual(provenance.agent[0].who, { reference: s.user, display: 'Dr. Ada Test' });
    assert.equal(provenance.entity[0].what.reference, `DocumentReference/${note.id}`);
  }
  assert.equal(now.filter((f) => (codeOf(f.verificationStatus) ?? f.status) === 'entered-in-error').length, number + 1);
  assert.match((await s.read(`Condition/${evidence.id}`)).text.div, /asthma.*\(active, confirmed\), found in a note by software, confirmed by a person/);

  await page.reload();
  await row('Admission note').filter({ hasText: `${now.length} reviewed` }).click();
  for (const [words, want] of [['asthma', 'confirmed'], ['Lisinopril', 'confirmed'], ['Metformin XR', 'corrected'], ['gout', 'wrong-reading'], ['migraine', 'ruled-out'], ['Penicillin', 'ruled-out'], ['pneumonia', 'wrong-reading']]) assert.equal(await state(words), want, words);
  assert.match(await item('asthma').innerText(), /Confirmed by Dr. Ada Test, \d+ \w+ \d{4}/);
  assert.equal(await page.getByRole('button', { name: 'Confirm all…' }).isVisible(), false);
  assert.equal(page.url(), s.app, 'nothing of a patient is in the address');
  assert.ok(!(await page.evaluate(() => JSON.stringify([{ ...localStorage }, document.cookie]))).includes('ey'), 'tokens are in the session alone');

  await s.rerun(note);
  assert.deepEqual((await s.facts(patient)).map((f) => [f.id, f.meta.versionId]), now.map((f) => [f.id, f.meta.versionId]), 'a later run undoes nothing');
});

test('the keyboard alone is enough', async () => {
  await atNote();
  await page.locator('.resource-head').first().focus();
  const first = await focused();
  await page.keyboard.press('j');
  const second = await focused();
  assert.notEqual(second, first);
  await page.keyboard.press('k');
  assert.equal(await focused(), first);
  await page.keyboard.press('c');
  await page.locator('.is-confirmed').first().waitFor();
  assert.equal(await focused(), first);
  await page.keyboard.press('j');
  await page.keyboard.press('r');
  await page.locator('.dialog').waitFor();
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Wrong reading/);
  await page.keyboard.press('Escape');
  assert.equal(await focused(), second);
  await page.keyboard.press('e');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('corrected by hand');
  await page.keyboard.press('Enter');
  await page.locator('.is-corrected').waitFor();
  assert.equal(await focused(), 'corrected by hand');
  await page.focus('.reading-title');
  await page.keyboard.press('c');
  assert.equal(await page.locator('.is-confirmed').count(), 1, 'the keys count in the list alone');
});

test('what somebody else has decided meanwhile is shown, and not written over', async () => {
  const { fact } = await atNote();
  const asthma = await fact('asthma');
  await s.update({ ...asthma, severity: { text: 'mild' } });
  await button('asthma', 'confirm').click();
  await page.locator('#message', { hasText: 'Somebody else has changed this fact' }).waitFor();
  assert.match(await item('asthma').innerText(), /mild/);
  assert.equal((await s.read(`Condition/${asthma.id}`)).meta.versionId, '2');
  const lisinopril = await fact('Lisinopril');
  await s.create({ resourceType: 'Provenance', target: [{ reference: `MedicationStatement/${lisinopril.id}` }], recorded: '2026-11-30T12:00:00Z', agent: [{ type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'verifier' }] }, who: { reference: s.user, display: 'Dr. Elsewhere' } }] });
  await button('Lisinopril', 'reject').click();
  await page.locator('.choice', { hasText: 'Wrong reading' }).click();
  await decided('Lisinopril', 'confirmed');
  assert.match(await item('Lisinopril').innerText(), /Confirmed by Dr. Elsewhere/);
  assert.equal((await s.read(`MedicationStatement/${lisinopril.id}`)).status, 'active');
  await button('asthma', 'confirm').click();
  await decided('asthma', 'confirmed');
  assert.equal((await fact('asthma')).severity.text, 'mild');
});

test('a change between the last look and the writing is refused by the server', async () => {
  const { fact } = await atNote();
  const asthma = await fact('asthma');
  let isFirst = true;
  await page.route(s.iss, async (route) => { // the transaction
    if (isFirst) await s.update({ ...asthma, severity: { text: 'mild' } });
    isFirst = false;
    await route.continue();
  });
  await button('asthma', 'confirm').click();
  await page.locator('#message', { hasText: 'Somebody else has changed this fact' }).waitFor();
  assert.equal(codeOf((await fact('asthma')).verificationStatus), 'unconfirmed');
  assert.deepEqual(await s.reviews(`Condition/${asthma.id}`), []);
});

test('a token that is over is renewed; a session that has ended keeps the correction', async () => {
  const { patient, fact } = await atNote();
  await s.revoke();
  await button('asthma', 'confirm').click();
  await decided('asthma', 'confirmed');
  await button('gout', 'correct').click();
  await page.fill('#correct-text', 'gouty arthritis');
  await page.fill('#correct-system', 'http://snomed.info/sct');
  await page.fill('#correct-code', '48440001');
  await s.revoke(true);
  await page.keyboard.press('Enter');
  await page.locator('.dialog', { hasText: 'Your session has ended' }).waitFor();
  await s.control({ patient: await s.createPatient('Another') });
  await page.getByRole('button', { name: 'Log in again' }).click();
  await page.locator('#message', { hasText: 'It is of another patient' }).waitFor();
  await s.control({ patient });
  await launchStandalone(page);
  await page.locator('.dialog').waitFor();
  assert.equal(await page.inputValue('#correct-text'), 'gouty arthritis');
  assert.equal(await page.inputValue('#correct-code'), '48440001');
  await page.getByRole('button', { name: 'Save and confirm' }).click();
  await decided('gouty arthritis', 'corrected');
  assert.equal(codeOf((await fact('gouty arthritis')).code), '48440001');
});

test('who may only look, looks', async () => {
  await s.control({ scopes: 'openid fhirUser launch patient/*.rs' });
  await atNote();
  assert.match(await page.locator('#notes, #note').first().evaluate(() => document.body.innerText), /asthma/i);
  assert.equal(await page.locator('[data-decide]').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Confirm all…' }).isVisible(), false);
});

test('without transactions, what could not be written is tried again by itself', async () => {
  const { fact } = await atNote({ opened: false });
  await page.route('**/metadata', async (route) => {
    const statement = await (await route.fetch()).json();
    for (const rest of statement.rest) rest.interaction = (rest.interaction ?? []).filter((i) => i.code !== 'transaction');
    await route.fulfill({ json: statement });
  });
  let refusals = 2;
  await page.route('**/fhir/Provenance', (route) => (refusals-- > 0 ? route.fulfill({ status: 503, json: { resourceType: 'OperationOutcome', issue: [] } }) : route.continue()));
  await row('Admission note').click();
  await button('asthma', 'confirm').click();
  for (let i = 0; i < 2; i++) {
    await page.locator('#message', { hasText: 'Half of it was saved' }).waitFor();
    await page.getByRole('button', { name: 'Write who decided' }).click();
  }
  await decided('asthma', 'confirmed');
  const { id, meta } = await fact('asthma');
  assert.equal(meta.versionId, '2');
  assert.equal((await s.reviews(`Condition/${id}`)).length, 1);
});

test('where charthand does not let the reader in, what the facts rest on is marked all the same', async () => {
  await atNote({ opened: false });
  await page.route('**/api/annotate', (route) => route.fulfill({ status: 403, json: { resourceType: 'OperationOutcome', issue: [] } }));
  await row('Admission note').click();
  await page.locator('.remark', { hasText: 'only what the facts rest on' }).waitFor();
  assert.equal(await page.locator('.note').evaluate((e) => e.textContent), text);
  await item('Penicillin').hover();
  assert.ok((await page.locator('.entity.lit').allTextContents()).includes('Penicillin'));
});

test('notes of a card come first, and what is hostile is text', async () => {
  const patient = await s.createPatient(hostile);
  const note = await s.createNote(patient, 'Has asthma. Has gout.', { date: '2020-01-01T00:00:00Z', type: { text: hostile }, author: [{ display: hostile }] });
  await s.createNote(patient, 'Has gout.', { ...about });
  const asthma = (await s.facts(patient)).find((f) => s.words(f) === 'asthma');
  await s.update({ ...asthma, code: { text: hostile, coding: [{ system: 'javascript:alert(3)', code: hostile, display: hostile }] } });
  page = await openApp(browser, s);
  await page.route(`${s.smart}/token`, async (route) => {
    const token = await (await route.fetch()).json();
    await route.fulfill({ json: { ...token, appContext: JSON.stringify({ documents: [`DocumentReference/${note.id}`, hostile], facts: [`Condition/${asthma.id}`] }) } });
  });
  await launchFromEHR(page, { patient });
  await page.getByRole('heading', { name: 'On the card' }).waitFor();
  assert.equal(await page.locator('.note-row').count(), 2);
  assert.ok((await page.locator('.note-row').first().innerText()).includes(hostile));
  assert.ok((await page.locator('#patient').innerText()).includes(hostile));
  await page.locator('.note-row').first().click();
  const first = page.locator('.resource').first();
  assert.ok((await first.innerText()).includes(hostile) && (await first.innerText()).includes('On the card'));
  await first.locator('[data-decide=correct]').click();
  assert.ok((await page.locator('.dialog').innerText()).includes(hostile));
  await page.getByRole('button', { name: 'Save and confirm' }).click();
  await first.locator('.is-corrected').waitFor();
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('main :is(script, img, svg, iframe), [onerror], [href^="javascript:" i]')].map((e) => e.outerHTML)), []);
  assert.ok((await s.read(`Condition/${asthma.id}`)).text.div.includes('&lt;img'));
  await page.click('#back');
  await page.locator('.note-row', { hasText: '1 to review' }).first().waitFor();
});

test('many notes come page by page', async () => {
  const patient = await s.createPatient();
  for (let i = 0; i < 23; i++) await s.create({ resourceType: 'DocumentReference', status: 'current', subject: { reference: `Patient/${patient}` }, date: `2024-01-${String(i + 1).padStart(2, '0')}T00:00:00Z`, type: { text: `Note ${i + 1}.` }, content: [{ attachment: { contentType: 'text/plain', data: 'SGFz' } }] });
  await s.create({ resourceType: 'DiagnosticReport', status: 'final', subject: { reference: `Patient/${patient}` }, effectiveDateTime: '2024-01-22T12:00:00Z', code: { text: 'Report' }, presentedForm: [{ contentType: 'text/plain', data: 'SGFz' }] });
  page = await openApp(browser, s);
  await launchFromEHR(page, { patient });
  await page.getByRole('button', { name: 'More notes' }).waitFor();
  assert.deepEqual((await page.locator('.note-title').allTextContents()).slice(0, 3), ['Note 23.', 'Report', 'Note 22.']);
  assert.equal(await page.locator('.note-row').count(), 20);
  await page.getByRole('button', { name: 'More notes' }).click();
  await row('Note 1.').waitFor();
  assert.equal(await page.locator('.note-row').count(), 24);
  assert.equal(await page.getByRole('button', { name: 'More notes' }).isVisible(), false);
});

test('the launch goes nowhere but where the settings say', async () => {
  page = await openApp(browser, s);
  await page.goto(`${s.launch}?iss=https://elsewhere.invalid/fhir&launch=x`);
  await page.locator('#message', { hasText: 'not set up for this FHIR server' }).waitFor();
  await page.goto(s.launch);
  await page.locator('.note-row', { hasText: s.iss }).waitFor();
  await page.goto(`${s.app}?code=x&state=y`);
  await page.locator('#message', { hasText: 'belongs to no launch' }).waitFor();
  assert.equal(page.url(), s.app);
  await page.goto(s.app);
  await page.locator('#message', { hasText: 'Open this app from a patient’s record' }).waitFor();
  await s.control({ refuse: 'authorize', patient: await s.createPatient() });
  await launchStandalone(page);
  await page.locator('#message', { hasText: 'The authorisation server refused' }).waitFor();
  await s.control({ refuse: 'token' });
  await launchStandalone(page);
  await page.locator('#message', { hasText: 'gave no token' }).waitFor();
  assert.equal(await page.evaluate(() => fetch('https://elsewhere.invalid/').then(() => 'asked', () => 'refused')), 'refused');
  await settle(page);
  page.faults = page.faults.filter((fault) => !fault.startsWith('policy: connect-src https://elsewhere.invalid'));
});

test('a charthand without settings for it says so', async () => {
  const other = await serve();
  const bare = await open(browser, other.address, { start: false });
  for (const path of ['app', 'app/launch', 'app/launch?iss=https://elsewhere.invalid/']) {
    await bare.goto(`${other.address}/${path}`);
    await bare.locator('#message', { hasText: 'not set up' }).waitFor();
  }
  assert.deepEqual(await close(bare), []);
  await other.stop();
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe-core finds nothing grave, ${colorScheme}`, async () => {
    await atNote({ opened: false, colorScheme });
    await row('Admission note').waitFor();
    const grave = async (where) => {
      const { violations } = await faults(page);
      assert.deepEqual(violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${where}: ${v.id} ${v.nodes.map((n) => n.html).join('\n')}`), []);
    };
    await grave('the list');
    await row('Admission note').click();
    await button('asthma', 'confirm').click();
    await decided('asthma', 'confirmed');
    await button('gout', 'reject').click();
    await grave('the rejection');
    await page.locator('.choice', { hasText: 'Wrong reading' }).click();
    await decided('gout', 'wrong-reading');
    await grave('a note');
    await button('migraine', 'correct').click();
    await grave('the correction');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Reject all…' }).click();
    await grave('all');
  });
}
