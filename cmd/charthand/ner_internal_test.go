package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const bertFolder = "../../nlp/testdata/parity/bert"

func TestNER(t *testing.T) {
	const text = "🙂 Admitted with severe chest pain."
	fields := func(line string) []map[string]any {
		t.Helper()
		var entities []map[string]any
		if err := json.Unmarshal([]byte(line), &entities); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if len(entities) == 0 {
			t.Fatal("nothing was found")
		}
		return entities
	}
	slice := func(e map[string]any) string {
		start, _ := e["start"].(float64)
		end, _ := e["end"].(float64)
		return strings.ToLower(string([]rune(text)[int(start):int(end)]))
	}

	out, messages, code := program(t, text, "ner", "--model", bertFolder, "--aggregation", "none")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	for _, e := range fields(out) {
		if _, found := e["index"]; !found || e["entity"] == nil || e["entity_group"] != nil {
			t.Errorf("a token is %v", e)
		}
		if word, _ := e["word"].(string); strings.TrimPrefix(word, "##") != slice(e) && word != "🙂" {
			t.Errorf("%v stands at %q", e, slice(e))
		}
	}
	grouped, _, _ := program(t, text, "ner", "--model", bertFolder)
	for _, e := range fields(grouped) {
		if _, found := e["index"]; found || e["entity"] != nil || e["entity_group"] == nil {
			t.Errorf("a mention is %v", e)
		}
	}
	lines, messages, code := program(t, `{"id":"7","text":"🙂 Admitted with severe chest pain."}`+"\nnonsense\n"+`{"id":"8","text":""}`, "ner", "--model", bertFolder, "--ndjson", "-")
	if code != exitFailed || !strings.Contains(messages, "line 2") {
		t.Errorf("exit code %d: %s", code, messages)
	}
	if want := `{"id":"7","entities":` + strings.TrimSpace(grouped) + "}\n" + `{"id":"8","entities":[]}` + "\n"; lines != want {
		t.Errorf("lines: %s", lines)
	}
	if _, messages, code := program(t, text, "ner", "--aggregation", "best"); code != exitUsage || !strings.Contains(messages, "simple") {
		t.Errorf("an unknown aggregation: exit code %d: %s", code, messages)
	}
}
