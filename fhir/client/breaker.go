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

// enter says whether a request may be made; each that may is followed by leave.
func (b *breaker) enter() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.failures < breakAfter {
		return nil
	}
	if b.trying || b.now().Before(b.until) {
		return ErrDown
	}
	b.trying = true
	return nil
}

// leave tells how a request ended.
func (b *breaker) leave(answered bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.trying = false
	if answered {
		b.failures, b.wait = 0, 0
		return
	}
	if b.failures++; b.failures >= breakAfter {
		b.wait = min(max(firstClosing, 2*b.wait), maxClosing)
		b.until = b.now().Add(b.wait)
	}
}
