// What decisions write, for each type: nothing here needs a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { edit } from '../../../server/web/static/json-text.js';
import { decisions, isUncertain, possible, review, stateOf } from '../../../server/web/static/review.js';

const terminology = 'http://terminology.hl7.org/CodeSystem/';
const coded = (system, code) => ({ coding: [{ system: `${terminology}${system}`, code }] });
const common = { meta: { versionId: '3', profile: ['http://example.org/profile'], security: [{ code: 'AIAST' }] }, text: { status: 'generated', div: '<div>old</div>' }, extension: [{ url: 'urn:charthand:fhir:confidence', valueDecimal: 0.5 }] };
const facts = {
  Condition: { resourceType: 'Condition', id: '1', ...common, clinicalStatus: coded('condition-clinical', 'active'), verificationStatus: coded('condition-ver-status', 'unconfirmed'), category: [coded('condition-category', 'problem-list-item')], code: { text: 'gout' }, subject: { reference: 'Patient/1' } },
  AllergyIntolerance: { resourceType: 'AllergyIntolerance', id: '2', ...common, clinicalStatus: coded('allergyintolerance-clinical', 'active'), verificationStatus: coded('allergyintolerance-verification', 'unconfirmed'), code: { text: 'penicillin' }, patient: { reference: 'Patient/1' } },
  MedicationStatement: { resourceType: 'MedicationStatement', id: '3', ...common, status: 'active', medicationCodeableConcept: { text: 'aspirin' } },
  Procedure: { resourceType: 'Procedure', id: '4', ...common, status: 'completed', code: { text: 'appendectomy' } },
  Observation: { resourceType: 'Observation', id: '5', ...common, status: 'preliminary', code: { text: 'hemoglobin' }, valueQuantity: { value: 9.1, unit: 'g/dL' } },
  FamilyMemberHistory: { resourceType: 'FamilyMemberHistory', id: '6', ...common, status: 'partial', relationship: { text: 'mother' }, condition: [{ code: { text: 'asthma' }, onsetAge: { value: 52 } }] },
};
const reviewer = { who: { reference: 'Practitioner/1', display: 'Dr. Ada Test' } };
const correction = { text: 'podagra', coding: [{ system: 'http://snomed.info/sct', code: '90560007', display: 'Gout' }] };
const decide = (resource, decision, more = {}) => {
  const entries = review({ json: JSON.stringify(resource), decision, correction, reviewer, note: 'DocumentReference/9', now: new Date('2026-11-30T12:00:00Z'), id: '5b0f1d8e-0000-4000-8000-000000000001', ...more });
  const provenance = JSON.parse(entries.at(-1).json);
  return { entries, provenance, changed: entries.length === 2 ? JSON.parse(entries[0].json) : null };
};
const codeOf = (concept) => concept?.coding[0].code;

// [verificationStatus or status, clinicalStatus, claims a profile] after each decision; null where the Provenance stands alone.
const table = {
  Condition: { confirmed: ['confirmed', 'active', true], corrected: ['confirmed', 'active', false], 'wrong-reading': ['entered-in-error', undefined, false], 'ruled-out': ['refuted', undefined, false] },
  AllergyIntolerance: { confirmed: ['confirmed', 'active', true], corrected: ['confirmed', 'active', false], 'wrong-reading': ['entered-in-error', undefined, false], 'ruled-out': ['refuted', 'inactive', true] },
  MedicationStatement: { confirmed: null, corrected: ['active', undefined, false], 'wrong-reading': ['entered-in-error', undefined, false] },
  Procedure: { confirmed: null, corrected: ['completed', undefined, false], 'wrong-reading': ['entered-in-error', undefined, false] },
  Observation: { confirmed: ['final', undefined, true], corrected: ['final', undefined, false], 'wrong-reading': ['entered-in-error', undefined, false] },
  FamilyMemberHistory: { confirmed: null, corrected: ['partial', undefined, false], 'wrong-reading': ['entered-in-error', undefined, false] },
};

