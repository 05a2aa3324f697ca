package evaluation_test

import (
	"math"
	"strings"
	"testing"

	"charthand/corpus"
	"charthand/evaluation"
)

// spans finds words in a text and labels them: "pain=Sign".
func spans(t *testing.T, text string, marks ...string) []corpus.Span {
	t.Helper()
	var found []corpus.Span
	for _, mark := range marks {
		words, label, _ := strings.Cut(mark, "=")
		start := strings.Index(text, words)
		if start < 0 {
			t.Fatalf("%q is not in the text", words)
		}
		found = append(found, corpus.Span{Start: start, End: start + len(words), Label: label})
	}
	return found
}

func near(t *testing.T, what string, want, got float64) {
	t.Helper()
	if math.Abs(want-got) > 1e-9 {
		t.Errorf("%s: got %g, want %g", what, got, want)
	}
}

func TestEvaluation(t *testing.T) {
	const text = "Severe chest pain and fever, took aspirin."
	var e evaluation.Evaluation
	e.Add(text,
		spans(t, text, "chest pain=Sign", "fever=Sign", "aspirin=Drug"),
		spans(t, text, "Severe chest=Sign", "fever=Sign", "aspirin=Sign"))
	r := e.Report()
	// Of three found, "fever" is right strictly; by overlap "Severe chest" is too; "aspirin" has the wrong label.
	near(t, "strict precision", 1.0/3, r.Micro.Strict.Precision)
	near(t, "strict recall", 1.0/3, r.Micro.Strict.Recall)
	near(t, "overlap F1", 2.0/3, r.Micro.Overlap.F1)
	near(t, "macro recall, overlap", 0.5, r.Macro.Overlap.Recall)
	near(t, "macro precision, overlap", (2.0/3)/2, r.Macro.Overlap.Precision)
	if r.Types[0].Label != "Sign" || r.Types[0].Gold != 2 || r.Types[0].Predicted != 3 || r.Types[1].Label != "Drug" {
		t.Errorf("types: %+v", r.Types)
	}
	// Severe chest pain and fever , took aspirin .: wrong are Severe (B for O), chest (I for B), pain (O for I), aspirin.
	near(t, "tokens", 9, float64(r.Tokens.Count))
	near(t, "accuracy", 5.0/9, r.Tokens.Accuracy)
}

// One marked mention makes one found mention right, not two.
func TestOverlapCountsOnce(t *testing.T) {
	const text = "chest pain pain"
	var e evaluation.Evaluation
	e.Add(text, spans(t, text, "chest pain=Sign"), []corpus.Span{{Start: 0, End: 5, Label: "Sign"}, {Start: 6, End: 10, Label: "Sign"}})
	near(t, "matched", 1, float64(e.Micro(evaluation.Overlap).Matched))
}

// A mention inside a word splits it, so that the tags are those of the mention.
func TestTokensAreSplitAtMentions(t *testing.T) {
	const text = "antifever"
	var e evaluation.Evaluation
	e.Add(text, spans(t, text, "fever=Sign"), spans(t, text, "fever=Sign"))
	accuracy, tokens := e.Accuracy()
	near(t, "accuracy", 1, accuracy)
	near(t, "tokens", 2, float64(tokens))
}

func TestNothing(t *testing.T) {
	var e evaluation.Evaluation
	e.Add("", nil, nil)
	r := e.Report()
	near(t, "F1", 0, r.Micro.Strict.F1+r.Macro.Strict.F1+r.Tokens.Accuracy)
	var out strings.Builder
	if err := r.Write(&out); err != nil || !strings.Contains(out.String(), "all (micro)") {
		t.Errorf("%v: %s", err, out.String())
	}
}
