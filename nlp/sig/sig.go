// Package sig reads how a drug is to be taken into the parts of FHIR's Dosage: "500 mg PO BID x 7 days prn pain". What it does not
// understand stays in the text of the Dosage.
package sig

import (
	"encoding/json"
	"slices"

	"charthand/nlp/measure"
)

// Dosage is FHIR's Dosage, with the strength of what is taken beside it.
type Dosage struct {
	// Sequence orders steps that follow each other; absent where there is one.
	Sequence int `json:"sequence,omitempty"`
	// Text is the words of the note.
	Text                    string                   `json:"text,omitempty"`
	Timing                  *Timing                  `json:"timing,omitempty"`
	AsNeededBoolean         bool                     `json:"asNeededBoolean,omitempty"`
	AsNeededCodeableConcept *measure.CodeableConcept `json:"asNeededCodeableConcept,omitempty"`
	Route                   *measure.CodeableConcept `json:"route,omitempty"`
	DoseAndRate             []DoseAndRate            `json:"doseAndRate,omitempty"`
	MaxDosePerPeriod        *measure.Ratio           `json:"maxDosePerPeriod,omitempty"`
	// Strength is that of one unit ("50 mg tab, 1 tab"). FHIR has it on the Medication.
	Strength *measure.Quantity `json:"strength,omitempty"`
}

// DoseAndRate is how much is given each time, and how fast.
type DoseAndRate struct {
	DoseQuantity *measure.Quantity `json:"doseQuantity,omitempty"`
	DoseRange    *measure.Range    `json:"doseRange,omitempty"`
	RateQuantity *measure.Quantity `json:"rateQuantity,omitempty"`
	RateRange    *measure.Range    `json:"rateRange,omitempty"`
}

// Timing is FHIR's Timing.
type Timing struct {
	Repeat Repeat `json:"repeat"`
}

// Repeat is FHIR's Timing.repeat. Units of time are UCUM's.
type Repeat struct {
	BoundsDuration *measure.Quantity `json:"boundsDuration,omitempty"`
	BoundsRange    *measure.Range    `json:"boundsRange,omitempty"`
	Count          int               `json:"count,omitempty"`
	CountMax       int               `json:"countMax,omitempty"`
	Duration       json.Number       `json:"duration,omitempty"`
	DurationMax    json.Number       `json:"durationMax,omitempty"`
	DurationUnit   string            `json:"durationUnit,omitempty"`
	Frequency      int               `json:"frequency,omitempty"`
	FrequencyMax   int               `json:"frequencyMax,omitempty"`
	Period         json.Number       `json:"period,omitempty"`
	PeriodMax      json.Number       `json:"periodMax,omitempty"`
	PeriodUnit     string            `json:"periodUnit,omitempty"`
	DayOfWeek      []string          `json:"dayOfWeek,omitempty"`
	TimeOfDay      []string          `json:"timeOfDay,omitempty"`
	When           []string          `json:"when,omitempty"`
	Offset         int               `json:"offset,omitempty"` // minutes
}

// Sig is the steps of a drug's use, one after the other.
type Sig struct {
	Dosage []Dosage `json:"dosage"`
}

// valid gives the timing without what FHIR's invariants forbid beside what was said more exactly: no time of an event beside a clock
// time (tim-10), no offset beside a meal itself or without an event (tim-9).
func (r Repeat) valid() Repeat {
	if len(r.TimeOfDay) > 0 {
		r.When = nil
	}
	if len(r.When) == 0 || slices.ContainsFunc(r.When, func(code string) bool { return code[0] == 'C' }) {
		r.Offset = 0
	}
	return r
}

// empty reports whether the timing says nothing.
func (r Repeat) empty() bool {
	return r.BoundsDuration == nil && r.BoundsRange == nil && r.Count == 0 && r.Duration == "" && r.Frequency == 0 && len(r.DayOfWeek)+len(r.TimeOfDay)+len(r.When) == 0
}
