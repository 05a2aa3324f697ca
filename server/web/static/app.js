// The SMART app at /app: a patient's notes, what charthand has written of each, and the decisions of a reviewer.
import { annotate, Refusal, setToken } from './client.js';
import { groups, readBundle, sentenceOf, conceptOf, wordsOf } from './bundle.js';
import { askAll, askCorrection, askRejection } from './dialogs.js';
import { element } from './dom.js';
import { FHIRServer, Half } from './fhir-server.js';
import { issueList } from './outcome.js';
import { Reading } from './reading.js';
import { annotationOf, NoteList, notesAt, plainText, readIn, withAttachments } from './records.js';
import { isUncertain, possible, referenceOf, stateOf, types } from './review.js';
import { day, noteRow, reviewBar } from './review-bar.js';
import { Changed, nameOf, reviewerOf, Reviewing } from './reviewing.js';
import { begin, LaunchFailure, resume, SignedOut } from './smart.js';

const byID = (id) => document.getElementById(id);
const [message, listView, noteView, back, busy, said] = ['message', 'notes', 'note', 'back', 'busy', 'said'].map(byID);
const draftKey = 'charthand-draft';
const atOnce = 4; // decisions that are written at once

let config;
let session;
let server;
let reviewing = null; // null for those who may only look
let list;
let rows = []; // of the list: [{ note, element }]
let marked = { documents: [], facts: [] }; // what a CDS card was about
let note = null; // the one that is open

const open = element('p', { class: 'review-counts', role: 'status' });
const remark = element('p', { class: 'remark' });
const confirmAll = element('button', { type: 'button', class: 'quiet', onclick: () => decideAll('confirmed') }, 'Confirm all…');
const rejectAll = element('button', { type: 'button', class: 'quiet', onclick: () => decideAll('wrong-reading') }, 'Reject all…');
const key = (name) => element('kbd', {}, name);
const help = element('p', { class: 'review-keys' }, key('j'), ' ', key('k'), ' move, ', key('c'), ' confirm, ', key('e'), ' correct, ', key('r'), ' reject');
const reading = new Reading(noteView, { below, outcome: false, tools: [open, element('div', { class: 'review-all' }, confirmAll, rejectAll), remark], above: [help] });

async function start() {
  try {
    config = await (await fetch('app/config.json')).json();
    if (config.fhirServers.length === 0) return say('This app is not set up', 'Whoever runs this charthand has to name its FHIR servers and the app’s client id in the settings (app).');
    session = await resume(config);
    if (!session) return say('Open this app from a patient’s record', 'Or log in here:', element('a', { class: 'primary', href: 'app/launch' }, 'Choose a server'));
    server = new FHIRServer(session);
    setToken(session.tokenOf(config.tokenIssuer));
    marked = markedBy(session.appContext, session.documents);
    history.replaceState({ view: 'list' }, '');
    await working(async () => {
      const [patient, reviewer] = await Promise.all([server.read(`Patient/${session.patient}`), reviewerOf(server, session)]);
      byID('patient').textContent = [nameOf(patient.resource) ?? 'No name', patient.resource.birthDate && `born ${patient.resource.birthDate}`].filter(Boolean).join(', ');
      reviewing = reviewer && mayReview(session.scope) ? new Reviewing(server, reviewer) : null;
      await showList();
      if (!reviewing) say('You may look here, but not review', reviewer ? 'The server lets this app change nothing.' : 'The server does not say which clinician you are, in whose name decisions would be written.');
      await takeUpDraft();
    });
  } catch (error) {
    failed(error, start);
  }
  return undefined;
}

// What it was launched for: appContext is what links of CDS cards carry (docs/cds.md), others may name the notes themselves.
function markedBy(context, launched) {
  let read = context;
  try {
    if (typeof read === 'string') read = JSON.parse(read);
  } catch {
    read = null;
  }
  const references = (all) => (Array.isArray(all) ? all.filter((r) => typeof r === 'string' && /^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/.test(r)).slice(0, 100) : []);
  return { documents: [...new Set([...references(launched), ...references(read?.documents)])], facts: references(read?.facts) };
}

// A server that says nothing of scopes is asked, and refuses where it has to.
const mayReview = (scope) => scope === '' || /(?:^|\s)(?:patient|user)\/(?:\*|Provenance)\.(?:\*|write|c[ruds]*)(?:\s|$)/.test(scope);

