package nlp_test

import (
	"fmt"
	"runtime"
	"testing"

	"charthand/fixtures"
	"charthand/models"
	"charthand/nlp"
	"charthand/note"

	"golang.org/x/sync/errgroup"
)

// BenchmarkWorkers reads notes of mtsamples, several at once, with more and more windows at once: notes/s. onnx.Load takes one
// more than there are processors.
func BenchmarkWorkers(b *testing.B) {
	texts := fixtures.Dictated(b)
	if len(texts) == 0 {
		b.Skip("mtsamples is not there")
	}
	texts = texts[:min(100, len(texts))]
	processors := runtime.GOMAXPROCS(0)
	for workers := 1; workers <= 2*processors; workers++ {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			recognizer, err := nlp.NewRecognizer(fixtures.Model(b, models.Default(), workers), 0)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var group errgroup.Group
				group.SetLimit(2 * processors)
				for _, text := range texts {
					group.Go(func() error { return recognizer.Annotate(b.Context(), &nlp.Document{Text: note.NewText(text)}) })
				}
				if err := group.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "notes/s")
		})
	}
}
