package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// report is what was measured.
type report struct {
	Processors int   `json:"processors"`
	Documents  int   `json:"documents"`
	IdleRSS    int64 `json:"idleRSS"` // bytes
	PeakRSS    int64 `json:"peakRSS"`
	Crashes    int   `json:"crashes"`
	// Unloaded is one client that asks again when it has its answer, Sixteen are as many: what the server can answer.
	Unloaded stage   `json:"unloaded"`
	Sixteen  stage   `json:"sixteen"`
	Stages   []stage `json:"stages"`
}

// stage is a time with one load. Rates are per second, times in ms.
type stage struct {
	Share    float64 `json:"share,omitempty"` // of what the server can answer
	Offered  float64 `json:"offered"`
	Answered float64 `json:"answered"`
	P50      float64 `json:"p50"` // of what was answered
	P95      float64 `json:"p95"`
	P99      float64 `json:"p99"`
	Refused  float64 `json:"refused"` // share with 429
	// Unguided counts the refusals without Retry-After, Errors what was neither answered nor refused.
	Unguided     int   `json:"unguided"`
	Errors       int   `json:"errors"`
	LongestRetry int   `json:"longestRetry"` // s, of Retry-After
	RSS          int64 `json:"rss,omitempty"`
	answers      int
}

// counts collects answers. It is safe for concurrent use.
type counts struct {
	mutex                           sync.Mutex
	latencies                       []time.Duration
	refused, unguided, errors, wait int
}

func (c *counts) add(status int, header http.Header, latency time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch status {
	case http.StatusOK:
		c.latencies = append(c.latencies, latency)
	case http.StatusTooManyRequests:
		c.refused++
		seconds, err := strconv.Atoi(header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			c.unguided++
		}
		c.wait = max(c.wait, seconds)
	default:
		c.errors++
	}
}

func (c *counts) stage(took time.Duration) stage {
	slices.Sort(c.latencies)
	at := func(share float64) float64 {
		if len(c.latencies) == 0 {
			return 0
		}
		i := min(int(share*float64(len(c.latencies))), len(c.latencies)-1)
		return float64(c.latencies[i]) / float64(time.Millisecond)
	}
	all := float64(len(c.latencies) + c.refused + c.errors)
	return stage{
		Offered: all / took.Seconds(), Answered: float64(len(c.latencies)) / took.Seconds(), P50: at(0.5), P95: at(0.95), P99: at(0.99),
		Refused: float64(c.refused) / max(1, all), Unguided: c.unguided, Errors: c.errors, LongestRetry: c.wait, answers: len(c.latencies),
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

func heading(w io.Writer) {
	fmt.Fprintln(w, "  load  offered/s answered/s  p50 ms  p95 ms  p99 ms   429  Retry-After  errors   MB")
}

func (s stage) print(w io.Writer) {
	guided := fmt.Sprintf("all, ≤%d s", s.LongestRetry)
	switch {
	case s.Refused == 0:
		guided = "-"
	case s.Unguided > 0:
		guided = fmt.Sprint(s.Unguided, " not")
	}
	fmt.Fprintf(w, "%5.0f%% %10.1f %10.1f %7.0f %7.0f %7.0f %4.0f%% %12s %7d %4.0f\n", 100*s.Share, s.Offered, s.Answered, s.P50, s.P95, s.P99, 100*s.Refused, guided, s.Errors, mb(s.RSS))
}

// summarise prints what the table comes to.
func (r *report) summarise(w io.Writer) {
	last := r.Stages[len(r.Stages)-1]
	fmt.Fprintf(w, "at %.0f%%: p95 of what is answered ÷ unloaded p95 = %.2f; answered ÷ what 16 clients get = %.2f\n", 100*last.Share, last.P95/r.Unloaded.P95, last.Answered/r.Sixteen.Answered)
	fmt.Fprintf(w, "most memory ÷ idle = %.2f (%.0f MB, %.0f MB); crashes: %d\n", float64(r.PeakRSS)/float64(r.IdleRSS), mb(r.PeakRSS), mb(r.IdleRSS), r.Crashes)
}
