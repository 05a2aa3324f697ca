package smart

import (
	"crypto/rand"
	"errors"
	"time"
)

// maxTickets bounds the tickets of one kind that are out.
const maxTickets = 10_000

var errTooMany = errors.New("too many are out")

// tickets are opaque names for something, each good for a time.
type tickets[T any] map[string]ticket[T]

type ticket[T any] struct {
	of  T
	end time.Time
}

// issue makes a ticket.
func (t *tickets[T]) issue(of T, life time.Duration) (string, error) {
	if *t == nil {
		*t = tickets[T]{}
	}
	now := time.Now()
	for name, held := range *t {
		if !now.Before(held.end) {
			delete(*t, name)
		}
	}
	if len(*t) >= maxTickets {
		return "", errTooMany
	}
	name := rand.Text()
	(*t)[name] = ticket[T]{of, now.Add(life)}
	return name, nil
}

// see gives what a ticket is for; take does, and ends it.
func (t tickets[T]) see(name string) (of T, ok bool) {
	held, known := t[name]
	if !known || !time.Now().Before(held.end) {
		return of, false
	}
	return held.of, true
}

func (t tickets[T]) take(name string) (of T, ok bool) {
	of, ok = t.see(name)
	delete(t, name)
	return of, ok
}
