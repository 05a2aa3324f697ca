// Package client asks FHIR servers, and what they point to: so far for the bytes of attachments.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"charthand/fhir"
)

// Config says where attachments may be. Its zero value allows no address.
type Config struct {
	// Base is the FHIR server, whose addresses are trusted: relative urls are its. It may be empty.
	Base string
	// Hosts are the other hosts that attachments may be on: "archive.example.org" on its scheme's own port, or with a port, or "*.example.org" for
	// all below it.
	Hosts []string
	// Networks are the private, loopback and link-local networks that Hosts may be in. Addresses of such networks are refused otherwise, so that
	// a document cannot make charthand ask what only this machine can reach.
	Networks []netip.Prefix
	// MaxBytes bounds an attachment, in bytes: 24 MiB by default.
	MaxBytes int64
	// Timeout bounds one request, redirects and all: 30 s by default.
	Timeout time.Duration
	// Auth is what the server wants to see; nil for nothing.
	Auth Authorizer
	// TLS is what connections begin with, client certificates among it; nil for the system's own.
	TLS *tls.Config
}

// The limits that stand where none are set.
const (
	DefaultMaxBytes = 24 << 20
	DefaultTimeout  = 30 * time.Second

	maxRedirects = 5
)

// Client fetches attachments. It is safe for concurrent use.
type Client struct {
	config  Config
	base    *url.URL // nil where there is none
	http    *http.Client
	breaker *breaker
	// writesOnce says that requests that may change something are never repeated.
	writesOnce bool
}

// New makes a Client, or says what is wrong with its settings.
func New(config Config) (*Client, error) {
	c := &Client{config: config, breaker: &breaker{now: time.Now}}
	if config.MaxBytes < 0 || config.Timeout < 0 {
		return nil, errors.New("a limit is negative")
	}
	if c.config.MaxBytes == 0 {
		c.config.MaxBytes = DefaultMaxBytes
	}
	if c.config.Timeout == 0 {
		c.config.Timeout = DefaultTimeout
	}
	if config.Base != "" {
		base, err := url.Parse(config.Base)
		if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
			return nil, fmt.Errorf("%q is no address of a FHIR server: expected something like https://fhir.example.org/r4", config.Base)
		}
		base.Path = strings.TrimSuffix(base.Path, "/") + "/"
		c.base = base
	}
	for _, host := range config.Hosts {
		if strings.ContainsAny(host, "/@ ") || strings.Contains(strings.TrimPrefix(host, "*."), "*") || strings.Trim(host, "*.") == "" {
			return nil, fmt.Errorf("%q is no host: expected archive.example.org, archive.example.org:8443 or *.example.org", host)
		}
	}
	c.http = &http.Client{
		Timeout: c.config.Timeout,
		Transport: &http.Transport{
			DialContext:            c.dial,
			TLSClientConfig:        config.TLS,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           16,
			MaxConnsPerHost:        16,
			IdleConnTimeout:        time.Minute,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(request *http.Request, before []*http.Request) error {
			if len(before) > maxRedirects {
				return refusal{"more than 5 redirects"}
			}
			request.Header.Del("Referer") // it holds the whole address, perhaps with a signature
			if !c.isBase(request.URL) {
				if request.Method != http.MethodGet {
					return refusal{"the FHIR server leads to another host"}
				}
				request.Header.Del("Authorization")
			}
			return c.allowed(request.URL)
		},
	}
	return c, nil
}

// Close closes the connections that are kept open.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// refusal is why something is not fetched.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

// failure is why a fetch came to nothing.
type failure struct {
	why     string
	passing bool
}

func (f failure) Error() string { return f.why }

// Temporary reports whether the same fetch may succeed later.
func (f failure) Temporary() bool { return f.passing }

// binaryPath is where a FHIR server has the bytes of attachments. It is asked as charthand may, not as whoever sends a document: a url of anything else could
// show them what they may not see ("Patient/1?_format=html").
var binaryPath = regexp.MustCompile(`^(Binary/[^/]+(/_history/[^/]+)?|[A-Z][A-Za-z]+/[^/]+/\$binary-access-read)$`)

// Fetch gets the bytes at a url, which may be relative to the server: a Binary, in the content type that is asked for or as a FHIR resource,
// or anything else. An error names no more of the url than its host.
func (c *Client) Fetch(ctx context.Context, address, contentType string) (fhir.Binary, error) {
	target, err := c.resolve(address)
	if err != nil {
		return fhir.Binary{}, err
	}
	if c.isBase(target) && !c.isListed(target) && !binaryPath.MatchString(strings.TrimPrefix(target.Path, c.base.Path)) {
		return fhir.Binary{}, refusal{"its url is none of a Binary on the FHIR server"}
	}
	wanted := "*/*"
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil {
		wanted = mediaType + ", */*;q=0.1"
	}
	found, status, err := c.get(ctx, target, wanted)
	if status == http.StatusUnauthorized && c.config.Auth != nil && c.isBase(target) { // once more, with what is asked for anew
		found, status, err = c.get(ctx, target, wanted)
	}
	if status == http.StatusNotAcceptable { // a server that knows Binary as a resource only
		found, _, err = c.get(ctx, target, "application/fhir+json")
	}
	return found, err
}

// resolve gives the whole address, if it may be asked.
func (c *Client) resolve(address string) (*url.URL, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, refusal{"its url is none"}
	}
	if !target.IsAbs() && target.Host == "" {
		if target.Path == "" && address != "" {
			return nil, refusal{"its url names nothing"}
		}
		if c.base == nil {
			return nil, refusal{"its url is relative, and no FHIR server is named (--fhir-base)"}
		}
		if strings.HasPrefix(target.Path, "/") {
			return nil, refusal{"its url is relative to a host, not to the FHIR server"}
		}
		target = c.base.ResolveReference(target)
	}
	return target, c.allowed(target)
}

