package mapping_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"

	"github.com/google/go-cmp/cmp"
)

// configured makes a mapper of a configuration; what is left out is as in newMapper.
func configured(t *testing.T, site string, change func(*mapping.Config)) *mapping.Mapper {
	t.Helper()
	rules, err := mapping.ReadRules([]byte(site))
	if err != nil {
		t.Fatal(err)
	}
	config := mapping.Config{
		Rules:    rules,
		Software: mapping.Software{Version: "test", Model: "none", ModelDigest: "0"},
		Now:      func() time.Time { return time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC) },
	}
	if change != nil {
		change(&config)
	}
	mapper, err := mapping.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return mapper
}

// kinds of the resources of a Bundle, with their words and status, without Device and Provenance.
func kinds(entries []map[string]any) []string {
	var found []string
	for _, entry := range entries {
		r := entry["resource"]
		name, _ := at(r, "resourceType").(string)
		if name == "Device" || name == "Provenance" {
			continue
		}
		text, _ := at(r, "code.text").(string)
		drug, _ := at(r, "medicationCodeableConcept.text").(string)
		status, _ := at(r, "status").(string)
		clinical, _ := at(r, "clinicalStatus.coding.0.code").(string)
		verification, _ := at(r, "verificationStatus.coding.0.code").(string)
		found = append(found, strings.Join(strings.Fields(strings.Join([]string{name, text, drug, status, clinical, verification}, " ")), " "))
	}
	return found
}

// The schema is that which knows most of the model's labels, in capitals or not; what it does not know is named, and counted.
func TestSchemas(t *testing.T) {
	for _, test := range []struct {
		labels  []string
		schema  string
		unknown []string
	}{
		{nil, "maccrobat", nil},
		{[]string{"Disease_disorder", "Sign_symptom", "Duration", "Mood"}, "maccrobat", []string{"Mood"}},
		{[]string{"DISEASE_DISORDER", "LAB_VALUE"}, "maccrobat", nil},
		{[]string{"problem", "test", "treatment"}, "i2b2-2010", nil},
		{[]string{"PROBLEM", "TEST", "TREATMENT"}, "i2b2-2010", nil},
		{[]string{"ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"}, "n2c2-2018", nil},
		{[]string{"Chemical", "Disease"}, "", []string{"Chemical", "Disease"}},
	} {
		mapper := configured(t, "", func(c *mapping.Config) { c.Labels = test.labels })
		if mapper.Schema != test.schema || !slices.Equal(mapper.Unknown, test.unknown) {
			t.Errorf("%v: schema %q, unknown %v", test.labels, mapper.Schema, mapper.Unknown)
		}
	}
	mine := configured(t, "schemas: { mine: { Disease: { resource: Condition } } }", func(c *mapping.Config) { c.Labels = []string{"Disease", "Chemical"} })
	if mine.Schema != "mine" || !slices.Equal(mine.Unknown, []string{"Chemical"}) {
		t.Errorf("a schema of one's own: %q, %v", mine.Schema, mine.Unknown)
	}
}

func TestI2B2AndN2C2(t *testing.T) {
	i2b2 := configured(t, "", func(c *mapping.Config) { c.Labels = []string{"PROBLEM", "TEST", "TREATMENT"} })
	d := annotated("asthma, aspirin, appendectomy, CT", nlp.Present, "PROBLEM:asthma", "TREATMENT:aspirin", "TREATMENT:appendectomy", "TEST:CT")
	d.Entities[1].Kind, d.Entities[2].Kind = nlp.KindDrug, nlp.KindProcedure
	entries, _ := written(t, i2b2, document(t, withSubject), d)
	want := []string{"Condition asthma active unconfirmed", "MedicationStatement aspirin active", "Procedure appendectomy completed", "Procedure CT completed"}
	if diff := cmp.Diff(want, kinds(entries)); diff != "" {
		t.Error(diff)
	}

	n2c2 := configured(t, "", func(c *mapping.Config) { c.Labels = []string{"Drug", "Reason", "ADE", "Strength"} })
	d = annotated("aspirin 81 mg for pain caused bleeding", nlp.Present, "Drug:aspirin", "Strength:81 mg", "Reason:pain", "ADE:bleeding")
	d.Relations = []nlp.Relation{{Kind: nlp.Reason, From: 2, To: 0}, {Kind: nlp.Adverse, From: 3, To: 0}}
	entries, _ = written(t, n2c2, document(t, withSubject), d)
	if diff := cmp.Diff([]string{"MedicationStatement aspirin active", "Condition pain active unconfirmed", "Condition bleeding active unconfirmed"}, kinds(entries)); diff != "" {
		t.Error(diff)
	}
	if at(entries[1], "resource.reasonReference.0.reference") != entries[2]["fullUrl"] {
		t.Errorf("the reason is %v", at(entries[1], "resource.reasonReference"))
	}
	if at(entries[3], "resource.note.0.text") != "The note names as its cause: aspirin." {
		t.Errorf("the note is %v", at(entries[3], "resource.note"))
	}
}

