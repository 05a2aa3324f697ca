package access

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	keys   *KeySet
}

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

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
	keys, err := NewKeySet(config.KeySet, config.HTTP, config.Now)
	if err != nil {
		faults = append(faults, fmt.Errorf("keySet: %w", err))
	}
	return &Tokens{config, keys}, errors.Join(faults...)
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
	key, err := t.keys.key(ctx, token.Headers[0].KeyID)
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