async function working(what) {
  busy.hidden = false;
  try {
    return await what();
  } finally {
    busy.hidden = true;
  }
}

/* The list */

async function showList() {
  note = null;
  list = new NoteList(server, session.patient);
  const ofCard = marked.documents.length > 0 ? await notesAt(server, marked.documents) : [];
  const isOfPatient = ({ resource }) => referenceOf(resource.subject) === `Patient/${session.patient}`;
  rows = [];
  const cards = element('ul', { class: 'note-list' }, ...ofCard.filter(isOfPatient).map((n) => row(n, true)));
  const all = element('ul', { class: 'note-list' });
  const more = element('button', { type: 'button', class: 'quiet', onclick: () => working(add).catch((error) => failed(error, () => more.click())) }, 'More notes');
  const add = async () => {
    all.append(...(await list.more()).filter((n) => !rows.some((r) => r.note.reference === n.reference)).map((n) => row(n, false)));
    more.hidden = !list.hasMore;
  };
  await add();
  listView.replaceChildren(
    ...(cards.childElementCount > 0 ? [element('h2', {}, 'On the card'), cards] : []),
    element('h2', {}, cards.childElementCount > 0 ? 'Other notes' : 'Notes'), all.childElementCount > 0 ? all : element('p', { class: 'empty' }, 'There are no other notes of this patient.'.replace(cards.childElementCount > 0 ? '' : 'other ', '')), more);
  show('list');
}

function row(one, isMarked) {
  const made = noteRow(one, countsOf(one), isMarked, () => openNote(one));
  rows.push({ note: one, element: made });
  return made;
}

function countsOf(one) {
  const states = one.facts.map((fact) => stateOf(fact.resource, one.provenances).state);
  const unread = states.filter((state) => state === 'unreviewed').length;
  return { open: unread, done: states.filter((state) => state !== 'retracted').length - unread };
}

function show(view) {
  listView.hidden = view !== 'list';
  noteView.hidden = view !== 'note';
  back.hidden = view !== 'note';
  document.body.dataset.view = view === 'note' ? 'result' : 'list';
}

/* A note */

async function openNote(one) {
  hush();
  try {
    await working(async () => {
      const resource = await withAttachments(session, one);
      one.facts.sort((a, b) => types.indexOf(a.resource.resourceType) - types.indexOf(b.resource.resourceType) || isMarkedFact(b) - isMarkedFact(a));
      const { annotation, why } = await annotationFor(resource, one.facts);
      note = one;
      history.pushState({ view: 'note' }, '');
      show('note');
      const bundle = `{"resourceType":"Bundle","type":"collection","entry":[${one.facts.map((fact) => `{"resource":${fact.json}}`).join(',')}]}`;
      reading.show({ annotation, extraction: { bundle }, name: [one.title, day(one.date)].filter(Boolean).join(', ') });
      remark.textContent = [why, outdated(one)].filter(Boolean).join(' ');
      remark.hidden = remark.textContent === '';
      count();
      noteView.querySelector('h2').focus();
    });
  } catch (error) {
    failed(error, () => openNote(one));
  }
}

const isMarkedFact = (fact) => marked.facts.includes(fact.reference);

