package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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

// TestForgedTokens: tokens that bring their own key, name another's, or are of another kind are refused (RFC 8725), and no address in them is asked.
func TestForgedTokens(t *testing.T) {
	i := newIssuer(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Keys of which the issuer does not say what algorithm they are for.
	ecJWK := jose.JSONWebKey{Key: newKey(t, "").Key, KeyID: "ec", Use: "sig"}
	rsaJWK := jose.JSONWebKey{Key: rsaKey, KeyID: "rsa", Use: "sig"}
	forEncryption := jose.JSONWebKey{Key: newKey(t, "").Key, KeyID: "enc", Use: "enc"}
	i.publish(ecJWK, rsaJWK, forEncryption)
	var lured atomic.Int32
	lure := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lured.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &other.PublicKey, KeyID: "ec"}, {Key: &other.PublicKey, KeyID: "own"}}})
	}))
	defer lure.Close()
	guard := access.New(access.Config{Tokens: tokens(t, i, func() time.Time { return now })})
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	claims, _ := json.Marshal(good())
	signed := func(algorithm jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any) string {
		options := &jose.SignerOptions{ExtraHeaders: headers}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(good()).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	named := func(name string, more ...any) map[jose.HeaderKey]any {
		headers := map[jose.HeaderKey]any{"kid": name}
		for j := 0; j+1 < len(more); j += 2 {
			headers[jose.HeaderKey(more[j].(string))] = more[j+1]
		}
		return headers
	}
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	embedding, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := jwt.Signed(embedding).Claims(good()).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: &rsaKey.PublicKey, KeyID: "rsa"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := jwt.Encrypted(encrypter).Claims(good()).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	proper := signed(jose.ES256, ecJWK.Key, named("ec"))
	parts := strings.Split(proper, ".")
	inJSON, _ := json.Marshal(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]})
	more := good()
	more["scope"] = "system/*.cruds"
	widened, _ := json.Marshal(more)
	const notSigned, notItsKeys, nameless = "no token that is signed with an allowed algorithm", "the token's signature is not its key's", "the token does not name its key"
	for name, test := range map[string]struct{ token, want string }{
		"proper":                             {proper, ""},
		"a key of another type":              {signed(jose.ES256, other, named("rsa")), notItsKeys},
		"a key of another type, RSA":         {signed(jose.RS256, rsaKey, named("ec")), notItsKeys},
		"a key for encryption":               {signed(jose.ES256, forEncryption.Key, named("enc")), "no key of the issuer has the token's kid"},
		"the public key in PEM as a secret":  {signed(jose.HS256, inPEM, named("rsa")), notSigned},
		"the JWK's modulus as a secret":      {signed(jose.HS512, rsaKey.N.Bytes(), named("rsa")), notSigned},
		"its own key in jwk":                 {embedded, nameless},
		"its own key in jwk, with a name":    {signed(jose.ES256, other, named("ec", "jwk", jose.JSONWebKey{Key: &other.PublicKey, KeyID: "ec"})), notItsKeys},
		"its own keys at jku":                {signed(jose.ES256, other, named("ec", "jku", lure.URL)), notItsKeys},
		"its own keys at jku, a new name":    {signed(jose.ES256, other, named("own", "jku", lure.URL)), "no key of the issuer has the token's kid"},
		"its own certificate at x5u":         {signed(jose.ES256, other, named("ec", "x5u", lure.URL)), notItsKeys},
		"a name that is a path":              {signed(jose.ES256, other, named("../../../dev/null")), "no key of the issuer has the token's kid"},
		"an extension that has to be known":  {signed(jose.ES256, ecJWK.Key, named("ec", "crit", []string{"x"}, "x", 1)), notItsKeys},
		"unsigned, in other letters":         {segment(`{"alg":"nOnE","kid":"ec"}`) + "." + segment(string(claims)) + ".", notSigned},
		"without a signature":                {parts[0] + "." + parts[1] + ".", notItsKeys},
		"a signature of zeros":               {parts[0] + "." + parts[1] + "." + segment(strings.Repeat("\x00", 64)), notItsKeys},
		"claims of its own":                  {parts[0] + "." + segment(string(widened)) + "." + parts[2], notItsKeys},
		"encrypted":                          {jwe, notSigned},
		"JSON instead of the compact form":   {string(inJSON), notSigned},
		"without claims":                     {parts[0] + ".." + parts[2], notItsKeys},
		"claims that are no object":          {parts[0] + "." + segment(`[]`) + "." + parts[2], notItsKeys},
		"a compressed token of many letters": {segment(`{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF","kid":"rsa"}`) + ".a.b.c.d", notSigned},
	} {
		_, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+test.token))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (!errors.Is(err, access.ErrRefused) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if lured.Load() != 0 {
		t.Error("an address in a token was asked")
	}
}
