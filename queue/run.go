package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Handler does a job. It may be called again with a job that it has done: after a failure, or where its answer was lost. An error that is
// Temporary means that the job waits; any other ends it as a dead letter.
type Handler func(ctx context.Context, job Job) error

// temporary is an error that may be none later.
type temporary interface {
	error
	Temporary() bool
}

// How long a job waits after a failure that may pass: growing from the first to the last, with some chance in it.
const (
	firstWait = time.Second
	lastWait  = 5 * time.Minute
	sayTime   = 5 * time.Second // bounds the time that it takes to say what came of a job
)

// Run does jobs, so many at once, until the context ends. It returns when no handler is under way any more.
func (q *Queue) Run(ctx context.Context, atOnce int, handle Handler) error {
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for ctx.Err() == nil {
				message, err := q.consumer.Next(jetstream.FetchContext(ctx))
				if err != nil {
					pause(ctx, err)
					continue
				}
				q.do(ctx, message, handle)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// pause waits before jobs are asked for again, where that failed for another reason than that there are none.
func pause(ctx context.Context, err error) {
	if errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond):
	}
}

// do does one job, and says what came of it. While it is under way, the server is told so.
func (q *Queue) do(ctx context.Context, message jetstream.Msg, handle Handler) {
	var job Job
	if err := json.Unmarshal(message.Data(), &job); err != nil {
		q.bury(ctx, message, job, "not a job")
		return
	}
	working, stop := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() {
		beat := time.NewTicker(q.config.Patience / 3)
		defer beat.Stop()
		for {
			select {
			case <-working.Done():
				return
			case <-beat.C:
				_ = message.InProgress() // if that is lost, the next one counts
			}
		}
	})
	err := handle(working, job)
	stop()
	beating.Wait()
	var passing temporary
	// What was done is said also while charthand stops.
	saying, done := context.WithTimeout(context.WithoutCancel(ctx), sayTime)
	defer done()
	switch {
	case err == nil:
		// First the record, then the acknowledgement: what is lost between the two is done again, and that changes nothing.
		if record, err := json.Marshal(Done{job, time.Now().UTC()}); err == nil {
			_ = q.publish(saying, doneSubject, record)
		}
		_ = message.DoubleAck(saying)
	case ctx.Err() != nil:
		_ = message.Nak() // the next start does it
	case errors.As(err, &passing) && passing.Temporary():
		_ = message.NakWithDelay(wait(message))
	default:
		q.bury(saying, message, job, err.Error())
	}
}

// wait gives the time until a job is tried again.
func wait(message jetstream.Msg) time.Duration {
	tries := uint64(1)
	if metadata, err := message.Metadata(); err == nil {
		tries = metadata.NumDelivered
	}
	longest := min(firstWait<<min(tries-1, 20), lastWait)
	return longest/2 + rand.N(longest/2+1) //nolint:gosec // no secret
}

// Done is a job that was done.
type Done struct {
	Job
	Done time.Time `json:"done"`
}

// Dead is a job that came to nothing.
type Dead struct {
	Job
	// Reason is why; it holds nothing of the note.
	Reason string    `json:"reason"`
	Died   time.Time `json:"died"`
}

// bury makes a job a dead letter.
func (q *Queue) bury(ctx context.Context, message jetstream.Msg, job Job, reason string) {
	letter, err := json.Marshal(Dead{job, reason, time.Now().UTC()})
	if err == nil {
		err = q.publish(ctx, deadSubject, letter)
	}
	if err != nil {
		_ = message.NakWithDelay(wait(message))
		return
	}
	_ = message.DoubleAck(ctx)
}

// Item is a job in the queue or among the dead letters.
type Item struct {
	// Number names it for Retry and Drop.
	Number uint64 `json:"number"`
	Dead
}

// Waiting calls a function with each job that waits or is under way, the oldest first.
func (q *Queue) Waiting(ctx context.Context, each func(Item) error) error {
	return read(ctx, q.jobs, each)
}

// DeadLetters calls a function with each job that came to nothing, the oldest first.
func (q *Queue) DeadLetters(ctx context.Context, each func(Item) error) error {
	return read(ctx, q.dead, each)
}

func read(ctx context.Context, stream jetstream.Stream, each func(Item) error) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for at := info.State.FirstSeq; at <= info.State.LastSeq && info.State.Msgs > 0; at++ {
		message, err := stream.GetMsg(ctx, at)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // done, or dropped
		}
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		item := Item{Number: at}
		if json.Unmarshal(message.Data, &item.Dead) != nil {
			continue
		}
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

// Retry puts a dead letter back into the queue.
func (q *Queue) Retry(ctx context.Context, number uint64) error {
	message, err := q.dead.GetMsg(ctx, number)
	if err != nil {
		return missing(number, err)
	}
	var letter Dead
	if err := json.Unmarshal(message.Data, &letter); err != nil {
		return fmt.Errorf("queue: dead letter %d cannot be read", number)
	}
	job := letter.Job
	job.Added, job.Version = time.Now().UTC(), "" // so that it is no duplicate of what came to nothing
	if err := q.Add(ctx, job); err != nil {
		return err
	}
	return q.Drop(ctx, number)
}

// Drop forgets a dead letter.
func (q *Queue) Drop(ctx context.Context, number uint64) error {
	if err := q.dead.DeleteMsg(ctx, number); err != nil {
		return missing(number, err)
	}
	return nil
}

func missing(number uint64, err error) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("queue: there is no dead letter %d", number)
	}
	return fmt.Errorf("queue: %w", err)
}
