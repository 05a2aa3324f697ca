// What a reviewer's decision on a fact writes. Nothing here asks anybody or knows the DOM.
//
//   review({ json, decision, correction, reviewer, note, now, id }) → entries for FHIRServer.write: the changed fact, where it changes, and a Provenance
//     json         the fact as the server has it, as text: what does not change is written back digit for digit
//     decision     "confirmed", "corrected", "wrong-reading" or "ruled-out"
//     correction   { text, coding: [{system, code, display}] } for "corrected"
//     reviewer     { who: a Reference, onBehalfOf: a Reference or nothing }
//     note         the reference of the note that it is from; now a Date; id a UUID for the Provenance
//   possible(resource, state)  → the decisions that can be made on a fact
//   stateOf(resource, provenances) → { state, who, when }: "unreviewed", a decision, "changed" (by somebody else), or "retracted" (by charthand)
//   isUncertain(resource) → whether a person has to decide on it by itself
//
// What each decision means for each type is in docs/app.md.
import { sentenceOf } from './bundle.js';
import { edit } from './json-text.js';

export const decisions = ['confirmed', 'corrected', 'wrong-reading', 'ruled-out'];

// decisionSystem is that of the coding by which a Provenance says what was decided.
export const decisionSystem = 'urn:charthand:fhir:review';

// Where each type has what it is called.
const concepts = {
  Condition: ['code'],
  AllergyIntolerance: ['code'],
  MedicationStatement: ['medicationCodeableConcept'],
  Procedure: ['code'],
  Observation: ['code'],
  FamilyMemberHistory: ['condition', 0, 'code'],
};

export const types = Object.keys(concepts);

const terminology = 'http://terminology.hl7.org/CodeSystem/';
const verification = { Condition: `${terminology}condition-ver-status`, AllergyIntolerance: `${terminology}allergyintolerance-verification` };
const concept = (system, code, display) => ({ coding: [{ system, code, ...(display && { display }) }] });
const codeOf = (element) => element?.coding?.[0]?.code;

const isInError = (r) => codeOf(r.verificationStatus) === 'entered-in-error' || r.status === 'entered-in-error';
const isRefuted = (r) => codeOf(r.verificationStatus) === 'refuted';

export const isUncertain = (r) => r.resourceType === 'Condition' && ['provisional', 'differential'].includes(codeOf(r.verificationStatus));

export function possible(resource, state) {
  const { resourceType: type } = resource;
  if (!types.includes(type) || isInError(resource)) return [];
  const isDecided = ['confirmed', 'corrected', 'ruled-out'].includes(state);
  return decisions.filter((decision) => (decision === 'confirmed' ? !isDecided
    : decision === 'corrected' ? type !== 'MedicationStatement' || resource.medicationReference === undefined
      : decision === 'ruled-out' ? type in verification && !isRefuted(resource) : true));
}

export function review({ json, decision, correction, reviewer, note, now, id }) {
  const resource = JSON.parse(json);
  const { resourceType: type, id: key, meta } = resource;
  const target = `${type}/${key}`;
  const changes = changesOf(resource, decision, correction);
  const entries = [];
  if (changes.length > 0) {
    let changed = json;
    for (const [path, value] of changes) changed = edit(changed, path, value);
    const said = decision === 'wrong-reading' ? 'entered in error: a person has found that the note was read wrongly' : `${sentenceOf(JSON.parse(changed))}, found in a note by software, ${words[decision]} by a person`;
    changed = edit(changed, ['text'], { status: 'generated', div: narrative(`${type}: ${said}.`) });
    entries.push({ fullUrl: target, json: changed, request: { method: 'PUT', url: target, ...(meta?.versionId && { ifMatch: `W/"${meta.versionId}"` }) } });
  }
  const provenance = {
    resourceType: 'Provenance',
    text: { status: 'generated', div: narrative(`A fact that software has found in a note was reviewed by a person: ${words[decision]}.`) },
    target: [{ reference: target }],
    occurredDateTime: now.toISOString(),
    recorded: now.toISOString(),
    activity: activityOf(decision, changes.length > 0),
    agent: [{ type: concept(`${terminology}provenance-participant-type`, 'verifier', 'Verifier'), who: reviewer.who, ...(reviewer.onBehalfOf && { onBehalfOf: reviewer.onBehalfOf }) }],
    entity: [
      { role: 'source', what: { reference: note } },
      ...(changes.length > 0 && meta?.versionId ? [{ role: 'revision', what: { reference: `${target}/_history/${meta.versionId}`, display: `version ${meta.versionId}` } }] : []),
    ],
  };
  entries.push({ fullUrl: `urn:uuid:${id}`, json: JSON.stringify(provenance), request: { method: 'POST', url: 'Provenance' } });
  return entries;
}

const words = { confirmed: 'confirmed', corrected: 'corrected', 'wrong-reading': 'read wrongly', 'ruled-out': 'ruled out' };

