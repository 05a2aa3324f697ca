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
func annotateGiven(ctx context.Context, in io.Reader, site *settings, s streams) error {
	stages, err := nlp.Understanding()
	if err != nil {
		return err
	}
	a := annotator{pipeline: site.withCodes(stages), messages: s.err}
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
	if day, err := time.Parse(time.DateOnly, l.Date); err == nil {
		return day, nil, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if date, err := time.Parse(layout, l.Date); err == nil {
			_, offset := date.Zone() // the zone of this machine may have the same offset now, and another in summer
			zone := time.FixedZone("", offset)
			return date.In(zone), zone, nil
		}
	}
	return time.Time{}, nil, lineError{errors.New("date: expected YYYY-MM-DD, or a date and time with its offset")}
}
