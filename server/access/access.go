// Package access decides who may ask the server for what: JSON web tokens with SMART scopes, API keys, or nobody but this machine; and how often
// one of them may ask.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"charthand/fhir/client"
)

// Caller is who asks.
type Caller struct {
	// Name tells callers apart in the audit and in rate limits: a key's name, a token's client, or an address.
	Name string
	// Anonymous says that nothing was shown.
	Anonymous bool
	// Tenant is the organisation that a CDS client says it asks for; empty where it says none.
	Tenant string
	scopes []scope
	all    bool // it may do everything
}

// May reports whether a caller may use a resource type in some way: "c", "r", "u", "d", "s" or several (SMART App Launch 2.2, section 3.0.2).
func (c Caller) May(resourceType, ways string) bool {
	if c.all {
		return true
	}
	for _, s := range c.scopes {
		if s.allows(resourceType, ways) {
			return true
		}
	}
	return false
}

// ErrUnknown says that a request shows nothing that lets it in, ErrRefused that what it shows is not good. Neither holds any of it.
var (
	ErrUnknown = errors.New("a token or a key is needed")
	ErrRefused = errors.New("the token or key is not valid")
)

// refusal is an ErrRefused with its reason, for the log.
type refusal struct{ reason string }

func refuse(format string, values ...any) error { return refusal{fmt.Sprintf(format, values...)} }

// Error gives the reason.
func (r refusal) Error() string { return r.reason }

// Is implements errors.Is.
func (r refusal) Is(target error) bool { return target == ErrRefused }

// Config says who is let in. Its zero value lets in requests of this machine alone.
type Config struct {
	// Open lets everybody in.
	Open bool
	// Tokens are checked with this; nil where there are none.
	Tokens *Tokens
	// Keys are API keys, each with its name, by their SHA-256; nil where there are none.
	Keys map[[sha256.Size]byte]string
}

// Guard lets callers in. It is safe for concurrent use.
type Guard struct{ config Config }

// New makes a Guard.
func New(config Config) *Guard { return &Guard{config} }

// keyHeader carries an API key, beside Authorization: Bearer.
const keyHeader = "X-API-Key"

// Caller says who makes a request; the error is ErrUnknown or ErrRefused, or that the keys of tokens cannot be had.
func (g *Guard) Caller(ctx context.Context, r *http.Request) (Caller, error) {
	shown := r.Header.Get(keyHeader)
	bearer, isBearer := bearerOf(r.Header.Values("Authorization"))
	switch {
	case shown != "" && isBearer:
		return Caller{}, refuse("both a key and a token")
	case shown == "":
		shown = bearer
	}
	if g.config.Tokens == nil && g.config.Keys == nil {
		if g.config.Open || IsThisMachine(r) {
			return Caller{Name: AddressOf(r), Anonymous: true, all: true}, nil
		}
		return Caller{}, ErrUnknown
	}
	if shown == "" {
		return Caller{}, ErrUnknown
	}
	if name, known := g.config.Keys[sha256.Sum256([]byte(shown))]; known { // a map of hashes tells nothing by its time
		return Caller{Name: "key " + name, all: true}, nil
	}
	if g.config.Tokens == nil {
		return Caller{}, refuse("no such key")
	}
	return g.config.Tokens.check(ctx, shown)
}

// bearerOf gives the token of an Authorization header; two headers are none.
func bearerOf(headers []string) (string, bool) {
	if len(headers) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// AddressOf gives the address that a request came from, without its port.
func AddressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// IsLocal reports whether an address, a host and its port, is of this machine.
func IsLocal(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	return err == nil && client.IsLoopback(host)
}

// IsThisMachine reports whether a request is one of this machine to itself. A browser here that was led to another site's name, which means this
// machine all of a sudden (DNS rebinding), names that site as the host.
func IsThisMachine(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return IsLocal(r.RemoteAddr) && (host == "" || client.IsLoopback(strings.Trim(host, "[]")))
}

// minKey is how long an API key has to be, in characters.
const minKey = 32

// ReadKeys reads API keys: a line for each, its name and the key; empty lines and those that begin with # count for nothing.
func ReadKeys(data string) (map[[sha256.Size]byte]string, error) {
	keys := map[[sha256.Size]byte]string{}
	names := map[string]bool{}
	number := 0
	for line := range strings.Lines(data) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		switch {
		case len(fields) != 2:
			return nil, fmt.Errorf("line %d: expected a name and a key", number)
		case len(fields[1]) < minKey:
			return nil, fmt.Errorf("line %d: the key has fewer than %d characters", number, minKey) // without the name, which may be the key where they were mixed up
		case names[fields[0]]:
			return nil, fmt.Errorf("line %d: the name has a key already", number)
		}
		names[fields[0]] = true
		keys[sha256.Sum256([]byte(fields[1]))] = fields[0]
	}
	if len(keys) == 0 {
		return nil, errors.New("no key is in it")
	}
	return keys, nil
}
