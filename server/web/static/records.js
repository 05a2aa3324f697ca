// The notes of a patient and what charthand has written of them, as a FHIR server has both.
//
//   new NoteList(server, patient).more() → [Note], the next twenty, newest first; [] where there are no more
//   await notesAt(server, references)    → [Note], those that can be read
//   await load(server, notes)            fills facts and provenances of some Notes
//   await withAttachments(session, note) → the note with its attachments inside, where they are on the same server
//   annotationOf(text, facts)            → what the facts rest on, as an annotate object; readIn(facts) → the versions of the note that they are of
//   plainText(note)                      → the text of its plain text, as charthand decodes it; null for anything else
//
//   Note { reference, stored, resource, title, date, author, withdrawn, facts: [Stored], provenances }
import { readBundle, wordsOf } from './bundle.js';
import { base64 } from './document.js';
import { isOwn, referenceOf, types } from './review.js';

const pageSize = 20;
const together = 40; // references in one search

export class NoteList {
  #server;
  #sources;

  constructor(server, patient) {
    this.#server = server;
    const of = `patient=${encodeURIComponent(patient)}&_sort=-date&_count=${pageSize}`;
    this.#sources = ['DocumentReference', 'DiagnosticReport'].map((type) => ({ next: `${type}?${of}`, waiting: [] }));
  }

