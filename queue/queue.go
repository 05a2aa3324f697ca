// Package queue keeps jobs until they are done, through restarts and outages: on NATS JetStream, embedded with a file store, or an existing
// cluster. A job names a document and holds nothing of it.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Job is a document that has to be read, or a search for what is new. It holds references, never text.
type Job struct {
	// Document is "Type/id" on the FHIR server.
	Document string `json:"document,omitempty"`
	// CatchUp asks for a search for the documents that are new on the server; Document is empty then.
	CatchUp bool `json:"catchUp,omitempty"`
	// Subscription is the one ("Subscription/id") of whose events those from First to Last were missed; empty where nothing is known of that.
	Subscription string `json:"subscription,omitempty"`
	First        int64  `json:"first,omitempty"`
	Last         int64  `json:"last,omitempty"`
	// Version is the document's as the notification had it, empty where it did not say. The one that is read is the newest.
	Version string `json:"version,omitempty"`
	// Source is where the job comes from: a hook's name, "catch-up" or "backfill".
	Source string `json:"source,omitempty"`
	// Added is when it was stored.
	Added time.Time `json:"added"`
}

// id is what tells a job from another: the same version of a document is one job, however often it is told.
func (j Job) id() string {
	if j.CatchUp {
		return fmt.Sprintf("catch-up@%d", j.Added.UnixNano())
	}
	if j.Version == "" {
		return fmt.Sprintf("%s@%d", j.Document, j.Added.UnixNano())
	}
	return j.Document + "/_history/" + j.Version
}

// Config is what a Queue needs: Dir or URL.
type Config struct {
	// Dir is the folder of the embedded server's files; it is made with mode 0700. Several programs may open one: the first owns the server,
	// the others connect to it.
	Dir string
	// URL is an existing NATS cluster with JetStream ("nats://host:4222"), perhaps with a user's name and password.
	URL string
	// Own says that this program has to own the folder, as one that runs for long does: where another does, its end is waited for, for 30 s at the
	// most. A program that only connects has no queue any more when the owner ends.
	Own bool
	// MaxJobs bounds the jobs that wait, 100,000 by default. One more is refused.
	MaxJobs int64
	// KeepDone is how long it is remembered that a job was done, 7 days by default; KeepDead how long what came of nothing is, 90 days.
	KeepDone, KeepDead time.Duration
	// Patience is how long a handler may be silent before another takes its job, 30 s by default.
	Patience time.Duration
	// Duplicates is how long a job that is told again is known, 10 minutes by default.
	Duplicates time.Duration
}

// Validate fills the defaults and says what is wrong.
func (c *Config) Validate() error {
	if (c.Dir == "") == (c.URL == "") {
		return errors.New("queue: either a folder or an address is needed")
	}
	if c.MaxJobs < 0 || c.KeepDone < 0 || c.KeepDead < 0 || c.Patience < 0 || c.Duplicates < 0 {
		return errors.New("queue: a limit is negative")
	}
	orDefault(&c.MaxJobs, 100_000)
	orDefault(&c.KeepDone, 7*24*time.Hour)
	orDefault(&c.KeepDead, 90*24*time.Hour)
	orDefault(&c.Patience, 30*time.Second)
	orDefault(&c.Duplicates, 10*time.Minute)
	return nil
}

func orDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Errors of Add.
var (
	// ErrFull says that as many jobs wait as may.
	ErrFull = errors.New("queue: full")
	// ErrStore says that a job could not be stored: it has to be told again.
	ErrStore = errors.New("queue: not stored")
)

// The streams and subjects.
const (
	jobsStream, jobsSubject = "CHARTHAND_JOBS", "charthand.jobs"
	deadStream, deadSubject = "CHARTHAND_DEAD", "charthand.dead"
	doneStream, doneSubject = "CHARTHAND_DONE", "charthand.done"
	stateBucket             = "charthand_state"
	workers                 = "workers"
)

// catchUp is the source of a search that the queue itself asks for.
const catchUp = "catch-up"

// Queue holds jobs. It is safe for concurrent use.
type Queue struct {
	config Config
	// limited says that the limits are this program's to set; else what is there keeps its own.
	limited  bool
	embedded *server.Server // nil where the server is another program's
	unlock   func()
	conn     *nats.Conn
	js       jetstream.JetStream
	jobs     jetstream.Stream
	dead     jetstream.Stream
	consumer jetstream.Consumer
	state    jetstream.KeyValue
	stuck    stuck
}

