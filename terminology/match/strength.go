package match

import (
	"regexp"
	"slices"
	"strings"

	"charthand/terminology/index"
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
func (f *Finder) AtStrength(s *Sayings, q *Query, drug Candidate) Candidate {
	if !f.levels {
		return drug
	}
	strength, form := s.dose(append(slices.Clone(q.Names[:1]), q.said...))
	both := ""
	if strength != "" && form != "" {
		both = strength + " " + form
	}
	name := f.x.Concept(drug.Concept).Display
	for _, wanted := range []struct {
		words  string
		levels []index.Level
	}{
		{both, []index.Level{index.Clinical, index.Branded}},
		{strength, []index.Level{index.Component}},
		{form, []index.Level{index.Form}},
	} {
		if wanted.words == "" {
			continue
		}
		if found, ok := f.exactly(Ask(f.former, &Sayings{}, []string{name + " " + wanted.words}, nil, "", q.Kinds), wanted.levels); ok {
			found.Score, found.Features = drug.Score, drug.Features
			return found
		}
	}
	return drug
}

// exactly gives the one concept of some levels that has all words of a query and no others.
func (f *Finder) exactly(q *Query, levels []index.Level) (Candidate, bool) {
	list := f.Find(q, maxCompared)
	for i, c := range list {
		if !isWhole(c) || !slices.Contains(levels, f.x.LevelOf(c.Concept)) {
			continue
		}
		for _, other := range list[i+1:] {
			if isWhole(other) && slices.Contains(levels, f.x.LevelOf(other.Concept)) {
				return Candidate{}, false // two that say the same
			}
		}
		return c, true
	}
	return Candidate{}, false
}

// isWhole reports whether a name has all words of a query and no others: neither another salt, nor a volume.
func isWhole(c Candidate) bool { return c.Features.Covered > 0.9999 && c.Features.Filled > 0.9999 }

// amount is a number with a unit. What is told by weight, volume or time ("1 mg/kg") is no strength.
var amount = regexp.MustCompile(`([0-9][0-9,]*(?:\.[0-9]+)?) ?([a-zµ%]+)(\s*/)?`)

// dose gives the strength and the form that some lines say, as RxNorm writes them: “40 MG”, “Oral Tablet”.
func (s *Sayings) dose(lines []string) (strength, form string) {
	for _, line := range lines {
		line = strings.ToLower(line)
		for _, found := range amount.FindAllStringSubmatch(line, -1) {
			if unit := s.units[found[2]]; strength == "" && unit != "" && found[3] == "" {
				strength = strings.ReplaceAll(found[1], ",", "") + " " + unit
			}
		}
		for _, p := range s.drugParts(line) {
			if said := s.forms[p.text]; said != "" && form == "" {
				form = said
			}
		}
	}
	return strength, form
}
