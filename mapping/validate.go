package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/nlp/allergy"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
)

// validate names every fault of the rules by its place.
func (r *Rules) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for name, uri := range map[string]string{"identifierSystem": r.IdentifierSystem, "namespace": r.Namespace} {
		if !strings.Contains(uri, ":") {
			fault("%s: not a URI", name)
		}
	}
	oneOf := func(name string, value string, known ...string) {
		if !slices.Contains(known, value) {
			fault("%s: %q is none of %s", name, value, strings.Join(known, ", "))
		}
	}
	oneOf("aiLabel", string(r.AILabel), string(LabelSecurity), string(LabelTag), string(LabelOff))
	oneOf("confidence", string(r.Confidence), string(ConfidenceOwn), string(ConfidenceAITransparency), string(ConfidenceOff))
	oneOf("scope", string(r.Scope), string(ScopeDocument), string(ScopePatient))
	oneOf("conditionCategory.usCore", r.ConditionCategory.USCore, problemListItem, healthConcern)
	if r.OnBehalfOf != "" && !fhir.RefersTo(r.OnBehalfOf, "Organization") {
		fault("onBehalfOf: %q is no reference to an organisation: expected something like Organization/1", r.OnBehalfOf)
	}
	if !(r.Support > 0 && r.Support <= 1) {
		fault("support: %g is not above 0 and up to 1", r.Support)
	}
	if sorted, all := slices.Sorted(slices.Values(r.Strength)), slices.Sorted(slices.Values(judgedKinds)); !slices.Equal(sorted, all) {
		fault("strength: needs each of %v once", judgedKinds)
	}
	for _, schema := range slices.Sorted(maps.Keys(r.Schemas)) {
		for _, label := range slices.Sorted(maps.Keys(r.Schemas[schema])) {
			r.validateLabel(fmt.Sprintf("schemas.%s.%s", schema, label), r.Schemas[schema][label], fault)
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(r.Statuses)) {
		if _, ok := statusCodes[resource]; !ok {
			fault("statuses.%s: not a resource type that is written", resource)
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(r.Statuses[resource])) {
			validateStatus(fmt.Sprintf("statuses.%s.%s", resource, kind), resource, kind, r.Statuses[resource][kind], fault)
		}
	}
	for _, degree := range slices.Sorted(maps.Keys(r.Severities)) {
		oneOf("severities", degree, "mild", "moderate", "severe")
	}
	for _, side := range slices.Sorted(maps.Keys(r.Sides)) {
		oneOf("sides", side, "left", "right", "bilateral")
	}
	unique := func(at string, lists map[string][]string) {
		seen := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(lists)) {
			for _, word := range lists[key] {
				if other, twice := seen[word]; twice && other != key {
					fault("%s: %q stands for both %s and %s", at, word, other, key)
				}
				seen[word] = key
			}
		}
	}
	severities, names := map[string][]string{}, map[string][]string{}
	for degree, severity := range r.Severities {
		severities[degree] = severity.Words
	}
	for name, sign := range r.VitalSigns {
		names[name] = sign.Names
	}
	unique("severities", severities)
	unique("sides", r.Sides)
	unique("vitalSigns", names)
	for _, category := range []allergy.Category{allergy.Any, allergy.Medication, allergy.Food, allergy.Environment} {
		if none := r.NoAllergies[category]; none.Code.Code == "" || none.Code.System == "" || none.IPS.Code == "" || none.IPS.System == "" {
			fault("noAllergies.%s: needs code and ips, each with system and code", category)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.VitalSigns)) {
		if sign := r.VitalSigns[name]; len(sign.Names) == 0 || len(sign.Codes) == 0 || len(sign.Units) == 0 || sign.R4 == "" || sign.USCore == "" {
			fault("vitalSigns.%s: needs names, codes, units, r4 and usCore", name)
		}
	}
	return errors.Join(faults...)
}

