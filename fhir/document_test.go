package fhir_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"charthand/fhir"

	"github.com/google/go-cmp/cmp"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const reference = `{"resourceType":"DocumentReference","id":"n1","meta":{"versionId":"3"},
 "identifier":[{"system":"urn:notes","value":"42"}],"status":"current","docStatus":"final",
 "subject":{"reference":"Patient/p1"},"date":"2025-02-17T15:40:00-06:00",
 "context":{"encounter":[{"reference":"Encounter/e1"}]},
 "content":[{"attachment":{"contentType":"text/plain; charset=utf-8","data":"TEXT"}}]}`

func TestReadDocuments(t *testing.T) {
	single := strings.Replace(reference, "TEXT", b64("A note."), 1)
	for name, test := range map[string]struct {
		in    string
		paths []string
	}{
		"single":          {single, []string{"DocumentReference"}},
		"byte order mark": {"\ufeff" + single, []string{"DocumentReference"}},
		"bundle": {
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + single + `},{"resource":{"resourceType":"Patient","id":"p1"}},{"resource":` + single + `}]}`,
			[]string{"Bundle.entry[0].resource", "Bundle.entry[2].resource"},
		},
		"parameters": {
			`{"resourceType":"Parameters","parameter":[{"name":"mode","valueString":"x"},{"name":"resource","resource":` + single + `}]}`,
			[]string{"Parameters.parameter[1].resource"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := fhir.ReadDocuments([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, d := range documents {
				paths = append(paths, d.Path)
				if d.ID != "n1" || d.Version != "3" || d.Identifiers[0] != (fhir.Identifier{System: "urn:notes", Value: "42"}) {
					t.Errorf("wrong identity: %+v", d)
				}
				if string(d.Attachments[0].Data) != "A note." || d.Attachments[0].ContentType != "text/plain; charset=utf-8" {
					t.Errorf("wrong attachment: %+v", d.Attachments[0])
				}
				if got := d.Date.Format("2006-01-02T15:04:05-07:00"); got != "2025-02-17T15:40:00-06:00" {
					t.Errorf("date: %s", got)
				}
				if d.Encounter == nil || d.Subject == nil {
					t.Error("encounter or subject lost")
				}
			}
			if diff := cmp.Diff(test.paths, paths); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every fault is named, each by its own FHIRPath, also where parsing and validation would find them one after the other.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		kind fhir.FaultKind
		want []string
	}{
		"not JSON":   {"{\n \"a\": nope}", fhir.Invalid, []string{"Resource: not JSON: fault at line 2, byte 8"}},
		"not object": {`[1]`, fhir.Invalid, []string{"Resource: expected a JSON object"}},
		"no type":    {`{"a":1}`, fhir.Invalid, []string{`Resource: missing required field "resourceType"`}},
		"not R4":     {`{"resourceType":"Nonsense"}`, fhir.Invalid, []string{"Nonsense: not a resource type of FHIR R4"}},
		"many": {
			`{"resourceType":"DocumentReference","id":"a b","status":"currnt","foo":1,"date":"yesterday","subject":{"reference":"Medication/1"},
			  "content":[{"attachment":{"contentType":"text/plain"}},{"bar":1,"attachment":{}},{}]}`, fhir.Invalid,
			[]string{
				"DocumentReference.content[1].bar: unknown field",
				"DocumentReference.content[2].attachment: missing required element",
				"DocumentReference.date: expected instant",
				"DocumentReference.foo: unknown field",
				"DocumentReference.id: invalid Id format",
				"DocumentReference.status: not a code of the required value set",
				"DocumentReference.subject: invalid reference to a Medication resource, want Patient, Practitioner, Group, Device",
			},
		},
		"in a bundle": {
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"DocumentReference","content":[{}]}}]}`, fhir.Invalid,
			[]string{
				"Bundle.entry[0].resource.content[0].attachment: missing required element",
				"Bundle.entry[0].resource.status: missing required element",
			},
		},
		"in parameters": {
			`{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"DocumentReference","status":"current"}}]}`, fhir.Invalid,
			[]string{"Parameters.parameter[0].resource.content: missing required element"},
		},
		"base64": {
			`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"aGVs*G8="}}]}`, fhir.Unprocessable,
			[]string{"DocumentReference.content[0].attachment.data: base64 that does not decode"},
		},
		"another type":     {`{"resourceType":"Patient"}`, fhir.Unprocessable, []string{"Patient: expected a DocumentReference, a Bundle or a Parameters resource, found Patient"}},
		"empty bundle":     {`{"resourceType":"Bundle","type":"collection"}`, fhir.Unprocessable, []string{"Bundle.entry: no entry holds a DocumentReference"}},
		"empty parameters": {`{"resourceType":"Parameters"}`, fhir.Unprocessable, []string{"Parameters.parameter: no parameter holds a DocumentReference"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fhir.ReadDocuments([]byte(test.in))
			var fault *fhir.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("want a fault, got %v", err)
			}
			var got []string
			for _, issue := range fault.Issues {
				got = append(got, issue.Expression+": "+issue.Diagnostics)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if fault.Kind != test.kind {
				t.Errorf("kind: got %v, want %v", fault.Kind, test.kind)
			}
		})
	}
}

// What a note says must not come back in a fault, wherever it was put by mistake.
func TestFaultsHoldNoText(t *testing.T) {
	const phrase = "Zebra stripes on the patient's chart"
	for _, in := range []string{
		phrase,
		`{"resourceType":"DocumentReference","status":"` + phrase + `","content":[{"attachment":{"data":"` + phrase + `"}}],"date":"` + phrase + `","id":"` + phrase + `"}`,
		`{"resourceType":"` + phrase + `","` + phrase + `":1}`,
		`{"resourceType":"DocumentReference","` + phrase + `":1,"text":"` + phrase + `","subject":{"reference":"` + phrase + `/1"}}`,
		`{"resourceType":"DocumentReference","status":"current" "` + phrase + `"}`,
	} {
		_, err := fhir.ReadDocuments([]byte(in))
		if err == nil {
			t.Fatal("accepted")
		}
		if strings.Contains(err.Error(), "Zebra") || strings.Contains(err.Error(), "stripes") {
			t.Errorf("text in %v", err)
		}
	}
}

func TestContainedSubject(t *testing.T) {
	for name, test := range map[string]struct {
		contained string
		want      string
	}{
		"with identifier":    {`{"resourceType":"Patient","id":"pat","identifier":[{"system":"urn:mrn","value":"7"}]}`, "7"},
		"without identifier": {`{"resourceType":"Patient","id":"pat"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","contained":[` + test.contained +
				`],"subject":{"reference":"#pat"},"content":[{"attachment":{"data":"` + b64("x") + `"}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := documents[0].Subject.GetIdentifier().GetValue().GetValue(); got != test.want {
				t.Errorf("subject: got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzReadDocuments(f *testing.F) {
	f.Add([]byte(strings.Replace(reference, "TEXT", b64("A note."), 1)))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"DocumentReference","content":[{}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("over the size cap")
		}
		documents, err := fhir.ReadDocuments(data)
		if err == nil && len(documents) == 0 {
			t.Error("neither a document nor a fault")
		}
	})
}
