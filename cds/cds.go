// Package cds is decision support for the reader of a chart (CDS Hooks 2.0): cards that name what notes say, as charthand has found it, and what is
// on none of the lists that people keep.
package cds

import (
	"encoding/json"
	"regexp"

	"charthand/fhir"

	"github.com/google/uuid"
)

// Hook is the hook that is served, ID the service's name in its address.
const (
	Hook = "patient-view"
	ID   = "charthand"
)

// Discovery is the answer to GET /cds-services.
type Discovery struct {
	Services []Service `json:"services"`
}

// Service describes one service.
type Service struct {
	Hook        string            `json:"hook"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	ID          string            `json:"id"`
	Prefetch    map[string]string `json:"prefetch"`
}

// patientToken stands in the prefetch templates for the patient's id.
const patientToken = "{{context.patientId}}"

// templates are what is needed of a patient, by key; a drug may be in a resource of its own.
var templates = map[string]string{
	"conditions":           "Condition?patient=" + patientToken,
	"medicationStatements": "MedicationStatement?patient=" + patientToken + "&_include=MedicationStatement:medication",
	"medicationRequests":   "MedicationRequest?patient=" + patientToken + "&_include=MedicationRequest:medication",
	"allergies":            "AllergyIntolerance?patient=" + patientToken,
}

// Discover gives the services that there are.
func Discover() Discovery {
	return Discovery{[]Service{{
		Hook: Hook, ID: ID, Title: "Found in notes",
		Description: "Problems, medications and allergies that the patient's notes name and the lists do not have, as charthand has found them.",
		Prefetch:    templates,
	}}}
}

// Request is what a client calls the service with.
type Request struct {
	Hook          string         `json:"hook"`
	HookInstance  string         `json:"hookInstance"`
	FHIRServer    string         `json:"fhirServer"`
	Authorization *Authorization `json:"fhirAuthorization"`
	Context       struct {
		PatientID string `json:"patientId"`
	} `json:"context"`
	Prefetch map[string]json.RawMessage `json:"prefetch"`
}

// Authorization is what the client's FHIR server wants to see. It is shown to no one else, and never logged.
type Authorization struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
}

var (
	fhirID      = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)
	bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`) // RFC 6750, section 2.1
	bearerType  = regexp.MustCompile(`^(?i:bearer)$`)
)

// ReadRequest reads a call; the error is a *fhir.Fault that names every fault, and holds nothing of the call.
func ReadRequest(data []byte) (*Request, error) {
	r := &Request{}
	if json.Unmarshal(data, r) != nil {
		return nil, &fhir.Fault{Issues: []fhir.Issue{{Severity: fhir.SeverityError, Code: fhir.CodeStructure, Diagnostics: "the body is no call of a CDS service"}}}
	}
	faults := &fhir.Fault{}
	check := func(holds bool, code fhir.IssueCode, place, what string) {
		if !holds {
			faults.Issues = append(faults.Issues, fhir.Issue{Severity: fhir.SeverityError, Code: code, Expression: place, Diagnostics: what})
		}
	}
	check(r.Hook == Hook, fhir.CodeNotSupported, "hook", "expected "+Hook)
	check(uuid.Validate(r.HookInstance) == nil, fhir.CodeValue, "hookInstance", "expected a UUID")
	check(fhirID.MatchString(r.Context.PatientID), fhir.CodeValue, "context.patientId", "expected the id of a Patient")
	if a := r.Authorization; a != nil {
		check(r.FHIRServer != "", fhir.CodeRequired, "fhirServer", "it is needed with fhirAuthorization")
		check(bearerType.MatchString(a.TokenType), fhir.CodeNotSupported, "fhirAuthorization.token_type", "expected Bearer")
		check(bearerToken.MatchString(a.AccessToken), fhir.CodeValue, "fhirAuthorization.access_token", "expected a bearer token")
	}
	if len(faults.Issues) > 0 {
		return nil, faults
	}
	return r, nil
}
