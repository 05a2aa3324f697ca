package nlp

import (
	"context"

	"charthand/nlp/text"
	"charthand/nlp/when"
)

// Dates is the stage that reads temporal expressions: dates, periods, ages, durations, times told from an event. It fills When.
type Dates struct {
	reader *when.Reader
}

// newDates makes the stage, with the words inside the binary.
func newDates() (*Dates, error) {
	reader, err := when.Default()
	if err != nil {
		return nil, err
	}
	return &Dates{reader}, nil
}

// Annotate implements Annotator.
func (s *Dates) Annotate(_ context.Context, d *Document) error {
	var spans []text.Span
	var places []int
	for i, e := range d.Entities {
		if role := e.Kind; role == KindTime || role == KindDuration {
			spans, places = append(spans, e.Span), append(places, i)
		}
	}
	for i, expression := range s.reader.All(d.Words, d.Sentences, spans, d.Date, d.Zone) {
		if expression != (when.Expression{}) {
			d.Entities[places[i]].When = &expression
		}
	}
	return nil
}
