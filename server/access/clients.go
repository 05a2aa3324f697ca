package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ClientsConfig says which CDS clients are let in.
type ClientsConfig struct {
	// Base is the public address of the CDS services, the part before "/cds-services": what a client calls is the aud of its tokens.
	Base string
	// Keys are the clients' key sets by their iss.
	Keys map[string]*KeySet
	// Leeway is how far clocks may be apart: 30 s by default.
	Leeway time.Duration
	// Now gives the time; time.Now by default.
	Now func() time.Time
}

// Clients checks the JSON web tokens that CDS clients sign themselves (CDS Hooks 2.0, Trusting CDS Clients): no OAuth tokens, but one for each
// call. It is safe for concurrent use.
type Clients struct {
	config ClientsConfig
	base   *url.URL
	used   used
}

// clientAlgorithms are those that CDS Hooks recommends.
var clientAlgorithms = []jose.SignatureAlgorithm{jose.ES384, jose.RS384}

// Bounds on what a client's token says.
const (
	maxLife = time.Hour // from now to its end: so long it has to be remembered
	maxID   = 256       // bytes
	maxUsed = 100_000   // tokens that are remembered
)

// ErrManyTokens says that no more tokens can be remembered for now.
var ErrManyTokens = errors.New("more tokens are in use than can be remembered")

// NewClients makes Clients, or says what is wrong with their settings.
func NewClients(config ClientsConfig) (*Clients, error) {
	config.Leeway = cmp.Or(config.Leeway, 30*time.Second)
	if config.Now == nil {
		config.Now = time.Now
	}
	base, err := url.Parse(strings.TrimSuffix(config.Base, "/"))
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return nil, fmt.Errorf("base: %q is no public address: expected something like https://charthand.example.org", config.Base)
	case len(config.Keys) == 0:
		return nil, errors.New("clients: none is named")
	}
	return &Clients{config: config, base: base, used: used{ends: map[string]time.Time{}}}, nil
}

// clientClaims are those of a CDS client's token that are looked at.
type clientClaims struct {
	jwt.Claims
	Tenant string `json:"tenant"`
}

// Caller says which client makes a request; the error is ErrUnknown or ErrRefused, or that it cannot be decided now.
func (c *Clients) Caller(ctx context.Context, r *http.Request) (Caller, error) {
	shown, isBearer := bearerOf(r.Header.Values("Authorization"))
	if !isBearer || shown == "" {
		return Caller{}, ErrUnknown
	}
	if len(shown) > maxToken {
		return Caller{}, refuse("a token of more than %d bytes", maxToken)
	}
	token, err := jwt.ParseSigned(shown, clientAlgorithms)
	if err != nil || len(token.Headers) != 1 {
		return Caller{}, refuse("no token that is signed with ES384 or RS384")
	}
	header := token.Headers[0]
	var unproven clientClaims
	if err := token.UnsafeClaimsWithoutVerification(&unproven); err != nil {
		return Caller{}, refuse("the token's claims cannot be read")
	}
	keys, known := c.config.Keys[unproven.Issuer]
	jku, named := header.ExtraHeaders["jku"]
	kind, typed := header.ExtraHeaders[jose.HeaderType]
	switch {
	case !known:
		return Caller{}, refuse("the token is of an issuer that the settings do not name")
	case typed && kind != "JWT":
		return Caller{}, refuse("the token's typ is not JWT")
	case named && keys.Address() != "" && jku != keys.Address(): // it is never asked: only what the settings name is
		return Caller{}, refuse("the token's jku is not its issuer's in the settings")
	case header.KeyID == "":
		return Caller{}, refuse("the token does not name its key")
	}
	key, err := keys.key(ctx, header.KeyID)
	if err != nil {
		return Caller{}, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return Caller{}, refuse("the token's algorithm is not its key's")
	}
	var said clientClaims
	if err := token.Claims(key.Key, &said); err != nil {
		return Caller{}, refuse("the token's signature is not its key's")
	}
	if err := c.check(said, r.URL.Path); err != nil {
		return Caller{}, err
	}
	return Caller{Name: "cds client " + said.Issuer, Tenant: cut(said.Tenant, maxID)}, nil
}

// check says what is wrong with the claims of a token whose signature is good, and remembers it.
func (c *Clients) check(said clientClaims, path string) error {
	now := c.config.Now()
	called := c.base.JoinPath(path).String()
	// What a client says of a card it says to the service that gave it.
	audiences := jwt.Audience{called, strings.TrimSuffix(called, "/feedback")}
	err := said.ValidateWithLeeway(jwt.Expected{Issuer: said.Issuer, AnyAudience: audiences, Time: now}, c.config.Leeway)
	switch {
	case said.Expiry == nil || said.IssuedAt == nil || said.ID == "":
		return refuse("the token lacks exp, iat or jti")
	case errors.Is(err, jwt.ErrExpired):
		return refuse("the token is over")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse("the token is for another service")
	case err != nil:
		return refuse("the token is not valid yet")
	case said.Expiry.Time().Sub(now) > maxLife:
		return refuse("the token ends in more than %s", maxLife)
	case len(said.ID) > maxID:
		return refuse("the token's jti has more than %d bytes", maxID)
	}
	return c.used.add(said.Issuer+"\x00"+said.ID, said.Expiry.Time().Add(c.config.Leeway), now)
}

// cut gives the beginning of a text.
func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }

// used remembers tokens until their ends: one that was forgotten earlier could be used again, so that there is no room for more than so many.
type used struct {
	mutex sync.Mutex
	ends  map[string]time.Time
	swept time.Time
}

// add remembers a token; the error is that it was used before, or that there is no room.
func (u *used) add(id string, end, now time.Time) error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if now.Sub(u.swept) >= time.Minute || len(u.ends) >= maxUsed && now.Sub(u.swept) >= time.Second {
		u.swept = now
		for other, end := range u.ends {
			if now.After(end) {
				delete(u.ends, other)
			}
		}
	}
	if end, before := u.ends[id]; before && !now.After(end) {
		return refuse("the token was used before")
	}
	if len(u.ends) >= maxUsed {
		return ErrManyTokens
	}
	u.ends[id] = end
	return nil
}
