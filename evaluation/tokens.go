package evaluation

import (
	"regexp"
	"slices"

	"charthand/corpus"
)

// token is a word of letters and digits, or one sign: what \w+|[^\w\s] is in Python, as training/ has it.
var token = regexp.MustCompile(`[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s\p{Z}\v\x1c-\x1f\x{85}]`)

// addTokens compares IOB2 tags token by token. A token is a word or a sign, and is split where a mention begins or ends, so
// that both taggings are exact.
func (e *Evaluation) addTokens(text string, gold, predicted []corpus.Span) {
	var edges []int
	for _, spans := range [][]corpus.Span{gold, predicted} {
		for _, s := range spans {
			edges = append(edges, s.Start, s.End)
		}
	}
	slices.Sort(edges)
	want, got := tagger{spans: gold}, tagger{spans: predicted}
	next := 0
	for _, place := range token.FindAllStringIndex(text, -1) {
		start, end := place[0], place[1]
		for ; next < len(edges) && edges[next] < end; next++ {
			if edges[next] > start {
				e.compare(&want, &got, start, edges[next])
				start = edges[next]
			}
		}
		e.compare(&want, &got, start, end)
	}
}

func (e *Evaluation) compare(want, got *tagger, start, end int) {
	e.tokens.Gold++
	if want.tag(start, end) == got.tag(start, end) {
		e.tokens.Matched++
	}
}

// tagger tags tokens that are asked for in the order of the text.
type tagger struct {
	spans []corpus.Span
	begun bool // whether a token of spans[0] has been tagged
}

// tag gives the IOB2 tag of the token [start, end).
func (t *tagger) tag(start, end int) string {
	for len(t.spans) > 0 && t.spans[0].End <= start {
		t.spans, t.begun = t.spans[1:], false
	}
	if len(t.spans) == 0 || t.spans[0].Start >= end {
		return "O"
	}
	if t.begun {
		return "I-" + t.spans[0].Label
	}
	t.begun = true
	return "B-" + t.spans[0].Label
}
