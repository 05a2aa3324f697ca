package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"charthand/queue"
	"charthand/server"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// jobs keeps what it is given.
type jobs struct {
	mutex sync.Mutex
	added []queue.Job
	state map[string]string
	fails error
}

func (j *jobs) Add(_ context.Context, job queue.Job) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.fails == nil {
		j.added = append(j.added, job)
	}
	return j.fails
}

func (j *jobs) State(_ context.Context, name string) (string, error) { return j.state[name], nil }

func (j *jobs) Keep(_ context.Context, name, value string) error {
	j.state[name] = value
	return nil
}

func event(kind, events, more string) string {
	return `{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"subscription","valueReference":{"reference":"Subscription/7"}},
		{"name":"status","valueCode":"active"},{"name":"type","valueCode":"` + kind + `"},{"name":"events-since-subscription-start","valueString":"` + events + `"}` + more + `]}}]}`
}

func focus(number, reference string) string {
	return `,{"name":"notification-event","part":[{"name":"event-number","valueString":"` + number + `"},{"name":"focus","valueReference":{"reference":"` + reference + `"}}]}`
}

// Each notification asks for what it is about, and a gap in their numbers for a search.
func TestHooks(t *testing.T) {
	const document = "/hooks/main/DocumentReference/1"
	full := `{"resourceType":"DocumentReference","id":"1","meta":{"versionId":"3"},"status":"current","content":[]}`
	job := func(name, version string) queue.Job {
		return queue.Job{Document: name, Version: version, Source: "main"}
	}
	search := queue.Job{CatchUp: true, Source: "main"}
	missed := func(first, last int64) queue.Job {
		return queue.Job{CatchUp: true, Source: "main", Subscription: "Subscription/7", First: first, Last: last}
	}
	for name, test := range map[string]struct {
		method, path, body string
		kept               string // how many events had come
		status             int
		want               []queue.Job
	}{
		"R4 with payload":          {http.MethodPut, document, full, "", 200, []queue.Job{job("DocumentReference/1", "3")}},
		"R4, posted":               {http.MethodPost, "/hooks/main", full, "", 200, []queue.Job{job("DocumentReference/1", "3")}},
		"R4 without payload":       {http.MethodPost, "/hooks/main", "", "", 200, []queue.Job{search}},
		"another type":             {http.MethodPut, "/hooks/main/Patient/1", `{"resourceType":"Patient","id":"1"}`, "", 200, nil},
		"a handshake":              {http.MethodPost, "/hooks/main", event("handshake", "0", ""), "", 200, nil},
		"a heartbeat":              {http.MethodPost, "/hooks/main", event("heartbeat", "4", ""), "4", 200, nil},
		"a heartbeat after a gap":  {http.MethodPost, "/hooks/main", event("heartbeat", "5", ""), "4", 200, []queue.Job{missed(5, 5)}},
		"an event":                 {http.MethodPost, "/hooks/main", event("event-notification", "5", focus("5", "DocumentReference/1")), "4", 200, []queue.Job{job("DocumentReference/1", "")}},
		"the first event":          {http.MethodPost, "/hooks/main", event("event-notification", "1", focus("1", "DocumentReference/1")), "", 200, []queue.Job{job("DocumentReference/1", "")}},
		"an event after a gap":     {http.MethodPost, "/hooks/main", event("event-notification", "7", focus("7", "DocumentReference/1")), "4", 200, []queue.Job{job("DocumentReference/1", ""), missed(5, 6)}},
		"a count that begins anew": {http.MethodPost, "/hooks/main", event("event-notification", "1", focus("1", "DocumentReference/1")), "4", 200, []queue.Job{job("DocumentReference/1", ""), search}},
		"an event without focus":   {http.MethodPost, "/hooks/main", event("event-notification", "5", ""), "4", 200, []queue.Job{missed(5, 5)}},
		"not a notification":       {http.MethodPost, "/hooks/main", `{"ok":true}`, "", 400, nil},
		"a name that is none":      {http.MethodPost, "/hooks/a.b", "", "", 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := &jobs{state: map[string]string{}}
			if test.kept != "" {
				j.state["events.main.Subscription_7"] = test.kept
			}
			s, logged := newServer(t, func(c *server.Config) { c.Hooks = &server.Hooks{Jobs: j} })
			request := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			request.RemoteAddr, request.Host = "127.0.0.1:1234", "localhost"
			r := httptest.NewRecorder()
			s.ServeHTTP(r, request)
			if r.Code != test.status {
				t.Errorf("status %d: %s", r.Code, r.Body)
			}
			if test.status == 200 && r.Body.String() != `{"resourceType":"Bundle","type":"transaction-response"}` {
				t.Errorf("answered %s", r.Body)
			}
			if diff := cmp.Diff(test.want, j.added, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, logged)
			}
		})
	}
}

// What cannot be stored is refused so that it comes again; without a secret hooks answer on this machine alone.
func TestHooksRefuse(t *testing.T) {
	j := &jobs{state: map[string]string{}}
	for name, test := range map[string]struct {
		fails          error
		secret, header string
		from           string
		status         int
	}{
		"stored":                         {nil, "", "", "127.0.0.1:1", 200},
		"stored, IPv6":                   {nil, "", "", "[::1]:1", 200},
		"the disk is full":               {queue.ErrStore, "", "", "127.0.0.1:1", 503},
		"the queue is full":              {queue.ErrFull, "", "", "127.0.0.1:1", 503},
		"anything else":                  {errors.New("x"), "", "", "127.0.0.1:1", 503},
		"from elsewhere without secret":  {nil, "", "", "192.0.2.7:1", 401},
		"from elsewhere with the secret": {nil, "s3cret", "s3cret", "192.0.2.7:1", 200},
		"with another secret":            {nil, "s3cret", "s3cre", "127.0.0.1:1", 401},
		"with no secret":                 {nil, "s3cret", "", "127.0.0.1:1", 401},
	} {
		t.Run(name, func(t *testing.T) {
			j.fails = test.fails
			s, _ := newServer(t, func(c *server.Config) { c.Hooks = &server.Hooks{Jobs: j, Secret: test.secret} })
			request := httptest.NewRequest(http.MethodPost, "/hooks/main", nil)
			request.RemoteAddr, request.Host = test.from, "localhost"
			request.Header.Set("X-Charthand-Secret", test.header)
			r := httptest.NewRecorder()
			s.ServeHTTP(r, request)
			if r.Code != test.status || (r.Header().Get("Retry-After") != "") != (test.status == 503) {
				t.Errorf("status %d: %s", r.Code, r.Body)
			}
		})
	}
}

// Public keys are where SMART looks for them, and readiness means that jobs can be stored.
func TestKeysAndReadiness(t *testing.T) {
	var full error
	s, _ := newServer(t, func(c *server.Config) {
		c.Keys = []byte(`{"keys":[]}`)
		c.Ready = func(context.Context) error { return full }
	})
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
		return r
	}
	if r := get("/.well-known/jwks.json"); r.Code != 200 || r.Body.String() != `{"keys":[]}` {
		t.Errorf("status %d: %s", r.Code, r.Body)
	}
	if r := get("/readyz"); r.Code != 200 {
		t.Errorf("status %d", r.Code)
	}
	full = queue.ErrFull
	if r := get("/readyz"); r.Code != 503 {
		t.Errorf("status %d with a full queue", r.Code)
	}
}
