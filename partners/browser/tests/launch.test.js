// The clinic that the app's tests are made in, with an app that does no more than be launched and show what it is told.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { close, launch } from '../charthand.js';
import { consent, launchFromEHR, launchStandalone, openApp, site } from '../smart.js';

// The app: its launch page asks for a code, its other page for a token. It keeps both in the page's session.
const scope = 'openid fhirUser launch launch/patient offline_access patient/Patient.r patient/DocumentReference.rs patient/Condition.cruds patient/Provenance.cruds';
const launching = (clientId) => `<!doctype html><title>Launching</title><script type="module">
  const { searchParams, origin } = new URL(location);
  const iss = searchParams.get('iss');
  const { authorization_endpoint, token_endpoint } = await (await fetch(iss + '/.well-known/smart-configuration')).json();
  const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=/g, '');
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(48)));
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
  const state = crypto.randomUUID();
  Object.assign(sessionStorage, { iss, verifier, state, token_endpoint });
  const asked = { response_type: 'code', client_id: '${clientId}', redirect_uri: origin + '/app', scope: '${scope}', aud: iss, state, code_challenge: challenge, code_challenge_method: 'S256' };
  if (searchParams.has('launch')) asked.launch = searchParams.get('launch');
  location.assign(authorization_endpoint + '?' + new URLSearchParams(asked));
</script>`;
const launched = (clientId) => `<!doctype html><title>Launched</title><pre></pre><script type="module">
  const { searchParams, origin } = new URL(location);
  const show = (value) => (document.querySelector('pre').textContent = JSON.stringify(value));
  const { verifier, state, token_endpoint } = sessionStorage;
  if (searchParams.has('error')) show({ error: searchParams.get('error'), state: searchParams.get('state') === state });
  else {
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: '${clientId}', redirect_uri: origin + '/app', code: searchParams.get('code'), code_verifier: verifier });
    show({ ...(await (await fetch(token_endpoint, { method: 'POST', body })).json()), state: searchParams.get('state') === state });
  }
</script>`;

let app;
let s;
let browser;
let page;
before(async () => {
  app = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(request.url.startsWith('/app/launch') ? launching('stub') : launched('stub'));
  });
  await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve));
  [s, browser] = await Promise.all([site({ clientId: 'stub', app: `http://127.0.0.1:${app.address().port}/app` }), launch()]);
});
after(async () => {
  await browser?.close();
  await s?.stop();
  app.closeAllConnections();
  app.close();
});
afterEach(async () => {
  await s.control({ approve: true, patient: '', scopes: '', refuse: '', delay: 0, tokenLife: 3600 });
  if (page) assert.deepEqual(await close(page), []);
  page = undefined;
});

const told = async () => {
  await page.locator('pre:not(:empty)').waitFor();
  return JSON.parse(await page.locator('pre').innerText());
};
// ask asks the FHIR server from the page, as the app would.
const ask = (token, path, method = 'GET', body = undefined) => page.evaluate(async ([iss, ...asked]) => {
  const [bearer, path, method, body] = asked;
  const answer = await fetch(`${iss}/${path}`, { method, headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/fhir+json' }, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json(), etag: answer.headers.get('ETag') };
}, [s.iss, token, path, method, body]);

test('the EHR launches the app at a patient, a visit and a note', async () => {
  const patient = await s.createPatient('Nguyen');
  const note = await s.createNote(patient, 'Has gout. Takes warfarin.');
  page = await openApp(browser, s);
  await launchFromEHR(page, { patient, document: note.id });
  const { access_token: token, refresh_token: refresh, id_token: id, ...rest } = await told();
  assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 3600, scope, patient, need_patient_banner: true, fhirContext: [{ reference: `DocumentReference/${note.id}` }], state: true });
  assert.ok(refresh);
  assert.equal(JSON.parse(Buffer.from(id.split('.')[1], 'base64url')).fhirUser, `${s.iss}/${s.user}`);
  const found = await ask(token, `Condition?patient=${patient}&_revinclude=Provenance:target`);
  assert.deepEqual(found.body.entry.map(({ resource }) => resource.resourceType), ['Condition', 'Provenance']);
  assert.equal(found.body.entry[0].fullUrl, `${s.iss}/Condition/${found.body.entry[0].resource.id}`);
  // What the app was not granted, and what is of others, is not to be had.
  assert.equal((await ask(token, `MedicationStatement?patient=${patient}`)).status, 403);
  const other = await s.createNote(await s.createPatient('Okafor'), 'Has asthma.');
  assert.equal((await ask(token, `DocumentReference/${other.id}`)).status, 403);
  assert.equal((await ask(token, 'DocumentReference')).body.entry.length, 1);
});

