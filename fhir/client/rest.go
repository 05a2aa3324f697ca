package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/tracing"
)

// Authorizer adds to a request what the FHIR server wants to see. It is called for requests to the server alone, by several goroutines at once.
type Authorizer interface {
	Authorize(ctx context.Context, request *http.Request) error
	// Refused is told that the server took a request as unauthorised: what was added may be over.
	Refused(request *http.Request)
}

// Bearer is an Authorizer that shows a token. It never logs it, and has no other to show.
type Bearer string

// Authorize implements Authorizer.
func (b Bearer) Authorize(_ context.Context, request *http.Request) error {
	request.Header.Set("Authorization", "Bearer "+string(b))
	return nil
}

// Refused implements Authorizer.
func (Bearer) Refused(*http.Request) {}

// As gives a Client of the same server, over the same connections, that shows something else. Only the Client that it is of is closed.
func (c *Client) As(auth Authorizer) *Client {
	as := *c
	as.config.Auth = auth
	return &as
}

// How often a request that may succeed later is made, and how long the wait between two is.
const (
	maxAttempts  = 4
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// maxAnswer bounds an answer of the server, in bytes.
	maxAnswer = 64 << 20
	fhirJSON  = "application/fhir+json"
)

// StatusError is an answer of the server that is none of success.
type StatusError struct {
	Status int
	// Outcome is the server's own account, the zero value where it gave none. It may hold text of what was sent.
	Outcome Outcome
}

// Error names the status alone: what the server says may repeat a note.
func (e *StatusError) Error() string { return fmt.Sprintf("the FHIR server answered %d", e.Status) }

// Temporary reports whether the same request may succeed later.
func (e *StatusError) Temporary() bool {
	return e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// Outcome is what is read of an OperationOutcome.
type Outcome struct {
	Issue []struct {
		Severity    string   `json:"severity"`
		Code        string   `json:"code"`
		Diagnostics string   `json:"diagnostics"`
		Expression  []string `json:"expression"`
		Details     struct {
			Text string `json:"text"`
		} `json:"details"`
	} `json:"issue"`
}

// Codes gives the issue codes, which hold nothing of a note.
func (o Outcome) Codes() string {
	var codes []string
	for _, issue := range o.Issue {
		codes = append(codes, issue.Code)
	}
	return strings.Join(codes, ", ")
}

// Answer is a success of the server.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// IsTemporary reports whether what an error says may be otherwise later.
func IsTemporary(err error) bool {
	var passing interface{ Temporary() bool }
	return errors.As(err, &passing) && passing.Temporary()
}

// WritingOnce gives the same client, but for that it makes a request that may change something once only, whatever becomes of it: what was refused is
// not asked for again, and what was not answered may have been done.
func (c *Client) WritingOnce() *Client {
	once := *c
	once.writesOnce = true
	return &once
}

// Do makes one request of the server, as often as it takes within reason: answers of 429 and 5xx and failures of the network are tried again,
// after the time that the server names or a growing one; after 401 once, with what is asked for anew; other answers never. path is relative to the base, or an address of the server itself.
// While the server is down nothing is asked of it: the error is ErrDown then.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body []byte) (_ *Answer, err error) {
	ctx, end := tracing.Begin(ctx, "FHIR "+method, tracing.Method.String(method), tracing.ResourceType.String(typeIn(path)))
	defer func() { end(err) }()
	if c.base == nil {
		return nil, errors.New("no FHIR server is named (--fhir-base)")
	}
	target, err := c.resolve(path)
	if err != nil {
		return nil, err
	}
	if path == "" { // the server itself
		target.Path = strings.TrimSuffix(target.Path, "/")
	}
	if !c.isBase(target) {
		return nil, refusal{"the address is not the FHIR server's"}
	}
	renewed := false
	isOnly := c.writesOnce && method != http.MethodGet && method != http.MethodHead
	for attempt := 1; ; attempt++ {
		isTry, err := c.breaker.enter()
		if err != nil {
			return nil, err
		}
		answer, wait, err := c.once(ctx, method, target, header, body)
		c.breaker.leave(isTry, endingOf(ctx, err))
		if isOnly {
			return answer, err
		}
		var refused *StatusError
		if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && c.config.Auth != nil && !renewed {
			renewed = true // once more, with what is asked for anew
			continue
		}
		if err == nil || ctx.Err() != nil || !IsTemporary(err) || attempt == maxAttempts {
			return answer, err
		}
		if wait == 0 {
			wait = backoff(attempt)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(wait, maxBackoff)):
		}
	}
}

// typeIn gives the resource type that a path begins with, empty where it begins with none: the rest may name a person.
func typeIn(path string) string {
	first, _, _ := strings.Cut(path, "/")
	first, _, _ = strings.Cut(first, "?")
	if !typeName.MatchString(first) {
		return ""
	}
	return first
}

var typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{1,40}$`)

// endingOf says what an error says of the server.
func endingOf(ctx context.Context, err error) ending {
	switch {
	case err == nil:
		return answered
	case ctx.Err() != nil:
		return cancelled
	case IsTemporary(err):
		return failed
	}
	return answered
}

// backoff gives a growing time with some chance in it.
func backoff(attempt int) time.Duration {
	wait := min(firstBackoff<<(attempt-1), maxBackoff)
	return wait/2 + rand.N(wait) //nolint:gosec // no secret
}

// once makes a request once; wait is what the server wants to be waited, 0 where it does not say.
func (c *Client) once(ctx context.Context, method string, target *url.URL, header http.Header, body []byte) (answer *Answer, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, 0, refusal{"its url is none"}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Accept", fhirJSON)
	if len(body) > 0 {
		request.Header.Set("Content-Type", fhirJSON)
	}
	if c.config.Auth != nil {
		if err := c.config.Auth.Authorize(ctx, request); err != nil {
			return nil, 0, err
		}
	}
	tracing.Carry(request)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, 0, c.explain(ctx, target, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, 0, c.explain(ctx, target, err)
	case len(data) > maxAnswer:
		return nil, 0, failure{fmt.Sprintf("the answer has more than %d bytes", maxAnswer), false}
	case response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusMultipleChoices:
		return &Answer{response.StatusCode, response.Header, data}, 0, nil
	}
	if response.StatusCode == http.StatusUnauthorized && c.config.Auth != nil {
		c.config.Auth.Refused(request)
	}
	refused := &StatusError{Status: response.StatusCode}
	_ = json.Unmarshal(data, &refused.Outcome) // not every answer is one
	return nil, retryAfter(response.Header), refused
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// Read gets a resource by its "Type/id".
func (c *Client) Read(ctx context.Context, reference string) (json.RawMessage, error) {
	answer, err := c.Do(ctx, http.MethodGet, reference, http.Header{"Cache-Control": {"no-cache"}}, nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// Create posts a resource; condition is an If-None-Exist search ("identifier=…"), empty for none.
func (c *Client) Create(ctx context.Context, resourceType, condition string, resource any) (*Answer, error) {
	body, err := fhir.Encode(resource)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if condition != "" {
		header.Set("If-None-Exist", condition)
	}
	return c.Do(ctx, http.MethodPost, resourceType, header, body)
}

// Update puts a resource to "Type/id", or to "Type?search"; version is the one that is to be replaced ("3"), empty for any.
func (c *Client) Update(ctx context.Context, target, version string, resource any) (*Answer, error) {
	body, err := fhir.Encode(resource)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if version != "" {
		header.Set("If-Match", `W/"`+version+`"`)
	}
	return c.Do(ctx, http.MethodPut, target, header, body)
}

// Delete deletes "Type/id". What is gone already is no error.
func (c *Client) Delete(ctx context.Context, reference string) error {
	_, err := c.Do(ctx, http.MethodDelete, reference, nil, nil)
	var refused *StatusError
	if errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusGone) {
		return nil
	}
	return err
}

// AddMeta adds to the meta of a resource ("Type/id") by the operation $meta-add, which makes no new version of it.
func (c *Client) AddMeta(ctx context.Context, reference string, meta any) error {
	body, err := fhir.Encode(map[string]any{"resourceType": "Parameters", "parameter": []any{map[string]any{"name": "meta", "valueMeta": meta}}})
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, http.MethodPost, reference+"/$meta-add", nil, body)
	return err
}

// Entry is one entry of an answer to a transaction.
type Entry struct {
	// Location is "Type/id/_history/version", relative to the base.
	Location string `json:"location"`
	Status   string `json:"status"` // "201 Created"
	ETag     string `json:"etag"`
}

// Transaction posts a transaction Bundle: all of it is done, or none.
func (c *Client) Transaction(ctx context.Context, bundle *fhir.Bundle) ([]Entry, error) {
	body, err := fhir.Encode(bundle)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(ctx, http.MethodPost, "", nil, body)
	if err != nil {
		return nil, err
	}
	var done struct {
		ResourceType string `json:"resourceType"`
		Entry        []struct {
			Response Entry `json:"response"`
		} `json:"entry"`
	}
	if json.Unmarshal(answer.Body, &done) != nil || done.ResourceType != "Bundle" || len(done.Entry) != len(bundle.Entry) {
		return nil, failure{"the answer to the transaction is no Bundle with an entry for each", false}
	}
	entries := make([]Entry, len(done.Entry))
	for i, entry := range done.Entry {
		entries[i] = entry.Response
	}
	return entries, nil
}

// Found is one resource of a search.
type Found struct {
	Resource json.RawMessage
	// Included says that it is not a match, but came with one.
	Included bool
}

// maxPages bounds the pages of one search.
const maxPages = 10_000

// Search calls a function with each resource that a search ("Type?…") finds, page after page, in the server's order; an error of the function
// ends it. The server is asked not to answer from what it remembers.
func (c *Client) Search(ctx context.Context, query string, each func(Found) error) error {
	next := query
	for range maxPages {
		answer, err := c.Do(ctx, http.MethodGet, next, http.Header{"Cache-Control": {"no-cache"}}, nil)
		if err != nil {
			return err
		}
		var page struct {
			ResourceType string `json:"resourceType"`
			Link         []struct {
				Relation string `json:"relation"`
				URL      string `json:"url"`
			} `json:"link"`
			Entry []struct {
				Resource json.RawMessage `json:"resource"`
				Search   struct {
					Mode string `json:"mode"`
				} `json:"search"`
			} `json:"entry"`
		}
		if json.Unmarshal(answer.Body, &page) != nil || page.ResourceType != "Bundle" {
			return failure{"the answer to the search is no Bundle", false}
		}
		for _, entry := range page.Entry {
			if entry.Resource == nil || entry.Search.Mode == "outcome" {
				continue
			}
			if err := each(Found{entry.Resource, entry.Search.Mode == "include"}); err != nil {
				return err
			}
		}
		next = ""
		for _, link := range page.Link {
			if link.Relation == "next" {
				next = link.URL
			}
		}
		if next == "" {
			return nil
		}
	}
	return failure{fmt.Sprintf("the search has more than %d pages", maxPages), false}
}
