package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const goodSettings = `profile: us-core
write: client-id
mapping:
  onBehalfOf: Organization/1
  schemas:
    maccrobat: { Sign_symptom: { resource: Observation } }
`

// Settings are checked by their place in the file, printed whole, and flags count before them.
func TestConfig(t *testing.T) {
	good := save(t, "site.yaml", goodSettings)
	out, messages, code := program(t, "", "config", "check", "--config", good)
	if code != exitDone || !strings.Contains(out, "can be used") {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	out, messages, code = program(t, "", "config", "print", "--config", good, "--write", "post")
	for _, line := range []string{"profile: us-core", "write: post", "onBehalfOf: Organization/1", "aiLabel: security"} {
		if !strings.Contains(out, line) {
			t.Errorf("exit code %d, no %q in %s%s", code, line, out, messages)
		}
	}
	// What is printed is settings again.
	if out, messages, code = program(t, "", "config", "check", "--config", save(t, "printed.yaml", out)); code != exitDone {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	for settings, want := range map[string]string{
		"profil: r4\n":                          `[1:1] unknown field "profil"`,
		"mapping:\n  aiLabel: x\n  foo: 1\n":    `[3:3] unknown field "foo"`,
		"mapping:\n  aiLabel: loud\n":           `aiLabel: "loud" is none of`,
		"sync: { workers: -1 }\n":               `sync.workers: -1 is no number of workers`,
		"profile: r5\n":                         `profile: "r5" is none of`,
		"write: anyhow\n":                       `write: "anyhow" is none of`,
		"mapping: { schemas: { a: { b: 1 } } }": "mapping",
	} {
		path := save(t, "bad.yaml", settings)
		for _, command := range [][]string{{"config", "check"}, {"config", "print"}, {"extract", filepath.Join("..", "..", "fixtures", "documents", "nursing-phone-note.json")}, {"serve"}} {
			out, messages, code := program(t, "", append(command, "--config", path)...)
			if code != exitUsage || out != "" || !strings.Contains(messages, want) || !strings.Contains(messages, path) {
				t.Errorf("%s with %q: exit code %d, %q, %s", command[0], settings, code, out, messages)
			}
		}
	}
}

// The settings decide what extract writes, and a withdrawn document takes back what was written.
func TestExtractWithSettings(t *testing.T) {
	note := filepath.Join("..", "..", "fixtures", "documents", "nursing-phone-note.json")
	out, messages, code := program(t, "", "extract", "--config", save(t, "site.yaml", goodSettings), note)
	if code != exitDone || !strings.Contains(out, `us-core-provenance`) || !strings.Contains(out, `"method":"PUT"`) || strings.Contains(out, "ifNoneExist") {
		t.Errorf("exit code %d: %s%.300s", code, messages, out)
	}
	if !strings.Contains(messages, "1 documents, 0 refused; written: ") {
		t.Errorf("no counts: %s", messages)
	}
	out, messages, code = program(t, "", "extract", filepath.Join("..", "..", "fixtures", "life", "withdrawn.json"))
	var bundle struct {
		Entry []struct {
			Request struct{ Method, URL, IfMatch string }
		}
	}
	if err := json.Unmarshal([]byte(out), &bundle); err != nil || code != exitDone {
		t.Fatalf("exit code %d, %v: %s", code, err, messages)
	}
	if len(bundle.Entry) != 5 || bundle.Entry[1].Request.Method != "PUT" || bundle.Entry[1].Request.IfMatch != `W/"1"` || !strings.Contains(messages, "3 retracted") {
		t.Errorf("%+v: %s", bundle, messages)
	}
}
