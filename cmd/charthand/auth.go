package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"charthand/fhir/client"
	"charthand/fhir/smart"
)

// authSettings say how charthand shows a FHIR server who it is: one way at the most, and a client certificate beside it. Secrets stand in files.
type authSettings struct {
	Smart      *smartSettings `yaml:"smart"`
	BearerFile string         `yaml:"bearerFile"`
	Basic      *basicSettings `yaml:"basic"`
	TLS        *tlsSettings   `yaml:"tls"`
}

// smartSettings are those of SMART Backend Services.
type smartSettings struct {
	ClientID string `yaml:"clientId"`
	// Keys are files with private keys; the first signs, the others are published too.
	Keys     []string `yaml:"keys"`
	TokenURL string   `yaml:"tokenUrl"`
	Scope    string   `yaml:"scope"`
}

type basicSettings struct {
	User         string `yaml:"user"`
	PasswordFile string `yaml:"passwordFile"`
}

type tlsSettings struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// CA are those that the server's certificate may be from, beside the system's.
	CA string `yaml:"ca"`
}

// header is an Authorizer that says the same each time.
type header string

// Authorize implements client.Authorizer.
func (h header) Authorize(_ context.Context, request *http.Request) error {
	request.Header.Set("Authorization", string(h))
	return nil
}

// Refused implements client.Authorizer.
func (header) Refused(*http.Request) {}

// secret reads a file that holds one line.
func secret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(data))
	if value == "" || strings.ContainsAny(value, "\r\n") {
		return "", fmt.Errorf("%s does not hold one line", path)
	}
	return value, nil
}

// keys reads the keys of SMART Backend Services, nil where there are none.
func (a authSettings) keys() (*smart.Keys, error) {
	if a.Smart == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	return smart.ReadKeys(a.Smart.Keys...)
}

// authorizer makes what the settings say; both are nil where they say nothing.
func (a authSettings) authorizer(base string) (client.Authorizer, *tls.Config, error) {
	certificates, err := a.TLS.config()
	if err != nil {
		return nil, nil, fmt.Errorf("tls: %w", err)
	}
	ways := 0
	for _, way := range []bool{a.Smart != nil, a.BearerFile != "", a.Basic != nil} {
		if way {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, nil, errors.New("smart, bearerFile and basic exclude each other")
	case a.Smart != nil:
		keys, err := a.keys()
		if err != nil {
			return nil, nil, err
		}
		source, err := smart.New(smart.Config{
			Base: base, TokenURL: a.Smart.TokenURL, ClientID: a.Smart.ClientID, Scope: a.Smart.Scope, Keys: keys,
			HTTP: &http.Client{Timeout: client.DefaultTimeout, Transport: &http.Transport{TLSClientConfig: certificates}},
		})
		return source, certificates, err
	case a.BearerFile != "":
		token, err := secret(a.BearerFile)
		if err != nil {
			return nil, nil, fmt.Errorf("bearerFile: %w", err)
		}
		return header("Bearer " + token), certificates, nil
	case a.Basic != nil:
		password, err := secret(a.Basic.PasswordFile)
		if err != nil {
			return nil, nil, fmt.Errorf("basic.passwordFile: %w", err)
		}
		request := &http.Request{Header: http.Header{}}
		request.SetBasicAuth(a.Basic.User, password)
		return header(request.Header.Get("Authorization")), certificates, nil
	}
	return nil, certificates, nil
}

// config reads the files, nil for none.
func (t *tlsSettings) config() (*tls.Config, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Certificate != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if t.CA != "" {
		data, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate", t.CA)
		}
	}
	return config, nil
}
