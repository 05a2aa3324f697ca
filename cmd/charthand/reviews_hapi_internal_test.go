package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charthand/fhir"

	"github.com/google/uuid"
)

// reviewedText says what the decisions below are about, one that nobody looks at, and one that comes later.
const (
	reviewedText = "Has gout. Has asthma. Has pneumonia. Has hypertension. Has anemia. Has sepsis. Possible hepatitis. Takes warfarin. Takes lisinopril. Takes metformin. " +
		"She is allergic to penicillin. She is allergic to latex. She had an appendectomy in 2011. Hemoglobin 9.1 g/dL. Her mother has diabetes."
	otherText = "Has obesity."
)

func verificationOf(resourceType, code string) map[string]any {
	system := map[string]string{"Condition": "condition-ver-status", "AllergyIntolerance": "allergyintolerance-verification"}[resourceType]
	return map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/" + system, "code": code}}}
}

// decisions are what a person decides of facts ("Type words"), and what that changes; nil takes an element out. docs/fhir.md and the app have the same.
var decisions = map[string]struct {
	decision string
	change   map[string]any
}{
	"Condition gout":                  {"confirmed", map[string]any{"verificationStatus": verificationOf("Condition", "confirmed")}},
	"Condition hepatitis":             {"confirmed", map[string]any{"verificationStatus": verificationOf("Condition", "confirmed")}},
	"Condition asthma":                {"wrong-reading", map[string]any{"verificationStatus": verificationOf("Condition", "entered-in-error"), "clinicalStatus": nil}},
	"Condition pneumonia":             {"ruled-out", map[string]any{"verificationStatus": verificationOf("Condition", "refuted"), "clinicalStatus": nil}},
	"Condition hypertension":          {"corrected", map[string]any{"verificationStatus": verificationOf("Condition", "confirmed"), "code": map[string]any{"text": "pulmonary hypertension"}}},
	"Condition anemia":                {"corrected", map[string]any{"verificationStatus": verificationOf("Condition", "confirmed"), "code": map[string]any{"text": "anemia", "coding": []any{map[string]any{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D50.9"}}}}},
	"MedicationStatement warfarin":    {"confirmed", nil},
	"MedicationStatement lisinopril":  {"corrected", map[string]any{"medicationCodeableConcept": map[string]any{"text": "enalapril"}}},
	"MedicationStatement metformin":   {"wrong-reading", map[string]any{"status": "entered-in-error"}},
	"AllergyIntolerance penicillin":   {"ruled-out", map[string]any{"verificationStatus": verificationOf("AllergyIntolerance", "refuted"), "clinicalStatus": map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "inactive"}}}}},
	"AllergyIntolerance latex":        {"confirmed", map[string]any{"verificationStatus": verificationOf("AllergyIntolerance", "confirmed")}},
	"Procedure appendectomy":          {"confirmed", nil},
	"Observation hemoglobin":          {"confirmed", map[string]any{"status": "final"}},
	"FamilyMemberHistory of diabetes": {"wrong-reading", map[string]any{"status": "entered-in-error"}},
}

// chart is a patient with a note, whose facts a person has reviewed.
type chart struct {
	patient, document string
	reviewed          map[string]json.RawMessage // "Type/id" → as it was then
}

// reviewsOnHAPI: what a person has decided stays as it is, whatever becomes of the note, and nothing is written beside it.
func reviewsOnHAPI(t *testing.T, s *site) {
	practitioner := s.create("Practitioner", `{"resourceType":"Practitioner","name":[{"family":"Test"}]}`)
	put := func(document, resource string) {
		id := strings.TrimPrefix(document, "DocumentReference/")
		if _, err := s.client.Update(t.Context(), document, "", json.RawMessage(strings.Replace(resource, `{"resourceType"`, `{"id":"`+id+`","resourceType"`, 1))); err != nil {
			t.Fatal(refusedBy(err))
		}
		s.tell(document)
	}
	const sepsis, noSepsis = "Condition sepsis unconfirmed", "Condition sepsis entered-in-error"
	for name, event := range map[string]struct {
		happen func(c chart)
		want   []string // of facts that nobody has reviewed
		times  int      // that charthand has written something
	}{
		"the same again":           {func(c chart) { s.tell(c.document) }, []string{sepsis}, 1},
		"the same, its meta aside": {func(c chart) { put(c.document, s.note(reviewedText, `"meta":{"tag":[{"code":"seen"}]},`)) }, []string{sepsis}, 2},
		"amended, and said still":  {func(c chart) { put(c.document, s.note("Seen again. "+reviewedText, `"docStatus":"amended",`)) }, []string{sepsis}, 2},
		"amended, and said no more": {func(c chart) { put(c.document, s.note(otherText, `"docStatus":"amended",`)) },
			[]string{"Condition obesity unconfirmed", noSepsis}, 3},
		"said no more, and said again": {func(c chart) {
			put(c.document, s.note(otherText, `"docStatus":"amended",`))
			put(c.document, s.note(reviewedText, `"docStatus":"amended",`))
		}, []string{"Condition obesity entered-in-error", sepsis}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.reviewed(practitioner)
			event.happen(c)
			s.stays(t, c, event.want, event.times)
		})
	}
	t.Run("a new model", func(t *testing.T) {
		c := s.reviewed(practitioner)
		folder := t.TempDir()
		if err := os.CopyFS(folder, os.DirFS(filepath.Join("..", "..", "models", "default"))); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "charthand.json")
		described, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var model map[string]any
		if err := json.Unmarshal(described, &model); err != nil {
			t.Fatal(err)
		}
		model["version"] = "of a test"
		if described, err = json.Marshal(model); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, described, 0o600); err != nil {
			t.Fatal(err)
		}
		s.stop()
		s.serve("--model", folder)
		s.tell(c.document)
		s.stays(t, c, []string{sepsis}, 2)
		if found := s.find("Device?_count=50"); len(found) != 2 {
			t.Errorf("%d Devices", len(found))
		}
	})
}