test('a fact is changed with its version, and a Provenance says who', async () => {
  const patient = await s.createPatient();
  await s.createNote(patient, 'Has gout.');
  page = await openApp(browser, s);
  await launchFromEHR(page, { patient });
  const { access_token: token } = await told();
  const [gout] = await s.facts(patient);
  const { etag } = await ask(token, `Condition/${gout.id}`);
  assert.equal(etag, `W/"${gout.meta.versionId}"`);
  assert.equal((await ask(token, `Condition/${gout.id}`, 'PUT', { ...gout, subject: { reference: 'Patient/0' } })).status, 403);
  assert.equal((await ask(token, `Condition/${gout.id}`, 'PUT', { ...gout, verificationStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-ver-status', code: 'confirmed' }] } })).status, 200);
  const verifier = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'verifier' }] };
  const review = { resourceType: 'Provenance', target: [{ reference: `Condition/${gout.id}` }], recorded: '2026-11-30T12:00:00Z', agent: [{ type: verifier, who: { reference: s.user } }] };
  assert.equal((await ask(token, 'Provenance', 'POST', review)).status, 201);
  assert.equal((await s.reviews(`Condition/${gout.id}`)).length, 1);
});

test('what a person has decided stays when the note comes again, amended, or to another model', async () => {
  const patient = await s.createPatient();
  const note = await s.createNote(patient, 'Has gout. Has asthma. Takes warfarin.');
  const facts = async () => (await s.facts(patient)).map((fact) => `${fact.resourceType} ${s.words(fact)} ${fact.verificationStatus?.coding[0].code ?? fact.status}`);
  const first = ['Condition asthma unconfirmed', 'Condition gout unconfirmed', 'MedicationStatement warfarin active'];
  assert.deepEqual(await facts(), first);
  await s.rerun(note);
  assert.deepEqual(await facts(), first);
  const [asthma] = await s.facts(patient);
  await s.update({ ...asthma, verificationStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-ver-status', code: 'confirmed' }] } }, `W/"${asthma.meta.versionId}"`);
  await s.amendNote(note, 'Takes warfarin.');
  const amended = ['Condition asthma confirmed', 'Condition gout entered-in-error', 'MedicationStatement warfarin active'];
  assert.deepEqual(await facts(), amended);
  await s.upgrade('tests');
  await s.rerun(note);
  assert.deepEqual(await facts(), amended);
  assert.equal((await s.search('Device?_count=50')).length, 2);
});

test('the app launched by itself: a person logs in, chooses a patient, and allows it or not', async () => {
  const patient = await s.createPatient('Silva');
  const user = `Practitioner/${(await s.create({ resourceType: 'Practitioner', name: [{ text: 'Dr. Ben Test' }] })).id}`;
  await s.control({ approve: false });
  page = await openApp(browser, s);
  await launchStandalone(page, { wait: false });
  await consent(page, { patient, user });
  const { patient: of, id_token: id } = await told();
  assert.equal(of, patient);
  assert.equal(JSON.parse(Buffer.from(id.split('.')[1], 'base64url')).fhirUser, `${s.iss}/${user}`);
  await launchStandalone(page, { wait: false });
  await consent(page, { allow: false });
  assert.deepEqual(await told(), { error: 'access_denied', state: true });
  await s.control({ approve: true, patient });
  await launchStandalone(page);
  assert.equal((await told()).patient, patient);
});

test('it refuses, is slow, narrows, and ends tokens where it is told to', async () => {
  const patient = await s.createPatient();
  page = await openApp(browser, s);
  await s.control({ refuse: 'authorize' });
  await launchFromEHR(page, { patient });
  assert.deepEqual(await told(), { error: 'access_denied', state: true });
  await s.control({ refuse: 'token' });
  await launchFromEHR(page, { patient });
  assert.equal((await told()).error, 'invalid_grant');
  await s.control({ refuse: '', scopes: 'launch patient/*.rs', delay: 100 });
  const begun = Date.now();
  await launchFromEHR(page, { patient });
  const { access_token: token, scope: narrowed } = await told();
  assert.ok(Date.now() - begun >= 300);
  assert.equal(narrowed, 'launch patient/Patient.r patient/DocumentReference.rs patient/Condition.rs patient/Provenance.rs');
  assert.equal((await ask(token, `Patient/${patient}`)).status, 200);
  await s.asked();
  await s.revoke();
  assert.equal((await ask(token, `Patient/${patient}`)).status, 401);
  assert.deepEqual((await s.asked()).filter(({ method }) => method === 'GET'), [{ method: 'GET', path: `/fhir/Patient/${patient}`, status: 401 }]);
});
