package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"charthand/fhir"
	"charthand/fhir/client"

	"github.com/google/go-cmp/cmp"
)

// scripted answers requests one after the other, and remembers them.
type scripted struct {
	mutex   sync.Mutex
	answers []func(http.ResponseWriter, *http.Request)
	asked   []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	line := r.Method + " " + r.URL.RequestURI()
	for _, header := range []string{"If-None-Exist", "If-Match", "Authorization"} {
		if value := r.Header.Get(header); value != "" {
			line += " " + header + ": " + value
		}
	}
	if len(body) > 0 {
		line += " " + string(body)
	}
	s.asked = append(s.asked, line)
	answer := s.answers[min(len(s.asked), len(s.answers))-1]
	s.mutex.Unlock()
	answer(w, r)
}

func status(code int, body string, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func serve(t *testing.T, config client.Config, answers ...func(http.ResponseWriter, *http.Request)) (*client.Client, *scripted) {
	t.Helper()
	script := &scripted{answers: answers}
	server := httptest.NewServer(script)
	t.Cleanup(server.Close)
	config.Base = server.URL + "/r4"
	return newClient(t, config), script
}

// What may pass is tried again, after the time that the server names; what may not never is.
func TestRetries(t *testing.T) {
	const good = `{"resourceType":"Patient","id":"1"}`
	for name, test := range map[string]struct {
		answers []func(http.ResponseWriter, *http.Request)
		asked   int
		status  int // of the error, 0 for none
	}{
		"at once":          {[]func(http.ResponseWriter, *http.Request){status(200, good)}, 1, 0},
		"after 503":        {[]func(http.ResponseWriter, *http.Request){status(503, ""), status(200, good)}, 2, 0},
		"after 429":        {[]func(http.ResponseWriter, *http.Request){status(429, "", "Retry-After", "1"), status(200, good)}, 2, 0},
		"never after 404":  {[]func(http.ResponseWriter, *http.Request){status(404, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}`)}, 1, 404},
		"nor after 412":    {[]func(http.ResponseWriter, *http.Request){status(412, "")}, 1, 412},
		"not for ever":     {[]func(http.ResponseWriter, *http.Request){status(500, "")}, 4, 500},
		"a broken request": {[]func(http.ResponseWriter, *http.Request){func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, status(200, good)}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, script := serve(t, client.Config{}, test.answers...)
			got, err := c.Read(t.Context(), "Patient/1")
			var refused *client.StatusError
			errors.As(err, &refused)
			if len(script.asked) != test.asked || (err == nil) != (test.status == 0) || refused != nil && refused.Status != test.status || err == nil && string(got) != good {
				t.Errorf("asked %d times, got %s, %v", len(script.asked), got, err)
			}
			if test.status == 404 && refused.Outcome.Codes() != "not-found" {
				t.Errorf("the outcome is %+v", refused.Outcome)
			}
			if err != nil && client.IsTemporary(err) != (test.status == 500) {
				t.Errorf("%v: temporary: %v", err, client.IsTemporary(err))
			}
		})
	}
}

// A server that is down is left alone: an hour's outage does not make a storm of requests.
func TestBreaker(t *testing.T) {
	c, script := serve(t, client.Config{}, status(503, ""))
	refused := 0
	for range 200 {
		if _, err := c.Read(t.Context(), "Patient/1"); errors.Is(err, client.ErrDown) && client.IsTemporary(err) {
			refused++
		}
	}
	if len(script.asked) > 12 || refused < 150 {
		t.Errorf("the server was asked %d times, and left alone %d times", len(script.asked), refused)
	}
}

// Who waits no more says nothing of the server.
func TestBreakerAndCancelled(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	c, script := serve(t, client.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		end()
		<-r.Context().Done()
	}, status(200, `{}`))
	for range 20 {
		if _, err := c.Read(ended, "Patient/1"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := c.Read(t.Context(), "Patient/1"); err != nil {
		t.Errorf("%v after %d requests", err, len(script.asked))
	}
}

// What the server is shown, and what is written, does not follow a redirect to another host.
func TestRedirects(t *testing.T) {
	got := make(chan *http.Request, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r
		fmt.Fprint(w, `{}`)
	}))
	defer other.Close()
	host := strings.TrimPrefix(other.URL, "http://")
	c, _ := serve(t, client.Config{Auth: &bearer{}, Hosts: []string{host}, Networks: loopback}, status(307, "", "Location", other.URL+"/x"))
	if _, err := c.Fetch(t.Context(), "Binary/1", "text/plain"); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.Header.Get("Authorization") != "" {
		t.Error("the other host was shown the token")
	}
	if _, err := c.Create(t.Context(), "Patient", "", map[string]string{"resourceType": "Patient"}); err == nil || len(got) > 0 {
		t.Errorf("%v, and the other host was asked %d times", err, len(got))
	}
}

// An attachment is asked for once more where the token was over.
func TestFetchRenews(t *testing.T) {
	auth := &bearer{}
	c, _ := serve(t, client.Config{Auth: auth}, status(401, ""), status(200, "note", "Content-Type", "text/plain"), status(401, ""))
	if found, err := c.Fetch(t.Context(), "Binary/1", "text/plain"); err != nil || string(found.Data) != "note" || auth.refused != 1 {
		t.Errorf("%v, told %d times", err, auth.refused)
	}
	if _, err := c.Fetch(t.Context(), "Binary/1", "text/plain"); !client.IsTemporary(err) {
		t.Errorf("a job of a document would come to nothing: %v", err)
	}
}

// Pages are followed to the end, on the server alone.
func TestSearch(t *testing.T) {
	page := func(next string, ids ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			var entries []string
			for _, id := range ids {
				mode := "match"
				if strings.HasPrefix(id, "i") {
					mode = "include"
				}
				entries = append(entries, `{"resource":{"resourceType":"Patient","id":"`+id+`"},"search":{"mode":"`+mode+`"}}`)
			}
			entries = append(entries, `{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}`)
			link := ""
			if next != "" {
				if !strings.HasPrefix(next, "http") {
					next = "http://" + r.Host + next
				}
				link = `"link":[{"relation":"next","url":"` + next + `"}],`
			}
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset",`+link+`"entry":[`+strings.Join(entries, ",")+`]}`)
		}
	}
	c, script := serve(t, client.Config{}, page("/r4?_getpages=2", "1", "i1"), page("", "2"))
	var found []string
	err := c.Search(t.Context(), "Patient?name=x&_count=2", func(f client.Found) error {
		var resource struct{ ID string }
		if err := json.Unmarshal(f.Resource, &resource); err != nil {
			return err
		}
		found = append(found, fmt.Sprint(resource.ID, f.Included))
		return nil
	})
	if diff := cmp.Diff([]string{"1false", "i1true", "2false"}, found); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"GET /r4/Patient?name=x&_count=2", "GET /r4?_getpages=2"}, script.asked); diff != "" {
		t.Error(diff)
	}
	c, _ = serve(t, client.Config{Hosts: []string{"localhost"}, Networks: loopback}, page("http://localhost/r4?_getpages=2", "1"))
	if err := c.Search(t.Context(), "Patient?name=x", func(client.Found) error { return nil }); err == nil {
		t.Error("a page of another host was asked for")
	}
}

