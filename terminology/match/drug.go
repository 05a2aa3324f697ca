package match

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"charthand/terminology/index"
	"charthand/terminology/words"
)

// maxDrugWords is how many words the name of a drug may have.
const maxDrugWords = 7

// Drugs gives the drugs that a line names, each with the concepts that it may be, the best first: several for a combination that the index has
// no concept of. What is said of dose, route and times is passed over; the names that follow the first count where only a sign or an
// "and" stands between.
func (f *Finder) Drugs(s *Sayings, q *Query, n int) [][]Candidate {
	var best [][]Candidate
	bestScore := 0.0
	for variant, name := range q.Names {
		found, score := f.drugsIn(s, q, name, n)
		if variant > 0 {
			score *= f.rules.Otherwise
		}
		if score > bestScore {
			best, bestScore = found, score
		}
	}
	return best
}

// part is a word of a line, with what stands before it.
type part struct {
	text string
	// joined says that a sign alone stands before it: "lisinopril-HCTZ", "amox/clav".
	joined bool
}

// drugsIn reads one form of a line.
func (f *Finder) drugsIn(s *Sayings, q *Query, name string, n int) (found [][]Candidate, score float64) {
	list := s.drugParts(name)
	score = 1
	open := false // a drug was named, and what follows may go on
	for i := 0; i < len(list); {
		if list[i].text == "and" || list[i].text == "with" {
			i++
			continue
		}
		length, candidates := f.longest(s, q, list[i:], n)
		if length == 0 && (len(found) == 0 || list[i].joined) {
			length, candidates = f.misspelled(s, q, list[i].text, n)
		}
		if length == 0 && open && list[i].joined && len(list[i].text) > maxSuffix && !s.sig[list[i].text] && !hasDigit(list[i].text) {
			return nil, 0 // a combination with something that is not known
		}
		switch {
		case length > 0 && (len(found) == 0 || open):
			found = append(found, candidates)
			score = min(score, candidates[0].Score)
			open = true
		case length > 0 || !isAmount(s, list[i].text):
			if len(found) > 0 {
				return found, score
			}
		}
		i += max(1, length)
	}
	if len(found) == 0 {
		return nil, 0
	}
	return found, score
}

// maxSuffix is how long what is joined to a drug's name may be that is no other drug, in bytes: "insulin glargine-yfgn".
const maxSuffix = 4

// isAmount reports whether a word is a number or a unit, which may stand between two drugs of a combination.
func isAmount(s *Sayings, word string) bool {
	return hasDigit(word) || s.sig[word] && len(word) <= 4
}

// longest gives the longest name of a drug that a line begins with, in words, and what it may be.
func (f *Finder) longest(s *Sayings, q *Query, list []part, n int) (int, []Candidate) {
	for length := min(len(list), maxDrugWords); length > 0; length-- {
		texts := make([]string, length)
		names := false
		for i, p := range list[:length] {
			texts[i] = p.text
			names = names || !s.sig[p.text] && strings.ContainsFunc(p.text, unicode.IsLetter)
		}
		if !names || s.sig[texts[length-1]] && length > 1 || s.sig[texts[0]] || texts[length-1] == "and" {
			continue
		}
		if candidates := f.named(q, strings.Join(texts, " "), n); len(candidates) > 0 {
			return length, candidates
		}
	}
	return 0, nil
}

// named gives the concepts that have a name in so many words, or in its words.
func (f *Finder) named(q *Query, name string, n int) []Candidate {
	plain := words.Plain(name)
	formed := f.former.Form(name)
	if len(formed) == 0 {
		return nil
	}
	names := slices.DeleteFunc(f.x.Plain(index.PlainKey(plain), nil), func(name uint32) bool { return words.Plain(f.x.Name(name)) != plain })
	if len(names) == 0 {
		names = f.ofWords(needed(formed))
	}
	return f.candidates(q, names, plain, n)
}

// needed gives the words of a form that are not optional.
func needed(formed []words.Word) []string {
	list := make([]string, 0, len(formed))
	for _, w := range formed {
		if !w.Optional {
			list = append(list, w.Text)
		}
	}
	return list
}

