package extract_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"charthand/extract"
	"charthand/fhir"
	"charthand/nlp"

	"github.com/google/go-cmp/cmp"
)

// shelf is a server in memory: it does what a transaction says, as FHIR R4 has it (3.1.0.11), and gives what it holds as a Bundle.
type shelf struct {
	t    *testing.T
	held map[string]map[string]any // "Type/id" → resource
	next int
	past map[string]json.RawMessage // what the history of a resource tells
}

func newShelf(t *testing.T) *shelf {
	return &shelf{t, map[string]map[string]any{}, 1, map[string]json.RawMessage{}}
}

// keep keeps what a resource is now as its history.
func (s *shelf) keep(reference string) {
	s.past[reference] = json.RawMessage(encodedOf(s.t, s.held[reference]))
}

// extract has a document read, the first of some, and runs what is made of it.
func (s *shelf) extract(e *extract.Extractor, documents ...map[string]any) *extract.Result {
	s.t.Helper()
	read, err := fhir.ReadDocuments(s.with(documents...))
	if err != nil {
		s.t.Fatal(err)
	}
	read[0].Beside.Former = s.past
	result, err := e.Extract(context.Background(), read[0])
	if err != nil {
		s.t.Fatal(err)
	}
	encoded, err := fhir.Encode(result.Bundle)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run(encoded)
	return result
}

// run runs a transaction.
func (s *shelf) run(bundle []byte) {
	s.t.Helper()
	var transaction struct {
		Entry []struct {
			FullURL  string
			Resource map[string]any
			Request  struct{ Method, URL, IfMatch, IfNoneExist string }
		}
	}
	decode(s.t, bundle, &transaction)
	meant := map[string]string{} // fullUrl → "Type/id"
	for i, entry := range transaction.Entry {
		if entry.Request.Method == "PUT" {
			meant[entry.FullURL] = entry.Request.URL
			if earlier := s.held[entry.Request.URL]; earlier == nil || entry.Request.IfMatch != fmt.Sprintf(`W/%q`, at(earlier, "meta", "versionId")) {
				s.t.Fatalf("entry %d: %s with %s: another version is there", i, entry.Request.URL, entry.Request.IfMatch)
			}
			continue
		}
		if there := s.find(entry.Request.URL, entry.Resource); there != "" {
			meant[entry.FullURL] = there
			continue
		}
		meant[entry.FullURL] = fmt.Sprintf("%s/%d", entry.Request.URL, s.next)
		s.next++
	}
	for _, entry := range transaction.Entry {
		reference := meant[entry.FullURL]
		earlier := s.held[reference]
		if earlier != nil && entry.Request.Method != "PUT" {
			continue // it exists
		}
		encoded, err := json.Marshal(entry.Resource)
		if err != nil {
			s.t.Fatal(err)
		}
		for full, own := range meant {
			encoded = bytes.ReplaceAll(encoded, []byte(`"reference":"`+full+`"`), []byte(`"reference":"`+own+`"`))
		}
		var resource map[string]any
		decode(s.t, encoded, &resource)
		version := 1
		if earlier != nil {
			version, _ = strconv.Atoi(at(earlier, "meta", "versionId").(string))
			version++
		}
		s.put(reference, resource, version)
	}
}

// decode reads JSON with its numbers as they are written: FHIR's decimals keep their digits.
func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func (s *shelf) put(reference string, resource map[string]any, version int) {
	meta, _ := resource["meta"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		resource["meta"] = meta
	}
	meta["versionId"] = strconv.Itoa(version)
	_, resource["id"], _ = strings.Cut(reference, "/")
	s.held[reference] = resource
}

// find gives the resource of a type with the same identifier, or the same extraction tag, empty for none.
func (s *shelf) find(resourceType string, resource map[string]any) string {
	for reference, held := range s.held {
		if held["resourceType"] != resourceType {
			continue
		}
		if resourceType == "Provenance" && name(held, "meta", "tag") == name(resource, "meta", "tag") ||
			resourceType != "Provenance" && name(held, "identifier") == name(resource, "identifier") {
			return reference
		}
	}
	return ""
}

