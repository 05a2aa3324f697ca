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
	if err := errors.Join(errStructure, errAssert); err != nil {
		return nil, err
	}
	return Pipeline{structure, assert, LinkValues{}, Group{}}, nil
}

// LinkValues links each result to the test that it belongs to: the nearest one before it on its line or in its sentence,
// else the nearest one right after it ("normal ECG"). It is the one relation that an Observation cannot do without.
type LinkValues struct{}

// The labels that LinkValues links (MACCROBAT).
const (
	valueLabel = "Lab_value"
	testLabel  = "Diagnostic_procedure"
)

// How far a value may stand from its test, in bytes.
const (
	maxAfterTest  = 80
	maxBeforeTest = 24
)

// Annotate implements Annotator.
func (LinkValues) Annotate(_ context.Context, d *Document) error {
	for i, e := range d.Entities {
		if e.Label != valueLabel {
			continue
		}
		if test := testOf(d, i); test >= 0 {
			d.Relations = append(d.Relations, Relation{Modify, i, test})
		}
	}
	return nil
}

func testOf(d *Document, value int) int {
	at := d.Entities[value]
	for i := value - 1; i >= 0 && at.Start-d.Entities[i].End <= maxAfterTest; i-- {
		if d.Entities[i].Label == testLabel {
			if apart(d.Text.Body[d.Entities[i].End:at.Start]) {
				break
			}
			return i
		}
	}
	for i := value + 1; i < len(d.Entities) && d.Entities[i].Start-at.End <= maxBeforeTest; i++ {
		if d.Entities[i].Label == testLabel {
			if apart(d.Text.Body[at.End:d.Entities[i].Start]) {
				break
			}
			return i
		}
	}
	return -1
}

// apart reports whether a line or a sentence ends in the text between two mentions.
func apart(between string) bool {
	return strings.ContainsAny(between, "\n\r;") || strings.Contains(between, ". ")
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
