// Package sync works beside a FHIR server: it reads the documents that jobs name, and writes back what they say, so that the same job may be
// done any number of times and what people have changed stays.
package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/fhir/smart"
	"charthand/queue"
	"charthand/tracing"
)

// Extractor is what a Worker needs of the line from document to Bundle.
type Extractor interface {
	Extract(ctx context.Context, document *fhir.Document) (*extract.Result, error)
}

// Server is what a Worker needs of a FHIR server.
type Server interface {
	Read(ctx context.Context, reference string) (json.RawMessage, error)
	Search(ctx context.Context, query string, each func(client.Found) error) error
	Create(ctx context.Context, resourceType, condition string, resource any) (*client.Answer, error)
	Update(ctx context.Context, target, version string, resource any) (*client.Answer, error)
	Transaction(ctx context.Context, bundle *fhir.Bundle) ([]client.Entry, error)
	// AddMeta adds to the meta of a resource ("Type/id"), without a new version of it.
	AddMeta(ctx context.Context, reference string, meta any) error
}

// Queue is what a catch-up needs of a queue.
type Queue interface {
	Add(ctx context.Context, job queue.Job) error
	State(ctx context.Context, name string) (string, error)
	Keep(ctx context.Context, name, value string) error
}

// DefaultCriteria find all documents that may hold a note.
var DefaultCriteria = []string{"DocumentReference?", "DiagnosticReport?"}

// Config is what a Worker needs. Server and Extractor are required.
type Config struct {
	Server    Server
	Extractor Extractor
	// Queue takes the jobs that a catch-up finds, and keeps how far it has come. It may be nil where nothing is caught up.
	Queue Queue
	// Criteria are the searches that find the documents to read, DefaultCriteria by default.
	Criteria []string
	// Tag marks documents that have been read, on the server; nil for no mark.
	Tag *Tag
	// Events says that the server has the operation $events of a Subscription, and so can tell which events were missed.
	Events bool
	// Transactions says that the server does transactions; else each resource is written by itself.
	Transactions bool
	// Logger takes a record for each job, without anything of a note. By default nothing is logged.
	Logger *slog.Logger
}

// Tag is a tag of a resource's meta.
type Tag struct {
	System string `json:"system" yaml:"system"`
	Code   string `json:"code" yaml:"code"`
}

// Worker does jobs. It is safe for concurrent use.
type Worker struct {
	config    Config
	documents keyed
	tries     tries
	device    device
	// caughtUp is when the last catch-up that succeeded began; seen are the versions that it found within the overlap, by search.
	caughtUp time.Time
	seen     map[string]map[string]bool
}

