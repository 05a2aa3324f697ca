package remote

import (
	"container/list"
	"sync"
	"time"
)

// cache keeps answers for a while, those that were used last.
type cache struct {
	mutex sync.Mutex
	keep  time.Duration
	most  int
	now   func() time.Time
	items map[string]*list.Element
	order *list.List // of *kept, the one used last in front
}

// kept is an answer, with when it is over.
type kept struct {
	request string
	answer  []byte
	until   time.Time
}

func newCache(keep time.Duration, most int, now func() time.Time) *cache {
	return &cache{keep: keep, most: most, now: now, items: map[string]*list.Element{}, order: list.New()}
}

// get gives an answer that is not over.
func (c *cache) get(request string) ([]byte, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at, found := c.items[request]
	if !found {
		return nil, false
	}
	item, is := at.Value.(*kept)
	if !is || c.now().After(item.until) {
		c.order.Remove(at)
		delete(c.items, request)
		return nil, false
	}
	c.order.MoveToFront(at)
	return item.answer, true
}

// put keeps an answer, in the place of the one that was used longest ago where there are too many.
func (c *cache) put(request string, answer []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if at, found := c.items[request]; found {
		c.order.Remove(at)
	}
	c.items[request] = c.order.PushFront(&kept{request, answer, c.now().Add(c.keep)})
	for c.order.Len() > c.most {
		last := c.order.Back()
		if item, is := last.Value.(*kept); is {
			delete(c.items, item.request)
		}
		c.order.Remove(last)
	}
}
