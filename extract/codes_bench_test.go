package extract_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"charthand/nlp"
	"charthand/terminology"
)

// BenchmarkCodes gives the mentions of dictated notes their codes of ICD-10-CM, Disease Ontology and ICD-10-PCS: %model is the time of that in
// percent of what the model takes for the same notes in the same run.
func BenchmarkCodes(b *testing.B) {
	folder := filepath.Join(os.Getenv("CHARTHAND_DATA"), "terminology")
	if _, err := os.Stat(folder); os.Getenv("CHARTHAND_DATA") == "" || err != nil {
		b.Skip("the code systems are not there: set CHARTHAND_DATA to the folder that holds them")
	}
	store, err := terminology.NewStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for _, in := range []terminology.Import{
		{Kind: "icd10cm", Paths: []string{folder}}, {Kind: "icd10pcs", Paths: []string{folder}}, {Kind: "obo", Paths: []string{filepath.Join(folder, "doid-2024-01.obo.gz")}},
	} {
		if _, err := store.Add(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
	local, err := store.Open(terminology.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer local.Close()
	notes, inside, _ := dictated(b)
	stage := nlp.Code{Coder: local}
	done, coded, entities := 0, 0, 0
	for b.Loop() {
		d := notes[done%len(notes)].doc
		if err := stage.Annotate(context.Background(), d); err != nil {
			b.Fatal(err)
		}
		if done < len(notes) {
			for _, entity := range d.Entities {
				entities++
				if len(entity.Codings) > 0 && entity.Codings[0].Chosen {
					coded++
				}
			}
		}
		done++
	}
	b.ReportMetric(100*float64(b.Elapsed()/time.Duration(done))/float64(inside), "%model")
	b.ReportMetric(100*float64(coded)/float64(max(1, entities)), "%coded")
}