// New makes a Worker.
func New(config Config) (*Worker, error) {
	if config.Server == nil || config.Extractor == nil {
		return nil, errors.New("sync: a server and an extractor are needed")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if len(config.Criteria) == 0 {
		config.Criteria = DefaultCriteria
	}
	return &Worker{config: config, seen: map[string]map[string]bool{}}, nil
}

// refused is why a job comes to nothing; it holds nothing of the note.
type refused struct{ why string }

func (r refused) Error() string { return r.why }

// later is why a job has to wait.
type later struct{ why string }

func (l later) Error() string   { return l.why }
func (l later) Temporary() bool { return true }

// maxRounds bounds how often a document that changes while it is read is read anew at once.
const maxRounds = 5

// Handle does a job: it reads the newest version of the document, and writes what that says. It is a queue.Handler.
func (w *Worker) Handle(ctx context.Context, job queue.Job) error {
	if job.CatchUp {
		return w.catchUpFor(ctx, job)
	}
	unlock, err := w.documents.lock(ctx, job.Document)
	if err != nil {
		return err
	}
	defer unlock()
	begun := time.Now()
	for range maxRounds {
		reading, end := tracing.Begin(ctx, "read document", tracing.Document.String(job.Document))
		version, err := w.once(reading, job)
		end(err)
		if err != nil {
			err = w.tried(ctx, job, err)
			w.config.Logger.Info("job failed", "document", job.Document, "source", job.Source, "ms", time.Since(begun).Milliseconds(), "reason", err.Error())
			return err
		}
		// A newer version that came meanwhile may have been written before: what this one said must not stand after it.
		now, err := w.version(ctx, job.Document)
		if err != nil {
			return err
		}
		if now == version {
			w.tries.succeed(job.Document)
			w.config.Logger.Info("job done", "document", job.Document, "source", job.Source, "ms", time.Since(begun).Milliseconds())
			return nil
		}
	}
	return later{"the document changes faster than it is read"}
}

// tried gives the error of a job that has failed: one that waits comes to nothing in the end where it is alone with that.
func (w *Worker) tried(ctx context.Context, job queue.Job, err error) error {
	var conflict conflict
	isConflict := errors.As(err, &conflict)
	switch {
	case ctx.Err() != nil || !client.IsTemporary(err), errors.Is(err, client.ErrDown):
		return err
	case w.tries.fail(job.Document, !isConflict):
		return refused{fmt.Sprintf("tried %d times: %v", maxTries, err)}
	}
	return err
}

// conflict is why a job has to wait whose facts are not any more what they were when they were looked up.
type conflict struct{ later }

// unauthorized is why a job has to wait until charthand may do what it has to do.
type unauthorized struct{ later }

func isUnauthorized(err error) bool {
	var is unauthorized
	return errors.As(err, &is)
}

// version gives a document's present version.
func (w *Worker) version(ctx context.Context, name string) (string, error) {
	raw, err := w.config.Server.Read(ctx, name)
	if err != nil {
		return "", explain("the document", err)
	}
	return versionOf(raw), nil
}

func versionOf(raw json.RawMessage) string {
	head, _ := fhir.ReadHead(raw) // what has no meta has no version
	return head.Meta.VersionID
}

// once reads a document and writes what it says, and gives the version that it has read.
func (w *Worker) once(ctx context.Context, job queue.Job) (version string, err error) {
	raw, err := w.config.Server.Read(ctx, job.Document)
	if err != nil {
		return "", explain("the document", err)
	}
	version = versionOf(raw)
	documents, err := fhir.ReadDocuments(raw)
	if err != nil {
		return version, asRefusal(err)
	}
	document := documents[0]
	if document.Name() != job.Document {
		return version, refused{"the server gave another resource than " + job.Document}
	}
	if document.Type == fhir.DiagnosticReport && document.Standing == fhir.Current && len(document.Attachments) == 0 {
		return version, nil // a report of values, no note
	}
	related, err := w.related(ctx, document)
	if err != nil {
		return version, err
	}
	known := append(related, raw)
	if document.Standing == fhir.Current && len(replacements(document, known)) > 0 {
		w.config.Logger.Info("skipped", "document", job.Document, "reason", "another document replaces it")
		return version, nil
	}
	if document.Beside, err = w.beside(ctx, document, known); err != nil {
		return version, err
	}
	result, err := w.config.Extractor.Extract(ctx, document)
	var fault *fhir.Fault
	switch {
	case errors.As(err, &fault):
		if isSkipped(fault) {
			return version, nil
		}
		return version, asRefusal(err)
	case err != nil:
		if ctx.Err() != nil {
			return version, ctx.Err()
		}
		return version, fmt.Errorf("the note could not be read: %T", err)
	}
	if reviewed, err := w.isReviewed(ctx, result.Bundle, document.Beside); err != nil {
		return version, err
	} else if reviewed {
		return version, errChanged
	}
	written, err := w.write(ctx, result.Bundle)
	if err != nil {
		return version, err
	}
	w.config.Logger.Info("written", "document", job.Document, "characters", result.Characters, "written", result.Written, "left", result.Left,
		"conflicts", result.Conflicts, "retracted", result.Retracted, "refused", len(written.refused))
	if len(written.refused) > 0 {
		w.config.Logger.Warn("facts refused", "document", job.Document, "facts", written.reasons())
	}
	if len(written.refused) > 0 && written.done == 0 {
		return version, refused{"the server takes none of the facts: " + strings.Join(written.reasons(), "; ")}
	}
	if err := w.tellReplacements(ctx, document); err != nil {
		return version, err
	}
	if w.config.Tag != nil {
		if err := w.config.Server.AddMeta(ctx, job.Document, map[string]any{"tag": []Tag{*w.config.Tag}}); err != nil {
			return version, explain("the tag of the document", err)
		}
	}
	return version, nil
}

// tellReplacements adds jobs for the documents that have come to replace one while it was written: they may have been read before that.
func (w *Worker) tellReplacements(ctx context.Context, document *fhir.Document) error {
	if w.config.Queue == nil || document.Standing != fhir.Current {
		return nil
	}
	related, err := w.related(ctx, document)
	if err != nil {
		return err
	}
	for _, name := range replacements(document, related) {
		if err := w.config.Queue.Add(ctx, queue.Job{Document: name, Source: "replaced"}); err != nil {
			return explainFound(err)
		}
	}
	return nil
}

// isSkipped reports whether a document is left aside for what it is: that is done, and no failure.
func isSkipped(fault *fhir.Fault) bool {
	for _, issue := range fault.Issues {
		if issue.Severity == fhir.SeverityError && issue.Code != fhir.CodeBusinessRule {
			return false
		}
	}
	return true
}

// asRefusal gives a fault as the reason of a job that comes to nothing, or waits where it may pass.
func asRefusal(err error) error {
	var fault *fhir.Fault
	if !errors.As(err, &fault) {
		return err
	}
	for _, issue := range fault.Issues {
		if issue.Code == fhir.CodeTransient {
			return later{fault.Error()}
		}
	}
	return refused{fault.Error()}
}

// explain says what an error of the server means for a job.
func explain(what string, err error) error {
	var answered *client.StatusError
	var token *smart.Error
	switch {
	case errors.As(err, &token) && !token.Temporary():
		return unauthorized{later{token.Error()}}
	case errors.As(err, &answered) && (answered.Status == http.StatusUnauthorized || answered.Status == http.StatusForbidden):
		return unauthorized{later{fmt.Sprintf("%s: the server answered %d (%s)", what, answered.Status, answered.Outcome.Codes())}}
	case client.IsTemporary(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &answered) && (answered.Status == http.StatusNotFound || answered.Status == http.StatusGone):
		return refused{what + " is not on the server"}
	case errors.As(err, &answered):
		return refused{fmt.Sprintf("%s: the server answered %d (%s)", what, answered.Status, answered.Outcome.Codes())}
	}
	return refused{fmt.Sprintf("%s: %v", what, err)}
}

// NoExtractor is the Extractor of who only wants to know what is new.
type NoExtractor struct{}

// Extract implements Extractor.
func (NoExtractor) Extract(context.Context, *fhir.Document) (*extract.Result, error) {
	return nil, errors.New("sync: nothing is extracted here")
}
