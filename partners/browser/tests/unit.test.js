// What needs no browser: offsets, layout, JSON as text, kinds, links.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { describe, readAnnotation } from '../../../server/web/static/annotation.js';
import { link, mentionsOf, readBundle } from '../../../server/web/static/bundle.js';
import { isResource } from '../../../server/web/static/document.js';
import { indent, member, parts } from '../../../server/web/static/json-text.js';
import { kindOf, kinds, nameOf } from '../../../server/web/static/kinds.js';
import { blocks, layout } from '../../../server/web/static/layout.js';
import { toUTF16 } from '../../../server/web/static/offsets.js';

test('code points become UTF-16 once', () => {
  for (const text of ['', 'plain', 'ä\u0308 combining', '😀', 'a😀b👩‍⚕️c', '\ud800 lone', '\ud83d', 'x\udc00😀']) {
    const at = toUTF16(text);
    let units = 0;
    [...text].forEach((point, i) => {
      assert.equal(at(i), units, `${JSON.stringify(text)} at ${i}`);
      units += point.length;
    });
    assert.equal(at([...text].length), text.length);
    assert.equal(at(1000), text.length);
    assert.equal(at(-1), 0);
  }
});

const flat = (forest, depth = 0) => forest.flatMap((p) => [[p.span.name, p.start, p.end, p.first, depth], ...flat(p.children, depth + 1)]);

test('spans that nest and cross are laid out', () => {
  const spans = (...list) => list.map(([name, start, end]) => ({ name, start, end }));
  for (const [what, given, want] of [
    ['none', [], []],
    ['beside each other', spans(['b', 4, 6], ['a', 0, 4]), [['a', 0, 4, true, 0], ['b', 4, 6, true, 0]]],
    ['nested', spans(['in', 2, 4], ['out', 0, 6]), [['out', 0, 6, true, 0], ['in', 2, 4, true, 1]]],
    ['the same', spans(['a', 0, 4], ['b', 0, 4]), [['a', 0, 4, true, 0], ['b', 0, 4, true, 1]]],
    ['beginning together', spans(['short', 0, 2], ['long', 0, 4]), [['long', 0, 4, true, 0], ['short', 0, 2, true, 1]]],
    ['crossing', spans(['a', 0, 5], ['b', 3, 8]), [['a', 0, 5, true, 0], ['b', 3, 5, true, 1], ['b', 5, 8, false, 0]]],
    ['crossing twice', spans(['a', 0, 5], ['b', 3, 8], ['c', 4, 9]),
      [['a', 0, 5, true, 0], ['b', 3, 5, true, 1], ['c', 4, 5, true, 2], ['c', 5, 9, false, 0], ['b', 5, 8, false, 1]]],
    ['empty', spans(['a', 3, 3], ['b', 5, 4]), []],
  ]) assert.deepEqual(flat(layout(given)), want, what);
});

// A small generator of pseudo-random numbers (Park and Miller), so that a failure comes back.
function numbers(seed) {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

test('whatever the spans, the pieces are a tree and cover them exactly', () => {
  const next = numbers(7);
  for (let round = 0; round < 300; round++) {
    const spans = Array.from({ length: next(12) }, (_, name) => {
      const start = next(30);
      return { name, start, end: start + next(10) };
    });
    const covered = new Map(spans.map((s) => [s, []]));
    const walk = (pieces, from, to) => {
      let at = from;
      for (const p of pieces) {
        assert.ok(p.start >= at && p.end <= to && p.start < p.end);
        covered.get(p.span).push(p);
        walk(p.children, p.start, p.end);
        at = p.end;
      }
    };
    const forest = layout(spans);
    walk(forest, 0, Infinity);
    for (const [span, pieces] of covered) {
      pieces.sort((a, b) => a.start - b.start);
      assert.equal(pieces.reduce((sum, p) => sum + p.end - p.start, 0), Math.max(0, span.end - span.start));
      pieces.forEach((p, i) => assert.equal(p.first, i === 0));
    }
    const text = Array.from({ length: 40 }, () => 'ab \n'[next(4)]).join('');
    const cut = blocks(text, forest, [], 3);
    assert.equal(cut.map((b) => text.slice(b.start, b.end)).join(''), text);
    for (const b of cut) for (const p of forest) assert.ok(p.start >= b.end || p.end <= b.end || p.start >= text.length, 'a block ends inside a span');
  }
});

test('a text is cut at empty lines, at sections and when a block grows long', () => {
  const cut = (text, spans = [], starts = [], lines = 16) => blocks(text, spans, starts, lines).map((b) => text.slice(b.start, b.end));
  assert.deepEqual(cut(''), ['']);
  assert.deepEqual(cut('a\nb\n\n\nc'), ['a\nb\n\n\n', 'c']);
  assert.deepEqual(cut('a\nb\nc\nd\n', [], [], 2), ['a\nb\n', 'c\nd\n']);
  assert.deepEqual(cut('a\nB:\nc', [], [2]), ['a\n', 'B:\nc']);
  assert.deepEqual(cut('a\n\nb\n\nc', [{ start: 0, end: 4 }]), ['a\n\nb\n\n', 'c']);
});

test('JSON keeps its digits', () => {
  const text = '{"a":[1,8.0,{}],"b":{"c":"x\\"}],","d":[]},"e":null,"f":-1.50e2,"g":[[]]}';
  assert.equal(indent(text), JSON.stringify(JSON.parse(text), null, 2).replace('8,', '8.0,').replace('-150', '-1.50e2'));
  assert.deepEqual(parts(text).map((p) => [p.key, text.slice(p.start, p.end)]),
    [['a', '[1,8.0,{}]'], ['b', '{"c":"x\\"}],","d":[]}'], ['e', 'null'], ['f', '-1.50e2'], ['g', '[[]]']]);
  assert.deepEqual(parts('[ "a", {"b":[1]} , 3]').map((p) => p.key), [0, 1, 2]);
  assert.deepEqual(parts('{}'), []);
  assert.equal(member(text, 'f'), '-1.50e2');
  assert.equal(member(text, 'x'), '');
});

test('labels have the kinds that the stages give them', async () => {
  const yaml = await readFile(new URL('../../../nlp/labels.yaml', import.meta.url), 'utf8');
  const ofStages = { problem: ['disease', 'symptom'], family: ['family'], drug: ['drug'], procedure: ['procedure'], treatment: ['drug'], test: ['test'], result: ['result'], measurement: ['result'], time: ['time'], duration: ['time'], event: ['event'], modifier: ['detail'] };
  let count = 0;
  for (const [, kind, list] of yaml.matchAll(/^(\w+): \[([^\]]*)\]/gm)) {
    for (const label of list.split(',').map((l) => l.trim())) {
      assert.ok(ofStages[kind].includes(kindOf(label)), `${label} is ${kindOf(label)}, and ${kind} to the stages`);
      assert.ok(kinds.includes(kindOf(label.toUpperCase())));
      count++;
    }
  }
  assert.ok(count > 40);
  assert.equal(kindOf('Something_new'), 'disease');
  assert.equal(nameOf('Disease_disorder'), 'Disease disorder');
});