// Open opens the queue, and makes what of it is not there.
func Open(ctx context.Context, config Config) (*Queue, error) {
	said := config.MaxJobs != 0 || config.KeepDone != 0 || config.KeepDead != 0
	if err := config.Validate(); err != nil {
		return nil, err
	}
	q := &Queue{config: config, limited: said}
	if err := q.connect(ctx); err != nil {
		return nil, err
	}
	if err := q.prepare(ctx); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// prepare makes the streams.
func (q *Queue) prepare(ctx context.Context) (err error) {
	if q.js, err = jetstream.New(q.conn); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	stream := func(name, subject string, change func(*jetstream.StreamConfig)) (jetstream.Stream, error) {
		if held, err := q.js.Stream(ctx, name); err == nil && !q.limited {
			return held, nil
		}
		config := jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage}
		change(&config)
		made, err := q.js.CreateOrUpdateStream(ctx, config)
		if err != nil {
			return nil, fmt.Errorf("queue: the stream %s: %w", name, err)
		}
		return made, nil
	}
	if q.jobs, err = stream(jobsStream, jobsSubject, func(c *jetstream.StreamConfig) {
		c.Retention, c.Discard, c.MaxMsgs, c.Duplicates = jetstream.WorkQueuePolicy, jetstream.DiscardNew, q.config.MaxJobs, q.config.Duplicates
	}); err != nil {
		return err
	}
	if q.dead, err = stream(deadStream, deadSubject, func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxMsgs = q.config.KeepDead, q.config.MaxJobs }); err != nil {
		return err
	}
	if _, err = stream(doneStream, doneSubject, func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxMsgs = q.config.KeepDone, 10*q.config.MaxJobs }); err != nil {
		return err
	}
	if q.state, err = q.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: stateBucket, Storage: jetstream.FileStorage}); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if q.consumer, err = q.jobs.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: workers, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.config.Patience, MaxDeliver: -1, MaxAckPending: 10_000,
	}); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// Close disconnects, and stops the embedded server. No handler may be under way.
func (q *Queue) Close() {
	if q.conn != nil {
		q.conn.Close()
	}
	if q.embedded != nil {
		q.embedded.Shutdown()
		q.embedded.WaitForShutdown()
	}
	if q.unlock != nil {
		q.unlock()
	}
}

// Add stores a job. It returns when that is on disk; a job that is there already is none.
func (q *Queue) Add(ctx context.Context, job Job) error {
	if job.Added.IsZero() {
		job.Added = time.Now().UTC()
	}
	encoded, err := json.Marshal(job)
	if err != nil {
		return err
	}
	if err := q.unstick(); err != nil {
		return err
	}
	err = q.publish(ctx, jobsSubject, encoded, jetstream.WithMsgID(job.id()), jetstream.WithRetryAttempts(0))
	var refused *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.ErrorCode == maximumMessages:
		return ErrFull
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

// maximumMessages is JetStream's error code for a stream that is full, in its general form.
const maximumMessages jetstream.ErrorCode = 10077

// Writable says why no job can be stored, nil where one can.
func (q *Queue) Writable(ctx context.Context) error {
	if !q.conn.IsConnected() {
		return ErrStore
	}
	if q.stuck.is.Load() { // only a job shows whether jobs are taken again, and a search finds what was not
		if err := q.Add(ctx, Job{CatchUp: true, Source: catchUp}); err != nil {
			return err
		}
	}
	info, err := q.jobs.Info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	if info.State.Msgs >= uint64(q.config.MaxJobs) { //nolint:gosec // not negative
		return ErrFull
	}
	return nil
}

// Depth is how many jobs wait or are under way, and how many came to nothing.
func (q *Queue) Depth(ctx context.Context) (waiting, dead uint64, err error) {
	jobs, err := q.jobs.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("queue: %w", err)
	}
	gone, err := q.dead.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("queue: %w", err)
	}
	return jobs.State.Msgs, gone.State.Msgs, nil
}

// State gives what was kept under a name, empty where nothing was.
func (q *Queue) State(ctx context.Context, name string) (string, error) {
	entry, err := q.state.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("queue: %w", err)
	}
	return string(entry.Value()), nil
}

// Keep keeps a value under a name, of letters, digits, dots, dashes and underscores.
func (q *Queue) Keep(ctx context.Context, name, value string) error {
	if _, err := q.state.PutString(ctx, name, value); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}
