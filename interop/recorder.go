package interop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/sync"
)

// Server is what a run needs of a FHIR server. It may not make a write more than once (client.Client.WritingOnce).
type Server interface {
	sync.Server
	Delete(ctx context.Context, reference string) error
}

// recorder is the server as a run sees it: it remembers what was written, so that all of it can be removed. A write that has begun is waited for
// even where the run is broken off meanwhile.
type recorder struct {
	Server
	// written are the "Type/id" that the server made for the run, in order.
	written []string
	// types are those of which something was written, or may have been; doubted those of which a write has had no answer that says.
	types, doubted map[string]bool
	// tried are those that the server was asked to delete, and its refusal, nil for none.
	tried map[string]error
	// refusals are the server's since they were last taken.
	refusals []*client.StatusError
}

func newRecorder(server Server) *recorder {
	return &recorder{Server: server, types: map[string]bool{}, doubted: map[string]bool{}, tried: map[string]error{}}
}

// Create implements Server.
func (r *recorder) Create(ctx context.Context, resourceType, condition string, resource any) (*client.Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err := r.Server.Create(context.WithoutCancel(ctx), resourceType, condition, resource)
	r.note(resourceType, answer, err)
	return answer, err
}

// Update implements Server.
func (r *recorder) Update(ctx context.Context, target, version string, resource any) (*client.Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err := r.Server.Update(context.WithoutCancel(ctx), target, version, resource)
	r.note(typeOf(target), answer, err)
	return answer, err
}

// Transaction implements Server.
func (r *recorder) Transaction(ctx context.Context, bundle *fhir.Bundle) ([]client.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := r.Server.Transaction(context.WithoutCancel(ctx), bundle)
	for i, entry := range bundle.Entry {
		resourceType := typeOf(entry.Request.URL)
		if err != nil {
			r.fail(resourceType, err)
			continue
		}
		r.types[resourceType] = true
		if strings.HasPrefix(entries[i].Status, "201") {
			r.add(resourceType, fhir.LocalReference(entries[i].Location))
		}
	}
	if err != nil {
		r.refuse(err)
	}
	return entries, err
}

// Delete implements Server. Nothing is deleted twice.
func (r *recorder) Delete(ctx context.Context, reference string) error {
	if err, was := r.tried[reference]; was {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := r.Server.Delete(context.WithoutCancel(ctx), reference)
	r.tried[reference] = err
	r.refuse(err)
	return err
}

// note remembers what a write came to.
func (r *recorder) note(resourceType string, answer *client.Answer, err error) {
	if err != nil {
		r.fail(resourceType, err)
		r.refuse(err)
		return
	}
	r.types[resourceType] = true
	if answer.Status == http.StatusCreated {
		r.add(resourceType, nameIn(answer))
	}
}

func (r *recorder) add(resourceType, name string) {
	switch {
	case name == "":
		r.doubted[resourceType] = true
	case !slices.Contains(r.written, name):
		r.written = append(r.written, name)
	}
}

// fail remembers that something may have been written all the same.
func (r *recorder) fail(resourceType string, err error) {
	if !isRefusal(err) {
		r.types[resourceType], r.doubted[resourceType] = true, true
	}
}

func (r *recorder) refuse(err error) {
	var refused *client.StatusError
	if errors.As(err, &refused) {
		r.refusals = append(r.refusals, refused)
	}
}

// answers takes the refusals.
func (r *recorder) answers() (list []Answer) {
	for _, refused := range r.refusals {
		answer := Answer{Status: refused.Status}
		for _, issue := range refused.Outcome.Issue {
			answer.Issues = append(answer.Issues, Issue{issue.Severity, issue.Code, issue.Details.Text, issue.Diagnostics, issue.Expression})
		}
		list = append(list, answer)
	}
	r.refusals = nil
	return list
}

// isRefusal reports whether an error says that nothing was written.
func isRefusal(err error) bool {
	var refused *client.StatusError
	if errors.As(err, &refused) {
		return refused.Status >= http.StatusBadRequest && refused.Status < http.StatusInternalServerError && refused.Status != http.StatusRequestTimeout
	}
	return errors.Is(err, client.ErrDown)
}

// isGone reports whether an error says that a resource is not there.
func isGone(err error) bool {
	var refused *client.StatusError
	return errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusGone)
}

// nameIn gives the "Type/id" that an answer names, empty where it names none.
func nameIn(answer *client.Answer) string {
	for _, header := range []string{"Location", "Content-Location"} {
		if name := fhir.LocalReference(answer.Header.Get(header)); name != "" {
			return name
		}
	}
	return fhir.NameOf(answer.Body)
}

// typeOf gives the type that a relative address begins with.
func typeOf(address string) string {
	if i := strings.IndexAny(address, "/?"); i >= 0 {
		return address[:i]
	}
	return address
}

// most bounds what one search of a run may find: more is not the run's.
const most = 500

// errIgnores says that a search found what is not of the run.
var errIgnores = errors.New("the search finds what it should not: the server ignores a parameter")

// find gives what a search finds, if all of that is of a run.
func (r *recorder) find(ctx context.Context, run, query string) (found []json.RawMessage, err error) {
	err = r.Search(ctx, query, func(f client.Found) error {
		if len(found) == most || !isOf(f.Resource, run) && !slices.Contains(r.written, fhir.NameOf(f.Resource)) {
			return errIgnores
		}
		found = append(found, f.Resource)
		return nil
	})
	return found, err
}

// byTag is the search that finds what a run wrote of a type.
func byTag(resourceType, run string) string {
	return resourceType + "?_tag=" + url.QueryEscape(System+"|"+run)
}
