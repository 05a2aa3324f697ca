package fhir_test

import (
	"strings"
	"testing"
	"time"

	"charthand/fhir"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const report = `{"resourceType":"DiagnosticReport","id":"r1","meta":{"versionId":"2"},"identifier":[{"system":"urn:reports","value":"7"}],
 "status":"final","code":{"text":"Chest CT"},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"issued":"2025-02-17T15:40:00-06:00",
 "presentedForm":[{"contentType":"text/html","data":"PHA+R291dA==","size":9,"hash":"AAEC"},{"contentType":"application/pdf","url":"Binary/9"}]}`

func TestDiagnosticReport(t *testing.T) {
	documents, err := fhir.ReadDocuments([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	want := &fhir.Document{
		Type: fhir.DiagnosticReport, Path: "DiagnosticReport", ID: "r1", Version: "2", Identifier: &fhir.Identifier{System: "urn:reports", Value: "7"},
		StandingPath: "status", Subject: &fhir.Reference{Reference: "Patient/p1"}, SubjectNamed: true, Encounter: &fhir.Reference{Reference: "Encounter/e1"},
		Date: time.Date(2025, 2, 17, 21, 40, 0, 0, time.UTC),
		Attachments: []fhir.Attachment{
			{Path: "presentedForm[0]", ContentType: "text/html", Data: []byte("<p>Gout"), Size: 9, Hash: []byte{0, 1, 2}},
			{Path: "presentedForm[1]", ContentType: "application/pdf", URL: "Binary/9", Size: -1},
		},
	}
	if diff := cmp.Diff([]*fhir.Document{want}, documents, cmpopts.EquateApproxTime(0), cmpopts.IgnoreUnexported(fhir.Beside{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where a document is in its life is one thing for both types.
func TestStanding(t *testing.T) {
	note := func(status, docStatus string) string {
		if docStatus != "" {
			docStatus = `"docStatus":"` + docStatus + `",`
		}
		return `{"resourceType":"DocumentReference","status":"` + status + `",` + docStatus + `"content":[{"attachment":{"data":"YQ=="}}]}`
	}
	type standing struct {
		Standing   fhir.Standing
		Path, Code string
	}
	for document, want := range map[string]standing{
		note("current", ""):                                     {fhir.Current, "status", ""},
		note("current", "amended"):                              {fhir.Current, "status", ""},
		note("current", "preliminary"):                          {fhir.Preliminary, "docStatus", "preliminary"},
		note("current", "entered-in-error"):                     {fhir.EnteredInError, "docStatus", "entered-in-error"},
		note("superseded", "final"):                             {fhir.Superseded, "status", "superseded"},
		note("entered-in-error", "preliminary"):                 {fhir.EnteredInError, "status", "entered-in-error"},
		strings.Replace(report, "final", "partial", 1):          {fhir.Preliminary, "status", "partial"},
		strings.Replace(report, "final", "registered", 1):       {fhir.Preliminary, "status", "registered"},
		strings.Replace(report, "final", "preliminary", 1):      {fhir.Preliminary, "status", "preliminary"},
		strings.Replace(report, "final", "corrected", 1):        {fhir.Current, "status", ""},
		strings.Replace(report, "final", "cancelled", 1):        {fhir.EnteredInError, "status", "cancelled"},
		strings.Replace(report, "final", "entered-in-error", 1): {fhir.EnteredInError, "status", "entered-in-error"},
	} {
		documents, err := fhir.ReadDocuments([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		d := documents[0]
		if got := (standing{d.Standing, d.StandingPath, d.StandingCode}); got != want {
			t.Errorf("got %+v, want %+v of %s", got, want, document)
		}
	}
}

// In a Bundle, reports with a note are documents, and what their attachments point to is found there.
func TestReportsAndBinariesInBundles(t *testing.T) {
	entry := func(url, resource string) string { return `{"fullUrl":"` + url + `","resource":` + resource + `}` }
	binary := `{"resourceType":"Binary","id":"9","contentType":"application/pdf","data":"JVBERg=="}`
	note := func(id, attachment, more string) string {
		return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","subject":{"reference":"Patient/p1"},` + more + `"content":[{"attachment":` + attachment + `}]}`
	}
	documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join([]string{
		entry("urn:uuid:b", binary),
		entry("urn:uuid:1", note("n1", `{"contentType":"text/html","data":"PHA+R291dA=="}`, "")),
		entry("urn:uuid:2", report), // the note of n1
		entry("urn:uuid:3", strings.NewReplacer("r1", "r2", "PHA+R291dA==", "PHA+UmVzdA==").Replace(report)),
		entry("urn:uuid:4", `{"resourceType":"DiagnosticReport","id":"r3","status":"final","code":{"text":"Sodium"}}`), // results only
		entry("urn:uuid:5", note("n2", `{"url":"urn:uuid:b"}`, "")),
		entry("urn:uuid:6", note("n3", `{"url":"https://fhir.example.org/r4/Binary/9"}`, "")),
		entry("urn:uuid:7", note("n4", `{"url":"#x","contentType":"text/plain"}`, `"contained":[{"resourceType":"Binary","id":"x","contentType":"text/html","data":"YQ=="}],`)),
		entry("urn:uuid:8", note("n5", `{"url":"Binary/10"}`, "")),
	}, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range documents {
		for _, a := range d.Attachments {
			got = append(got, strings.Join([]string{d.Name(), d.Path, a.BytesPath(), a.ContentType, string(a.Data)}, " "))
		}
		for _, remark := range d.Remarks {
			got = append(got, d.Name()+" "+remark.Expression+": "+remark.Diagnostics)
		}
	}
	want := []string{
		"DocumentReference/n1 Bundle.entry[1].resource content[0].attachment.data text/html <p>Gout",
		"DocumentReference/n1 Bundle.entry[2].resource: not read: the report presents the same note as this document",
		"DiagnosticReport/r2 Bundle.entry[3].resource presentedForm[0].data text/html <p>Rest",
		"DiagnosticReport/r2 Bundle.entry[3].resource presentedForm[1].url application/pdf %PDF",
		"DocumentReference/n2 Bundle.entry[5].resource content[0].attachment.url application/pdf %PDF",
		"DocumentReference/n3 Bundle.entry[6].resource content[0].attachment.data  ", // another server's
		"DocumentReference/n4 Bundle.entry[7].resource content[0].attachment.url text/plain a",
		"DocumentReference/n5 Bundle.entry[8].resource content[0].attachment.data  ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeBinary(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		xml  bool
		want string
	}{
		"JSON":       {`{"resourceType":"Binary","contentType":"text/plain","data":"R2 91\ndA=="}`, false, "text/plain Gout"},
		"XML":        {`<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="R291dA=="/></Binary>`, true, "text/plain Gout"},
		"no Binary":  {`{"resourceType":"OperationOutcome","data":"R291dA=="}`, false, ""},
		"no base64":  {`{"resourceType":"Binary","data":"R29"}`, false, ""},
		"no data":    {`{"resourceType":"Binary","contentType":"text/plain"}`, false, ""},
		"other XML":  {`<Binary><data value="R291dA=="/></Binary>`, true, ""},
		"broken XML": {`<Binary xmlns="http://hl7.org/fhir"><data`, true, ""},
	} {
		binary, err := fhir.DecodeBinary([]byte(test.in), test.xml)
		if got := binary.ContentType + " " + string(binary.Data); (err == nil) != (test.want != "") || err == nil && got != test.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
