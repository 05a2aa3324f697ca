package extract_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"charthand/fhir"
	"charthand/fixtures"
	"charthand/nlp"

	"github.com/google/go-cmp/cmp"
)

// short names of labels, for marked sentences.
var short = map[string]string{
	"D": "Disease_disorder", "S": "Sign_symptom", "M": "Medication", "P": "Therapeutic_procedure", "T": "Diagnostic_procedure", "V": "Lab_value", "B": "Biological_structure",
	"X": "Severity", "W": "Date", "A": "Age", "F": "Family_history", "H": "Height",
}

// marked takes the marks out of a text: "[D asthma]" is a mention of a disease.
func marked(t *testing.T, text string) (string, given) {
	t.Helper()
	var body strings.Builder
	var marks given
	for rest := text; ; {
		before, inside, ok := strings.Cut(rest, "[")
		body.WriteString(before)
		if !ok {
			return body.String(), marks
		}
		mark, after, _ := strings.Cut(inside, "]")
		label, words, _ := strings.Cut(mark, " ")
		start := body.Len()
		body.WriteString(words)
		if full, known := short[label]; known {
			label = full
		}
		marks = append(marks, nlp.Entity{Span: nlp.Span{Start: start, End: body.Len()}, Label: label, Score: 0.9})
		rest = after
	}
}

// resources gives what becomes of a marked note, without Device and Provenance.
func resources(t *testing.T, text, more string) []map[string]any {
	t.Helper()
	body, marks := marked(t, text)
	e := newExtractor(t, marks)
	raw := fmt.Appendf(nil, `{"resourceType":"DocumentReference","id":"n1","status":"current","subject":{"reference":"Patient/1"},"date":"2024-05-21T10:40:00-04:00",%s"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`,
		more, base64.StdEncoding.EncodeToString([]byte(body)))
	var bundle struct {
		Entry []struct{ Resource map[string]any }
	}
	if err := json.Unmarshal(bundleOf(t, e, raw), &bundle); err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	for _, entry := range bundle.Entry {
		if r := entry.Resource; r["resourceType"] != "Device" && r["resourceType"] != "Provenance" {
			found = append(found, r)
		}
	}
	return found
}

// told says a resource by its type, words and the elements that tell it from others.
func told(r map[string]any) string {
	parts := []string{r["resourceType"].(string)}
	add := func(prefix string, v any) {
		if s, ok := v.(string); ok && s != "" {
			parts = append(parts, prefix+s)
		}
	}
	first := func(v any) any {
		if list, ok := v.([]any); ok && len(list) > 0 {
			return list[0]
		}
		return nil
	}
	add("", at(r, "code", "text"))
	add("", at(r, "medicationCodeableConcept", "text"))
	add("", at(first(r["condition"]), "code", "text"))
	add("of ", at(r, "relationship", "text"))
	add("at ", at(first(r["bodySite"]), "text"))
	add("= ", r["valueString"])
	if q, ok := r["valueQuantity"].(map[string]any); ok {
		parts = append(parts, fmt.Sprintf("= %v %v", q["value"], q["code"]))
	}
	if v, ok := r["valueBoolean"].(bool); ok {
		parts = append(parts, fmt.Sprintf("= %v", v))
	}
	add("", at(first(at(r, "severity", "coding")), "display"))
	add("", r["status"])
	add("", at(first(at(r, "clinicalStatus", "coding")), "code"))
	add("", at(first(at(r, "verificationStatus", "coding")), "code"))
	add("category ", at(first(at(first(r["category"]), "coding")), "code"))
	for _, element := range []string{"onsetDateTime", "performedDateTime", "effectiveDateTime", "onsetString", "performedString"} {
		add(element+" ", r[element])
	}
	if reaction := first(r["reaction"]); reaction != nil {
		add("with ", at(first(at(reaction, "manifestation")), "text"))
	}
	if dosage := first(r["dosage"]); dosage != nil {
		add("dosage ", at(dosage, "text"))
	}
	return strings.Join(parts, " ")
}