// The strongest well-supported assertion is written, and what the note says both ways is reported; all mentions are evidence.
func TestConflicts(t *testing.T) {
	denied := nlp.Assertion{Experiencer: nlp.Patient, Negated: true}
	ruledOut := nlp.Assertion{Experiencer: nlp.Patient, RuledOut: true}
	stopped := nlp.Assertion{Experiencer: nlp.Patient, Historical: true, Resolved: true}
	conditional := nlp.Assertion{Experiencer: nlp.Patient, Hypothetical: true}
	for name, test := range map[string]struct {
		label      string
		assertions []nlp.Assertion
		want       []string
		conflict   string
		evidence   int
	}{
		"both":                 {"Disease_disorder", []nlp.Assertion{denied, nlp.Present}, []string{"Condition asthma active unconfirmed"}, "says this (once) and denies it (once)", 2},
		"hardly supported":     {"Disease_disorder", []nlp.Assertion{denied, denied, denied, denied, denied, nlp.Present}, nil, "says this (once) and denies it (5 times); not written", 0},
		"refuted six times":    {"Disease_disorder", []nlp.Assertion{ruledOut, ruledOut, ruledOut, ruledOut, ruledOut, nlp.Present}, []string{"Condition asthma refuted"}, "says this (once) and denies it (5 times)", 6},
		"conditional as well":  {"Disease_disorder", []nlp.Assertion{nlp.Present, conditional}, []string{"Condition asthma active unconfirmed"}, "", 1},
		"last stopped":         {"Medication", []nlp.Assertion{nlp.Present, stopped}, []string{"MedicationStatement asthma stopped"}, "taken (once) before it says that it was stopped", 2},
		"stopped and taken up": {"Medication", []nlp.Assertion{stopped, nlp.Present}, []string{"MedicationStatement asthma active"}, "also says that this was stopped (once)", 2},
	} {
		t.Run(name, func(t *testing.T) {
			var mentions []string
			for range test.assertions {
				mentions = append(mentions, test.label+":asthma")
			}
			d := annotated(strings.Repeat("asthma ", len(mentions)), nlp.Present, mentions...)
			for i, a := range test.assertions {
				d.Entities[i].Assertion = a
			}
			entries, outcome := written(t, configured(t, "", nil), document(t, withSubject), d)
			if diff := cmp.Diff(test.want, kinds(entries)); diff != "" {
				t.Error(diff)
			}
			reported := ""
			for _, issue := range outcome.Issues {
				if issue.Code == fhir.CodeConflict {
					reported = issue.Diagnostics
				}
			}
			if (test.conflict == "") != (reported == "") || !strings.Contains(reported, test.conflict) {
				t.Errorf("reported: %q", reported)
			}
			if test.evidence > 0 {
				if got := strings.Count(fmt.Sprint(at(entries[1], "resource.extension")), "derivation-reference"); got != test.evidence {
					t.Errorf("%d spans of evidence, want %d", got, test.evidence)
				}
			}
		})
	}
}

