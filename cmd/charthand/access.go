package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"charthand/fhir/client"
	"charthand/metrics"
	"charthand/server"
	"charthand/server/access"
)

// accessSettings say who may ask charthand's server.
type accessSettings struct {
	// Open lets everybody in who reaches the address.
	Open bool `yaml:"open"`
	// KeysFile has API keys, a line for each: its name and the key.
	KeysFile string `yaml:"keysFile"`
	// Tokens are JSON web tokens of an issuer.
	Tokens *tokenSettings `yaml:"tokens"`
	// Origins are the web pages that browsers may ask from.
	Origins []string `yaml:"origins"`
	// Rate bounds how often one caller may ask.
	Rate *rateSettings `yaml:"rate"`
	// TLS are the files of the server's certificate.
	TLS *certificateSettings `yaml:"tls"`
	// AuditEvents name the FHIR server that accesses are written to.
	AuditEvents *auditSettings `yaml:"auditEvents"`
}

// auditSettings name a FHIR server; without a base it is the site's own.
type auditSettings struct {
	Base string       `yaml:"base"`
	Auth authSettings `yaml:"auth"`
}

// connect makes what asks it; close is to be called in the end.
func (a auditSettings) connect(in *settings) (server *client.Client, closing func(), err error) {
	if a.Base == "" {
		if in.FHIRBase == "" {
			return nil, nil, errors.New("access.auditEvents.base: no FHIR server is named, nor is there one of the site's (fhirBase)")
		}
		if a.Auth != (authSettings{}) {
			return nil, nil, errors.New("access.auditEvents.auth: the site's own server is asked, as fhirAuth says; name a base, or leave it out")
		}
		return in.fetcher, func() {}, nil
	}
	config := client.Config{Base: a.Base}
	if config.Auth, config.TLS, err = a.Auth.authorizer(a.Base); err != nil {
		return nil, nil, fmt.Errorf("access.auditEvents.auth.%w", err)
	}
	if server, err = client.New(config); err != nil {
		return nil, nil, fmt.Errorf("access.auditEvents.base: %w", err)
	}
	return server, server.Close, nil
}

// record begins to write accesses to a FHIR server, where the settings name one, and gives what ends that.
func (in *settings) record(ctx context.Context, config *server.Config, counted *metrics.Metrics) (stop func(), err error) {
	if in.Access.AuditEvents == nil {
		return func() {}, nil
	}
	to, closing, err := in.Access.AuditEvents.connect(in)
	if err != nil {
		return nil, usageError{err}
	}
	recorder := access.NewRecorder(access.RecorderConfig{Server: to, Own: in.Access.AuditEvents.Base == "", Logger: config.Logger, Observe: func(ending access.Ending) { counted.Audit(string(ending)) }})
	config.Audit = recorder.Record
	end := inBackground(ctx, recorder.Run)
	return func() {
		end()
		closing()
	}, nil
}

type tokenSettings struct {
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	KeySet   string `yaml:"keySet"`
}

type rateSettings struct {
	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
}

type certificateSettings struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// configure fills what the server has to know of access.
func (a accessSettings) configure(config *server.Config) error {
	var guard access.Config
	var faults []error
	guard.Open = a.Open
	if a.KeysFile != "" {
		data, err := os.ReadFile(a.KeysFile)
		if err == nil {
			guard.Keys, err = access.ReadKeys(string(data))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("access.keysFile: %w", err))
		}
	}
	if t := a.Tokens; t != nil {
		var err error
		guard.Tokens, err = access.NewTokens(access.TokenConfig{Issuer: t.Issuer, Audience: t.Audience, KeySet: t.KeySet, HTTP: &http.Client{Timeout: client.DefaultTimeout}})
		if err != nil {
			faults = append(faults, fmt.Errorf("access.tokens.%w", err))
		}
	}
	closed := a.KeysFile != "" || a.Tokens != nil
	if closed && a.Open {
		faults = append(faults, errors.New("access.open: everybody is let in, and keys or tokens are asked for: one or the other"))
	}
	if r := a.Rate; r != nil {
		if r.PerSecond <= 0 || r.Burst < 1 {
			faults = append(faults, errors.New("access.rate: perSecond and burst have to be more than 0"))
		} else {
			config.Limiter = access.NewLimiter(r.PerSecond, r.Burst, nil)
		}
	}
	if c := a.TLS; c != nil {
		served := &certificate{settings: *c, logger: config.Logger}
		if _, err := served.get(nil); err != nil {
			faults = append(faults, fmt.Errorf("access.tls: %w", err))
		}
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: served.get}
	}
	for i, origin := range a.Origins {
		if err := server.CheckOrigin(origin); err != nil {
			faults = append(faults, fmt.Errorf("access.origins[%d]: %w", i, err))
		}
	}
	config.Origins = a.Origins
	config.Guard = access.New(guard)
	return errors.Join(faults...)
}

// warning says that nobody else is let in where others reach the address; empty where that is not so.
func (a accessSettings) warning(listen string) string {
	if a.Open || a.KeysFile != "" || a.Tokens != nil || access.IsLocal(listen) {
		return ""
	}
	return "warning: other machines reach " + listen + ", and none is let in to extract: say who may ask (access in the settings), or let everybody in (--open)"
}

// certificate is the server's, read again where its files have changed.
type certificate struct {
	settings certificateSettings
	logger   *slog.Logger // is told of files that cannot be read; nil where nobody is

	mutex   sync.Mutex
	loaded  *tls.Certificate
	changed time.Time
	warned  time.Time
}

// get gives the certificate; while new files cannot be read, the one before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	changed, err := lastChange(c.settings.Certificate, c.settings.Key)
	if err == nil && (c.loaded == nil || changed.After(c.changed)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.settings.Certificate, c.settings.Key); err == nil {
			c.loaded, c.changed = &pair, changed
		}
	}
	if c.loaded == nil {
		return nil, err
	}
	if err != nil && c.logger != nil && time.Since(c.warned) > time.Minute {
		c.logger.Error("the new certificate cannot be used; the one before is", "reason", err.Error())
		c.warned = time.Now()
	}
	return c.loaded, nil
}

// lastChange gives when the one of some files was changed that was changed last.
func lastChange(paths ...string) (time.Time, error) {
	var last time.Time
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return last, err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