// ofWords gives the names that have just some words.
func (f *Finder) ofWords(list []string) []uint32 {
	names := f.x.Exact(index.WordsKey(list), nil) // which sorts them
	list = slices.Compact(list)
	return slices.DeleteFunc(names, func(name uint32) bool {
		own := needed(f.former.Form(f.x.Name(name)))
		slices.Sort(own)
		return !slices.Equal(slices.Compact(own), list)
	})
}

// candidates gives the concepts of some names that are the same as a drug's.
func (f *Finder) candidates(q *Query, names []uint32, plain string, n int) []Candidate {
	var list []Candidate
	for _, name := range names {
		concept := f.x.NameConcept(name)
		if f.x.KindsOf(concept)&q.Kinds == 0 || slices.ContainsFunc(list, func(c Candidate) bool { return c.Concept == concept }) {
			continue
		}
		features := Features{
			Exact: true, Covered: 1, Filled: 1, Dice: 1, Type: f.x.NameType(name), Plain: words.Plain(f.x.Name(name)) == plain, Classes: f.classes,
			Words: strings.Count(plain, " ") + 1, Gap: 1, Rarest: 1, Letters: len(plain),
		}
		list = append(list, Candidate{Concept: concept, Name: name, Score: f.rules.final(1, features), Features: features})
	}
	self := func(c Candidate) int { // a concept that is called so itself before those that have it as another name
		if words.Plain(f.x.Concept(c.Concept).Display) == plain {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), self(a)-self(b), cmp.Compare(f.x.LevelOf(a.Concept), f.x.LevelOf(b.Concept)), cmp.Compare(a.Concept, b.Concept))
	})
	if len(list) > 1 && list[0].Score == list[1].Score && self(list[0]) == self(list[1]) && f.x.LevelOf(list[0].Concept) == f.x.LevelOf(list[1].Concept) {
		list[0].Features.Ties = 1
	}
	return list[:min(n, len(list))]
}

// minMisspelled is how long a word has to be for a misspelling of it to be put right, in bytes.
const minMisspelled = 6

// misspelled gives the drugs that are called by one word which is an edit or two from a word.
func (f *Finder) misspelled(sayings *Sayings, q *Query, word string, n int) (int, []Candidate) {
	if len(word) < minMisspelled || sayings.sig[word] {
		return 0, nil
	}
	formed := f.former.Form(word)
	if len(formed) != 1 {
		return 0, nil
	}
	a := asked{text: formed[0].Text, raw: formed[0].Raw}
	var s scratch
	f.correct(&s, &a)
	s.ours.set(word)
	var list []Candidate
	for at, id := range a.ids[:a.n] {
		right := f.x.WordText(id)
		for _, c := range f.candidates(q, f.ofWords([]string{right}), right, n) {
			c.Features.Exact, c.Features.Plain, c.Features.Corrected = false, false, true
			s.theirs.set(words.Plain(f.x.Name(c.Name)))
			c.Features.Dice = dice(&s.ours, &s.theirs)
			c.Score = f.rules.final(a.sureness[at], c.Features)
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return 0, nil
	}
	slices.SortStableFunc(list, func(x, y Candidate) int { return cmp.Compare(y.Score, x.Score) })
	return 1, list[:min(n, len(list))]
}

// drugParts gives the words of a line, with what they stand for.
func (s *Sayings) drugParts(line string) []part {
	var list []part
	raw := cut(strings.ToLower(line))
	for i := 0; i < len(raw); {
		if one := s.drug.at(raw, i); one != nil {
			for word := range strings.FieldsSeq(one.means[0]) {
				list = append(list, part{text: word})
			}
			i += len(one.words)
			continue
		}
		// "lisinopril-HCTZ", "amox/clav", "x10d", "5mg"
		joined := i > 0 && strings.Trim(raw[i-1], "/+&-") == ""
		for piece := range strings.FieldsFuncSeq(raw[i], func(r rune) bool { return strings.ContainsRune("/+&-–*#", r) }) {
			if one := s.drug.at([]string{piece}, 0); one != nil {
				for word := range strings.FieldsSeq(one.means[0]) {
					list = append(list, part{text: word, joined: joined})
					joined = false
				}
				joined = true
				continue
			}
			list = append(list, part{text: piece, joined: joined})
			joined = true
		}
		i++
	}
	return list
}