const annotation = {
  text: '😀 No pneumonia. Mother: asthma?',
  sections: [{ start: 16, end: 31, heading: { start: 16, end: 23 } }],
  entities: [
    { label: 'Disease_disorder', start: 5, end: 14, text: 'pneumonia', score: 0.987, group: 0, negated: true, experiencer: 'patient', cues: [{ start: 2, end: 4, rule: 'no' }] },
    { label: 'Disease_disorder', start: 24, end: 30, text: 'asthma', score: 0.7, section: 0, group: 1, uncertain: true, experiencer: 'MTH' },
  ],
  relations: [{ kind: 'modify', from: 1, to: 0 }],
  groups: [[0], [1]],
};

test('an annotate object becomes a Note in UTF-16', () => {
  const note = readAnnotation(annotation);
  assert.deepEqual(note.entities.map((e) => note.text.slice(e.start, e.end)), ['pneumonia', 'asthma']);
  assert.deepEqual(note.entities.map(describe), ['pneumonia, Disease disorder, denied, score 0.99', 'asthma, Disease disorder, of the mother, uncertain, score 0.70']);
  assert.deepEqual(note.entities.map((e) => e.mark), ['', 'mother · ?']);
  assert.equal(note.entities[1].section.title, 'Mother');
  assert.deepEqual(note.entities[0].modifiers, [{ kind: 'modify', entity: 1 }]);
});

test('resources are tied to the words that they rest on', () => {
  const note = readAnnotation(annotation);
  const evidence = (offset, length) => ({ url: 'http://hl7.org/fhir/StructureDefinition/derivation-reference', extension: [{ url: 'offset', valueInteger: offset }, { url: 'length', valueInteger: length }] });
  const resources = readBundle({ entry: [
    { resource: { resourceType: 'Condition', code: { text: 'asthma' }, extension: [evidence(24, 6), evidence(2, 2), { url: 'urn:charthand:fhir:label', valueString: 'Disease_disorder' }, { url: 'urn:charthand:fhir:confidence', valueDecimal: 0.7 }] }, request: { method: 'POST' } },
    { request: { method: 'DELETE', url: 'Condition/1' } },
    { resource: { resourceType: 'Device' } },
  ] }, note.utf16);
  link(note, resources);
  assert.deepEqual(resources.map((r) => [r.type, r.title, r.entities, r.spans.map((s) => note.text.slice(s.start, s.end)), r.confidence]),
    [['Condition', 'asthma', [1], ['asthma', 'No'], 0.7], ['Device', 'Device', [], [], undefined]]);
  assert.deepEqual(note.entities.map((e) => e.resources), [[], [0]]);
  assert.deepEqual(mentionsOf(note, resources[0]).map((e) => e.words), ['asthma']);
});

test('a resource in JSON is told from a note', () => {
  assert.deepEqual(['{"resourceType":"DocumentReference"}', ' {"text":"a"}', '{resourceType', 'Note', '[]'].map(isResource), [true, false, false, false, false]);
});
