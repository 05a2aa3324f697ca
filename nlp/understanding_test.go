package nlp_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charthand/corpus"
	"charthand/fixtures"
	"charthand/models"
	"charthand/nlp"
	"charthand/note"
)

// labelled gives dictated notes with the mentions that a person marked, as documents that no stage has seen.
func labelled(t testing.TB) []func() *nlp.Document {
	t.Helper()
	folder := filepath.Join(fixtures.Data(), "mtsamples-labelled")
	documents, _, err := corpus.Read(corpus.Brat, folder)
	if err != nil {
		t.Skipf("mtsamples-labelled is not there: set CHARTHAND_DATA to the folder that holds it")
	}
	var makers []func() *nlp.Document
	for _, document := range documents {
		text := note.NewText(document.Text)
		var entities []nlp.Entity
		for _, span := range document.Spans {
			entities = append(entities, nlp.Entity{Span: nlp.Span{Start: span.Start, End: span.End}, Label: span.Label, Score: 1, Section: -1})
		}
		makers = append(makers, func() *nlp.Document {
			return &nlp.Document{Text: text, Entities: append([]nlp.Entity(nil), entities...)}
		})
	}
	return makers
}

// BenchmarkUnderstanding runs every stage but the model over labelled dictated notes, one note at a time: MB/s.
func BenchmarkUnderstanding(b *testing.B) {
	makers := labelled(b)
	stages, err := nlp.Understanding()
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for _, document := range makers {
		bytes += len(document().Text.Body)
	}
	run := func(b *testing.B, stage nlp.Annotator, prepare nlp.Pipeline) {
		b.ReportAllocs()
		var spent time.Duration
		for b.Loop() {
			for _, document := range makers {
				d := document()
				if err := prepare.Annotate(b.Context(), d); err != nil {
					b.Fatal(err)
				}
				begun := time.Now()
				if err := stage.Annotate(b.Context(), d); err != nil {
					b.Fatal(err)
				}
				spent += time.Since(begun)
			}
		}
		b.ReportMetric(float64(bytes)*float64(b.N)/1e6/spent.Seconds(), "MB/s")
	}
	b.Run("all", func(b *testing.B) { run(b, stages, nil) })
	for i, stage := range stages {
		b.Run(strings.TrimPrefix(fmt.Sprintf("%T", stage), "*nlp."), func(b *testing.B) { run(b, stage, stages[:i]) })
	}
}

// BenchmarkShare reads dictated notes one after the other: what the stages after the model take, in percent of what the model takes.
func BenchmarkShare(b *testing.B) {
	texts := fixtures.Dictated(b)
	if len(texts) == 0 {
		b.Skip("mtsamples is not there")
	}
	recognizer, err := nlp.NewRecognizer(fixtures.Model(b, models.Default(), 0), 0)
	if err != nil {
		b.Fatal(err)
	}
	stages, err := nlp.Understanding()
	if err != nil {
		b.Fatal(err)
	}
	var model, after time.Duration
	for b.Loop() {
		for _, text := range texts[:60] {
			d := &nlp.Document{Text: note.NewText(text)}
			begun := time.Now()
			if err := recognizer.Annotate(b.Context(), d); err != nil {
				b.Fatal(err)
			}
			model += time.Since(begun)
			begun = time.Now()
			if err := stages.Annotate(b.Context(), d); err != nil {
				b.Fatal(err)
			}
			after += time.Since(begun)
		}
	}
	b.ReportMetric(100*float64(after)/float64(model), "%model")
}

// adversaries are texts that rules of a careless kind take more than linear time for, by a number of repetitions.
var adversaries = map[string]func(n int) string{
	"10,000 cues in a line": func(n int) string { return strings.Repeat("no denies without possible if history of ", n) },
	"nested scopes":         func(n int) string { return strings.Repeat("no ", n) + "fever" + strings.Repeat(" but", n) },
	"no full stop":          func(n int) string { return strings.Repeat("fever and chills with pain of the leg ", n) },
	"open brackets":         func(n int) string { return strings.Repeat("(", 20*n) + "PE" },
	"relatives":             func(n int) string { return strings.Repeat("his mother and her father's ", n) },
	"headings":              func(n int) string { return strings.Repeat("PMH: x. PSH: y. ALL: z. ", n) },
	"numbers":               func(n int) string { return strings.Repeat("1 x 2 x 3/4 - 5 to 6 ", n) },
	"closing brackets":      func(n int) string { return "PE" + strings.Repeat(")", 20*n) },
	"allergies":             func(n int) string { return "ALLERGIES: " + strings.Repeat("allergic to latex, sulfa and not eggs ", n) },
	"lines":                 func(n int) string { return strings.Repeat("a\n", 10*n) },
}

// crowd marks every tenth word of a text as mentions of many kinds.
func crowd(text string) *nlp.Document {
	d := &nlp.Document{Text: note.NewText(text)}
	labels := []string{"Sign_symptom", "Medication", "Lab_value", "Date", "Diagnostic_procedure", "Duration", "Disease_disorder", "Severity"}
	start, words := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] != ' ' && text[i] != '\n' {
			continue
		}
		if i > start {
			if words%10 == 9 || words == 0 {
				d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: start, End: i}, Label: labels[words/10%len(labels)], Section: -1})
			}
			words++
		}
		start = i + 1
	}
	return d
}

// Text that is made to be slow takes time linear in its length: four times the text takes far less than the sixteen times of a
// quadratic rule. `go test -v` shows the curve.
func TestAdversariesAreLinear(t *testing.T) {
	stages, err := nlp.Understanding()
	if err != nil {
		t.Fatal(err)
	}
	const most = 20_000
	for name, text := range adversaries {
		took := func(n int) time.Duration {
			fastest := time.Hour
			for range 3 {
				d := crowd(text(n))
				begun := time.Now()
				if err := stages.Annotate(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				fastest = min(fastest, time.Since(begun))
			}
			return fastest
		}
		var curve []string
		var first, last time.Duration
		for n := most / 16; n <= most; n *= 2 {
			last = took(n)
			if n == most/4 {
				first = last
			}
			curve = append(curve, fmt.Sprintf("%.2f MB %v", float64(len(text(n)))/1e6, last.Round(time.Millisecond)))
		}
		t.Logf("%s: %s", name, strings.Join(curve, ", "))
		ratio := func() float64 { return float64(last) / float64(max(first, time.Millisecond)) }
		for tries := 0; ratio() > 10 && tries < 5; tries++ { // other tests may have the processor
			first, last = took(most/4), took(most)
		}
		if ratio() > 10 {
			t.Errorf("%s: four times the text takes %.1f times as long", name, ratio())
		}
	}
}