// tell tells charthand of a document, and waits until it has been read.
func (s *site) tell(document string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, s.address+"/hooks/main/"+document, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("the hook answers %d", response.StatusCode)
	}
	s.eventually(document+" read", func() bool {
		out, _, _ := s.charthand("queue", "list", "--data", s.data)
		return !strings.Contains(out, document+" ")
	})
}

// chartOf gives the facts of the patient by "Type/id", and what each is: "Type words status".
func (s *site) chartOf() (held map[string]json.RawMessage, called map[string]string) {
	s.t.Helper()
	held, called = map[string]json.RawMessage{}, map[string]string{}
	for _, resourceType := range []string{"AllergyIntolerance", "Condition", "FamilyMemberHistory", "MedicationStatement", "Observation", "Procedure"} {
		for _, raw := range s.find(resourceType + "?patient=" + s.patient) {
			var fact struct {
				Status             string
				Code, Medication   struct{ Text string }
				OfCodeable         struct{ Text string } `json:"medicationCodeableConcept"`
				Condition          []struct{ Code struct{ Text string } }
				VerificationStatus struct{ Coding []struct{ Code string } }
			}
			if err := json.Unmarshal(raw, &fact); err != nil {
				s.t.Fatal(err)
			}
			words := strings.ToLower(fact.Code.Text + fact.OfCodeable.Text)
			if len(fact.Condition) > 0 {
				words = "of " + fact.Condition[0].Code.Text
			}
			status := fact.Status
			if len(fact.VerificationStatus.Coding) > 0 {
				status = fact.VerificationStatus.Coding[0].Code
			}
			held[fhir.NameOf(raw)], called[fhir.NameOf(raw)] = raw, strings.Join([]string{resourceType, words, status}, " ")
		}
	}
	return held, called
}

