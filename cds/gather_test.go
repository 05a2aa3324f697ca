package cds_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"charthand/cds"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/mapping/resource"
)

// fake is a FHIR server: what searches that begin so find; others are refused.
type fake map[string][]json.RawMessage

func (f fake) Search(_ context.Context, query string, each func(client.Found) error) error {
	for begins, found := range f {
		if !strings.HasPrefix(query, begins) {
			continue
		}
		for _, one := range found {
			if err := each(client.Found{Resource: one}); err != nil {
				return err
			}
		}
		return nil
	}
	return &client.StatusError{Status: 403}
}

// recoded gives one of charthand's Conditions with another code, as charthand would have written it: with the digest of what it says.
func recoded(t *testing.T, raw json.RawMessage, id, code string) json.RawMessage {
	t.Helper()
	raw = with(t, raw, fmt.Sprintf(`{"id":%q,"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:%s"}],"code":%s}`, id, id, code))
	var said, whole map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(raw, &said), json.Unmarshal(raw, &whole)); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"resourceType", "id", "meta", "text", "extension", "identifier"} {
		delete(said, header)
	}
	var condition resource.Condition
	encoded, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(encoded, &condition)
	}
	if err == nil {
		encoded, err = json.Marshal(&condition)
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(encoded)
	var extensions []map[string]any
	if err := json.Unmarshal(whole["extension"], &extensions); err != nil {
		t.Fatal(err)
	}
	for _, extension := range extensions {
		if extension["url"] == "urn:charthand:fhir:digest" {
			extension["valueString"] = hex.EncodeToString(sum[:16])
		}
	}
	encoded, err = json.Marshal(map[string]any{"extension": extensions})
	if err != nil {
		t.Fatal(err)
	}
	return with(t, raw, string(encoded))
}

// renamed gives one with another name.
func renamed(t *testing.T, raw json.RawMessage, id, name string) json.RawMessage {
	t.Helper()
	encoded, err := json.Marshal(map[string]string{"text": name})
	if err != nil {
		t.Fatal(err)
	}
	return recoded(t, raw, id, string(encoded))
}

// bundle is a search's result.
func bundle(resources ...string) string {
	entries := make([]string, len(resources))
	for i, one := range resources {
		entries[i] = `{"resource":` + one + `}`
	}
	return `{"resourceType":"Bundle","type":"searchset","entry":[` + strings.Join(entries, ",") + `]}`
}

