package main

import (
	"context"
	"errors"
	"io"
	"time"

	"charthand/nlp"
	"charthand/note"
)

// annotateGiven annotates the mentions that come with the lines of the input. No model is loaded.
func annotateGiven(ctx context.Context, in io.Reader, s streams) error {
	stages, err := nlp.Understanding()
	if err != nil {
		return err
	}
	a := annotator{pipeline: stages, out: newEncoder(s.out)}
	return eachLine(ctx, in, s, func(ctx context.Context, line noteLine) (any, error) {
		if line.Entities == nil {
			return nil, lineError{errors.New("no \"entities\" beside the text")}
		}
		d, err := nlp.NewGiven(note.NewText(*line.Text), *line.Entities)
		if err != nil {
			return nil, lineError{err}
		}
		if d.Date, d.Zone, err = line.date(); err != nil {
			return nil, err
		}
		return a.annotate(ctx, line.ID, d)
	})
}

// date reads the date of a line's note and its zone: both are nothing where the line has none. A date without a time has no zone.
func (l noteLine) date() (time.Time, *time.Location, error) {
	if l.Date == "" {
		return time.Time{}, nil, nil
	}
	if date, err := time.Parse(time.RFC3339, l.Date); err == nil {
		return date, date.Location(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02"} {
		if date, err := time.Parse(layout, l.Date); err == nil {
			if layout == "2006-01-02" {
				return date, nil, nil
			}
			return date, date.Location(), nil
		}
	}
	return time.Time{}, nil, lineError{errors.New("date: expected YYYY-MM-DD, or a date and time with its offset")}
}
