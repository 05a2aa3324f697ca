package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const fixtureNotes = "../../fixtures/notes"

func TestEvaluate(t *testing.T) {
	out, messages, code := program(t, "", "evaluate", "--format", "brat", "--gold", fixtureNotes, "--json")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	var got evaluated
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Corpus.Documents != 16 || got.Corpus.Malformed != 0 || got.Model.Digest == "" {
		t.Errorf("%+v", got)
	}
	if f1 := got.Micro.Overlap.F1; f1 < 0.5 || f1 > 1 || f1 < got.Micro.Strict.F1 {
		t.Errorf("overlap F1 %g, strict %g", f1, got.Micro.Strict.F1)
	}
	table, _, code := program(t, "", "evaluate", "--format", "brat", "--gold", fixtureNotes)
	if code != exitDone || !strings.Contains(table, "all (micro)") || !strings.Contains(table, "Medication") {
		t.Errorf("exit code %d: %s", code, table)
	}
}

// Labels that are named count as one; the others do not count.
func TestEvaluateKinds(t *testing.T) {
	out, messages, code := program(t, "", "evaluate", "--format", "brat", "--gold", fixtureNotes, "--json",
		"--kind", "problem=Disease_disorder,Sign_symptom", "--kind", "medication=Medication")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	var got evaluated
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	labels := map[string]bool{}
	for _, l := range got.Types {
		labels[l.Label] = true
	}
	if len(labels) != 2 || !labels["problem"] || !labels["medication"] {
		t.Errorf("labels %v", labels)
	}
}

func TestEvaluateMalformed(t *testing.T) {
	path := save(t, "corpus.conll", "pain\tB-Sign_symptom\nnonsense\n")
	out, messages, code := program(t, "", "evaluate", "--format", "conll", "--gold", path)
	if code != exitFailed || !strings.Contains(messages, "corpus.conll:2: ") || !strings.Contains(out, "all (micro)") {
		t.Errorf("exit code %d: %s%s", code, messages, out)
	}
	out, messages, code = program(t, "", "evaluate", "--format", "conll", "--gold", path, "--strict")
	if code != exitFailed || !strings.Contains(messages, "corpus.conll:2: ") || out != "" {
		t.Errorf("strict: exit code %d: %s%s", code, messages, out)
	}
}

func TestEvaluateUsage(t *testing.T) {
	for name, test := range map[string]struct{ args, want string }{
		"no corpus":      {"--format brat --gold " + filepath.Join(t.TempDir(), "none"), "no labelled document"},
		"unknown format": {"--format word --gold " + fixtureNotes, "--format"},
		"twice":          {"--format brat --gold " + fixtureNotes + " --kind a=Date,Age --kind b=Age", `the label "Age"`},
		"unknown label":  {"--format brat --gold " + fixtureNotes + " --kind problem=Disease_Disorder", `the label "Disease_Disorder"`},
		"empty kind":     {"--format brat --gold " + fixtureNotes + " --kind a=", "--kind"},
		"no kind":        {"--format brat --gold " + fixtureNotes + " --kind a", "--kind"},
	} {
		_, messages, code := program(t, "", append([]string{"evaluate"}, strings.Fields(test.args)...)...)
		if code != exitUsage || !strings.Contains(messages, test.want) {
			t.Errorf("%s: exit code %d: %s", name, code, messages)
		}
	}
}
