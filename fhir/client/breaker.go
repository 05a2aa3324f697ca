package client

import (
	"sync"
	"time"
)

// ErrDown says that the server has failed so often in a row that nothing is asked of it for a while.
var ErrDown error = failure{"the FHIR server is down: nothing is asked of it for a while", true}

// How many failures in a row open the breaker, and for how long.
const (
	breakAfter   = 5
	firstClosing = time.Second
	maxClosing   = 30 * time.Second
)

// breaker keeps requests from a server that is down: after some failures in a row it lets none through for a while, then one to try, and all
// again once that succeeds. Each try that fails doubles the while.
type breaker struct {
	mutex    sync.Mutex
	failures int
	wait     time.Duration
	until    time.Time
	trying   bool
	now      func() time.Time
}

// ending is how a request ended.
type ending int

const (
	answered  ending = iota // the server is there
	failed                  // it is not
	cancelled               // nobody waited for it
)

// enter says whether a request may be made, and whether it is the one that tries a server that was down; each that may is followed by leave.
func (b *breaker) enter() (isTry bool, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.failures < breakAfter {
		return false, nil
	}
	if b.trying || b.now().Before(b.until) {
		return false, ErrDown
	}
	b.trying = true
	return true, nil
}

// leave tells how a request ended. Failures of those that were under way when the breaker opened change nothing.
func (b *breaker) leave(isTry bool, how ending) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if isTry {
		b.trying = false
	}
	switch {
	case how == answered:
		b.failures, b.wait = 0, 0
	case how == failed && (isTry || b.failures < breakAfter):
		if b.failures++; b.failures >= breakAfter {
			b.wait = min(max(firstClosing, 2*b.wait), maxClosing)
			b.until = b.now().Add(b.wait)
		}
	}
}
