// The page at /: takes a note, asks the server what it says, and shows both.
import { annotate, extract, Refusal, setToken } from './client.js';
import { fromFile, fromText, isResource, TooLarge } from './document.js';
import { element } from './dom.js';
import { issueList } from './outcome.js';
import { Reading } from './reading.js';
import { sample } from './sample.js';

const byID = (id) => document.getElementById(id);
const [start, result, message, login, busy, drop, text] = ['start', 'result', 'message', 'login', 'busy', 'drop', 'text'].map(byID);
const reading = new Reading(result);
let asked = new AbortController();

const about = () => ({ patient: byID('patient').value.trim() || 'Patient/example', date: byID('date').value });

// read asks what a document says, and shows it. make() gives what is sent; name is what the reader calls it.
async function read(make, name) {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  message.hidden = true;
  login.hidden = true;
  busy.hidden = false;
  try {
    const body = await make();
    const [annotation, extraction] = await Promise.allSettled([annotate(body, signal), extract(body, signal)]);
    if (signal.aborted) return;
    if (annotation.status === 'rejected') throw annotation.reason;
    const refusal = extraction.status === 'rejected' ? extraction.reason : null;
    if (refusal && !(refusal instanceof Refusal && refusal.status === 422)) throw refusal;
    const began = performance.now();
    show('result');
    reading.show({ annotation: annotation.value, extraction: extraction.value ?? null, refusal, name });
    requestAnimationFrame(() => setTimeout(() => performance.measure('note shown', { start: began })));
    result.querySelector('h2').focus();
  } catch (error) {
    if (error.name === 'AbortError') return;
    show('start');
    refused(error, () => read(make, name));
  } finally {
    if (!signal.aborted) busy.hidden = true;
  }
}

function show(which) {
  start.hidden = which !== 'start';
  result.hidden = which !== 'result';
  byID('new').hidden = which !== 'result';
  document.body.dataset.view = which;
}

function refused(error, again) {
  if (error instanceof Refusal && error.status === 401) {
    login.hidden = false;
    login.onsubmit = (event) => {
      event.preventDefault();
      setToken(byID('token').value.trim());
      byID('token').value = '';
      again();
    };
    byID('token').focus();
  }
  const [title, issues] = error instanceof Refusal ? [error.title, error.issues]
    : error instanceof TooLarge ? ['This is too large', [{ severity: 'error', diagnostics: error.message }]]
      : ['The page failed', [{ severity: 'error', diagnostics: String(error) }]];
  const later = error.status === 429 || error.status === 503 || error.status === 0;
  const when = error.retryAfter ? ` It asks to wait for ${error.retryAfter} s.` : '';
  const said = [element('h2', {}, title), issueList(issues)];
  if (later) said.push(element('p', { class: 'actions' }, element('button', { type: 'button', class: 'primary', onclick: again }, 'Try again'), when));
  message.replaceChildren(...said);
  message.hidden = false;
  message.scrollIntoView({ block: 'nearest' });
}

function readText() {
  const pasted = text.value;
  if (pasted.trim() === '') {
    refused(new Refusal(422, [{ severity: 'error', diagnostics: 'There is no text yet: paste a note, open a file, or try the sample.' }]));
    text.focus();
    return;
  }
  if (isResource(pasted)) read(async () => pasted, 'Pasted document');
  else read(async () => fromText(pasted, about()), 'Pasted note');
}

const readFile = (file) => read(() => fromFile(file, about()), file.name);

byID('form').addEventListener('submit', (event) => {
  event.preventDefault();
  readText();
});
text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) readText();
});
byID('sample').addEventListener('click', () => {
  text.value = sample;
  read(async () => fromText(sample, about()), 'Sample note');
});
byID('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  if (file) readFile(file);
  event.target.value = '';
});
byID('new').addEventListener('click', () => {
  asked.abort();
  busy.hidden = true;
  show('start');
  text.focus();
  text.select();
});

const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
let inside = 0; // how many elements a drag has entered and not left
addEventListener('dragenter', (event) => {
  if (hasFile(event)) drop.hidden = ++inside === 0;
});
addEventListener('dragleave', (event) => {
  if (hasFile(event)) drop.hidden = --inside <= 0;
});
addEventListener('dragover', (event) => {
  if (hasFile(event)) event.preventDefault();
});
addEventListener('drop', (event) => {
  inside = 0;
  drop.hidden = true;
  if (!hasFile(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) readFile(file);
});