for (const [type, byDecision] of Object.entries(table)) {
  test(`${type}: what each decision writes`, () => {
    const fact = facts[type];
    assert.deepEqual(possible(fact, 'unreviewed'), Object.keys(byDecision));
    for (const [decision, want] of Object.entries(byDecision)) {
      const { changed, provenance, entries } = decide(fact, decision);
      assert.equal(provenance.target[0].reference, `${type}/${fact.id}`);
      assert.equal(provenance.agent[0].type.coding[0].code, 'verifier');
      assert.deepEqual(provenance.agent[0].who, reviewer.who);
      assert.deepEqual(provenance.entity.map((e) => [e.role, e.what.reference]), [['source', 'DocumentReference/9'], ...(want ? [['revision', `${type}/${fact.id}/_history/3`]] : [])]);
      assert.equal(provenance.activity.coding.at(-1).code, decision);
      assert.equal(changed === null, want === null, decision);
      if (!want) continue;
      assert.deepEqual(entries[0].request, { method: 'PUT', url: `${type}/${fact.id}`, ifMatch: 'W/"3"' });
      assert.deepEqual([codeOf(changed.verificationStatus) ?? changed.status, codeOf(changed.clinicalStatus), changed.meta.profile !== undefined], want, decision);
      invariants(changed);
      assert.deepEqual(changed.extension, fact.extension, 'what it rests on stays');
      assert.deepEqual(changed.meta.security, fact.meta.security, 'that a machine has found it stays');
      assert.match(changed.text.div, /^<div xmlns="http:\/\/www.w3.org\/1999\/xhtml">.*(by a person|read wrongly)\.<\/div>$/);
    }
  });
}

// con-3, con-4, con-5 of Condition, ait-1, ait-2 of AllergyIntolerance (FHIR R4).
function invariants(r) {
  const verification = codeOf(r.verificationStatus);
  if (r.resourceType === 'Condition') {
    const onList = (r.category ?? []).some((c) => codeOf(c) === 'problem-list-item');
    if (verification !== 'entered-in-error' && onList) assert.ok(r.clinicalStatus, 'con-3');
    if (Object.keys(r).some((name) => name.startsWith('abatement'))) assert.ok(['inactive', 'resolved', 'remission'].includes(codeOf(r.clinicalStatus)), 'con-4');
    if (verification === 'entered-in-error') assert.equal(r.clinicalStatus, undefined, 'con-5');
  }
  if (r.resourceType === 'AllergyIntolerance') assert.equal(r.clinicalStatus === undefined, verification === 'entered-in-error', 'ait-1, ait-2');
}

test('a Condition that has ended, and one with two categories', () => {
  const ended = { ...facts.Condition, clinicalStatus: coded('condition-clinical', 'resolved'), abatementString: 'in March', category: [coded('condition-category', 'problem-list-item'), coded('condition-category', 'encounter-diagnosis')] };
  for (const decision of decisions) invariants(decide(ended, decision).changed);
  assert.deepEqual(decide(ended, 'ruled-out').changed.category, [ended.category[1]]);
  assert.equal(decide(facts.Condition, 'ruled-out').changed.category, undefined);
});

test('what was ruled out is not made true by confirming it', () => {
  for (const type of ['Condition', 'AllergyIntolerance']) {
    const refuted = { ...facts[type], verificationStatus: { coding: [{ ...facts[type].verificationStatus.coding[0], code: 'refuted' }] } };
    assert.equal(decide(refuted, 'confirmed').changed, null);
    assert.equal(codeOf(decide(refuted, 'corrected').changed.verificationStatus), 'refuted');
    assert.deepEqual(possible(refuted, 'unreviewed'), ['confirmed', 'corrected', 'wrong-reading']);
  }
});

test('what is uncertain is confirmed by itself, and stays uncertain when its words are corrected', () => {
  const uncertain = { ...facts.Condition, verificationStatus: coded('condition-ver-status', 'provisional') };
  assert.ok(isUncertain(uncertain) && !isUncertain(facts.Condition));
  assert.equal(codeOf(decide(uncertain, 'confirmed').changed.verificationStatus), 'confirmed');
  assert.equal(codeOf(decide(uncertain, 'corrected').changed.verificationStatus), 'provisional');
});

test('a correction changes words and codes where each type has them', () => {
  const made = (type) => decide(facts[type], 'corrected').changed;
  const want = { coding: correction.coding, text: 'podagra' };
  for (const type of ['Condition', 'AllergyIntolerance', 'Procedure', 'Observation']) assert.deepEqual(made(type).code, want);
  assert.deepEqual(made('MedicationStatement').medicationCodeableConcept, want);
  assert.deepEqual(made('FamilyMemberHistory').condition, [{ code: want, onsetAge: { value: 52 } }]);
  assert.deepEqual(decide(facts.Condition, 'corrected', { correction: { text: 'x', coding: [] } }).changed.code, { text: 'x' });
  assert.equal(decide({ ...facts.Observation, status: 'final' }, 'corrected').changed.status, 'corrected');
  assert.equal(decide({ ...facts.Observation, status: 'final' }, 'confirmed').changed, null);
});