// bearer is an Authorizer.
type bearer struct{ refused int }

func (b *bearer) Authorize(_ context.Context, r *http.Request) error {
	r.Header.Set("Authorization", "Bearer t")
	return nil
}

func (b *bearer) Refused(*http.Request) { b.refused++ }

// What is written asks for just what it means.
func TestWrites(t *testing.T) {
	auth := &bearer{}
	c, script := serve(t, client.Config{Auth: auth},
		status(201, "", "Location", "Patient/1/_history/1"), status(200, ""), status(204, ""), status(410, ""),
		status(200, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created","location":"Patient/1/_history/1","etag":"W/\"1\""}}]}`),
		status(200, `{"resourceType":"Bundle"}`), status(401, ""))
	patient := map[string]string{"resourceType": "Patient"}
	ctx := t.Context()
	if answer, err := c.Create(ctx, "Patient", "identifier=a|b", patient); err != nil || answer.Header.Get("Location") != "Patient/1/_history/1" {
		t.Errorf("create: %v", err)
	}
	if _, err := c.Update(ctx, "Patient/1", "3", patient); err != nil {
		t.Errorf("update: %v", err)
	}
	if err := errors.Join(c.Delete(ctx, "Patient/1"), c.Delete(ctx, "Patient/1")); err != nil {
		t.Errorf("delete: %v", err)
	}
	bundle := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction", Entry: []fhir.Entry{{Resource: patient, Request: fhir.Request{Method: "POST", URL: "Patient"}}}}
	entries, err := c.Transaction(ctx, bundle)
	if diff := cmp.Diff([]client.Entry{{Location: "Patient/1/_history/1", Status: "201 Created", ETag: `W/"1"`}}, entries); err != nil || diff != "" {
		t.Errorf("transaction: %v\n%s", err, diff)
	}
	if _, err := c.Transaction(ctx, bundle); err == nil {
		t.Error("an answer without entries was taken")
	}
	if _, err := c.Read(ctx, "Patient/1"); err == nil || auth.refused != 2 {
		t.Errorf("unauthorised: %v, told %d times", err, auth.refused)
	}
	const sent = ` {"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`
	want := []string{
		`POST /r4/Patient If-None-Exist: identifier=a|b Authorization: Bearer t {"resourceType":"Patient"}`,
		`PUT /r4/Patient/1 If-Match: W/"3" Authorization: Bearer t {"resourceType":"Patient"}`,
		`DELETE /r4/Patient/1 Authorization: Bearer t`, `DELETE /r4/Patient/1 Authorization: Bearer t`,
		`POST /r4 Authorization: Bearer t` + sent, `POST /r4 Authorization: Bearer t` + sent, `GET /r4/Patient/1 Authorization: Bearer t`, `GET /r4/Patient/1 Authorization: Bearer t`,
	}
	if diff := cmp.Diff(want, script.asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A client that writes once repeats no request that may change something, whatever becomes of it; it still repeats questions.
func TestWritingOnce(t *testing.T) {
	for _, test := range []struct {
		method string
		status int
		want   int64
	}{
		{http.MethodPost, http.StatusServiceUnavailable, 1}, {http.MethodPost, http.StatusTooManyRequests, 1}, {http.MethodPut, http.StatusBadRequest, 1},
		{http.MethodPost, http.StatusUnauthorized, 1}, {http.MethodDelete, http.StatusInternalServerError, 1}, {http.MethodPost, 0, 1},
		{http.MethodGet, http.StatusServiceUnavailable, 4},
	} {
		t.Run(fmt.Sprint(test.method, test.status), func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				if test.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			c, err := client.New(client.Config{Base: server.URL, Auth: nobody{}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.WritingOnce().Do(t.Context(), test.method, "Patient", nil, []byte("{}")); err == nil {
				t.Error("no error")
			}
			if asked.Load() != test.want {
				t.Errorf("asked %d times, want %d", asked.Load(), test.want)
			}
		})
	}
}

// nobody authorises nothing.
type nobody struct{}

func (nobody) Authorize(context.Context, *http.Request) error { return nil }
func (nobody) Refused(*http.Request)                          {}
