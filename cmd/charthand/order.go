package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// inOrder works on several inputs side by side and finishes them one after the other, in the order in which they were given:
// while the model reads the windows of one note, the next is already taken apart into tokens.
type inOrder struct {
	parent  context.Context
	ctx     context.Context // ends with the first error too
	group   *errgroup.Group
	waiting chan chan func() error
}

// newInOrder starts with nothing to do. Two inputs for each processor are under way at most. Whoever calls it calls wait.
func newInOrder(parent context.Context) *inOrder {
	group, ctx := errgroup.WithContext(parent)
	o := &inOrder{parent, ctx, group, make(chan chan func() error, 2*runtime.GOMAXPROCS(0)-1)}
	group.Go(func() error {
		for finish := range o.waiting {
			select {
			case f := <-finish:
				if err := f(); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return o
}

// add calls work beside other work, and what work returns when all that was added before is finished. Its own error says that
// the run is over, and wait says why; work sees that by its context.
func (o *inOrder) add(work func(ctx context.Context) (finish func() error)) error {
	finish := make(chan func() error, 1)
	select {
	case o.waiting <- finish:
	case <-o.ctx.Done():
		return o.ctx.Err()
	}
	o.group.Go(func() error {
		done := func() error { return nil }
		defer func() {
			if v := recover(); v != nil { // its value could hold text of the note
				done = func() error { return fmt.Errorf("working on an input panicked with a %T", v) }
			}
			finish <- done
		}()
		done = work(o.ctx)
		return nil
	})
	return nil
}

// wait waits for all that was added, and gives the first error of a finish, or that of the context that ended.
func (o *inOrder) wait() error {
	close(o.waiting)
	return cmp.Or(o.group.Wait(), o.parent.Err())
}
