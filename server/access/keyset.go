package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"charthand/fhir/client"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// KeySet are the public keys of an issuer (a JWK set, RFC 7517), by kid. It is safe for concurrent use.
type KeySet struct {
	address string // empty for keys that never change
	http    *http.Client
	now     func() time.Time
	asking  singleflight.Group

	mutex   sync.Mutex
	keys    map[string]jose.JSONWebKey
	asked   time.Time // when the issuer was asked last
	fetched time.Time // when it answered last
	failed  error     // why it could not be asked last, nil where it could
}

// How long keys are used, how long the issuer is left alone after it was asked, and how long its answer may take.
const (
	keepKeys    = time.Hour
	maxAge      = 24 * time.Hour // where the issuer cannot be asked
	betweenAsks = 10 * time.Second
	fetchTime   = betweenAsks / 2
	// maxKeys bounds what is read, in bytes.
	maxKeys = 1 << 20
)

// NewKeySet makes a KeySet that is fetched from an https address, or from one of this machine. now may be nil.
func NewKeySet(address string, asks *http.Client, now func() time.Time) (*KeySet, error) {
	if now == nil {
		now = time.Now
	}
	set := &KeySet{address: address, http: asks, now: now, keys: map[string]jose.JSONWebKey{}}
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || !client.IsLoopback(at.Hostname())) {
		return set, fmt.Errorf("%q is no https address", address)
	}
	if asks == nil {
		return set, errors.New("nothing asks for keys")
	}
	return set, nil
}

// ReadKeySet makes a KeySet of the JSON of a JWK set.
func ReadKeySet(data []byte) (*KeySet, error) {
	keys, err := publicKeys(data)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key with a kid is in it")
	}
	return &KeySet{now: time.Now, keys: keys}, nil
}

// Address is where the keys are fetched from, empty where they are not.
func (s *KeySet) Address() string { return s.address }

// key gives a key. One that is not known is asked for, at most every few seconds: the issuer has changed its keys, or the token is made up. Where
// keys are old, the caller who finds them so asks for new ones; the others go on with the old ones meanwhile, and so does everybody while the
// issuer cannot be asked.
func (s *KeySet) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	key, known, due := s.held(id)
	if known && !due && !s.isStale() {
		return key, nil
	}
	_, err, _ := s.asking.Do("", func() (any, error) { return nil, s.renew(ctx) })
	key, known, _ = s.held(id)
	switch {
	case known && s.isStale():
		return key, errStale
	case known:
		return key, nil
	case err != nil:
		return key, err
	}
	return key, refuse("no key of the issuer has the token's kid")
}

// errStale says that nobody knows any more whether a key is still good.
var errStale = errors.New("the issuer's keys: they have not been had for a day")

// isStale reports whether the keys are too old to be used at all: the issuer may have taken some back.
func (s *KeySet) isStale() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.address != "" && s.now().Sub(s.fetched) >= maxAge
}

// held gives a key that is known; due says that the keys are old and the issuer may be asked.
func (s *KeySet) held(id string) (key jose.JSONWebKey, known, due bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	key, known = s.keys[id]
	now := s.now()
	return key, known, s.address != "" && now.Sub(s.fetched) >= keepKeys && now.Sub(s.asked) >= betweenAsks
}

// renew asks for the keys, unless that was done just now. The lock is not held meanwhile.
func (s *KeySet) renew(ctx context.Context) error {
	s.mutex.Lock()
	now := s.now()
	wait, failed := s.address == "" || now.Sub(s.asked) < betweenAsks, s.failed
	if !wait {
		s.asked = now
	}
	s.mutex.Unlock()
	if wait {
		return failed // what a new key would be worth is as little known as it was just now
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime) // others wait for it too
	defer cancel()
	keys, err := s.fetch(ctx)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failed = nil; err != nil {
		s.failed = fmt.Errorf("the issuer's keys: %w", err)
		return s.failed
	}
	s.keys, s.fetched = keys, now
	return nil
}

// fetch gets the issuer's keys.
func (s *KeySet) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address, nil)
	if err != nil {
		return nil, errors.New("their address is none")
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return nil, errors.New("they cannot be had")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxKeys))
	if err != nil {
		return nil, errors.New("they cannot be had")
	}
	return publicKeys(data)
}

// publicKeys reads the public keys of a JWK set that sign, by kid.
func publicKeys(data []byte) (map[string]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &set) != nil {
		return nil, errors.New("they are no JWK set")
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
