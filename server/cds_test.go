package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"charthand/cds"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/mapping"
	"charthand/server"
	"charthand/server/access"
)

// chart is a FHIR server that knows one kind of resource; it notes what it was asked.
type chart struct {
	conditions []json.RawMessage
	asked      []string
}

func (c *chart) Search(_ context.Context, query string, each func(client.Found) error) error {
	c.asked = append(c.asked, query)
	if strings.HasPrefix(query, "Condition?") {
		for _, one := range c.conditions {
			if err := each(client.Found{Resource: one}); err != nil {
				return err
			}
		}
	}
	return nil
}

// serial is a chart that is asked one thing at a time.
type serial struct {
	held  chan struct{}
	chart *chart
}

func (s serial) Search(ctx context.Context, query string, each func(client.Found) error) error {
	s.held <- struct{}{}
	defer func() { <-s.held }()
	return s.chart.Search(ctx, query, each)
}

// writtenFact is the Condition that charthand writes of a note, as a server holds it.
func writtenFact(t *testing.T) json.RawMessage {
	t.Helper()
	documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","id":"note-7","status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":{"contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString([]byte("Has "+phrase+".")) + `"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	result, err := newExtractor(t).Extract(t.Context(), documents[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range result.Bundle.Entry {
		encoded, err := fhir.Encode(entry.Resource)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(encoded), `"Condition"`) {
			return json.RawMessage(strings.Replace(string(encoded), `{"resourceType"`, `{"id":"c1","resourceType"`, 1))
		}
	}
	t.Fatal("no Condition was written")
	return nil
}

const (
	own   = "https://fhir.example/r4"
	token = "t0psecret"
)

// newCDS makes a server with a chart behind it, which only a token may see.
func newCDS(t *testing.T, guard server.Guard) (*server.Server, *lockedBuffer, *chart, map[cds.Outcome]int) {
	t.Helper()
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	finder, err := cds.NewFinder(cds.Config{Rules: rules, Base: "https://charthand.example"})
	if err != nil {
		t.Fatal(err)
	}
	held := &chart{conditions: []json.RawMessage{writtenFact(t)}}
	counted := map[cds.Outcome]int{}
	s, logged := newServer(t, func(c *server.Config) {
		c.Origins = []string{"https://sandbox.example"}
		c.CDS = &server.CDS{
			Finder: finder, Guard: guard, Feedback: func(outcome cds.Outcome) { counted[outcome]++ },
			Server: func(address, shown string) (cds.Server, string) {
				if address != own || shown != token {
					return nil, "it may not be asked"
				}
				return serial{make(chan struct{}, 1), held}, ""
			},
		}
	})
	return s, logged, held, counted
}

// postCDS posts JSON as somebody: from this machine where nothing is shown.
func postCDS(s http.Handler, path, shown, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://sandbox.example")
	if shown != "" {
		r.Header.Set("Authorization", "Bearer "+shown)
	} else {
		r.RemoteAddr, r.Host = "127.0.0.1:5", "localhost"
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// hook is a call, with more members.
func hook(more string) string {
	return `{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"patientId":"1","userId":"Practitioner/1"}` + more + `}`
}

func TestCDS(t *testing.T) {
	s, logged, held, _ := newCDS(t, nil)
	fact := string(held.conditions[0])
	const empty = `{"resourceType":"Bundle","type":"searchset"}`
	prefetch := func(conditions string) string {
		return `,"prefetch":{"conditions":` + conditions + `,"medicationStatements":` + empty + `,"medicationRequests":null,"allergies":` + empty + `}`
	}
	withFact := `{"resourceType":"Bundle","entry":[{"resource":` + fact + `}]}`
	listed := `{"resourceType":"Bundle","entry":[{"resource":` + fact + `},{"resource":{"resourceType":"Condition","id":"l","subject":{"reference":"Patient/1"},"code":{"text":"Zebra stripe"}}}]}`
	authorized := func(address, shown string) string {
		return fmt.Sprintf(`,"fhirServer":%q,"fhirAuthorization":{"access_token":%q,"token_type":"Bearer","expires_in":300,"scope":"patient/*.read","subject":"charthand"}`, address, shown)
	}
	for name, test := range map[string]struct {
		body   string
		status int
		want   string // in the answer
		asked  int    // searches
	}{
		"all is sent":                       {hook(prefetch(withFact)), 200, "1 problem in notes, not on the problem list: " + phrase, 0},
		"it is listed":                      {hook(prefetch(listed)), 200, `{"cards":[]}`, 0},
		"a part is sent":                    {hook(`,"prefetch":{"conditions":` + withFact + `}` + authorized(own, token)), 200, phrase, 3 + 1},
		"nothing is sent":                   {hook(authorized(own, token)), 200, phrase, 4 + 1},
		"nothing is sent, no server":        {hook(""), 412, "no fhirServer is named", 0},
		"nothing is sent, no token":         {hook(`,"fhirServer":"` + own + `"`), 412, "it may not be asked", 0},
		"another server":                    {hook(authorized("https://evil.example/r4", token)), 412, "it may not be asked", 0},
		"another server, but all is sent":   {hook(prefetch(withFact) + authorized("https://evil.example/r4", token)), 200, phrase, 0},
		"another hook":                      {strings.Replace(hook(""), "patient-view", "order-sign", 1), 400, `"expression":["hook"]`, 0},
		"no JSON":                           {"{", 400, "no call of a CDS service", 0},
		"a patient who is not looked up so": {strings.Replace(hook(""), `"patientId":"1"`, `"patientId":"1/../2"`, 1), 400, `"expression":["context.patientId"]`, 0},
	} {
		held.asked = nil
		w := postCDS(s, "/cds-services/charthand", "", test.body)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) || len(held.asked) != test.asked {
			t.Errorf("%s: %d %s, asked %q", name, w.Code, w.Body, held.asked)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "https://sandbox.example" {
			t.Errorf("%s: the page may not read the answer", name)
		}
	}
	for path, want := range map[string]int{"/cds-services/other": 404, "/cds-services/charthand/other": 404, "/cds-services": 405} {
		if w := postCDS(s, path, "", hook("")); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, leak := range []string{phrase, token, "evil.example"} {
		if strings.Contains(logged.String(), leak) {
			t.Errorf("%q is in the log: %s", leak, logged)
		}
	}
	if want := `"patient":"Patient/1","cards":[{"card":"`; !strings.Contains(logged.String(), want) {
		t.Errorf("no %s in %s", want, logged)
	}
}

// TestCDSDiscovery: the services that there are, for anybody.
func TestCDSDiscovery(t *testing.T) {
	s, _, _, _ := newCDS(t, guard{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/cds-services", nil))
	want := `{"services":[{"hook":"patient-view","title":"Found in notes","description":"Problems, medications and allergies that the patient's notes name and the lists do not have, as charthand has found them.","id":"charthand",` +
		`"prefetch":{"allergies":"AllergyIntolerance?patient={{context.patientId}}","conditions":"Condition?patient={{context.patientId}}",` +
		`"medicationRequests":"MedicationRequest?patient={{context.patientId}}\u0026_include=MedicationRequest:medication","medicationStatements":"MedicationStatement?patient={{context.patientId}}\u0026_include=MedicationStatement:medication"}}]}`
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestCDSClients: where clients are named, they alone are let in; else this machine alone is, also where everybody may extract.
func TestCDSClients(t *testing.T) {
	named, logged, _, _ := newCDS(t, guard{"signed": {Name: "cds client https://ehr.example", Tenant: "clinic 7"}})
	unnamed, _, _, _ := newCDS(t, nil)
	for _, test := range []struct {
		server *server.Server
		shown  string
		want   int
	}{{named, "signed", 412}, {named, "forged", 401}, {named, "down", 503}, {named, "", 401}, {unnamed, "", 412}, {unnamed, "signed", 401}} {
		for _, path := range []string{"/cds-services/charthand", "/cds-services/charthand/feedback"} {
			want := test.want
			if want == 412 && strings.HasSuffix(path, "/feedback") {
				want = 400
			}
			if w := postCDS(test.server, path, test.shown, hook("")); w.Code != want {
				t.Errorf("%s as %q: %d %s", path, test.shown, w.Code, w.Body)
			}
		}
	}
	if want := `"tenant":"clinic 7"`; !strings.Contains(logged.String(), want) || strings.Contains(logged.String(), "forged") {
		t.Errorf("the log: %s", logged)
	}
}

// TestCDSFeedback: what readers made of cards is counted and noted, and nothing that they wrote.
func TestCDSFeedback(t *testing.T) {
	s, logged, _, counted := newCDS(t, nil)
	body := `{"feedback":[{"card":"51ca9e14-37fe-50d4-b983-302205373d9c","outcome":"overridden","overrideReason":{"reason":{"system":"urn:charthand:cds:override-reason","code":"misread"},"userComment":"` + phrase + `"},"outcomeTimestamp":"2026-11-30T12:00:00Z"},
		{"card":"51ca9e14-37fe-50d4-b983-302205373d9c","outcome":"accepted","acceptedSuggestions":[{"id":"x"}],"outcomeTimestamp":"2026-11-30T12:00:00Z"}]}`
	if w := postCDS(s, "/cds-services/charthand/feedback", "", body); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if counted[cds.Accepted] != 1 || counted[cds.Overridden] != 1 {
		t.Errorf("%v", counted)
	}
	if want := `"cards":[{"card":"51ca9e14-37fe-50d4-b983-302205373d9c","outcome":"overridden","reason":"misread"},{"card":"51ca9e14-37fe-50d4-b983-302205373d9c","outcome":"accepted"}]`; !strings.Contains(logged.String(), want) || strings.Contains(logged.String(), phrase) {
		t.Errorf("the log: %s", logged)
	}
	if w := postCDS(s, "/cds-services/other/feedback", "", body); w.Code != http.StatusNotFound {
		t.Errorf("another service: %d", w.Code)
	}
}

var _ server.Guard = (*access.Clients)(nil)
