// What labels are called and how they are drawn: a kind has one colour and one shape of its own (style.css: .kind-…).

// The kinds, in the order in which they are listed.
export const kinds = ['disease', 'symptom', 'drug', 'procedure', 'test', 'result', 'family', 'event', 'time', 'detail'];

// The labels of each kind, as nlp/labels.yaml has them, in small letters.
const labels = {
  disease: ['disease_disorder', 'problem', 'reason', 'ade'],
  symptom: ['sign_symptom'],
  drug: ['medication', 'drug', 'treatment'],
  procedure: ['therapeutic_procedure'],
  test: ['diagnostic_procedure', 'test'],
  result: ['lab_value', 'mass', 'height', 'weight'],
  family: ['family_history'],
  event: ['clinical_event'],
  time: ['date', 'time', 'age', 'duration'],
  detail: [
    'biological_structure', 'detailed_description', 'severity', 'dosage', 'frequency', 'administration', 'sex', 'distance', 'shape', 'color', 'texture',
    'area', 'volume', 'quantitative_concept', 'qualitative_concept', 'biological_attribute', 'nonbiological_location', 'occupation', 'subject',
    'strength', 'form', 'route', 'personal_background', 'coreference', 'history', 'outcome', 'other_event', 'other_entity',
  ],
};

const byLabel = new Map(Object.entries(labels).flatMap(([kind, list]) => list.map((label) => [label, kind])));

// kindOf(label) → a kind. A label that nobody knows is a problem, as it is to the stages.
export const kindOf = (label) => byLabel.get(label.toLowerCase()) ?? 'disease';

// nameOf(label) → "Disease disorder".
export function nameOf(label) {
  const words = label.replaceAll('_', ' ').trim();
  return words === '' ? 'Mention' : words[0].toUpperCase() + words.slice(1);
}
