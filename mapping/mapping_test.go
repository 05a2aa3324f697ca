package mapping_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/note"

	"github.com/google/go-cmp/cmp"
)

func newMapper(t *testing.T, change func(*mapping.Rules)) *mapping.Mapper {
	t.Helper()
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(rules)
	}
	mapper, err := mapping.New(mapping.Config{
		Rules:    rules,
		Software: mapping.Software{Version: "test", Model: "none", ModelDigest: "0"},
		Now:      func() time.Time { return time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return mapper
}

func document(t *testing.T, more string) *fhir.Document {
	t.Helper()
	documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current",` + more + `"content":[{"attachment":{"data":"YQ=="}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return documents[0]
}

// entity is the first place in the text where the words stand, after the one before it.
func annotated(text string, assertion nlp.Assertion, mentions ...string) *nlp.Document {
	d := &nlp.Document{Text: note.NewText(text)}
	at := 0
	for _, mention := range mentions {
		label, words, _ := strings.Cut(mention, ":")
		start := at + strings.Index(text[at:], words)
		at = start + len(words)
		d.Entities = append(d.Entities, nlp.Entity{
			Span: nlp.Span{Start: start, End: at}, Label: label, Score: 0.9, Assertion: assertion, Normal: strings.ToLower(words),
		})
	}
	d.Coverage = nlp.Coverage{Characters: d.Text.CodePoints(), Read: d.Text.CodePoints()}
	return d
}

// written gives the entries of a Bundle as plain JSON.
func written(t *testing.T, mapper *mapping.Mapper, src *fhir.Document, d *nlp.Document) ([]map[string]any, *fhir.Outcome) {
	t.Helper()
	made, err := mapper.Bundle(context.Background(), src, src.Attachments[0], d, nil)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := fhir.Encode(made.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct{ Entry []map[string]any }
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded.Entry, made.Outcome
}

// at follows a path of keys and indexes ("resource.code.coding.0.code") into decoded JSON.
func at(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[step]
		case []any:
			if i := int(step[0] - '0'); i < len(node) {
				v = node[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return v
}

const withSubject = `"id":"n1","subject":{"reference":"Patient/p1"},"date":"2025-02-17T15:40:00-06:00","context":{"encounter":[{"reference":"Encounter/e1"}]},`

// The status table of the contract, assertion by assertion: what is written, and as what.
func TestStatuses(t *testing.T) {
	assertions := map[string]nlp.Assertion{
		"present":      nlp.Present,
		"uncertain":    {Experiencer: nlp.Patient, Uncertain: true},
		"historical":   {Experiencer: nlp.Patient, Historical: true},
		"resolved":     {Experiencer: nlp.Patient, Historical: true, Resolved: true},
		"ruled out":    {Experiencer: nlp.Patient, RuledOut: true, Negated: true},
		"negated":      {Experiencer: nlp.Patient, Negated: true},
		"hypothetical": {Experiencer: nlp.Patient, Hypothetical: true},
		"planned":      {Experiencer: nlp.Patient, Planned: true},
		"family":       {Experiencer: "MTH"},
		"family, past": {Experiencer: "MTH", Historical: true},
		"family, not":  {Experiencer: "MTH", Negated: true},
		"family, if":   {Experiencer: "MTH", Hypothetical: true},
		"unjudged":     {},
	}
	want := map[string]map[string]string{
		"Disease_disorder:asthma": {
			"present": "active/unconfirmed", "uncertain": "active/provisional", "historical": "inactive/unconfirmed", "resolved": "resolved/unconfirmed", "ruled out": "/refuted",
			"family": "partial", "family, past": "partial",
		},
		"Medication:aspirin": {
			"present": "active", "uncertain": "unknown", "historical": "completed", "resolved": "stopped", "ruled out": "not-taken", "negated": "not-taken", "planned": "intended",
		},
		"Diagnostic_procedure:sodium": {"present": "preliminary", "uncertain": "preliminary", "historical": "preliminary", "resolved": "preliminary"},
		"Therapeutic_procedure:appendectomy": {
			"present": "completed", "uncertain": "unknown", "historical": "completed", "resolved": "completed", "ruled out": "not-done", "negated": "not-done",
		},
	}
	mapper := newMapper(t, nil)
	for mention, statuses := range want {
		_, words, _ := strings.Cut(mention, ":")
		for name, assertion := range assertions {
			d := annotated("x "+words, assertion, mention)
			if strings.HasPrefix(mention, "Diagnostic") {
				d = annotated("x "+words+" 140", assertion, mention, "Lab_value:140")
				d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 1, To: 0}}
			}
			entries, outcome := written(t, mapper, document(t, withSubject), d)
			got := ""
			if len(entries) == 3 {
				r := entries[1]["resource"]
				if status, ok := at(r, "status").(string); ok {
					got = status
				} else {
					clinical, _ := at(r, "clinicalStatus.coding.0.code").(string)
					verification, _ := at(r, "verificationStatus.coding.0.code").(string)
					got = clinical + "/" + verification
				}
			} else if !strings.Contains(outcome.Issues[len(outcome.Issues)-1].Diagnostics, "1 not written") {
				t.Errorf("%s, %s: not written and not counted", mention, name)
			}
			if got != statuses[name] {
				t.Errorf("%s, %s: got %q, want %q", mention, name, got, statuses[name])
			}
		}
	}
}

func TestObservation(t *testing.T) {
	d := annotated("Na 140, K 4.2, ECG", nlp.Present, "Diagnostic_procedure:Na", "Lab_value:140", "Diagnostic_procedure:K", "Lab_value:4.2", "Diagnostic_procedure:ECG")
	d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 1, To: 0}, {Kind: nlp.Modify, From: 3, To: 2}}
	entries, _ := written(t, newMapper(t, nil), document(t, withSubject), d)
	var got []string
	for _, entry := range entries {
		r := entry["resource"]
		value, _ := at(r, "valueString").(string)
		text, _ := at(r, "code.text").(string)
		got = append(got, strings.TrimSpace(at(r, "resourceType").(string)+" "+text+" "+value))
	}
	if diff := cmp.Diff([]string{"Device", "Observation Na 140", "Observation K 4.2", "Procedure ECG", "Provenance"}, got); diff != "" {
		t.Error(diff)
	}
}

// The same concept said often is one resource with all its evidence, and another value of a test is another one.
func TestOneResourceForOneConcept(t *testing.T) {
	d := annotated("Asthma. Has asthma. Na 80, Na 90", nlp.Present, "Disease_disorder:Asthma", "Sign_symptom:asthma",
		"Diagnostic_procedure:Na", "Lab_value:80", "Diagnostic_procedure:Na", "Lab_value:90")
	d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 3, To: 2}, {Kind: nlp.Modify, From: 5, To: 4}}
	entries, _ := written(t, newMapper(t, nil), document(t, withSubject), d)
	if len(entries) != 5 {
		t.Fatalf("%d entries, want Device, Condition, two Observations, Provenance", len(entries))
	}
	evidence := 0
	for _, extension := range at(entries[1], "resource.extension").([]any) {
		if at(extension, "url") == "http://hl7.org/fhir/StructureDefinition/derivation-reference" {
			evidence++
		}
	}
	if evidence != 2 {
		t.Errorf("%d spans of evidence, want 2", evidence)
	}
	if got := len(at(entries[4], "resource.target").([]any)); got != 3 {
		t.Errorf("the Provenance has %d targets, want 3", got)
	}
	seen := map[any]bool{}
	for _, entry := range entries {
		if id := entry["fullUrl"]; seen[id] {
			t.Errorf("%v stands twice", id)
		} else {
			seen[id] = true
		}
	}
}

