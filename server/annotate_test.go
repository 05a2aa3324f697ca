package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"charthand/nlp"
	"charthand/server"
	"charthand/server/access"

	"github.com/google/go-cmp/cmp"
)

// annotating is a server with a page.
func annotating(t *testing.T, change func(*server.Config)) (*server.Server, *lockedBuffer) {
	return newServer(t, func(c *server.Config) {
		c.Annotator = newExtractor(t)
		if change != nil {
			change(c)
		}
	})
}

func TestAnnotate(t *testing.T) {
	s, logged := annotating(t, nil)
	const text = "Über zebra stripes.\n"
	want := nlp.Annotation{Text: text, Relations: []nlp.RelationAnnotation{}, Groups: [][]int{}, Entities: []nlp.EntityAnnotation{{
		Label: "Disease_disorder", Start: 5, End: 18, Text: phrase, Score: 1, Normal: phrase, AssertionAnnotation: &nlp.AssertionAnnotation{Experiencer: nlp.Patient},
	}}}
	for name, test := range map[string]struct{ body, id string }{
		"text":                 {`{"text":"Über zebra stripes.\n"}`, ""},
		"text with an id":      {`{"id":"a","text":"Über zebra stripes.\n"}`, "a"},
		"DocumentReference":    {note(`"id":"n1",`, text), "n1"},
		"a document withdrawn": {strings.Replace(note(`"id":"n1",`, text), `"current"`, `"entered-in-error"`, 1), "n1"},
	} {
		w := post(s, "/api/annotate", test.body)
		var got nlp.Annotation
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %v %s", name, w.Code, err, w.Body)
		}
		want.ID = test.id
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if !strings.Contains(logged.String(), `"action":"POST /api/annotate","documents":["DocumentReference/n1"],"status":200`) {
		t.Errorf("no audit of the document: %s", logged)
	}
	if strings.Contains(logged.String(), phrase) {
		t.Error("the log has words of a note")
	}
}

// What is no text is the text, whatever it looks like.
func TestAnnotateTakesTextAsItIs(t *testing.T) {
	s, _ := annotating(t, nil)
	const text = "<html><script>zebra stripes</script>"
	body, _ := json.Marshal(map[string]string{"text": text})
	var got nlp.Annotation
	if err := json.Unmarshal(post(s, "/api/annotate", string(body)).Body.Bytes(), &got); err != nil || got.Text != text || len(got.Entities) != 1 {
		t.Errorf("%v %+v", err, got)
	}
}

func TestAnnotateRefuses(t *testing.T) {
	s, _ := annotating(t, func(c *server.Config) { c.MaxBody = 4000 })
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		says    string
	}{
		"no JSON":      {"zebra", nil, http.StatusBadRequest, ""},
		"an array":     {"[]", nil, http.StatusBadRequest, ""},
		"no text":      {`{"words":"x"}`, nil, http.StatusBadRequest, ""},
		"another type": {`{"resourceType":"Patient"}`, nil, http.StatusUnprocessableEntity, "found Patient"},
		"two documents": {`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + note("", "a") + `},{"resource":` + note("", "b") + `}]}`, nil,
			http.StatusUnprocessableEntity, "one document is annotated at a time, and this body holds 2"},
		"too large":      {`{"text":"` + strings.Repeat("a", 4000) + `"}`, nil, http.StatusRequestEntityTooLarge, "larger than 4000 bytes"},
		"a form":         {"text=a", []string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType, "application/fhir+json"},
		"not acceptable": {`{"text":"a"}`, []string{"Accept", "text/html"}, http.StatusNotAcceptable, "application/fhir+json"},
	} {
		w := post(s, "/api/annotate", test.body, test.headers...)
		if a := decode(t, w); w.Code != test.status || a.ResourceType != "OperationOutcome" || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// The page is there for everybody, what it asks is not.
func TestPage(t *testing.T) {
	s, _ := annotating(t, func(c *server.Config) { c.Guard = access.New(access.Config{}) })
	get := func(path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "192.0.2.1:1234"
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	page := get("/")
	if page.Code != http.StatusOK || !strings.HasPrefix(page.Body.String(), "<!doctype html>") || page.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("%d %v %s", page.Code, page.Header(), page.Body)
	}
	if again := get("/", "If-None-Match", page.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("asked again: %d", again.Code)
	}
	if w := get("/web/old/page.js"); w.Code != http.StatusNotFound {
		t.Errorf("another version: %d", w.Code)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/annotate", strings.NewReader(`{"text":"a"}`))
	r.RemoteAddr = "192.0.2.1:1234"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("a stranger's text: %d", w.Code)
	}
}
