package sync

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/mapping"
)

// targetsOf names the facts that Provenances of some documents say were made of them.
func targetsOf(resources []json.RawMessage, documents []string) (names []string) {
	beside := fhir.NewBeside(unique(resources))
	seen := map[string]bool{}
	for _, document := range documents {
		for _, provenance := range beside.Provenances[document] {
			for _, target := range provenance.Target {
				name := fhir.LocalReference(target.Reference)
				resourceType, _, _ := strings.Cut(name, "/")
				if !seen[name] && slices.Contains(mapping.ResourceTypes, mapping.ResourceType(resourceType)) {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// former looks up what has become of a fact that is not held any more, or has no identifier by which charthand could know it: what the server
// holds, where a search has not shown it, and the last version that still had such an identifier. Both are nil where the server does not tell.
func (w *Worker) former(ctx context.Context, name string, shown json.RawMessage) (held, past json.RawMessage, err error) {
	if held = shown; held == nil {
		if held, err = w.config.Server.Read(ctx, name); err != nil && !isUntold(err) {
			return nil, nil, explain("an earlier fact", err)
		}
	}
	if isIdentified(held) {
		return held, nil, nil
	}
	err = w.config.Server.Search(ctx, name+"/_history", func(f client.Found) error { // the newest first
		if !isIdentified(f.Resource) {
			return nil
		}
		past = f.Resource
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) && !isUntold(err) {
		return nil, nil, explain("what an earlier fact was", err)
	}
	return held, past, nil
}

var errFound = errors.New("found")

// isUntold reports whether a server answers that it does not tell something, or has nothing to tell.
func isUntold(err error) bool {
	var answered *client.StatusError
	return errors.As(err, &answered) && !answered.Temporary() && answered.Status != http.StatusUnauthorized
}

// isIdentified reports whether a resource has an identifier as charthand's are.
func isIdentified(raw json.RawMessage) bool {
	var named struct {
		Identifier []fhir.Identifier `json:"identifier"`
	}
	return json.Unmarshal(raw, &named) == nil && slices.ContainsFunc(named.Identifier, func(i fhir.Identifier) bool { return strings.HasPrefix(i.Value, "urn:uuid:") })
}

// isReviewed reports whether somebody has told of a fact that a Bundle changes since it was looked up: a review may be a Provenance alone, which
// is no new version of the fact.
func (w *Worker) isReviewed(ctx context.Context, bundle *fhir.Bundle, beside *fhir.Beside) (bool, error) {
	if bundle == nil {
		return false, nil
	}
	var names []string
	for _, entry := range bundle.Entry {
		if entry.Request.IfMatch != "" {
			names = append(names, entry.Request.URL)
		}
	}
	provenances, err := w.targeting(ctx, names)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(provenances, func(raw json.RawMessage) bool {
		_, known := beside.Resources[fhir.NameOf(raw)]
		return !known
	}), nil
}
