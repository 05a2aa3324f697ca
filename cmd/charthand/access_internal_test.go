package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An address that others reach lets nobody in by accident, and says so; settings that cannot be used are named.
func TestAccessSettings(t *testing.T) {
	short := save(t, "keys", "ward short\n")
	for listen, warned := range map[string]bool{"0.0.0.0:8080": true, ":8080": true, "10.0.0.7:80": true, "[::]:80": true, "localhost:8080": false, "127.0.0.1:0": false, "[::1]:80": false} {
		if got := (accessSettings{}).warning(listen) != ""; got != warned {
			t.Errorf("%s: warned %v", listen, got)
		}
		if (accessSettings{Open: true}).warning(listen) != "" {
			t.Errorf("%s: warned though it is open", listen)
		}
	}
	for name, test := range map[string]struct {
		settings string
		want     string
	}{
		"a key that is too short": {"access: {keysFile: " + short + "}", "access.keysFile: line 1: the key has fewer than 32 characters"},
		"no file of keys":         {"access: {keysFile: /nowhere/keys}", "access.keysFile: open /nowhere/keys"},
		"tokens for anybody":      {"access: {tokens: {keySet: 'https://issuer.example/keys'}}", "issuer and audience are needed"},
		"keys over plain HTTP":    {"access: {tokens: {issuer: a, audience: b, keySet: 'http://issuer.example/keys'}}", "is no https address"},
		"open and closed":         {"access: {open: true, keysFile: " + save(t, "good", "ward "+strings.Repeat("k", 32)) + "}", "one or the other"},
		"no rate":                 {"access: {rate: {perSecond: 0, burst: 1}}", "access.rate: perSecond and burst have to be more than 0"},
		"no certificate":          {"access: {tls: {certificate: /nowhere/c, key: /nowhere/k}}", "access.tls: "},
		"traces to nowhere":       {"traces: {endpoint: 'localhost:4318'}", "traces.endpoint: "},
		"any origin":              {"access: {origins: ['*']}", `"*" is no origin`},
	} {
		for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"config", "check"}} {
			if _, messages, code := program(t, "", append(command, "--config", save(t, "site.yaml", test.settings+"\n"))...); code != exitUsage || !strings.Contains(messages, test.want) {
				t.Errorf("%s: %s: %d %s", name, command[0], code, messages)
			}
		}
	}
}

// The server asks for its keys over TLS, and takes up a certificate that is renewed.
func TestServeWithKeysAndTLS(t *testing.T) {
	folder := t.TempDir()
	renew := func(number int64) *x509.CertPool {
		t.Helper()
		return certify(t, filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), number)
	}
	pool := renew(1)
	secret := strings.Repeat("k", 40)
	settings := fmt.Sprintf("access:\n  keysFile: %s\n  tls: {certificate: %s/cert.pem, key: %s/key.pem}\n", save(t, "keys", "ward "+secret+"\n"), folder, folder)
	url := served(t, "--config", save(t, "site.yaml", settings))
	ask := func(pool *x509.CertPool, key string) (status int, number int64, err error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/fhir/DocumentReference/$extract", strings.NewReader("{}"))
		if err != nil {
			return 0, 0, err
		}
		request.Header.Set("Content-Type", "application/fhir+json")
		if key != "" {
			request.Header.Set("X-API-Key", key)
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return 0, 0, err
		}
		response.Body.Close()
		return response.StatusCode, response.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	for key, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, secret: http.StatusBadRequest} {
		if status, number, err := ask(pool, key); err != nil || status != want || number != 1 {
			t.Errorf("%q: %d %d %v, want %d", key, status, number, err, want)
		}
	}
	if _, _, err := ask(x509.NewCertPool(), secret); err == nil {
		t.Error("a certificate that nobody knows was taken")
	}
	later := time.Now().Add(time.Minute)
	pool = renew(2)
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Chtimes(filepath.Join(folder, name), later, later); err != nil {
			t.Fatal(err)
		}
	}
	if _, number, err := ask(pool, secret); err != nil || number != 2 {
		t.Errorf("after a renewal: certificate %d, %v", number, err)
	}
}

// certify writes a certificate of this machine and its key, and gives what trusts it.
func certify(t *testing.T, certificate, key string, number int64) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: made}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))
	return pool
}
