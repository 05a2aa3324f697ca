package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"charthand/server"
	"charthand/server/access"
)

// guard lets callers in by their bearer.
type guard map[string]access.Caller

func (g guard) Caller(_ context.Context, r *http.Request) (access.Caller, error) {
	shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch caller, known := g[shown]; {
	case known:
		return caller, nil
	case shown == "":
		return access.Caller{}, access.ErrUnknown
	case shown == "down":
		return access.Caller{}, fmt.Errorf("the issuer's keys: they cannot be had")
	}
	return access.Caller{}, access.ErrRefused
}

// ask asks the operation as somebody.
func ask(s http.Handler, shown string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/fhir/DocumentReference/$extract", strings.NewReader(noteJSON))
	r.Header.Set("Content-Type", "application/fhir+json")
	if shown != "" {
		r.Header.Set("Authorization", "Bearer "+shown)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// noteJSON is a document with words that no log may have.
const noteJSON = `{"resourceType":"DocumentReference","id":"note-7","status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":{"contentType":"text/plain","data":"UGxhbnRlZHBocmFzZSBwbmV1bW9uaWEu"}}]}`

func TestAccess(t *testing.T) {
	s, logged := newServer(t, func(c *server.Config) {
		c.Guard = guard{"narrow": {Name: "client narrow"}}
	})
	for _, test := range []struct {
		shown     string
		status    int
		challenge string
	}{
		{"", http.StatusUnauthorized, `Bearer realm="charthand"`},
		{"wrong", http.StatusUnauthorized, `Bearer realm="charthand", error="invalid_token"`},
		{"narrow", http.StatusForbidden, `Bearer realm="charthand", error="insufficient_scope", scope="system/DocumentReference.r"`},
		{"down", http.StatusServiceUnavailable, ""},
	} {
		w := ask(s, test.shown)
		if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge || !strings.Contains(w.Body.String(), `"OperationOutcome"`) {
			t.Errorf("%q: %d %q %s", test.shown, w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
		}
	}
	for _, open := range []string{"/healthz", "/readyz", "/fhir/metadata"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, open, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", open, w.Code)
		}
	}
	if text := logged.String(); strings.Contains(text, "narrow\"") && !strings.Contains(text, `"caller":"client narrow"`) || strings.Contains(text, "wrong") {
		t.Errorf("the log has what was shown: %s", text)
	}
}

// TestAudit: who asked for which document, and what came of it, and nothing of the note.
func TestAudit(t *testing.T) {
	s, logged := newServer(t, nil)
	w := ask(s, "", "X-Request-Id", "my-7")
	if w.Code != http.StatusOK || w.Header().Get("X-Request-Id") != "my-7" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, want := range []string{`"msg":"audit"`, `"request":"my-7"`, `"caller":"192.0.2.1"`, `"action":"POST /fhir/DocumentReference/$extract"`, `"documents":["DocumentReference/note-7"]`, `"status":200`} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("no %s in %s", want, logged)
		}
	}
	if strings.Contains(logged.String(), "lantedphrase") {
		t.Errorf("the log has the note: %s", logged)
	}
	for line := range strings.Lines(logged.String()) {
		if !strings.Contains(line, `"request":"my-7"`) {
			t.Errorf("without the request's id: %s", line)
		}
	}
	for _, made := range []string{"", "no spaces here", strings.Repeat("x", 65), "a\nb"} {
		if id := ask(s, "", "X-Request-Id", made).Header().Get("X-Request-Id"); len(id) != 36 {
			t.Errorf("%q became %q", made, id)
		}
	}
}

func TestHeaders(t *testing.T) {
	s, _ := newServer(t, func(c *server.Config) { c.Origins = []string{"https://app.example.org"} })
	w := ask(s, "", "Origin", "https://app.example.org")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Access-Control-Allow-Origin": "https://app.example.org",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := ask(s, "", "Origin", "https://evil.example.org").Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("another page may read: %q", got)
	}
	preflight := httptest.NewRequest(http.MethodOptions, "/fhir/DocumentReference/$extract", nil)
	for name, value := range map[string]string{"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"} {
		preflight.Header.Set(name, value)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, preflight)
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, origin := range []string{"*", "https://*.example.org", "app.example.org", "https://app.example.org/"} {
		if _, err := server.New(server.Config{Extractor: newExtractor(t), Origins: []string{origin}}); err == nil {
			t.Errorf("the origin %q was taken", origin)
		}
	}
}

func TestRate(t *testing.T) {
	s, _ := newServer(t, func(c *server.Config) {
		c.Limiter = access.NewLimiter(0.5, 2, func() time.Time { return time.Unix(0, 0) })
	})
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		w := ask(s, "")
		if w.Code != want || want == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "2" {
			t.Errorf("request %d: %d %q", i, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

// TestHeaderFlood: more headers than a request may have are refused, and the server goes on.
func TestHeaderFlood(t *testing.T) {
	s, _ := newServer(t, nil)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, listener) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n"))
	for range 200 {
		if _, err := conn.Write([]byte("X-Flood: " + strings.Repeat("y", 1000) + "\r\n")); err != nil {
			break
		}
	}
	answer := make([]byte, 64)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(answer); err == nil && !strings.Contains(string(answer[:n]), " 431 ") {
		t.Errorf("answered %q", answer[:n])
	}
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("after it: %v %v", response, err)
	}
	if response != nil {
		response.Body.Close()
	}
}

// TestMetricsRoute: numbers are for callers who are let in, and every request is counted by the server's own routes.
func TestMetricsRoute(t *testing.T) {
	var observed []string
	s, _ := newServer(t, func(c *server.Config) {
		c.Guard = guard{"any": {Name: "client any"}}
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("numbers")) })
		c.Observe = func(route, method string, status int, _ time.Duration) {
			observed = append(observed, fmt.Sprint(method, " ", route, " ", status))
		}
	})
	for shown, want := range map[string]int{"": http.StatusUnauthorized, "any": http.StatusOK} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		if shown != "" {
			r.Header.Set("Authorization", "Bearer "+shown)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d", shown, w.Code)
		}
	}
	observed = nil
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/patient/Jane/secret?name=Jane", nil))
	if len(observed) != 1 || observed[0] != "GET none 404" {
		t.Errorf("observed %q", observed)
	}
}
