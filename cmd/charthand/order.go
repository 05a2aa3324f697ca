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
	group   *errgroup.Group
	waiting chan chan func() error
	ended   <-chan struct{} // closed with the first error, or when the caller's context ends
	stopped func() error    // why the caller's context ended
}

// newInOrder starts with nothing to do. Two inputs for each processor are under way at most. The context ends with the first
// error; work is to heed it. Whoever calls newInOrder calls wait.
func newInOrder(parent context.Context) (*inOrder, context.Context) {
	group, ctx := errgroup.WithContext(parent)
	o := &inOrder{group, make(chan chan func() error, 2*runtime.GOMAXPROCS(0)-1), ctx.Done(), parent.Err}
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
	return o, ctx
}

// add calls work beside other work, and what work returns when all that was added before is finished. Its own error says that
// the run is over, and wait says why.
func (o *inOrder) add(work func() (finish func() error)) error {
	finish := make(chan func() error, 1)
	select {
	case o.waiting <- finish:
	case <-o.ended:
		return context.Canceled
	}
	o.group.Go(func() error {
		done := func() error { return nil }
		defer func() {
			if v := recover(); v != nil { // its value could hold text of the note
				done = func() error { return fmt.Errorf("working on an input panicked with a %T", v) }
			}
			finish <- done
		}()
		done = work()
		return nil
	})
	return nil
}

// wait waits for all that was added, and gives the first error of a finish, or that of the context that ended; else what ended the
// adding, which is often only what follows from them.
func (o *inOrder) wait(adding error) error {
	close(o.waiting)
	return cmp.Or(o.group.Wait(), o.stopped(), adding)
}
