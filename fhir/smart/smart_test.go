package smart_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/fhir/client"
	"charthand/fhir/smart"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// authority is a token endpoint as strict as the guide allows, in front of a FHIR server that wants its tokens.
type authority struct {
	t      *testing.T
	server *httptest.Server
	keys   *smart.Keys // whose signatures are taken

	mutex   sync.Mutex
	life    time.Duration
	used    map[string]bool // jti
	valid   map[string]time.Time
	issued  int
	refused []string
	down    int // requests that are answered 503
	now     func() time.Time
}

func newAuthority(t *testing.T, keys *smart.Keys) *authority {
	t.Helper()
	a := &authority{t: t, keys: keys, life: time.Hour, used: map[string]bool{}, valid: map[string]time.Time{}, now: time.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"token_endpoint":%q,"token_endpoint_auth_signing_alg_values_supported":["RS384","ES384"]}`, a.server.URL+"/token")
	})
	mux.HandleFunc("POST /token", a.token)
	mux.HandleFunc("GET /fhir/Patient/1", func(w http.ResponseWriter, r *http.Request) {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if end, known := a.valid[token]; !known || !a.now().Before(end) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"resourceType":"Patient","id":"1"}`)
	})
	a.server = httptest.NewServer(mux)
	t.Cleanup(a.server.Close)
	return a
}

