// Carries decisions out: each is one transaction, and never one over what somebody else has decided meanwhile.
//
//   const reviewing = new Reviewing(server, reviewer);        reviewer is that of review.js
//   await reviewing.decide(note, index, decision, correction)  → the fact is what the server has now; throws
//     Changed   somebody else was quicker: note.facts[index] is what the server has now, and nothing was written
//     Half      (of fhir-server.js) the fact was changed, and who did it could not be written: reviewing.retry(note, index, half) tries again
//   await reviewerOf(server, session)   → the reviewer, null for somebody who is no clinician the server knows
import { Refusal } from './client.js';
import { Half } from './fhir-server.js';
import { isOwn, referenceOf, review } from './review.js';

export class Changed extends Error {}

export class Reviewing {
  #server;
  #reviewer;

  constructor(server, reviewer) {
    this.#server = server;
    this.#reviewer = reviewer;
  }

  async decide(note, index, decision, correction) {
    const fact = note.facts[index];
    const known = new Set(note.provenances.map((p) => p.id));
    const [now, said] = await Promise.all([this.#server.read(fact.reference), this.#provenances(fact)]);
    if (now.json !== fact.json && (now.version === null || now.version !== fact.version) || said.some((p) => !isOwn(p) && !known.has(p.id))) {
      this.#take(note, index, now, said);
      throw new Changed();
    }
    const entries = review({ json: now.json, decision, correction, reviewer: this.#reviewer, note: note.reference, now: new Date(), id: crypto.randomUUID() });
    try {
      await this.#server.write(entries);
    } catch (error) {
      const isTaken = error instanceof Refusal && (error.status === 409 || error.status === 412);
      if (isTaken || error instanceof Half) await this.#reload(note, index);
      throw isTaken ? new Changed() : error;
    }
    await this.#reload(note, index);
  }

  async retry(note, index, half) {
    await this.#server.write(half.left);
    await this.#reload(note, index);
  }

  async #reload(note, index) {
    const fact = note.facts[index];
    this.#take(note, index, ...await Promise.all([this.#server.read(fact.reference), this.#provenances(fact)]));
  }

  #take(note, index, fact, said) {
    note.facts[index] = fact;
    const others = note.provenances.filter((p) => !p.target.some((t) => referenceOf(t) === fact.reference) || isOwn(p));
    note.provenances = [...others, ...said.filter((p) => !isOwn(p))];
  }

  async #provenances(fact) {
    return (await this.#server.all(`Provenance?target=${fact.reference}&_count=100`)).map((s) => s.resource);
  }
}

export async function reviewerOf(server, session) {
  const reference = session.user?.startsWith(`${session.server}/`) ? session.user.slice(session.server.length + 1) : session.user;
  if (!reference || !/(^|\/)(Practitioner|PractitionerRole)\/[^/]+$/.test(reference)) return null;
  let found = {};
  try {
    found = (await server.read(reference)).resource;
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof TypeError)) throw error; // the server need not show it
  }
  const display = session.userName ?? nameOf(found) ?? found.practitioner?.display;
  return { who: { reference, ...(display && { display }) }, ...(found.resourceType === 'PractitionerRole' && found.organization && { onBehalfOf: found.organization }) };
}

// nameOf(resource) → what a person is called.
export function nameOf(resource) {
  const name = Array.isArray(resource.name) ? resource.name.find((n) => n.use === 'official') ?? resource.name[0] : undefined;
  return name && (name.text ?? ([...(name.prefix ?? []), ...(name.given ?? []), name.family].filter(Boolean).join(' ') || undefined));
}
