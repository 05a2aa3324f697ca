// Package smart gets access tokens as SMART Backend Services has it (SMART App Launch 2.2, "Backend Services"): the client proves who it is by a
// JWT that it has signed, and there is no user.
package smart

import (
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
	"github.com/google/uuid"
)

// Config is what a Source needs. ClientID, Keys, and TokenURL or Base are required.
type Config struct {
	// Base is the FHIR server, whose .well-known/smart-configuration names the token endpoint where TokenURL does not.
	Base     string
	TokenURL string
	ClientID string
	// Scope is what is asked for; by default what charthand needs: to read documents and write what they say.
	Scope string
	Keys  *Keys
	// HTTP makes the requests; http.DefaultClient by default.
	HTTP *http.Client
	// Now gives the time; time.Now by default.
	Now func() time.Time
}

// DefaultScope is what charthand does on a server.
const DefaultScope = "system/DocumentReference.rs system/DiagnosticReport.rs system/Binary.r system/Condition.cruds system/AllergyIntolerance.cruds " +
	"system/MedicationStatement.cruds system/Procedure.cruds system/Observation.cruds system/FamilyMemberHistory.cruds system/Device.cruds " +
	"system/Provenance.cruds system/Subscription.cruds"

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLife is how long an assertion may be used; five minutes are the most that is allowed.
	assertionLife = 4 * time.Minute
	// early is how long before its end a token is replaced, at the most; of a short one it is a quarter of its life.
	early     = time.Minute
	maxAnswer = 1 << 20
)

// Source gets tokens and adds them to requests. It is safe for concurrent use: one request for a token is under way at a time.
type Source struct {
	config Config

	asking   chan struct{} // holds a place while a token is asked for
	mutex    sync.Mutex
	token    string
	replace  time.Time // when the token is to be replaced
	endpoint string
}

// New makes a Source, or says what is missing.
func New(config Config) (*Source, error) {
	switch {
	case config.ClientID == "":
		return nil, errors.New("smart: no client id")
	case config.Keys == nil:
		return nil, errors.New("smart: no key")
	case config.TokenURL == "" && config.Base == "":
		return nil, errors.New("smart: neither a token endpoint nor a FHIR server is named")
	}
	if config.Scope == "" {
		config.Scope = DefaultScope
	}
	if config.HTTP == nil {
		config.HTTP = http.DefaultClient
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Source{config: config, asking: make(chan struct{}, 1), endpoint: config.TokenURL}, nil
}

// Error is a refusal of the token endpoint.
type Error struct {
	Status int
	Code   string // RFC 6749, section 5.2: "invalid_client"
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("smart: the token endpoint answered %d %s", e.Status, e.Code)
}

// Temporary reports whether the same request may succeed later.
func (e *Error) Temporary() bool {
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// failure is a request that got no answer.
type failure struct{ why string }

func (f failure) Error() string   { return "smart: " + f.why }
func (f failure) Temporary() bool { return true }

// Authorize adds a token to a request, a new one where the last is over or about to be.
func (s *Source) Authorize(ctx context.Context, request *http.Request) error {
	token, err := s.Token(ctx)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// Refused forgets the token of a request that the server took as unauthorised: it was revoked.
func (s *Source) Refused(request *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if request.Header.Get("Authorization") == "Bearer "+s.token {
		s.token = ""
	}
}

// current gives the token that is good, empty where there is none.
func (s *Source) current() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.token != "" && s.config.Now().Before(s.replace) {
		return s.token
	}
	return ""
}

// Token gives a token.
func (s *Source) Token(ctx context.Context) (string, error) {
	if token := s.current(); token != "" {
		return token, nil
	}
	select {
	case s.asking <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.asking }()
	if token := s.current(); token != "" { // another has asked meanwhile
		return token, nil
	}
	return s.ask(ctx)
}

// ask asks the token endpoint.
func (s *Source) ask(ctx context.Context) (string, error) {
	endpoint, err := s.discover(ctx)
	if err != nil {
		return "", err
	}
	assertion, err := s.assert(endpoint)
	if err != nil {
		return "", err
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {s.config.Scope}, "client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("smart: the token endpoint is no address")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
		Error       string      `json:"error"`
	}
	status, err := get(s.config.HTTP, request, &answer)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", &Error{status, answer.Error}
	}
	if answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, "bearer") {
		return "", errors.New("smart: the token endpoint gave no bearer token")
	}
	life := 5 * time.Minute // the most that the guide wants, where the server does not say
	if seconds, err := answer.ExpiresIn.Int64(); err == nil && seconds > 0 {
		life = time.Duration(seconds) * time.Second
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.token, s.replace = answer.AccessToken, s.config.Now().Add(life-min(early, life/4))
	return s.token, nil
}

// get makes a request and reads the JSON of its answer.
func get(client *http.Client, request *http.Request, into any) (status int, err error) {
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		if request.Context().Err() != nil {
			return 0, request.Context().Err()
		}
		return 0, failure{fmt.Sprintf("%.80s could not be asked", request.URL.Hostname())}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, failure{fmt.Sprintf("the answer of %.80s did not arrive whole", request.URL.Hostname())}
	}
	if json.Unmarshal(data, into) != nil && response.StatusCode == http.StatusOK {
		return 0, fmt.Errorf("smart: the answer of %.80s is no JSON", request.URL.Hostname())
	}
	return response.StatusCode, nil
}

// Configuration is what a FHIR server says of its authorisation server (SMART App Launch 2.2, section 2.2).
type Configuration struct {
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	Algorithms            []string `json:"token_endpoint_auth_signing_alg_values_supported"`
}

// Configure asks the FHIR server at base for its Configuration, which has a token endpoint.
func Configure(ctx context.Context, client *http.Client, base string) (*Configuration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/.well-known/smart-configuration", nil)
	if err != nil {
		return nil, errors.New("smart: the FHIR server is no address")
	}
	configuration := &Configuration{}
	status, err := get(client, request, configuration)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, &Error{status, "for .well-known/smart-configuration"}
	case configuration.TokenEndpoint == "":
		return nil, errors.New("smart: .well-known/smart-configuration names no token endpoint")
	}
	return configuration, nil
}

// discover gives the token endpoint.
func (s *Source) discover(ctx context.Context) (string, error) {
	if s.endpoint != "" {
		return s.endpoint, nil
	}
	configuration, err := Configure(ctx, s.config.HTTP, s.config.Base)
	if err != nil {
		return "", err
	}
	if err := s.config.Keys.allowed(configuration.Algorithms); err != nil {
		return "", err
	}
	s.endpoint = configuration.TokenEndpoint // only who asks is here
	return s.endpoint, nil
}

// assert signs an assertion for the token endpoint; each is used once.
func (s *Source) assert(endpoint string) (string, error) {
	key := s.config.Keys.current()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", errors.New("smart: the key cannot sign")
	}
	now := s.config.Now()
	signed, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: s.config.ClientID, Subject: s.config.ClientID, Audience: jwt.Audience{endpoint}, ID: uuid.NewString(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
	}).Serialize()
	if err != nil {
		return "", errors.New("smart: the key cannot sign")
	}
	return signed, nil
}
