package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
	text "charthand/note"
	"charthand/server"
	"charthand/server/access"
)

// phrase is in every note here: it must never show up in a log or an error.
const phrase = "zebra stripes"

// finder marks the phrase as a disease wherever it stands: a pipeline without a model.
type finder struct{}

func (finder) Annotate(_ context.Context, d *nlp.Document) error {
	if start := strings.Index(d.Text.Body, phrase); start >= 0 {
		d.Entities = []nlp.Entity{{Span: nlp.Span{Start: start, End: start + len(phrase)}, Label: "Disease_disorder", Score: 1, Assertion: nlp.Present, Normal: phrase}}
	}
	return nil
}

// hooked calls a function first, so that a test decides when and how an extraction ends.
type hooked struct {
	server.Extractor
	before func(ctx context.Context) error
}

func (h hooked) Extract(ctx context.Context, d *fhir.Document) (*extract.Result, error) {
	if err := h.before(ctx); err != nil {
		return nil, err
	}
	return h.Extractor.Extract(ctx, d)
}

func newExtractor(t *testing.T) *extract.Extractor {
	t.Helper()
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Config{Rules: rules, Software: mapping.Software{Version: "test", Model: "none", ModelDigest: "0"}})
	if err != nil {
		t.Fatal(err)
	}
	return &extract.Extractor{Pipeline: finder{}, Mapper: mapper}
}

