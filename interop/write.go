package interop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/sync"
)

// create creates a resource, and reads it back.
func (r *run) create(ctx context.Context, resourceType string, sent tree) (*written, finding) {
	if !r.claims.does(resourceType, "create", "read", "delete") {
		return nil, unsupported("the server does not claim to create, read and delete %s: nothing is written that could not be removed", resourceType)
	}
	answer, err := r.server.Create(ctx, resourceType, "", sent)
	if err != nil {
		return nil, failed("%s", reason(err))
	}
	name := nameIn(answer)
	if answer.Status != http.StatusCreated || name == "" {
		return nil, failed("status %d, and the answer names %q", answer.Status, name)
	}
	w := &written{name: name, sent: sent}
	found, err := r.read(ctx, name)
	if err != nil {
		return nil, failed("%s: %s", name, reason(err))
	}
	w.version = versionOf(found)
	d := compare(r.config.Base, r.names, sent, found)
	f := ok("%s as it was sent", name)
	if !d.isFaithful() {
		f = failed("%s is not what was sent", name)
	}
	f.details = d.lines(resourceType)
	return w, f
}

// read reads a resource.
func (r *run) read(ctx context.Context, name string) (tree, error) {
	raw, err := r.server.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := treeOf(raw)
	if err != nil { // its text may hold what stands there
		return nil, errors.New("the answer is no JSON object")
	}
	return found, nil
}

func versionOf(t tree) string {
	meta, _ := t["meta"].(tree)
	version, _ := meta["versionId"].(string)
	return version
}

func (r *run) writePatient(ctx context.Context) (f finding) {
	if r.claims.ResourceType == "" {
		return skipped("there is no CapabilityStatement of FHIR R4")
	}
	r.patient, f = r.create(ctx, "Patient", patient(r.config.Run))
	return f
}

func (r *run) writeDocument(ctx context.Context) (f finding) {
	if r.patient == nil {
		return skipped("there is no test Patient")
	}
	r.document, f = r.create(ctx, "DocumentReference", document(r.config.Run, r.patient.name, time.Now()))
	return f
}

func (r *run) extract(ctx context.Context) finding {
	if r.document == nil {
		return skipped("there is no test DocumentReference")
	}
	raw, err := r.server.Read(ctx, r.document.name)
	if err != nil {
		return failed("%s: %s", r.document.name, reason(err))
	}
	bundle, err := extractFrom(ctx, r.config.Extractor, raw)
	if err != nil {
		return failed("%s", reason(err))
	}
	missing := map[string]bool{}
	for i, entry := range bundle.Entry {
		resourceType := typeOf(entry.Request.URL)
		if !r.claims.does(resourceType, "create", "read", "delete") {
			missing[resourceType] = true
		}
		marked, err := treeOf(entry.Resource)
		if err != nil {
			return failed("a %s cannot be encoded", resourceType)
		}
		mark(marked, r.config.Run)
		bundle.Entry[i].Resource = marked
	}
	if len(missing) > 0 {
		return unsupported("the server does not claim to create, read and delete %s: nothing is written that could not be removed",
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	r.bundle = bundle
	return ok("%d resources to write", len(bundle.Entry))
}

func (r *run) transaction(ctx context.Context) finding {
	switch {
	case r.bundle == nil:
		return skipped("there is no Bundle")
	case !r.claims.transactions():
		return unsupported("the server does not claim transactions")
	}
	names, err := r.transact(ctx)
	if err != nil {
		return failed("%s", reason(err))
	}
	r.names, r.inTransaction = names, true
	return ok("%d resources", len(names))
}

// transact posts the Bundle, and gives what the entries have become.
func (r *run) transact(ctx context.Context) (map[string]string, error) {
	answers, err := r.server.Transaction(ctx, r.bundle)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i, answer := range answers {
		name := fhir.LocalReference(answer.Location)
		if name == "" {
			return nil, fmt.Errorf("the answer does not say where the %s is", typeOf(r.bundle.Entry[i].Request.URL))
		}
		names[r.bundle.Entry[i].FullURL] = name
	}
	return names, nil
}

func (r *run) singleWrites(ctx context.Context) finding {
	switch {
	case r.bundle == nil:
		return skipped("there is no Bundle")
	case r.claims.transactions():
		return skipped("the server claims transactions")
	}
	names, f := r.writeSingly(ctx)
	r.names = names
	return f
}

// writeSingly writes the Bundle as charthand does beside a server without transactions.
func (r *run) writeSingly(ctx context.Context) (map[string]string, finding) {
	worker, err := sync.New(sync.Config{Server: r.server, Extractor: r.config.Extractor})
	if err != nil {
		return nil, failed("%s", reason(err))
	}
	done, err := worker.Write(ctx, r.bundle)
	if err != nil {
		return nil, failed("%s", reason(err))
	}
	if len(done.Refused) > 0 {
		f := failed("%d of %d resources", len(done.Names), len(r.bundle.Entry))
		f.details = done.Refused
		return done.Names, f
	}
	return done.Names, ok("%d resources", len(done.Names))
}
