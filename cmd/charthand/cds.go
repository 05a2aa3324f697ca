package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"charthand/cds"
	"charthand/fhir/client"
	"charthand/mapping"
	"charthand/server"
	"charthand/server/access"
)

// cdsSettings say which CDS clients may ask for cards, and which FHIR servers are asked for them.
type cdsSettings struct {
	// Base is the public address of charthand: what clients call begins with it, and the app is there.
	Base string `yaml:"base"`
	// Clients are those that are let in by the tokens that they sign; without any, this machine alone is.
	Clients []cdsClient `yaml:"clients"`
	// FHIRServers are the FHIR servers that clients may name beside fhirBase. They are asked with the client's token alone.
	FHIRServers []string `yaml:"fhirServers"`
}

type cdsClient struct {
	Issuer string `yaml:"issuer"`
	// KeySet is the address of the client's keys, or a file that has them.
	KeySet string `yaml:"keySet"`
}

// configure fills what the server has to know of CDS Hooks, and gives what closes it. base stands where the settings name none.
func (s cdsSettings) configure(config *server.Config, rules *mapping.Rules, own *client.Client, ownBase, base string) (closing func(), err error) {
	var faults []error
	servers := cdsServers{own: own, ownBase: baseOf(ownBase), others: map[string]*client.Client{}}
	for i, address := range s.FHIRServers {
		other, err := client.New(client.Config{Base: address})
		if err == nil && address == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("cds.fhirServers[%d]: %w", i, err))
			continue
		}
		servers.others[baseOf(address)] = other
	}
	service := &server.CDS{Server: servers.server}
	guard, err := s.guard()
	if err != nil {
		faults = append(faults, err)
	}
	if guard != nil {
		service.Guard = guard
	}
	if s.Base != "" {
		base = s.Base
		if baseOf(base) == "" {
			faults = append(faults, fmt.Errorf("cds.base: %q is no public address: expected something like https://charthand.example.org", base))
		}
	}
	service.Finder, err = cds.NewFinder(cds.Config{Rules: rules, Base: strings.TrimSuffix(base, "/")})
	config.CDS = service
	return servers.close, errors.Join(append(faults, err)...)
}

// guard makes what lets clients in, nil where none is named.
func (s cdsSettings) guard() (*access.Clients, error) {
	if len(s.Clients) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	keys := map[string]*access.KeySet{}
	var faults []error
	for i, c := range s.Clients {
		set, err := c.keys()
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("cds.clients[%d].keySet: %w", i, err))
		case c.Issuer == "":
			faults = append(faults, fmt.Errorf("cds.clients[%d].issuer: it is needed", i))
		case keys[c.Issuer] != nil:
			faults = append(faults, fmt.Errorf("cds.clients[%d].issuer: %q is there already", i, c.Issuer))
		default:
			keys[c.Issuer] = set
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	guard, err := access.NewClients(access.ClientsConfig{Base: s.Base, Keys: keys})
	if err != nil {
		return nil, fmt.Errorf("cds.%w", err)
	}
	return guard, nil
}

// keys gives a client's key set.
func (c cdsClient) keys() (*access.KeySet, error) {
	if strings.Contains(c.KeySet, "://") {
		return access.NewKeySet(c.KeySet, &http.Client{Timeout: client.DefaultTimeout}, nil)
	}
	data, err := os.ReadFile(c.KeySet)
	if err != nil {
		return nil, err
	}
	return access.ReadKeySet(data)
}

// cdsServers are the FHIR servers that may be asked for cards.
type cdsServers struct {
	own     *client.Client
	ownBase string // empty where there is none
	others  map[string]*client.Client
}

// server gives one of them; it is a server.CDS.Server.
func (s cdsServers) server(address, token string) (asked cds.Server, why string) {
	base := baseOf(address)
	of, isOwn := s.others[base], base != "" && base == s.ownBase
	if isOwn {
		of = s.own
	}
	switch {
	case of == nil:
		return nil, "it was not sent, and the fhirServer is none that charthand may ask"
	case token != "":
		return of.As(client.Bearer(token)), ""
	case isOwn:
		return of, ""
	}
	return nil, "it was not sent, and charthand may ask this fhirServer only with a fhirAuthorization"
}

func (s cdsServers) close() {
	for _, other := range s.others {
		other.Close()
	}
}

// baseOf gives an address in the form that addresses are compared by, empty for what is none.
func baseOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port) + strings.TrimSuffix(u.EscapedPath(), "/")
}
