package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ownTable is an invented table of codes.
const ownTable = "term\tcode\tdisplay\tkind\tmap\n" +
	"pneumonia\tP-1\tPneumonia\tproblem\thttp://hl7.org/fhir/sid/icd-10-cm|J18.9\n" +
	"ceftriaxone\tD-1\tCeftriaxone\tdrug\t\n"

// withTable imports the table into a data folder of its own, and gives the folder.
func withTable(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "own.tsv")
	if err := os.WriteFile(path, []byte(ownTable), 0o600); err != nil {
		t.Fatal(err)
	}
	out, messages, code := program(t, "", "terminology", "import", "tsv", path, "--system", "urn:own", "--release", "7", "--title", "Our codes", "--data", folder)
	if code != exitDone || !strings.HasPrefix(out, "urn-own: Our codes 7, 2 concepts, 2 names, ") {
		t.Fatalf("%d %q %q", code, out, messages)
	}
	return folder
}

// mapped is a site's settings that want cross-maps into ICD-10-CM.
func mapped(t *testing.T) string {
	t.Helper()
	return save(t, "site.yaml", "terminology: {maps: ['http://hl7.org/fhir/sid/icd-10-cm']}")
}

func TestTerminologyCommands(t *testing.T) {
	folder := withTable(t)
	for _, test := range []struct {
		args []string
		in   string
		code int
		want string
	}{
		{[]string{"list"}, "", exitDone, "urn-own  Our codes  7        2         2"},
		{[]string{"lookup", "pneumonia"}, "", exitDone, "urn-own  P-1   Pneumonia"},
		{[]string{"lookup", "pneumonia", "--config", mapped(t)}, "", exitDone, "yes (map)  icd10cm  J18.9"},
		{[]string{"lookup", "pneumonias"}, "", exitDone, "P-1"},
		{[]string{"lookup", "--kind", "drug", "pneumonia"}, "", exitDone, "pneumonia: nothing was found"},
		{[]string{"lookup", "--kind", "drug", "ceftriaxone 1 g IV daily"}, "", exitDone, "D-1"},
		{[]string{"lookup", "--kind", "other", "by mouth"}, "", exitDone, "26643006  Oral route"},
		{[]string{"lookup", "--kind", "test", "blood pressure"}, "", exitDone, "85354-9"},
		{[]string{"lookup", "--json", "-"}, "pneumonia\n\nzzz\n", exitDone, `{"text":"zzz","codings":[]}`},
		{[]string{"lookup", "pneumonia", "--kind", "nothing"}, "", exitUsage, "must be one of"},
		{[]string{"remove", "snomed"}, "", exitUsage, `no code system "snomed" is there`},
		{[]string{"import", "tsv", filepath.Join(folder, "own.tsv"), "--system", "urn:own", "--release", "8"}, "", exitFailed, "is there in version 7, this is 8: it stays as it is"},
		{[]string{"import", "snomed", filepath.Join(folder, "own.tsv")}, "", exitFailed, "no concepts, no descriptions was found for snomed"},
		{[]string{"import", "words", filepath.Join(folder, "own.tsv")}, "", exitUsage, "must be one of"},
		{[]string{"import", "tsv", filepath.Join(folder, "nothing.tsv")}, "", exitFailed, "no such file"},
		{[]string{"remove", "urn-own"}, "", exitDone, "urn-own removed"},
	} {
		out, messages, code := program(t, test.in, append(append([]string{"terminology"}, test.args...), "--data", folder)...)
		if code != test.code || !strings.Contains(out+messages, test.want) {
			t.Errorf("%q: %d\n%s%s\nwant %d %s", test.args, code, out, messages, test.code, test.want)
		}
	}
}

