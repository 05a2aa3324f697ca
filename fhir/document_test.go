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
				if d.ID != "n1" || d.Version != "3" || *d.Identifier != (fhir.Identifier{System: "urn:notes", Value: "42"}) {
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
		"a bundle's own": {
			`{"resourceType":"Bundle","entry":[{"colour":1,"resource":` + reference + `}]}`, fhir.Invalid,
			[]string{"Bundle.entry[0].colour: unknown field", "Bundle.type: missing required element"},
		},
		"parameters' own": {
			`{"resourceType":"Parameters","foo":1,"parameter":[{"nme":"resource","resource":` + reference + `}]}`, fhir.Invalid,
			[]string{"Parameters.foo: unknown field", "Parameters.parameter[0].name: missing required element", "Parameters.parameter[0].nme: unknown field"},
		},
		"entries no array": {`{"resourceType":"Bundle","type":"collection","entry":{}}`, fhir.Invalid, []string{"Bundle.entry: expected an array of objects"}},
		"another case":     {`{"ResourceType":"DocumentReference"}`, fhir.Invalid, []string{`Resource: missing required field "resourceType"`}},
		"empty":            {" \n", fhir.Invalid, []string{"Resource: the input is empty"}},
		"base64": {
			`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"aGVs*G8="}}]}`, fhir.Unprocessable,
			[]string{"DocumentReference.content[0].attachment.data: base64 that does not decode"},
		},
		"another type":     {`{"resourceType":"Patient"}`, fhir.Unprocessable, []string{"Patient: expected a DocumentReference, a DiagnosticReport, a Bundle or a Parameters resource, found Patient"}},
		"empty bundle":     {`{"resourceType":"Bundle","type":"collection"}`, fhir.Unprocessable, []string{"Bundle.entry: none holds a DocumentReference, or a DiagnosticReport with a presented form"}},
		"empty parameters": {`{"resourceType":"Parameters"}`, fhir.Unprocessable, []string{"Parameters.parameter: none holds a DocumentReference, or a DiagnosticReport with a presented form"}},
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

// In a Bundle or Parameters a document that cannot be read comes with its faults, beside those that can.
func TestFaultyMembers(t *testing.T) {
	good := strings.Replace(reference, "TEXT", b64("A note."), 1)
	for name, in := range map[string]string{
		"Bundle.entry": `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"DocumentReference","content":[{}]}},
			{"resource":{"resourceType":"Observation","status":"nonsense"}},{"resource":` + good + `}]}`,
		"Parameters.parameter": `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"DocumentReference","content":[{}]}},
			{"name":"b","valueString":"x"},{"name":"c","resource":` + good + `}]}`,
	} {
		documents, err := fhir.ReadDocuments([]byte(in))
		if err != nil || len(documents) != 2 || documents[0].Fault == nil || documents[1].Fault != nil {
			t.Fatalf("%s: %+v, %v", name, documents, err)
		}
		want := name + "[0].resource.content[0].attachment: missing required element; " + name + "[0].resource.status: missing required element"
		if got := documents[0].Fault.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if documents[1].Path != name+"[2].resource" {
			t.Errorf("path %s", documents[1].Path)
		}
	}
}

// A member that is no resource at all is a fault, and one in a part of a parameter is found.
func TestOddMembers(t *testing.T) {
	good := strings.Replace(reference, "TEXT", b64("A note."), 1)
	for in, want := range map[string][]string{
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":null},{"resource":5},{"resource":{"status":"current"}},{"resource":{"resourceType":"Nonsense"}},{"resource":` + good + `},{}]}`: {
			"Bundle.entry[0].resource: expected a JSON object",
			"Bundle.entry[1].resource: expected a JSON object",
			`Bundle.entry[2].resource: missing required field "resourceType"`,
			"Bundle.entry[3].resource: not a resource type of FHIR R4",
			"",
		},
		`{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":{"resourceType":"Patient"}},{"name":"c","resource":` + good + `}]}]}`: {""},
	} {
		documents, err := fhir.ReadDocuments([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range documents {
			fault := ""
			if d.Fault != nil {
				fault = d.Fault.Error()
			}
			got = append(got, fault)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// base64 may be wrapped in lines.
func TestWrappedBase64(t *testing.T) {
	wrapped := b64("A note that is a little longer.")
	wrapped = wrapped[:12] + `\r\n` + wrapped[12:30] + `\n ` + wrapped[30:]
	documents, err := fhir.ReadDocuments([]byte(strings.Replace(reference, "TEXT", wrapped, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(documents[0].Attachments[0].Data); got != "A note that is a little longer." {
		t.Errorf("got %q", got)
	}
}

// What the document says of patient and encounter is taken over only where it holds outside the document, and is one.
func TestSubjectAndEncounter(t *testing.T) {
	const identified = `"identifier":[{"system":"urn:mrn","value":"7"}]`
	for name, test := range map[string]struct{ subject, contained, want string }{
		"literal":                      {`"reference":"Patient/p1"`, ``, `Patient/p1`},
		"group":                        {`"reference":"Group/g1"`, ``, `Group/g1`},
		"on a server":                  {`"reference":"https://fhir.example/r4/Patient/p1"`, ``, `https://fhir.example/r4/Patient/p1`},
		"a practitioner":               {`"reference":"Practitioner/p1"`, ``, ``},
		"a practitioner on a server":   {`"reference":"https://fhir.example/r4/Practitioner/p1"`, ``, ``},
		"a display alone":              {`"display":"John"`, ``, ``},
		"logical":                      {`"identifier":{"system":"urn:mrn","value":"7"}`, ``, `7`},
		"logical, of another type":     {`"type":"Device","identifier":{"system":"urn:mrn","value":"7"}`, ``, ``},
		"contained":                    {`"reference":"#pat"`, `{"resourceType":"Patient","id":"pat",` + identified + `}`, `7`},
		"contained, none in use":       {`"reference":"#pat"`, `{"resourceType":"Patient","id":"pat","identifier":[{"use":"old","system":"urn:a","value":"1"},{"value":"2"}]}`, ``},
		"contained, own identifier":    {`"reference":"#pat","identifier":{"system":"urn:mrn","value":"9"}`, `{"resourceType":"Patient","id":"pat"}`, `9`},
		"urn with own identifier":      {`"reference":"urn:uuid:0b6ee7a5-0f3c-4e1a-9a3e-3f7d6c6f0002","identifier":{"system":"urn:mrn","value":"9"}`, ``, `9`},
		"contained without identifier": {`"reference":"#pat"`, `{"resourceType":"Patient","id":"pat"}`, ``},
		"contained device":             {`"reference":"#pat"`, `{"resourceType":"Device","id":"pat",` + identified + `}`, ``},
		"in the bundle":                {`"reference":"urn:uuid:0b6ee7a5-0f3c-4e1a-9a3e-3f7d6c6f0001"`, ``, `7`},
		"nowhere in the bundle":        {`"reference":"urn:uuid:0b6ee7a5-0f3c-4e1a-9a3e-3f7d6c6f0002"`, ``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"Bundle","type":"collection","entry":[
				{"fullUrl":"urn:uuid:0b6ee7a5-0f3c-4e1a-9a3e-3f7d6c6f0001","resource":{"resourceType":"Patient",` + identified + `}},
				{"resource":{"resourceType":"DocumentReference","status":"current","contained":[` + test.contained + `],"subject":{` + test.subject + `},
				"context":{"encounter":[{"reference":"EpisodeOfCare/1"},{"reference":"Encounter/2"}]},"content":[{"attachment":{"data":"YQ=="}}]}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			d := documents[0]
			if d.Fault != nil {
				t.Fatal(d.Fault)
			}
			got := ""
			if s := d.Subject; s != nil {
				if got = s.Reference; s.Identifier != nil {
					got += s.Identifier.Value
				}
			}
			if got != test.want {
				t.Errorf("subject: got %q, want %q", got, test.want)
			}
			if d.Encounter == nil || d.Encounter.Reference != "Encounter/2" {
				t.Errorf("encounter: %v", d.Encounter)
			}
		})
	}
}

// An identifier that is not unique by itself, or no longer in use, does not name the document.
func TestIdentifiersInUse(t *testing.T) {
	documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","identifier":[{"value":"1"},{"use":"old","system":"urn:a","value":"2"},
		{"system":"urn:b"},{"use":"official","system":"urn:c","value":"3"}],"content":[{"attachment":{"data":"YQ=="}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&fhir.Identifier{System: "urn:c", Value: "3"}, documents[0].Identifier); diff != "" {
		t.Error(diff)
	}
}

func TestParseSubject(t *testing.T) {
	for in, good := range map[string]bool{
		"Patient/1": true, "Group/1": true, "https://fhir.example/r4/Patient/1": true, "Patient/1/_history/2": true,
		"Practitioner/9": false, "nine": false, "": false, "Patient/": false, "Patient/1 2": false, "urn:uuid:1": false,
	} {
		if _, err := fhir.ParseSubject(in); (err == nil) != good {
			t.Errorf("%q: %v", in, err)
		}
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
