// readAnnotation(answer) → Note: an annotate object (docs of /api/annotate) as the views take it.
//
//   Note    { text, entities: [Entity], sections: [Section], coverage, utf16 }      utf16: from code points to indexes in text
//   Entity  { index, label, name, kind, start, end, words, score, states: [State], mark, cues: [{start, end, rule}], section, modifiers, modifies,
//             same: [index], codings, normal, value, sig, date, resources: [] }     start and end are indexes in text
//   State   { key, words }        "denied", "ruled out", …; mark is what stands beside the words in the text
//   Section { index, start, end, heading: {start, end}, title, code }
// `modifiers` and `modifies` are [{kind, entity}] with the other's index. `resources` is filled by link() in bundle.js.
import { kindOf, nameOf } from './kinds.js';
import { toUTF16 } from './offsets.js';

export function readAnnotation(answer) {
  const { text } = answer;
  const utf16 = toUTF16(text);
  const sections = (answer.sections ?? []).map((s, index) => {
    const heading = { start: utf16(s.heading.start), end: utf16(s.heading.end) };
    const title = text.slice(heading.start, heading.end).trim().replace(/:$/, '');
    return { index, start: utf16(s.start), end: utf16(s.end), heading, title, code: s.code };
  });
  const entities = (answer.entities ?? []).map((e, index) => ({
    index,
    label: e.label,
    name: nameOf(e.label),
    kind: kindOf(e.label),
    start: utf16(e.start),
    end: utf16(e.end),
    words: e.text,
    score: e.score,
    states: statesOf(e),
    mark: markOf(e),
    cues: (e.cues ?? []).map((cue) => ({ start: utf16(cue.start), end: utf16(cue.end), rule: cue.rule })),
    section: e.section === undefined ? undefined : sections[e.section],
    modifiers: [],
    modifies: [],
    same: (answer.groups?.[e.group] ?? []).filter((other) => other !== index),
    codings: e.codings ?? [],
    normal: e.normal,
    value: e.value,
    sig: e.sig,
    date: e.date,
    resources: [],
  }));
  for (const { kind, from, to } of answer.relations ?? []) {
    entities[to]?.modifiers.push({ kind, entity: from });
    entities[from]?.modifies.push({ kind, entity: to });
  }
  return { text, entities, sections, coverage: answer.coverage ?? { characters: 0, read: 0 }, utf16 };
}

// describe(entity) → what a screen reader says of it: "pneumonia, Disease disorder, denied, score 0.99".
export function describe(entity) {
  const words = entity.words.replace(/\s+/g, ' ');
  return [words, entity.name, ...entity.states.map((s) => s.words), `score ${entity.score.toFixed(2)}`].join(', ');
}

const isRelative = (e) => e.experiencer !== undefined && e.experiencer !== 'patient';

function statesOf(e) {
  const states = [];
  const add = (key, words) => states.push({ key, words });
  if (isRelative(e)) add('family', `of the ${relativeName(e.experiencer)}`);
  if (e.ruledOut) add('negated', 'ruled out');
  else if (e.negated) add('negated', 'denied');
  if (e.uncertain) add('uncertain', 'uncertain');
  if (e.hypothetical) add('hypothetical', 'only if');
  if (e.planned) add('planned', 'planned');
  if (e.resolved) add('historical', 'over or stopped');
  else if (e.historical) add('historical', 'in the past');
  return states;
}

function markOf(e) {
  const marks = [];
  if (isRelative(e)) marks.push(relativeName(e.experiencer));
  if (e.hypothetical) marks.push('if');
  if (e.planned) marks.push('planned');
  if (e.uncertain) marks.push('?');
  if (e.historical || e.resolved) marks.push('past');
  return marks.join(' · ');
}

// Names of relatives by their codes (HL7 v3-RoleCode).
const relatives = {
  FAMMEMB: 'relative', PRN: 'parent', MTH: 'mother', FTH: 'father', SIB: 'sibling', BRO: 'brother', SIS: 'sister', CHILD: 'child', SON: 'son', DAU: 'daughter',
  GRPRN: 'grandparent', GRMTH: 'grandmother', GRFTH: 'grandfather', MGRMTH: 'maternal grandmother', MGRFTH: 'maternal grandfather',
  PGRMTH: 'paternal grandmother', PGRFTH: 'paternal grandfather', AUNT: 'aunt', MAUNT: 'maternal aunt', PAUNT: 'paternal aunt', UNCLE: 'uncle',
  MUNCLE: 'maternal uncle', PUNCLE: 'paternal uncle', COUSN: 'cousin', NEPHEW: 'nephew', NIECE: 'niece', SPS: 'spouse', HUSB: 'husband', WIFE: 'wife',
  TWIN: 'twin', HBRO: 'half-brother', HSIS: 'half-sister', GRNDCHILD: 'grandchild',
};

const relativeName = (code) => relatives[code] ?? code;
