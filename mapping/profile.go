package mapping

import (
	"slices"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// Profile is a set of profiles that resources are to conform to.
type Profile string

// The profiles.
const (
	R4     Profile = "r4"
	USCore Profile = "us-core" // 6.1.0
	IPS    Profile = "ips"     // International Patient Summary 1.1.0
)

// Profiles are all of them.
var Profiles = []Profile{R4, USCore, IPS}

const (
	usCoreProfiles = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
	aiProfiles     = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/"
	ipsProfiles    = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
)

// Categories of a Condition; US Core has added one of its own.
const (
	problemListItem         = "problem-list-item"
	encounterDiagnosis      = "encounter-diagnosis"
	healthConcern           = "health-concern"
	usCoreConditionCategory = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
)

// claim names the profiles that a resource conforms to. A resource without any other meta gets one.
func claim(h *resource.Header, profiles ...string) {
	if h.Meta == nil {
		h.Meta = &resource.Meta{}
	}
	h.Meta.Profile = append(h.Meta.Profile, profiles...)
}

// conform fills in what the profile wants beyond R4, and claims it where the resource conforms. sign is the vital sign that an Observation
// is in full, empty for any other.
func (w *writer) conform(made any, sign string) {
	if w.config.Profile != R4 && !fhir.RefersTo(w.note.document.Subject.Reference, "Patient") {
		return // each of their profiles wants a literal reference to a patient
	}
	vital := w.config.Rules.VitalSigns[sign]
	switch w.config.Profile {
	case USCore:
		switch r := made.(type) {
		case *resource.Condition:
			w.conformUSCoreCondition(r)
		case *resource.AllergyIntolerance:
			claim(&r.Header, usCoreProfiles+"allergyintolerance")
		case *resource.Procedure:
			if r.Status == "completed" && !r.IsTimed() { // us-core-7
				r.NoPerformedDateTime = resource.Unknown()
			}
			claim(&r.Header, usCoreProfiles+"procedure")
		case *resource.Observation:
			if sign != "" {
				claim(&r.Header, vital.USCore)
			} else if w.isLaboratory(r) {
				claim(&r.Header, usCoreProfiles+"observation-lab")
			}
		}
	case IPS:
		switch r := made.(type) {
		case *resource.Condition:
			if r.ClinicalStatus != nil {
				claim(&r.Header, ipsProfiles+"Condition-uv-ips")
			}
		case *resource.AllergyIntolerance:
			claim(&r.Header, ipsProfiles+"AllergyIntolerance-uv-ips")
		case *resource.MedicationStatement:
			if r.EffectiveDateTime == "" && r.EffectivePeriod == nil {
				r.NoEffectiveDateTime = resource.Unknown()
			}
			claim(&r.Header, ipsProfiles+"MedicationStatement-uv-ips")
		case *resource.Procedure:
			if !r.IsTimed() {
				r.NoPerformedDateTime = resource.Unknown()
			}
			claim(&r.Header, ipsProfiles+"Procedure-uv-ips")
		case *resource.Observation:
			if sign != "" {
				claim(&r.Header, vital.R4)
			}
			if r.Status == "final" { // which a machine's is only where a site says so
				if r.EffectiveDateTime == "" && r.EffectivePeriod == nil {
					r.NoEffectiveDateTime = resource.Unknown()
				}
				claim(&r.Header, ipsProfiles+"Observation-results-uv-ips")
			}
		}
	case R4:
		if r, ok := made.(*resource.Observation); ok && sign != "" {
			claim(&r.Header, vital.R4)
		}
	}
}

// conformUSCoreCondition gives a Condition the category that it has to have, but for a refuted one, which is no problem-list item.
func (w *writer) conformUSCoreCondition(r *resource.Condition) {
	if r.ClinicalStatus == nil {
		return
	}
	if len(r.Category) == 0 {
		system := conditionCategory
		if w.config.Rules.ConditionCategory.USCore == healthConcern {
			system = usCoreConditionCategory
		}
		r.Category = []resource.CodeableConcept{*coded(system, w.config.Rules.ConditionCategory.USCore)}
	}
	if r.Category[0].Coding[0].Code == encounterDiagnosis {
		claim(&r.Header, usCoreProfiles+"condition-encounter-diagnosis")
	} else {
		claim(&r.Header, usCoreProfiles+"condition-problems-health-concerns")
	}
}

// isLaboratory reports whether an Observation is a laboratory's.
func (w *writer) isLaboratory(r *resource.Observation) bool {
	return len(r.Category) > 0 && r.Category[0].Coding[0].Code == "laboratory"
}

// conformDevice claims the AI Transparency guide's profile, where a site wants it.
func (m *Mapper) conformDevice(d *resource.Device) {
	if m.config.Rules.ClaimAI {
		claim(&d.Header, aiProfiles+"AI-Device")
	}
}

// conformProvenance claims the AI Transparency guide's profile, where a site wants it, and US Core's, which wants to know for whom a device
// works.
func (m *Mapper) conformProvenance(p *resource.Provenance) {
	if m.config.Rules.ClaimAI {
		claim(&p.Header, aiProfiles+"AI-Provenance")
	}
	literal := !slices.ContainsFunc(p.Target, func(target fhir.Reference) bool { return target.Reference == "" })
	if m.config.Profile == USCore && p.Agent[0].OnBehalfOf != nil && literal {
		claim(&p.Header, usCoreProfiles+"provenance")
	}
}
