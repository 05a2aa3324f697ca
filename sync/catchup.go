package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/fhir/subscription"
	"charthand/queue"
)

// overlap is how far before its watermark a catch-up looks: servers show what they write some time after its time.
const overlap = time.Minute

// beginning is before everything.
const beginning = "1970-01-01T00:00:00Z"

// errEnough ends a search that has found what it looked for.
var errEnough = errors.New("enough")

// catchUpFor does a job: it finds the documents that are new on the server since the last catch-up, and adds a job for each, unless another one
// has begun since it was asked for. The first has nothing to find: from its time on, by the server's own clock, nothing is missed. A failure is
// the job's only where it may pass, and no timer asks again.
func (w *Worker) catchUpFor(ctx context.Context, job queue.Job) error {
	if w.config.Queue == nil {
		return refused{"nothing is caught up without a queue"}
	}
	unlock, err := w.documents.lock(ctx, "catch-up")
	if err != nil {
		return err
	}
	defer unlock()
	if w.caughtUp.After(job.Added) {
		return nil
	}
	if job.Subscription != "" && w.config.Events {
		err := w.missed(ctx, job)
		if err == nil {
			return nil
		}
		w.config.Logger.Warn("missed events not told", "subscription", job.Subscription, "reason", err.Error())
	}
	err = w.catchUpAll(ctx)
	if ctx.Err() != nil || job.Source != Timer && client.IsTemporary(err) && !isUnauthorized(err) {
		return err
	}
	return nil
}

// missed asks the server which documents the events were about that did not arrive (Subscriptions R5 Backport 1.1.0, $events), and adds a job
// for each.
func (w *Worker) missed(ctx context.Context, job queue.Job) error {
	query := url.Values{"eventsSinceNumber": {strconv.FormatInt(job.First, 10)}, "eventsUntilNumber": {strconv.FormatInt(job.Last, 10)}, "content": {"id-only"}}
	raw, err := w.config.Server.Read(ctx, job.Subscription+"/$events?"+query.Encode())
	if err != nil {
		return explain("the missed events", err)
	}
	told, err := subscription.Read(raw)
	if err != nil {
		return err
	}
	if int64(len(told.Focus)) < job.Last-job.First+1 {
		return errors.New("the server tells of fewer events than were missed")
	}
	for _, focus := range told.Focus {
		name, version, _ := strings.Cut(focus, "/_history/")
		if !fhir.IsDocument(name) {
			continue
		}
		if err := w.config.Queue.Add(ctx, queue.Job{Document: name, Version: version, Source: "events"}); err != nil {
			return explainFound(err)
		}
	}
	return nil
}

// Timer is the source of catch-ups that are asked for from time to time.
const Timer = "timer"

// catchUpAll goes through all searches: one that fails costs no other. It has the lock.
func (w *Worker) catchUpAll(ctx context.Context) error {
	begun := time.Now()
	var failed []error
	for _, criteria := range w.config.Criteria {
		if err := w.catchUp(ctx, criteria); err != nil {
			w.config.Logger.Error("catch-up failed", "search", criteria, "reason", err.Error())
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	w.caughtUp = begun
	return nil
}

// Begin sets the watermarks of searches that have none: what is on the server now is no news.
func (w *Worker) Begin(ctx context.Context) error {
	var failed []error
	for _, criteria := range w.config.Criteria {
		if _, err := w.watermark(ctx, criteria); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", criteria, err))
		}
	}
	return errors.Join(failed...)
}

// key names the watermark of a search.
func key(criteria string) string {
	return "watermark." + strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, criteria)
}

// watermark gives the time up to which a search has been caught up, and sets it where it has not been yet.
func (w *Worker) watermark(ctx context.Context, criteria string) (string, error) {
	mark, err := w.config.Queue.State(ctx, key(criteria))
	if err != nil || mark != "" {
		return mark, err
	}
	mark = beginning // where there is nothing, all that comes is new
	err = w.config.Server.Search(ctx, with(criteria, "_sort=-_lastUpdated&_count=1"), func(f client.Found) error {
		if updated := lastUpdated(f.Resource); updated != "" {
			mark = updated
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return "", explain("the search for documents", err)
	}
	return mark, w.config.Queue.Keep(ctx, key(criteria), mark)
}

// with adds parameters to a search.
func with(criteria, parameters string) string {
	if strings.HasSuffix(criteria, "?") {
		return criteria + parameters
	}
	return criteria + "&" + parameters
}

func lastUpdated(resource json.RawMessage) string {
	head, _ := fhir.ReadHead(resource) // what has no meta has no time
	return head.Meta.LastUpdated
}

func (w *Worker) catchUp(ctx context.Context, criteria string) error {
	mark, err := w.watermark(ctx, criteria)
	if err != nil {
		return err
	}
	since, err := time.Parse(time.RFC3339, mark)
	if err != nil {
		return refused{"the watermark cannot be read"}
	}
	newest, last, ordered := since, time.Time{}, true
	known, now := w.seen[criteria], map[string]bool{}
	// Queries take a time without its fraction more readily than with it.
	from := url.QueryEscape(since.Add(-overlap).UTC().Format(time.RFC3339))
	err = w.config.Server.Search(ctx, with(criteria, "_lastUpdated=ge"+from+"&_sort=_lastUpdated&_count=100"), func(f client.Found) error {
		name := fhir.NameOf(f.Resource)
		if name == "" || f.Included {
			return nil
		}
		version := versionOf(f.Resource)
		at, err := time.Parse(time.RFC3339, lastUpdated(f.Resource))
		// What was found within the overlap last time has its job.
		found := name + "/_history/" + version
		if !known[found] || version == "" {
			if err := w.config.Queue.Add(ctx, queue.Job{Document: name, Version: version, Source: "catch-up"}); err != nil {
				return err
			}
		}
		now[found] = true
		if err == nil {
			ordered = ordered && !at.Before(last)
			last = at
			if at.After(newest) {
				newest = at
			}
		}
		return nil
	})
	if !ordered && err != nil { // then nothing is known of what has not been seen
		return explainFound(err)
	}
	if newest.After(since) {
		if err := w.config.Queue.Keep(ctx, key(criteria), newest.UTC().Format(time.RFC3339Nano)); err != nil {
			return explainFound(err)
		}
	}
	if len(now) <= maxSeen {
		w.seen[criteria] = now
	}
	return explainFound(err)
}

// maxSeen bounds the versions that are remembered of a catch-up.
const maxSeen = 200_000

// explainFound says what an error of a search for documents means for the job.
func explainFound(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrFull), errors.Is(err, queue.ErrStore):
		return later{"the queue takes no jobs"}
	}
	return explain("the search for documents", err)
}
