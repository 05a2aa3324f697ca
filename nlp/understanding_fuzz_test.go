package nlp_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"charthand/nlp"
	"charthand/note"
)

// Whatever a text holds and wherever mentions lie in it, the stages come to an end, say nothing that JSON cannot hold, and every
// span is within the text.
func FuzzUnderstanding(f *testing.F) {
	for _, seed := range []string{
		"PMH: DM2, HTN.\nNo fever, but cough. Mother - migraine.\n[ ] chest pain [x] cough",
		"metformin 500 mg PO BID x 7 days prn pain; taper: 40 mg x3d then 20 mg x3d, 1-2 tabs q4-6h, max 4 g/day",
		"BP 120/80 (93), K 5.1 (H) [3.5-5.0], 2.3 x 10^5 copies/mL, 5'10\", <0.01, 1:160, 3 x 2 cm",
		"yesterday at 9 p.m., on 3/14, POD #2, 12/28-1/3, in her 50s, last summer, 21FEB2019, since '09",
		"pulmonary embolism (PE), ½ tab, ½½½, Ø fever, – 5°, 1/2/3/4/5, ((((", "",
	} {
		f.Add(seed, uint8(3), uint8(5))
	}
	stages, err := nlp.Understanding()
	if err != nil {
		f.Fatal(err)
	}
	labels := []string{"Sign_symptom", "Medication", "Lab_value", "Date", "Diagnostic_procedure", "Duration", "Age", "Therapeutic_procedure", "Severity", "other"}
	f.Fuzz(func(t *testing.T, body string, every, length uint8) {
		if len(body) > 4000 {
			t.Skip("texts are short here")
		}
		text := note.NewText(body)
		var given []nlp.Given
		count := utf8.RuneCountInString(text.Body)
		for at := 0; at < count; at += int(every) + 1 {
			given = append(given, nlp.Given{Label: labels[len(given)%len(labels)], Start: at, End: min(count, at+1+int(length)%40)})
		}
		d, err := nlp.NewGiven(text, given)
		if err != nil {
			t.Fatal(err)
		}
		d.Date, d.Zone = time.Date(2024, 2, 29, 23, 59, 0, 0, time.UTC), time.UTC
		if err := stages.Annotate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		a := d.Annotation("")
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
		if len(a.Entities) != len(given) {
			t.Fatalf("%d mentions in, %d out", len(given), len(a.Entities))
		}
		for i, e := range a.Entities {
			if e.Start != given[i].Start || e.End != given[i].End {
				t.Fatalf("mention %d moved", i)
			}
			if e.AssertionAnnotation == nil {
				continue
			}
			for _, cue := range e.Cues {
				if cue.Start < 0 || cue.Start >= cue.End || cue.End > count {
					t.Fatalf("cue at %d to %d of %d characters", cue.Start, cue.End, count)
				}
			}
		}
		for _, s := range a.Sections {
			if s.Heading.Start != s.Start || s.Heading.End > s.End || s.End > count {
				t.Fatalf("section %+v of %d characters", s, count)
			}
		}
	})
}
