package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"charthand/server"
)

// The app is open to everybody; its pages let it ask the FHIR servers and their authorisation servers, and nobody else.
func TestApp(t *testing.T) {
	set := func(c *server.Config) {
		c.Annotator = newExtractor(t)
		c.App = server.App{
			ClientID: "charthand-app", FHIRServers: []string{"https://fhir.example.org/r4"}, TokenIssuer: "https://auth.example.org",
			Origins: func(context.Context) []string {
				return []string{"https://auth.example.org", "https://fhir.example.org"}
			},
		}
	}
	unset := func(c *server.Config) { c.Annotator = newExtractor(t) }
	const own = "connect-src 'self'; "
	const both = "connect-src 'self' https://auth.example.org https://fhir.example.org; "
	for _, test := range []struct {
		with                    func(*server.Config)
		method, path            string
		status                  int
		contentType, allows, in string
	}{
		{set, http.MethodGet, "/app", 200, "text/html; charset=utf-8", both, "/app.js"},
		{set, http.MethodHead, "/app", 200, "text/html; charset=utf-8", both, ""},
		{set, http.MethodGet, "/app?code=x&state=y", 200, "text/html; charset=utf-8", both, "/app.js"},
		{set, http.MethodGet, "/app/launch?iss=https%3A%2F%2Fevil.example&launch=x", 200, "text/html; charset=utf-8", both, "/launch.js"},
		{set, http.MethodGet, "/app/config.json", 200, "application/json; charset=utf-8", "", `{"clientId":"charthand-app","fhirServers":["https://fhir.example.org/r4"],"tokenIssuer":"https://auth.example.org"}`},
		{set, http.MethodPost, "/app", 405, "application/fhir+json", "", "POST"},
		{set, http.MethodGet, "/app/other", 404, "application/fhir+json", "", ""},
		{unset, http.MethodGet, "/app", 200, "text/html; charset=utf-8", own, "/app.js"},
		{unset, http.MethodGet, "/app/launch", 200, "text/html; charset=utf-8", own, "/launch.js"},
		{unset, http.MethodGet, "/app/config.json", 200, "application/json; charset=utf-8", "", `{"clientId":"","fhirServers":[]}`},
		{set, http.MethodGet, "/", 200, "text/html; charset=utf-8", own, "/page.js"},
	} {
		s, _ := newServer(t, test.with)
		request := httptest.NewRequest(test.method, test.path, nil)
		request.RemoteAddr = "192.0.2.1:4000"
		r := httptest.NewRecorder()
		s.ServeHTTP(r, request)
		if contentType := r.Header().Get("Content-Type"); r.Code != test.status || !strings.HasPrefix(contentType, test.contentType) || !strings.Contains(r.Body.String(), test.in) {
			t.Errorf("%s %s: %d %s %s", test.method, test.path, r.Code, contentType, r.Body)
		}
		if policy := r.Header().Get("Content-Security-Policy"); !strings.Contains(policy, test.allows) || test.status == 200 && test.allows != "" && !strings.Contains(policy, "require-trusted-types-for 'script'") {
			t.Errorf("%s %s: %s", test.method, test.path, policy)
		}
	}
}
