package nlp

import (
	"context"

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

// Annotate implements Annotator.
func (a *Assert) Annotate(_ context.Context, d *Document) error {
	targets := make([]clinical.Target, len(d.Entities))
	for i, e := range d.Entities {
		kind, known := judged[e.Kind]
		if !known {
			kind = clinical.Unjudged
		}
		targets[i] = clinical.Target{Span: e.Span, Kind: kind, Family: e.Kind == KindFamily}
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
		e := &d.Entities[i]
		e.Assertion = Assertion{
			Experiencer: Experiencer(j.Experiencer),
			Negated:     is(clinical.Negated), RuledOut: is(clinical.RuledOut), Uncertain: is(clinical.Uncertain), Hypothetical: is(clinical.Hypothetical),
			Planned: is(clinical.Planned), Historical: is(clinical.Historical), Resolved: is(clinical.Resolved),
		}
		e.Cues = nil
		for _, cue := range j.Cues {
			e.Cues = append(e.Cues, Cue{cue.Span, cue.Rule})
		}
	}
	return nil
}
