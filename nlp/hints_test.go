package nlp_test

import (
	"fmt"
	"testing"

	"charthand/nlp"
	"charthand/note"

	"github.com/google/go-cmp/cmp"
)

// The sections that a C-CDA document marks are the note's, with the headings inside them; a code that means nothing here gives way to what
// the title says.
func TestMarkedSections(t *testing.T) {
	document := `<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Discharge summary</title><component><structuredBody>`
	for _, section := range [][3]string{
		{"11450-4", "Active issues", "Gout"},
		{"46240-8", "Visits", "Dr. Example, 3 May"},
		{"42347-5", "Admission diagnosis", "Pneumonia"},
		{"x", "Allergies", "Penicillin"},
		{"34109-9", "Notes", "ASSESSMENT: Fever<br/>PLAN: Rest"},
		{"48765-2", "", "Latex"},
	} {
		document += `<component><section><code code="` + section[0] + `" codeSystem="2.16.840.1.113883.6.1"/><title>` + section[1] + `</title><text>` + section[2] + `</text></section></component>`
	}
	text, _, err := note.Decoder{}.Decode(t.Context(), []byte(document+`</structuredBody></component></ClinicalDocument>`), "text/xml")
	if err != nil {
		t.Fatal(err)
	}
	stages, err := nlp.Understanding()
	if err != nil {
		t.Fatal(err)
	}
	d := &nlp.Document{Text: text}
	if err := stages.Annotate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range d.Sections {
		got = append(got, fmt.Sprintf("%s %q", s.Code, text.Body[s.Start:s.End]))
	}
	want := []string{
		`11450-4 "Active issues\n\nGout\n\n"`,
		`46240-8 "Visits\n\nDr. Example, 3 May\n\n"`,
		`46241-6 "Admission diagnosis\n\nPneumonia\n\n"`,
		`48765-2 "Allergies\n\nPenicillin\n\n"`,
		`34109-9 "Notes\n\n"`,
		`51848-0 "ASSESSMENT: Fever\n"`,
		`18776-5 "PLAN: Rest\n\n"`,
		`48765-2 "Latex"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
