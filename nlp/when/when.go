// Package when reads what a note says of time: dates as exact as they were said, periods, ages, durations, and times told from an
// event. What depends on the note's date is read against it.
package when

import (
	"encoding/json"
	"time"

	"charthand/nlp/measure"
)

// Expression is a temporal expression. One of its fields is filled, Event along with After; all are empty where the words name no
// time that can be known.
type Expression struct {
	// DateTime is a FHIR dateTime: a year, a month, a day, or a day and time with its offset from UTC (none where the note has none).
	DateTime string `json:"dateTime,omitempty"`
	// Period is the first and last day, month or year, either of which may be open.
	Period *Period `json:"period,omitempty"`
	// Age is how old the person was.
	Age      *measure.Quantity `json:"age,omitempty"`
	AgeRange *measure.Range    `json:"ageRange,omitempty"`
	// Duration is how long something lasted.
	Duration      *measure.Quantity `json:"duration,omitempty"`
	DurationRange *measure.Range    `json:"durationRange,omitempty"`
	// After is the time from Event, negative before it.
	After *measure.Quantity `json:"after,omitempty"`
	Event Event             `json:"event,omitempty"`
	// Time is a time of an unknown day, "14:30".
	Time string `json:"time,omitempty"`
}

// Period is FHIR's Period.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// Event is what a time is told from.
type Event string

// The events in use.
const (
	Surgery   Event = "surgery"
	Admission Event = "admission"
	Discharge Event = "discharge"
	Birth     Event = "birth"
)

// Anchor is what a text's times are read against.
type Anchor struct {
	// Date is the note's, the zero time where it is unknown. Zone is nil where it is a day without a time.
	Date time.Time
	Zone *time.Location
	// Events are the days of events that the text gives.
	Events map[Event]time.Time
	// Future says that the sentence speaks of what is to come: a day without a year is the next such day.
	Future bool
}

// known reports whether the note's date is known.
func (a Anchor) known() bool { return !a.Date.IsZero() }

// day gives the note's day at midnight UTC.
func (a Anchor) day() time.Time {
	y, m, d := a.Date.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// The forms of FHIR's partial dates.
const (
	yearForm  = "2006"
	monthForm = "2006-01"
	dayForm   = "2006-01-02"
)

func quantity(value json.Number, unit string) *measure.Quantity {
	return measure.NewQuantity(value, unit)
}