test('numbers keep their digits, and words are no markup', () => {
  const json = '{"resourceType":"Observation","id":"5","status":"preliminary","code":{"text":"<b>Na & K</b>"},"valueQuantity":{"value":8.0,"unit":"g/dL"},"extension":[{"url":"x","valueDecimal":0.900}]}';
  const [{ json: changed, request }] = review({ json, decision: 'confirmed', reviewer, note: 'DocumentReference/9', now: new Date(), id: 'x' });
  assert.ok(changed.includes('"value":8.0,') && changed.includes('0.900'), changed);
  assert.ok(JSON.parse(changed).text.div.includes('&lt;b&gt;Na &amp; K&lt;/b&gt;'));
  assert.equal(request.ifMatch, undefined, 'a server without versions');
});

test('JSON is edited in one place', () => {
  for (const [json, path, value, want] of [
    ['{"a": 1.0, "b": [2.50, {"c": 3}]}', ['b', 1, 'c'], 4, '{"a":1.0,"b":[2.50,{"c":4}]}'],
    ['{"a":1.0}', ['b'], { c: 'x' }, '{"a":1.0,"b":{"c":"x"}}'],
    ['{"a":1.0,"b":2}', ['b'], undefined, '{"a":1.0}'],
    ['{"a":1.0}', ['b'], undefined, '{"a":1.0}'],
    ['{"a":{"b":1,"c":"}"}}', ['a', 'b'], undefined, '{"a":{"c":"}"}}'],
  ]) assert.equal(edit(json, path, value), want);
});

test('who has reviewed a fact, and what charthand has written of it', () => {
  const own = { resourceType: 'Provenance', id: 'a', meta: { tag: [{ system: 'urn:charthand:fhir:extraction', code: 'x' }] }, target: [{ reference: 'Condition/1' }], recorded: '2026-11-30T10:00:00Z', agent: [{ who: { reference: 'Device/1' } }] };
  const human = (decision, recorded, target = 'Condition/1') => ({ ...decide({ ...facts.Condition }, decision, { now: new Date(recorded) }).provenance, target: [{ reference: target }] });
  const state = (...provenances) => stateOf(facts.Condition, [own, ...provenances]);
  assert.deepEqual(state(), { state: 'unreviewed' });
  assert.deepEqual(state(human('confirmed', '2026-11-30T11:00:00Z', 'https://fhir.example.org/r4/Condition/1/_history/2')), { state: 'confirmed', who: 'Dr. Ada Test', when: '2026-11-30T11:00:00.000Z' });
  assert.equal(state(human('corrected', '2026-11-30T12:00:00Z'), human('confirmed', '2026-11-30T11:00:00Z')).state, 'corrected');
  assert.equal(state(human('confirmed', '2026-11-30T11:00:00Z', 'Condition/11')).state, 'unreviewed');
  const foreign = { ...own, id: 'b', meta: {}, agent: [{ who: { reference: 'Practitioner/2' } }] };
  assert.deepEqual(state(foreign), { state: 'changed', who: 'Practitioner/2', when: own.recorded });
  const verifier = { ...foreign, agent: [{ type: { coding: [{ code: 'verifier' }] }, who: { display: 'Dr. B' } }] };
  assert.equal(state(verifier).state, 'confirmed');
  const inError = decide(facts.Condition, 'wrong-reading').changed;
  assert.equal(stateOf(inError, [own]).state, 'retracted');
  assert.equal(stateOf(inError, [verifier]).state, 'wrong-reading');
  assert.deepEqual(possible(inError, 'wrong-reading'), []);
  assert.deepEqual(possible(facts.Condition, 'confirmed'), ['corrected', 'wrong-reading', 'ruled-out']);
  assert.deepEqual(possible({ resourceType: 'ServiceRequest' }, 'unreviewed'), []);
  assert.deepEqual(possible({ resourceType: 'MedicationStatement', medicationReference: { reference: '#m' } }, 'unreviewed'), ['confirmed', 'wrong-reading']);
});
