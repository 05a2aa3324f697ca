package cds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/fhir/client"

	"golang.org/x/sync/errgroup"
)

// Server is what is needed of a FHIR server: *client.Client is one.
type Server interface {
	Search(ctx context.Context, query string, each func(client.Found) error) error
}

// Bounds on what is looked at for one call.
const (
	maxResources = 10_000 // of one search, or one prefetched Bundle
	perSearch    = 40     // resources that one search asks about
	maxReviewed  = 10 * perSearch
)

// Missing says that what a service needs was not sent, and cannot be searched either.
type Missing struct {
	Key string // of the prefetch
	Why string
}

// Error names the key.
func (m *Missing) Error() string { return fmt.Sprintf("prefetch.%s: %s", m.Key, m.Why) }

var errTooMany = errors.New("more resources than can be looked at")

// Gather gives the resources that a call is about: those that were sent with it, and of the others those that the server has. The server may be nil,
// where why says so. What was sent as null is searched too where it can be, and is nothing otherwise. The error is a *Missing, which names the key.
func Gather(ctx context.Context, r *Request, server Server, why string) ([]json.RawMessage, error) {
	keys := slices.Sorted(maps.Keys(templates))
	found := make([][]json.RawMessage, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	for i, key := range keys {
		sent, isSent := r.Prefetch[key]
		if resources, whole := prefetched(sent); whole {
			found[i] = resources
			continue
		}
		if server == nil {
			if isSent && isNull(sent) {
				continue
			}
			return nil, &Missing{key, why}
		}
		group.Go(func() (err error) {
			query := strings.ReplaceAll(templates[key], patientToken, url.QueryEscape(r.Context.PatientID)) + "&_count=200"
			if found[i], err = search(ctx, server, query); err != nil {
				return &Missing{key, because(err)}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// because says why a search came to nothing, without anything that the server says.
func because(err error) string {
	var answered *client.StatusError
	switch {
	case errors.Is(err, errTooMany):
		return errTooMany.Error()
	case errors.As(err, &answered):
		return answered.Error()
	}
	return "the FHIR server could not be asked"
}

func isNull(raw json.RawMessage) bool { return strings.TrimSpace(string(raw)) == "null" }

// prefetched gives the resources of what was sent for a key; it is not whole where that is no result, or one of several pages.
func prefetched(raw json.RawMessage) (resources []json.RawMessage, whole bool) {
	var sent struct {
		ResourceType string `json:"resourceType"`
		Link         []struct {
			Relation string `json:"relation"`
		} `json:"link"`
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &sent) != nil {
		return nil, false
	}
	switch sent.ResourceType {
	case "", "OperationOutcome":
		return nil, false
	case "Bundle":
	default:
		return []json.RawMessage{raw}, true
	}
	for _, link := range sent.Link {
		if link.Relation == "next" {
			return nil, false
		}
	}
	if len(sent.Entry) > maxResources {
		return nil, false
	}
	for _, entry := range sent.Entry {
		if entry.Resource != nil {
			resources = append(resources, entry.Resource)
		}
	}
	return resources, true
}

// search gives all that a search finds.
func search(ctx context.Context, server Server, query string) (found []json.RawMessage, err error) {
	err = server.Search(ctx, query, func(f client.Found) error {
		if len(found) == maxResources {
			return errTooMany
		}
		found = append(found, f.Resource)
		return nil
	})
	return found, err
}

// reviews gives the Provenances of some facts ("Type/id"), as far as they can be had: a person may have confirmed a fact by nothing else.
func reviews(ctx context.Context, server Server, facts []string) (found []json.RawMessage) {
	for chunk := range slices.Chunk(facts[:min(len(facts), maxReviewed)], perSearch) {
		some, err := search(ctx, server, "Provenance?target="+url.QueryEscape(strings.Join(chunk, ",")))
		if err != nil {
			return found
		}
		found = append(found, some...)
	}
	return found
}

// isOf reports whether a resource is of a patient, as far as it says.
func isOf(patient string, references ...*fhir.Reference) bool {
	for _, reference := range references {
		if reference == nil {
			continue
		}
		if name := fhir.LocalReference(reference.Reference); name != "" && name != "Patient/"+patient {
			return false
		}
	}
	return true
}