func newServer(t *testing.T, change func(*server.Config)) (*server.Server, *lockedBuffer) {
	t.Helper()
	logged := &lockedBuffer{}
	config := server.Config{Extractor: newExtractor(t), Version: "test", Guard: access.New(access.Config{Open: true}), Logger: slog.New(slog.NewJSONHandler(logged, nil))}
	if change != nil {
		change(&config)
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s, logged
}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

func note(more, text string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/1"},%s"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`,
		more, base64.StdEncoding.EncodeToString([]byte(text)))
}

const address = "/fhir/DocumentReference/$extract"

func post(s http.Handler, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/fhir+json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder
}

// answer is what the tests read of any answer.
type answer struct {
	ResourceType string
	Type         string
	Entry        []struct{ Request struct{ URL string } }
	Parameter    []struct {
		Name     string
		Resource struct{ ResourceType string }
	}
	Issue []struct {
		Severity, Code, Diagnostics string
		Expression                  []string
	}
}

func decode(t *testing.T, r *httptest.ResponseRecorder) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(r.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	if got := r.Header().Get("Content-Type"); got != "application/fhir+json" {
		t.Errorf("Content-Type %q", got)
	}
	return a
}

func TestExtract(t *testing.T) {
	s, logged := newServer(t, nil)
	single := note(`"id":"a",`, "Patient with "+phrase+".")
	for name, test := range map[string]struct{ path, body, want string }{
		"DocumentReference": {address, single, "Bundle: Device Condition Provenance"},
		"Parameters": {address, `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":` + single + `}]}`,
			"Bundle: Device Condition Provenance"},
		"Bundle of one": {address, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + single + `}]}`,
			"Bundle: Device Condition Provenance"},
		"Bundle of two": {address, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + single + `},{"resource":` + note(`"id":"b",`, "well") + `}]}`,
			"Parameters: return Bundle, outcome OperationOutcome, return Bundle, outcome OperationOutcome"},
		"one of two refused": {address, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + note(`"docStatus":"preliminary",`, "x") + `},{"resource":` + single + `}]}`,
			"Parameters: outcome OperationOutcome, return Bundle, outcome OperationOutcome"},
		"with outcome": {address + "?_outcome=true", single, "Parameters: return Bundle, outcome OperationOutcome"},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(s, test.path, test.body)
			if r.Code != http.StatusOK {
				t.Fatalf("%d: %s", r.Code, r.Body)
			}
			a := decode(t, r)
			got := a.ResourceType + ":"
			for _, e := range a.Entry {
				got += " " + e.Request.URL
			}
			for i, p := range a.Parameter {
				if i > 0 {
					got += ","
				}
				got += " " + p.Name + " " + p.Resource.ResourceType
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if strings.Contains(logged.String(), "zebra") {
		t.Error("the log holds text of a note")
	}
}

// With Prefer: return=OperationOutcome the answer is the outcome alone; the log has the counts.
func TestPreferOutcome(t *testing.T) {
	s, logged := newServer(t, nil)
	w := post(s, address, note(`"id":"a",`, "Patient with "+phrase+"."), "Prefer", "respond-async, return=OperationOutcome")
	if got := decode(t, w); w.Code != http.StatusOK || got.ResourceType != "OperationOutcome" || len(got.Issue) != 2 || got.Issue[1].Diagnostics != "Condition: 1 written" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if w.Header().Get("Preference-Applied") != "return=OperationOutcome" {
		t.Error("the preference is not acknowledged")
	}
	if log := logged.String(); !strings.Contains(log, `"msg":"extracted"`) || !strings.Contains(log, `"written":{"Condition":1}`) || strings.Contains(log, phrase) {
		t.Errorf("log: %s", log)
	}
	if got := decode(t, post(s, address, note(`"id":"a",`, "Patient with "+phrase+"."), "Prefer", "return=minimal")); got.ResourceType != "Bundle" {
		t.Errorf("another preference: %s", got.ResourceType)
	}
}

// The table of bad input: status, and where the outcome says the fault is.
func TestBadInput(t *testing.T) {
	s, logged := newServer(t, func(c *server.Config) { c.MaxBody = 2 << 20 })
	attachment := func(a string) string {
		return `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":` + a + `}]}`
	}
	for name, test := range map[string]struct {
		body       string
		status     int
		expression string
	}{
		"not JSON":            {phrase, 400, "Resource"},
		"not R4":              {`{"resourceType":"DocumentReference","resource":"` + phrase + `","status":"current","content":[{"attachment":{}}]}`, 400, "DocumentReference.resource"},
		"unknown field":       {attachment(`{"data":"YQ==","colour":"` + phrase + `"}`), 400, "DocumentReference.content[0].attachment.colour"},
		"missing element":     {`{"resourceType":"DocumentReference","status":"current"}`, 400, "DocumentReference.content"},
		"wrong code":          {`{"resourceType":"DocumentReference","status":"` + phrase + `","content":[{"attachment":{"data":"YQ=="}}]}`, 400, "DocumentReference.status"},
		"another type":        {`{"resourceType":"Patient"}`, 422, "Patient"},
		"no attachment":       {attachment(`{"title":"x"}`), 422, "DocumentReference.content[0].attachment"},
		"only a url":          {attachment(`{"url":"Binary/1"}`), 422, "DocumentReference.content[0].attachment.url"},
		"empty text":          {attachment(`{"contentType":"text/plain","data":"ICAK"}`), 422, "DocumentReference.content[0].attachment.data"},
		"base64":              {attachment(`{"data":"!` + phrase + `"}`), 422, "DocumentReference.content[0].attachment.data"},
		"unknown charset":     {attachment(`{"contentType":"text/plain; charset=klingon","data":"YQ=="}`), 422, "DocumentReference.content[0].attachment.contentType"},
		"another contentType": {attachment(`{"contentType":"application/pdf","data":"YQ=="}`), 422, "DocumentReference.content[0].attachment.contentType"},
		"too long a text":     {attachment(`{"contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x ", text.MaxCharacters/2)+"x")) + `"}`), 422, "DocumentReference.content[0].attachment.data"},
		"no subject":          {`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"YQ=="}}]}`, 422, "DocumentReference.subject"},
		"withdrawn":           {`{"resourceType":"DocumentReference","status":"entered-in-error","content":[{"attachment":{"data":"YQ=="}}]}`, 422, "DocumentReference.status"},
		"too large":           {note("", strings.Repeat(phrase, 200_000)), 413, ""},
		"empty":               {"", 400, "Resource"},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(s, address, test.body)
			if r.Code != test.status {
				t.Fatalf("got %d, want %d: %s", r.Code, test.status, r.Body)
			}
			a := decode(t, r)
			if a.ResourceType != "OperationOutcome" || len(a.Issue) == 0 || a.Issue[0].Severity != "error" {
				t.Fatalf("no outcome: %s", r.Body)
			}
			if got := strings.Join(a.Issue[0].Expression, ""); got != test.expression {
				t.Errorf("expression %q, want %q", got, test.expression)
			}
			if strings.Contains(r.Body.String(), "zebra") {
				t.Errorf("the outcome holds text: %s", r.Body)
			}
		})
	}
	if strings.Contains(logged.String(), "zebra") {
		t.Error("the log holds text of a note")
	}
}

func TestOddRequests(t *testing.T) {
	s, _ := newServer(t, nil)
	body := note("", "x")
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"plain JSON":   {http.MethodPost, address, []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		"XML":          {http.MethodPost, address, []string{"Content-Type", "application/fhir+xml"}, 415},
		"other bytes":  {http.MethodPost, address, []string{"Content-Type", "application/fhir+json; charset=utf-16"}, 415},
		"wants XML":    {http.MethodPost, address, []string{"Accept", "application/fhir+xml"}, 406},
		"wants either": {http.MethodPost, address, []string{"Accept", "application/fhir+xml, */*;q=0.1"}, 200},
		"GET":          {http.MethodGet, address, nil, 405},
		"nowhere":      {http.MethodGet, "/nowhere", nil, 404},
		"health":       {http.MethodGet, "/healthz", nil, 200},
		"ready":        {http.MethodGet, "/readyz", nil, 200},
		"metadata":     {http.MethodGet, "/fhir/metadata", nil, 200},
	} {
		request := httptest.NewRequest(test.method, test.path, strings.NewReader(body))
		for i := 0; i < len(test.headers); i += 2 {
			request.Header.Set(test.headers[i], test.headers[i+1])
		}
		r := httptest.NewRecorder()
		s.ServeHTTP(r, request)
		if r.Code != test.status {
			t.Errorf("%s: got %d, want %d: %s", name, r.Code, test.status, r.Body)
		}
		if r.Code >= 400 {
			if a := decode(t, r); a.ResourceType != "OperationOutcome" {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
	}
}

// A panic or an unforeseen error is a 500 with an id that the log also has; neither holds what the panic said.
func TestPanicAndInternalError(t *testing.T) {
	for name, before := range map[string]func(context.Context) error{
		"panic": func(context.Context) error { panic("at " + phrase) },
		"error": func(context.Context) error { return errors.New("at " + phrase) },
	} {
		t.Run(name, func(t *testing.T) {
			s, logged := newServer(t, func(c *server.Config) { c.Extractor = hooked{c.Extractor, before} })
			r := post(s, address, note("", phrase))
			if r.Code != http.StatusInternalServerError {
				t.Fatalf("%d: %s", r.Code, r.Body)
			}
			said := decode(t, r).Issue[0].Diagnostics
			id := said[strings.LastIndex(said, " ")+1:]
			if len(id) != 36 || !strings.Contains(logged.String(), id) {
				t.Errorf("the log does not hold the id of %q:\n%s", said, logged)
			}
			if strings.Contains(r.Body.String()+logged.String(), "zebra") {
				t.Error("text of a note in the answer or the log")
			}
			if again := post(s, "/healthz", ""); again.Code == http.StatusInternalServerError {
				t.Error("the server does not go on")
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	if _, err := server.New(server.Config{}); err == nil {
		t.Error("a server without an extractor")
	}
	if _, err := server.New(server.Config{Extractor: newExtractor(t), MaxBody: -1}); err == nil {
		t.Error("a negative limit")
	}
}
