package sync

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/fhir/client"
)

// Bounds on what is looked up beside a document.
const (
	maxChain     = 20 // documents that replace each other
	perSearch    = 40 // resources that one search asks about
	maxAlongside = 20_000
)

var errTooMany = errors.New("more earlier facts than can be looked at")

// beside finds what the server holds beside a document, and adds it to what is known: the documents that it replaces, the facts that were made of
// them, and every Provenance of these.
func (w *Worker) beside(ctx context.Context, document *fhir.Document, known []json.RawMessage) (*fhir.Beside, error) {
	resources := slices.Clone(known)
	chain := []string{document.Name()}
	for at := document; at.Replaces != nil && len(chain) < maxChain; {
		replaced, err := w.replaced(ctx, at.Replaces)
		if err != nil {
			return nil, err
		}
		if replaced == nil {
			break
		}
		resources = append(resources, replaced)
		read, err := fhir.ReadDocuments(replaced)
		if err != nil || slices.Contains(chain, read[0].Name()) {
			break
		}
		at = read[0]
		chain = append(chain, at.Name())
	}
	facts := map[string]json.RawMessage{}
	for _, name := range chain {
		found, err := w.search(ctx, "Provenance?entity="+url.QueryEscape(name)+"&_include=Provenance:target")
		if err != nil {
			return nil, err
		}
		for _, resource := range found {
			if name := fhir.NameOf(resource); name != "" && !strings.HasPrefix(name, "Provenance/") && !slices.Contains(chain, name) {
				facts[name] = resource
			}
		}
		resources = append(resources, found...)
	}
	former := map[string]json.RawMessage{}
	for _, name := range targetsOf(resources, chain) {
		held, past, err := w.former(ctx, name, facts[name])
		if err != nil {
			return nil, err
		}
		if held != nil && facts[name] == nil {
			facts[name] = held
			resources = append(resources, held)
		}
		if past != nil {
			former[name] = past
		}
	}
	// Other Provenances tell of reviewers, and of other notes.
	found, err := w.targeting(ctx, slices.Sorted(maps.Keys(facts)))
	if err != nil {
		return nil, err
	}
	beside := fhir.NewBeside(unique(append(resources, found...)))
	beside.Former = former
	return beside, nil
}

// targeting finds every Provenance that tells of some resources.
func (w *Worker) targeting(ctx context.Context, names []string) (provenances []json.RawMessage, err error) {
	for some := range slices.Chunk(names, perSearch) {
		found, err := w.search(ctx, "Provenance?target="+url.QueryEscape(strings.Join(some, ",")))
		if err != nil {
			return nil, err
		}
		provenances = append(provenances, found...)
	}
	return provenances, nil
}

// related finds the documents that relate to a document, among them those that replace it. A server that cannot search for them says nothing.
func (w *Worker) related(ctx context.Context, document *fhir.Document) ([]json.RawMessage, error) {
	if document.Type != fhir.DocumentReference {
		return nil, nil
	}
	found, err := w.search(ctx, "DocumentReference?relatesto="+url.QueryEscape(document.Name()))
	var comesToNothing refused
	if errors.As(err, &comesToNothing) {
		return nil, nil
	}
	return found, err
}

// replacements names the documents among some that speak, and replace a document.
func replacements(document *fhir.Document, among []json.RawMessage) (names []string) {
	beside := fhir.NewBeside(among)
	for _, raw := range among {
		read, err := fhir.ReadDocuments(raw)
		if err != nil || read[0].Standing != fhir.Current || read[0].Replaces == nil {
			continue
		}
		isSame := read[0].Replaces.Identifier != nil && document.Identifier != nil && *read[0].Replaces.Identifier == *document.Identifier
		if name := read[0].Name(); name != document.Name() && name != beside.Document(document.Replaces) && (isSame || beside.Document(read[0].Replaces) == document.Name()) {
			names = append(names, name)
		}
	}
	return names
}

// unique gives each resource once: a Provenance is found by its entity and by its targets.
func unique(resources []json.RawMessage) []json.RawMessage {
	seen := map[string]bool{}
	kept := resources[:0:0]
	for _, resource := range resources {
		name := fhir.NameOf(resource)
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		kept = append(kept, resource)
	}
	return kept
}

// replaced reads the document that another one replaces, nil where it is not on the server.
func (w *Worker) replaced(ctx context.Context, reference *fhir.Reference) (json.RawMessage, error) {
	if name := fhir.LocalReference(reference.Reference); name != "" {
		raw, err := w.config.Server.Read(ctx, name)
		if isGone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, explain("a document that it replaces", err)
		}
		return raw, nil
	}
	if reference.Identifier == nil {
		return nil, nil
	}
	found, err := w.search(ctx, "DocumentReference?identifier="+url.QueryEscape(reference.Identifier.System+"|"+reference.Identifier.Value))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// isGone reports whether a server says that it has not what is asked for, or has it no more.
func isGone(err error) bool {
	var answered *client.StatusError
	return errors.As(err, &answered) && (answered.Status == http.StatusNotFound || answered.Status == http.StatusGone)
}

// search gives all that a search finds.
func (w *Worker) search(ctx context.Context, query string) (found []json.RawMessage, err error) {
	err = w.config.Server.Search(ctx, query, func(f client.Found) error {
		if len(found) == maxAlongside {
			return errTooMany
		}
		found = append(found, f.Resource)
		return nil
	})
	if errors.Is(err, errTooMany) {
		return nil, refused{err.Error()}
	}
	if err != nil {
		return nil, explain("earlier facts", err)
	}
	return found, nil
}
