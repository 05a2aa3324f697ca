package concept_test

import (
	"strings"
	"testing"

	"charthand/nlp/concept"
	"charthand/nlp/text"
)

func TestNormal(t *testing.T) {
	n, err := concept.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mention string
		kind    concept.Kind
		around  string
		section string
		want    string
	}{
		{"HTN", concept.Problem, "", "", "hypertension"},
		{"acute  MIs.", concept.Problem, "", "", "acute myocardial infarction"},
		{"acute MI", concept.Problem, "", "", "acute myocardial infarction"},
		{"MS", concept.Problem, "", "", "multiple sclerosis"},
		{"MS", concept.Problem, "with a mitral valve area of 1", "", "mitral stenosis"},
		{"MS", concept.Drug, "", "", "morphine sulfate"},
		{"CP", concept.Problem, "", "", "chest pain"},
		{"CP", concept.Problem, "", "11348-0", "cerebral palsy"},
		{"all", concept.Problem, "", "", "all"},
		{"ALL", concept.Problem, "", "", "acute lymphoblastic leukemia"},
		{"headaches", concept.Problem, "", "", "headache"},
		{"biopsies", concept.Test, "", "", "biopsy"},
		{"metastases", concept.Problem, "", "", "metastasis"},
		{"diabetes", concept.Problem, "", "", "diabetes"},
		{"ＣＯＰＤ", concept.Problem, "", "", "chronic obstructive pulmonary disease"},
	} {
		x := text.New(test.mention + " " + test.around)
		m := concept.Mention{Span: text.Span{Start: 0, End: len(test.mention)}, Kind: test.kind, Section: test.section}
		if got := n.Normal(x, m, nil); got != test.want {
			t.Errorf("%s (%s) %s: %q, want %q", test.mention, test.kind, test.around, got, test.want)
		}
	}
}

func TestAcronyms(t *testing.T) {
	for body, want := range map[string]string{
		"a pulmonary embolism (PE) was found":                        "PE=pulmonary embolism",
		"acute-on-chronic kidney disease (CKD), chest pain (severe)": "CKD=chronic kidney disease",
		"normal (PE)":                          "",
		"polymerase chain reaction (PCR) ((((": "PCR=polymerase chain reaction",
	} {
		var got []string
		for _, a := range concept.Acronyms(text.New(body)) {
			got = append(got, body[a.Short.Start:a.Short.End]+"="+body[a.Long.Start:a.Long.End])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestReadFaults(t *testing.T) {
	for data, want := range map[string]string{
		"problem: { x: [{ long: a, near: [b] }] }": "problem.x", "problem: { x: [{ lang: a }] }": "lang", "problme: {}": "problme",
	} {
		if _, err := concept.Read([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q is not named: %v", data, want, err)
		}
	}
}
