package when_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"charthand/nlp/text"
	"charthand/nlp/when"
)

// The sets of fixtures/context/date measure what is understood; this holds the form and what is not known.
func TestAll(t *testing.T) {
	reader, err := when.Default()
	if err != nil {
		t.Fatal(err)
	}
	noted := time.Date(2024, 3, 18, 16, 5, 0, 0, time.FixedZone("", -4*3600))
	for marked, want := range map[string]string{
		"Seen [[yesterday at 9 p.m.]]":                `[{"dateTime":"2024-03-17T21:00:00-04:00"}]`,
		"CABG [[in 2009]], fell [[3/14]]":             `[{"dateTime":"2009"},{"dateTime":"2024-03-14"}]`,
		"Rash [[3 weeks ago]]":                        `[{"period":{"start":"2024-02-23","end":"2024-02-29"}}]`,
		"[[for 2-3 days]]":                            `[{"durationRange":{"low":{"value":2,"unit":"d","system":"http://unitsofmeasure.org","code":"d"},"high":{"value":3,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}}}]`,
		"at [[age 45]]":                               `[{"age":{"value":45,"unit":"a","system":"http://unitsofmeasure.org","code":"a"}}]`,
		"[[POD #2]]":                                  `[{"after":{"value":2,"unit":"d","system":"http://unitsofmeasure.org","code":"d"},"event":"surgery"}]`,
		"Admitted [[3/12/2024]]. [[On HD 3]] he left": `[{"dateTime":"2024-03-12"},{"dateTime":"2024-03-14"}]`,
		"on [[13/45/2019]]":                           `[{}]`,
		"called [[at 14:30]]":                         `[{"time":"14:30"}]`,
	} {
		var body strings.Builder
		var spans []text.Span
		for rest, found := marked, true; found; {
			var before, inside string
			before, rest, found = strings.Cut(rest, "[[")
			body.WriteString(before)
			if found {
				inside, rest, _ = strings.Cut(rest, "]]")
				spans = append(spans, text.Span{Start: body.Len(), End: body.Len() + len(inside)})
				body.WriteString(inside)
			}
		}
		x := text.New(body.String())
		got, err := json.Marshal(reader.All(x, x.Sentences(), spans, noted, noted.Location()))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", marked, got, want)
		}
	}
	x := text.New("yesterday")
	if got := reader.All(x, x.Sentences(), []text.Span{{Start: 0, End: 9}}, time.Time{}, nil); got[0] != (when.Expression{}) {
		t.Errorf("without the note's date: %+v", got[0])
	}
}
