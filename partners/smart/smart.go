// Package smart is an authorisation server for tests, as strict as SMART App Launch 2.2 allows: it stands before a FHIR server, launches apps, and lets
// them at what they were granted. See README.md beside this file.
package smart

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/cors"
)

// Client is a registered app: a public client.
type Client struct {
	// Redirect are its redirect URIs, compared as they are.
	Redirect []string `json:"redirect"`
	// Launch is its launch page.
	Launch string `json:"launch"`
}

// Refusal is what the server has been told to refuse.
type Refusal string

// What can be refused.
const (
	RefuseNothing   Refusal = ""
	RefuseAuthorize Refusal = "authorize" // access_denied
	RefuseToken     Refusal = "token"     // invalid_grant, for a code
	RefuseRefresh   Refusal = "refresh"   // invalid_grant, for a refresh token
	RefuseFHIR      Refusal = "fhir"      // 403 for everything
)

// Settings say how the server behaves; PUT /control changes those that it names.
type Settings struct {
	Clients map[string]Client `json:"clients"`
	// Approve says that no page is shown: everybody is logged in as User, and chooses Patient.
	Approve bool   `json:"approve"`
	User    string `json:"user"`    // "Practitioner/1"
	Patient string `json:"patient"` // an id
	// Scopes are the most that is granted, empty for whatever is asked for.
	Scopes    string  `json:"scopes"`
	TokenLife int     `json:"tokenLife"` // of access tokens, in seconds
	Refuse    Refusal `json:"refuse"`
	Delay     int     `json:"delay"` // of every answer, in milliseconds
	Banner    bool    `json:"banner"`
}

// validate says what is wrong.
func (s *Settings) validate() error {
	refusals := []Refusal{RefuseNothing, RefuseAuthorize, RefuseToken, RefuseRefresh, RefuseFHIR}
	switch {
	case s.TokenLife <= 0 || s.Delay < 0:
		return errors.New("smart: tokenLife has to be more than nothing, delay no less")
	case !slices.Contains(refusals, s.Refuse):
		return fmt.Errorf("smart: %q cannot be refused: expected one of %q", s.Refuse, refusals)
	}
	for id, client := range s.Clients {
		for _, address := range append(slices.Clone(client.Redirect), client.Launch) {
			if u, err := url.Parse(address); err != nil || u.Host == "" || u.Fragment != "" {
				return fmt.Errorf("smart: the client %s: %q is no address of an app", id, address)
			}
		}
	}
	return nil
}

// Lives of what is handed out once.
const (
	launchLife  = 5 * time.Minute
	codeLife    = time.Minute
	refreshLife = 24 * time.Hour
)

// Server is the authorisation server, and what guards the FHIR server behind it. It is safe for concurrent use.
type Server struct {
	fhir    string // the base of the FHIR server
	key     jose.JSONWebKey
	proxy   *httputil.ReverseProxy
	handler http.Handler

	mutex    sync.Mutex // of all below
	settings Settings
	launches tickets[launch]
	requests tickets[*grant] // that wait for a person
	codes    tickets[*grant]
	access   tickets[access]
	refresh  tickets[*grant]
	asked    []Asked
}

// New makes a server before a FHIR server, which knows no client yet.
func New(fhir string, settings Settings) (*Server, error) {
	if settings.TokenLife == 0 {
		settings.TokenLife = 3600
	}
	if err := settings.validate(); err != nil {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s := &Server{fhir: strings.TrimSuffix(fhir, "/"), key: jose.JSONWebKey{Key: private, KeyID: "1", Algorithm: string(jose.RS256), Use: "sig"}, settings: settings}
	if s.proxy, err = s.newProxy(); err != nil {
		return nil, err
	}
	// What apps ask by script.
	scripts := http.NewServeMux()
	scripts.HandleFunc("GET /fhir/.well-known/smart-configuration", s.configuration)
	scripts.HandleFunc("GET /.well-known/openid-configuration", s.openID)
	scripts.HandleFunc("GET /.well-known/jwks.json", s.keys)
	scripts.HandleFunc("POST /token", s.token)
	scripts.HandleFunc("/fhir", s.guard)
	scripts.HandleFunc("/fhir/", s.guard)
	shared := cors.New(cors.Options{
		AllowOriginFunc: s.knowsOrigin,
		AllowedMethods:  []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders:  []string{"Authorization", "Accept", "Content-Type", "If-Match", "If-None-Exist", "Prefer"},
		ExposedHeaders:  []string{"ETag", "Location", "Content-Location", "Last-Modified"},
	}).Handler(scripts)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /launch", s.launch)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /authorize", s.authorize)
	mux.HandleFunc("POST /decide", s.decide)
	mux.Handle("/", shared)
	watched := s.watch(mux)
	control := http.NewServeMux()
	control.HandleFunc("PUT /control", s.control)
	control.HandleFunc("POST /control/revoke", s.revoke)
	control.HandleFunc("POST /control/asked", s.tell)
	control.Handle("/", watched)
	s.handler = control
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// now gives the settings of this moment.
func (s *Server) now() Settings {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.settings
}

// issuerOf is the address that a request came to, and baseOf the FHIR server's there.
func issuerOf(r *http.Request) string { return "http://" + r.Host }
func baseOf(r *http.Request) string   { return issuerOf(r) + "/fhir" }

// knowsOrigin reports whether an origin is that of a registered app.
func (s *Server) knowsOrigin(origin string) bool {
	for _, client := range s.now().Clients {
		for _, redirect := range client.Redirect {
			if u, err := url.Parse(redirect); err == nil && u.Scheme+"://"+u.Host == origin {
				return true
			}
		}
	}
	return false
}

// configuration is .well-known/smart-configuration (SMART App Launch 2.2, "Conformance").
func (s *Server) configuration(w http.ResponseWriter, r *http.Request) {
	issuer := issuerOf(r)
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks.json",
		"authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"grant_types_supported": []string{"authorization_code"}, "response_types_supported": []string{"code"},
		"token_endpoint_auth_methods_supported": []string{"none"}, "code_challenge_methods_supported": []string{"S256"},
		"scopes_supported": []string{"openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access", "patient/*.cruds", "user/*.cruds"},
		"capabilities": []string{"launch-ehr", "launch-standalone", "authorize-post", "client-public", "sso-openid-connect", "context-banner", "context-ehr-patient",
			"context-ehr-encounter", "context-standalone-patient", "permission-patient", "permission-user", "permission-offline", "permission-v2"},
	})
}

// openID is what OpenID Connect Discovery 1.0 wants beside it.
func (s *Server) openID(w http.ResponseWriter, r *http.Request) {
	issuer := issuerOf(r)
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks.json", "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.key.Public()}})
}

// maxBody bounds what is read of a request or an answer, in bytes.
const maxBody = 16 << 20

// control changes the settings that it is given.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	changed := s.settings
	changed.Clients = maps.Clone(changed.Clients)
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&changed)
	if err == nil {
		err = changed.validate()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.settings = changed
	answer(w, http.StatusOK, changed)
}

// revoke ends all access tokens, and with ?refresh=true the others too.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.access = nil
	if r.URL.Query().Get("refresh") == "true" {
		s.refresh = nil
	}
	w.WriteHeader(http.StatusNoContent)
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who is gone needs no answer
}