// reviewed makes a patient and a note, and decides of its facts as the app writes it: the changed fact, if its version is still there, and a Provenance.
func (s *site) reviewed(practitioner string) chart {
	s.t.Helper()
	s.patient = s.create("Patient", `{"resourceType":"Patient"}`)
	c := chart{patient: s.patient, document: s.create("DocumentReference", s.note(reviewedText, "")), reviewed: map[string]json.RawMessage{}}
	s.tell(c.document)
	held, called := s.chartOf()
	for reference, name := range called {
		made, isReviewed := decisions[name[:strings.LastIndex(name, " ")]]
		if !isReviewed {
			continue
		}
		c.reviewed[reference] = nil
		var resource map[string]any
		decoder := json.NewDecoder(bytes.NewReader(held[reference]))
		decoder.UseNumber()
		if err := decoder.Decode(&resource); err != nil {
			s.t.Fatal(err)
		}
		head, err := fhir.ReadHead(held[reference])
		if err != nil {
			s.t.Fatal(err)
		}
		bundle := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction"}
		entities := []any{map[string]any{"role": "source", "what": map[string]any{"reference": c.document}}}
		if made.change != nil {
			maps.Copy(resource, made.change)
			maps.DeleteFunc(resource, func(_ string, value any) bool { return value == nil })
			resource["text"] = map[string]any{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">Reviewed by a person.</div>`}
			bundle.Entry = append(bundle.Entry, fhir.Entry{FullURL: reference, Resource: resource, Request: fhir.Request{Method: http.MethodPut, URL: reference, IfMatch: `W/"` + head.Meta.VersionID + `"`}})
			entities = append(entities, map[string]any{"role": "revision", "what": map[string]any{"reference": reference + "/_history/" + head.Meta.VersionID}})
		}
		bundle.Entry = append(bundle.Entry, fhir.Entry{FullURL: "urn:uuid:" + uuid.NewString(), Request: fhir.Request{Method: http.MethodPost, URL: "Provenance"}, Resource: map[string]any{
			"resourceType": "Provenance", "target": []any{map[string]any{"reference": reference}}, "recorded": "2026-11-30T12:00:00Z", "entity": entities,
			"activity": map[string]any{"coding": []any{map[string]any{"system": "urn:charthand:fhir:review", "code": made.decision}}},
			"agent": []any{map[string]any{
				"type": map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "verifier"}}},
				"who":  map[string]any{"reference": practitioner},
			}},
		}})
		if _, err := s.client.Transaction(s.t.Context(), bundle); err != nil {
			s.t.Fatal(refusedBy(err))
		}
	}
	if len(c.reviewed) != len(decisions) {
		s.t.Fatalf("%d facts to decide of, not %d: %q", len(c.reviewed), len(decisions), slices.Sorted(maps.Values(called)))
	}
	held, _ = s.chartOf()
	for reference := range c.reviewed {
		c.reviewed[reference] = held[reference]
	}
	return c
}

// stays looks that the facts that were reviewed are as they were then, byte for byte, and what there is beside them.
func (s *site) stays(t *testing.T, c chart, want []string, times int) {
	t.Helper()
	s.patient = c.patient
	held, called := s.chartOf()
	for reference, before := range c.reviewed {
		if !bytes.Equal(held[reference], before) {
			t.Errorf("%s: %s\nis now\n%s", reference, before, held[reference])
		}
		delete(called, reference)
	}
	if got := slices.Sorted(maps.Values(called)); !slices.Equal(got, want) {
		t.Errorf("beside what was reviewed there is %q, want %q", got, want)
	}
	written := 0
	for _, raw := range s.find("Provenance?entity=" + c.document) {
		if bytes.Contains(raw, []byte(`"urn:charthand:fhir:extraction"`)) {
			written++
		}
	}
	if written != times {
		t.Errorf("charthand has written %d times, want %d", written, times)
	}
	reviews := 0
	for reference := range c.reviewed {
		for _, raw := range s.find(fmt.Sprintf("Provenance?target=%s&entity=%s", reference, c.document)) {
			if bytes.Contains(raw, []byte(`"verifier"`)) {
				reviews++
			}
		}
	}
	if reviews != len(c.reviewed) {
		t.Errorf("%d reviews of %d facts", reviews, len(c.reviewed))
	}
}
