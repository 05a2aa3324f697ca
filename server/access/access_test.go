package access_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"charthand/server/access"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is an issuer of tokens with keys that change.
type issuer struct {
	web   *httptest.Server
	asked atomic.Int32
	keys  atomic.Value // jose.JSONWebKeySet
	down  atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.keys.Store(jose.JSONWebKeySet{})
	i.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if i.down.Load() {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(i.keys.Load())
	}))
	t.Cleanup(i.web.Close)
	return i
}

func (i *issuer) publish(keys ...jose.JSONWebKey) {
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, key.Public())
	}
	i.keys.Store(set)
}

func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}
}

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// good are the claims of a token that is let in.
func good() map[string]any {
	return map[string]any{
		"iss": "https://issuer.example", "aud": []string{"https://charthand.example"}, "exp": now.Add(time.Hour).Unix(), "client_id": "ehr", "scope": "system/DocumentReference.r",
	}
}

func sign(t *testing.T, key jose.JSONWebKey, algorithm jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func tokens(t *testing.T, i *issuer, clock func() time.Time) *access.Tokens {
	t.Helper()
	made, err := access.NewTokens(access.TokenConfig{Issuer: "https://issuer.example", Audience: "https://charthand.example", KeySet: i.web.URL, HTTP: i.web.Client(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil) // from 192.0.2.1
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestTokens(t *testing.T) {
	i := newIssuer(t)
	key := newKey(t, "one")
	other := newKey(t, "one") // of the same name, and not the issuer's
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaJWK := jose.JSONWebKey{Key: rsaKey, KeyID: "rsa", Use: "sig"}
	i.publish(key, rsaJWK)
	guard := access.New(access.Config{Tokens: tokens(t, i, func() time.Time { return now })})
	public, err := x509.MarshalPKIXPublicKey(crypto.PublicKey(&rsaKey.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) map[string]any {
		claims := good()
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
		return claims
	}
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	payload, _ := json.Marshal(good())
	for name, test := range map[string]struct {
		token string
		want  string // of the refusal; empty for let in
	}{
		"good":                                   {sign(t, key, jose.ES256, good()), ""},
		"good, signed with RSA":                  {sign(t, rsaJWK, jose.PS256, good()), ""},
		"audience as a text":                     {sign(t, key, jose.ES256, with("aud", "https://charthand.example")), ""},
		"over":                                   {sign(t, key, jose.ES256, with("exp", now.Add(-time.Hour).Unix())), "the token is over"},
		"without an end":                         {sign(t, key, jose.ES256, with("exp", nil)), "the token has no end"},
		"not yet valid":                          {sign(t, key, jose.ES256, with("nbf", now.Add(time.Hour).Unix())), "the token is not valid yet"},
		"of tomorrow":                            {sign(t, key, jose.ES256, with("iat", now.Add(24*time.Hour).Unix())), "the token is not valid yet"},
		"another audience":                       {sign(t, key, jose.ES256, with("aud", "https://elsewhere.example")), "the token is for another audience"},
		"no audience":                            {sign(t, key, jose.ES256, with("aud", nil)), "the token is for another audience"},
		"another issuer":                         {sign(t, key, jose.ES256, with("iss", "https://issuer.example.evil")), "the token is of another issuer"},
		"another's key of that name":             {sign(t, other, jose.ES256, good()), "the token's signature is not its key's"},
		"unsigned":                               {segment(`{"alg":"none","kid":"one"}`) + "." + segment(string(payload)) + ".", "no token that is signed with an allowed algorithm"},
		"signed with the public key as a secret": {sign(t, jose.JSONWebKey{Key: public, KeyID: "rsa"}, jose.HS256, good()), "no token that is signed with an allowed algorithm"},
		"another algorithm than its key's":       {sign(t, jose.JSONWebKey{Key: rsaKey, KeyID: "one"}, jose.RS256, good()), "the token's algorithm is not its key's"},
		"without the name of its key":            {sign(t, jose.JSONWebKey{Key: key.Key}, jose.ES256, good()), "the token does not name its key"},
		"too long":                               {strings.Repeat("a", 20_000), "a token of more than 16384 bytes"},
		"no token":                               {"abc", "no token that is signed"},
	} {
		caller, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+test.token))
		if test.want == "" {
			if err != nil || caller.Name != "client ehr" || !caller.May("DocumentReference", "r") || caller.May("DocumentReference", "rs") || caller.May("Condition", "r") {
				t.Errorf("%s: %v %+v", name, err, caller)
			}
			continue
		}
		if !errors.Is(err, access.ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if _, err := guard.Caller(context.Background(), request()); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("nothing shown: %v", err)
	}
	if _, err := guard.Caller(context.Background(), request("Authorization", "Bearer a", "Authorization", "Bearer "+sign(t, key, jose.ES256, good()))); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("two headers: %v", err)
	}
}

// TestRotation: an issuer that changes its keys is asked again; one that is down is not asked for each token, and its old keys stay.
func TestRotation(t *testing.T) {
	i := newIssuer(t)
	one, two := newKey(t, "one"), newKey(t, "two")
	i.publish(one)
	clock := now
	guard := access.New(access.Config{Tokens: tokens(t, i, func() time.Time { return clock })})
	try := func(key jose.JSONWebKey) error {
		claims := good()
		claims["exp"] = clock.Add(time.Minute).Unix()
		_, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+sign(t, key, jose.ES256, claims)))
		return err
	}
	if err := try(one); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := try(two); !errors.Is(err, access.ErrRefused) {
			t.Fatalf("a key that nobody has published: %v", err)
		}
	}
	if asked := i.asked.Load(); asked != 1 {
		t.Errorf("asked %d times for made-up keys within seconds", asked)
	}
	i.publish(two)
	clock = clock.Add(time.Minute)
	if err := try(two); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if err := try(one); !errors.Is(err, access.ErrRefused) {
		t.Errorf("a key that was withdrawn: %v", err)
	}
	i.down.Store(true)
	clock = clock.Add(2 * time.Hour)
	if err := try(two); err != nil {
		t.Errorf("a known key while the issuer is down: %v", err)
	}
	clock = clock.Add(time.Minute)
	if err := try(newKey(t, "three")); err == nil || errors.Is(err, access.ErrRefused) {
		t.Errorf("an unknown key while the issuer is down: %v", err)
	}
}

