// readBundle(bundle, utf16) → [Resource]: the resources of a Bundle as the views take them; utf16 is that of the Note.
// link(note, resources) ties both together: resource.entities and entity.resources, by where the evidence stands.
//
//   Resource { index, type, group, title, details: [string], codings: [{system, code, display}], spans: [{start, end, place}], labels, confidence,
//              request: "POST", entities: [index], resource }         resource is the FHIR resource itself
// Spans come from the extension derivation-reference, whose offset and length count code points of the decoded text (docs/fhir.md); place is where
// in the original that is ("page 2"), where a position beside it says so (docs/attachments.md).

const derivation = 'http://hl7.org/fhir/StructureDefinition/derivation-reference';

// The groups of the list, in its order, with the types that are in each.
export const groups = [
  { title: 'Problems', types: ['Condition'] },
  { title: 'Allergies', types: ['AllergyIntolerance'] },
  { title: 'Medications', types: ['MedicationStatement', 'MedicationRequest'] },
  { title: 'Procedures', types: ['Procedure', 'ServiceRequest'] },
  { title: 'Observations', types: ['Observation'] },
  { title: 'Family history', types: ['FamilyMemberHistory'] },
  { title: 'Behind them', types: [] }, // Device, Provenance and whatever else there is
];

export function readBundle(bundle, utf16) {
  return (bundle?.entry ?? []).filter((entry) => entry.resource).map(({ resource, request }, index) => {
    const extensions = resource.extension ?? [];
    const concept = conceptOf(resource);
    return {
      index,
      type: resource.resourceType,
      group: Math.max(groups.findIndex((g) => g.types.includes(resource.resourceType)), -1),
      title: titleOf(resource, concept),
      details: [...detailsOf(resource), ...statusesOf(resource)],
      codings: concept?.coding ?? [],
      spans: spansOf(extensions, utf16),
      labels: extensions.filter((x) => /[:/]label$/.test(x.url)).map((x) => x.valueString),
      confidence: extensions.find((x) => /confidence$/i.test(x.url))?.valueDecimal,
      request: request?.method ?? '',
      entities: [],
      resource,
    };
  });
}

export function link(note, resources) {
  for (const entity of note.entities) entity.resources = [];
  const sorted = [...note.entities].sort((a, b) => a.start - b.start);
  const longest = sorted.reduce((most, e) => Math.max(most, e.end - e.start), 0);
  for (const resource of resources) {
    const touched = new Set();
    for (const span of resource.spans) {
      let low = 0;
      for (let high = sorted.length; low < high;) {
        const middle = (low + high) >> 1;
        if (sorted[middle].start <= span.start - longest) low = middle + 1;
        else high = middle;
      }
      for (let i = low; i < sorted.length && sorted[i].start < span.end; i++) if (sorted[i].end > span.start) touched.add(sorted[i].index);
    }
    resource.entities = [...touched];
    for (const index of touched) note.entities[index].resources.push(resource.index);
  }
}

// sentenceOf(resource) → what it says in words: "pneumonia, left lung (active, confirmed)".
export function sentenceOf(resource) {
  const statuses = statusesOf(resource);
  return [titleOf(resource, conceptOf(resource)), ...detailsOf(resource)].join(', ') + (statuses.length > 0 ? ` (${statuses.join(', ')})` : '');
}

// mentionsOf(note, resource) → the entities that a resource is about: those with its labels, or all that it rests on.
export function mentionsOf(note, resource) {
  const all = resource.entities.map((index) => note.entities[index]);
  const own = all.filter((e) => resource.labels.includes(e.label));
  return own.length > 0 ? own : all;
}

const partOf = (extension, name, kind) => extension.extension?.find((x) => x.url === name)?.[`value${kind}`];

function spansOf(extensions, utf16) {
  const places = new Map();
  for (const position of extensions.filter((x) => /[:/]position$/.test(x.url))) {
    const page = partOf(position, 'page', 'Integer');
    places.set(partOf(position, 'offset', 'Integer'), page ? `page ${page}` : partOf(position, 'xpath', 'String'));
  }
  return extensions.filter((x) => x.url === derivation)
    .map((x) => ({ offset: partOf(x, 'offset', 'Integer'), length: partOf(x, 'length', 'Integer') }))
    .filter(({ offset, length }) => offset >= 0 && length > 0)
    .map(({ offset, length }) => ({ start: utf16(offset), end: utf16(offset + length), place: places.get(offset) ?? '' }));
}

export const conceptOf = (r) => r.medicationCodeableConcept ?? (r.resourceType === 'FamilyMemberHistory' ? r.condition?.[0]?.code : r.code);

export const wordsOf = (concept) => concept?.text ?? concept?.coding?.[0]?.display ?? concept?.coding?.[0]?.code;

function titleOf(r, concept) {
  if (r.resourceType === 'Device') return r.deviceName?.[0]?.name ?? 'Device';
  if (r.resourceType === 'Provenance') return 'Where the facts come from';
  return wordsOf(concept) ?? r.resourceType;
}

// An element may repeat in one resource type and not in another: Condition.bodySite, Observation.bodySite.
const each = (element) => (Array.isArray(element) ? element : element === undefined ? [] : [element]);

function detailsOf(r) {
  const list = [];
  const add = (before, words) => {
    if (words !== undefined && words !== null && words !== '') list.push(before + words);
  };
  if (r.resourceType === 'FamilyMemberHistory') add('', wordsOf(r.relationship));
  add('', value(r));
  for (const component of each(r.component)) add(`${wordsOf(component.code) ?? ''} `, value(component));
  for (const dosage of each(r.dosage)) add('', dosage.text);
  for (const site of each(r.bodySite)) add('', wordsOf(site));
  add('', wordsOf(r.severity)?.toLowerCase());
  for (const reaction of each(r.reaction)) for (const sign of each(reaction.manifestation)) add('reaction: ', wordsOf(sign));
  add('onset ', time(r, 'onset') ?? time(r.condition?.[0], 'onset'));
  add('', time(r, 'performed'));
  add('', time(r, 'effective'));
  if (r.resourceType === 'Device') for (const version of each(r.version)) if (version.type?.text !== undefined) add(`${version.type.text} `, version.value);
  if (r.resourceType === 'Provenance') add('', `${r.target?.length ?? 0} resources`);
  return list;
}

function statusesOf(r) {
  const code = (c) => c?.coding?.[0]?.code ?? c?.text;
  return r.resourceType === 'Device' ? [] : [code(r.clinicalStatus), code(r.verificationStatus), r.status].filter(Boolean);
}

function value(r) {
  if (r.valueQuantity) return quantity(r.valueQuantity);
  if (r.valueRange) return range(r.valueRange);
  if (r.valueRatio) return `${quantity(r.valueRatio.numerator)}/${quantity(r.valueRatio.denominator)}`;
  return r.valueString ?? r.valueBoolean?.toString() ?? wordsOf(r.valueCodeableConcept);
}

export const quantity = (q) => `${q?.comparator ?? ''}${q?.value ?? ''}${q?.unit ? ` ${q.unit}` : ''}`;

export const range = (r) => (r.low && r.high ? `${quantity({ ...r.low, unit: undefined })}–${quantity(r.high)}` : r.low ? `from ${quantity(r.low)}` : `to ${quantity(r.high)}`);

function time(r, name) {
  if (!r) return undefined;
  const period = r[`${name}Period`];
  if (period) return `${period.start ?? ''} – ${period.end ?? ''}`;
  const age = r[`${name}Age`];
  if (age) return `at ${quantity(age)}`;
  return r[`${name}DateTime`] ?? r[`${name}String`];
}
