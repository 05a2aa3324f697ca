package match

import (
	"slices"
	"strings"

	"charthand/terminology/index"
	"charthand/terminology/words"
)

// maxDepth bounds how far Settle goes down.
const maxDepth = 5

// Settle goes from a concept that stands for those below it (index.Header) to the one of them that says no more than the mention, or that
// says in so many words what was left unsaid: “unspecified”, “without”, the first encounter. Where none is, the concept stays.
func (f *Finder) Settle(q *Query, c Candidate) Candidate {
	if f.x.LevelOf(c.Concept) != index.Header {
		return c
	}
	s := f.pool.Get().(*scratch)
	defer f.pool.Put(s)
	var below, names []uint32
	for range maxDepth {
		if f.x.LevelOf(c.Concept) != index.Header {
			break
		}
		// What the concept says itself is said.
		f.ask(s, q, q.wordings[c.Features.Wording].formed)
		for _, w := range f.former.Form(f.x.Concept(c.Concept).Display) {
			if w.Optional { // what it leaves unsaid is unsaid
				continue
			}
			n := len(s.words)
			f.add(s, w, true)
			for i := range s.words[n:] {
				s.words[n+i].above = true
			}
		}
		below = f.x.Children(c.Concept, below[:0])
		best, bestScore, second := c, f.rules.Settled, 0.0
		_, said := f.below(s, f.x.Concept(c.Concept).Display, 0)
		for _, child := range below {
			names = f.x.NamesOf(child, names[:0])
			called, score := uint32(0), 0.0
			for _, name := range names {
				if f.x.NameType(name) != index.Preferred {
					continue
				}
				if likeness, _ := f.below(s, f.x.Name(name), said); likeness > score {
					called, score = name, likeness
				}
			}
			switch {
			case score > bestScore:
				best.Concept, best.Name, bestScore, second = child, called, score, bestScore
			case score > second:
				second = score
			}
		}
		if bestScore == f.rules.Settled || bestScore-second < 1e-6 { // none, or two that are as good
			break
		}
		c = best
	}
	return c
}

// below gives how well a name says what was said and no more, and the weight of what it says of it. What it says is not there costs nothing,
// unless it was said. One that says more has to say more of what was said too than what it stands below, or that something was left unsaid.
func (f *Finder) below(s *scratch, name string, above float64) (score, said float64) {
	shared, more, missing, ours := 0.0, 0.0, 0.0, 0.0
	unsaid := false
	met := make([]bool, len(s.words))
	var left, extra opposed
	for _, w := range f.former.Form(name) {
		at := f.asked(s, w)
		affirmed, denies := strings.CutPrefix(w.Text, words.Denial)
		switch {
		case at >= 0:
			met[at] = true
		case denies:
			if at := f.asked(s, words.Word{Text: affirmed}); at >= 0 && !s.words[at].above {
				return 0, 0 // it was said, and not denied
			}
			unsaid = true
		case w.Optional:
			unsaid = unsaid || f.rules.unspoken[w.Text]
		default:
			if at := f.asked(s, words.Word{Text: words.Denial + w.Text}); at >= 0 && !s.words[at].above {
				return 0, 0 // it was denied
			}
			if f.rules.claims[w.Text] {
				return 0, 0 // nobody said so
			}
			more += f.weigh(w)
			extra.add(f.rules.group(w.Text))
		}
	}
	for i, a := range s.words {
		switch {
		case met[i]:
			shared += a.weight
			if !a.above {
				ours += a.weight
			}
		case !a.modifier && !a.optional:
			missing += a.weight
			left.add(a.group)
		}
	}
	score = shared / max(1e-9, shared+f.rules.Missing*missing+f.rules.More*more)
	if left.against(extra) {
		score *= f.rules.Opposed
	}
	if more > 0 && ours <= above && (!unsaid || more > shared) {
		return 0, ours
	}
	if unsaid {
		score += f.rules.Unsaid
	}
	return score + ours, ours // what was said decides first
}

// asked gives which word of the query a word is, -1 for none.
func (f *Finder) asked(s *scratch, w words.Word) int {
	id, found := f.x.Word(w.Text)
	return slices.IndexFunc(s.words, func(a asked) bool { return a.text == w.Text || found && a.is(id) >= 0 })
}

// weigh gives the weight of a word.
func (f *Finder) weigh(w words.Word) float64 {
	if id, found := f.x.Word(w.Text); found {
		return float64(f.words[id].weight)
	}
	return f.weight(w.Text, 0)
}