// Each way to write asks for what it promises; the same note gives the same bytes.
func TestWriteModes(t *testing.T) {
	d := annotated("asthma", nlp.Present, "Disease_disorder:asthma")
	for mode, want := range map[mapping.WriteMode][3]string{
		mapping.ConditionalCreate: {"POST", "Condition", "identifier=urn%3Aietf%3Arfc%3A3986%7C"},
		mapping.ConditionalUpdate: {"PUT", "Condition?identifier=urn%3Aietf%3Arfc%3A3986%7C", ""},
		mapping.ClientID:          {"PUT", "Condition/", ""},
		mapping.Post:              {"POST", "Condition", ""},
	} {
		mapper := configured(t, "", func(c *mapping.Config) { c.Write = mode })
		entries, _ := written(t, mapper, document(t, withSubject), d)
		again, _ := written(t, mapper, document(t, withSubject), d)
		if diff := cmp.Diff(entries, again); diff != "" {
			t.Errorf("%s: the same note gave another Bundle: %s", mode, diff)
		}
		condition, _ := at(entries[1], "request.ifNoneExist").(string)
		address := at(entries[1], "request.url").(string)
		if at(entries[1], "request.method") != want[0] || !strings.HasPrefix(address, want[1]) || !strings.HasPrefix(condition, want[2]) || (condition == "") != (want[2] == "") {
			t.Errorf("%s: %v", mode, entries[1]["request"])
		}
		if id, _ := at(entries[1], "resource.id").(string); (id != "") != (mode == mapping.ClientID) || id != "" && address != "Condition/"+id {
			t.Errorf("%s: id %q", mode, id)
		}
		if at(entries[2], "resource.target.0.reference") != entries[1]["fullUrl"] {
			t.Errorf("%s: the Provenance's target is %v", mode, at(entries[2], "resource.target"))
		}
	}
}

// A profile is claimed only where it holds.
func TestProfiles(t *testing.T) {
	logical := `"subject":{"identifier":{"system":"urn:mrn","value":"7"}},`
	literal := `"id":"n1","subject":{"reference":"Patient/1"},`
	d := annotated("asthma flu appendectomy aspirin", nlp.Present, "Disease_disorder:asthma", "Disease_disorder:flu", "Therapeutic_procedure:appendectomy", "Medication:aspirin")
	d.Entities[1].Assertion = nlp.Assertion{Experiencer: nlp.Patient, RuledOut: true}
	const usCore, ips = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-", "http://hl7.org/fhir/uv/ips/StructureDefinition/"
	for _, test := range []struct {
		profile           mapping.Profile
		site, document    string
		want              []string // of each fact, and the Provenance
		category, missing string
	}{
		{mapping.R4, "", literal, []string{"", "", "", "", ""}, "", ""},
		{mapping.USCore, "", literal, []string{usCore + "condition-problems-health-concerns", "", usCore + "procedure", "", ""}, "problem-list-item", "_performedDateTime"},
		{mapping.USCore, "onBehalfOf: Organization/1", literal, []string{usCore + "condition-problems-health-concerns", "", usCore + "procedure", "", usCore + "provenance"}, "problem-list-item", "_performedDateTime"},
		{mapping.USCore, "", logical, []string{"", "", "", "", ""}, "", ""},
		{mapping.IPS, "", literal, []string{ips + "Condition-uv-ips", "", ips + "Procedure-uv-ips", ips + "MedicationStatement-uv-ips", ""}, "", "_performedDateTime"},
		{mapping.IPS, "", logical, []string{"", "", "", "", ""}, "", ""},
	} {
		mapper := configured(t, test.site, func(c *mapping.Config) { c.Profile = test.profile })
		entries, _ := written(t, mapper, document(t, test.document), d)
		var got []string
		for _, entry := range entries[1:] {
			claimed, _ := at(entry, "resource.meta.profile.0").(string)
			got = append(got, claimed)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, %s: %s", test.profile, test.document, diff)
		}
		if category, _ := at(entries[1], "resource.category.0.coding.0.code").(string); category != test.category {
			t.Errorf("%s: category %q", test.profile, category)
		}
		if missing := at(entries[3], "resource._performedDateTime.extension.0.valueCode"); (missing == "unknown") != (test.missing != "") {
			t.Errorf("%s: a missing time is %v", test.profile, missing)
		}
	}
}

