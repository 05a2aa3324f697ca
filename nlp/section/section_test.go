package section_test

import (
	"strings"
	"testing"

	"charthand/nlp/section"
	"charthand/nlp/text"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	f, err := section.Default()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		body string
		want []string // heading and code
	}{
		"capitals with a colon":  {"CHIEF COMPLAINT: Cough.\nPAST MEDICAL HISTORY:\nGout", []string{"CHIEF COMPLAINT 10154-3", "PAST MEDICAL HISTORY 11348-0"}},
		"a title without":        {"Past Medical History\nGout\n\nMedications\nAspirin", []string{"Past Medical History 11348-0", "Medications 10160-0"}},
		"inside a line":          {"PMH: DM2, HTN. PSH: CABG. All: NKDA", []string{"PMH 11348-0", "PSH 10167-5", "All 48765-2"}},
		"marks":                  {"## Plan\nRest\n**Assessment:** well\n[Allergies] none", []string{"Plan 18776-5", "Assessment 51848-0", "Allergies 48765-2"}},
		"numbers, dashes, dots":  {"1. IMPRESSION\nGout\nPlan - rest\nHPI ..... cough", []string{"IMPRESSION 51848-0", "Plan 18776-5", "HPI 10164-2"}},
		"two sections in one":    {"ASSESSMENT AND PLAN:\nGout", []string{"ASSESSMENT AND PLAN 51847-2"}},
		"a report of a study":    {"EXAM: CT\nTECHNIQUE: Axial.\nIMPRESSION: Normal.", []string{"EXAM ", "TECHNIQUE 55111-9", "IMPRESSION 19005-8"}},
		"parts of an exam":       {"EXAM:\nHEENT: normal\nLUNGS: clear\nPLAN: rest", []string{"EXAM 29545-1", "PLAN 18776-5"}},
		"words in prose":         {"He has a plan: none yet. Her medications were reviewed. Family history was not discussed", nil},
		"forms and drugs":        {"Name: Harrow\nAspirin: 81 mg\nP: 82", nil},
		"an unknown in capitals": {"FAMILY HISTORY: gout\nTRAVEL LOG: none", []string{"FAMILY HISTORY 10157-6", "TRAVEL LOG "}},
	} {
		found := f.Find(text.New(test.body), nil)
		var got []string
		for i, s := range found {
			got = append(got, test.body[s.Heading.Start:s.Heading.End]+" "+s.Code)
			end := len(test.body)
			if i+1 < len(found) {
				end = found[i+1].Start
			}
			if s.Start != s.Heading.Start || s.End != end {
				t.Errorf("%s: section %d runs from %d to %d", name, i, s.Start, s.End)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReadFaults(t *testing.T) {
	_, err := section.Read([]byte("sections:\n  - { code: 1-1, headings: [\"(a\"] }\nfillers: [\"b]\", \"[c\"]\n"))
	if err == nil || !strings.Contains(err.Error(), "(a") || !strings.Contains(err.Error(), "[c") {
		t.Errorf("both patterns should be named: %v", err)
	}
	if _, err := section.Read([]byte("sectoins: []")); err == nil || !strings.Contains(err.Error(), "sectoins") {
		t.Errorf("an unknown key should be named: %v", err)
	}
}