// As charthand's own Provenances do, it says what became of the data and, in the words of the lifecycle, what for.
function activityOf(decision, isChange) {
  const operation = { code: decision === 'wrong-reading' ? 'NULLIFY' : 'UPDATE', display: decision === 'wrong-reading' ? 'nullify' : 'revise' };
  const lifecycle = decision === 'corrected' ? { code: 'amend', display: 'Amend (Update) Record Lifecycle Event' } : { code: 'verify', display: 'Verify Record Lifecycle Event' };
  return {
    coding: [
      ...(isChange ? [{ system: `${terminology}v3-DataOperation`, ...operation }] : []),
      { system: `${terminology}iso-21089-lifecycle`, ...lifecycle },
      { system: decisionSystem, code: decision },
    ],
    text: words[decision],
  };
}

// What changes: [path, value], where undefined takes an element out.
function changesOf(r, decision, correction) {
  switch (decision) {
    case 'confirmed': return confirmation(r);
    case 'corrected': return [
      ...(isUncertain(r) ? [] : confirmation(r)),
      ...(r.resourceType === 'Observation' && ['final', 'amended'].includes(r.status) ? [[['status'], 'corrected']] : []),
      [concepts[r.resourceType], { ...(correction.coding.length > 0 && { coding: correction.coding }), text: correction.text }],
      ...withoutProfile(r),
    ];
    case 'wrong-reading': return r.resourceType in verification
      ? [[['verificationStatus'], concept(verification[r.resourceType], 'entered-in-error', 'Entered in Error')], ...withoutClinicalStatus(r), ...withoutProfile(r)] // con-5, ait-2
      : [[['status'], 'entered-in-error'], ...withoutProfile(r)];
    case 'ruled-out': return r.resourceType === 'AllergyIntolerance'
      ? [[['verificationStatus'], concept(verification.AllergyIntolerance, 'refuted', 'Refuted')], [['clinicalStatus'], concept(`${terminology}allergyintolerance-clinical`, 'inactive', 'Inactive')]] // ait-1
      : [[['verificationStatus'], concept(verification.Condition, 'refuted', 'Refuted')], ...withoutClinicalStatus(r), ...withoutProblemList(r), ...withoutProfile(r)]; // con-3
    default: throw new TypeError(`${decision} is no decision`);
  }
}

// What is refuted stays so: a person who confirms it agrees that it was ruled out. The types without a status for it are confirmed by Provenance alone.
function confirmation(r) {
  if (r.resourceType in verification) {
    return isRefuted(r) || codeOf(r.verificationStatus) === 'confirmed' ? [] : [[['verificationStatus'], concept(verification[r.resourceType], 'confirmed', 'Confirmed')]];
  }
  return r.resourceType === 'Observation' && ['registered', 'preliminary'].includes(r.status) ? [[['status'], 'final']] : [];
}

const without = (r, names) => names.filter((name) => r[name] !== undefined).map((name) => [[name], undefined]);

// An abatement goes too: it wants a clinicalStatus (con-4).
const withoutClinicalStatus = (r) => without(r, ['clinicalStatus', 'abatementDateTime', 'abatementAge', 'abatementPeriod', 'abatementRange', 'abatementString']);

function withoutProblemList(r) {
  if (!r.category) return [];
  const left = r.category.filter((c) => !c.coding?.some((coding) => coding.code === 'problem-list-item'));
  return left.length === r.category.length ? [] : [[['category'], left.length > 0 ? left : undefined]];
}

// Whether it still conforms is for charthand or the server to say.
const withoutProfile = (r) => (r.meta?.profile ? [[['meta', 'profile'], undefined]] : []);

const narrative = (sentence) => `<div xmlns="http://www.w3.org/1999/xhtml">${sentence.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</div>`;

// isOwn(provenance) → whether it is charthand's.
export const isOwn = (p) => (p.meta?.tag ?? []).some((tag) => /[:/]extraction$/.test(tag.system ?? ''));
const isReview = (p) => (p.agent ?? []).some((agent) => agent.type?.coding?.some((c) => c.code === 'verifier'));

export function stateOf(resource, provenances) {
  const of = provenances.filter((p) => p.target?.some((t) => referenceOf(t) === `${resource.resourceType}/${resource.id}`) && !isOwn(p));
  const latest = (list) => list.toSorted((a, b) => Date.parse(a.recorded) - Date.parse(b.recorded)).at(-1);
  const last = latest(of.filter(isReview)) ?? latest(of);
  if (!last) return { state: isInError(resource) ? 'retracted' : 'unreviewed' };
  const agent = last.agent.find((a) => a.type?.coding?.some((c) => c.code === 'verifier')) ?? last.agent[0];
  const said = last.activity?.coding?.find((c) => c.system === decisionSystem)?.code;
  const state = !isReview(last) ? 'changed' : decisions.includes(said) ? said : isInError(resource) ? 'wrong-reading' : isRefuted(resource) ? 'ruled-out' : 'confirmed';
  return { state, who: agent?.who?.display ?? agent?.who?.reference ?? agent?.who?.identifier?.value ?? '', when: last.recorded };
}

// referenceOf(reference) → "Condition/1", whatever base or version it is written with.
export const referenceOf = (r) => r?.reference?.match(/([A-Za-z]+\/[A-Za-z0-9.-]+)(?:\/_history\/[^/]+)?$/)?.[1];