// R4 has allergies and family history of patients only.
func TestGroups(t *testing.T) {
	d := annotated("asthma flu", nlp.Present, "Disease_disorder:asthma", "Disease_disorder:flu")
	d.Entities[1].Assertion = nlp.Assertion{Experiencer: "MTH"}
	entries, outcome := written(t, configured(t, "", nil), document(t, `"subject":{"reference":"Group/1"},`), d)
	if diff := cmp.Diff([]string{"Condition asthma active unconfirmed"}, kinds(entries)); diff != "" {
		t.Error(diff)
	}
	if last := outcome.Issues[len(outcome.Issues)-1].Diagnostics; !strings.Contains(last, "a group of patients has no FamilyMemberHistory") {
		t.Error(last)
	}
}

// Facts of one patient's notes are one where a site wants it.
func TestScope(t *testing.T) {
	id := func(site, note string) any {
		entries, _ := written(t, configured(t, site, nil), document(t, `"id":"`+note+`","subject":{"reference":"Patient/p1"},`), annotated("asthma", nlp.Present, "Disease_disorder:asthma"))
		return entries[1]["fullUrl"]
	}
	if id("", "n1") == id("", "n2") || id("scope: patient", "n1") != id("scope: patient", "n2") {
		t.Error("the scope does not decide")
	}
}

// What a site wants otherwise is written otherwise.
func TestSites(t *testing.T) {
	site := "confidence: ai-transparency\nclaimAITransparency: true\nstatuses: { Condition: { negated: { verificationStatus: refuted } } }\n" +
		"schemas: { maccrobat: { Sign_symptom: { resource: Observation }, Therapeutic_procedure: { planned: ServiceRequest } } }"
	d := annotated("asthma fever appendectomy", nlp.Assertion{Experiencer: nlp.Patient, Negated: true}, "Disease_disorder:asthma", "Sign_symptom:fever", "Therapeutic_procedure:appendectomy")
	d.Entities[1].Assertion = nlp.Present
	d.Entities[2].Assertion = nlp.Assertion{Experiencer: nlp.Patient, Planned: true}
	entries, _ := written(t, configured(t, site, nil), document(t, withSubject), d)
	if diff := cmp.Diff([]string{"Condition asthma refuted", "Observation fever preliminary", "ServiceRequest appendectomy active"}, kinds(entries)); diff != "" {
		t.Error(diff)
	}
	if at(entries[2], "resource.valueBoolean") != true || at(entries[3], "resource.intent") != "plan" {
		t.Errorf("%v, %v", at(entries[2], "resource.valueBoolean"), at(entries[3], "resource.intent"))
	}
	if profile, _ := at(entries[0], "resource.meta.profile.0").(string); !strings.HasSuffix(profile, "/AI-Device") {
		t.Errorf("the Device claims %q", profile)
	}
	encoded, _ := json.Marshal(entries[1])
	if !strings.Contains(string(encoded), "AIconfidence") {
		t.Errorf("%s", encoded)
	}
}

// A Bundle never holds two entries of one identity, and no mention text in what is said of it.
func FuzzBundle(f *testing.F) {
	f.Add("asthma, no asthma; left and right knee pain 9 g/dL", uint16(7))
	f.Add("a b c d e f g h i j k l m n o p", uint16(65535))
	rules, err := mapping.DefaultRules()
	if err != nil {
		f.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Config{Rules: rules, Software: mapping.Software{Version: "test", Model: "none", ModelDigest: "0"}})
	if err != nil {
		f.Fatal(err)
	}
	labels := []string{"Disease_disorder", "Sign_symptom", "Medication", "Therapeutic_procedure", "Diagnostic_procedure", "Lab_value", "Biological_structure", "Severity", "Date", "Family_history", "Height", "Mood"}
	stages, err := nlp.Understanding()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, seed uint16) {
		if len(text) > 1<<10 {
			t.Skip("over the size cap")
		}
		src := document(t, withSubject)
		d := annotated(text, nlp.Assertion{})
		body := d.Text.Body
		for i, step := 0, int(seed%7)+1; i+step <= len(body); i += step + 1 {
			d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: i, End: i + step}, Label: labels[(i+int(seed))%len(labels)], Score: 0.9})
		}
		if err := stages.Annotate(context.Background(), d); err != nil {
			t.Fatal(err)
		}
		made, err := mapper.Bundle(context.Background(), src, src.Attachments[0], d, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fhir.Encode(made.Bundle); err != nil {
			t.Fatal(err)
		}
	})
}
