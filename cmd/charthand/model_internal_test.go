package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModelInfo(t *testing.T) {
	for folder, want := range map[string][]string{
		"":         {"charthand-default", "language", "input_ids", "41 types, IOB2", "Medication", "MedicationStatement", "Viterbi"},
		bertFolder: {"bert", "not said", "token_type_ids", "model.onnx", "3 types, IOB2", "510 tokens", "token by token", "sha256:"},
	} {
		args := []string{"model", "info"}
		if folder != "" {
			args = append(args, folder)
		}
		out, messages, code := program(t, "", args...)
		if code != exitDone {
			t.Fatalf("%s: exit code %d: %s", folder, code, messages)
		}
		for _, words := range want {
			if !strings.Contains(out, words) {
				t.Errorf("%s: no %q in %s", folder, words, out)
			}
		}
	}
}

func TestModelCheck(t *testing.T) {
	out, messages, code := program(t, "", "model", "check", bertFolder)
	if code != exitDone || !strings.Contains(out, "21 texts") || !strings.Contains(out, ": 0 texts") {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	if _, messages, code := program(t, "", "model", "check", "../../models/default"); code != exitUsage || !strings.Contains(messages, "expected.json") {
		t.Errorf("without recorded answers: exit code %d: %s", code, messages)
	}

	// Answers of another model.
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(bertFolder)); err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile("../../nlp/testdata/parity/electra/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, recordedFile), recorded, 0o600); err != nil {
		t.Fatal(err)
	}
	out, messages, code = program(t, "", "model", "check", other)
	if code != exitFailed || strings.Contains(out, ": 0 texts") || !strings.Contains(messages, "text 0, none") {
		t.Errorf("answers of another model: exit code %d: %s%s", code, out, messages)
	}
}
