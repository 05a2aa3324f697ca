package nlp

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"charthand/nlp/measure"
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
		e := &d.Entities[places[i]]
		if expression == (when.Expression{}) && strings.EqualFold(e.Label, "Age") {
			expression.Age = bareAge(d.Mention(*e))
		}
		if expression != (when.Expression{}) {
			e.When = &expression
		}
	}
	return nil
}

// maxAge is the age above which a number alone is none, in years.
const maxAge = 120

// bareAge reads an age that is a number alone ("at 52"), nil for none.
func bareAge(said string) *measure.Quantity {
	years, err := strconv.Atoi(said)
	if err != nil || years < 1 || years > maxAge {
		return nil
	}
	return measure.NewQuantity(json.Number(strconv.Itoa(years)), "a")
}
