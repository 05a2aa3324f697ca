package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"charthand/fhir"
	"charthand/fhir/client"
)

// outcome is what came of writing a Bundle.
type outcome struct {
	done    int // facts
	refused []refusedEntry
	// ids are the "Type/id" that the server gave, by fullUrl.
	ids map[string]string
}

// Written is what came of a Bundle.
type Written struct {
	// Names are the "Type/id" of what was written, by the fullUrls of the entries.
	Names map[string]string
	// Refused names facts that the server did not take, and why, without anything of the note.
	Refused []string
}

// Write writes a Bundle as a job does, with nothing looked up before.
func (w *Worker) Write(ctx context.Context, bundle *fhir.Bundle) (Written, error) {
	o, err := w.write(ctx, bundle)
	if o == nil {
		o = &outcome{}
	}
	return Written{o.ids, o.reasons()}, err
}

// refusedEntry is a fact that the server does not take.
type refusedEntry struct {
	resourceType, id string
	status           int
	codes            string
}

// maxReasons bounds how many facts a reason names.
const maxReasons = 5

// reasons names what was refused, without anything of the note.
func (o *outcome) reasons() (list []string) {
	for i, r := range o.refused {
		if i == maxReasons {
			return append(list, fmt.Sprintf("and %d more", len(o.refused)-i))
		}
		list = append(list, fmt.Sprintf("%s %s: %d (%s)", r.resourceType, r.id, r.status, r.codes))
	}
	return list
}

// write writes a Bundle: as one transaction, and where the server refuses that, in ever smaller ones, so that a fact that it does not take
// costs no other. It is nothing to write where the Bundle is nil.
func (w *Worker) write(ctx context.Context, bundle *fhir.Bundle) (*outcome, error) {
	o := &outcome{ids: map[string]string{}}
	if bundle == nil {
		return o, nil
	}
	b := &writing{worker: w, outcome: o, there: map[string]string{}}
	var facts, last []fhir.Entry
	for _, entry := range bundle.Entry {
		switch typeOf(entry) {
		case "Device":
			b.first = append(b.first, entry)
		case "Provenance":
			last = append(last, entry)
		default:
			facts = append(facts, entry)
			if entry.Request.IfMatch != "" {
				b.there[entry.FullURL] = entry.Request.URL
			}
		}
	}
	if w.config.Transactions {
		unlock := w.device.lock()
		err := b.transaction(ctx, bundle.Entry)
		unlock(err == nil)
		if err == nil {
			o.done = len(facts)
			return o, nil
		}
		if !mayBeOneEntrys(err) {
			return nil, explain("the transaction", err)
		}
		if isConflict(err) {
			return nil, errChanged // what is read anew tells who
		}
	}
	// Drugs refer to what they are given for.
	slices.SortStableFunc(facts, func(x, y fhir.Entry) int { return refers(x) - refers(y) })
	unlock := w.device.lock()
	err := b.each(ctx, b.first)
	unlock(err == nil)
	if err != nil {
		return nil, err
	}
	failed := b.divide(ctx, facts)
	if o.done == 0 && len(facts) > 0 {
		return o, failed
	}
	// Also where not all could be written: what has been is found again by its Provenance.
	for _, entry := range last {
		if entry, left := b.withoutRefused(entry); left {
			if err := b.each(ctx, []fhir.Entry{entry}); err != nil {
				return nil, cmp.Or(failed, err)
			}
		}
	}
	return o, failed
}

// errChanged says that a fact is not any more what it was when it was looked up.
var errChanged error = conflict{later{"somebody has changed a fact meanwhile"}}

// device is the lock of who writes while nobody knows yet that the Device is there: on some servers two conditional creates at once make two.
type device struct {
	mutex sync.Mutex
	there atomic.Bool
}

// lock gives what is called when the Device was written, or was not.
func (d *device) lock() (unlock func(written bool)) {
	if d.there.Load() {
		return func(bool) {}
	}
	d.mutex.Lock()
	return func(written bool) {
		if written {
			d.there.Store(true)
		}
		d.mutex.Unlock()
	}
}

func refers(entry fhir.Entry) int {
	if typeOf(entry) == "MedicationStatement" {
		return 1
	}
	return 0
}

