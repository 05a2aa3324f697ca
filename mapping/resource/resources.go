package resource

import (
	"encoding/json"

	"charthand/fhir"
	"charthand/nlp/measure"
	"charthand/nlp/sig"
)

// Header is what every resource that is written begins with.
type Header struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id,omitempty"`
	Meta         *Meta      `json:"meta,omitempty"`
	Text         *Narrative `json:"text,omitempty"`
}

// Fact is what the resource of every fact begins with.
type Fact struct {
	Header
	Extension  []Extension       `json:"extension,omitempty"`
	Identifier []fhir.Identifier `json:"identifier,omitempty"`
}

// Common gives what the resource of a fact begins with.
func (f *Fact) Common() *Fact { return f }

// Resource is the resource of a fact.
type Resource interface {
	Common() *Fact
}

// Condition is FHIR R4's Condition.
type Condition struct {
	Fact
	ClinicalStatus     *CodeableConcept  `json:"clinicalStatus,omitempty"`
	VerificationStatus *CodeableConcept  `json:"verificationStatus,omitempty"`
	Category           []CodeableConcept `json:"category,omitempty"`
	Severity           *CodeableConcept  `json:"severity,omitempty"`
	Code               *CodeableConcept  `json:"code,omitempty"`
	BodySite           []CodeableConcept `json:"bodySite,omitempty"`
	Subject            *fhir.Reference   `json:"subject"`
	Encounter          *fhir.Reference   `json:"encounter,omitempty"`
	OnsetDateTime      string            `json:"onsetDateTime,omitempty"`
	OnsetAge           *measure.Quantity `json:"onsetAge,omitempty"`
	OnsetPeriod        *Period           `json:"onsetPeriod,omitempty"`
	OnsetRange         *measure.Range    `json:"onsetRange,omitempty"`
	OnsetString        string            `json:"onsetString,omitempty"`
	RecordedDate       string            `json:"recordedDate,omitempty"`
	Note               []Annotation      `json:"note,omitempty"`
}

// AllergyIntolerance is FHIR R4's AllergyIntolerance.
type AllergyIntolerance struct {
	Fact
	ClinicalStatus     *CodeableConcept `json:"clinicalStatus,omitempty"`
	VerificationStatus *CodeableConcept `json:"verificationStatus,omitempty"`
	Category           []string         `json:"category,omitempty"`
	Code               *CodeableConcept `json:"code,omitempty"`
	Patient            *fhir.Reference  `json:"patient"`
	Encounter          *fhir.Reference  `json:"encounter,omitempty"`
	RecordedDate       string           `json:"recordedDate,omitempty"`
	Note               []Annotation     `json:"note,omitempty"`
	Reaction           []Reaction       `json:"reaction,omitempty"`
}

// Reaction is AllergyIntolerance.reaction.
type Reaction struct {
	Manifestation []CodeableConcept `json:"manifestation"`
	Severity      string            `json:"severity,omitempty"`
}

// MedicationStatement is FHIR R4's MedicationStatement.
type MedicationStatement struct {
	Fact
	Status                    string            `json:"status"`
	MedicationCodeableConcept *CodeableConcept  `json:"medicationCodeableConcept"`
	Subject                   *fhir.Reference   `json:"subject"`
	Context                   *fhir.Reference   `json:"context,omitempty"`
	EffectiveDateTime         string            `json:"effectiveDateTime,omitempty"`
	NoEffectiveDateTime       *Absent           `json:"_effectiveDateTime,omitempty"`
	EffectivePeriod           *Period           `json:"effectivePeriod,omitempty"`
	DateAsserted              string            `json:"dateAsserted,omitempty"`
	ReasonCode                []CodeableConcept `json:"reasonCode,omitempty"`
	ReasonReference           []fhir.Reference  `json:"reasonReference,omitempty"`
	Note                      []Annotation      `json:"note,omitempty"`
	Dosage                    []sig.Dosage      `json:"dosage,omitempty"`
}

// Procedure is FHIR R4's Procedure.
type Procedure struct {
	Fact
	Status              string            `json:"status"`
	Code                *CodeableConcept  `json:"code"`
	Subject             *fhir.Reference   `json:"subject"`
	Encounter           *fhir.Reference   `json:"encounter,omitempty"`
	PerformedDateTime   string            `json:"performedDateTime,omitempty"`
	NoPerformedDateTime *Absent           `json:"_performedDateTime,omitempty"`
	PerformedPeriod     *Period           `json:"performedPeriod,omitempty"`
	PerformedString     string            `json:"performedString,omitempty"`
	PerformedAge        *measure.Quantity `json:"performedAge,omitempty"`
	PerformedRange      *measure.Range    `json:"performedRange,omitempty"`
	BodySite            []CodeableConcept `json:"bodySite,omitempty"`
	Note                []Annotation      `json:"note,omitempty"`
}

