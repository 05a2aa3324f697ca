package sync_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/mapping"
	"charthand/sync"

	"github.com/google/go-cmp/cmp"
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

// changing is an Extractor that changes one fact; meanwhile is what happens while it works.
type changing struct{ meanwhile func() }

func (c changing) Extract(context.Context, *fhir.Document) (*extract.Result, error) {
	c.meanwhile()
	return &extract.Result{Made: &mapping.Made{Outcome: &fhir.Outcome{}, Bundle: &fhir.Bundle{ResourceType: "Bundle", Type: "transaction", Entry: []fhir.Entry{{
		FullURL: "urn:uuid:6", Resource: map[string]any{"resourceType": "MedicationStatement", "id": "6"},
		Request: fhir.Request{Method: "PUT", URL: "MedicationStatement/6", IfMatch: `W/"1"`},
	}}}}}, nil
}

const (
	ownProvenance = `{"resourceType":"Provenance","id":"1","target":[{"reference":"MedicationStatement/6"}],"entity":[{"what":{"reference":"DocumentReference/1"}}]}`
	review        = `{"resourceType":"Provenance","id":"2","target":[{"reference":"MedicationStatement/6"}],"agent":[{"who":{"reference":"Practitioner/3"}}]}`
	statement     = `{"resourceType":"MedicationStatement","id":"6","identifier":[{"value":"urn:uuid:6"}]}`
)

// A review that comes while the note is read, by a Provenance alone, makes no new version that ifMatch could tell of: nothing is written, and the
// job waits to be done again with the review in sight.
func TestReviewedMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile []string
		fails     bool
	}{
		"nothing":          {[]string{ownProvenance}, false},
		"somebody reviews": {[]string{ownProvenance, review}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			m.found = map[string][]json.RawMessage{
				"Provenance?entity=DocumentReference%2F1": {json.RawMessage(ownProvenance), json.RawMessage(statement)},
				"Provenance?target=":                      {json.RawMessage(ownProvenance)},
			}
			e := changing{meanwhile: func() {
				m.found["Provenance?target="] = nil
				for _, provenance := range test.meanwhile {
					m.found["Provenance?target="] = append(m.found["Provenance?target="], json.RawMessage(provenance))
				}
			}}
			err := newWorker(t, m, e, true).Handle(t.Context(), job)
			if (err != nil) != test.fails || client.IsTemporary(err) != test.fails || len(m.held) == 0 != test.fails {
				t.Errorf("%v, %d resources written", err, len(m.held))
			}
		})
	}
}

// remembering is a server that tells what some resources were, and are: null where they are deleted.
type remembering struct {
	*memory
	now, past map[string]string
	asked     *[]string
	refuses   int
}

func (r remembering) Read(ctx context.Context, reference string) (json.RawMessage, error) {
	if strings.HasPrefix(reference, "DocumentReference/") {
		return r.memory.Read(ctx, reference)
	}
	*r.asked = append(*r.asked, reference)
	if now := r.now[reference]; now != "" {
		return json.RawMessage(now), nil
	}
	return nil, &client.StatusError{Status: 410}
}

func (r remembering) Search(ctx context.Context, query string, each func(client.Found) error) error {
	name, isHistory := strings.CutSuffix(query, "/_history")
	if !isHistory {
		return r.memory.Search(ctx, query, each)
	}
	*r.asked = append(*r.asked, query)
	if r.refuses != 0 {
		return &client.StatusError{Status: r.refuses}
	}
	for _, version := range []string{r.now[name], r.past[name]} {
		if version == "" {
			continue
		}
		if err := each(client.Found{Resource: json.RawMessage(version)}); err != nil {
			return err
		}
	}
	return nil
}

// What has become of a fact that is not shown any more, or has lost its identifier, its history tells, and of no other it is asked for.
func TestFormer(t *testing.T) {
	condition := func(more string) string {
		return `{"resourceType":"Condition","id":"5"` + more + `}`
	}
	const identified = `,"identifier":[{"value":"urn:uuid:5"}]`
	for name, test := range map[string]struct {
		shown, now, past string
		refuses          int
		held, former     string
		asked            []string
		fails            bool
	}{
		"as it was":                           {condition(identified), condition(identified), "", 0, condition(identified), "", nil, false},
		"not shown, and there":                {"", condition(identified), "", 0, condition(identified), "", []string{"Condition/5"}, false},
		"deleted":                             {"", "", condition(identified), 0, "", condition(identified), []string{"Condition/5", "Condition/5/_history"}, false},
		"without its identifier":              {condition(""), condition(""), condition(identified), 0, condition(""), condition(identified), []string{"Condition/5/_history"}, false},
		"deleted, and no history is kept":     {"", "", "", 404, "", "", []string{"Condition/5", "Condition/5/_history"}, false},
		"deleted, and the server does not do": {"", "", "", 501, "", "", []string{"Condition/5", "Condition/5/_history"}, false},
		"deleted, and the server is down":     {"", "", "", 503, "", "", []string{"Condition/5", "Condition/5/_history"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			found := []json.RawMessage{json.RawMessage(`{"resourceType":"Provenance","id":"1","target":[{"reference":"Condition/5"},{"reference":"DocumentReference/1"},{"reference":"Patient/1"}],"entity":[{"what":{"reference":"DocumentReference/1"}}]}`)}
			if test.shown != "" {
				found = append(found, json.RawMessage(test.shown))
			}
			m.found = map[string][]json.RawMessage{"Provenance?entity=DocumentReference%2F1": found}
			var asked []string
			server := remembering{m, map[string]string{"Condition/5": test.now}, map[string]string{"Condition/5": test.past}, &asked, test.refuses}
			e := &seen{}
			w, err := sync.New(sync.Config{Server: server, Extractor: e, Transactions: true})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Handle(t.Context(), job)
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Error(diff)
			}
			if test.fails {
				if !client.IsTemporary(err) || e.beside != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if held, former := string(e.beside.Resources["Condition/5"]), string(e.beside.Former["Condition/5"]); held != test.held || former != test.former {
				t.Errorf("held %s, formerly %s", held, former)
			}
		})
	}
}

// unchanging is a server that lets nobody change what it holds.
type unchanging struct{ *memory }

func (unchanging) Update(context.Context, string, string, any) (*client.Answer, error) {
	return nil, &client.StatusError{Status: 422}
}

// A drug still refers to a problem whose change the server refuses: that it does not would look like somebody's decision. Nothing tells that the
// problem was changed.
func TestRefusedChange(t *testing.T) {
	m := newMemory()
	b := bundle("c", "d")
	for i, entry := range b.Entry {
		if entry.FullURL == "urn:uuid:c" {
			b.Entry[i].Request = fhir.Request{Method: "PUT", URL: "Condition/5", IfMatch: `W/"1"`}
		}
	}
	w, err := sync.New(sync.Config{Server: unchanging{m}, Extractor: result{bundle: b}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Handle(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	var references []string
	for _, name := range slices.Sorted(maps.Keys(m.held)) {
		for _, element := range []string{"reasonReference", "target"} {
			list, _ := m.held[name][element].([]any)
			for _, reference := range list {
				references = append(references, element+" "+reference.(map[string]any)["reference"].(string))
			}
		}
	}
	if diff := cmp.Diff([]string{"reasonReference Condition/5", "target MedicationStatement/3", "target Condition/2"}, references); diff != "" {
		t.Error(diff)
	}
}
