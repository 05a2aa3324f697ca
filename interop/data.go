package interop

import (
	"bytes"
	_ "embed" // the note
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"charthand/fhir"
)

// System is the system of the tag and of the identifiers of what runs write; the code of the tag is the run.
const System = "urn:charthand:fhir:interop"

// note is invented.
//
//go:embed note.txt
var note string

// tree is a resource as JSON has it; its numbers are json.Number.
type tree = map[string]any

// treeOf reads a resource that encodes as JSON, or is it.
func treeOf(resource any) (tree, error) {
	data, is := resource.(json.RawMessage)
	if !is {
		var err error
		if data, err = fhir.Encode(resource); err != nil {
			return nil, err
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var t tree
	return t, decoder.Decode(&t)
}

// encode writes what was read of JSON, or of which JSON is made.
func encode(value any) []byte {
	data, err := fhir.Encode(value)
	if err != nil { // no tree has what cannot be encoded
		return nil
	}
	return data
}

// mark marks a resource as test data of a run.
func mark(t tree, run string) {
	meta, is := t["meta"].(tree)
	if !is {
		meta = tree{}
		t["meta"] = meta
	}
	add := func(key string, coding tree) {
		list, _ := meta[key].([]any)
		meta[key] = append(list, coding)
	}
	add("security", tree{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data"})
	add("tag", tree{"system": System, "code": run})
}

// isOf reports whether a resource that was found is of a run: by its tag, or by its identifier.
func isOf(resource json.RawMessage, run string) bool {
	var held struct {
		Meta struct {
			Tag []struct{ System, Code string } `json:"tag"`
		} `json:"meta"`
		Identifier json.RawMessage `json:"identifier"`
	}
	if json.Unmarshal(resource, &held) != nil {
		return false
	}
	for _, tag := range held.Meta.Tag {
		if tag.System == System && tag.Code == run {
			return true
		}
	}
	var identifiers []fhir.Identifier
	_ = json.Unmarshal(held.Identifier, &identifiers) // of some types there is one only, and none of ours
	for _, identifier := range identifiers {
		if identifier.System == System && strings.HasPrefix(identifier.Value, run+"-") {
			return true
		}
	}
	return false
}

// identifier names the test patient and the test document of a run.
func identifier(run, what string) tree { return tree{"system": System, "value": run + "-" + what} }

// byIdentifier is the search that finds them.
func byIdentifier(run, what string) string {
	return "identifier=" + url.QueryEscape(System+"|"+run+"-"+what)
}

func narrative(words string) tree {
	return tree{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + words + `</div>`}
}

// patient is the test patient.
func patient(run string) tree {
	t := tree{
		"resourceType": "Patient",
		"text":         narrative("Test data of charthand interop, no person."),
		"extension": []any{tree{
			"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": tree{"city": "Testville"},
		}},
		"identifier": []any{identifier(run, "patient")},
		"active":     true,
		"name":       []any{tree{"family": "Testpatient", "given": []any{"Interop"}}},
		"gender":     "female",
		"birthDate":  "1950-01-01",
	}
	mark(t, run)
	return plain(t)
}

// plain gives a tree as it would be read.
func plain(t tree) tree {
	read, _ := treeOf(t) // of what is made here
	return read
}

// document is the test document, with the note in it.
func document(run, patient string, now time.Time) tree {
	t := tree{
		"resourceType": "DocumentReference",
		"text":         narrative("Test note of charthand interop, invented."),
		"identifier":   []any{identifier(run, "document")},
		"status":       "current",
		"docStatus":    "final",
		"type":         tree{"coding": []any{tree{"system": "http://loinc.org", "code": "11506-3", "display": "Progress note"}}},
		"subject":      tree{"reference": patient},
		"date":         now.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		"description":  "Test note of charthand interop",
		"content": []any{tree{"attachment": tree{
			"contentType": "text/plain; charset=utf-8", "language": "en", "data": base64.StdEncoding.EncodeToString([]byte(note)), "title": "Test note",
		}}},
	}
	mark(t, run)
	return plain(t)
}
