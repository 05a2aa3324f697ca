package access

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds how often each caller may ask: so many times a second, and so many at once. It is safe for concurrent use.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	now       func() time.Time

	mutex   sync.Mutex
	callers map[string]*list.Element
	order   *list.List // of *counted, the one that asked last in front
}

type counted struct {
	name    string
	limiter *rate.Limiter
}

// maxCallers bounds how many callers are counted; the one that asked longest ago is forgotten.
const maxCallers = 10_000

// NewLimiter makes a Limiter; now may be nil.
func NewLimiter(perSecond float64, burst int, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{perSecond: rate.Limit(perSecond), burst: max(1, burst), now: now, callers: map[string]*list.Element{}, order: list.New()}
}

// Allow counts a request of a caller; wait is how long it has to wait where it asks too often, 0 where it may ask.
func (l *Limiter) Allow(name string) (wait time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	at, known := l.callers[name]
	if !known {
		at = l.order.PushFront(&counted{name, rate.NewLimiter(l.perSecond, l.burst)})
		l.callers[name] = at
		if l.order.Len() > maxCallers {
			last := l.order.Back()
			if c, is := last.Value.(*counted); is {
				delete(l.callers, c.name)
			}
			l.order.Remove(last)
		}
	}
	l.order.MoveToFront(at)
	c, is := at.Value.(*counted)
	if !is {
		return 0
	}
	now := l.now()
	reservation := c.limiter.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return delay
	}
	return 0
}