  // The newest of both kinds: a kind whose page is used up is asked for the next before its last note is given.
  async more() {
    const notes = [];
    while (notes.length < pageSize) {
      for (const source of this.#sources) {
        while (source.waiting.length === 0 && source.next !== null) {
          const { found, next } = await this.#server.search(source.next);
          source.waiting = found.map(noteOf).filter((note) => note !== null).sort((a, b) => b.date.localeCompare(a.date));
          source.next = next;
        }
      }
      const [first] = this.#sources.filter((s) => s.waiting.length > 0).sort((a, b) => b.waiting[0].date.localeCompare(a.waiting[0].date));
      if (!first) break;
      notes.push(first.waiting.shift());
    }
    await load(this.#server, notes);
    return notes;
  }

  get hasMore() {
    return this.#sources.some((s) => s.waiting.length > 0 || s.next !== null);
  }
}

export async function notesAt(server, references) {
  const read = await Promise.allSettled(references.map((reference) => server.read(reference)));
  const notes = read.filter((r) => r.status === 'fulfilled').map((r) => noteOf(r.value)).filter((note) => note !== null);
  await load(server, notes);
  return notes;
}

function noteOf(stored) {
  const { resource: r, reference } = stored;
  if (r.resourceType === 'DiagnosticReport' ? !r.presentedForm?.length : r.resourceType !== 'DocumentReference') return null;
  const attachment = r.content?.[0]?.attachment ?? r.presentedForm?.[0];
  const authors = (r.author ?? r.resultsInterpreter ?? r.performer ?? []).map((a) => a.display ?? nameInside(r, a)).filter(Boolean);
  return {
    reference, stored, resource: r,
    title: wordsOf(r.type ?? r.code) ?? r.description ?? attachment?.title ?? 'Note',
    date: r.date ?? r.effectiveDateTime ?? r.effectivePeriod?.start ?? r.issued ?? '',
    author: authors.join(', '),
    withdrawn: ['entered-in-error', 'superseded', 'cancelled'].includes(r.status) || r.docStatus === 'entered-in-error',
    facts: [], provenances: [],
  };
}

function nameInside(resource, { reference }) {
  const name = reference?.startsWith('#') ? resource.contained?.find((c) => `#${c.id}` === reference)?.name : undefined;
  const [human] = [name].flat();
  return typeof human === 'string' ? human : human?.text ?? ([...(human?.given ?? []), human?.family].filter(Boolean).join(' ') || undefined);
}

const chunks = (list) => Array.from({ length: Math.ceil(list.length / together) }, (_, i) => list.slice(i * together, (i + 1) * together));

// What charthand has written of a note is what its Provenances of that note target.
export async function load(server, notes) {
  if (notes.length === 0) return;
  const byReference = new Map();
  const keep = (stored) => byReference.set(stored.reference, stored);
  for (const some of chunks(notes.map((n) => n.reference))) (await server.all(`Provenance?entity=${some.join(',')}&_include=Provenance:target&_count=100`)).forEach(keep);
  const provenances = () => [...byReference.values()].map((s) => s.resource).filter((r) => r.resourceType === 'Provenance');
  const targets = new Map(notes.map((note) => [note.reference, new Set()]));
  for (const p of provenances().filter(isOwn)) {
    const found = p.target.map(referenceOf).filter((reference) => types.includes(reference?.split('/')[0]));
    for (const entity of p.entity ?? []) for (const reference of found) targets.get(referenceOf(entity.what))?.add(reference);
  }
  const wanted = [...new Set([...targets.values()].flatMap((set) => [...set]))];
  for (const type of types) { // a server may not include them
    const missing = wanted.filter((reference) => reference.startsWith(`${type}/`) && !byReference.has(reference)).map((reference) => reference.split('/')[1]);
    for (const some of chunks(missing)) (await server.all(`${type}?_id=${some.join(',')}&_count=${together}`)).forEach(keep);
  }
  for (const some of chunks(wanted)) (await server.all(`Provenance?target=${some.join(',')}&_count=100`)).forEach(keep); // and what anybody else says of them
  for (const note of notes) {
    const of = targets.get(note.reference);
    note.facts = [...of].map((reference) => byReference.get(reference)).filter(Boolean);
    note.provenances = provenances().filter((p) => p.target?.some((t) => of.has(referenceOf(t))));
  }
}

const attachmentsOf = (r) => r.content?.map((c) => c.attachment) ?? r.presentedForm ?? [];

export async function withAttachments(session, note) {
  const resource = structuredClone(note.resource);
  for (const attachment of attachmentsOf(resource)) {
    if (!attachment?.url || attachment.data || !/^Binary\/|^https?:/.test(attachment.url)) continue;
    try {
      const response = await session.fetch(attachment.url);
      if (!response.ok) continue;
      const isResource = /fhir\+json/.test(response.headers.get('Content-Type') ?? '');
      const data = isResource ? (await response.json()).data : base64(new Uint8Array(await response.arrayBuffer()));
      if (data) Object.assign(attachment, { data, url: undefined });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it is elsewhere: charthand may know it
    }
  }
  return resource;
}

export function plainText(resource) {
  const attachment = attachmentsOf(resource).find((a) => a?.data && /^text\/plain\b/i.test(a.contentType ?? ''));
  if (!attachment) return null;
  const charset = attachment.contentType.match(/charset="?([^";]+)/i)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset.trim(), { fatal: true }).decode(Uint8Array.from(atob(attachment.data), (c) => c.charCodeAt(0)));
  } catch {
    return null; // charthand would look closer
  }
}

// For a note that charthand does not annotate for this reader; null where the facts do not fit the text.
export function annotationOf(text, facts) {
  const points = [...text];
  const found = readBundle({ entry: facts.map(({ resource }) => ({ resource })) }, (offset) => offset);
  const words = ({ start, end }) => points.slice(start, end).join('');
  const fits = found.length === 0 || found.some((f) => f.spans.some((span) => words(span) === f.title));
  if (!fits || found.some((f) => f.spans.some((span) => span.end > points.length))) return null;
  const entities = found.flatMap((f) => f.spans.map(({ start, end }) => ({
    label: f.labels[0] ?? f.type, start, end, text: words({ start, end }), score: f.confidence ?? 1,
  })));
  return { text, entities, coverage: { characters: points.length, read: points.length } };
}

// A version that is a hash says nothing that could be compared.
export const readIn = (facts) => [...new Set(facts.flatMap(({ resource }) => resource.extension ?? []).filter((x) => /[:/]source-version$/.test(x.url)).map((x) => x.valueString))]
  .filter((version) => version?.length < 32);
