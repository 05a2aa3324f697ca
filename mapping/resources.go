package mapping

import (
	"html"
	"strings"

	"charthand/fhir"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/condition_go_proto"
	mspb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/medication_statement_go_proto"
	opb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/observation_go_proto"
	ppb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/procedure_go_proto"
)

// Code systems and extensions that others have defined.
const (
	conditionVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	conditionClinical     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	derivationReference   = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
)

// aiAsserted marks what a machine has asserted.
var aiAsserted = fhir.Code{System: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", Code: "AIAST", Display: "Artificial Intelligence asserted"}

// common is what every fact's resource begins with.
type common struct {
	meta       *dtpb.Meta
	text       *dtpb.Narrative
	identifier []*dtpb.Identifier
	extension  []*dtpb.Extension
	code       *dtpb.CodeableConcept
	written    *dtpb.DateTime // the note's date, nil where it has none
}

// resource makes the resource of a fact.
func (m *Mapper) resource(n note, f *fact) *fhir.Resource {
	status := m.config.Rules.Statuses[f.resource][f.kind]
	code := statusCodes[f.resource][enumName(status.Status)] // of no meaning for a Condition
	c := common{
		meta:       m.meta(),
		identifier: []*dtpb.Identifier{fhir.NewIdentifier(m.config.Rules.IdentifierSystem, "urn:uuid:"+f.id)},
		extension:  m.evidence(n, f),
		code:       fhir.TextConcept(f.words),
		text:       narrative(f, status),
	}
	if !n.document.Date.IsZero() {
		c.written = fhir.DateTime(n.document.Date)
	}
	switch f.resource {
	case Condition:
		r := &cpb.Condition{
			Meta: c.meta, Text: c.text, Identifier: c.identifier, Extension: c.extension,
			VerificationStatus: fhir.Concept(fhir.Code{System: conditionVerification, Code: status.VerificationStatus}),
			Code:               c.code,
			Subject:            n.document.Subject,
			Encounter:          n.document.Encounter,
			RecordedDate:       c.written,
		}
		if status.ClinicalStatus != "" {
			r.ClinicalStatus = fhir.Concept(fhir.Code{System: conditionClinical, Code: status.ClinicalStatus})
		}
		return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Condition{Condition: r}}
	case MedicationStatement:
		return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_MedicationStatement{MedicationStatement: &mspb.MedicationStatement{
			Meta: c.meta, Text: c.text, Identifier: c.identifier, Extension: c.extension,
			Status:       &mspb.MedicationStatement_StatusCode{Value: codes.MedicationStatementStatusCodes_Value(code)},
			Medication:   &mspb.MedicationStatement_MedicationX{Choice: &mspb.MedicationStatement_MedicationX_CodeableConcept{CodeableConcept: c.code}},
			Subject:      n.document.Subject,
			Context:      n.document.Encounter,
			DateAsserted: c.written,
		}}}
	case Procedure:
		return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Procedure{Procedure: &ppb.Procedure{
			Meta: c.meta, Text: c.text, Identifier: c.identifier, Extension: c.extension,
			Status:    &ppb.Procedure_StatusCode{Value: codes.EventStatusCode_Value(code)},
			Code:      c.code,
			Subject:   n.document.Subject,
			Encounter: n.document.Encounter,
		}}}
	default: // Observation: the rules allow no other type
		return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Observation{Observation: &opb.Observation{
			Meta: c.meta, Text: c.text, Identifier: c.identifier, Extension: c.extension,
			Status:    &opb.Observation_StatusCode{Value: codes.ObservationStatusCode_Value(code)},
			Code:      c.code,
			Subject:   n.document.Subject,
			Encounter: n.document.Encounter,
			Value:     &opb.Observation_ValueX{Choice: &opb.Observation_ValueX_StringValue{StringValue: fhir.String(f.value)}},
		}}}
	}
}

// meta marks a resource as made by a machine.
func (m *Mapper) meta() *dtpb.Meta {
	switch m.config.Rules.AILabel {
	case LabelSecurity:
		return &dtpb.Meta{Security: []*dtpb.Coding{aiAsserted.Coding()}}
	case LabelTag:
		return &dtpb.Meta{Tag: []*dtpb.Coding{aiAsserted.Coding()}}
	default: // LabelOff
		return nil
	}
}

// evidence ties a fact to the exact words: one derivation-reference for each mention, then what charthand adds of its own.
// Offsets and lengths are Unicode code points of the attachment's decoded text.
func (m *Mapper) evidence(n note, f *fact) []*dtpb.Extension {
	path := "DocumentReference." + n.attachment.Path + ".data"
	extensions := make([]*dtpb.Extension, 0, len(f.evidence)+len(f.labels)+2)
	for _, span := range f.evidence {
		start, end := n.doc.Text.CodePoint(span.Start), n.doc.Text.CodePoint(span.End)
		extensions = append(extensions, fhir.ExtensionOf(derivationReference,
			fhir.ReferenceExtension("reference", n.source.reference),
			fhir.StringExtension("path", path),
			fhir.IntegerExtension("offset", int32(start)),     //nolint:gosec // a request's body is far below 2 GiB
			fhir.IntegerExtension("length", int32(end-start)), //nolint:gosec // as above
		))
	}
	own := m.config.Rules.Namespace
	for _, label := range f.labels {
		extensions = append(extensions, fhir.StringExtension(own+"label", label))
	}
	return append(extensions,
		fhir.DecimalExtension(own+"confidence", float64(f.score), 3),
		fhir.StringExtension(own+"source-version", n.source.version),
	)
}

// narrative says the fact in one plain sentence.
func narrative(f *fact, s Status) *dtpb.Narrative {
	state := strings.Trim(s.ClinicalStatus+", "+s.VerificationStatus, ", ")
	if s.Status != "" {
		state = s.Status
	}
	said := string(f.resource) + ": " + f.words
	if f.value != "" {
		said += " = " + f.value
	}
	said += " (" + state + "), found in a note by software."
	return fhir.Narrative(`<div xmlns="http://www.w3.org/1999/xhtml">` + html.EscapeString(said) + `</div>`)
}