// What a note says: by charthand, which knows all formats, or where it does not let this reader in, the words that the facts rest on.
async function annotationFor(resource, facts) {
  try {
    return { annotation: await annotate(JSON.stringify(resource)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const text = plainText(resource);
    const annotation = text === null ? null : annotationOf(text, facts);
    if (annotation) return { annotation, why: 'Marked is only what the facts rest on.' };
    return { annotation: { text: text ?? '' }, why: text === null ? `The note cannot be shown here (${error.title.toLowerCase()}): look at it in the record before you decide.` : 'The facts do not fit this text: nothing is marked.' };
  }
}

function outdated({ resource, facts }) {
  const now = resource.meta?.versionId;
  return now && readIn(facts).some((version) => version !== now) ? 'The note was changed after charthand read it: places may be wrong.' : '';
}

function below(resource) {
  const fact = note.facts[resource.index];
  const state = stateOf(fact.resource, note.provenances);
  return reviewBar({ title: resource.title, state, possible: reviewing ? possible(fact.resource, state.state) : [], isUncertain: isUncertain(fact.resource), isMarked: isMarkedFact(fact) },
    { onDecide: (what) => ask(resource.index, what) });
}

function count() {
  const { open: unread, done } = countsOf(note);
  open.textContent = `${unread} to review · ${done} reviewed`;
  confirmAll.hidden = rejectAll.hidden = unread === 0 || !reviewing;
  help.hidden = !reviewing;
  const shown = rows.find((r) => r.note === note);
  if (!shown) return;
  const made = noteRow(note, { open: unread, done }, marked.documents.includes(note.reference), () => openNote(shown.note));
  shown.element.replaceWith(made);
  shown.element = made;
}

// A reader may have gone back to the list while a decision was written.
function refresh(one, index) {
  if (note !== one) return;
  reading.replace(index, note.facts[index].json);
  count();
}

/* Decisions */

const titleOf = (fact) => readBundle({ entry: [fact] }, (offset) => offset)[0].title;

async function ask(index, what) {
  const fact = note.facts[index];
  const can = possible(fact.resource, stateOf(fact.resource, note.provenances).state);
  if (what === 'confirm' && can.includes('confirmed')) await decide(index, 'confirmed');
  if (what === 'correct' && can.includes('corrected')) await correct(index);
  if (what === 'reject' && can.includes('wrong-reading')) {
    const decision = await askRejection(titleOf(fact), can);
    if (decision) await decide(index, decision);
  }
}

async function decide(index, decision) {
  const one = note;
  hush();
  try {
    await working(() => reviewing.decide(one, index, decision));
    tell(one, index);
  } catch (error) {
    refresh(one, index);
    undecided(error, { one, index, again: note === one && (() => decide(index, decision)) });
  }
  if (note === one) reading.focus(index);
}

async function correct(index, draft = null) {
  const one = note;
  const fact = one.facts[index];
  const concept = conceptOf(fact.resource);
  await askCorrection({
    title: titleOf(fact), text: wordsOf(concept) ?? '', codings: concept?.coding ?? [], offered: reading.codings(index), draft,
    save: async (correction) => {
      try {
        await reviewing.decide(one, index, 'corrected', correction);
      } catch (error) {
        if (error instanceof Half) return undecided(error, { one, index }); // the correction itself is saved
        throw error;
      }
      return undefined;
    },
    problem: (error, correction) => problemOf(error, { onSignIn: () => signIn({ index, correction }) }),
  });
  refresh(one, index);
  if (note === one) reading.focus(index);
}

function tell(one, index) {
  refresh(one, index);
  const { resource } = one.facts[index];
  said.textContent = `${sentenceOf(resource)}: ${stateOf(resource, one.provenances).state.replace('-', ' ')}`;
}

// After these the next decision would fail as well.
const endsAll = (error) => error instanceof SignedOut || (error instanceof Refusal && [0, 403].includes(error.status)) || !(error instanceof Changed || error instanceof Half || error instanceof Refusal);

async function decideAll(decision) {
  const one = note;
  const unread = one.facts.map((fact, index) => ({ fact, index })).filter(({ fact }) => stateOf(fact.resource, one.provenances).state === 'unreviewed');
  const meant = ({ fact }) => decision !== 'confirmed' || !isUncertain(fact.resource);
  const counts = [{ type: '', title: 'all facts' }, ...groups.flatMap((g) => g.types.filter((type) => types.includes(type)).map((type) => ({ type, title: g.title })))]
    .map((c) => ({ ...c, of: unread.filter(({ fact }) => c.type === '' || fact.resource.resourceType === c.type) }))
    .map(({ of, ...c }) => ({ ...c, count: of.filter(meant).length, left: of.length - of.filter(meant).length })).filter((c) => c.type === '' || c.count > 0);
  const type = await askAll(decision, counts);
  if (type === null) return;
  hush();
  const chosen = unread.filter(meant).filter(({ fact }) => type === '' || fact.resource.resourceType === type);
  const failures = [];
  let done = 0;
  await working(async () => {
    for (let i = 0; i < chosen.length && !failures.some(({ error }) => endsAll(error)); i += atOnce) {
      busy.textContent = `${i} of ${chosen.length}…`;
      await Promise.all(chosen.slice(i, i + atOnce).map(async ({ index }) => {
        try {
          await reviewing.decide(one, index, decision);
          done++;
        } catch (error) {
          failures.push({ error, index });
        }
        refresh(one, index);
      }));
    }
  });
  busy.textContent = 'Reading…';
  said.textContent = `${done} of ${chosen.length} done`;
  const others = failures.filter(({ error }) => !(error instanceof Half));
  const [ending] = others.filter(({ error }) => endsAll(error));
  if (ending || others.length === 1) failed((ending ?? others[0]).error);
  else if (others.length > 1) say(`${others.length} of ${chosen.length} facts could not be reviewed`, 'Somebody else has changed them, or the server refused. They are shown as they are now.');
  const [half, ...more] = failures.filter(({ error }) => error instanceof Half);
  if (half) undecided(half.error, { one, index: half.index, more });
}

/* What goes wrong */

// more are other halves, whose turn comes after this one.
function undecided(error, { one, index, again, more = [] }) {
  if (!(error instanceof Half)) {
    failed(error, again);
    return;
  }
  const retry = async () => {
    hush();
    try {
      await working(() => reviewing.retry(one, index, error));
      tell(one, index);
      const [next, ...rest] = more;
      if (next) undecided(next.error, { one, index: next.index, more: rest });
    } catch {
      undecided(error, { one, index, more });
    }
  };
  say('Half of it was saved', `${titleOf(one.facts[index])} was changed, but that you did it could not be written.`, element('button', { type: 'button', class: 'primary', onclick: retry }, 'Write who decided'));
}

function failed(error, again) {
  message.replaceChildren(...problemOf(error, { again, onSignIn: () => signIn() }));
  message.hidden = false;
  message.scrollIntoView({ block: 'nearest' });
}

function problemOf(error, { again = null, onSignIn }) {
  const button = (words, onclick) => element('p', { class: 'actions' }, element('button', { type: 'button', class: 'primary', onclick }, words));
  if (error instanceof SignedOut) return [element('h2', {}, 'Your session has ended'), element('p', {}, 'What you have typed is kept.'), button('Log in again', onSignIn)];
  if (error instanceof Changed) return [element('h2', {}, 'Somebody else has changed this fact'), element('p', {}, 'Nothing was written. It is shown as it is now: decide again.')];
  if (error instanceof LaunchFailure) return [element('h2', {}, 'The launch failed'), element('p', {}, error.message)];
  if (error instanceof Refusal) return [element('h2', {}, error.status === 403 ? 'The server does not allow this' : error.title), issueList(error.issues), again && button('Try again', again)].filter(Boolean);
  return [element('h2', {}, 'The app failed'), element('p', {}, error instanceof Error ? `${error.name}: ${error.message}` : String(error))];
}

async function signIn(correction = null) {
  if (correction) sessionStorage.setItem(draftKey, JSON.stringify({ patient: session.patient, note: note.reference, fact: note.facts[correction.index].reference, correction: correction.correction }));
  try {
    await begin(config, { server: session.server });
  } catch (error) {
    failed(error, () => signIn(correction));
  }
}

// A correction that could not be saved before the session ended.
async function takeUpDraft() {
  const draft = JSON.parse(sessionStorage.getItem(draftKey));
  if (!draft || !reviewing) return;
  if (draft.patient !== session.patient) return say('There is a correction that was not saved', 'It is of another patient: open the app from that patient’s record in this tab.');
  sessionStorage.removeItem(draftKey);
  const [one] = rows.filter((r) => r.note.reference === draft.note).map((r) => r.note).concat(await notesAt(server, [draft.note]));
  if (!one) return;
  await openNote(one);
  const index = one.facts.findIndex((fact) => fact.reference === draft.fact);
  if (index >= 0) correct(index, draft.correction);
}

function say(title, words, more = null) {
  message.replaceChildren(...[element('h2', {}, title), element('p', {}, words), more && element('p', { class: 'actions' }, more)].filter(Boolean));
  message.hidden = false;
}

function hush() {
  message.hidden = true;
}

/* Moving about */

back.addEventListener('click', () => history.back());
addEventListener('popstate', () => {
  if (noteView.hidden) return;
  const left = note;
  note = null;
  hush();
  show('list');
  rows.find((r) => r.note === left)?.element.firstElementChild.focus();
});
noteView.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest('.resource') || event.target.closest('input, select, textarea, dialog')) return;
  const step = { j: 1, k: -1 }[event.key];
  const what = { c: 'confirm', e: 'correct', r: 'reject' }[event.key];
  const index = reading.focused;
  if (step) reading.move(step);
  else if (what && index !== null && reviewing && busy.hidden) ask(index, what);
  else return;
  event.preventDefault();
});

start();
