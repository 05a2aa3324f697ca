// Package measure reads numbers, units and the results of tests, in the shapes of FHIR's datatypes and the units of UCUM.
package measure

import "encoding/json"

// The code systems in use.
const (
	UCUM           = "http://unitsofmeasure.org"
	interpretation = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
)

// Quantity is FHIR's Quantity. Value keeps the digits as they were written ("7.0").
type Quantity struct {
	Value      json.Number `json:"value"`
	Comparator string      `json:"comparator,omitempty"` // <, <=, >=, >
	Unit       string      `json:"unit,omitempty"`
	System     string      `json:"system,omitempty"`
	Code       string      `json:"code,omitempty"`
}

// NewQuantity makes a Quantity with a UCUM unit, or none.
func NewQuantity(value json.Number, unit string) *Quantity {
	if unit == "" {
		return &Quantity{Value: value}
	}
	return &Quantity{Value: value, Unit: unit, System: UCUM, Code: unit}
}

// Range is FHIR's Range.
type Range struct {
	Low  *Quantity `json:"low,omitempty"`
	High *Quantity `json:"high,omitempty"`
}

// Ratio is FHIR's Ratio.
type Ratio struct {
	Numerator   *Quantity `json:"numerator"`
	Denominator *Quantity `json:"denominator"`
}

// Coding is FHIR's Coding.
type Coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

// CodeableConcept is FHIR's CodeableConcept.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Value is the result of a test, with the names that an Observation has for its parts.
type Value struct {
	Quantity       *Quantity         `json:"valueQuantity,omitempty"`
	Range          *Range            `json:"valueRange,omitempty"`
	Ratio          *Ratio            `json:"valueRatio,omitempty"`
	String         string            `json:"valueString,omitempty"`
	Component      []Component       `json:"component,omitempty"`
	Interpretation []CodeableConcept `json:"interpretation,omitempty"`
	ReferenceRange []Range           `json:"referenceRange,omitempty"`
}

// Component is a part of a result: the systolic, diastolic and mean pressure, with their LOINC codes.
type Component struct {
	Code     CodeableConcept `json:"code"`
	Quantity *Quantity       `json:"valueQuantity"`
}
