// Package resource is the part of FHIR R4 that charthand writes, as plain structs that encode as FHIR's JSON: each has the elements
// that are filled, under FHIR's names, in a fixed order. An element that is empty is left out, as FHIR wants it.
package resource

import (
	"encoding/json"
	"time"

	"charthand/fhir"
	"charthand/nlp/measure"
)

// Code is a code of a code system. Display may be empty.
type Code struct {
	System  string `json:"system" yaml:"system"`
	Code    string `json:"code" yaml:"code"`
	Display string `json:"display,omitempty" yaml:"display"`
}

// CodeableConcept is FHIR's CodeableConcept.
type CodeableConcept struct {
	Coding []Code `json:"coding,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Concept makes a CodeableConcept of codes alone.
func Concept(list ...Code) *CodeableConcept { return &CodeableConcept{Coding: list} }

// TextConcept makes a CodeableConcept of text alone, nil of no text.
func TextConcept(text string) *CodeableConcept {
	if text == "" {
		return nil
	}
	return &CodeableConcept{Text: text}
}

// Meta is FHIR's Meta.
type Meta struct {
	Profile  []string `json:"profile,omitempty"`
	Security []Code   `json:"security,omitempty"`
	Tag      []Code   `json:"tag,omitempty"`
}

// Narrative is FHIR's Narrative.
type Narrative struct {
	Status string `json:"status"`
	Div    string `json:"div"` // a whole XHTML div element, escaped
}

// Annotation is FHIR's Annotation.
type Annotation struct {
	Text string `json:"text"`
}

// Period is FHIR's Period.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// Extension is FHIR's Extension with the types of value in use. An offset of 0 is a value like any other.
type Extension struct {
	URL            string            `json:"url"`
	Extension      []Extension       `json:"extension,omitempty"`
	ValueCode      string            `json:"valueCode,omitempty"`
	ValueDecimal   json.Number       `json:"valueDecimal,omitempty"`
	ValueInteger   *int              `json:"valueInteger,omitempty"`
	ValueQuantity  *measure.Quantity `json:"valueQuantity,omitempty"`
	ValueReference *fhir.Reference   `json:"valueReference,omitempty"`
	ValueString    string            `json:"valueString,omitempty"`
}

// Absent is a primitive element that has no value, with the reason (http://hl7.org/fhir/StructureDefinition/data-absent-reason).
type Absent struct {
	Extension []Extension `json:"extension"`
}

// Unknown says that the text does not give the element.
func Unknown() *Absent {
	return &Absent{[]Extension{{URL: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", ValueCode: "unknown"}}}
}

// DateTime writes a moment as a dateTime or instant, to the second.
func DateTime(t time.Time) string { return t.Format(time.RFC3339) }
