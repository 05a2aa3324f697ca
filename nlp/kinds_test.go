package nlp_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charthand/corpus"
	"charthand/fixtures"
	"charthand/nlp"
	"charthand/note"
)

// A label means the same in capitals; a treatment is a drug or a procedure by its words, its section and what follows it.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		text, mention, label string
		want                 nlp.Kind
	}{
		{"Has asthma.", "asthma", "DISEASE_DISORDER", nlp.KindProblem},
		{"Has asthma.", "asthma", "problem", nlp.KindProblem},
		{"Height 165 cm", "165 cm", "Height", nlp.KindMeasurement},
		{"Given metoprolol.", "metoprolol", "treatment", nlp.KindDrug},
		{"Given aspirin.", "aspirin", "TREATMENT", nlp.KindDrug},
		{"Underwent appendectomy.", "appendectomy", "treatment", nlp.KindProcedure},
		{"Physical therapy.", "Physical therapy", "treatment", nlp.KindProcedure},
		{"Takes Qxzor 50 mg PO daily.", "Qxzor", "treatment", nlp.KindDrug},
		{"MEDICATIONS:\nQxzor\n", "Qxzor", "treatment", nlp.KindDrug},
		{"Left the stent.", "stent", "treatment", nlp.KindProcedure},
	} {
		at := strings.Index(test.text, test.mention)
		d := &nlp.Document{Text: note.NewText(test.text), Entities: []nlp.Entity{{Span: nlp.Span{Start: at, End: at + len(test.mention)}, Label: test.label, Score: 1}}}
		understand(t, d)
		if got := d.Entities[0].Kind; got != test.want {
			t.Errorf("%s in %q: kind %d, want %d", test.mention, test.text, got, test.want)
		}
	}
}

// A dose that stands before its drug is read too, where it is linked to it.
func TestSigBeforeTheDrug(t *testing.T) {
	d := &nlp.Document{Text: note.NewText("She was given 40 mg IV of furosemide.")}
	for _, mention := range []string{"Dosage:40 mg", "Administration:IV", "Medication:furosemide"} {
		label, words, _ := strings.Cut(mention, ":")
		at := strings.Index(d.Text.Body, words)
		d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: at, End: at + len(words)}, Label: label, Score: 1})
	}
	understand(t, d)
	s := d.Entities[2].Sig
	if s == nil || len(s.Dosage) != 1 || s.Dosage[0].Route == nil || len(s.Dosage[0].DoseAndRate) != 1 || s.Dosage[0].DoseAndRate[0].DoseQuantity.Value != "40" {
		t.Errorf("%+v", s)
	}
}

// Drugs and procedures of the corpora, all called treatments, are told apart again.
func TestTreatmentsOfTheCorpora(t *testing.T) {
	for _, folder := range []string{"maccrobat", "mtsamples-labelled"} {
		documents, _, err := corpus.Read(corpus.Brat, filepath.Join(fixtures.Data(), folder))
		if err != nil {
			t.Skipf("%s is not there: set CHARTHAND_DATA to the folder that holds it", folder)
		}
		right, drugs, all := 0, 0, 0
		for _, document := range documents {
			spans := document.Spans
			slices.SortStableFunc(spans, func(a, b corpus.Span) int { return a.Start - b.Start })
			d := &nlp.Document{Text: note.NewText(document.Text)}
			for _, span := range spans {
				label := span.Label
				if label == "Medication" || label == "Therapeutic_procedure" {
					label = "treatment"
				}
				d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: span.Start, End: span.End}, Label: label, Score: 1})
			}
			understand(t, d)
			for i, e := range d.Entities {
				if e.Label != "treatment" {
					continue
				}
				all++
				isDrug := spans[i].Label == "Medication"
				if isDrug {
					drugs++
				}
				if isDrug == (e.Kind == nlp.KindDrug) {
					right++
				}
			}
		}
		share := float64(right) / float64(all)
		t.Logf("%s: %d treatments, %d of them drugs; told apart: %.3f", folder, all, drugs, share)
		if share < 0.80 {
			t.Errorf("%s: told apart: %.3f", folder, share)
		}
	}
}