// mayBeOneEntrys reports whether a refusal may be of one entry alone.
func mayBeOneEntrys(err error) bool {
	var answered *client.StatusError
	if !errors.As(err, &answered) {
		return false
	}
	switch answered.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// isConflict reports whether a refusal says that a resource is not any more what it was.
func isConflict(err error) bool {
	var answered *client.StatusError
	return errors.As(err, &answered) && (answered.Status == http.StatusConflict || answered.Status == http.StatusPreconditionFailed)
}

// writing is the writing of one Bundle in parts.
type writing struct {
	worker  *Worker
	outcome *outcome
	first   []fhir.Entry
	// there are the facts that the server holds already, by fullUrl: one whose change it refuses can still be referred to.
	there map[string]string
	// inARow counts the facts that were refused since one was taken.
	inARow int
}

// hopeless is after how many refusals without any success the rest is taken to be refused too: the patient is missing.
const hopeless = 8

// divide writes facts, in halves where the server refuses them together.
func (b *writing) divide(ctx context.Context, facts []fhir.Entry) error {
	if len(facts) == 0 {
		return nil
	}
	if b.outcome.done == 0 && b.inARow >= hopeless {
		last := b.outcome.refused[len(b.outcome.refused)-1]
		for _, entry := range facts {
			b.outcome.refused = append(b.outcome.refused, refusedEntry{typeOf(entry), entry.FullURL, last.status, last.codes})
		}
		return nil
	}
	if len(facts) == 1 || !b.worker.config.Transactions {
		for _, entry := range facts {
			if err := b.each(ctx, []fhir.Entry{entry}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, half := range [][]fhir.Entry{facts[:len(facts)/2], facts[len(facts)/2:]} {
		if len(half) > 1 {
			err := b.transaction(ctx, b.resolved(half))
			if err == nil {
				b.outcome.done += len(half)
				b.inARow = 0
				continue
			}
			if isConflict(err) {
				return errChanged
			}
			if !mayBeOneEntrys(err) {
				return explain("the facts", err)
			}
		}
		if err := b.divide(ctx, half); err != nil {
			return err
		}
	}
	return nil
}

// transaction posts entries, and notes the ids that they got.
func (b *writing) transaction(ctx context.Context, entries []fhir.Entry) error {
	answers, err := b.worker.config.Server.Transaction(ctx, &fhir.Bundle{ResourceType: "Bundle", Type: "transaction", Entry: entries})
	if err != nil {
		return err
	}
	for i, answer := range answers {
		b.note(entries[i].FullURL, answer.Location)
	}
	return nil
}

func (b *writing) note(fullURL, location string) {
	if name := fhir.LocalReference(location); name != "" {
		b.outcome.ids[fullURL] = name
	}
}

// each writes entries one by one. One that the server refuses is noted, and the others go on.
func (b *writing) each(ctx context.Context, entries []fhir.Entry) error {
	for _, entry := range b.resolved(entries) {
		answer, err := b.one(ctx, entry)
		switch {
		case err == nil:
			if !isOwn(entry) {
				b.outcome.done++
				b.inARow = 0
			}
			b.note(entry.FullURL, nameIn(answer, entry))
		case isConflict(err):
			return errChanged
		case !mayBeOneEntrys(err):
			return explain(typeOf(entry), err)
		case isOwn(entry): // without it the facts are nobody's
			return explain(typeOf(entry), err)
		default:
			var answered *client.StatusError
			errors.As(err, &answered)
			b.outcome.refused = append(b.outcome.refused, refusedEntry{typeOf(entry), entry.FullURL, answered.Status, answered.Outcome.Codes()})
			b.inARow++
		}
	}
	return nil
}

// isOwn reports whether an entry is charthand's own, no fact.
func isOwn(entry fhir.Entry) bool {
	t := typeOf(entry)
	return t == "Device" || t == "Provenance"
}

// one writes one entry by itself.
func (b *writing) one(ctx context.Context, entry fhir.Entry) (*client.Answer, error) {
	server := b.worker.config.Server
	if entry.Request.Method == http.MethodPost {
		return server.Create(ctx, entry.Request.URL, entry.Request.IfNoneExist, entry.Resource)
	}
	return server.Update(ctx, entry.Request.URL, strings.TrimSuffix(strings.TrimPrefix(entry.Request.IfMatch, `W/"`), `"`), entry.Resource)
}

// nameIn gives where an answer says that the resource is, or where it was put.
func nameIn(answer *client.Answer, entry fhir.Entry) string {
	if location := answer.Header.Get("Location"); location != "" {
		return location
	}
	if location := answer.Header.Get("Content-Location"); location != "" {
		return location
	}
	if name := fhir.NameOf(answer.Body); name != "" {
		return name
	}
	return entry.Request.URL
}

// typeOf gives the resource type that an entry writes.
func typeOf(entry fhir.Entry) string {
	t, _, _ := strings.Cut(strings.ReplaceAll(entry.Request.URL, "?", "/"), "/")
	return t
}

// resolved gives entries whose references to what was written before are by its id, and without those to what was refused.
func (b *writing) resolved(entries []fhir.Entry) []fhir.Entry {
	here := map[string]bool{}
	for _, entry := range entries {
		here[entry.FullURL] = true
	}
	resolved := make([]fhir.Entry, len(entries))
	for i, entry := range entries {
		resolved[i] = entry
		encoded, err := fhir.Encode(entry.Resource)
		var tree map[string]any
		if err != nil || !strings.Contains(string(encoded), `"urn:uuid:`) || decode(encoded, &tree) != nil {
			continue
		}
		b.resolve(tree, here, isOwn(entry))
		resolved[i].Resource = tree
	}
	return resolved
}

// decode reads JSON whose numbers stay as they are written.
func decode(data []byte, into *map[string]any) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// resolve puts ids in the place of fullUrls, all through a resource; it reports whether what it was given still says something. What was refused
// is gone from what tells of what was written.
func (b *writing) resolve(value any, here map[string]bool, tells bool) bool {
	switch value := value.(type) {
	case map[string]any:
		if reference, is := value["reference"].(string); is && strings.HasPrefix(reference, "urn:uuid:") && !here[reference] {
			name := b.outcome.ids[reference]
			if name == "" && !tells {
				name = b.there[reference]
			}
			if name == "" {
				return false
			}
			value["reference"] = name
		}
		for key, inner := range value {
			if list, is := inner.([]any); is {
				kept := list[:0]
				for _, element := range list {
					if b.resolve(element, here, tells) {
						kept = append(kept, element)
					}
				}
				if value[key] = kept; len(kept) == 0 {
					delete(value, key)
				}
				continue
			}
			if !b.resolve(inner, here, tells) {
				delete(value, key)
			}
		}
		return len(value) > 0
	case []any:
		for _, element := range value {
			b.resolve(element, here, tells)
		}
	}
	return true
}

// withoutRefused gives a Provenance without the targets that were refused, and whether any are left.
func (b *writing) withoutRefused(entry fhir.Entry) (fhir.Entry, bool) {
	resolved := b.resolved([]fhir.Entry{entry})[0]
	tree, is := resolved.Resource.(map[string]any)
	if !is {
		return resolved, true
	}
	targets, _ := tree["target"].([]any)
	return resolved, len(targets) > 0
}
