package terminology_test

import (
	"context"
	"path/filepath"
	"testing"

	"charthand/nlp"
	"charthand/terminology/gold"
	"charthand/terminology/index"
)

// BenchmarkLookup counts lookups a second on one core, with ICD-10-CM, Disease Ontology and names of drugs loaded: of names just as the systems
// have them, each in its own; and of problems as clinicians write them, each in ICD-10-CM and Disease Ontology.
func BenchmarkLookup(b *testing.B) {
	folder := data(b)
	local := opened(b, ontology(folder), diagnoses(folder), drugs(b, folder))
	b.Run("exact", func(b *testing.B) {
		type named struct {
			system  int
			mention nlp.Mention
		}
		var list []named
		for i := range 3 {
			x := local.Index(i)
			kind := nlp.KindProblem
			if x.Meta.Kind == "tsv" {
				kind = nlp.KindDrug
			}
			for c := 0; c < x.Meta.Concepts; c += x.Meta.Concepts/1000 + 1 {
				if concept := x.Concept(uint32(c)); concept.Level == index.Leaf {
					list = append(list, named{i, nlp.Mention{Kind: kind, Names: []string{concept.Display}}})
				}
			}
		}
		for n := 0; b.Loop(); n++ {
			one := list[n%len(list)]
			local.Candidates(one.system, one.mention)
		}
		perSecond(b)
	})
	b.Run("likeness", func(b *testing.B) {
		rows, err := gold.Table(filepath.Join("..", "fixtures", "terminology", "problems.kept.tsv"))
		if err != nil {
			b.Fatal(err)
		}
		d := describer(b)
		var list []nlp.Mention
		for _, row := range rows {
			m, err := d.Phrase(context.Background(), row[0], "Disease_disorder")
			if err != nil {
				b.Fatal(err)
			}
			list = append(list, m)
		}
		for n := 0; b.Loop(); n++ {
			code(b, local, list[n%len(list)])
		}
		perSecond(b)
	})
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	b.ReportMetric(0, "ns/op")
}
