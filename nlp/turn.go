package nlp

import (
	"context"
	"slices"
	"sync"
)

// windowsATurn is how many windows of one text are read before the next text has its turn: a note of 8,000 characters, so that most are read
// at once, and one of a million keeps nobody waiting for long.
const windowsATurn = 16

// turns lets texts be read in the order in which they came: one that has its turn takes every place of the model that gets free, and the next
// begins where it leaves one. Were they all read at once, each would take as long as all.
type turns struct {
	turn   chan struct{} // one place
	places chan struct{} // as many as the model has workers
}

func newTurns(workers int) turns {
	return turns{make(chan struct{}, 1), make(chan struct{}, workers)}
}

// each has every window read: begin starts that and returns, and leave is called when it is done. Where the context ends first, the error says so.
func (t turns) each(ctx context.Context, windows []window, begin func(w window, leave func())) error {
	reads := sync.OnceFunc(func() { Reading(ctx) })
	for some := range slices.Chunk(windows, windowsATurn) {
		if err := t.some(ctx, some, func(w window) {
			reads()
			begin(w, func() { <-t.places })
		}); err != nil {
			return err
		}
	}
	return nil
}

// some is one turn.
func (t turns) some(ctx context.Context, windows []window, begin func(window)) error {
	if err := take(ctx, t.turn); err != nil {
		return err
	}
	defer func() { <-t.turn }()
	for _, w := range windows {
		if err := take(ctx, t.places); err != nil {
			return err
		}
		begin(w)
	}
	return nil
}

// take waits for a place until the context ends.
func take(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type readingKey struct{}

// OnReading gives a context in which begun is called each time that a model begins with a text: until then, the text waits for others.
func OnReading(ctx context.Context, begun func()) context.Context {
	return context.WithValue(ctx, readingKey{}, begun)
}

// Reading tells whoever asked with OnReading that a model begins with a text.
func Reading(ctx context.Context) {
	if begun, asked := ctx.Value(readingKey{}).(func()); asked {
		begun()
	}
}
