package server_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/nlp"
	"charthand/server"
)

// oneByOne is an Extractor whose model reads one text after the other, each for as long as times says in turn.
type oneByOne struct {
	server.Extractor
	turn  chan struct{}
	times []time.Duration
	next  int
}

func (o *oneByOne) Extract(ctx context.Context, d *fhir.Document) (*extract.Result, error) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	nlp.Reading(ctx)
	o.next++
	time.Sleep(o.times[o.next%len(o.times)])
	return o.Extractor.Extract(ctx, d)
}

// simulated is a server with such a model, on a clock that runs while everybody waits.
type simulated struct {
	server   *server.Server
	mutex    sync.Mutex
	answered []time.Duration
	retries  []int // what the refused were told, in seconds
	others   []int // statuses that are neither
}

func simulate(t *testing.T, times []time.Duration) *simulated {
	t.Helper()
	s, _ := newServer(t, func(c *server.Config) {
		c.MaxExtractions = 32
		c.Extractor = &oneByOne{Extractor: c.Extractor, turn: make(chan struct{}, 1), times: times}
	})
	s.SetFew(1)
	return &simulated{server: s}
}

// ask sends a note, and reports whether it was answered.
func (s *simulated) ask() bool {
	began := time.Now()
	r := post(s.server, address, note("", phrase))
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch r.Code {
	case http.StatusOK:
		s.answered = append(s.answered, time.Since(began))
	case http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(r.Header().Get("Retry-After"))
		s.retries = append(s.retries, seconds)
	default:
		s.others = append(s.others, r.Code)
	}
	return r.Code == http.StatusOK
}

// open asks so many times a second for some time, whatever becomes of it, at intervals that are distributed exponentially.
func (s *simulated) open(rate float64, duration time.Duration) {
	random := rand.New(rand.NewPCG(1, 2))
	var group sync.WaitGroup
	for began := time.Now(); time.Since(began) < duration; {
		group.Go(func() { s.ask() })
		time.Sleep(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
	}
	group.Wait()
}

// forget begins counting anew.
func (s *simulated) forget() { s.answered, s.retries, s.others = nil, nil, nil }

func p95(latencies []time.Duration) time.Duration {
	slices.Sort(latencies)
	return latencies[len(latencies)*95/100]
}

// ms gives times of notes of different lengths, 50 ms on average.
var ms = []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 45 * time.Millisecond, 50 * time.Millisecond, 55 * time.Millisecond, 60 * time.Millisecond, 80 * time.Millisecond}

// TestThreeTimesCapacity: what is let in is answered within twice the time that it takes alone, the model is busy all the time, the others are told
// when to come again; and when fewer come everybody is let in as before.
func TestThreeTimesCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 20.0
		s := simulate(t, ms)
		for range 700 {
			s.ask()
		}
		unloaded := p95(s.answered)
		s.open(3*capacity, 10*time.Second) // until it has found out
		for _, stage := range []struct{ share, least float64 }{{3, 0.95}, {2, 0.9}, {1.5, 0.8}} {
			s.forget()
			s.open(stage.share*capacity, time.Minute)
			rate := float64(len(s.answered)) / 60 / capacity
			if p95(s.answered) > 2*unloaded || rate < stage.least || len(s.others) > 0 {
				t.Errorf("at %.2f times capacity: p95 %s, unloaded %s, %.2f of capacity answered, %d other answers", stage.share, p95(s.answered), unloaded, rate, len(s.others))
			}
			if slices.Min(s.retries) < 1 || slices.Max(s.retries) > 30 {
				t.Errorf("Retry-After from %d to %d s", slices.Min(s.retries), slices.Max(s.retries))
			}
		}
		s.open(0.7*capacity, 10*time.Second)
		s.forget()
		s.open(0.7*capacity, time.Minute)
		if len(s.retries) > 0 || len(s.others) > 0 {
			t.Errorf("with few requests %d are refused, %d get other answers", len(s.retries), len(s.others))
		}
	})
}

// TestClientsAtOnce: sixteen clients that ask again as soon as they have their answer are served, all alike, however long that goes on.
func TestClientsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, ms)
		var group sync.WaitGroup
		var each [16]int
		began := time.Now()
		for client := range each {
			group.Go(func() {
				for time.Since(began) < time.Minute {
					if s.ask() {
						each[client]++
					}
				}
			})
		}
		group.Wait()
		if len(s.retries) > 0 || len(s.others) > 0 || slices.Min(each[:]) < 70 || slices.Max(each[:]) > 80 {
			t.Errorf("%d refused, %d other answers; answers by client: %d", len(s.retries), len(s.others), each)
		}
	})
}

// TestBurst: as many as there are places for come at once and are served; one more is an overload, after which all is as before when it is quiet.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, ms)
		together := func(n int) {
			var group sync.WaitGroup
			for range n {
				group.Go(func() { s.ask() })
			}
			group.Wait()
		}
		for _, come := range []int{32, 40, 32} {
			s.forget()
			together(come)
			if over := come > 32; len(s.answered)+len(s.retries) != come || over != (len(s.retries) >= 8) || !over && len(s.retries) > 0 {
				t.Errorf("of %d at once %d are answered, %d refused", come, len(s.answered), len(s.retries))
			}
			time.Sleep(20 * time.Second)
		}
	})
}
