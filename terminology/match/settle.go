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
			n := len(s.words)
			f.add(s, w, true)
			for i := range s.words[n:] {
				s.words[n+i].above = true
			}
		}
		below = f.x.Children(c.Concept, below[:0])
		best, bestScore := c, f.rules.Settled
		_, said := f.below(s, f.x.Concept(c.Concept).Display, 0)
		for _, child := range below {
			names = f.x.NamesOf(child, names[:0])
			for _, name := range names {
				if f.x.NameType(name) != index.Preferred {
					continue
				}
				if score, _ := f.below(s, f.x.Name(name), said); score > bestScore {
					best.Concept, best.Name, bestScore = child, name, score
				}
			}
		}
		if bestScore == f.rules.Settled {
			break
		}
		c = best
	}
	return c
}

// denials begin what a name says is not there.
var denials = []string{" without ", " not "}

// below gives how well a name says what was said and no more, and the weight of what it says of it. What it says is not there costs nothing,
// unless it was said. One that says more has to say more of what was said too than what it stands below, or that something was left unsaid.
func (f *Finder) below(s *scratch, name string, above float64) (score, said float64) {
	affirmed := strings.ToLower(name)
	denied := ""
	for _, denial := range denials {
		if before, after, found := strings.Cut(affirmed, denial); found {
			affirmed, denied = before, denied+" "+after
		}
	}
	denies := slices.ContainsFunc(s.words, func(a asked) bool { return strings.HasPrefix(a.text, words.Denial) })
	shared, more, missing, ours := 0.0, 0.0, 0.0, 0.0
	unsaid := denied != ""
	met := make([]bool, len(s.words))
	var left, extra opposed
	for _, w := range f.former.Form(affirmed) {
		at := f.asked(s, w)
		switch {
		case at >= 0:
			met[at] = true
		case w.Optional:
			unsaid = true
		default:
			more += f.weigh(w)
			extra.add(f.rules.group(w.Text))
		}
	}
	for _, w := range f.former.Form(denied) {
		at := f.asked(s, words.Word{Text: words.Denial + strings.TrimPrefix(w.Text, words.Denial)})
		if at >= 0 {
			met[at] = true
			continue
		}
		if at := f.asked(s, w); at >= 0 && !s.words[at].above && !denies {
			return 0, 0 // it was said, and not denied
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
	switch {
	case unsaid:
		score += f.rules.Unsaid
	case more > 0 && ours <= above:
		return 0, ours
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
