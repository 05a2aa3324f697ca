package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"charthand/fhir/client"
)

// AuditServer is what AuditEvents are written to: *client.Client is one.
type AuditServer interface {
	Create(ctx context.Context, resourceType, condition string, resource any) (*client.Answer, error)
}

// Ending is what came of an AuditEvent.
type Ending string

// The endings. What is refused or dropped is in the log, as every access is.
const (
	Sent    Ending = "sent"
	Refused Ending = "refused" // by the server
	Dropped Ending = "dropped" // too many waited, or the program ended
)

// RecorderConfig is what a Recorder needs; Server is required.
type RecorderConfig struct {
	Server AuditServer
	// Own says that Server is the one that documents and patients are on: events refer to them there, elsewhere they name them.
	Own bool
	// Observe is told what came of each record; nil where nobody counts.
	Observe func(Ending)
	// Logger is told what could not be written; by default nobody is.
	Logger *slog.Logger
	// Waiting is how many records may wait: 1,000 by default.
	Waiting int
}

// Recorder writes accesses to a FHIR server as AuditEvents. It is safe for concurrent use.
type Recorder struct {
	config  RecorderConfig
	waiting chan Record
}

const (
	defaultWaiting = 1000
	// firstWait and maxWait bound the time between two tries while the server does not answer, flushTime that for what waits when the program ends.
	firstWait = time.Second
	maxWait   = time.Minute
	flushTime = 5 * time.Second
	// maxFaults is how often the server may fail over one record (500): those that wait behind it are worth more.
	maxFaults = 5
)

// NewRecorder makes a Recorder; Run does its work.
func NewRecorder(config RecorderConfig) *Recorder {
	if config.Waiting <= 0 {
		config.Waiting = defaultWaiting
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Observe == nil {
		config.Observe = func(Ending) {}
	}
	return &Recorder{config: config, waiting: make(chan Record, config.Waiting)}
}

// Record takes a record, at once: an access waits for no audit. Where too many wait it is dropped, and that is counted.
func (r *Recorder) Record(record Record) {
	if record.isTurnedAway() && len(r.waiting) >= cap(r.waiting)/2 {
		r.drop(record, "too many of unknown callers wait")
		return
	}
	select {
	case r.waiting <- record:
	default:
		r.drop(record, "too many wait")
	}
}

// isTurnedAway reports whether nobody knows who made an access: anybody who reaches the port can make such records, as many as they like.
func (r Record) isTurnedAway() bool { return r.Status == http.StatusUnauthorized }

func (r *Recorder) drop(record Record, why string) {
	r.config.Observe(Dropped)
	r.config.Logger.Error("audit event dropped", "request", record.Request, "reason", why)
}

// Run writes records until the context ends, and what waits then within a few seconds.
func (r *Recorder) Run(ctx context.Context) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(flushTime):
			cancel()
		case <-writing.Done():
		}
	})()
	for {
		select {
		case record := <-r.waiting:
			r.write(writing, record)
			continue
		case <-ctx.Done():
		}
		break
	}
	for {
		select {
		case record := <-r.waiting:
			r.write(writing, record)
		default:
			return
		}
	}
}

// write writes a record, as often as it takes while the server may take it later.
func (r *Recorder) write(ctx context.Context, record Record) {
	local := r.config.Own && (len(record.Documents) > 0 || record.Patient != "")
	faults := 0 // times that the server has failed over it
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		_, err := r.config.Server.Create(ctx, "AuditEvent", "", record.AuditEvent(local))
		var refused *client.StatusError
		switch {
		case err == nil:
			r.config.Observe(Sent)
			return
		case ctx.Err() != nil:
			r.drop(record, "charthand ends")
			return
		case errors.As(err, &refused) && refused.Status == http.StatusInternalServerError:
			faults++
		}
		switch refusedForGood := !client.IsTemporary(err) || faults == maxFaults; {
		case local && refused != nil && refusedForGood:
			local, faults = false, 0 // a document that came with the request need not be on the server
			continue
		case refusedForGood:
			r.config.Observe(Refused)
			r.config.Logger.Error("audit event refused", "request", record.Request, "reason", err.Error())
			return
		}
		r.config.Logger.Warn("audit events wait", "type", fmt.Sprintf("%T", err), "waiting", len(r.waiting)+1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}
