package nlp

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Understanding gives the stages that follow the recognition of mentions, in their order: structure first, then what the note
// says of each mention, what belongs together, and the concepts last.
func Understanding() (Pipeline, error) {
	structure, errStructure := NewStructure()
	assert, errAssert := NewAssert()
	relate, errRelate := NewRelate()
	values, errValues := NewValues()
	dates, errDates := NewDates()
	sigs, errSigs := NewSigs()
	if err := errors.Join(errStructure, errAssert, errRelate, errValues, errDates, errSigs); err != nil {
		return nil, err
	}
	return Pipeline{structure, assert, relate, values, dates, sigs, Group{}}, nil
}

// Group puts the mentions of one concept together: those with one label whose words are the same but for case, blanks,
// compatibility forms and punctuation at the ends. It fills Normal, Group and Groups.
type Group struct{}

// Annotate implements Annotator.
func (Group) Annotate(_ context.Context, d *Document) error {
	type concept struct{ label, normal string }
	known := map[concept]int{}
	d.Groups = nil
	for i := range d.Entities {
		e := &d.Entities[i]
		e.Normal = normalise(d.Mention(*e))
		key := concept{e.Label, e.Normal}
		group, found := known[key]
		if !found {
			group = len(d.Groups)
			known[key] = group
			d.Groups = append(d.Groups, nil)
		}
		e.Group = group
		d.Groups[group] = append(d.Groups[group], i)
	}
	return nil
}

// normalise gives the form that mentions are compared by (Unicode NFKC, lower case, single blanks).
func normalise(mention string) string {
	s := strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(mention))), " ")
	trimmed := strings.TrimFunc(s, func(r rune) bool { return unicode.IsPunct(r) && !strings.ContainsRune("%()[]+-", r) })
	if trimmed == "" {
		return s
	}
	return trimmed
}
