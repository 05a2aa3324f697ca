package queue_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"charthand/queue"
)

// BenchmarkQueue measures what the embedded queue bears: jobs added by eight at once, each on disk before the next, and jobs done by eight at
// once, with nothing to do.
func BenchmarkQueue(b *testing.B) {
	q, err := queue.Open(b.Context(), queue.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	b.Run("add", func(b *testing.B) {
		var number atomic.Int64
		b.SetParallelism(4)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := q.Add(b.Context(), queue.Job{Document: fmt.Sprint("DocumentReference/", number.Add(1)), Version: fmt.Sprint(b.N)}); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	})
	b.Run("do", func(b *testing.B) {
		for i := range b.N {
			if err := q.Add(b.Context(), queue.Job{Document: fmt.Sprint("DocumentReference/do", i), Version: fmt.Sprint(b.N)}); err != nil {
				b.Fatal(err)
			}
		}
		waiting, _, err := q.Depth(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		defer stop()
		var done atomic.Int64
		b.ResetTimer()
		_ = q.Run(ctx, 8, func(context.Context, queue.Job) error {
			if done.Add(1) == int64(waiting) {
				stop()
			}
			return nil
		})
		b.ReportMetric(float64(waiting)/b.Elapsed().Seconds(), "jobs/s")
	})
}
