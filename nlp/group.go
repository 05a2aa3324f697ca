package nlp

import (
	"context"

	"charthand/nlp/concept"
)

// Group is the stage that puts the mentions of one concept together: those of one kind whose words are the same but for case, number,
// blanks, and abbreviations that are known or that the note defines. It fills Normal, Group and Groups, and links the two forms of
// what the note defines.
type Group struct {
	normalizer *concept.Normalizer
}

// newGroup makes the stage, with the abbreviations inside the binary.
func newGroup() (*Group, error) {
	normalizer, err := concept.Default()
	if err != nil {
		return nil, err
	}
	return &Group{normalizer}, nil
}

// abbreviated is the kind that abbreviations are read in, by kind.
var abbreviated = map[Kind]concept.Kind{KindProblem: concept.Problem, KindFamily: concept.Problem, KindDrug: concept.Drug, KindProcedure: concept.Procedure, KindTest: concept.Test}

// Annotate implements Annotator.
func (g *Group) Annotate(_ context.Context, d *Document) error {
	acronyms := concept.Acronyms(d.Words)
	defined := map[string]string{}
	d.defined = map[string]string{}
	at := 0
	for _, a := range acronyms {
		for at < len(d.Entities) && d.Entities[at].End <= a.Long.Start {
			at++
		}
		long := concept.Mention{Span: a.Long}
		if at < len(d.Entities) && d.Entities[at].Overlaps(a.Long) {
			long.Kind = abbreviated[d.Entities[at].Kind]
		}
		d.defined[d.Text.Body[a.Short.Start:a.Short.End]] = d.Text.Body[a.Long.Start:a.Long.End]
		defined[d.Text.Body[a.Short.Start:a.Short.End]] = g.normalizer.Normal(d.Words, long, nil)
	}
	type key struct {
		kind   Kind
		label  string // of what is no fact: such mentions are one only under one label
		normal string
	}
	known := make(map[key]int, len(d.Entities))
	var sizes []int
	for i := range d.Entities {
		e := &d.Entities[i]
		m := concept.Mention{Span: e.Span, Kind: abbreviated[e.Kind]}
		if e.Section >= 0 && e.Section < len(d.Sections) {
			m.Section = d.Sections[e.Section].Code
		}
		e.Normal = g.normalizer.Normal(d.Words, m, defined)
		concept := key{e.Kind, e.Label, e.Normal}
		if _, fact := abbreviated[e.Kind]; fact {
			concept.label = ""
		}
		group, found := known[concept]
		if !found {
			group = len(sizes)
			known[concept] = group
			sizes = append(sizes, 0)
		}
		e.Group = group
		sizes[group]++
	}
	d.Groups = make([][]int, len(sizes))
	members := make([]int, len(d.Entities)) // of all groups, one after the other
	for group, size := range sizes {
		d.Groups[group], members = members[:0:size], members[size:]
	}
	for i := range d.Entities {
		group := d.Entities[i].Group
		d.Groups[group] = append(d.Groups[group], i)
	}
	g.identical(d, acronyms)
	return nil
}

// identical links the short form of what a note defines to its long form.
func (g *Group) identical(d *Document, acronyms []concept.Acronym) {
	next := 0
	for _, a := range acronyms {
		for next < len(d.Entities) && d.Entities[next].End <= a.Long.Start {
			next++
		}
		long := -1
		for i := next; i < len(d.Entities) && d.Entities[i].Start < a.Short.End; i++ {
			switch e := d.Entities[i]; {
			case e.Overlaps(a.Long):
				long = i
			case e.Overlaps(a.Short) && long >= 0 && e.Kind == d.Entities[long].Kind:
				d.Relations = append(d.Relations, Relation{Identical, i, long})
			}
		}
	}
}
