package nlp

import (
	"context"

	"charthand/nlp/measure"
)

// Values is the stage that reads the results of tests into numbers, units and interpretations. It fills Value.
type Values struct {
	reader *measure.Reader
	roles  roles
}

// NewValues makes the stage, with the units and words inside the binary.
func NewValues() (*Values, error) {
	reader, err := measure.Default()
	if err != nil {
		return nil, err
	}
	roles, err := defaultRoles()
	if err != nil {
		return nil, err
	}
	return &Values{reader, roles}, nil
}

// Annotate implements Annotator.
func (v *Values) Annotate(_ context.Context, d *Document) error {
	for i := range d.Entities {
		e := &d.Entities[i]
		if v.roles[e.Label] != resultRole {
			continue
		}
		from, to := d.Words.At(e.Start), d.Words.At(e.End-1)+1
		if from < to && to <= len(d.Words.Tokens) {
			e.Value = v.reader.Value(d.Words, from, to)
		}
	}
	return nil
}
