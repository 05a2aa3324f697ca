package fhir

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Reference is FHIR's Reference as it is written: literal, by Identifier, or both.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// IsGroup reports whether a reference is to a group of patients.
func (r *Reference) IsGroup() bool { return r.Type == "Group" || RefersTo(r.Reference, "Group") }

// Identifier is a business identifier.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// entries are the resources that came in one Bundle, by their fullUrl: what a "urn:uuid:…" reference in it means.
type entries map[string]json.RawMessage

func (e entries) add(member map[string]json.RawMessage) {
	if url := stringMember(member, "fullUrl"); url != "" {
		e[url] = member["resource"]
	}
}

// portable gives a reference in a form that holds outside the resource and the Bundle that it stands in, if it is one to a
// resource of the given types; else nil. A reference to a contained resource, or by a urn to one of the same Bundle, becomes
// a logical one, by that resource's identifier or the reference's own; where neither has one, nothing outside can mean it.
func (e entries) portable(reference *dtpb.Reference, contained []*anypb.Any, types ...string) *Reference {
	uri, fragment := literal(reference), reference.GetFragment().GetValue()
	switch {
	case fragment != "":
		for _, packed := range contained {
			resource := &bcrpb.ContainedResource{}
			if packed.UnmarshalTo(resource) != nil {
				continue
			}
			if id, identifiers := nameOf(resource); id == fragment {
				return logical(reference, typeName(resource), inUse(identifiers), types)
			}
		}
	case strings.HasPrefix(uri, "urn:"):
		if raw := e[uri]; raw != nil {
			if resource, err := decodeResource(raw, "Resource"); err == nil {
				_, identifiers := nameOf(resource)
				return logical(reference, typeName(resource), inUse(identifiers), types)
			}
		}
	case uri != "":
		if slices.ContainsFunc(types, func(t string) bool { return RefersTo(uri, t) }) {
			return &Reference{
				Reference: uri, Type: reference.GetType().GetValue(),
				Identifier: plainIdentifier(reference.GetIdentifier()), Display: reference.GetDisplay().GetValue(),
			}
		}
		return nil
	}
	// What is left is a reference by identifier; a display alone means nobody.
	return logical(reference, reference.GetType().GetValue(), nil, types)
}

// logical makes a reference by identifier: the one given, else the reference's own; nil where there is none, or where the
// type is known and not one of those wanted.
func logical(reference *dtpb.Reference, resourceType string, identifier *dtpb.Identifier, types []string) *Reference {
	if resourceType != "" && !slices.Contains(types, resourceType) {
		return nil
	}
	if identifier == nil {
		identifier = reference.GetIdentifier()
	}
	if identifier.GetValue().GetValue() == "" {
		return nil
	}
	return &Reference{Type: resourceType, Identifier: plainIdentifier(identifier), Display: reference.GetDisplay().GetValue()}
}

// plainIdentifier gives an identifier as it is written, nil where it names nothing.
func plainIdentifier(i *dtpb.Identifier) *Identifier {
	if i.GetValue().GetValue() == "" {
		return nil
	}
	return &Identifier{i.GetSystem().GetValue(), i.GetValue().GetValue()}
}

// inUse gives the first identifier that is unique, by its system, and still in use; nil where there is none.
func inUse(identifiers []*dtpb.Identifier) *dtpb.Identifier {
	for _, identifier := range identifiers {
		use := identifier.GetUse().GetValue()
		if identifier.GetSystem().GetValue() != "" && identifier.GetValue().GetValue() != "" &&
			use != codes.IdentifierUseCode_OLD && use != codes.IdentifierUseCode_TEMP {
			return identifier
		}
	}
	return nil
}

// nameOf gives the id and identifiers of a patient, group, encounter or document.
func nameOf(resource *bcrpb.ContainedResource) (id string, identifiers []*dtpb.Identifier) {
	switch held := resource.GetOneofResource().(type) {
	case *bcrpb.ContainedResource_Patient:
		return held.Patient.GetId().GetValue(), held.Patient.GetIdentifier()
	case *bcrpb.ContainedResource_Group:
		return held.Group.GetId().GetValue(), held.Group.GetIdentifier()
	case *bcrpb.ContainedResource_DocumentReference:
		return held.DocumentReference.GetId().GetValue(), held.DocumentReference.GetIdentifier()
	case *bcrpb.ContainedResource_Encounter:
		return held.Encounter.GetId().GetValue(), held.Encounter.GetIdentifier()
	}
	return "", nil
}

// literal gives a reference as its URI ("Patient/1"), empty where it has none. The decoder has put relative references into
// a field for each type; only the types that are looked for matter here.
func literal(reference *dtpb.Reference) string {
	switch held := reference.GetReference().(type) {
	case nil:
		return ""
	case *dtpb.Reference_Uri:
		return held.Uri.GetValue()
	case *dtpb.Reference_PatientId:
		return "Patient/" + held.PatientId.GetValue()
	case *dtpb.Reference_GroupId:
		return "Group/" + held.GroupId.GetValue()
	case *dtpb.Reference_EncounterId:
		return "Encounter/" + held.EncounterId.GetValue()
	case *dtpb.Reference_DocumentReferenceId:
		return "DocumentReference/" + held.DocumentReferenceId.GetValue()
	}
	return "another type"
}

// RefersTo reports whether a URI is "Type/id", alone or after a server's base, perhaps with a version.
func RefersTo(uri, resourceType string) bool {
	uri, _, _ = strings.Cut(uri, "/_history/")
	rest, id := cutLast(uri)
	_, found := cutLast(rest)
	return id != "" && found == resourceType
}

func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '/')
	return s[:max(i, 0)], s[i+1:]
}

// ParseSubject reads a reference to a patient or group from a flag or a setting: "Patient/123", alone or after a server's
// base.
func ParseSubject(s string) (*Reference, error) {
	if strings.ContainsAny(s, " \t\r\n\"<>") || (!RefersTo(s, "Patient") && !RefersTo(s, "Group")) {
		return nil, fmt.Errorf("%q is no reference to a patient: expected something like Patient/123", s)
	}
	return &Reference{Reference: s}, nil
}