func name(resource map[string]any, path ...string) string {
	encoded, _ := json.Marshal(at(resource, path...))
	return string(encoded)
}

func at(v any, path ...string) any {
	for _, key := range path {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

// with gives a Bundle of a document and all that the server holds.
func (s *shelf) with(documents ...map[string]any) []byte {
	s.t.Helper()
	bundle := map[string]any{"resourceType": "Bundle", "type": "collection"}
	var entries []any
	for _, document := range documents {
		entries = append(entries, map[string]any{"resource": document})
	}
	for _, reference := range slices.Sorted(maps.Keys(s.held)) {
		entries = append(entries, map[string]any{"resource": s.held[reference]})
	}
	bundle["entry"] = entries
	encoded, err := json.Marshal(bundle)
	if err != nil {
		s.t.Fatal(err)
	}
	return encoded
}

// states says what the server holds of each fact: its words and its state.
func (s *shelf) states() map[string]string {
	states := map[string]string{}
	for _, r := range s.held {
		words, state := "", ""
		for _, code := range []string{"code", "medicationCodeableConcept"} {
			if text, ok := at(r, code, "text").(string); ok {
				words = text
			}
		}
		if status, ok := r["status"].(string); ok {
			state = status
		}
		for _, element := range []string{"clinicalStatus", "verificationStatus"} {
			if codings, ok := at(r, element, "coding").([]any); ok {
				state += " " + at(codings[0], "code").(string)
			}
		}
		if words != "" {
			states[words] = strings.TrimSpace(state)
		}
	}
	return states
}

// marking is the stage that stands in for the model: it marks these words.
type marking map[string]string

func (m marking) Annotate(_ context.Context, d *nlp.Document) error {
	for mention, label := range m {
		if at := strings.Index(d.Text.Body, mention); at >= 0 {
			d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: at, End: at + len(mention)}, Label: label, Score: 0.9})
		}
	}
	slices.SortFunc(d.Entities, func(a, b nlp.Entity) int { return a.Start - b.Start })
	d.Coverage = nlp.Coverage{Characters: d.Text.CodePoints(), Read: d.Text.CodePoints()}
	return nil
}

var lifeWords = marking{"pneumonia": "Disease_disorder", "gout": "Disease_disorder", "ceftriaxone": "Medication", "penicillin": "Medication", "appendectomy": "Therapeutic_procedure", "2011": "Date"}

// document is a DocumentReference of a text.
func document(id, version, text string, more map[string]any) map[string]any {
	d := map[string]any{
		"resourceType": "DocumentReference", "id": id, "meta": map[string]any{"versionId": version}, "status": "current", "subject": map[string]any{"reference": "Patient/17"},
		"content": []any{map[string]any{"attachment": map[string]any{"contentType": "text/plain", "data": base64.StdEncoding.EncodeToString([]byte(text))}}},
	}
	maps.Copy(d, more)
	return d
}

const firstVersion = "Admitted with pneumonia. She has gout. Started on ceftriaxone. She is allergic to penicillin. She had an appendectomy in 2011."

