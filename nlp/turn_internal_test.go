package nlp

// In the package itself: turns have no outward form of their own.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Texts are read in the order in which they came, a long one in turns; never more windows at once than there are places.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2)
		var mutex sync.Mutex
		var order strings.Builder
		var running, most int
		begun := map[string]time.Duration{}
		start := time.Now()
		read := func(ctx context.Context, name string, windows int) error {
			var group sync.WaitGroup
			defer group.Wait()
			ctx = OnReading(ctx, func() { begun[name] = time.Since(start) })
			return turns.each(ctx, make([]window, windows), func(_ window, leave func()) {
				group.Go(func() {
					defer leave()
					mutex.Lock()
					order.WriteString(name)
					running++
					most = max(most, running)
					mutex.Unlock()
					time.Sleep(10 * time.Millisecond)
					mutex.Lock()
					running--
					mutex.Unlock()
				})
			})
		}
		var group sync.WaitGroup
		for _, text := range []struct {
			name    string
			windows int
		}{{"a", 20}, {"b", 2}, {"c", 4}} {
			group.Go(func() {
				if err := read(t.Context(), text.name, text.windows); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		hasty, giveUp := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer giveUp()
		if err := read(hasty, "d", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gives up while others are read: %v", err)
		}
		group.Wait()
		if want := strings.Repeat("a", windowsATurn) + "bb" + "cccc" + "aaaa"; order.String() != want || most != 2 {
			t.Errorf("read %s, at most %d at once; want %s", order.String(), most, want)
		}
		if begun["a"] != 0 || begun["b"] != 80*time.Millisecond || begun["c"] != 90*time.Millisecond || len(begun) != 3 {
			t.Errorf("begun %v", begun)
		}
	})
}
