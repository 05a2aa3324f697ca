package client_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"charthand/fhir/client"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func newClient(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// host gives a server's host and port, by a name that has to be looked up.
func host(s *httptest.Server) string {
	return "localhost:" + s.URL[strings.LastIndex(s.URL, ":")+1:]
}

// A server's own attachments come raw or as a Binary resource, by an address that is relative or whole.
func TestFetch(t *testing.T) {
	resource := fmt.Sprintf(`{"resourceType":"Binary","contentType":"text/html","data":%q}`, base64.StdEncoding.EncodeToString([]byte("<p>Gout")))
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir/Binary/raw", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "%s", r.Header.Get("Accept"))
	})
	mux.HandleFunc("/fhir/Binary/resource", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json;charset=utf-8")
		fmt.Fprint(w, resource)
	})
	mux.HandleFunc("/fhir/Binary/xml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+xml")
		fmt.Fprint(w, `<Binary xmlns="http://hl7.org/fhir"><contentType value="text/rtf"/><data value="e1xydGYxfQ=="/></Binary>`)
	})
	mux.HandleFunc("/fhir/Binary/plain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, resource)
	})
	mux.HandleFunc("/fhir/Binary/only", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/fhir+json" {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		fmt.Fprint(w, resource)
	})
	mux.HandleFunc("/fhir/Binary/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/fhir/Binary/resource", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	c := newClient(t, client.Config{Base: s.URL + "/fhir/"})
	for address, want := range map[string]string{
		"Binary/raw":                  "text/html; charset=utf-8 text/html, */*;q=0.1",
		s.URL + "/fhir/Binary/raw":    "text/html; charset=utf-8 text/html, */*;q=0.1",
		"Binary/resource":             "text/html <p>Gout",
		"Binary/xml":                  `text/rtf {\rtf1}`,
		"Binary/only":                 "text/html <p>Gout",
		"Binary/plain":                "text/html <p>Gout",
		"Binary/moved":                "text/html <p>Gout",
		"./Binary/resource#ignored":   "text/html <p>Gout",
		"Binary/../Binary/resource?x": "text/html <p>Gout",
	} {
		got, err := c.Fetch(t.Context(), address, "text/html;charset=utf-8")
		if err != nil || got.ContentType+" "+string(got.Data) != want {
			t.Errorf("%s: got %q %q, %v", address, got.ContentType, got.Data, err)
		}
	}
}