// A note's life, against a server: what is said no more is taken back, what is still said keeps its identity, what somebody else has
// touched is left alone. With -update each request is kept in fixtures/life, where the whole program reads it.
func TestLife(t *testing.T) {
	e := newExtractor(t, lifeWords)
	extractOne := func(request []byte) (*extract.Result, error) {
		documents, err := fhir.ReadDocuments(request)
		if err != nil {
			t.Fatal(err)
		}
		return e.Extract(context.Background(), documents[0])
	}
	keep := func(name string, request []byte) {
		if *update {
			if err := os.WriteFile(filepath.Join("..", "fixtures", "life", name+".json"), append(request, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	written := func() *shelf {
		s := newShelf(t)
		s.run(bundleOf(t, e, s.with(document("n1", "1", firstVersion, nil))))
		return s
	}
	first := map[string]string{
		"pneumonia": "active unconfirmed", "gout": "active unconfirmed", "ceftriaxone": "active", "penicillin": "active unconfirmed", "appendectomy": "completed",
	}
	if diff := cmp.Diff(first, written().states()); diff != "" {
		t.Fatal(diff)
	}

	t.Run("the same again", func(t *testing.T) {
		s := written()
		for range 3 {
			s.run(bundleOf(t, e, s.with(document("n1", "1", firstVersion, nil))))
		}
		for reference, r := range s.held {
			if version := at(r, "meta", "versionId"); version != "1" {
				t.Errorf("%s was written again: version %v", reference, version)
			}
		}
		if diff := cmp.Diff(first, s.states()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a fact that the server did not take at first joins the others", func(t *testing.T) {
		s := written()
		gout := s.called("gout")
		for reference, r := range s.held {
			if targets, ok := r["target"].([]any); ok {
				s.held[reference]["target"] = slices.DeleteFunc(targets, func(target any) bool { return at(target, "reference") == gout })
			}
		}
		delete(s.held, gout)
		for range 2 {
			s.run(bundleOf(t, e, s.with(document("n1", "1", firstVersion, nil))))
		}
		if diff := cmp.Diff(first, s.states()); diff != "" {
			t.Fatal(diff)
		}
		if n := len(s.held); n != len(written().held)+1 { // a Provenance for it
			t.Errorf("%d resources", n)
		}
		s.run(bundleOf(t, e, s.with(document("n1", "2", "Admitted with pneumonia.", map[string]any{"docStatus": "amended"}))))
		if got := s.states()["gout"]; got != "entered-in-error" {
			t.Errorf("said no more, gout is %q", got)
		}
	})
	t.Run("amended", func(t *testing.T) {
		s := written()
		request := s.with(document("n1", "2", "Admitted with pneumonia. Started on ceftriaxone. She had an appendectomy in 2011.", map[string]any{"docStatus": "amended"}))
		keep("amended", request)
		before := len(s.held)
		s.run(bundleOf(t, e, request))
		want := map[string]string{
			"pneumonia": "active unconfirmed", "gout": "entered-in-error", "ceftriaxone": "active", "penicillin": "entered-in-error", "appendectomy": "completed",
		}
		if diff := cmp.Diff(want, s.states()); diff != "" {
			t.Error(diff)
		}
		if added := len(s.held) - before; added != 2 {
			t.Errorf("%d resources were added, want a Provenance of the new version and one of the retraction", added)
		}
		// And said once more: what was taken back comes again.
		s.run(bundleOf(t, e, s.with(document("n1", "3", firstVersion, map[string]any{"docStatus": "amended"}))))
		if diff := cmp.Diff(first, s.states()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("replaced", func(t *testing.T) {
		s := written()
		old := document("n1", "2", firstVersion, map[string]any{"status": "superseded"})
		replacement := document("n2", "1", "She has gout. She is allergic to penicillin.", map[string]any{"relatesTo": []any{map[string]any{
			"code": "replaces", "target": map[string]any{"reference": "DocumentReference/n1"},
		}}})
		if _, err := extractOne(s.with(old, replacement)); err == nil || !strings.Contains(err.Error(), "superseded") {
			t.Errorf("the replaced document spoke, or was withdrawn: %v", err)
		}
		keep("replaced", s.with(replacement))
		s.run(bundleOf(t, e, s.with(replacement, old)))
		want := map[string]string{
			"pneumonia": "entered-in-error", "gout": "active unconfirmed", "ceftriaxone": "entered-in-error", "penicillin": "active unconfirmed", "appendectomy": "entered-in-error",
		}
		if diff := cmp.Diff(want, s.states()); diff != "" {
			t.Error(diff)
		}
	})
	for name, life := range map[string]map[string]any{
		"withdrawn":                        {"status": "entered-in-error"},
		"withdrawn text":                   {"docStatus": "entered-in-error"},
		"superseded without a replacement": {"status": "superseded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := written()
			// A person has confirmed one fact, and changed another.
			s.held[s.called("pneumonia")]["verificationStatus"] = map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}}}
			changed := s.called("ceftriaxone")
			s.held[changed]["note"] = []any{map[string]any{"text": "Asked the patient."}}
			s.put(changed, s.held[changed], 2)
			request := s.with(document("n1", "2", firstVersion, life))
			if name == "withdrawn" {
				keep(name, request)
			}
			result, err := extractOne(request)
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := fhir.Encode(result.Bundle)
			if err != nil {
				t.Fatal(err)
			}
			s.run(encoded)
			want := map[string]string{
				"pneumonia": "active confirmed", "gout": "entered-in-error", "ceftriaxone": "active", "penicillin": "entered-in-error", "appendectomy": "entered-in-error",
			}
			if diff := cmp.Diff(want, s.states()); diff != "" {
				t.Error(diff)
			}
			left := 0
			for _, issue := range result.Outcome.Issues {
				if strings.Contains(issue.Diagnostics, "left as it is") {
					left++
				}
			}
			if left != 2 {
				t.Errorf("%d facts are reported as left, want 2: %+v", left, result.Outcome.Issues)
			}
			// Nothing is left to take back.
			if _, err := extractOne(s.with(document("n1", "3", firstVersion, life))); err == nil || !strings.Contains(err.Error(), "skipped") {
				t.Errorf("taken back twice: %v", err)
			}
		})
	}
	t.Run("preliminary", func(t *testing.T) {
		s := written()
		if _, err := extractOne(s.with(document("n1", "2", "Nothing.", map[string]any{"docStatus": "preliminary"}))); err == nil || !strings.Contains(err.Error(), "preliminary") {
			t.Errorf("a preliminary document spoke: %v", err)
		}
	})
	t.Run("a replacement withdrawn", func(t *testing.T) {
		s := written()
		replacement := document("n2", "1", "She has gout. She was given aspirin.", map[string]any{"relatesTo": []any{map[string]any{
			"code": "replaces", "target": map[string]any{"reference": "DocumentReference/n1"},
		}}})
		replacement["status"] = "entered-in-error"
		if _, err := extractOne(s.with(replacement)); err == nil || !strings.Contains(err.Error(), "skipped") {
			t.Errorf("what n1 says was taken back with n2: %v", err)
		}
	})
	t.Run("all touched", func(t *testing.T) {
		s := written()
		for _, r := range s.held {
			if r["resourceType"] != "Provenance" && r["resourceType"] != "Device" {
				r["note"] = []any{map[string]any{"text": "Seen."}}
			}
		}
		if _, err := extractOne(s.with(document("n1", "2", firstVersion, map[string]any{"status": "entered-in-error"}))); err == nil || strings.Count(err.Error(), "left as it is") != 5 {
			t.Errorf("what was left is not reported: %v", err)
		}
	})
	t.Run("touched and still said", func(t *testing.T) {
		s := written()
		changed := s.called("gout")
		s.held[changed]["note"] = []any{map[string]any{"text": "Asked the patient."}}
		s.put(changed, s.held[changed], 2)
		s.run(bundleOf(t, e, s.with(document("n1", "2", firstVersion, nil))))
		if version := at(s.held[changed], "meta", "versionId"); version != "2" {
			t.Errorf("a person's version became %v", version)
		}
	})
}

// called gives the reference of the fact that is called so.
func (s *shelf) called(words string) string {
	for reference, r := range s.held {
		if at(r, "code", "text") == words || at(r, "medicationCodeableConcept", "text") == words {
			return reference
		}
	}
	s.t.Fatalf("no fact is called %q", words)
	return ""
}
