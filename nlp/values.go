package nlp

import (
	"context"

	"charthand/nlp/measure"
)

// Values is the stage that reads the results of tests into numbers, units and interpretations. It fills Value.
type Values struct {
	reader *measure.Reader
}

// newValues makes the stage, with the units and words inside the binary.
func newValues() (*Values, error) {
	reader, err := measure.Default()
	if err != nil {
		return nil, err
	}
	return &Values{reader}, nil
}

// Annotate implements Annotator.
func (v *Values) Annotate(_ context.Context, d *Document) error {
	for i := range d.Entities {
		e := &d.Entities[i]
		if e.Kind != KindResult && e.Kind != KindMeasurement {
			continue
		}
		if words := d.Words.Cover(e.Span); words.From < words.To {
			e.Value = v.reader.Value(d.Words, words.From, words.To)
		}
	}
	return nil
}
