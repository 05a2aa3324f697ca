package cds_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"charthand/cds"
	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
)

// marks is what a model would find: phrases with their labels.
type marks map[string]string

// Annotate marks each phrase where it stands first.
func (m marks) Annotate(_ context.Context, d *nlp.Document) error {
	for at := range d.Text.Body {
		for phrase, label := range m {
			if strings.Index(d.Text.Body, phrase) == at {
				d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: at, End: at + len(phrase)}, Label: label, Score: 0.9})
			}
		}
	}
	return nil
}

// vocabulary are the phrases of the notes here.
var vocabulary = marks{
	"pneumonia": "Disease_disorder", "gout": "Disease_disorder", "HTN": "Disease_disorder", "asthma": "Disease_disorder", "<b>odd</b>": "Disease_disorder",
	"lisinopril": "Medication", "warfarin": "Medication", "calcium": "Medication", "metoprolol succinate": "Medication", "Penicillin": "Medication",
}

// line is the whole line from note to resources but for the model, and the rules that it is made with.
var line = sync.OnceValues(func() (*extract.Extractor, *mapping.Rules) {
	rules, err := mapping.DefaultRules()
	if err != nil {
		panic(err)
	}
	mapper, err := mapping.New(mapping.Config{
		Rules: rules, Labels: []string{"Disease_disorder", "Sign_symptom", "Medication", "Therapeutic_procedure", "Diagnostic_procedure", "Lab_value"},
		Software: mapping.Software{Version: "test", Model: "none", ModelDigest: "0"},
	})
	if err != nil {
		panic(err)
	}
	stages, err := nlp.Understanding()
	if err != nil {
		panic(err)
	}
	return &extract.Extractor{Pipeline: append(nlp.Pipeline{vocabulary}, stages...), Mapper: mapper}, rules
})

