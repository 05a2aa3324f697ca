package nlp

import (
	"cmp"
	"context"
	"slices"

	clinical "charthand/nlp/context"
)

// Assert is the stage that judges what the note says of each mention. It fills Assertion and Cues; a modifier of another mention
// stays unjudged.
type Assert struct {
	rules *clinical.Rules
}

// judged is what the kinds are to the rules; all others are not judged.
var judged = map[Kind]clinical.Kind{KindProblem: clinical.Problem, KindFamily: clinical.Problem, KindDrug: clinical.Drug, KindProcedure: clinical.Procedure, KindTest: clinical.Test,
	KindMeasurement: clinical.Test}

// newAssert makes the stage, with the rules inside the binary.
func newAssert() (*Assert, error) {
	rules, err := clinical.Default()
	if err != nil {
		return nil, err
	}
	return &Assert{rules}, nil
}

// subject is what is judged: an entity, or what a rule has found.
type subject struct {
	clinical.Target
	assertion *Assertion
	cues      *[]Cue // nil where nobody asks for them
}

// subjects gives all that is judged, in the order of the text: the entities, and the allergies that no entity names.
func (d *Document) subjects() []subject {
	all := make([]subject, 0, len(d.Entities)+len(d.Allergies)+len(d.NoAllergies))
	for i := range d.Entities {
		e := &d.Entities[i]
		kind, known := judged[e.Kind]
		if !known {
			kind = clinical.Unjudged
		}
		all = append(all, subject{clinical.Target{Span: e.Span, Kind: kind, Family: e.Kind == KindFamily}, &e.Assertion, &e.Cues})
	}
	entities := len(all)
	for i := range d.Allergies {
		if a := &d.Allergies[i]; a.Mention < 0 {
			all = append(all, subject{clinical.Target{Span: a.Span, Kind: clinical.Problem}, &a.Assertion, nil})
		}
	}
	for i := range d.NoAllergies {
		a := &d.NoAllergies[i]
		if d.namedBy(a.Span) >= 0 {
			continue // told with the entity
		}
		all = append(all, subject{clinical.Target{Span: a.Span, Kind: clinical.Problem}, &a.Assertion, nil})
	}
	if len(all) > entities {
		slices.SortStableFunc(all, func(a, b subject) int { return cmp.Or(a.Start-b.Start, a.End-b.End) })
	}
	return all
}

// Annotate implements Annotator.
func (a *Assert) Annotate(_ context.Context, d *Document) error {
	subjects := d.subjects()
	targets := make([]clinical.Target, len(subjects))
	for i, s := range subjects {
		targets[i] = s.Target
	}
	sections := make([]clinical.Section, len(d.Sections))
	for i, s := range d.Sections {
		sections[i] = clinical.Section(s)
	}
	year := 0
	if !d.Date.IsZero() {
		year = d.Date.Year()
	}
	for i, j := range a.rules.Judge(d.Words, year, d.Sentences, sections, targets) {
		if targets[i].Kind == clinical.Unjudged {
			continue
		}
		is := func(f clinical.Flags) bool { return j.Flags&f != 0 }
		s := subjects[i]
		*s.assertion = Assertion{
			Experiencer: Experiencer(j.Experiencer),
			Negated:     is(clinical.Negated), RuledOut: is(clinical.RuledOut), Uncertain: is(clinical.Uncertain), Hypothetical: is(clinical.Hypothetical),
			Planned: is(clinical.Planned), Historical: is(clinical.Historical), Resolved: is(clinical.Resolved),
		}
		if s.cues == nil {
			continue
		}
		*s.cues = nil
		for _, cue := range j.Cues {
			*s.cues = append(*s.cues, Cue{cue.Span, cue.Rule})
		}
	}
	for i := range d.NoAllergies {
		a := &d.NoAllergies[i]
		if at := d.namedBy(a.Span); at >= 0 {
			a.Assertion = d.Entities[at].Assertion
		}
	}
	return nil
}

// namedBy gives the first entity of those that are judged that overlaps a span, -1 for none.
func (d *Document) namedBy(span Span) int {
	i, _ := slices.BinarySearchFunc(d.Entities, span.Start, func(e Entity, at int) int { return e.End - at - 1 })
	for ; i < len(d.Entities) && d.Entities[i].Start < span.End; i++ {
		if _, known := judged[d.Entities[i].Kind]; known && d.Entities[i].Overlaps(span) {
			return i
		}
	}
	return -1
}
