package access_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"charthand/server/access"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	ehr     = "https://ehr.example"
	service = "https://charthand.example/cds/cds-services/charthand"
)

// clientKey makes a key that a CDS client may sign with.
func clientKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: id, Use: "sig"}
}

// signed makes a client's token, its claims and header changed; nil takes one out.
func signed(t *testing.T, key jose.JSONWebKey, algorithm jose.SignatureAlgorithm, header, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": ehr, "aud": service, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": fmt.Sprintf("%s %v", t.Name(), claims)}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// call is a call of the service, or of what is below it.
func call(token, below string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/cds-services/charthand"+below, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func TestClients(t *testing.T) {
	i := newIssuer(t)
	key, other := clientKey(t, "one"), clientKey(t, "one")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := jose.JSONWebKey{Key: private, KeyID: "rsa", Use: "sig"}
	i.publish(key, rsaKey)
	elsewhere := newIssuer(t)
	elsewhere.publish(other)
	set, err := access.NewKeySet(i.web.URL, i.web.Client(), nil)
	if err != nil {
		t.Fatal(err)
	}
	clients, err := access.NewClients(access.ClientsConfig{Base: "https://charthand.example/cds/", Keys: map[string]*access.KeySet{ehr: set}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(crypto.PublicKey(&private.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) map[string]any { return map[string]any{name: value} }
	of := func(claims map[string]any) string { return signed(t, key, jose.ES384, nil, claims) }
	good := of(with("jti", "good"))
	parts := strings.Split(good, ".")
	const unsigned = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0" // {"alg":"none","kid":"one"}
	for _, test := range []struct {
		name, token, want string // want is the refusal, empty for let in
	}{
		{"good", good, ""},
		{"replayed", good, "the token was used before"},
		{"good, signed with RSA", signed(t, rsaKey, jose.RS384, nil, with("jti", "rsa")), ""},
		{"good, with its jku", signed(t, key, jose.ES384, with("jku", i.web.URL), with("jti", "jku")), ""},
		{"audience as a list", of(with("aud", []string{service})), ""},
		{"unsigned", unsigned + "." + parts[1] + ".", "no token that is signed with ES384 or RS384"},
		{"the public key as a secret", signed(t, jose.JSONWebKey{Key: public, KeyID: "rsa"}, jose.HS256, nil, nil), "no token that is signed with ES384 or RS384"},
		{"another algorithm", signed(t, rsaKey, jose.RS256, nil, nil), "no token that is signed with ES384 or RS384"},
		{"another algorithm than its key's", signed(t, jose.JSONWebKey{Key: private, KeyID: "one"}, jose.RS384, nil, nil), "the token's signature is not its key's"},
		{"another's key", signed(t, other, jose.ES384, nil, nil), "the token's signature is not its key's"},
		{"another's key set", signed(t, other, jose.ES384, with("jku", elsewhere.web.URL), nil), "the token's jku is not its issuer's in the settings"},
		{"a jku that is none", signed(t, key, jose.ES384, with("jku", 7), nil), "the token's jku is not its issuer's in the settings"},
		{"a jku that begins like it", signed(t, key, jose.ES384, with("jku", i.web.URL+"/../x"), nil), "the token's jku is not its issuer's in the settings"},
		{"an access token", signed(t, key, jose.ES384, with("typ", "at+jwt"), nil), "the token's typ is not JWT"},
		{"an unknown key", signed(t, clientKey(t, "two"), jose.ES384, nil, nil), "no key of the issuer has the token's kid"},
		{"without the name of its key", signed(t, jose.JSONWebKey{Key: key.Key}, jose.ES384, nil, nil), "the token does not name its key"},
		{"another issuer", of(with("iss", ehr+"/")), "the token is of an issuer that the settings do not name"},
		{"no issuer", of(with("iss", nil)), "the token is of an issuer that the settings do not name"},
		{"another service", of(with("aud", "https://charthand.example/cds/cds-services/other")), "the token is for another service"},
		{"the base alone", of(with("aud", "https://charthand.example/cds")), "the token is for another service"},
		{"no audience", of(with("aud", nil)), "the token is for another service"},
		{"over", of(with("exp", now.Add(-time.Minute).Unix())), "the token is over"},
		{"of tomorrow", of(with("iat", now.Add(24*time.Hour).Unix())), "the token is not valid yet"},
		{"of weeks", of(with("exp", now.Add(500*time.Hour).Unix())), "the token ends in more than 1h0m0s"},
		{"without an end", of(with("exp", nil)), "the token lacks exp, iat or jti"},
		{"without a beginning", of(with("iat", nil)), "the token lacks exp, iat or jti"},
		{"without a name", of(with("jti", nil)), "the token lacks exp, iat or jti"},
		{"with a name that is long", of(with("jti", strings.Repeat("j", 300))), "the token's jti has more than 256 bytes"},
		{"too long", strings.Repeat("a", 20_000), "a token of more than 16384 bytes"},
		{"no token", "abc", "no token that is signed"},
	} {
		caller, err := clients.Caller(context.Background(), call(test.token, ""))
		if test.want == "" {
			if err != nil || caller.Name != "cds client "+ehr {
				t.Errorf("%s: %v %+v", test.name, err, caller)
			}
			continue
		}
		if !errors.Is(err, access.ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	if elsewhere.asked.Load() != 0 {
		t.Error("a jku that the settings do not name was asked")
	}
	if _, err := clients.Caller(context.Background(), call("", "")); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("nothing shown: %v", err)
	}
	for below, audience := range map[string]string{"/feedback": service + "/feedback", "/feedback#": service} {
		below, _, _ = strings.Cut(below, "#")
		caller, err := clients.Caller(context.Background(), call(of(map[string]any{"aud": audience, "tenant": "clinic 7"}), below))
		if err != nil || caller.Tenant != "clinic 7" {
			t.Errorf("feedback for %s: %v %+v", audience, err, caller)
		}
	}
}

// TestClientsOfAFile: keys that the settings hold are never fetched, whatever a token says of them; a token is remembered until its end.
func TestClientsOfAFile(t *testing.T) {
	key := clientKey(t, "one")
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := access.ReadKeySet(data)
	if err != nil {
		t.Fatal(err)
	}
	clock := now
	clients, err := access.NewClients(access.ClientsConfig{Base: "https://charthand.example/cds", Keys: map[string]*access.KeySet{ehr: set}, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	token := signed(t, key, jose.ES384, map[string]any{"jku": "https://ehr.example/keys"}, nil)
	for _, test := range []struct {
		after time.Duration
		want  string
	}{{0, ""}, {time.Minute, "the token was used before"}, {5*time.Minute + 29*time.Second, "the token was used before"}, {6 * time.Minute, "the token is over"}} {
		clock = now.Add(test.after)
		if _, err := clients.Caller(context.Background(), call(token, "")); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("after %v: %v", test.after, err)
		}
	}
	for data, want := range map[string]string{"": "no JWK set", `{"keys":[]}`: "no public key", `{"keys":[{"kty":"oct","kid":"x","k":"c2VjcmV0"}]}`: "no public key"} {
		if _, err := access.ReadKeySet([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", data, err)
		}
	}
	for _, config := range []access.ClientsConfig{{Base: "charthand.example", Keys: map[string]*access.KeySet{ehr: set}}, {Base: "https://charthand.example"}} {
		if _, err := access.NewClients(config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}
