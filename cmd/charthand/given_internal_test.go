package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Given mentions come out in their own order, with what every stage says of them; a bad line is named and the others go on.
func TestAnnotateGiven(t *testing.T) {
	in := `{"id":"a","date":"2024-03-18","text":"🙂 PMH: stroke. No fever yesterday, Na 140 mmol/L. Aspirin 81 mg PO daily.","entities":[` +
		`{"label":"Medication","start":50,"end":57},{"label":"Sign_symptom","start":18,"end":23},{"label":"Disease_disorder","start":7,"end":13},` +
		`{"label":"Date","start":24,"end":33},{"label":"Lab_value","start":38,"end":48},{"label":"Diagnostic_procedure","start":35,"end":37}]}
{"id":"b","text":"short","entities":[{"label":"x","start":0,"end":9}]}
{"id":"c","text":"no list"}
{"id":"d","text":"x","date":"yesterday","entities":[]}
{"id":"e","text":"","entities":[]}
`
	out, messages, code := program(t, in, "annotate", "--given", "-")
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"line 2: entities[0]: 0 to 9 is not within the text's 5 characters", `line 3: no "entities"`, "line 4: date:"} {
		if !strings.Contains(messages, want) {
			t.Errorf("%q is not in %q", want, messages)
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), out)
	}
	var a struct {
		Sections []struct{ Code string }
		Entities []struct {
			Text                string
			Section             *int
			Negated, Historical bool
			Sig                 *struct{ Dosage []struct{ Text string } }
			Value               *struct {
				Quantity *struct {
					Value json.Number
					Code  string
				} `json:"valueQuantity"`
			}
			Date *struct{ DateTime string }
		}
		Relations []struct {
			Kind     string
			From, To int
		}
		Groups [][]int
	}
	if err := json.Unmarshal([]byte(lines[0]), &a); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range a.Entities {
		texts = append(texts, e.Text)
	}
	if diff := cmp.Diff([]string{"Aspirin", "fever", "stroke", "yesterday", "140 mmol/L", "Na"}, texts); diff != "" {
		t.Fatal(diff)
	}
	switch e := a.Entities; {
	case len(a.Sections) != 1 || a.Sections[0].Code != "11348-0" || e[1].Section == nil || *e[1].Section != 0:
		t.Errorf("sections: %s", lines[0])
	case !e[1].Negated || !e[2].Historical || e[0].Negated:
		t.Errorf("assertion: %s", lines[0])
	case e[0].Sig == nil || len(e[0].Sig.Dosage) != 1 || e[0].Sig.Dosage[0].Text != "81 mg PO daily":
		t.Errorf("sig: %s", lines[0])
	case e[4].Value == nil || e[4].Value.Quantity.Value != "140" || e[4].Value.Quantity.Code != "mmol/L":
		t.Errorf("value: %s", lines[0])
	case e[3].Date == nil || e[3].Date.DateTime != "2024-03-17":
		t.Errorf("date: %s", lines[0])
	}
	found := false
	for _, r := range a.Relations {
		found = found || r.Kind == "modify" && r.From == 4 && r.To == 5
	}
	if !found || len(a.Groups) != 6 {
		t.Errorf("relations and groups: %s", lines[0])
	}
}
