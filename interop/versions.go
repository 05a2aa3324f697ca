package interop

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"charthand/fhir/client"
)

// amended is the test document with a change.
func (r *run) amended(docStatus string) tree {
	changed := maps.Clone(r.document.sent)
	changed["docStatus"] = docStatus
	return withID(changed, strings.TrimPrefix(r.document.name, "DocumentReference/"))
}

// update changes the test document: facts that are revised are written this way.
func (r *run) update(ctx context.Context) finding {
	switch {
	case r.document == nil:
		return skipped("there is no test DocumentReference")
	case !r.claims.does("DocumentReference", "update"):
		return unsupported("the server does not claim update of DocumentReference")
	}
	version := r.document.version
	if r.claims.of("DocumentReference").Versioning != "versioned-update" {
		version = "" // it would not look at it
	}
	sent := r.amended("amended")
	if _, err := r.server.Update(ctx, r.document.name, version, sent); err != nil {
		return failed("%s", reason(err))
	}
	found, err := r.read(ctx, r.document.name)
	if err != nil {
		return failed("%s: %s", r.document.name, reason(err))
	}
	d := compare(r.config.Base, r.names, sent, found)
	now := versionOf(found)
	switch {
	case !d.isFaithful():
		f := failed("%s is not what was sent", r.document.name)
		f.details = d.lines("DocumentReference")
		return f
	case now != "" && now == r.document.version:
		return failed("version %s, as before", now)
	case version == "":
		return ok("version %q, was %q; If-Match was not sent, as the server does not claim versioned updates", now, r.document.version)
	}
	return ok("version %s, was %s", now, r.document.version)
}

// staleUpdate tries to write over a version that it has not seen: what people have changed is kept this way.
func (r *run) staleUpdate(ctx context.Context) finding {
	switch {
	case !r.hasHappened("update"):
		return skipped("there was no update")
	case r.document.version == "" || r.claims.of("DocumentReference").Versioning != "versioned-update":
		return unsupported("the server does not claim versioned updates")
	}
	_, err := r.server.Update(ctx, r.document.name, r.document.version, r.amended("preliminary"))
	var refused *client.StatusError
	switch {
	case err == nil:
		return failed("it was written over the newer version")
	case errors.As(err, &refused) && (refused.Status == http.StatusConflict || refused.Status == http.StatusPreconditionFailed):
		r.server.answers() // as it should be
		return ok("refused with %d", refused.Status)
	}
	return failed("%s", reason(err))
}

// hasHappened reports whether a step went well.
func (r *run) hasHappened(name string) bool {
	for _, s := range r.report.Steps {
		if s.Name == name {
			return s.Status == OK
		}
	}
	return false
}

func (r *run) history(ctx context.Context) finding {
	vread, history := r.claims.does("DocumentReference", "vread"), r.claims.does("DocumentReference", "history-instance")
	switch {
	case !r.hasHappened("update") || r.document.version == "":
		return skipped("there are no two versions")
	case !vread && !history:
		return unsupported("the server does not claim to give versions of DocumentReference, or its history")
	}
	var said []string
	if vread {
		first, err := r.read(ctx, r.document.name+"/_history/"+r.document.version)
		if err != nil {
			return failed("version %s: %s", r.document.version, reason(err))
		}
		if d := compare(r.config.Base, r.names, r.document.sent, first); !d.isFaithful() {
			f := failed("version %s is not what was sent", r.document.version)
			f.details = d.lines("DocumentReference")
			return f
		}
		said = append(said, "version "+r.document.version+" as it was sent")
	}
	if history {
		raw, err := r.server.Read(ctx, r.document.name+"/_history")
		if err != nil {
			return failed("history: %s", reason(err))
		}
		var bundle struct {
			Type  string            `json:"type"`
			Entry []json.RawMessage `json:"entry"`
		}
		if json.Unmarshal(raw, &bundle) != nil || bundle.Type != "history" || len(bundle.Entry) < 2 {
			return failed("a %q Bundle of %d versions", bundle.Type, len(bundle.Entry))
		}
		said = append(said, "both versions in the history")
	}
	return ok("%s", strings.Join(said, ", "))
}
