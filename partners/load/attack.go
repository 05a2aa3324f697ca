package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Bounds on the client: so many requests may be under way at once, each for so long.
const (
	maxWorkers = 512
	timeout    = 30 * time.Second
)

// load sends documents to a server, one after the other, in the same order again and again.
type load struct {
	server    *running
	documents [][]byte
	next      atomic.Uint64
}

func (l *load) document() []byte { return l.documents[(l.next.Add(1)-1)%uint64(len(l.documents))] }

func (l *load) url() string { return l.server.url + "/fhir/DocumentReference/$extract" }

// closed asks with some clients, each of which asks again when it has its answer.
func (l *load) closed(ctx context.Context, clients int, duration time.Duration) (stage, error) {
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var c counts
	var group sync.WaitGroup
	began := time.Now()
	for range clients {
		group.Go(func() {
			for time.Since(began) < duration && ctx.Err() == nil {
				sent := time.Now()
				response, err := l.post(ctx, client)
				if err != nil {
					c.add(0, nil, time.Since(sent))
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				c.add(response.StatusCode, response.Header, time.Since(sent))
				if response.StatusCode == http.StatusTooManyRequests {
					time.Sleep(time.Second) // as it is told
				}
			}
		})
	}
	group.Wait()
	made := c.stage(time.Since(began))
	if made.Answered == 0 {
		return made, fmt.Errorf("nothing was answered by %d clients", clients)
	}
	return made, ctx.Err()
}

func (l *load) post(ctx context.Context, client *http.Client) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url(), bytes.NewReader(l.document()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	return client.Do(request)
}

// open asks at a rate, in requests a second, whatever becomes of them: as many independent callers do, at intervals that are distributed exponentially.
func (l *load) open(ctx context.Context, share, rate float64, duration time.Duration) (stage, error) {
	attacker := vegeta.NewAttacker(vegeta.Workers(32), vegeta.MaxWorkers(maxWorkers), vegeta.Connections(maxWorkers), vegeta.Timeout(timeout), vegeta.MaxBody(0))
	targeter := func(t *vegeta.Target) error {
		t.Method, t.URL, t.Body, t.Header = http.MethodPost, l.url(), l.document(), http.Header{"Content-Type": {"application/fhir+json"}}
		return nil
	}
	watching, enough := context.WithCancel(ctx)
	watched := make(chan int64, 1)
	go l.watch(watching, watched)
	var c counts
	began := time.Now()
	for result := range attacker.Attack(targeter, newPoisson(rate), duration, "") {
		if ctx.Err() != nil {
			attacker.Stop()
		}
		c.add(int(result.Code), result.Headers, result.Latency)
	}
	made := c.stage(max(duration, time.Since(began)))
	made.Offered *= max(1, time.Since(began).Seconds()/duration.Seconds()) // what was under way at the end was not offered any more
	enough()
	made.Share, made.RSS = share, <-watched
	if _, err := l.server.rss(); err != nil {
		return made, err
	}
	return made, ctx.Err()
}

// watch gives the most memory that the server held until the context ended.
func (l *load) watch(ctx context.Context, watched chan<- int64) {
	var most int64
	for {
		if held, err := l.server.rss(); err == nil {
			most = max(most, held)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			watched <- most
			return
		}
	}
}

// poisson is a vegeta.Pacer of independent callers.
type poisson struct {
	rate   float64
	random *rand.Rand
	hits   uint64
	at     time.Duration // of the next
}

func newPoisson(rate float64) *poisson {
	return &poisson{rate: rate, random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same in each run
}

// Pace implements vegeta.Pacer.
func (p *poisson) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if hits >= p.hits {
		p.hits = hits + 1
		p.at += time.Duration(p.random.ExpFloat64() / p.rate * float64(time.Second))
	}
	return max(0, p.at-elapsed), false
}

// Rate implements vegeta.Pacer.
func (p *poisson) Rate(time.Duration) float64 { return p.rate }
