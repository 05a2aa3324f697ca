package match

import (
	"slices"
	"strings"

	"charthand/terminology/index"
	"charthand/terminology/words"
)

// Combined gives the one concept of several drugs together, where the index has one: “hydrochlorothiazide / lisinopril”.
func (f *Finder) Combined(q *Query, parts [][]Candidate, n int) []Candidate {
	names := make([]string, len(parts))
	for i, list := range parts {
		names[i] = f.x.Concept(list[0].Concept).Display
	}
	list := f.named(q, strings.Join(names, " "), n)
	for i := range list { // it is as sure as its parts
		for _, part := range parts {
			if part[0].Score < list[i].Score {
				list[i].Score, list[i].Features.Corrected = part[0].Score, part[0].Features.Corrected
			}
		}
	}
	return list
}

// AtStrength goes from a drug to the concept of it with the strength and the form that were said, in an index that has such levels: “furosemide 40
// MG” for 40 mg of it, “furosemide 40 MG Oral Tablet” for a tablet of 40 mg. Where there is none, the drug stays.
func (f *Finder) AtStrength(s *Sayings, former *words.Former, q *Query, drug Candidate) Candidate {
	if !f.levels {
		return drug
	}
	strength, form := s.dose(append(slices.Clone(q.Names[:1]), q.said...))
	name := f.x.Concept(drug.Concept).Display
	for _, wanted := range []struct {
		words  string
		levels []index.Level
	}{
		{strength + " " + form, []index.Level{index.Clinical, index.Branded}},
		{strength, []index.Level{index.Component}},
		{form, []index.Level{index.Form}},
	} {
		if strings.TrimSpace(wanted.words) == "" || len(wanted.levels) == 2 && (strength == "" || form == "") {
			continue
		}
		if found, ok := f.exactly(Ask(former, &Sayings{}, []string{name + " " + wanted.words}, nil, "", q.Kinds), wanted.levels); ok {
			found.Score, found.Features = drug.Score, drug.Features
			return found
		}
	}
	return drug
}

// exactly gives the concept of some levels that has all words of a query, no number beside them, and least else.
func (f *Finder) exactly(q *Query, levels []index.Level) (Candidate, bool) {
	list := f.Find(q, maxCompared)
	for i, c := range list {
		if c.Features.Covered < 0.9999 || !slices.Contains(levels, f.x.LevelOf(c.Concept)) || f.saysNumber(c.Name, q) {
			continue
		}
		for _, other := range list[i+1:] { // two that say no more than each other
			if other.Score == c.Score && slices.Contains(levels, f.x.LevelOf(other.Concept)) && other.Features.Covered >= 0.9999 {
				return Candidate{}, false
			}
		}
		return c, true
	}
	return Candidate{}, false
}

// saysNumber reports whether a name has a number that a query has not: another ingredient's strength.
func (f *Finder) saysNumber(name uint32, q *Query) bool {
	says := false
	f.x.NameWords(name, func(word uint32, isOptional bool) bool {
		if f.words[word].group == number && !isOptional {
			text := f.x.WordText(word)
			says = says || !slices.ContainsFunc(q.wordings[0].formed, func(w words.Word) bool { return w.Text == text })
		}
		return !says
	})
	return says
}

// dose gives the strength and the form that some lines say, as RxNorm writes them: “40 MG”, “Oral Tablet”.
func (s *Sayings) dose(lines []string) (strength, form string) {
	for _, line := range lines {
		list := s.drugParts(line)
		for i, p := range list {
			if said := s.forms[p.text]; said != "" && form == "" {
				form = said
			}
			amount, unit := p.text, ""
			if number := strings.TrimRight(p.text, "abcdefghijklmnopqrstuvwxyzµ%"); number != p.text { // "40mg"
				amount, unit = number, p.text[len(number):]
			} else if i+1 < len(list) {
				unit = list[i+1].text
			}
			if strength == "" && s.units[unit] != "" && isNumber(amount) {
				strength = amount + " " + s.units[unit]
			}
		}
	}
	return strength, form
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == "" && s[0] != '.'
}
