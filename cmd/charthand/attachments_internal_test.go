package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func attachmentFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "attachments", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// report is a DiagnosticReport with one presented form.
func report(id, form string) string {
	return `{"resourceType":"DiagnosticReport","id":"` + id + `","status":"final","code":{"text":"Note"},"subject":{"reference":"Patient/1"},"presentedForm":[` + form + `]}`
}

// Every kind of attachment makes resources, whatever its type says, and the outcome names what was odd.
func TestExtractAttachments(t *testing.T) {
	var lines []string
	names := []string{"visit-summary.html", "progress-word.rtf", "referral.xml", "unstructured-rtf.xml", "discharge-chromium.pdf", "scanned.pdf"}
	for i, name := range names {
		lines = append(lines, report(fmt.Sprint("r", i), fmt.Sprintf(`{"contentType":"application/octet-stream","data":%q}`, base64.StdEncoding.EncodeToString(attachmentFile(t, name)))))
	}
	outcomes := filepath.Join(t.TempDir(), "outcomes")
	out, messages, code := program(t, strings.Join(lines, "\n"), "extract", "--outcome", outcomes, "-")
	if code != exitFailed || !strings.Contains(messages, "no text layer") || !strings.Contains(messages, "5 documents, 1 refused") {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	bundles := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []struct{ fact, position, remark string }{
		{"MedicationStatement empagliflozin", "/html[1]/body[1]/", "read as the HTML that the bytes are"},
		{"Condition hyperlipidemia", `"url":"start"`, "read as the RTF that the bytes are"},
		{"MedicationStatement spironolactone", "/ClinicalDocument[1]/", "read as the C-CDA that the bytes are"},
		{"MedicationStatement cefazolin", "nonXMLBody[1]", "read as the C-CDA that the bytes are"},
		{"MedicationStatement flecainide", `"url":"page","valueInteger":3`, "repeat those of another page"},
	} {
		if !facts(t, []byte(bundles[i]))[want.fact] || !strings.Contains(bundles[i], want.position) {
			t.Errorf("%s: no %q at %q: %v", names[i], want.fact, want.position, facts(t, []byte(bundles[i])))
		}
		outcome, err := os.ReadFile(outcomes)
		if err != nil {
			t.Fatal(err)
		}
		if line := strings.Split(string(outcome), "\n")[i]; !strings.Contains(line, want.remark) {
			t.Errorf("%s: no %q in %s", names[i], want.remark, line)
		}
	}
}

// Attachments that are elsewhere come from the FHIR server that is named, and from hosts that the settings allow, and from nowhere else.
func TestExtractFetches(t *testing.T) {
	page := attachmentFile(t, "visit-summary.html")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/r4/Binary/1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(page)
	}))
	defer s.Close()
	documents := strings.Join([]string{
		report("r1", `{"contentType":"text/html","url":"Binary/1"}`),
		report("r2", `{"url":"`+s.URL+`/r4/Binary/1"}`),
		report("r3", `{"contentType":"text/html","url":"Binary/2"}`),
	}, "\n")
	site := save(t, "site.yaml", "fhirBase: "+s.URL+"/r4\n")
	host := "localhost" + s.URL[strings.LastIndex(s.URL, ":"):]
	listed := save(t, "listed.yaml", "attachments:\n  hosts: [\""+host+"\"]\n  networks: [127.0.0.0/8, \"::1/128\"]\n  maxBytes: 1000000\n  timeout: 5s\n")
	private := save(t, "private.yaml", "attachments: { hosts: [\""+host+"\"] }\n")
	for name, test := range map[string]struct {
		args      []string
		documents string
		bundles   int
		says      string
	}{
		"no server":                   {nil, documents, 0, "no FHIR server is named"},
		"by flag":                     {[]string{"--fhir-base", s.URL + "/r4/"}, documents, 2, "answered 404"},
		"by the settings":             {[]string{"--config", site}, documents, 2, "answered 404"},
		"an allowed host":             {[]string{"--config", listed}, strings.ReplaceAll(documents, s.URL, "http://"+host), 1, "no FHIR server is named"},
		"a host in a private network": {[]string{"--config", private}, strings.ReplaceAll(documents, s.URL, "http://"+host), 0, "in a private network"},
	} {
		t.Run(name, func(t *testing.T) {
			out, messages, code := program(t, test.documents, append([]string{"extract", "-"}, test.args...)...)
			if code != exitFailed || strings.Count(out, "\n") != test.bundles || !strings.Contains(messages, test.says) {
				t.Errorf("exit code %d, %d Bundles: %s", code, strings.Count(out, "\n"), messages)
			}
			if test.bundles > 0 && !strings.Contains(out, `"valueString":"DiagnosticReport.presentedForm[0].url"`) {
				t.Error("the evidence does not say that the words are at the url")
			}
		})
	}
	out, messages, code := program(t, report("r1", `{"contentType":"text/html","url":"Binary/1"}`), "annotate", "--document", "--fhir-base", s.URL+"/r4", "-")
	if code != exitDone || !strings.Contains(out, "empagliflozin") {
		t.Errorf("annotate: exit code %d: %s", code, messages)
	}
	for settings, want := range map[string]string{
		"fhirBase: nowhere\n":                           "no address of a FHIR server",
		"attachments: { hosts: [\"https://x.org\"] }\n": "no host",
		"attachments: { networks: [localhost] }\n":      "attachments.networks: ",
		"attachments: { timeout: soon }\n":              "attachments.timeout: ",
	} {
		_, messages, code := program(t, "", "config", "check", "--config", save(t, "bad.yaml", settings))
		if code != exitUsage || !strings.Contains(messages, want) {
			t.Errorf("%q: exit code %d: %s", settings, code, messages)
		}
	}
}

// annotate reads files of every kind, and says what they are if it is told.
func TestAnnotateFiles(t *testing.T) {
	for name, contentType := range map[string]string{"visit-summary.html": "text/html", "progress-word.rtf": "text/rtf", "referral.xml": "text/xml", "table.pdf": "application/pdf"} {
		path := filepath.Join("..", "..", "fixtures", "attachments", name)
		out, messages, code := program(t, "", "annotate", "--content-type", contentType, path)
		if code != exitDone || !strings.Contains(out, `"label":"Medication"`) {
			t.Errorf("%s: exit code %d: %s%.200s", name, code, messages, out)
		}
	}
	if _, messages, code := program(t, "", "annotate", "--content-type", "application/pdf", filepath.Join("..", "..", "fixtures", "attachments", "scanned.pdf")); code == exitDone || !strings.Contains(messages, "no text layer") {
		t.Errorf("exit code %d: %s", code, messages)
	}
}

// A value that is too large is refused by its line before it is held, and the others are read.
func TestTooLargeALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.ndjson")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	small := report("r1", `{"contentType":"text/plain","data":"`+base64.StdEncoding.EncodeToString([]byte("Has gout."))+`"}`)
	for _, line := range []string{small, report("r2", `{"contentType":"text/plain","data":"`+strings.Repeat("QUFB", 25<<20)+`"}`), small} {
		if _, err := fmt.Fprintln(file, line); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	out, messages, code := program(t, "", "extract", path)
	if code != exitFailed || strings.Count(out, "\n") != 2 || !strings.Contains(messages, "notes.ndjson:2: larger than 34 MiB") {
		t.Errorf("exit code %d, %d Bundles: %s", code, strings.Count(out, "\n"), messages)
	}
	t.Logf("100 MB of base64: %v", time.Since(begun))
}
