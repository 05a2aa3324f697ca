package nlp

import (
	"context"

	"charthand/nlp/allergy"
)

// Allergies is the stage that finds what a note says of allergies. It fills Allergies and NoAllergies,
// which the stage Assert then judges like mentions.
type Allergies struct {
	finder *allergy.Finder
}

// newAllergies makes the stage, with the rules inside the binary.
func newAllergies() (*Allergies, error) {
	finder, err := allergy.Default()
	if err != nil {
		return nil, err
	}
	return &Allergies{finder}, nil
}

// Annotate implements Annotator.
func (a *Allergies) Annotate(_ context.Context, d *Document) error {
	if len(d.Sentences) == 0 {
		return nil
	}
	mentions := make([]allergy.Mention, len(d.Entities))
	for i, e := range d.Entities {
		mentions[i] = allergy.Mention{Span: e.Span, Drug: e.Kind == KindDrug, Problem: e.Kind == KindProblem}
	}
	found, none := a.finder.Find(d.Words, d.Sentences, d.Sections, mentions)
	for _, one := range found {
		d.Allergies = append(d.Allergies, Allergy{Allergy: one})
	}
	for _, one := range none {
		d.NoAllergies = append(d.NoAllergies, NoAllergy{None: one})
	}
	return nil
}
