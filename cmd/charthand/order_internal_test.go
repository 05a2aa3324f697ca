package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What is finished comes in the order of what was added, though the first is the last to be worked out.
func TestInOrder(t *testing.T) {
	var used []int
	second := make(chan struct{})
	order, _ := newInOrder(t.Context())
	for i := range 20 {
		err := order.add(func() func() error {
			switch i {
			case 0:
				<-second
			case 1:
				close(second)
			}
			return func() error { used = append(used, i); return nil }
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := order.wait(nil); err != nil {
		t.Fatal(err)
	}
	if len(used) != 20 || !slices.IsSorted(used) {
		t.Errorf("used in the order %v", used)
	}
}

// The first error ends the run: work under way is told, more is not taken, and wait says why.
func TestInOrderEnds(t *testing.T) {
	full := errors.New("disk full")
	order, ctx := newInOrder(t.Context())
	if err := order.add(func() func() error { return func() error { return full } }); err != nil {
		t.Fatal(err)
	}
	var told sync.WaitGroup
	var err error
	for err == nil { // until the error has come round
		told.Add(1)
		if err = order.add(func() func() error {
			defer told.Done()
			<-ctx.Done()
			return func() error { t.Error("used after the end"); return nil }
		}); err != nil {
			told.Done()
		}
	}
	told.Wait()
	if err := order.wait(nil); !errors.Is(err, full) {
		t.Errorf("wait gives %v", err)
	}
}

// A panic in work is an error of the run, which shows nothing of what it was about.
func TestInOrderPanics(t *testing.T) {
	order, _ := newInOrder(t.Context())
	if err := order.add(func() func() error { panic("words of a note") }); err != nil {
		t.Fatal(err)
	}
	if err := order.wait(nil); err == nil || strings.Contains(err.Error(), "words") {
		t.Errorf("wait gives %v", err)
	}
}

// A run that was interrupted says so, though nothing was under way.
func TestInOrderInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	order, _ := newInOrder(ctx)
	interrupt()
	if err := order.wait(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("wait gives %v", err)
	}
}