func TestEvidenceAndOrigin(t *testing.T) {
	d := annotated("🙂 Ménière’s disease", nlp.Present, "Disease_disorder:Ménière’s disease")
	d.Entities[0].Score = 0.98765
	entries, _ := written(t, newMapper(t, nil), document(t, `"meta":{"versionId":"7"},`+withSubject), d)
	r := entries[1]["resource"]
	for path, want := range map[string]any{
		"code.text":                              "Ménière’s disease",
		"subject.reference":                      "Patient/p1",
		"encounter.reference":                    "Encounter/e1",
		"recordedDate":                           "2025-02-17T15:40:00-06:00",
		"meta.security.0.code":                   "AIAST",
		"identifier.0.system":                    "urn:ietf:rfc:3986",
		"text.status":                            "generated",
		"extension.0.extension.0.valueReference": map[string]any{"reference": "DocumentReference/n1"},
		"extension.0.extension.1.valueString":    "DocumentReference.content[0].attachment.data",
		"extension.0.extension.2.valueInteger":   2.0,
		"extension.0.extension.3.valueInteger":   17.0,
		"extension.1.valueString":                "Disease_disorder",
		"extension.2.valueDecimal":               0.988,
		"extension.3.valueString":                "7",
		"verificationStatus.coding.0.code":       "unconfirmed",
		"clinicalStatus.coding.0.system":         "http://terminology.hl7.org/CodeSystem/condition-clinical",
	} {
		if diff := cmp.Diff(want, at(r, path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	p := entries[2]["resource"]
	for path, want := range map[string]any{
		"target.0.reference":             entries[1]["fullUrl"],
		"agent.0.who.reference":          entries[0]["fullUrl"],
		"entity.0.role":                  "source",
		"entity.0.what.reference":        "DocumentReference/n1",
		"entity.0.what.identifier.value": "id||n1|7",
		"activity.coding.0.code":         "CREATE",
		"activity.coding.1.code":         "transform",
		"recorded":                       "2025-06-01T12:00:00Z",
	} {
		if diff := cmp.Diff(want, at(p, path)); diff != "" {
			t.Errorf("Provenance.%s: %s", path, diff)
		}
	}
	for _, entry := range entries {
		if at(entry, "request.method") != "POST" || at(entry, "request.ifNoneExist") == nil {
			t.Errorf("%v is no conditional create", entry["fullUrl"])
		}
	}
}

// Offset 0 is an offset: it must not be lost as an empty value.
func TestOffsetZero(t *testing.T) {
	entries, _ := written(t, newMapper(t, nil), document(t, withSubject), annotated("asthma", nlp.Present, "Disease_disorder:asthma"))
	if got := at(entries[1], "resource.extension.0.extension.2.valueInteger"); got != 0.0 {
		t.Errorf("offset %v", got)
	}
}

// A note that says nothing still leaves a Provenance, whose target is the note.
func TestNothingToSay(t *testing.T) {
	entries, _ := written(t, newMapper(t, nil), document(t, withSubject), annotated("well", nlp.Present))
	if len(entries) != 2 || at(entries[1], "resource.target.0.reference") != "DocumentReference/n1" {
		t.Errorf("%v", entries)
	}
}

// The identity is the same for the same fact of the same document, whatever its version; another document has others.
func TestIdentity(t *testing.T) {
	mapper := newMapper(t, nil)
	id := func(more, text string) any {
		entries, _ := written(t, mapper, document(t, more+`"subject":{"reference":"Patient/p1"},`), annotated(text, nlp.Present, "Disease_disorder:asthma"))
		return entries[1]["fullUrl"]
	}
	same := id(`"id":"n1","meta":{"versionId":"1"},`, "asthma")
	if again := id(`"id":"n1","meta":{"versionId":"2"},`, "still asthma"); again != same {
		t.Error("a new version of the note changed the identity")
	}
	if other := id(`"id":"n2",`, "asthma"); other == same {
		t.Error("another note has the same identity")
	}
	business := id(`"id":"n1","identifier":[{"system":"urn:notes","value":"42"}],`, "asthma")
	if moved := id(`"id":"n9","identifier":[{"system":"urn:notes","value":"42"}],`, "asthma"); moved != business {
		t.Error("the business identifier does not decide")
	}
	if id("", "asthma") == id("", "more asthma") {
		t.Error("two notes without a name have one identity")
	}
}

func TestMissingSubject(t *testing.T) {
	src := document(t, "")
	_, err := newMapper(t, nil).Bundle(context.Background(), src, src.Attachments[0], annotated("asthma", nlp.Present, "Disease_disorder:asthma"), nil)
	if err == nil || !strings.Contains(err.Error(), "DocumentReference.subject") {
		t.Errorf("got %v", err)
	}
}

func TestOutcomeCounts(t *testing.T) {
	d := annotated("asthma severe happy low", nlp.Present, "Disease_disorder:asthma", "Severity:severe", "Mood:happy", "Sign_symptom:low")
	d.Entities[3].Score = 0.1
	_, outcome := written(t, newMapper(t, nil), document(t, withSubject), d)
	var got []string
	for _, issue := range outcome.Issues {
		got = append(got, issue.Diagnostics)
	}
	if diff := cmp.Diff([]string{
		"read 23 of 23 characters",
		"Condition: 1 written",
		"Mood: 1 not written: the rules do not know this label",
		"Severity: 1 not written: nothing is written that it says more about",
		"Sign_symptom: 1 not written: score below 0.5",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// What the rules say of a label counts before what the model says, and that before one half.
func TestMinScores(t *testing.T) {
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	own := 0.7
	sign := rules.Schemas["maccrobat"]["Sign_symptom"]
	sign.MinScore = &own
	rules.Schemas["maccrobat"]["Sign_symptom"] = sign
	mapper, err := mapping.New(mapping.Config{
		Rules:     rules,
		Software:  mapping.Software{Version: "test", Model: "none", ModelDigest: "0"},
		MinScores: map[string]float64{"Sign_symptom": 0.1, "Disease_disorder": 0.95},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := annotated("pain asthma aspirin", nlp.Present, "Sign_symptom:pain", "Disease_disorder:asthma", "Medication:aspirin")
	for score, want := range map[float32]string{0.45: "", 0.6: "aspirin", 0.8: "pain aspirin", 0.96: "pain asthma aspirin"} {
		for i := range d.Entities {
			d.Entities[i].Score = score
		}
		entries, _ := written(t, mapper, document(t, withSubject), d)
		var got []string
		for _, entry := range entries {
			for _, path := range []string{"resource.code.text", "resource.medicationCodeableConcept.text"} {
				if words, ok := at(entry, path).(string); ok {
					got = append(got, words)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("score %g: %q is written, want %q", score, got, want)
		}
	}
}

// A value that is not sure enough is not written, and one that is stands in its Observation and is not counted as left out.
func TestValueScores(t *testing.T) {
	d := annotated("Na 140 K 4.2 sodium 9", nlp.Present, "Diagnostic_procedure:Na", "Lab_value:140", "Diagnostic_procedure:K", "Lab_value:4.2", "Lab_value:9")
	d.Entities[3].Score = 0.1
	d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 1, To: 0}, {Kind: nlp.Modify, From: 3, To: 2}}
	entries, outcome := written(t, newMapper(t, nil), document(t, withSubject), d)
	if at(entries[1], "resource.valueString") != "140" || at(entries[2], "resource.resourceType") != "Procedure" {
		t.Errorf("%v", entries[1:3])
	}
	var got []string
	for _, issue := range outcome.Issues[1:] {
		got = append(got, issue.Diagnostics)
	}
	if diff := cmp.Diff([]string{"Procedure: 1 written", "Observation: 1 written", "Lab_value: 1 not written: no test is written that it is the result of", "Lab_value: 1 not written: score below 0.5"}, got); diff != "" {
		t.Error(diff)
	}
}

// A result whose test is not written is counted too.
func TestValueOfATestThatIsNotWritten(t *testing.T) {
	d := annotated("HR 72", nlp.Present, "Diagnostic_procedure:HR", "Lab_value:72")
	d.Entities[0].Score = 0.1
	d.Relations = []nlp.Relation{{Kind: nlp.Modify, From: 1, To: 0}}
	_, outcome := written(t, newMapper(t, nil), document(t, withSubject), d)
	if len(outcome.Issues) != 3 || outcome.Issues[2].Diagnostics != "Lab_value: 1 not written: no test is written that it is the result of" {
		t.Errorf("%+v", outcome.Issues)
	}
}

// What a note repeats without end does not make a resource without end.
func TestEvidenceIsBounded(t *testing.T) {
	var mentions []string
	for range 1000 {
		mentions = append(mentions, "Sign_symptom:pain")
	}
	entries, outcome := written(t, newMapper(t, nil), document(t, withSubject), annotated(strings.Repeat("pain ", 1000), nlp.Present, mentions...))
	if got := len(at(entries[1], "resource.extension").([]any)); got != 204 {
		t.Errorf("%d extensions, want 200 spans, label, confidence, version and digest", got)
	}
	if !strings.Contains(outcome.Issues[2].Diagnostics, "800 more spans") {
		t.Errorf("%+v", outcome.Issues)
	}
}

// Notes of two patients stay apart, even where they say the same and have no name.
func TestIdentityOfPatients(t *testing.T) {
	ids := map[any]string{}
	for _, subject := range []string{`{"reference":"Patient/A"}`, `{"reference":"Patient/B"}`, `{"identifier":{"system":"urn:mrn","value":"A"}}`} {
		for _, identifier := range []string{``, `"identifier":[{"value":"1"}],`} {
			entries, _ := written(t, newMapper(t, nil), document(t, identifier+`"subject":`+subject+`,`), annotated("asthma", nlp.Present, "Disease_disorder:asthma"))
			for _, i := range []int{1, 2} {
				id := entries[i]["fullUrl"]
				if other, taken := ids[id]; taken && other != subject {
					t.Errorf("%s and %s share %v", subject, other, id)
				}
				ids[id] = subject
			}
		}
	}
}

func TestAILabel(t *testing.T) {
	for label, path := range map[mapping.AILabel]string{mapping.LabelSecurity: "meta.security.0.code", mapping.LabelTag: "meta.tag.0.code", mapping.LabelOff: ""} {
		mapper := newMapper(t, func(r *mapping.Rules) { r.AILabel = label })
		entries, _ := written(t, mapper, document(t, withSubject), annotated("asthma", nlp.Present, "Disease_disorder:asthma"))
		r := entries[1]["resource"]
		if path == "" {
			if at(r, "meta") != nil {
				t.Errorf("%s: %v", label, at(r, "meta"))
			}
		} else if at(r, path) != "AIAST" {
			t.Errorf("%s: no label at %s", label, path)
		}
	}
}
