package sync_test

import (
	"context"
	"encoding/json"
	"testing"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
)

// seen is an Extractor that notes what it is shown beside a document.
type seen struct{ beside *fhir.Beside }

func (s *seen) Extract(_ context.Context, document *fhir.Document) (*extract.Result, error) {
	s.beside = document.Beside
	return &extract.Result{Made: &mapping.Made{Outcome: &fhir.Outcome{}}}, nil
}

// A person who has confirmed a fact by a Provenance alone is seen, though the fact itself is as it was written, and that Provenance names no note.
func TestReviewedByProvenance(t *testing.T) {
	m := newMemory()
	resource := func(s string) json.RawMessage { return json.RawMessage(s) }
	const own = `{"resourceType":"Provenance","id":"1","meta":{"tag":[{"system":"urn:charthand:fhir:extraction","code":"x"}]},"target":[{"reference":"Procedure/5"},{"reference":"MedicationStatement/6"}],"entity":[{"what":{"reference":"DocumentReference/1"}}]}`
	const review = `{"resourceType":"Provenance","id":"2","target":[{"reference":"MedicationStatement/6"}],"agent":[{"type":{"coding":[{"code":"verifier"}]},"who":{"reference":"Practitioner/3"}}]}`
	m.found = map[string][]json.RawMessage{
		"Provenance?entity=DocumentReference%2F1&_include=Provenance:target": {resource(own), resource(`{"resourceType":"Procedure","id":"5"}`), resource(`{"resourceType":"MedicationStatement","id":"6"}`)},
		"Provenance?target=": {resource(own), resource(review)},
	}
	e := &seen{}
	if err := newWorker(t, m, e, true).Handle(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	for fact, want := range map[string]int{"Procedure/5": 0, "MedicationStatement/6": 1} {
		others := 0
		for _, provenance := range e.beside.Targeting[fact] {
			if !rules.IsOwn(provenance) {
				others++
			}
		}
		if others != want {
			t.Errorf("%s: %d Provenances of others, want %d", fact, others, want)
		}
	}
}
