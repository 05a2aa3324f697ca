package mapping_test

import (
	"strings"
	"testing"

	"charthand/mapping"
	"charthand/nlp"
	"charthand/nlp/measure"
	"charthand/nlp/when"

	"github.com/google/go-cmp/cmp"
)

const (
	icd10cm  = "http://hl7.org/fhir/sid/icd-10-cm"
	icd10pcs = "http://www.cms.gov/Medicare/Coding/ICD10"
	loinc    = "http://loinc.org"
	snomed   = "http://snomed.info/sct"
)

// sure is a coding that is to be written, doubtful one that is not.
func sure(system, code string) nlp.Coding {
	return nlp.Coding{System: system, Code: code, Display: "D", Score: 0.95, Chosen: true}
}

func doubtful(system, code string) nlp.Coding {
	return nlp.Coding{System: system, Code: code, Score: 0.4}
}

// Codes are written beside the note's words where they are sure, in the resources that carry codes of their system.
func TestCodes(t *testing.T) {
	type coding = []any
	one := func(system, code string) map[string]any {
		return map[string]any{"system": system, "code": code, "display": "D"}
	}
	for name, test := range map[string]struct {
		mention string
		codings []nlp.Coding
		path    string
		want    any
	}{
		"a problem, in two systems":         {"Disease_disorder:asthma", []nlp.Coding{sure(snomed, "1"), doubtful(snomed, "2"), sure(icd10cm, "J45")}, "code", map[string]any{"text": "asthma", "coding": coding{one(snomed, "1"), one(icd10cm, "J45")}}},
		"what is not sure":                  {"Disease_disorder:asthma", []nlp.Coding{doubtful(icd10cm, "J45")}, "code", map[string]any{"text": "asthma"}},
		"a drug":                            {"Medication:aspirin", []nlp.Coding{sure("urn:drugs", "7")}, "medicationCodeableConcept", map[string]any{"text": "aspirin", "coding": coding{one("urn:drugs", "7")}}},
		"a procedure has no code of a test": {"Therapeutic_procedure:excision", []nlp.Coding{sure(loinc, "1-8"), sure(icd10pcs, "0SJ")}, "code", map[string]any{"text": "excision", "coding": coding{one(icd10pcs, "0SJ")}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, words, _ := strings.Cut(test.mention, ":")
			d := annotated("He has "+words+".", nlp.Present, test.mention)
			d.Entities[0].Codings = test.codings
			entries, _ := written(t, newMapper(t, nil), document(t, withSubject), d)
			if diff := cmp.Diff(test.want, at(entries[1], "resource."+test.path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A test's result has no code of a procedure; a vital sign has its code only where its whole profile holds.
func TestCodesOfObservations(t *testing.T) {
	d := annotated("Pulse 80.", nlp.Present, "Diagnostic_procedure:Pulse", "Lab_value:80")
	d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 1, To: 0}}
	d.Entities[0].Codings = []nlp.Coding{sure(loinc, "8867-4"), sure(icd10pcs, "4A0"), sure(snomed, "1")}
	d.Entities[1].Value = &measure.Value{Quantity: measure.NewQuantity("80", "/min")}
	entries, _ := written(t, newMapper(t, nil), document(t, `"id":"n1","subject":{"reference":"Patient/p1"},`), d)
	want := any([]any{map[string]any{"system": snomed, "code": "1", "display": "D"}})
	if diff := cmp.Diff(want, at(entries[1], "resource.code.coding")); diff != "" {
		t.Errorf("without a date (-want +got):\n%s", diff)
	}
	d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: 0, End: 5}, Label: "Date", Score: 0.9, When: &when.Expression{DateTime: "2025-02-17"}})
	d.Relations = append(d.Relations, nlp.Relation{Kind: nlp.When, From: 2, To: 0})
	entries, _ = written(t, newMapper(t, nil), document(t, `"id":"n1","subject":{"reference":"Patient/p1"},`), d)
	want = []any{map[string]any{"system": loinc, "code": "8867-4", "display": "Heart rate"}, map[string]any{"system": snomed, "code": "1", "display": "D"}}
	if diff := cmp.Diff(want, at(entries[1], "resource.code.coding")); diff != "" {
		t.Errorf("with all that its profile wants (-want +got):\n%s", diff)
	}
}

// What a terminology says changes no identity.
func TestCodesAreNotInIdentities(t *testing.T) {
	identifier := func(codings []nlp.Coding) any {
		d := annotated("He has asthma.", nlp.Present, "Disease_disorder:asthma")
		d.Entities[0].Codings = codings
		entries, _ := written(t, newMapper(t, nil), document(t, withSubject), d)
		return at(entries[1], "resource.identifier.0.value")
	}
	if without, with := identifier(nil), identifier([]nlp.Coding{sure(icd10cm, "J45")}); without != with {
		t.Errorf("%v without a code, %v with one", without, with)
	}
}

// A relative's problem has the code of the words that are written, or none.
func TestCodesOfRelatives(t *testing.T) {
	for mention, coded := range map[string]bool{"breast cancer": true, "mother had breast cancer": false} {
		d := annotated("Her "+mention+".", nlp.Assertion{Experiencer: "MTH"}, "Family_history:"+mention)
		d.Entities[0].Codings = []nlp.Coding{sure(icd10cm, "C50.919")}
		entries, _ := written(t, newMapper(t, nil), document(t, withSubject), d)
		if got := at(entries[1], "resource.condition.0.code.coding.0.code") == "C50.919"; got != coded {
			t.Errorf("%s: coded %v, want %v: %v", mention, got, coded, entries[1])
		}
	}
}

// A site decides which systems a type of resource carries.
func TestNotCodedWith(t *testing.T) {
	d := annotated("He has asthma.", nlp.Present, "Disease_disorder:asthma")
	d.Entities[0].Codings = []nlp.Coding{sure(icd10cm, "J45")}
	mapper := newMapper(t, func(rules *mapping.Rules) {
		rules.NotCodedWith[mapping.Condition] = []string{icd10cm}
	})
	entries, _ := written(t, mapper, document(t, withSubject), d)
	if got := at(entries[1], "resource.code.coding"); got != nil {
		t.Errorf("got %v", got)
	}
}