func (r *Rules) validateLabel(at string, rule LabelRule, fault func(string, ...any)) {
	makes := rule.Resource != "" || rule.Family != ""
	if makes == (rule.Part != "") {
		fault("%s: needs one of resource and part", at)
	}
	if rule.Part != "" && !slices.Contains([]Part{PartValue, PartBodySite, PartSeverity, PartTime, PartOther}, rule.Part) {
		fault("%s.part: %q is none of value, bodySite, severity, time, other", at, rule.Part)
	}
	if s := rule.MinScore; s != nil && !(*s >= 0 && *s <= 1) {
		fault("%s.minScore: %g is not between 0 and 1", at, *s)
	}
	if _, known := r.VitalSigns[rule.Measures]; rule.Measures != "" && (!known || rule.Resource != Observation) {
		fault("%s.measures: needs the name of a vital sign, and resource: Observation", at)
	}
	for _, resource := range []ResourceType{rule.Resource, rule.Drug, rule.WithValue, rule.Family, rule.Planned} {
		if _, known := statusCodes[resource]; resource != "" && !known {
			fault("%s: %q is not a resource type that is written", at, resource)
		} else if resource != "" && len(r.Statuses[resource]) == 0 {
			fault("statuses.%s: missing, but %s needs it", resource, at)
		}
	}
	if rule.Family != "" && rule.Family != FamilyMemberHistory || rule.Resource == FamilyMemberHistory {
		fault("%s: a relative's is a FamilyMemberHistory, and nothing else is", at)
	}
	if rule.Planned != "" && rule.Planned != ServiceRequest || rule.Resource == ServiceRequest {
		fault("%s: what is planned is a ServiceRequest, and nothing else is", at)
	}
}

func validateStatus(at string, resource ResourceType, kind AssertionKind, status Status, fault func(string, ...any)) {
	if !slices.Contains(judgedKinds, kind) {
		fault("%s: not an assertion", at)
	}
	known := statusCodes[resource]
	switch resource {
	case Condition, AllergyIntolerance:
		valid := verificationStatuses[resource]
		if status.Status != "" || !slices.Contains(valid, status.VerificationStatus) ||
			(status.ClinicalStatus != "" && !slices.Contains(clinicalStatuses[resource], status.ClinicalStatus)) {
			fault("%s: needs a verificationStatus and perhaps a clinicalStatus of FHIR's value sets for %s", at, resource)
		}
		// Invariants con-5, ait-1 and ait-2: entered-in-error has no clinical status, any other allergy has one.
		if resource == AllergyIntolerance && status.ClinicalStatus == "" {
			fault("%s: an AllergyIntolerance needs a clinicalStatus", at)
		}
		if resource == Condition && status.VerificationStatus == "refuted" && status.ClinicalStatus != "" {
			fault("%s: a refuted Condition has no clinicalStatus", at)
		}
	case MedicationStatement, Procedure, Observation, FamilyMemberHistory, ServiceRequest:
		if code := known[enumName(status.Status)]; code == 0 || status.VerificationStatus+status.ClinicalStatus != "" {
			fault("%s: needs a status of FHIR's value set for %s", at, resource)
		}
	}
	if status.Status == enteredInError || status.VerificationStatus == enteredInError {
		fault("%s: entered-in-error is for retractions", at)
	}
}

// enteredInError is the status of what is taken back.
const enteredInError = "entered-in-error"

// statusCodes are the codes of each type's required status value set, as the protocol buffers name them.
var statusCodes = map[ResourceType]map[string]int32{
	Condition:           {},
	AllergyIntolerance:  {},
	MedicationStatement: codes.MedicationStatementStatusCodes_Value_value,
	Procedure:           codes.EventStatusCode_Value_value,
	Observation:         codes.ObservationStatusCode_Value_value,
	FamilyMemberHistory: codes.FamilyHistoryStatusCode_Value_value,
	ServiceRequest:      codes.RequestStatusCode_Value_value,
}

// The codes of the required value sets of the types that have two statuses.
var (
	verificationStatuses = map[ResourceType][]string{
		Condition:          {"unconfirmed", "provisional", "differential", "confirmed", "refuted"},
		AllergyIntolerance: {"unconfirmed", "confirmed", "refuted"},
	}
	clinicalStatuses = map[ResourceType][]string{
		Condition:          {"active", "recurrence", "relapse", "inactive", "remission", "resolved"},
		AllergyIntolerance: {"active", "inactive", "resolved"},
	}
)

// enumName turns a FHIR code into its name in the protocol buffers.
func enumName(code string) string { return strings.ToUpper(strings.ReplaceAll(code, "-", "_")) }
