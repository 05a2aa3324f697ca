package match

import (
	"cmp"
	"slices"
	"strings"

	"charthand/terminology/words"
)

// ask weighs the words of a query by how rare they are in the index, and finds what misspelled ones may be.
func (f *Finder) ask(s *scratch, q *Query, formed []words.Word) {
	s.words, s.denies = s.words[:0], false
	for _, w := range formed {
		f.add(s, w, false)
	}
	for _, w := range q.modifiers {
		f.add(s, w, true)
	}
}

// add adds a word to those that are asked for.
func (f *Finder) add(s *scratch, w words.Word, modifier bool) {
	if len(s.words) == maxAsked {
		return
	}
	for i := range s.words {
		if s.words[i].text == w.Text {
			return
		}
	}
	a := asked{text: w.Text, raw: w.Raw, optional: w.Optional, modifier: modifier, group: f.rules.group(w.Text), affirmed: f.denied(w.Text)}
	if id, found := f.x.Word(w.Text); found {
		a.ids[0], a.sureness[0], a.n = id, 1, 1
		a.weight = float64(f.words[id].weight)
	} else {
		a.weight = f.weight(w.Text, 0)
		if !strings.HasPrefix(w.Text, words.Denial) { // what is denied is no misspelling of what is there
			f.correct(s, &a)
		}
	}
	s.words = append(s.words, a)
	s.denies = s.denies || a.affirmed != noWord
}

// correct finds the words that a word may be a misspelling of.
func (f *Finder) correct(s *scratch, a *asked) {
	if hasDigit(a.raw) {
		return
	}
	s.near = f.x.Near(a.raw, s.near[:0])
	if len(s.near) == 0 {
		return
	}
	slices.Sort(s.near)
	type guess struct {
		id       uint32
		distance int
	}
	var list []guess
	limit := 1
	if len(a.raw) >= 8 {
		limit = 2
	}
	for _, id := range slices.Compact(s.near) {
		word := f.x.RawWord(id)
		if slices.ContainsFunc(list, func(g guess) bool { return g.id == word }) {
			continue
		}
		if d := distance(a.raw, f.x.RawText(id)); d <= limit {
			list = append(list, guess{word, d})
		}
	}
	slices.SortFunc(list, func(x, y guess) int {
		return cmp.Or(cmp.Compare(x.distance, y.distance), cmp.Compare(f.x.Frequency(y.id), f.x.Frequency(x.id)), cmp.Compare(x.id, y.id))
	})
	for _, g := range list[:min(len(list), maxNear)] {
		a.ids[a.n], a.sureness[a.n] = g.id, f.rules.Corrected/float64(max(1, g.distance))
		a.n++
	}
	if a.n > 0 {
		a.weight = float64(f.words[a.ids[0]].weight)
	}
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if '0' <= s[i] && s[i] <= '9' {
			return true
		}
	}
	return false
}
