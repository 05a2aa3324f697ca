// Package evaluation says how far the mentions that were found are the mentions that annotators marked.
package evaluation

import (
	"cmp"
	"maps"
	"slices"

	"charthand/corpus"
)

// Counts are what precision, recall and F1 come from.
type Counts struct {
	Gold      int // marked by annotators
	Predicted int // found
	Matched   int // of those found, the ones that are marked
}

// Precision is the share of what was found that is right; 0 where nothing was found.
func (c Counts) Precision() float64 { return share(c.Matched, c.Predicted) }

// Recall is the share of what was marked that was found; 0 where nothing was marked.
func (c Counts) Recall() float64 { return share(c.Matched, c.Gold) }

// F1 is the harmonic mean of precision and recall.
func (c Counts) F1() float64 { return share(2*c.Matched, c.Gold+c.Predicted) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Match is when a found mention counts as right. Both kinds ask for the same label.
type Match int

// The two ways of matching.
const (
	Strict  Match = iota // the same characters
	Overlap              // at least one character shared; each marked mention counts once
)

// matches lists the ways of matching, as indexes into arrays of two.
var matches = []Match{Strict, Overlap}

// Evaluation gathers documents, one after the other. The zero value is ready.
type Evaluation struct {
	labels map[string]*[2]Counts
	tokens Counts // Matched are those with the right tag, of Gold
}

// Add counts a document: what its annotators marked and what was found in it, both flat and in the order of the text.
func (e *Evaluation) Add(text string, gold, predicted []corpus.Span) {
	if e.labels == nil {
		e.labels = map[string]*[2]Counts{}
	}
	e.addTokens(text, gold, predicted)
	for _, match := range matches {
		for _, s := range gold {
			e.counts(s.Label, match).Gold++
		}
		for _, s := range predicted {
			e.counts(s.Label, match).Predicted++
		}
	}
	marked := make(map[corpus.Span]bool, len(gold))
	for _, g := range gold {
		marked[g] = true
	}
	taken := make([]bool, len(gold))
	first := 0
	for _, s := range predicted {
		if marked[s] {
			e.counts(s.Label, Strict).Matched++
		}
		for first < len(gold) && gold[first].End <= s.Start {
			first++
		}
		for i := first; i < len(gold) && gold[i].Start < s.End; i++ {
			if gold[i].Label == s.Label && !taken[i] {
				taken[i] = true
				e.counts(s.Label, Overlap).Matched++
				break
			}
		}
	}
}

func (e *Evaluation) counts(label string, match Match) *Counts {
	c := e.labels[label]
	if c == nil {
		c = new([2]Counts)
		e.labels[label] = c
	}
	return &c[match]
}

// Labels lists the labels that were marked or found, the most often marked first.
func (e *Evaluation) Labels() []string {
	return slices.SortedFunc(maps.Keys(e.labels), func(a, b string) int {
		if order := e.labels[b][Strict].Gold - e.labels[a][Strict].Gold; order != 0 {
			return order
		}
		return cmp.Compare(a, b)
	})
}

// Of gives the counts of one label.
func (e *Evaluation) Of(label string, match Match) Counts {
	if c := e.labels[label]; c != nil {
		return c[match]
	}
	return Counts{}
}

// Micro adds the counts of all labels up.
func (e *Evaluation) Micro(match Match) Counts {
	var total Counts
	for _, c := range e.labels {
		total.Gold += c[match].Gold
		total.Predicted += c[match].Predicted
		total.Matched += c[match].Matched
	}
	return total
}

// Macro averages precision, recall and F1 over the labels, each counting the same.
func (e *Evaluation) Macro(match Match) (precision, recall, f1 float64) {
	for _, c := range e.labels {
		precision += c[match].Precision()
		recall += c[match].Recall()
		f1 += c[match].F1()
	}
	n := float64(max(1, len(e.labels)))
	return precision / n, recall / n, f1 / n
}

// Accuracy is the share of the tokens whose tag is right, and how many tokens there are.
func (e *Evaluation) Accuracy() (accuracy float64, tokens int) {
	return share(e.tokens.Matched, e.tokens.Gold), e.tokens.Gold
}