// allowed says why an address may not be asked, before its name is looked up.
func (c *Client) allowed(target *url.URL) error {
	switch {
	case target.Scheme != "http" && target.Scheme != "https":
		return refusal{"its url is none of http or https"}
	case target.User != nil:
		return refusal{"its url holds a user's name"}
	case target.Hostname() == "":
		return refusal{"its url names no host"}
	case c.isListed(target):
		return nil
	case c.isBase(target) && !c.isBelowBase(target):
		return refusal{"its url leads out of the FHIR server"}
	case c.isBase(target):
		return nil
	}
	return refusal{fmt.Sprintf("the host %.80q is not the FHIR server, and not among those that are allowed", target.Hostname())}
}

func (c *Client) isBase(target *url.URL) bool {
	return c.base != nil && hostPort(target) == hostPort(c.base)
}

// isBelowBase reports whether an address on the server's host is the FHIR server's: below its path, also for a server that takes apart what
// stands for a slash or a step up.
func (c *Client) isBelowBase(target *url.URL) bool {
	if target.Scheme != c.base.Scheme || !strings.HasPrefix(target.Path+"/", c.base.Path) {
		return false
	}
	path := target.Path
	if again, err := url.PathUnescape(path); err == nil {
		path = again
	}
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' || r == ';' }) {
		if step == ".." {
			return false
		}
	}
	return true
}

func (c *Client) isListed(target *url.URL) bool {
	name, port := strings.ToLower(target.Hostname()), target.Port()
	for _, host := range c.config.Hosts {
		host = strings.ToLower(host)
		listed, listedPort, err := net.SplitHostPort(host)
		if err != nil {
			listed, listedPort = strings.Trim(host, "[]"), ""
		}
		if listedPort != portOf(target) && (listedPort != "" || port != "" && port != defaultPort(target)) {
			continue
		}
		if below, wild := strings.CutPrefix(listed, "*"); name == listed || wild && strings.HasSuffix(name, below) && len(name) > len(below) {
			return true
		}
	}
	return false
}

// portOf gives the port of an address, its scheme's where it names none.
func portOf(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	return defaultPort(target)
}

func defaultPort(target *url.URL) string {
	if target.Scheme == "https" {
		return "443"
	}
	return "80"
}

func hostPort(target *url.URL) string {
	return net.JoinHostPort(strings.ToLower(target.Hostname()), portOf(target))
}

// get asks one address. status is 0 where there was no answer.
func (c *Client) get(ctx context.Context, target *url.URL, accept string) (found fhir.Binary, status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fhir.Binary{}, 0, refusal{"its url is none"}
	}
	request.Header.Set("Accept", accept)
	if c.config.Auth != nil && c.isBase(target) {
		if err := c.config.Auth.Authorize(ctx, request); err != nil {
			return fhir.Binary{}, 0, err
		}
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return fhir.Binary{}, 0, c.explain(ctx, target, err)
	}
	defer answer.Body.Close()
	if status = answer.StatusCode; status != http.StatusOK {
		isOurs := status == http.StatusUnauthorized && c.config.Auth != nil && c.isBase(target)
		if isOurs {
			c.config.Auth.Refused(request)
		}
		return fhir.Binary{}, status, failure{
			fmt.Sprintf("%.80s answered %d", target.Hostname(), status),
			status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || isOurs,
		}
	}
	tooLarge := failure{fmt.Sprintf("it has more than %d bytes", c.config.MaxBytes), false}
	mediaType, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	isXML := mediaType == "application/fhir+xml" || mediaType == "application/xml+fhir"
	isResource := isXML || mediaType == "application/fhir+json" || mediaType == "application/json+fhir"
	limit := c.config.MaxBytes
	if isResource {
		limit += limit/2 + 64<<10 // base64 and what stands around it
	}
	if answer.ContentLength > limit {
		return fhir.Binary{}, status, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return fhir.Binary{}, status, c.explain(ctx, target, err)
	case int64(len(body)) > limit:
		return fhir.Binary{}, status, tooLarge
	case !isResource:
		// Some servers give a Binary resource as plain JSON or XML.
		if mediaType == "application/json" || mediaType == "text/json" || mediaType == "application/xml" || mediaType == "text/xml" {
			if found, err := fhir.DecodeBinary(body, strings.HasSuffix(mediaType, "xml")); err == nil {
				return found, status, nil
			}
		}
		return fhir.Binary{ContentType: answer.Header.Get("Content-Type"), Data: body}, status, nil
	}
	if found, err = fhir.DecodeBinary(body, isXML); err != nil {
		return fhir.Binary{}, status, failure{"the answer is no Binary resource with data", false}
	}
	if int64(len(found.Data)) > c.config.MaxBytes {
		return fhir.Binary{}, status, tooLarge
	}
	return found, status, nil
}

// explain says why a request failed, without its address.
func (c *Client) explain(ctx context.Context, target *url.URL, err error) error {
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return refused
	case ctx.Err() != nil:
		return ctx.Err()
	case isTimeout(err):
		return failure{fmt.Sprintf("%.80s did not answer within %s", target.Hostname(), c.config.Timeout), true}
	}
	return failure{fmt.Sprintf("%.80s could not be asked", target.Hostname()), true}
}

func isTimeout(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}
