package match

import (
	"slices"
	"strings"

	"charthand/terminology/words"
)

// plainWeight is the weight of every word where no index tells how rare it is: that of a word of one name in a thousand.
const plainWeight = 7.0

// Alike compares a mention with the names of a concept that is in no index, the one that people see first: all words weigh the same.
func (r *Rules) Alike(former *words.Former, q *Query, names []string) Candidate {
	best := Candidate{}
	var ours, theirs letters
	for at := range q.wordings {
		w := &q.wordings[at]
		ours.set(w.plain)
		for i, name := range names {
			named := former.Form(name)
			// What stands elsewhere in the note counts where the name has it.
			asked := w.formed
			for _, m := range q.modifiers {
				if slices.ContainsFunc(named, func(n words.Word) bool { return n.Text == m.Text }) {
					asked = append(slices.Clip(asked), m)
				}
			}
			score, features := r.forms(asked, named)
			plain := words.Plain(name)
			features.Letters = len(w.plain)
			features.Plain, features.Words, features.Wording, features.Otherwise = plain == w.plain, len(w.formed), at, w.otherwise
			theirs.set(plain)
			features.Dice = dice(&ours, &theirs)
			if i > 0 {
				features.Type = 1 // a synonym
			}
			if score = r.final(score, features); score > best.Score {
				best = Candidate{Score: score, Features: features}
			}
		}
	}
	return best
}

// forms compares two forms.
func (r *Rules) forms(asked, named []words.Word) (float64, Features) {
	features := Features{Rarest: 1}
	has := func(list []words.Word, text string) bool {
		return slices.ContainsFunc(list, func(w words.Word) bool { return w.Text == text })
	}
	weigh := func(w words.Word) float64 {
		if w.Optional {
			return plainWeight * r.Optional
		}
		return plainWeight
	}
	// One side's words: what the other has too, what it lacks, and what excludes it.
	side := func(own, other []words.Word) (shared, lacking float64, exact, contradicts bool, groups opposed) {
		exact = true
		for _, w := range own {
			if has(other, w.Text) {
				shared += weigh(w)
				continue
			}
			lacking += weigh(w)
			exact = exact && w.Optional
			groups.add(r.group(w.Text))
			affirmed, denies := strings.CutPrefix(w.Text, words.Denial)
			contradicts = contradicts || denies && has(other, affirmed)
		}
		return shared, lacking, exact, contradicts, groups
	}
	shared, missing, exactAsked, deniedAsked, left := side(asked, named)
	filled, more, exactNamed, deniedNamed, extra := side(named, asked)
	if shared == 0 {
		return 0, features
	}
	features.Exact = exactAsked && exactNamed
	features.Covered, features.Filled = shared/(shared+missing), filled/(filled+more)
	score := shared / (shared + r.Missing*missing + r.More*more)
	if deniedAsked || deniedNamed || left.against(extra) {
		features.Opposed = true
		score *= r.Opposed
	}
	return score, features
}
