// A clinic for the tests of the SMART app, all of it started by the test and ended with it, on free ports: a HAPI FHIR server, the authorisation
// server of partners/smart before it, and charthand beside it. Nothing is approved by hand unless a test wants to: control({ approve: false }).
//
//   site({ settings, clientId, app })  → s, after 15 to 25 s. settings({ iss, clientId }) gives lines of YAML for charthand's settings;
//                                      app is the address of the app, where it is another than charthand's
//     s.address                          charthand's: the app is at s.app = `${s.address}/app` (its redirect URI), its launch page at s.launch = `${s.app}/launch`
//     s.iss                              the FHIR server as the app sees it; s.smart is the origin of the authorisation server, s.fhir HAPI's own base, for tests alone
//     s.clientId, s.user                 the registered public client, "charthand-app" by default, and who is logged in ("Practitioner/…", Dr. Ada Test)
//     s.createPatient(family)            → id
//     s.createNote(patient, text, more)  → note (the DocumentReference, as the server has it), after charthand has written what it says
//     s.amendNote(note, text, more)      → note with another text, docStatus amended; as above. more holds elements of the DocumentReference
//     s.rerun(note)                      → the same note in a new version that says the same; as above
//     s.upgrade(version)                 starts charthand anew, at the same address, with a model that calls itself another version
//     s.facts(patient)                   → the resources that charthand has made of the patient's notes, ordered by type and words
//     s.words(fact)                      → what a fact is called: "gout"
//     s.reviews(reference)               → the Provenances of people ("verifier") that target a fact, the oldest first
//     s.read(reference), s.search(query), s.create(resource), s.update(resource, ifMatch)   at HAPI, behind the app's back; search gives all that is found
//     s.control(change)                  changes how the authorisation server behaves, until changed again:
//         approve     true: no page is shown; false: the page of logging in, choosing a patient and allowing it
//         patient     the id of whom a standalone launch is about where no page is shown
//         user        "Practitioner/…", who is logged in
//         scopes      the most that is granted, '' for whatever is asked for: 'openid fhirUser launch patient/*.rs' makes a read-only app
//         tokenLife   seconds that a token is good for, 3600 by default
//         refuse      'authorize' (access_denied), 'token', 'refresh' (invalid_grant), 'fhir' (403 for everything), '' by default
//         delay       milliseconds that every answer takes
//         banner      need_patient_banner, true by default
//     s.revoke()                         ends all access tokens; refresh tokens stay. s.revoke(true) ends those as well
//     s.asked()                          → what the authorisation server and the FHIR server have been asked by browsers since the last call: [{ method, path, status }]
//     s.stop()
//
//   openApp(browser, s, options)       → a page as of open() in charthand.js, which may ask s.iss too; page.site is s
//   launchFromEHR(page, { patient, encounter, document, user })   goes through the EHR's launch, and waits until the browser is back at the app
//   launchStandalone(page)             goes to the app's launch page with iss alone, and waits as above: set control({ patient }) first
//   consent(page, { patient, user, allow })   fills in the authorisation server's page (control({ approve: false })): navigate yourself, then consent
//
// Both launches take { wait: false }, to go on where no return to the app is to be expected.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { command, open, serve } from './charthand.js';

const root = new URL('../../', import.meta.url).pathname;
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'charthand');
const factTypes = ['AllergyIntolerance', 'Condition', 'FamilyMemberHistory', 'MedicationStatement', 'Observation', 'Procedure'];
const digest = 'urn:charthand:fhir:digest';

// partner(…words) starts a program that says "ready URL", and ends when its input does.
async function partner(...words) {
  const child = spawn(words[0], words.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout });
  const address = await new Promise((resolve, reject) => {
    lines.on('line', (line) => line.startsWith('ready ') && resolve(line.slice('ready '.length)));
    child.once('error', reject);
    ended.then((code) => reject(new Error(`${words[0]} ended with ${code}`)));
  });
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { address, stop };
}

