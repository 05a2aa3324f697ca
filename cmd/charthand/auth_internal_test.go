package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// gate stands before a FHIR server and wants tokens, which its token endpoint gives for assertions that charthand's published keys bear out.
type gate struct {
	t       *testing.T
	keys    string // address of the key set
	server  *httptest.Server
	forward http.Handler

	mutex   sync.Mutex
	told    time.Duration // how long a token lives, as it is told
	lives   time.Duration // and really
	used    map[string]bool
	valid   map[string]time.Time
	issued  int
	denied  int // requests without a valid token
	refuses bool
	why     string // no token was given last
}

func newGate(t *testing.T, base string) *gate {
	t.Helper()
	target, err := url.Parse(strings.TrimSuffix(base, "/fhir"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, told: time.Hour, lives: time.Hour, used: map[string]bool{}, valid: map[string]time.Time{}}
	g.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Authorization")
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"token_endpoint":%q,"token_endpoint_auth_signing_alg_values_supported":["RS384","ES384"]}`, g.server.URL+"/token")
	})
	mux.HandleFunc("POST /token", g.token)
	mux.HandleFunc("/fhir/", func(w http.ResponseWriter, r *http.Request) {
		if !g.isValid(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.forward.ServeHTTP(w, r)
	})
	g.server = httptest.NewServer(mux)
	t.Cleanup(g.server.Close)
	return g
}

func (g *gate) isValid(token string) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	end, known := g.valid[token]
	if known && time.Now().Before(end) {
		return true
	}
	g.denied++
	return false
}

func (g *gate) token(w http.ResponseWriter, r *http.Request) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	why := g.check(r)
	if why != "" {
		if why != g.why {
			g.t.Logf("no token: %s", why)
			g.why = why
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
		return
	}
	g.issued++
	token := fmt.Sprint("token-", g.issued)
	g.valid[token] = time.Now().Add(g.lives)
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":%d,"scope":"system/*.cruds"}`, token, int(g.told.Seconds()))
}

// check says what is wrong with a request for a token (SMART Backend Services 2.2).
func (g *gate) check(r *http.Request) string {
	if g.refuses {
		return "the client's account is closed"
	}
	if r.ParseForm() != nil || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "the form"
	}
	signed, err := jwt.ParseSigned(r.Form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil {
		return "the algorithm"
	}
	answer, err := http.Get(g.keys)
	if err != nil {
		return "no keys"
	}
	defer answer.Body.Close()
	var set jose.JSONWebKeySet
	var claims jwt.Claims
	if json.NewDecoder(answer.Body).Decode(&set) != nil || signed.Claims(set, &claims) != nil {
		return "the signature"
	}
	switch now := time.Now(); {
	case claims.Issuer != "charthand-1" || claims.Subject != claims.Issuer:
		return "the client"
	case len(claims.Audience) != 1 || claims.Audience[0] != g.server.URL+"/token":
		return "the audience"
	case claims.Expiry == nil || !claims.Expiry.Time().After(now) || claims.Expiry.Time().After(now.Add(5*time.Minute)):
		return "the expiry"
	case claims.ID == "" || g.used[claims.ID]:
		return "the jti"
	}
	g.used[claims.ID] = true
	return ""
}

// change changes the gate.
func (g *gate) change(how func()) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	how()
}