func (a *authority) token(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.down > 0 {
		a.down--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	refuse := func(why string) {
		a.refused = append(a.refused, why)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
	}
	if err := r.ParseForm(); err != nil || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("scope") == "" ||
		r.Form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		refuse("the form")
		return
	}
	signed, err := jwt.ParseSigned(r.Form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil {
		refuse("the algorithm")
		return
	}
	published, err := a.keys.Public()
	if err != nil {
		a.t.Error(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		a.t.Error(err)
	}
	var claims jwt.Claims
	if signed.Headers[0].KeyID == "" || signed.Claims(set, &claims) != nil {
		refuse("the signature")
		return
	}
	now := a.now()
	switch {
	case claims.Issuer != "charthand-1" || claims.Subject != claims.Issuer:
		refuse("the client")
	case len(claims.Audience) != 1 || claims.Audience[0] != a.server.URL+"/token":
		refuse("the audience")
	case claims.Expiry == nil || !claims.Expiry.Time().After(now) || claims.Expiry.Time().After(now.Add(5*time.Minute)):
		refuse("the expiry")
	case claims.ID == "" || a.used[claims.ID]:
		refuse("the jti")
	default:
		a.used[claims.ID] = true
		a.issued++
		token := fmt.Sprint("token-", a.issued)
		a.valid[token] = now.Add(a.life)
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, int(a.life.Seconds()))
	}
}

func pemFile(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyFiles makes private keys in each form.
func keyFiles(t *testing.T) map[string]string {
	t.Helper()
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err8 := x509.MarshalPKCS8PrivateKey(short)
	sec1, err1 := x509.MarshalECPrivateKey(curve)
	ec8, errEC := x509.MarshalPKCS8PrivateKey(curve)
	jwk, err := json.Marshal(jose.JSONWebKey{Key: curve, KeyID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"PKCS #8":     pemFile(t, "PRIVATE KEY", pkcs8, err8),
		"PKCS #1":     pemFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short), nil),
		"SEC 1":       pemFile(t, "EC PRIVATE KEY", sec1, err1),
		"PKCS #8, EC": pemFile(t, "PRIVATE KEY", ec8, errEC),
		"JWK":         path,
	}
}

func readKeys(t *testing.T, paths ...string) *smart.Keys {
	t.Helper()
	keys, err := smart.ReadKeys(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func source(t *testing.T, config smart.Config) *smart.Source {
	t.Helper()
	config.ClientID = "charthand-1"
	s, err := smart.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A strict endpoint gives tokens for keys of each form, and the FHIR server takes them.
func TestTokens(t *testing.T) {
	for form, path := range keyFiles(t) {
		t.Run(form, func(t *testing.T) {
			keys := readKeys(t, path)
			a := newAuthority(t, keys)
			s := source(t, smart.Config{Base: a.server.URL + "/fhir", Keys: keys})
			c, err := client.New(client.Config{Base: a.server.URL + "/fhir", Auth: s})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if _, err := c.Read(t.Context(), "Patient/1"); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if a.issued != 1 || len(a.refused) != 0 {
				t.Errorf("%d tokens for eight at once, refused for %q", a.issued, a.refused)
			}
			// Revoked: the request that is refused says so, and the next has a new one.
			a.mutex.Lock()
			clear(a.valid)
			a.mutex.Unlock()
			if _, err := c.Read(t.Context(), "Patient/1"); err != nil {
				t.Errorf("after the token was revoked: %v", err)
			}
			if a.issued != 2 {
				t.Errorf("%d tokens", a.issued)
			}
		})
	}
}

// A token is replaced before it is over.
func TestExpiry(t *testing.T) {
	keys := readKeys(t, keyFiles(t)["SEC 1"])
	a := newAuthority(t, keys)
	now := time.Now()
	a.now = func() time.Time { return now }
	a.life = 5 * time.Minute
	s := source(t, smart.Config{TokenURL: a.server.URL + "/token", Keys: keys, Now: func() time.Time { return now }})
	for range 100 {
		token, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if end := a.valid[token]; end.Sub(now) < time.Minute {
			t.Fatalf("the token is over in %v", end.Sub(now))
		}
		now = now.Add(20 * time.Second)
	}
	if a.issued < 8 || a.issued > 9 || len(a.refused) > 0 {
		t.Errorf("%d tokens in 33 minutes, refused for %q", a.issued, a.refused)
	}
}

// What the endpoint refuses is an error without secrets, and known to be lasting or not.
func TestRefusals(t *testing.T) {
	files := keyFiles(t)
	keys, others := readKeys(t, files["SEC 1"]), readKeys(t, files["PKCS #8"])
	a := newAuthority(t, keys)
	wrong := source(t, smart.Config{Base: a.server.URL + "/fhir", Keys: others})
	if _, err := wrong.Token(t.Context()); err == nil || client.IsTemporary(err) || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("a key that is not known: %v", err)
	}
	a.down = 1
	s := source(t, smart.Config{Base: a.server.URL + "/fhir", Keys: keys})
	if _, err := s.Token(t.Context()); !client.IsTemporary(err) {
		t.Errorf("while it is down: %v", err)
	}
	if _, err := s.Token(t.Context()); err != nil {
		t.Errorf("after that: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source(t, smart.Config{Base: a.server.URL + "/fhir", Keys: keys}).Token(ctx); err == nil || client.IsTemporary(err) {
		t.Errorf("cancelled: %v", err)
	}
	a.server.Close()
	if _, err := source(t, smart.Config{Base: a.server.URL + "/fhir", Keys: keys}).Token(t.Context()); !client.IsTemporary(err) {
		t.Errorf("gone: %v", err)
	}
	for _, config := range []smart.Config{{Base: "x", Keys: keys}, {ClientID: "x", Base: "x"}, {ClientID: "x", Keys: keys}} {
		if _, err := smart.New(config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}

// Keys that cannot be used are named by their file; the public ones hold nothing private, the old ones stay for a while.
func TestKeys(t *testing.T) {
	files := keyFiles(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no short keys")
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(curve)
	public, errPublic := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	for says, path := range map[string]string{
		"1024 bits":      pemFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak), nil),
		"P-384":          pemFile(t, "EC PRIVATE KEY", sec1, err),
		"no private key": pemFile(t, "PUBLIC KEY", public, errPublic),
		"no such file":   filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := smart.ReadKeys(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", says, err)
		}
	}
	published, err := readKeys(t, files["JWK"], files["PKCS #8"]).Public()
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(published, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s, %v", published, err)
	}
	for i, want := range []string{"ES384", "RS384"} {
		key := set.Keys[i]
		if key["alg"] != want || key["kid"] == "" || key["use"] != "sig" || key["d"] != nil || key["p"] != nil {
			t.Errorf("published: %v", key)
		}
	}
	if set.Keys[0]["kid"] != "mine" {
		t.Errorf("the key is called %v", set.Keys[0]["kid"])
	}
}
