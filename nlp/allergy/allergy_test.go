package allergy_test

import (
	"fmt"
	"strings"
	"testing"

	"charthand/nlp/allergy"
	"charthand/nlp/section"
	"charthand/nlp/text"

	"github.com/google/go-cmp/cmp"
)

// found says in one line what a note with marked mentions ([D drug], [P problem]) says of allergies.
func found(t *testing.T, marked string) string {
	t.Helper()
	finder, err := allergy.Default()
	if err != nil {
		t.Fatal(err)
	}
	sections, err := section.Default()
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	var mentions []allergy.Mention
	for rest := marked; ; {
		before, inside, ok := strings.Cut(rest, "[")
		body.WriteString(before)
		if !ok {
			break
		}
		var words string
		words, rest, _ = strings.Cut(inside, "]")
		start := body.Len()
		body.WriteString(words[2:])
		mentions = append(mentions, allergy.Mention{Span: text.Span{Start: start, End: body.Len()}, Drug: words[0] == 'D', Problem: words[0] == 'P'})
	}
	words := text.New(body.String())
	allergies, none := finder.Find(words, words.Sentences(), sections.Find(words, nil), mentions)
	var parts []string
	for _, a := range allergies {
		part := fmt.Sprintf("%s(%s)", body.String()[a.Start:a.End], a.Category)
		if a.Denied {
			part = "not " + part
		}
		for _, r := range a.Reactions {
			part += " " + body.String()[mentions[r].Start:mentions[r].End]
		}
		parts = append(parts, part)
	}
	for _, n := range none {
		parts = append(parts, fmt.Sprintf("none(%s)", n.Category))
	}
	return strings.Join(parts, "; ")
}

func TestFind(t *testing.T) {
	for marked, want := range map[string]string{
		"Takes [D aspirin] for [P pain].":                                                   "",
		"She is allergic to [D penicillin] and [D sulfa].":                                  "penicillin(medication); sulfa(medication)",
		"She is allergic to penicillin and latex.":                                          "penicillin(medication); latex(environment)",
		"She is not allergic to [D penicillin].":                                            "not penicillin(medication)",
		"Denies allergy to latex.":                                                          "not latex(environment)",
		"History of [D penicillin] allergy with [P anaphylaxis].":                           "penicillin(medication) anaphylaxis",
		"[P Anaphylaxis] to [D penicillin] as a child.":                                     "",
		"ALLERGIES: [P Anaphylaxis] to [D penicillin].":                                     "penicillin(medication) Anaphylaxis",
		"ALLERGIES: [P peanut\nallergy] (lip [P swelling]).":                                "peanut\nallergy(food) swelling",
		"Developed a [P rash] from [D vancomycin].":                                         "",
		"ALLERGIES: [D Penicillin] ([P hives], [P itching]), [D codeine] - [P nausea].":     "Penicillin(medication) hives itching; codeine(medication) nausea",
		"ALLERGIES: [D Penicillin] causes a [P rash]. Shellfish.\nMEDICATIONS: [D aspirin]": "Penicillin(medication) rash; Shellfish(food)",
		"Allergies: NKDA":                                 "none(medication)",
		"No known drug allergies to date.":                "none(medication)",
		"ALLERGIES: None.":                                "none(any)",
		"DRUG ALLERGIES: None known.":                     "none(medication)",
		"ALLERGIES: No known allergies.":                  "none(any)",
		"[P No known drug allergies].":                    "none(medication)",
		"She has a [P peanut allergy].":                   "peanut allergy(food)",
		"She has [P seasonal allergies].":                 "",
		"No known drug allergies; allergic to shellfish.": "shellfish(food); none(medication)",
		"He was given [D ceftriaxone] for [P pneumonia] despite his PCN allergy.": "PCN(medication)",
		"No allergies to latex.": "not latex(environment)",
		"Allergic to [D morphine], which causes [P itching], and takes [D cetirizine].": "morphine(medication) itching",
	} {
		if diff := cmp.Diff(want, found(t, marked)); diff != "" {
			t.Errorf("%s: %s", marked, diff)
		}
	}
}