// facts gives what charthand writes of a note, as a server holds it.
func facts(t *testing.T, id, date, note string) (list []json.RawMessage) {
	t.Helper()
	extractor, _ := line()
	documents, err := fhir.ReadDocuments(fmt.Appendf(nil, `{"resourceType":"DocumentReference","id":%q,"status":"current","date":%q,"subject":{"reference":"Patient/1"},"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`,
		id, date, base64.StdEncoding.EncodeToString([]byte(note))))
	if err != nil {
		t.Fatal(err)
	}
	result, err := extractor.Extract(t.Context(), documents[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range result.Bundle.Entry {
		encoded, err := fhir.Encode(entry.Resource)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, with(t, encoded, fmt.Sprintf(`{"id":"%s-%d","meta":{"versionId":"1","lastUpdated":"2026-11-30T00:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"AIAST"}]}}`, id, i)))
	}
	return list
}

// with gives a resource with some members changed.
func with(t *testing.T, raw []byte, members string) json.RawMessage {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(members), &whole); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func newFinder(t *testing.T) *cds.Finder {
	t.Helper()
	_, rules := line()
	finder, err := cds.NewFinder(cds.Config{Rules: rules, Base: "https://charthand.example"})
	if err != nil {
		t.Fatal(err)
	}
	return finder
}

// call is a call about the patient.
func call(t *testing.T) *cds.Request {
	t.Helper()
	r, err := cds.ReadRequest([]byte(`{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"patientId":"1","userId":"Practitioner/1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLacking: what notes say and the lists lack, for what notes say and what lists have.
func TestLacking(t *testing.T) {
	const (
		condition = `{"resourceType":"Condition","id":"l1","subject":{"reference":"Patient/1"},`
		active    = `"clinicalStatus":{"coding":[{"code":"active"}]},`
		request   = `{"resourceType":"MedicationRequest","id":"l2","intent":"order","subject":{"reference":"Patient/1"},`
		statement = `{"resourceType":"MedicationStatement","id":"l3","subject":{"reference":"Patient/1"},`
	)
	type note struct{ date, text string }
	for name, test := range map[string]struct {
		notes []note
		lists []string
		want  string // the first words of the cards' summaries
	}{
		"nothing is said":                   {[]note{{"2026-01-01T00:00:00Z", "Is well."}}, nil, ""},
		"nothing is listed":                 {[]note{{"", "Has pneumonia. Takes lisinopril 20 mg daily."}}, nil, "1 problem: pneumonia; 1 medication: lisinopril"},
		"listed in words":                   {[]note{{"", "Has pneumonia. Has gout."}}, []string{condition + active + `"code":{"text":"Gout"}}`}, "1 problem: pneumonia"},
		"listed in full":                    {[]note{{"", "Has HTN."}}, []string{condition + active + `"code":{"coding":[{"system":"http://snomed.info/sct","code":"38341003","display":"Hypertension (disorder)"}]}}`}, ""},
		"listed as in error":                {[]note{{"", "Has gout."}}, []string{condition + `"verificationStatus":{"coding":[{"code":"entered-in-error"}]},"code":{"text":"gout"}}`}, "1 problem: gout"},
		"resolved before the note":          {[]note{{"2026-02-01T00:00:00Z", "Has pneumonia."}}, []string{condition + `"meta":{"lastUpdated":"2020-01-01T00:00:00Z"},"clinicalStatus":{"coding":[{"code":"resolved"}]},"code":{"text":"pneumonia"}}`}, "1 problem: pneumonia"},
		"resolved since the note":           {[]note{{"2026-02-01T00:00:00Z", "Has pneumonia."}}, []string{condition + `"meta":{"lastUpdated":"2026-03-01T00:00:00Z"},"clinicalStatus":{"coding":[{"code":"resolved"}]},"code":{"text":"pneumonia"}}`}, ""},
		"of another patient":                {[]note{{"", "Has gout."}}, []string{strings.Replace(condition, "Patient/1", "Patient/2", 1) + active + `"code":{"text":"gout"}}`}, "1 problem: gout"},
		"denied, past, a relative's":        {[]note{{"", "No gout. History of pneumonia. Mother with asthma."}}, nil, ""},
		"uncertain":                         {[]note{{"", "Possible pneumonia."}}, nil, "1 problem: pneumonia"},
		"said, and later ruled out":         {[]note{{"2026-01-01T00:00:00Z", "Has pneumonia."}, {"2026-02-01T00:00:00Z", "Pneumonia was ruled out: pneumonia ruled out."}}, nil, ""},
		"said in two notes":                 {[]note{{"2026-01-01T00:00:00Z", "Has gout. Has asthma."}, {"2026-02-01T00:00:00Z", "Has asthma."}}, nil, "2 problems: asthma, gout"},
		"ordered as a tablet":               {[]note{{"", "Takes lisinopril daily."}}, []string{request + `"status":"active","medicationCodeableConcept":{"text":"Lisinopril 10 MG Oral Tablet"}}`}, ""},
		"ordered, with its name beside":     {[]note{{"", "Takes lisinopril daily."}}, []string{request + `"status":"active","medicationReference":{"reference":"Medication/9","display":"lisinopril 10 mg tablet"}}`}, ""},
		"ordered by reference":              {[]note{{"", "Takes lisinopril daily."}}, []string{request + `"status":"active","medicationReference":{"reference":"Medication/9"}}`, `{"resourceType":"Medication","id":"9","code":{"text":"24 HR lisinopril 10 MG"}}`}, ""},
		"ordered, contained":                {[]note{{"", "Takes lisinopril daily."}}, []string{request + `"status":"active","medicationReference":{"reference":"#m"},"contained":[{"resourceType":"Medication","id":"m","code":{"text":"hydrochlorothiazide 12.5 MG / lisinopril 10 MG"}}]}`}, ""},
		"an order that was stopped":         {[]note{{"2026-02-01T00:00:00Z", "Takes warfarin daily."}}, []string{request + `"status":"stopped","authoredOn":"2019-01-01","medicationCodeableConcept":{"text":"warfarin"}}`}, "1 medication: warfarin"},
		"an order not to give it":           {[]note{{"", "Takes warfarin daily."}}, []string{request + `"status":"active","doNotPerform":true,"medicationCodeableConcept":{"text":"warfarin"}}`}, "1 medication: warfarin"},
		"a statement":                       {[]note{{"", "Takes warfarin daily."}}, []string{statement + `"status":"active","medicationCodeableConcept":{"text":"Warfarin Sodium"}}`}, ""},
		"a salt of something else":          {[]note{{"", "Takes calcium daily."}}, []string{statement + `"status":"active","medicationCodeableConcept":{"text":"atorvastatin calcium 20 mg"}}`}, "1 medication: calcium"},
		"another salt":                      {[]note{{"", "Takes metoprolol succinate daily."}}, []string{statement + `"status":"active","medicationCodeableConcept":{"text":"metoprolol tartrate 25 mg"}}`}, "1 medication: metoprolol succinate"},
		"stopped, planned":                  {[]note{{"", "Stopped warfarin. Will start lisinopril tomorrow."}}, nil, ""},
		"an allergy":                        {[]note{{"", "ALLERGIES:\nPenicillin.\n"}}, nil, "1 allergy: Penicillin"},
		"an allergy that is listed":         {[]note{{"", "ALLERGIES:\nPenicillin.\n"}}, []string{`{"resourceType":"AllergyIntolerance","id":"l4","patient":{"reference":"Patient/1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"91936005","display":"Allergy to penicillin"}]}}`}, ""},
		"no allergies":                      {[]note{{"", "ALLERGIES:\nNKDA.\n"}}, nil, ""},
		"a name that would like to be more": {[]note{{"", "Has <b>odd</b>."}}, nil, "1 problem: b odd /b"},
	} {
		t.Run(name, func(t *testing.T) {
			var resources []json.RawMessage
			for i, n := range test.notes {
				date := n.date
				if date == "" {
					date = "2026-01-01T00:00:00Z"
				}
				resources = append(resources, facts(t, fmt.Sprintf("note%d", i), date, n.text)...)
			}
			for _, listed := range test.lists {
				resources = append(resources, json.RawMessage(listed))
			}
			var got []string
			for _, card := range newFinder(t).Cards(t.Context(), call(t), resources, nil) {
				count, names, _ := strings.Cut(card.Summary, " in notes, ")
				_, names, _ = strings.Cut(names, ": ")
				got = append(got, count+": "+names)
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
