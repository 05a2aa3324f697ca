package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// stuck is that something could not be stored. The embedded server takes nothing more then until its store is opened anew, though there be room
// on the disk again, and looks well all the same.
type stuck struct {
	is     atomic.Bool
	trying sync.Mutex
	tried  time.Time
}

// betweenTries is how long a store that is stuck is left alone: longer than it is waited for.
const betweenTries = 6 * time.Second

// publish stores a message, and remembers whether that went well.
func (q *Queue) publish(ctx context.Context, subject string, data []byte, options ...jetstream.PublishOpt) error {
	_, err := q.js.Publish(ctx, subject, data, options...)
	var refused *jetstream.APIError
	switch {
	case err == nil:
		q.stuck.is.Store(false)
	case !errors.Is(err, context.Canceled) && !errors.As(err, &refused): // an answer is one of a server that works
		q.stuck.is.Store(true)
	}
	return err
}

// unstick lets a store that is stuck be tried again, from time to time; the error says that it is not the time.
func (q *Queue) unstick() error {
	if !q.stuck.is.Load() {
		return nil
	}
	if !q.stuck.trying.TryLock() {
		return ErrStore
	}
	defer q.stuck.trying.Unlock()
	if time.Since(q.stuck.tried) < betweenTries {
		return ErrStore
	}
	q.stuck.tried = time.Now()
	if q.embedded == nil {
		return nil
	}
	// What is under way meanwhile is not acknowledged, and done again.
	if err := errors.Join(q.embedded.ShutdownJetStream(), q.embedded.EnableJetStream(q.store())); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}