// ServiceRequest is FHIR R4's ServiceRequest: what is planned, where a site wants it.
type ServiceRequest struct {
	Fact
	Status             string            `json:"status"`
	Intent             string            `json:"intent"`
	Code               *CodeableConcept  `json:"code"`
	Subject            *fhir.Reference   `json:"subject"`
	Encounter          *fhir.Reference   `json:"encounter,omitempty"`
	OccurrenceDateTime string            `json:"occurrenceDateTime,omitempty"`
	OccurrencePeriod   *Period           `json:"occurrencePeriod,omitempty"`
	AuthoredOn         string            `json:"authoredOn,omitempty"`
	BodySite           []CodeableConcept `json:"bodySite,omitempty"`
	Note               []Annotation      `json:"note,omitempty"`
}

// Observation is FHIR R4's Observation.
type Observation struct {
	Fact
	Status              string                    `json:"status"`
	Category            []CodeableConcept         `json:"category,omitempty"`
	Code                *CodeableConcept          `json:"code"`
	Subject             *fhir.Reference           `json:"subject"`
	Encounter           *fhir.Reference           `json:"encounter,omitempty"`
	EffectiveDateTime   string                    `json:"effectiveDateTime,omitempty"`
	NoEffectiveDateTime *Absent                   `json:"_effectiveDateTime,omitempty"`
	EffectivePeriod     *Period                   `json:"effectivePeriod,omitempty"`
	ValueQuantity       *measure.Quantity         `json:"valueQuantity,omitempty"`
	ValueRange          *measure.Range            `json:"valueRange,omitempty"`
	ValueRatio          *measure.Ratio            `json:"valueRatio,omitempty"`
	ValueString         string                    `json:"valueString,omitempty"`
	ValueBoolean        *bool                     `json:"valueBoolean,omitempty"`
	Interpretation      []measure.CodeableConcept `json:"interpretation,omitempty"`
	Note                []Annotation              `json:"note,omitempty"`
	BodySite            *CodeableConcept          `json:"bodySite,omitempty"`
	ReferenceRange      []measure.Range           `json:"referenceRange,omitempty"`
	Component           []measure.Component       `json:"component,omitempty"`
}

// FamilyMemberHistory is FHIR R4's FamilyMemberHistory.
type FamilyMemberHistory struct {
	Fact
	Status       string            `json:"status"`
	Patient      *fhir.Reference   `json:"patient"`
	Date         string            `json:"date,omitempty"`
	Relationship *CodeableConcept  `json:"relationship"`
	Note         []Annotation      `json:"note,omitempty"`
	Condition    []FamilyCondition `json:"condition,omitempty"`
}

// FamilyCondition is FamilyMemberHistory.condition.
type FamilyCondition struct {
	Code        *CodeableConcept  `json:"code"`
	OnsetAge    *measure.Quantity `json:"onsetAge,omitempty"`
	OnsetPeriod *Period           `json:"onsetPeriod,omitempty"`
	OnsetString string            `json:"onsetString,omitempty"`
}

// Device is FHIR R4's Device.
type Device struct {
	Header
	Identifier  []fhir.Identifier `json:"identifier,omitempty"`
	Status      string            `json:"status"`
	DeviceName  []DeviceName      `json:"deviceName"`
	ModelNumber string            `json:"modelNumber"`
	Type        *CodeableConcept  `json:"type"`
	Version     []DeviceVersion   `json:"version"`
}

// DeviceName is Device.deviceName.
type DeviceName struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// DeviceVersion is Device.version.
type DeviceVersion struct {
	Type  *CodeableConcept `json:"type"`
	Value string           `json:"value"`
}

// Provenance is FHIR R4's Provenance.
type Provenance struct {
	Header
	Target           []fhir.Reference   `json:"target"`
	OccurredDateTime string             `json:"occurredDateTime"`
	Recorded         string             `json:"recorded"`
	Reason           []CodeableConcept  `json:"reason,omitempty"`
	Activity         *CodeableConcept   `json:"activity"`
	Agent            []ProvenanceAgent  `json:"agent"`
	Entity           []ProvenanceEntity `json:"entity"`
}

// ProvenanceAgent is Provenance.agent.
type ProvenanceAgent struct {
	Type       *CodeableConcept  `json:"type"`
	Role       []CodeableConcept `json:"role,omitempty"`
	Who        *fhir.Reference   `json:"who"`
	OnBehalfOf *fhir.Reference   `json:"onBehalfOf,omitempty"`
}

// ProvenanceEntity is Provenance.entity.
type ProvenanceEntity struct {
	Role string          `json:"role"`
	What *fhir.Reference `json:"what"`
}

// Raw is a resource of a server, changed or not, as the members of its JSON.
type Raw map[string]json.RawMessage

// IsTimed reports whether a Procedure says when it was performed.
func (p *Procedure) IsTimed() bool {
	return p.PerformedDateTime != "" || p.PerformedPeriod != nil || p.PerformedString != "" || p.PerformedAge != nil || p.PerformedRange != nil
}
