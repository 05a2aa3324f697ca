package access

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Record is one access to what callers have to be let in to. It holds nothing of a note.
type Record struct {
	// Request is the request's id, Caller and Address who asked from where.
	Request, Caller, Address string
	// Action is the method and the route: "POST /fhir/DocumentReference/$extract".
	Action string
	// Documents are those that it was about ("DocumentReference/42").
	Documents []string
	// Patient is whom it was about ("Patient/1"), empty where that is not known.
	Patient string
	// Status is the HTTP status of the answer.
	Status int
	Began  time.Time
}

// How an AuditEvent says that what was asked for was done, not done through the caller's fault, or through ours (audit-event-outcome).
const (
	outcomeSuccess = "0"
	outcomeMinor   = "4"
	outcomeSerious = "8"
)

func (r Record) outcome() string {
	switch {
	case r.Status >= http.StatusInternalServerError:
		return outcomeSerious
	case r.Status >= http.StatusBadRequest:
		return outcomeMinor
	}
	return outcomeSuccess
}

// what refers to a resource ("Type/id") of the server that the event is written to, or names one of another.
func what(name string, local bool) object {
	if local {
		return object{"reference": name}
	}
	resourceType, _, _ := strings.Cut(name, "/")
	return object{"type": resourceType, "identifier": object{"value": name}}
}

type object = map[string]any

func coding(system, code, display string) object {
	return object{"system": system, "code": code, "display": display}
}

// Code systems of AuditEvent.
const (
	dicom      = "http://dicom.nema.org/resources/ontology/DCM"
	entityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	entityRole = "http://terminology.hl7.org/CodeSystem/object-role"
)

// AuditEvent gives the record as a FHIR R4 AuditEvent (section 6.4): a RESTful operation that was executed. Where local is true it refers to the documents as
// resources of the server that it is written to, else by their names alone.
func (r Record) AuditEvent(local bool) json.RawMessage {
	entities := []object{{
		"what": object{"identifier": object{"value": r.Request}}, "type": coding(entityType, "4", "Other"), "name": "request id",
	}}
	for _, document := range r.Documents {
		entities = append(entities, object{"what": what(document, local), "type": coding(entityType, "2", "System Object"), "role": coding(entityRole, "3", "Report")})
	}
	if r.Patient != "" {
		entities = append(entities, object{"what": what(r.Patient, local), "type": coding(entityType, "1", "Person"), "role": coding(entityRole, "1", "Patient")})
	}
	caller := object{
		"type": object{"coding": []object{coding(dicom, "110153", "Source Role ID")}}, "requestor": true, "network": object{"address": r.Address, "type": "2"}, // an IP address
	}
	if r.Caller != "" {
		caller["who"] = object{"identifier": object{"value": r.Caller}, "display": r.Caller}
	}
	encoded, err := json.Marshal(object{
		"resourceType": "AuditEvent",
		"type":         coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
		"subtype":      []object{coding("http://hl7.org/fhir/restful-interaction", "operation", "operation")},
		"action":       "E",
		"recorded":     r.Began.UTC().Format(time.RFC3339Nano),
		"outcome":      r.outcome(),
		"outcomeDesc":  http.StatusText(r.Status),
		"agent": []object{caller, {
			"type": object{"coding": []object{coding(dicom, "110152", "Destination Role ID")}}, "who": object{"display": "charthand"}, "requestor": false,
		}},
		"source": object{"observer": object{"display": "charthand"}, "type": []object{coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")}},
		"entity": entities,
	})
	if err != nil {
		panic(err) // texts and truth values
	}
	return encoded
}
