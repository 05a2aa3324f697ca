package terminology

import (
	"slices"
	"strings"

	"charthand/nlp"
	"charthand/terminology/index"
)

// maps gives what a chosen concept corresponds to in other systems: only where it is one code, and one that may be written.
func (l *Local) maps(x *index.Index, concept uint32, of nlp.Coding) []nlp.Coding {
	count := map[string]int{}
	all := x.Maps(concept)
	for _, m := range all {
		count[m.System]++
	}
	var list []nlp.Coding
	for _, m := range all {
		target := l.imported(m.System)
		if count[m.System] != 1 || target == nil && !slices.Contains(l.config.Maps, m.System) {
			continue
		}
		coding := nlp.Coding{System: m.System, Code: m.Code, Score: of.Score, Chosen: true, Mapped: true}
		if target != nil {
			id, known := target.Find(m.Code)
			if !known {
				continue // a code that the imported version does not have
			}
			concept := target.Concept(id)
			coding.Version, coding.Display = target.Meta.Version, concept.Display
			coding.Chosen = concept.Level != index.Header
		}
		list = append(list, coding)
	}
	return list
}

// imported gives the index of a system, nil where none was imported.
func (l *Local) imported(system string) *index.Index {
	for _, f := range l.finders {
		if f.Index().Meta.System == system {
			return f.Index()
		}
	}
	return nil
}

// onePerSystem takes back all choices of a system but the first.
func onePerSystem(list []nlp.Coding) {
	for i := range list {
		list[i].Chosen = list[i].Chosen && !slices.ContainsFunc(list[:i], func(c nlp.Coding) bool { return c.Chosen && c.System == list[i].System })
	}
}

// agree chooses what was found by its words where a map leads to a heading, and the likeliest by words stands below it: both say the same.
func agree(found []nlp.Coding, heading nlp.Coding) {
	var own []int // of the system
	for i, c := range found {
		if c.System == heading.System {
			own = append(own, i)
		}
	}
	if len(own) == 0 {
		return
	}
	first := &found[own[0]]
	alone := len(own) == 1 || found[own[1]].Score < first.Score-agreedGap
	if alone && first.Score >= agreed && len(first.Code) > len(heading.Code) && strings.HasPrefix(first.Code, heading.Code) && first.Leaf {
		first.Chosen, first.Score = true, max(first.Score, heading.Score)
	}
}

// agreedGap is how far behind the next has to be.
const agreedGap = 0.05

// agreed is the least score of a code that was found by its words, where a map leads to what it stands below.
const agreed = 0.5

// addMapped adds what was mapped to what was found. Where both name a code of one system, what was found by the mention's own words stands, unless
// it is not sure and the other is.
func addMapped(found, mapped []nlp.Coding) []nlp.Coding {
	for _, m := range mapped {
		at := slices.IndexFunc(found, func(c nlp.Coding) bool { return c.System == m.System && c.Code == m.Code })
		taken := slices.ContainsFunc(found, func(c nlp.Coding) bool { return c.System == m.System && c.Chosen })
		if !m.Chosen && !taken {
			agree(found, m)
		}
		m.Chosen = m.Chosen && !taken
		switch {
		case at < 0:
			found = append(found, m)
		case m.Chosen:
			found[at].Chosen, found[at].Mapped, found[at].Score = true, true, max(found[at].Score, m.Score)
		}
	}
	return found
}
