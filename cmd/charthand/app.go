package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"charthand/fhir/client"
	"charthand/fhir/smart"
	"charthand/server"
)

// appSettings say where the SMART app may be used.
type appSettings struct {
	// ClientID is what the authorisation servers know the app by.
	ClientID string `yaml:"clientId"`
	// FHIRServers are the FHIR servers that it may be launched with.
	FHIRServers []string `yaml:"fhirServers"`
	// AuthServers are the origins of their authorisation servers, where charthand is not to ask the FHIR servers for them.
	AuthServers []string `yaml:"authServers"`
	// Scope is what the app asks for instead of what it needs.
	Scope string `yaml:"scope"`
}

// configure fills what the server has to know of the app. tokens are whom charthand's API lets in, nil where it takes none.
func (s appSettings) configure(config *server.Config, tokens *tokenSettings) error {
	if s.ClientID == "" && len(s.FHIRServers) == 0 && len(s.AuthServers) == 0 && s.Scope == "" {
		return nil
	}
	var faults []error
	if s.ClientID == "" {
		faults = append(faults, errors.New("app.clientId: it is needed"))
	}
	if len(s.FHIRServers) == 0 {
		faults = append(faults, errors.New("app.fhirServers: at least one is needed"))
	}
	found := &appOrigins{http: &http.Client{Timeout: configurationTime}, asked: map[string]answeredOrigins{}}
	for i, address := range s.FHIRServers {
		origin, err := originOf(address)
		if err != nil || strings.ContainsAny(address, "?#") {
			faults = append(faults, fmt.Errorf("app.fhirServers[%d]: %q is no https address", i, address))
		}
		found.fixed = append(found.fixed, origin)
	}
	for i, address := range s.AuthServers {
		origin, err := originOf(address)
		if err != nil || origin != strings.TrimSuffix(address, "/") {
			faults = append(faults, fmt.Errorf("app.authServers[%d]: %q is no origin: expected something like https://auth.example.org", i, address))
		}
		found.fixed = append(found.fixed, origin)
	}
	if len(s.AuthServers) == 0 {
		found.servers = s.FHIRServers
	}
	config.App = server.App{ClientID: s.ClientID, FHIRServers: s.FHIRServers, Scope: s.Scope, Origins: found.all}
	if tokens != nil {
		config.App.TokenIssuer = tokens.Issuer
	}
	return errors.Join(faults...)
}

// hostForm is what the host of an origin may look like: no more than this can stand in a Content-Security-Policy without saying something else.
var hostForm = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// originOf gives the origin of an https address, or of one of this machine.
func originOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || !hostForm.MatchString(u.Host) {
		return "", errors.New("it is no address")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !client.IsLoopback(u.Hostname())) {
		return "", errors.New("it is no https address")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// How long the answer of a FHIR server about its authorisation server may take, how long it counts, and how long a server that does not answer
// is left alone.
const (
	configurationTime     = 5 * time.Second
	keepConfiguration     = time.Hour
	betweenConfigurations = 10 * time.Second
)

// appOrigins are the origins that the app may ask.
type appOrigins struct {
	fixed   []string
	servers []string // that are asked for those of their authorisation servers
	http    *http.Client

	mutex sync.Mutex
	asked map[string]answeredOrigins
}

// answeredOrigins are what a FHIR server has said, until it is asked again.
type answeredOrigins struct {
	origins []string
	until   time.Time
}

// all is a server.App.Origins. One that asks lets the others wait.
func (o *appOrigins) all(ctx context.Context) []string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	all := slices.Clone(o.fixed)
	for _, address := range o.servers {
		known := o.asked[address]
		if now := time.Now(); now.After(known.until) {
			known.until = now.Add(betweenConfigurations)
			if configuration, err := smart.Configure(context.WithoutCancel(ctx), o.http, address); err == nil {
				known = answeredOrigins{until: now.Add(keepConfiguration)}
				if origin, err := originOf(configuration.TokenEndpoint); err == nil {
					known.origins = []string{origin}
				}
			}
			o.asked[address] = known
		}
		all = append(all, known.origins...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
