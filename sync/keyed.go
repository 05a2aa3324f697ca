package sync

import (
	"context"
	"sync"
)

// keyed are locks by name: those of names that nobody holds take no room.
type keyed struct {
	mutex sync.Mutex
	locks map[string]*lock
}

type lock struct {
	held    chan struct{}
	holders int
}

// lock waits for the lock of a name, and gives what releases it.
func (k *keyed) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mutex.Lock()
	if k.locks == nil {
		k.locks = map[string]*lock{}
	}
	l := k.locks[name]
	if l == nil {
		l = &lock{held: make(chan struct{}, 1)}
		k.locks[name] = l
	}
	l.holders++
	k.mutex.Unlock()
	leave := func() {
		k.mutex.Lock()
		defer k.mutex.Unlock()
		if l.holders--; l.holders == 0 {
			delete(k.locks, name)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() {
			<-l.held
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