// TestCodesInAnswers: what was imported is in the annotation, with all that it may be, and in the resources, where it is sure.
func TestCodesInAnswers(t *testing.T) {
	folder := withTable(t)
	text := `{"id":"1","text":"Admitted with pneumonia. Started on ceftriaxone.","entities":[{"label":"Disease_disorder","start":14,"end":23},{"label":"Medication","start":36,"end":47}]}`
	out, messages, code := program(t, text, "annotate", "--given", "-", "--data", folder, "--config", mapped(t))
	if code != exitDone || !strings.Contains(out, `"codings":[{"system":"urn:own","code":"P-1","display":"Pneumonia","score":0.9`) || !strings.Contains(out, `"code":"J18.9"`) || !strings.Contains(out, `"code":"D-1"`) {
		t.Errorf("%d\n%s%s", code, out, messages)
	}
	if out, _, code := program(t, text, "annotate", "--given", "-", "--data", t.TempDir()); code != exitDone || strings.Contains(out, "codings") {
		t.Errorf("codes without a terminology: %s", out)
	}
	document := save(t, "note.json", `{"resourceType":"DocumentReference","id":"n1","status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":{"contentType":"text/plain","data":"`+
		base64.StdEncoding.EncodeToString([]byte("Admitted with pneumonia. Started on ceftriaxone."))+`"}}]}`)
	bundle := func(args ...string) map[string]any {
		t.Helper()
		out, messages, code := program(t, "", append([]string{"extract", document}, args...)...)
		if code != exitDone {
			t.Fatalf("%d %s", code, messages)
		}
		var b map[string]any
		if err := json.Unmarshal([]byte(out), &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	with, without := bundle("--data", folder, "--config", mapped(t)), bundle("--data", t.TempDir())
	identifiers := func(b map[string]any) []string {
		var list []string
		for _, e := range b["entry"].([]any) {
			list = append(list, e.(map[string]any)["fullUrl"].(string))
		}
		return list
	}
	// The names of facts are the same, but for the Provenance's, which is of one moment.
	a, b := identifiers(with), identifiers(without)
	for i := range a[:len(a)-1] {
		if a[i] != b[i] {
			t.Errorf("a terminology changes what a fact is called: %s, %s", a[i], b[i])
		}
	}
	encoded, _ := json.Marshal(with)
	plain, _ := json.Marshal(without)
	if want := `"coding":[{"code":"P-1","display":"Pneumonia","system":"urn:own"},{"code":"J18.9","system":"http://hl7.org/fhir/sid/icd-10-cm"}]`; !strings.Contains(string(encoded), want) {
		t.Errorf("no code is written: %s", encoded)
	}
	if strings.Contains(string(plain), "urn:own") || strings.Contains(string(encoded), "userSelected") {
		t.Error("codes are written that are not to be")
	}
}

func TestTerminologySettings(t *testing.T) {
	for settings, want := range map[string]string{
		"terminology: {threshold: 3}":                                                                            "terminology.threshold: 3 is not between 0 and 1",
		"terminology: {maps: [icd]}":                                                                             `terminology.maps: "icd" is no URL`,
		"terminology: {server: {base: 'http://localhost:1/fhir'}}":                                               "terminology.server.valueSets: name at least one",
		"terminology: {server: {base: 'http://localhost:1/fhir', valueSets: {disease: x}}}":                      `"disease" is none of problem, drug, procedure, test`,
		"terminology: {server: {base: 'http://localhost:1/fhir', valueSets: {problem: x}, keep: long}}":          `terminology.server.keep: "long" is no time`,
		"terminology: {systems: [snomed], server: {base: 'http://localhost:1/fhir', valueSets: {problem: 'x'}}}": "the server is asked instead of what was imported",
		"terminology: {system: [snomed]}":                                                                        "system",
	} {
		path := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, messages, code := program(t, "", "config", "check", "--config", path); code != exitUsage || !strings.Contains(messages, want) {
			t.Errorf("%s: %d %s", settings, code, messages)
		}
	}
	path := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(path, []byte("terminology: {systems: [snomed]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, messages, code := program(t, "", "terminology", "lookup", "x", "--config", path, "--data", t.TempDir()); code != exitUsage || !strings.Contains(messages, `no code system "snomed" was imported; there are: none`) {
		t.Errorf("%d %s", code, messages)
	}
}
