package access

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenConfig says which tokens are good. All but Leeway are required.
type TokenConfig struct {
	// Issuer and Audience are what a token's iss has to be, and what its aud has to have.
	Issuer, Audience string
	// KeySet is the URL of the issuer's keys (a JWK set, RFC 7517).
	KeySet string
	// HTTP asks for them.
	HTTP *http.Client
	// Leeway is how far clocks may be apart: 30 s by default.
	Leeway time.Duration
	// Now gives the time; time.Now by default.
	Now func() time.Time
}

// Tokens checks JSON web tokens (RFC 9068 and SMART's). It is safe for concurrent use.
type Tokens struct {
	config TokenConfig

	mutex   sync.Mutex
	keys    map[string]jose.JSONWebKey // by kid
	asked   time.Time                  // when the issuer was asked last
	fetched time.Time                  // when it answered last
}

// How long keys are used, and how long the issuer is left alone after it was asked.
const (
	keepKeys    = time.Hour
	betweenAsks = 10 * time.Second
	// maxKeys and maxToken bound what is read, in bytes.
	maxKeys  = 1 << 20
	maxToken = 16 << 10
)

// algorithms are those that a token may be signed with: none that uses a shared secret, so that no public key is taken for one.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// NewTokens makes Tokens, or says what is wrong with their settings.
func NewTokens(config TokenConfig) (*Tokens, error) {
	config.Leeway = cmp.Or(config.Leeway, 30*time.Second)
	if config.Now == nil {
		config.Now = time.Now
	}
	var faults []error
	if config.Issuer == "" || config.Audience == "" {
		faults = append(faults, errors.New("issuer and audience are needed: a token for somebody else must not be taken"))
	}
	at, err := url.Parse(config.KeySet)
	if err != nil || at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || !IsLocal(hostPort(at))) {
		faults = append(faults, fmt.Errorf("keySet: %q is no https address", config.KeySet))
	}
	if config.HTTP == nil {
		faults = append(faults, errors.New("nothing asks for keys"))
	}
	return &Tokens{config: config, keys: map[string]jose.JSONWebKey{}}, errors.Join(faults...)
}

// hostPort gives the host of a URL as an address; localhost is this machine.
func hostPort(u *url.URL) string {
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":0"
}

// claims are those of a token that are looked at.
type claims struct {
	jwt.Claims
	Scope    scopeClaim `json:"scope"`
	ClientID string     `json:"client_id"`
	AZP      string     `json:"azp"`
}

// scopeClaim is a list of scopes, as a text or as an array.
type scopeClaim string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scopeClaim) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*s = scopeClaim(strings.Join(list, " "))
		return nil
	}
	var text string
	err := json.Unmarshal(data, &text)
	*s = scopeClaim(text)
	return err
}

// check says whose a token is.
func (t *Tokens) check(ctx context.Context, raw string) (Caller, error) {
	if len(raw) > maxToken {
		return Caller{}, refuse("a token of more than %d bytes", maxToken)
	}
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil {
		return Caller{}, refuse("no token that is signed with an allowed algorithm")
	}
	if len(token.Headers) != 1 || token.Headers[0].KeyID == "" {
		return Caller{}, refuse("the token does not name its key")
	}
	key, err := t.key(ctx, token.Headers[0].KeyID)
	if err != nil {
		return Caller{}, err
	}
	if key.Algorithm != "" && key.Algorithm != token.Headers[0].Algorithm {
		return Caller{}, refuse("the token's algorithm is not its key's")
	}
	var said claims
	if err := token.Claims(key.Key, &said); err != nil {
		return Caller{}, refuse("the token's signature is not its key's")
	}
	switch err := said.ValidateWithLeeway(jwt.Expected{Issuer: t.config.Issuer, AnyAudience: jwt.Audience{t.config.Audience}, Time: t.config.Now()}, t.config.Leeway); {
	case errors.Is(err, jwt.ErrExpired):
		return Caller{}, refuse("the token is over")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return Caller{}, refuse("the token is for another audience")
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return Caller{}, refuse("the token is of another issuer")
	case err != nil:
		return Caller{}, refuse("the token is not valid yet")
	case said.Expiry == nil:
		return Caller{}, refuse("the token has no end")
	}
	return Caller{Name: "client " + cmp.Or(said.ClientID, said.AZP, said.Subject, "unnamed"), scopes: readScopes(string(said.Scope))}, nil
}

// key gives one of the issuer's keys. One that is not known is asked for, at most every few seconds: the issuer has changed its keys, or the
// token is made up.
func (t *Tokens) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := t.config.Now()
	key, known := t.keys[id]
	if known && now.Sub(t.fetched) < keepKeys {
		return key, nil
	}
	if now.Sub(t.asked) >= betweenAsks {
		t.asked = now
		keys, err := t.fetch(ctx)
		switch {
		case err == nil:
			t.keys, t.fetched = keys, now
			key, known = t.keys[id]
		case !known:
			return key, err
		}
	}
	if !known {
		return key, refuse("no key of the issuer has the token's kid")
	}
	return key, nil // an old key while the issuer cannot be asked
}

// fetch gets the issuer's keys.
func (t *Tokens) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	failed := func(why string) error { return fmt.Errorf("the issuer's keys: %s", why) }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.config.KeySet, nil)
	if err != nil {
		return nil, failed("their address is none")
	}
	request.Header.Set("Accept", "application/json")
	response, err := t.config.HTTP.Do(request)
	if err != nil {
		return nil, failed("they cannot be had")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, failed(fmt.Sprintf("status %d", response.StatusCode))
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxKeys)).Decode(&set); err != nil {
		return nil, failed("they are no JWK set")
	}
	keys := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !key.Valid() || !key.IsPublic() || key.KeyID == "" || key.Use == "enc" {
			continue // one of a kind that is not known, or that signs nothing
		}
		keys[key.KeyID] = key
	}
	return keys, nil
}