// What is not the server's, and not allowed, is never asked; neither is what an answer leads to.
func TestOtherAddressesAreRefused(t *testing.T) {
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, "secret")
	}))
	defer other.Close()
	base := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	}))
	defer base.Close()
	port := other.URL[strings.LastIndex(other.URL, ":")+1:]
	leads := func(to string) string { return "Binary/1?to=" + url.QueryEscape(to) }
	const private, unlisted = "in a private network", "not the FHIR server"
	for name, test := range map[string]struct {
		config        client.Config
		address, says string
	}{
		"another host":                     {client.Config{}, other.URL, unlisted},
		"another port":                     {client.Config{Hosts: []string{"127.0.0.1"}, Networks: loopback}, other.URL, unlisted},
		"a name that looks alike":          {client.Config{Hosts: []string{"localhost"}, Networks: loopback}, "http://notlocalhost:" + port, unlisted},
		"a listed host, private":           {client.Config{Hosts: []string{host(other)}}, "http://" + host(other), private},
		"a listed address, private":        {client.Config{Hosts: []string{"127.0.0.1:" + port}}, other.URL, private},
		"an address in another spelling":   {client.Config{Hosts: []string{"2130706433:" + port, "127.1:" + port}}, "http://127.1:" + port, ""},
		"IPv4 in IPv6":                     {client.Config{Hosts: []string{"[::ffff:127.0.0.1]:" + port}}, "http://[::ffff:127.0.0.1]:" + port, private},
		"link-local":                       {client.Config{Hosts: []string{"169.254.169.254"}, Networks: loopback}, "http://169.254.169.254/latest", private},
		"all addresses":                    {client.Config{Hosts: []string{"0.0.0.0:" + port}}, "http://0.0.0.0:" + port, private},
		"a redirect to another host":       {client.Config{}, leads(other.URL), unlisted},
		"a redirect to a listed, private":  {client.Config{Hosts: []string{host(other)}}, leads("http://" + host(other)), private},
		"a redirect to a file":             {client.Config{}, leads("file:///etc/passwd"), "none of http or https"},
		"redirects without end":            {client.Config{}, leads("?to=" + url.QueryEscape("?to=")), "more than 5 redirects"},
		"a file":                           {client.Config{}, "file:///etc/passwd", "none of http or https"},
		"a user's name":                    {client.Config{}, "http://me:secret@" + host(base) + "/", "a user's name"},
		"out of the server":                {client.Config{}, "../admin", "leads out of the FHIR server"},
		"out of the server, escaped":       {client.Config{}, "Binary/%2e%2e/%2e%2e/admin", "leads out of the FHIR server"},
		"out of the server, twice escaped": {client.Config{}, "Binary/..%252f..%252fadmin", "leads out of the FHIR server"},
		"out of the server, by parameters": {client.Config{}, "Binary/..;/..;/admin", "leads out of the FHIR server"},
		"beside the server":                {client.Config{}, base.URL + "/fhir2/Binary/1", "leads out of the FHIR server"},
		"above the server":                 {client.Config{}, base.URL + "/admin", "leads out of the FHIR server"},
		"a redirect above the server":      {client.Config{}, leads("/admin"), "leads out of the FHIR server"},
		"something else of the server":     {client.Config{}, "Patient/1?_format=html", "none of a Binary"},
		"a search of Binary":               {client.Config{}, "Binary?_format=html", "none of a Binary"},
		"something below a Binary":         {client.Config{}, "Binary/1/$everything", "none of a Binary"},
		"a fragment":                       {client.Config{}, "#x", "names nothing"},
		"a query":                          {client.Config{}, "?x=1", "names nothing"},
		"relative to the host":             {client.Config{}, "/admin", "relative to a host"},
		"relative to the scheme":           {client.Config{}, "//" + host(other) + "/x", "none of http or https"},
		"a urn":                            {client.Config{}, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "none of http or https"},
		"no url":                           {client.Config{}, "http://[::1", "its url is none"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Base = base.URL + "/fhir"
			_, err := newClient(t, test.config).Fetch(t.Context(), test.address, "text/plain")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells more than the host: %v", err)
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
	if _, err := newClient(t, client.Config{}).Fetch(t.Context(), "Binary/1", ""); err == nil || !strings.Contains(err.Error(), "no FHIR server is named") {
		t.Errorf("without a server: %v", err)
	}
	// With its network listed too, the host may be asked, also by way of a redirect.
	c := newClient(t, client.Config{Base: base.URL + "/fhir", Hosts: []string{host(other)}, Networks: loopback})
	for _, address := range []string{"http://" + host(other), leads("http://" + host(other))} {
		if got, err := c.Fetch(t.Context(), address, ""); err != nil || string(got.Data) != "secret" {
			t.Errorf("%s: got %q, %v", address, got.Data, err)
		}
	}
}

// Answers are bounded in size and time, and what may be there later is told from what will not.
func TestLimits(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/Binary/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for range 100 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/Binary/packed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for range 1000 {
			if _, err := packed.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/Binary/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/Binary/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/Binary/down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/Binary/outcome", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		fmt.Fprint(w, `{"resourceType":"OperationOutcome"}`)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(release)
	c := newClient(t, client.Config{Base: s.URL, MaxBytes: 1 << 20, Timeout: time.Minute})
	hasty := newClient(t, client.Config{Base: s.URL, Timeout: 200 * time.Millisecond})
	for path, want := range map[string]struct {
		says    string
		passing bool
	}{
		"large":   {"more than 1048576 bytes", false},
		"packed":  {"more than 1048576 bytes", false},
		"slow":    {"did not answer within", true},
		"gone":    {"answered 410", false},
		"down":    {"answered 503", true},
		"outcome": {"no Binary resource", false},
	} {
		fetcher := c
		if path == "slow" {
			fetcher = hasty
		}
		_, err := fetcher.Fetch(t.Context(), "Binary/"+path, "text/plain")
		var failure interface{ Temporary() bool }
		if err == nil || !strings.Contains(err.Error(), want.says) || !errors.As(err, &failure) || failure.Temporary() != want.passing {
			t.Errorf("%s: got %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Fetch(ctx, "Binary/slow", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	s.Close()
	if _, err := c.Fetch(t.Context(), "Binary/gone", ""); err == nil || !strings.Contains(err.Error(), "could not be asked") {
		t.Errorf("no server: got %v", err)
	}
}

// Settings that cannot be meant are named.
func TestSettings(t *testing.T) {
	for _, config := range []client.Config{
		{Base: "fhir.example.org"}, {Base: "ftp://fhir.example.org"}, {Base: "https://me@fhir.example.org"}, {Base: "https://fhir.example.org?x=1"},
		{Hosts: []string{"https://archive.example.org"}}, {Hosts: []string{"*"}}, {Hosts: []string{""}}, {Hosts: []string{"a.*.org"}},
		{MaxBytes: -1}, {Timeout: -1},
	} {
		if _, err := client.New(config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}