// TestGather: what was sent is taken, the rest is searched, and what can be neither is named.
func TestGather(t *testing.T) {
	named := func(name string) string { return fmt.Sprintf(`{"resourceType":"Condition","id":%q}`, name) }
	server := fake{
		"Condition?patient=1&_count=": {json.RawMessage(named("searched"))}, "MedicationStatement?patient=1&_include=MedicationStatement:medication&": nil,
		"MedicationRequest?patient=1&_include=MedicationRequest:medication&": nil, "AllergyIntolerance?patient=1&": nil,
	}
	const others = `,"medicationStatements":` + `{"resourceType":"Bundle"}` + `,"medicationRequests":{"resourceType":"Bundle"},"allergies":null`
	for name, test := range map[string]struct {
		prefetch string
		server   cds.Server
		want     string // the ids, or the error
	}{
		"all of it":                         {`{"conditions":` + bundle(named("a"), named("b")) + others + `}`, nil, "a b"},
		"one resource":                      {`{"conditions":` + named("a") + others + `}`, nil, "a"},
		"null where nothing can be asked":   {`{"conditions":null` + others + `}`, nil, ""},
		"null where a server can":           {`{"conditions":null` + others + `}`, server, "searched"},
		"a part":                            {`{"conditions":` + bundle(named("a")) + `}`, server, "a"},
		"none":                              {`{}`, server, "searched"},
		"none, and no server":               {`{}`, nil, "prefetch.allergies: no server"},
		"what could not be fetched":         {`{"conditions":{"resourceType":"OperationOutcome"}` + others + `}`, server, "searched"},
		"the first page of several":         {`{"conditions":{"resourceType":"Bundle","link":[{"relation":"next","url":"https://evil.example/"}],"entry":[{"resource":` + named("a") + `}]}` + others + `}`, server, "searched"},
		"the first page, and no server":     {`{"conditions":{"resourceType":"Bundle","link":[{"relation":"next","url":"https://evil.example/"}]}` + others + `}`, nil, "prefetch.conditions: no server"},
		"a server that refuses":             {`{"x":null` + others + `}`, fake{"AllergyIntolerance": nil}, "prefetch.conditions: the FHIR server answered 403"},
		"more than anybody wants to see":    {`{"x":null` + others + `}`, fake{"Condition": slices.Repeat([]json.RawMessage{json.RawMessage(named("a"))}, 10_001), "AllergyIntolerance": nil}, "prefetch.conditions: more resources than can be looked at"},
		"what is no result is not one":      {`{"conditions":7` + others + `}`, nil, "prefetch.conditions: no server"},
		"what is no resource is not one":    {`{"conditions":{}` + others + `}`, nil, "prefetch.conditions: no server"},
		"empty result that is whole is all": {`{"conditions":{"resourceType":"Bundle","total":0}` + others + `}`, nil, ""},
	} {
		request := call(t)
		if err := json.Unmarshal([]byte(test.prefetch), &request.Prefetch); err != nil {
			t.Fatal(err)
		}
		found, err := cds.Gather(t.Context(), request, test.server, "no server")
		var ids []string
		for _, one := range found {
			ids = append(ids, strings.TrimPrefix(fhir.NameOf(one), "Condition/"))
		}
		got := strings.Join(ids, " ")
		var missing *cds.Missing
		if err != nil && errors.As(err, &missing) {
			got = missing.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

// TestRequests: every fault of a call is named, and nothing of it repeated.
func TestRequests(t *testing.T) {
	for body, want := range map[string]string{
		`x`:  "the body is no call of a CDS service",
		`{}`: "hook: expected patient-view; hookInstance: expected a UUID; context.patientId: expected the id of a Patient",
		`{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"patientId":"1&_include=*"}}`: "context.patientId: expected the id of a Patient",
		`{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"patientId":"1"},"fhirAuthorization":{"access_token":"a\r\nX: y","token_type":"Basic"}}`: "fhirServer: it is needed with fhirAuthorization; " +
			"fhirAuthorization.token_type: expected Bearer; fhirAuthorization.access_token: expected a bearer token",
	} {
		if _, err := cds.ReadRequest([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestFeedback(t *testing.T) {
	const card = "2A0B8F0A-0000-4000-8000-000000000001"
	got, err := cds.ReadFeedback([]byte(`{"feedback":[{"card":"` + card + `","outcome":"overridden","overrideReason":{"reason":{"system":"urn:charthand:cds:override-reason","code":"misread"},"userComment":"secret"},"outcomeTimestamp":"2026-11-30T12:00:00Z"},
		{"card":"` + card + `","outcome":"accepted","overrideReason":{"reason":{"system":"x","code":"secret"}},"outcomeTimestamp":"2026-11-30T12:00:00.5Z"}]}`))
	want := fmt.Sprintf("[{%s overridden misread} {%[1]s accepted }]", strings.ToLower(card))
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v %v", got, err)
	}
	for body, want := range map[string]string{
		`[]`: "the body is no feedback on cards",
		`{}`: "feedback: there is none",
		`{"feedback":[{"card":"secret","outcome":"secret","outcomeTimestamp":"yesterday"}]}`: "feedback[0].card: expected the UUID of a card; feedback[0].outcome: expected accepted or overridden; feedback[0].outcomeTimestamp: expected a time such as 2026-11-30T12:00:00Z",
	} {
		if _, err := cds.ReadFeedback([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}
