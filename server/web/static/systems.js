// systemName(uri) → what people call a code system; the uri itself where nobody has a name for it. systems are those that have one.
const names = {
  'http://snomed.info/sct': 'SNOMED CT',
  'http://hl7.org/fhir/sid/icd-10-cm': 'ICD-10-CM',
  'http://hl7.org/fhir/sid/icd-10': 'ICD-10',
  'http://www.nlm.nih.gov/research/umls/rxnorm': 'RxNorm',
  'http://loinc.org': 'LOINC',
  'http://unitsofmeasure.org': 'UCUM',
  'http://purl.obolibrary.org/obo/doid.owl': 'Disease Ontology',
};

export const systems = Object.keys(names);

export const systemName = (uri) => names[uri] ?? uri;