func TestScopes(t *testing.T) {
	i := newIssuer(t)
	key := newKey(t, "one")
	i.publish(key)
	guard := access.New(access.Config{Tokens: tokens(t, i, func() time.Time { return now })})
	for scope, may := range map[string]bool{
		"system/DocumentReference.r": true, "system/DocumentReference.rs": true, "system/DocumentReference.cruds": true, "system/*.r": true, "user/DocumentReference.r": true,
		"system/DocumentReference.read": true, "system/*.read": true, "system/*.*": true, "openid system/Patient.r system/DocumentReference.r": true,
		"": false, "system/DocumentReference.s": false, "system/DocumentReference.c": false, "system/Condition.r": false, "patient/DocumentReference.r": false,
		"system/DocumentReference.write": false, "system/DocumentReference.sr": false, "system/DocumentReference.": false, "system/DocumentReference.r?category=x": false, "documentreference.r": false,
	} {
		claims := good()
		claims["scope"] = scope
		caller, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+sign(t, key, jose.ES256, claims)))
		if err != nil || caller.May("DocumentReference", "r") != may {
			t.Errorf("%q: %v, want %v", scope, err, may)
		}
	}
}

func TestKeys(t *testing.T) {
	secret := strings.Repeat("k", 40)
	keys, err := access.ReadKeys("# of the ward\nward " + secret + "\n\nlab " + strings.Repeat("l", 32) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	guard := access.New(access.Config{Keys: keys})
	for _, headers := range [][]string{{"X-API-Key", secret}, {"Authorization", "Bearer " + secret}, {"Authorization", "bearer " + secret}} {
		if caller, err := guard.Caller(context.Background(), request(headers...)); err != nil || caller.Name != "key ward" || !caller.May("DocumentReference", "r") {
			t.Errorf("%q: %v %+v", headers, err, caller)
		}
	}
	for _, headers := range [][]string{{"X-API-Key", secret + "x"}, {"X-API-Key", "ward"}, {"Authorization", "Bearer x"}, {"X-API-Key", secret, "Authorization", "Bearer " + secret}} {
		if _, err := guard.Caller(context.Background(), request(headers...)); !errors.Is(err, access.ErrRefused) {
			t.Errorf("%q: %v", headers, err)
		}
	}
	for _, headers := range [][]string{nil, {"Authorization", "Basic " + secret}} {
		if _, err := guard.Caller(context.Background(), request(headers...)); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%q: %v", headers, err)
		}
	}
	for data, want := range map[string]string{
		"":               "no key is in it",
		"ward":           "line 1: expected a name and a key",
		"\nward short\n": "line 2: the key has fewer than 32 characters",
		"a " + secret + "\na " + strings.Repeat("m", 32): "line 2: the name has a key already",
	} {
		if _, err := access.ReadKeys(data); err == nil || err.Error() != want || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// TestThisMachine: without keys and tokens, this machine alone is let in, or everybody where a site says so.
func TestThisMachine(t *testing.T) {
	for remote, in := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "192.0.2.1:5": false, "": false, "localhost": false} {
		r := request()
		r.RemoteAddr, r.Host = remote, "localhost:8080"
		if _, err := access.New(access.Config{}).Caller(context.Background(), r); (err == nil) != in {
			t.Errorf("%q: %v", remote, err)
		}
		if _, err := access.New(access.Config{Open: true}).Caller(context.Background(), r); err != nil {
			t.Errorf("%q, open: %v", remote, err)
		}
	}
	// A page of another site, whose name was made to mean this machine, asks through a browser here.
	for host, in := range map[string]bool{"localhost": true, "LOCALHOST:8080": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "": true, "evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "10.0.0.7:8080": false} {
		r := request()
		r.RemoteAddr, r.Host = "127.0.0.1:5", host
		if _, err := access.New(access.Config{}).Caller(context.Background(), r); (err == nil) != in {
			t.Errorf("asked for %q: %v", host, err)
		}
	}
}

func TestLimiter(t *testing.T) {
	clock := now
	l := access.NewLimiter(2, 3, func() time.Time { return clock })
	for range 3 {
		if wait := l.Allow("a"); wait != 0 {
			t.Fatalf("wait %v", wait)
		}
	}
	if wait := l.Allow("a"); wait <= 0 || wait > 500*time.Millisecond {
		t.Errorf("wait %v", wait)
	}
	if wait := l.Allow("b"); wait != 0 {
		t.Errorf("another waits %v", wait)
	}
	clock = clock.Add(500 * time.Millisecond)
	if wait := l.Allow("a"); wait != 0 {
		t.Errorf("after its wait: %v", wait)
	}
	for i := range 20_000 { // memory stays bounded
		l.Allow(string(rune('a'+i%26)) + strings.Repeat("x", i%700))
	}
}

func TestSettings(t *testing.T) {
	for want, config := range map[string]access.TokenConfig{
		"issuer and audience are needed": {KeySet: "https://issuer.example/keys", HTTP: http.DefaultClient},
		"is no https address":            {Issuer: "a", Audience: "b", KeySet: "http://issuer.example/keys", HTTP: http.DefaultClient},
	} {
		if _, err := access.NewTokens(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
