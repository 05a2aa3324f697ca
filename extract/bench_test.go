package extract_test

import (
	"testing"

	"charthand/fixtures"
	"charthand/models"
	"charthand/nlp"
)

// benchNotes is how many notes of the mtsamples corpus the benchmark reads beside the fixtures.
const benchNotes = 200

// BenchmarkWholePath times the path from the JSON of a DocumentReference to the JSON of its Bundle, on one thread, and the
// part of it that is spent inside the model. It prints notes/s of both and their ratio.
func BenchmarkWholePath(b *testing.B) {
	model := fixtures.Model(b, models.Default(), 1)
	recognizer, err := nlp.NewRecognizer(model, 0)
	if err != nil {
		b.Fatal(err)
	}
	e := newExtractor(b, recognizer)
	var documents [][]byte
	for _, name := range fixtures.Names(b) {
		documents = append(documents, fixtures.Document(b, name))
	}
	for name, set := range map[string][][]byte{"fixtures": documents, "mtsamples": fixtures.DictatedDocuments(b, benchNotes)} {
		b.Run(name, func(b *testing.B) {
			if len(set) == 0 {
				b.Skip("the corpus is not there: set CHARTHAND_DATA to the folder that holds mtsamples")
			}
			bundleOf(b, e, set[0]) // what is made once is made before
			b.ReportAllocs()
			busy := model.Busy()
			notes := 0
			b.ResetTimer()
			for b.Loop() {
				bundleOf(b, e, set[notes%len(set)])
				notes++
			}
			whole, inside := b.Elapsed(), model.Busy()-busy
			b.ReportMetric(float64(notes)/whole.Seconds(), "notes/s")
			b.ReportMetric(float64(notes)/inside.Seconds(), "model-notes/s")
			b.ReportMetric(float64(inside)/float64(whole), "path/model")
			b.ReportMetric(100*float64(whole-inside)/float64(whole), "%outside")
		})
	}
}