// asking(base) gives a function that asks a server for JSON, and fails where it refuses.
const asking = (base) => async (method, path, body, headers = {}) => {
  const answer = await fetch(`${base}/${path}`, { method, headers: { 'Content-Type': 'application/fhir+json', ...headers }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
};

const encoded = (text) => ({ content: [{ attachment: { contentType: 'text/plain', data: Buffer.from(text).toString('base64') } }] });

// atServer(base) gives what tests do at a FHIR server.
function atServer(base) {
  const ask = asking(base);
  const whole = { Prefer: 'return=representation' };
  const at = {
    read: (reference) => ask('GET', reference),
    create: (resource) => ask('POST', resource.resourceType, resource, whole),
    update: (resource, ifMatch) => ask('PUT', `${resource.resourceType}/${resource.id}`, resource, { ...whole, ...(ifMatch && { 'If-Match': ifMatch }) }),
    search: async (query) => {
      const found = [];
      for (let page = await ask('GET', query); page;) {
        found.push(...(page.entry ?? []).map((entry) => entry.resource));
        const next = page.link?.find((link) => link.relation === 'next')?.url;
        page = next && (await ask('GET', next.slice(base.length + 1)));
      }
      return found;
    },
    createPatient: async (family = 'Testpatient') => (await at.create({ resourceType: 'Patient', name: [{ text: family, family }] })).id,
    words: (fact) => (fact.code ?? fact.medicationCodeableConcept ?? fact.condition?.[0].code ?? {}).text ?? '',
    facts: async (patient) => {
      const found = await Promise.all(factTypes.map((type) => at.search(`${type}?patient=${patient}&_count=200`)));
      const own = found.flat().filter((fact) => fact.extension?.some(({ url }) => url === digest));
      const key = (fact) => `${fact.resourceType} ${at.words(fact)}`;
      return own.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    },
    reviews: async (reference) => {
      const found = await at.search(`Provenance?target=${reference}`);
      const isReview = ({ agent }) => agent.some(({ type }) => type?.coding?.some(({ code }) => code === 'verifier'));
      return found.filter(isReview).sort((a, b) => Date.parse(a.recorded) - Date.parse(b.recorded));
    },
  };
  return at;
}

// beside(folder, config) runs charthand beside a FHIR server; told(document) tells it of one, and waits until that has been read.
async function beside(folder, config) {
  const data = join(folder, 'jobs');
  const flags = ['--config', config, '--data', data];
  let running = await serve(...flags);
  const { address } = running;
  const told = async (document) => {
    const reference = `${document.resourceType}/${document.id}`;
    await asking(address)('PUT', `hooks/tests/${reference}`, document);
    for (let line = 'waiting'; line; await sleep(20)) {
      const { stdout } = await command('queue', 'list', '--data', data);
      line = stdout.split('\n').find((row) => row.includes(` ${reference} `));
      if (line?.startsWith('dead')) throw new Error(line);
    }
    return document;
  };
  const stop = () => running.stop();
  const upgrade = async (version) => {
    const model = join(folder, `model-${version}`);
    await cp(join(root, 'models/default'), model, { recursive: true });
    const card = join(model, 'charthand.json');
    await writeFile(card, JSON.stringify({ ...JSON.parse(await readFile(card)), version }));
    await stop();
    running = await serve(...flags, '--model', model, '--listen', new URL(address).host);
  };
  return { address, told, stop, upgrade };
}

export async function site({ settings = () => '', clientId = 'charthand-app', app } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'charthand-'));
  const running = [];
  const stop = async () => {
    await Promise.all(running.reverse().map((one) => one.stop()));
    await rm(folder, { recursive: true });
  };
  try {
    const program = join(folder, 'smart');
    const [hapi] = await Promise.all([
      partner('bash', join(root, 'partners/hapi/run.sh'), cache, join(folder, 'hapi'), '0', '--until-eof'),
      promisify(execFile)('go', ['build', '-o', program, './partners/smart/serve'], { cwd: root }),
    ]);
    running.push(hapi);
    const smart = await partner(program, '-fhir', hapi.address);
    running.push(smart);
    const iss = smart.address;
    const config = join(folder, 'site.yaml');
    await writeFile(config, `fhirBase: ${hapi.address}\n${settings({ iss, clientId })}\n`);
    const charthand = await beside(folder, config);
    running.push(charthand);
    const origin = new URL(iss).origin;
    const at = atServer(hapi.address);
    const user = `Practitioner/${(await at.create({ resourceType: 'Practitioner', name: [{ text: 'Dr. Ada Test', family: 'Test' }] })).id}`;
    const { told } = charthand;
    const home = app ?? `${charthand.address}/app`;
    const s = {
      ...at,
      address: charthand.address,
      app: home,
      launch: `${home}/launch`,
      iss,
      smart: origin,
      fhir: hapi.address,
      clientId,
      user,
      upgrade: charthand.upgrade,
      stop,
      createNote: async (patient, text, more = {}) => told(await at.create({ resourceType: 'DocumentReference', status: 'current', subject: { reference: `Patient/${patient}` }, ...encoded(text), ...more })),
      amendNote: async (note, text, more = {}) => told(await at.update({ ...note, docStatus: 'amended', ...encoded(text), ...more })),
      rerun: async (note) => {
        const now = await at.read(`DocumentReference/${note.id}`);
        const tag = [...(now.meta.tag ?? []), { system: 'urn:charthand:tests', code: `again-${now.meta.versionId}` }];
        return told(await at.update({ ...now, meta: { ...now.meta, tag } }));
      },
      control: (change) => asking(origin)('PUT', 'control', change),
      revoke: (refresh = false) => asking(origin)('POST', `control/revoke?refresh=${refresh}`),
      asked: () => asking(origin)('POST', 'control/asked'),
    };
    await s.control({ user, clients: { [clientId]: { redirect: [s.app], launch: s.launch } } });
    return s;
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function openApp(browser, s, options = {}) {
  const page = await open(browser, new URL(s.app).origin, { start: false, also: [s.smart], ...options });
  page.site = s;
  return page;
}

// back waits until the browser is at the app again, not at its launch page.
const back = (page) => page.waitForURL((url) => `${url.origin}${url.pathname}`.replace(/\/$/, '') === page.site.app);

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined));

export async function launchFromEHR(page, { patient, encounter, document, user, wait = true }) {
  await page.goto(`${page.site.smart}/launch?${query({ app: page.site.launch, patient, encounter, document, user })}`);
  if (wait) await back(page);
}

export async function launchStandalone(page, { wait = true } = {}) {
  await page.goto(`${page.site.launch}?${query({ iss: page.site.iss })}`);
  if (wait) await back(page);
}

export async function consent(page, { patient, user, allow = true } = {}) {
  await page.getByRole('heading', { name: 'asks to be let in' }).waitFor();
  if (user) await page.getByLabel('You are').selectOption(user);
  if (patient) await page.locator(`input[name=patient][value="${patient}"]`).check();
  await page.getByRole('button', { name: allow ? 'Allow' : 'Deny' }).click();
}