// newKey writes a private key to a file.
func newKey(t *testing.T) (path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Tokens that end, are revoked, or are not given for a while cost no note: what waits is done when charthand may go on.
func TestTokensBesideHAPI(t *testing.T) {
	s := newSite(t)
	s.stop()
	g := newGate(t, s.fhir.Base)
	listener := httptest.NewUnstartedServer(nil)
	address := listener.Listener.Addr().String() // of charthand, so that the gate knows where its keys are
	listener.Listener.Close()
	g.keys = "http://" + address + "/.well-known/jwks.json"
	config := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "fhirAuth:\n  smart: {clientId: charthand-1, keys: [%s]}\nsync: {every: 1s}\naccess: {auditEvents: {}}\n", newKey(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	direct := s.fhir.Base
	s.fhir.Base = g.server.URL + "/fhir"
	s.data = t.TempDir()
	s.serve("--listen", address, "--config", config)
	s.fhir.Base = direct
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	var documents []string
	write := func() {
		for range 5 {
			documents = append(documents, s.create("DocumentReference", s.note("Has asthma.", "")))
		}
	}
	readAll := func() {
		for _, document := range documents {
			s.read(document)
		}
	}
	write()
	readAll()
	s.audited(documents[0])
	g.change(func() { clear(g.valid) }) // revoked
	write()
	readAll()
	before := 0
	g.change(func() { clear(g.valid); g.refuses, before = true, g.denied }) // revoked, and none are given
	write()
	s.eventually("charthand is denied", func() bool {
		g.mutex.Lock()
		defer g.mutex.Unlock()
		return g.denied > before
	})
	g.change(func() { g.refuses, g.lives = false, 200*time.Millisecond }) // tokens that end sooner than is told
	write()
	readAll()
	g.change(func() { clear(g.valid); g.told, g.lives = time.Second, time.Second })
	issued := 0
	g.change(func() { issued = g.issued })
	write()
	readAll()
	if got, want := s.facts(), slices.Repeat([]string{"Condition asthma unconfirmed"}, len(documents)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	out, _, _ := s.charthand("queue", "list", "--data", s.data)
	if strings.Contains(out, "dead") {
		t.Errorf("dead letters:\n%s", out)
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	t.Logf("%d tokens, %d requests denied", g.issued, g.denied)
	if issued < 4 || g.issued == issued {
		t.Errorf("%d tokens, %d before the last notes: none ended", g.issued, issued)
	}
}

// The ways to show a server who asks are checked before anything begins.
func TestAuthSettings(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"token": "t0ken\n", "empty": "\n", "key": "no key\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"resourceType":"Bundle"}`)
	}))
	defer server.Close()
	for settings, want := range map[string]string{
		"bearerFile: token":                         "Bearer t0ken",
		"basic: {user: u, passwordFile: token}":     "Basic dTp0MGtlbg==",
		"bearerFile: nowhere":                       "fhirAuth.bearerFile",
		"bearerFile: empty":                         "does not hold one line",
		"bearerFile: token\n  smart: {clientId: c}": "exclude each other",
		"smart: {clientId: c, keys: [key]}":         "key",
		"smart: {clientId: c}":                      "key",
		"tls: {certificate: nowhere, key: nowhere}": "fhirAuth.tls",
		"tls: {ca: key}":                            "holds no certificate",
		"password: token":                           "unknown field",
		"basic: {user: u, passwordFile: token}\nsync: {criteria: [DocumentReference]}": "sync.criteria",
	} {
		t.Run(settings, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "site.yaml")
			settings = strings.NewReplacer("token", filepath.Join(folder, "token"), "nowhere", filepath.Join(folder, "nowhere"),
				"empty", filepath.Join(folder, "empty"), "[key]", "["+filepath.Join(folder, "key")+"]", "ca: key", "ca: "+filepath.Join(folder, "key")).Replace(settings)
			if err := os.WriteFile(config, []byte("fhirBase: "+server.URL+"\nfhirAuth:\n  "+settings+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, messages, code := (&site{}).charthand("config", "check", "--config", config)
			if code != exitDone {
				if !strings.Contains(messages, want) || strings.Contains(messages, "t0ken") {
					t.Errorf("exit code %d: %s", code, messages)
				}
				return
			}
			got = ""
			_, _, _ = (&site{}).charthand("unsubscribe", "--config", config, "--name", "x")
			if got != want {
				t.Errorf("the server was shown %q, want %q", got, want)
			}
		})
	}
}
