package smart

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// ofNobody are types whose resources belong to no patient.
var ofNobody = []string{"Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Binary", "Medication"}

// ofPatient gives the parameter that narrows a search to a patient; "" where there is none.
func ofPatient(resourceType string) string {
	switch {
	case resourceType == "Patient":
		return "_id"
	case resourceType == "Provenance" || slices.Contains(ofNobody, resourceType):
		return ""
	}
	return "patient"
}

// reference is a reference to another resource.
type reference struct{ Reference string }

// owned is what says whose a resource is.
type owned struct {
	ResourceType, ID string
	Subject, Patient reference
	Target           []reference // of a Provenance
}

// patient gives the id of the patient that a resource names itself, "" for none.
func (o owned) patient() string {
	if o.ResourceType == "Patient" {
		return o.ID
	}
	for _, r := range []reference{o.Subject, o.Patient} {
		if id, isPatient := strings.CutPrefix(r.Reference, "Patient/"); isPatient {
			return id
		}
	}
	return ""
}

var errOwner = errors.New("whose it is cannot be told")

// owner gives the id of the patient that a resource is of, "" for nobody: what it says itself, or for a Provenance what all its targets say. within holds
// what is written together with it, by its fullUrl.
func (s *Server) owner(ctx context.Context, raw json.RawMessage, within map[string]json.RawMessage) (string, error) {
	var o owned
	if json.Unmarshal(raw, &o) != nil {
		return "", errOwner
	}
	if o.ResourceType != "Provenance" {
		return o.patient(), nil
	}
	var owners []string
	for _, target := range o.Target {
		if strings.HasPrefix(target.Reference, "Provenance/") {
			return "", errOwner
		}
		owner, err := s.ownerOf(ctx, target.Reference, within)
		if err != nil {
			return "", err
		}
		owners = append(owners, owner)
	}
	if owners = slices.Compact(owners); len(owners) != 1 {
		return "", errOwner
	}
	return owners[0], nil
}

// ownerOf gives whose a resource is that is referred to.
func (s *Server) ownerOf(ctx context.Context, reference string, within map[string]json.RawMessage) (string, error) {
	raw, isWithin := within[reference]
	if !isWithin {
		name, _, _ := strings.Cut(reference, "/_history/")
		if parts := strings.Split(name, "/"); len(parts) != 2 || strings.Contains(name, "?") {
			return "", errOwner
		}
		var status int
		if raw, status = s.read(ctx, name); status != http.StatusOK {
			return "", errOwner
		}
	}
	var o owned
	if json.Unmarshal(raw, &o) != nil || o.ResourceType == "Provenance" {
		return "", errOwner
	}
	return o.patient(), nil
}

// shows reports whether an app may see a resource that the FHIR server has answered with, and all in it where it is a Bundle.
func (a access) shows(raw json.RawMessage) bool {
	var o struct {
		owned
		Entry []struct{ Resource json.RawMessage }
	}
	if json.Unmarshal(raw, &o) != nil {
		return false
	}
	switch o.ResourceType {
	case "OperationOutcome":
		return true
	case "Bundle":
		for _, entry := range o.Entry {
			if entry.Resource != nil && !a.shows(entry.Resource) {
				return false
			}
		}
		return true
	}
	can := func(context string) bool {
		return a.scopes.allow(context, o.ResourceType, "r") || a.scopes.allow(context, o.ResourceType, "s")
	}
	return can("user") || can("patient") && (o.patient() == "" || o.patient() == a.patient)
}
