package fhir

import (
	"strconv"
	"time"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
)

// String makes a FHIR string.
func String(s string) *dtpb.String { return &dtpb.String{Value: s} }

// URI makes a FHIR uri.
func URI(s string) *dtpb.Uri { return &dtpb.Uri{Value: s} }

// Code is a code of a code system. Display may be empty.
type Code struct{ System, Code, Display string }

// Coding makes a Coding.
func (c Code) Coding() *dtpb.Coding {
	coding := &dtpb.Coding{System: URI(c.System), Code: &dtpb.Code{Value: c.Code}}
	if c.Display != "" {
		coding.Display = String(c.Display)
	}
	return coding
}

// Concept makes a CodeableConcept of codes alone.
func Concept(list ...Code) *dtpb.CodeableConcept {
	concept := &dtpb.CodeableConcept{}
	for _, c := range list {
		concept.Coding = append(concept.Coding, c.Coding())
	}
	return concept
}

// TextConcept makes a CodeableConcept of text alone.
func TextConcept(text string) *dtpb.CodeableConcept { return &dtpb.CodeableConcept{Text: String(text)} }

// NewIdentifier makes an Identifier of a system and a value.
func NewIdentifier(system, value string) *dtpb.Identifier {
	return &dtpb.Identifier{System: URI(system), Value: String(value)}
}

// Reference makes a literal reference ("Patient/1", "urn:uuid:…").
func Reference(uri string) *dtpb.Reference {
	return &dtpb.Reference{Reference: &dtpb.Reference_Uri{Uri: String(uri)}}
}

// LogicalReference makes a reference by type and identifier.
func LogicalReference(resourceType string, identifier *dtpb.Identifier) *dtpb.Reference {
	return &dtpb.Reference{Type: URI(resourceType), Identifier: identifier}
}

// DateTime makes a dateTime with the precision of a second.
func DateTime(t time.Time) *dtpb.DateTime {
	return &dtpb.DateTime{ValueUs: t.Truncate(time.Second).UnixMicro(), Timezone: zone(t), Precision: dtpb.DateTime_SECOND}
}

// Instant makes an instant with the precision of a second.
func Instant(t time.Time) *dtpb.Instant {
	return &dtpb.Instant{ValueUs: t.Truncate(time.Second).UnixMicro(), Timezone: zone(t), Precision: dtpb.Instant_SECOND}
}

// zone gives the offset form that FHIR dates carry.
func zone(t time.Time) string {
	if _, offset := t.Zone(); offset == 0 {
		return "Z"
	}
	return t.Format("-07:00")
}

// Narrative makes a generated narrative; div is a whole XHTML div element, already escaped.
func Narrative(div string) *dtpb.Narrative {
	return &dtpb.Narrative{
		Status: &dtpb.Narrative_StatusCode{Value: codes.NarrativeStatusCode_GENERATED},
		Div:    &dtpb.Xhtml{Value: div},
	}
}

// ExtensionOf makes an extension that holds others.
func ExtensionOf(url string, parts ...*dtpb.Extension) *dtpb.Extension {
	return &dtpb.Extension{Url: URI(url), Extension: parts}
}

// StringExtension makes an extension with a string value.
func StringExtension(url, value string) *dtpb.Extension {
	return &dtpb.Extension{Url: URI(url), Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_StringValue{StringValue: String(value)}}}
}

// IntegerExtension makes an extension with an integer value; 0 is a value like any other.
func IntegerExtension(url string, value int32) *dtpb.Extension {
	return &dtpb.Extension{Url: URI(url), Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Integer{Integer: &dtpb.Integer{Value: value}}}}
}

// DecimalExtension makes an extension with a decimal value of the given number of decimal places.
func DecimalExtension(url string, value float64, places int) *dtpb.Extension {
	decimal := &dtpb.Decimal{Value: strconv.FormatFloat(value, 'f', places, 64)}
	return &dtpb.Extension{Url: URI(url), Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Decimal{Decimal: decimal}}}
}

// ReferenceExtension makes an extension with a Reference value.
func ReferenceExtension(url string, value *dtpb.Reference) *dtpb.Extension {
	return &dtpb.Extension{Url: URI(url), Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Reference{Reference: value}}}
}
