package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"charthand/server/access"

	"github.com/go-jose/go-jose/v4"
)

// TestSlowIssuer: while an issuer takes its time, tokens with keys that are known are let in at once, and those with new ones wait for one and the
// same answer.
func TestSlowIssuer(t *testing.T) {
	known, fresh := newKey(t, "known"), newKey(t, "fresh")
	var asked atomic.Int32
	begun, answer := make(chan struct{}), make(chan struct{})
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{known.Public()}}
		if asked.Add(1) > 1 {
			close(begun)
			<-answer
			set.Keys = append(set.Keys, fresh.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	defer issuer.Close()
	var clock atomic.Int64
	clock.Store(now.Unix())
	made, err := access.NewTokens(access.TokenConfig{
		Issuer: "https://issuer.example", Audience: "https://charthand.example", KeySet: issuer.URL, HTTP: issuer.Client(), Now: func() time.Time { return time.Unix(clock.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	guard := access.New(access.Config{Tokens: made})
	claims := good()
	claims["exp"] = now.Add(24 * time.Hour).Unix()
	ask := func(token string) error {
		_, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+token))
		return err
	}
	one, two := sign(t, known, jose.ES256, claims), sign(t, fresh, jose.ES256, claims)
	if err := ask(one); err != nil {
		t.Fatal(err)
	}
	clock.Add(int64((2 * time.Hour).Seconds())) // the keys are old
	var waiting sync.WaitGroup
	for range 4 {
		waiting.Go(func() {
			if err := ask(two); err != nil {
				t.Error(err)
			}
		})
	}
	<-begun
	for range 10 {
		if err := ask(one); err != nil {
			t.Error(err)
		}
	}
	close(answer)
	waiting.Wait()
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestIssuerDown: as long as an issuer has never answered nothing is decided, also while it is left alone for a moment.
func TestIssuerDown(t *testing.T) {
	key := newKey(t, "known")
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer issuer.Close()
	made, err := access.NewTokens(access.TokenConfig{
		Issuer: "https://issuer.example", Audience: "https://charthand.example", KeySet: issuer.URL, HTTP: issuer.Client(), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	guard := access.New(access.Config{Tokens: made})
	for range 2 {
		_, err := guard.Caller(t.Context(), request("Authorization", "Bearer "+sign(t, key, jose.ES256, good())))
		if err == nil || errors.Is(err, access.ErrRefused) || err.Error() != "the issuer's keys: status 502" {
			t.Errorf("%v", err)
		}
	}
}

// TestOldKeys: while an issuer is down its keys count for a day, and then nobody is let in by them, since it may have taken some back.
func TestOldKeys(t *testing.T) {
	i := newIssuer(t)
	key := newKey(t, "a")
	i.publish(key)
	at := now
	made, err := access.NewTokens(access.TokenConfig{Issuer: "https://issuer.example", Audience: "https://charthand.example", KeySet: i.web.URL, HTTP: i.web.Client(), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	guard := access.New(access.Config{Tokens: made})
	claims := good()
	claims["exp"] = now.Add(100 * time.Hour).Unix()
	token := sign(t, key, jose.ES256, claims)
	for _, step := range []struct {
		after time.Duration
		down  bool
		good  bool
	}{{0, false, true}, {2 * time.Hour, true, true}, {23 * time.Hour, true, true}, {25 * time.Hour, true, false}, {26 * time.Hour, false, true}} {
		at = now.Add(step.after)
		i.down.Store(step.down)
		_, err := guard.Caller(context.Background(), request("Authorization", "Bearer "+token))
		if (err == nil) != step.good || errors.Is(err, access.ErrRefused) {
			t.Errorf("after %s: %v", step.after, err)
		}
	}
}
