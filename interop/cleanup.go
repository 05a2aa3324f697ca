package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/fhir/client"
)

// Bounds of the cleaning up.
const (
	cleanupTime = 2 * time.Minute
	// settleTime is how long a server may take until a search or a read shows what was done.
	settleTime = 10 * time.Second
	pause      = 250 * time.Millisecond
)

// remains are what there is to remove.
type remains struct {
	resources map[string]json.RawMessage // by "Type/id"; nil where it could not be read
	doubted   []string                   // searches that could not be made, though something may be there
}

// remove removes all that the run wrote: what refers goes before what is referred to.
func (r *run) remove(ctx context.Context) finding {
	held := r.remains(ctx)
	r.server.refusals = nil // those were of questions
	var f finding
	order := removalOrder(held.resources)
	for _, name := range order {
		if err := r.delete(ctx, name); err != nil {
			f.details = append(f.details, fmt.Sprintf("%s: %s", r.address(name), reason(err)))
		}
	}
	for _, query := range held.doubted {
		r.report.Left = append(r.report.Left, r.address(query))
		f.details = append(f.details, r.address(query)+": a write had no answer, and what it may have written cannot be searched for")
	}
	if f.status = OK; len(f.details) > 0 {
		f.status = Failed
	}
	f.found = fmt.Sprintf("%d resources", len(order))
	return f
}

// delete deletes one resource. While the client asks nothing of a server that was down, it waits.
func (r *run) delete(ctx context.Context, name string) error {
	for {
		err := r.server.Delete(ctx, name)
		if !errors.Is(err, client.ErrDown) || !sleep(ctx) {
			return err
		}
		delete(r.server.tried, name) // it was not asked
	}
}

// remains looks up what the run wrote: what the server said, and what has the run's tag.
func (r *run) remains(ctx context.Context) remains {
	held := remains{resources: map[string]json.RawMessage{}}
	if len(r.server.doubted) > 0 { // a write that had no answer may still be under way
		select {
		case <-ctx.Done():
		case <-time.After(r.config.Settle):
		}
	}
	for _, name := range r.server.written {
		raw, err := r.server.Read(ctx, name)
		if !isGone(err) {
			held.resources[name] = raw
		}
	}
	for _, resourceType := range slices.Sorted(maps.Keys(r.server.types)) {
		query := byTag(resourceType, r.config.Run)
		found, err := r.server.find(ctx, r.config.Run, query)
		if resourceType == "Patient" || resourceType == "DocumentReference" { // for servers that keep no tags
			what := map[string]string{"Patient": "patient", "DocumentReference": "document"}[resourceType]
			more, errMore := r.server.find(ctx, r.config.Run, resourceType+"?"+byIdentifier(r.config.Run, what))
			found, err = append(found, more...), errors.Join(err, errMore)
		}
		if err != nil && r.server.doubted[resourceType] {
			held.doubted = append(held.doubted, query)
		}
		for _, raw := range found {
			if name := fhir.NameOf(raw); name != "" {
				held.resources[name] = raw
			}
		}
	}
	return held
}

// removalOrder orders resources so that none goes before what refers to it; where they refer to each other in a circle, any goes first.
func removalOrder(resources map[string]json.RawMessage) (order []string) {
	referred := map[string]int{} // by how many that are left
	to := map[string][]string{}
	for name, raw := range resources {
		for _, target := range references(raw) {
			if _, is := resources[target]; is && target != name && !slices.Contains(to[name], target) {
				to[name] = append(to[name], target)
				referred[target]++
			}
		}
	}
	left := slices.Sorted(maps.Keys(resources))
	for len(left) > 0 {
		i := max(0, slices.IndexFunc(left, func(name string) bool { return referred[name] == 0 }))
		name := left[i]
		left = slices.Delete(left, i, i+1)
		order = append(order, name)
		for _, target := range to[name] {
			referred[target]--
		}
	}
	return order
}

// references gives the "Type/id" that a resource refers to.
func references(raw json.RawMessage) (list []string) {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return nil
	}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case tree:
			if reference, is := value["reference"].(string); is {
				if name := fhir.LocalReference(reference); name != "" {
					list = append(list, name)
				}
			}
			for _, inner := range value {
				walk(inner)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		}
	}
	walk(value)
	return list
}

// gone looks whether all that was written is gone.
func (r *run) gone(ctx context.Context) finding {
	names := slices.Clone(r.server.written)
	for name := range r.server.tried {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var f finding
	patience := r.config.Settle // for all of it
	for _, name := range names {
		if err := r.awaitGone(ctx, patience, name); err != nil {
			patience = 0
			f.details = append(f.details, fmt.Sprintf("%s: %s", r.address(name), err))
			r.report.Left = append(r.report.Left, r.address(name))
		}
	}
	n := len(names) - len(f.details)
	for _, resourceType := range slices.Sorted(maps.Keys(r.server.types)) {
		if !r.claims.searches(resourceType, "_tag") {
			continue
		}
		query := byTag(resourceType, r.config.Run)
		var found []json.RawMessage
		err := r.eventually(ctx, patience, func() (bool, error) {
			var err error
			found, err = r.server.find(ctx, r.config.Run, query)
			return len(found) == 0, err
		})
		if err == nil && len(found) == 0 {
			continue
		}
		f.details = append(f.details, fmt.Sprintf("%s: %d found %s", r.address(query), len(found), reason(err)))
		for _, raw := range found {
			if address := r.address(fhir.NameOf(raw)); !slices.Contains(r.report.Left, address) {
				r.report.Left = append(r.report.Left, address)
			}
		}
	}
	if f.status = OK; len(f.details) > 0 {
		f.status = Failed
	}
	f.found = fmt.Sprintf("%d of %d resources are gone", n, len(names))
	return f
}

// awaitGone waits until a resource is not there any more.
func (r *run) awaitGone(ctx context.Context, patience time.Duration, name string) error {
	gone := false
	err := r.eventually(ctx, patience, func() (bool, error) {
		_, err := r.server.Read(ctx, name)
		if gone = isGone(err); gone {
			return true, nil
		}
		return r.server.tried[name] != nil, err // what it refused to delete does not go by itself
	})
	switch {
	case gone:
		return nil
	case err != nil:
		return fmt.Errorf("it cannot be said whether it is gone: %w", err)
	}
	return errors.New("it is still there")
}

// address gives the whole address of what is relative to the server.
func (r *run) address(relative string) string {
	return strings.TrimSuffix(r.config.Base, "/") + "/" + relative
}

// eventually asks until the answer is yes, for some time. An error is the last answer's.
func (r *run) eventually(ctx context.Context, patience time.Duration, holds func() (bool, error)) error {
	for begun := time.Now(); ; {
		yes, err := holds()
		if yes || err != nil && !client.IsTemporary(err) || time.Since(begun) >= patience || !sleep(ctx) {
			return err
		}
	}
}

// sleep waits a moment, and reports whether there is time left.
func sleep(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}
