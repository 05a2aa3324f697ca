package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What an invented terminology is on the server: two problems with another name, a value set of them, and what one is in ICD-10-CM.
var terminologyResources = map[string]string{
	"CodeSystem/knees": `{"resourceType":"CodeSystem","id":"knees","url":"http://example.org/cs/knees","version":"1","status":"active","content":"complete","concept":[
		{"code":"K1","display":"Gonitis","designation":[{"value":"Inflammation of knee"}]},{"code":"K2","display":"Lung fever"}]}`,
	"ValueSet/knees": `{"resourceType":"ValueSet","id":"knees","url":"http://example.org/vs/knees","status":"active","compose":{"include":[{"system":"http://example.org/cs/knees"}]}}`,
	"ConceptMap/knees": `{"resourceType":"ConceptMap","id":"knees","url":"http://example.org/cm/knees","status":"active","sourceUri":"http://example.org/vs/knees","targetUri":"http://hl7.org/fhir/sid/icd-10-cm",
		"group":[{"source":"http://example.org/cs/knees","target":"http://hl7.org/fhir/sid/icd-10-cm","element":[{"code":"K1","target":[{"code":"M11.1","equivalence":"wider"}]}]}]}`,
}

// A FHIR server with a terminology gives mentions their codes.
func TestTerminologyOfHAPI(t *testing.T) {
	s := newSite(t)
	for name, resource := range terminologyResources {
		if _, err := s.client.Do(t.Context(), "PUT", name, nil, []byte(resource)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	config := filepath.Join(t.TempDir(), "site.yaml")
	settings := fmt.Sprintf("terminology:\n  maps: ['http://hl7.org/fhir/sid/icd-10-cm']\n  server:\n    base: %s\n    valueSets: {problem: 'http://example.org/vs/knees'}\n", s.fhir.Base)
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"gonitis":               {`"system":"http://example.org/cs/knees","code":"K1","display":"Gonitis"`, `"chosen":true`, `"code":"M11.1"`},
		"inflammation of knees": {`"code":"K1"`, `"chosen":true`},
		"quinsy":                {`"codings":[]`},
	} {
		out, messages, code := program(t, "", "terminology", "lookup", "--json", text, "--config", config)
		if code != exitDone {
			t.Fatalf("%d %s", code, messages)
		}
		for _, part := range want {
			if !strings.Contains(out, part) {
				t.Errorf("%s: no %s in %s", text, part, out)
			}
		}
	}
	note := `{"id":"1","text":"He has gonitis.","entities":[{"label":"Disease_disorder","start":7,"end":14}]}`
	out, messages, code := program(t, note, "annotate", "--given", "-", "--config", config)
	if code != exitDone || !strings.Contains(out, `"code":"K1"`) || !strings.Contains(out, `"mapped":true`) {
		t.Errorf("%d %s %s", code, out, messages)
	}
	// Once the server is gone, the note is read all the same.
	s.fhir.Stop()
	out, messages, code = program(t, note, "annotate", "--given", "-", "--config", config)
	if code != exitDone || !strings.Contains(out, `"gonitis"`) || strings.Contains(out, "K1") || !strings.Contains(messages, "codes are missing: the terminology server:") {
		t.Errorf("%d %s %s", code, out, messages)
	}
}
