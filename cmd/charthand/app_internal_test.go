package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"charthand/server"

	"github.com/google/go-cmp/cmp"
)

// Settings that cannot be used are named by their place.
func TestAppSettings(t *testing.T) {
	for settings, want := range map[string]string{
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4', 'http://localhost:8090/fhir', 'http://[::1]:8090/fhir']}":    "the settings can be used",
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4'], authServers: ['https://auth.example/'], scope: 'openid x'}": "the settings can be used",
		"app: {fhirServers: ['https://fhir.example/r4']}": "app.clientId: it is needed",
		"app: {clientId: charthand}":                      "app.fhirServers: at least one is needed",
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4', 'http://fhir.example/r4']}":                `app.fhirServers[1]: "http://fhir.example/r4" is no https address`,
		"app: {clientId: charthand, fhirServers: ['fhir.example']}":                                                     `app.fhirServers[0]: "fhir.example" is no https address`,
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4?x']}":                                        `app.fhirServers[0]: "https://fhir.example/r4?x" is no https address`,
		"app: {clientId: charthand, fhirServers: ['https://a;script-src/r4']}":                                          `app.fhirServers[0]: "https://a;script-src/r4" is no https address`,
		"app: {clientId: charthand, fhirServers: ['https://user@fhir.example/r4']}":                                     `app.fhirServers[0]: "https://user@fhir.example/r4" is no https address`,
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4'], authServers: ['https://auth.example/x']}": `app.authServers[0]: "https://auth.example/x" is no origin`,
		"app: {clientId: charthand, fhirServers: ['https://fhir.example/r4'], authServers: ['https://*.example']}":      `app.authServers[0]: "https://*.example" is no origin`,
		"app: {client: x}": "unknown field",
	} {
		out, messages, code := program(t, "", "config", "check", "--config", save(t, "site.yaml", settings+"\n"))
		if !strings.Contains(out+messages, want) || (code == exitDone) != (want == "the settings can be used") {
			t.Errorf("%s: %d %s%s", settings, code, out, messages)
		}
	}
}

// The app may ask its FHIR servers and the origins of their token endpoints, which are asked for once.
func TestAppOrigins(t *testing.T) {
	var asked atomic.Int64
	endpoint := "https://Auth.example:8443/token"
	fhir := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/r4/.well-known/smart-configuration" || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"token_endpoint":%q}`, endpoint)
	}))
	t.Cleanup(fhir.Close)
	origins := func(s appSettings) []string {
		t.Helper()
		var config server.Config
		if err := s.configure(&config, nil); err != nil {
			t.Fatal(err)
		}
		config.App.Origins(t.Context())
		return config.App.Origins(t.Context())
	}
	app := appSettings{ClientID: "charthand", FHIRServers: []string{fhir.URL + "/r4/"}}
	if diff := cmp.Diff([]string{fhir.URL, "https://auth.example:8443"}, origins(app)); diff != "" || asked.Load() != 1 {
		t.Errorf("asked %d times: %s", asked.Load(), diff)
	}
	for _, unusable := range []string{"http://auth.example/token", "https://auth.example; script-src *", "https://a;b/token", "/token", "javascript:alert(1)"} {
		endpoint = unusable
		if diff := cmp.Diff([]string{fhir.URL}, origins(app)); diff != "" {
			t.Errorf("%s: %s", unusable, diff)
		}
	}
	asked.Store(0)
	app.AuthServers = []string{"https://named.example"}
	if diff := cmp.Diff([]string{fhir.URL, "https://named.example"}, origins(app)); diff != "" || asked.Load() != 0 {
		t.Errorf("asked %d times: %s", asked.Load(), diff)
	}
	if got := origins(appSettings{ClientID: "charthand", FHIRServers: []string{fhir.URL + "/none"}}); len(got) != 1 {
		t.Errorf("of a server without a configuration: %v", got)
	}
}

// The app is told whose tokens charthand takes.
func TestAppTokenIssuer(t *testing.T) {
	var config server.Config
	app := appSettings{ClientID: "charthand", FHIRServers: []string{"https://fhir.example/r4"}, AuthServers: []string{"https://auth.example"}}
	if err := app.configure(&config, &tokenSettings{Issuer: "https://auth.example"}); err != nil || config.App.TokenIssuer != "https://auth.example" {
		t.Errorf("%+v %v", config.App, err)
	}
	config = server.Config{}
	if err := (appSettings{}).configure(&config, nil); err != nil || config.App.ClientID != "" || config.App.Origins != nil {
		t.Errorf("without settings: %+v %v", config.App, err)
	}
}