// What others got wrong, and what a reader would expect, from the text on: only the model is left out.
func TestPinned(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"not prescribed":        {"Tom is not prescribed [M Advil].", []string{"MedicationStatement Advil not-taken"}},
		"not taking, said late": {"1. [M Atorvastatin] 40 mg PO nightly - not taking.", []string{"MedicationStatement Atorvastatin not-taken dosage 40 mg PO nightly"}},
		"a relative's":          {"Her mother has [D asthma].", []string{"FamilyMemberHistory asthma of mother partial"}},
		"not a relative's":      {"Her mother had no [D breast cancer].", nil},
		"ruled out":             {"[D Pulmonary embolism] was ruled out.", []string{"Condition Pulmonary embolism refuted"}},
		"merely denied":         {"She denies [S chest pain].", nil},
		"conditional":           {"If [S fever], consider [M antibiotics].", nil},
		"two haemoglobins": {"[T Hemoglobin] was [V 12.8 g/dL] on [W 03/02/2024] and [V 8.1 g/dL] on [W 03/04/2024].", []string{
			"Observation Hemoglobin = 12.8 g/dL preliminary category laboratory effectiveDateTime 2024-03-02", "Observation Hemoglobin = 8.1 g/dL preliminary category laboratory effectiveDateTime 2024-03-04"}},
		"two tests at once": {"[T hemoglobin] and [T hematocrit] of [V 16 g/dL] and [V 46 %].", []string{
			"Observation hemoglobin = 16 g/dL preliminary category laboratory", "Observation hematocrit = 46 % preliminary"}},
		"the same value twice": {"[T Hemoglobin] [V 9 g/dL] on [W 03/02/2024]. [T Hemoglobin] [V 9 g/dL] on [W 03/04/2024].", []string{
			"Observation Hemoglobin = 9 g/dL preliminary category laboratory effectiveDateTime 2024-03-02", "Observation Hemoglobin = 9 g/dL preliminary category laboratory effectiveDateTime 2024-03-04"}},
		"two knees":            {"[S Pain] in the [B left knee]. [S Pain] in the [B right knee].", []string{"Condition Pain at left knee active unconfirmed", "Condition Pain at right knee active unconfirmed"}},
		"two knees at once":    {"[S Pain] of the left and right [B knee].", []string{"Condition Pain at left knee active unconfirmed", "Condition Pain at right knee active unconfirmed"}},
		"side before":          {"She has left [B knee] [S pain].", []string{"Condition pain at left knee active unconfirmed"}},
		"said again":           {"[S Pain] in the [B left knee]. The [S pain] is worse.", []string{"Condition Pain at left knee active unconfirmed"}},
		"a partial date":       {"She had an [P appendectomy] in [W 2011].", []string{"Procedure appendectomy completed performedDateTime 2011"}},
		"yet to come":          {"[P Cholecystectomy] on [W 06/30/2024].", nil},
		"how old she is":       {"A [A 58-year-old] woman with [S fever].", []string{"Condition fever active unconfirmed"}},
		"severity":             {"She has [X severe] [D asthma].", []string{"Condition asthma Severe active unconfirmed"}},
		"category":             {"PAST MEDICAL HISTORY:\n[D Hypertension].\n", []string{"Condition Hypertension active unconfirmed category problem-list-item"}},
		"resolved":             {"PAST MEDICAL HISTORY:\n[D Pneumonia], resolved.\n", []string{"Condition Pneumonia resolved unconfirmed category problem-list-item"}},
		"an allergen":          {"ALLERGIES: [M Penicillin] ([S hives]).", []string{"AllergyIntolerance Penicillin active unconfirmed with hives"}},
		"no drug allergies":    {"ALLERGIES: NKDA", []string{"AllergyIntolerance No known drug allergy active unconfirmed"}},
		"one of them":          {"No known drug allergies. She is allergic to [M codeine].", []string{"AllergyIntolerance codeine active unconfirmed"}},
		"not the wider one":    {"No known drug allergies. She is allergic to shellfish.", []string{"AllergyIntolerance No known drug allergy active unconfirmed", "AllergyIntolerance shellfish active unconfirmed"}},
		"an adverse event":     {"She developed a [S rash] from [M vancomycin].", []string{"Condition rash active unconfirmed", "MedicationStatement vancomycin active"}},
		"a dose":               {"Started on [M lisinopril] 10 mg PO daily.", []string{"MedicationStatement lisinopril active dosage 10 mg PO daily"}},
		"two strengths":        {"Takes [M aspirin] 81 mg PO daily. Given [M aspirin] 325 mg PO once. Continue [M aspirin].", nil},
		"last stopped":         {"HOME MEDICATIONS:\n[M Lisinopril] 10 mg PO daily\nPLAN:\nDiscontinued [M lisinopril].", []string{"MedicationStatement lisinopril stopped dosage 10 mg PO daily"}},
		"given once":           {"He was given [M morphine] 4 mg IV.", []string{"MedicationStatement morphine completed dosage 4 mg IV"}},
		"risks":                {"Risks included, but were not limited to [S bleeding] and [D infection].", nil},
		"over a heading":       {"HEART: [T rhythm] is fine.\nLUNGS: [V 98] is good.\n", nil},
		"no number":            {"[T Heart sounds] [V S1].", []string{"Observation Heart sounds = S1 preliminary"}},
		"no pressure":          {"[T BP] [V 35.8 F].", nil},
		"an item":              {"[T Gait] and [T deep tendon reflexes].", nil},
		"both in one mention":  {"[F Mother with breast cancer].", []string{"FamilyMemberHistory breast cancer of mother partial"}},
		"denied in itself":     {"FAMILY HISTORY: [F no history of colon cancer].", nil},
		"denied in a relative": {"FH: [F mother had no breast cancer]; [F father with CAD].", []string{"FamilyMemberHistory CAD of father partial"}},
		"no problem":           {"FAMILY HISTORY: [F Mother died age 62].", nil},
		"how long it took":     {"[S Amnestic] during the [Duration next 10 minutes].", []string{"Condition Amnestic active unconfirmed"}},
		"since when":           {"[S Cough] for [Duration 3 weeks].", []string{"Condition Cough active unconfirmed onsetString 3 weeks"}},
		"cut short":            {"He has [D carcinoma of the] larynx.", []string{"Condition carcinoma active unconfirmed"}},
		"an allergy twice":     {"She has a [D penicillin allergy]. Allergic to [M penicillin].", []string{"AllergyIntolerance penicillin active unconfirmed"}},
		"a relative's allergy": {"Her mother is allergic to shellfish.", nil},
		"an allergy, if any":   {"Tell us if you are allergic to latex.", nil},
		"a relative's none":    {"Her father has no known allergies.", nil},
		"an allergen's own":    {"ALLERGIES: [M sulfa drugs - anaphylaxis].", []string{"AllergyIntolerance sulfa drugs active unconfirmed"}},
		"a vital sign":         {"[T BP] [V 142/88 mmHg] on [W 03/14/2024].", []string{"Observation BP preliminary category vital-signs effectiveDateTime 2024-03-14"}},
		"without a date":       {"[T BP] [V 142/88 mmHg].", []string{"Observation BP preliminary"}},
		"no value":             {"[T BP] was checked.", nil},
		"a measurement":        {"[H 165 cm] tall.", []string{"Observation body height = 165 cm preliminary"}},
		"a test":               {"A [T CT of the head] was done.", []string{"Procedure CT of the head completed"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range resources(t, test.text, "") {
				got = append(got, told(r))
			}
			if name == "two strengths" { // and a third mention that may be either
				if len(got) != 3 {
					t.Errorf("%q", got)
				}
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The subject of a document is that of every resource, however it is referred to.
func TestSubjectSurvives(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"logical":   {`"subject":{"identifier":{"system":"urn:mrn","value":"7"},"display":"P"},`, `{"display":"P","identifier":{"system":"urn:mrn","value":"7"}}`},
		"contained": {`"contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"7"}]}],"subject":{"reference":"#p"},`, `{"identifier":{"system":"urn:mrn","value":"7"},"type":"Patient"}`},
		"absolute":  {`"subject":{"reference":"https://fhir.example/r4/Patient/1"},`, `{"reference":"https://fhir.example/r4/Patient/1"}`},
	} {
		e := newExtractor(t, marking{"asthma": "Disease_disorder"})
		raw := `{"resourceType":"DocumentReference","status":"current",` + test.document + `"content":[{"attachment":{"data":"SGFzIGFzdGhtYS4="}}]}`
		var bundle struct {
			Entry []struct{ Resource map[string]any }
		}
		if err := json.Unmarshal(bundleOf(t, e, []byte(raw)), &bundle); err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(bundle.Entry[1].Resource["subject"]); string(got) != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	e := newExtractor(t, marking{"asthma": "Disease_disorder"})
	documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"SGFzIGFzdGhtYS4="}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Extract(context.Background(), documents[0]); err == nil || !strings.Contains(err.Error(), "DocumentReference.subject") {
		t.Errorf("a missing subject: %v", err)
	}
	e.Subject = &fhir.Reference{Reference: "Patient/9"}
	if _, err := e.Extract(context.Background(), documents[0]); err != nil {
		t.Errorf("a subject that stands in: %v", err)
	}
}

// What every Bundle on file holds to, whatever the note.
func TestEveryBundle(t *testing.T) {
	medication := []string{"active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"}
	category := []string{"problem-list-item", "encounter-diagnosis"}
	conceptID := regexp.MustCompile(`^[1-9][0-9]{5,17}$`)
	for _, name := range fixtures.Names(t) {
		var bundle struct {
			Entry []struct {
				FullURL  string
				Resource map[string]any
			}
		}
		if err := json.Unmarshal(fixtures.Bundle(name), &bundle); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, entry := range bundle.Entry {
			r := entry.Resource
			where := fmt.Sprintf("%s %s %s", name, r["resourceType"], entry.FullURL)
			if seen[entry.FullURL] {
				t.Errorf("%s stands twice", where)
			}
			seen[entry.FullURL] = true
			_, clinical := r["clinicalStatus"]
			verification, _ := json.Marshal(r["verificationStatus"])
			refuted := strings.Contains(string(verification), `"refuted"`)
			switch r["resourceType"] {
			case "MedicationStatement":
				if !slices.Contains(medication, r["status"].(string)) {
					t.Errorf("%s: status %v", where, r["status"])
				}
			case "Condition":
				if clinical == refuted {
					t.Errorf("%s: refuted %v, with a clinicalStatus %v", where, refuted, clinical)
				}
				for _, c := range list(r["category"]) {
					for _, coding := range list(at(c, "coding")) {
						if !slices.Contains(category, at(coding, "code").(string)) {
							t.Errorf("%s: category %v", where, coding)
						}
					}
				}
			case "AllergyIntolerance":
				if !clinical {
					t.Errorf("%s: no clinicalStatus", where)
				}
			case "Provenance":
				if len(list(r["target"])) == 0 {
					t.Errorf("%s: no target", where)
				}
			}
			walk(r, func(object map[string]any) {
				if object["system"] == "http://snomed.info/sct" && !conceptID.MatchString(object["code"].(string)) {
					t.Errorf("%s: %v is no SNOMED CT concept", where, object["code"])
				}
			})
		}
	}
}

func list(v any) []any {
	found, _ := v.([]any)
	return found
}

// walk calls a function with every object of a tree.
func walk(v any, do func(map[string]any)) {
	switch node := v.(type) {
	case map[string]any:
		do(node)
		for _, child := range node {
			walk(child, do)
		}
	case []any:
		for _, child := range node {
			walk(child, do)
		}
	}
}
