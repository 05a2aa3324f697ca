package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	drpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/document_reference_go_proto"
)

// Document is a DocumentReference as the rest of charthand sees it. It is read-only once made.
type Document struct {
	// Path is the FHIRPath of the resource in the request: "DocumentReference", "Bundle.entry[2].resource".
	Path string
	// ID and Version are the logical id and meta.versionId; either may be empty.
	ID, Version string
	// Identifier is the first business identifier that names its system and is in use, nil where there is none.
	Identifier *Identifier
	// Status and DocStatus say where the note is in its life.
	Status    codes.DocumentReferenceStatusCode_Value
	DocStatus codes.CompositionStatusCode_Value
	// Fault says why the document could not be read; nothing but Path is filled then.
	Fault *Fault
	// Subject is the patient or group, nil where the resource names none that can be referred to from outside.
	Subject *Reference
	// SubjectNamed says that the resource has a subject, also where that cannot be referred to from outside.
	SubjectNamed bool
	// Replaces is the document that this one takes the place of, nil where it takes none's.
	Replaces *Reference
	// Beside is what came in one Bundle or Parameters with the document, nil where it came alone.
	Beside *Beside
	// Encounter is the first encounter of the context, nil where there is none.
	Encounter *Reference
	// Date is when the note was written, the zero time where that is not said.
	Date time.Time
	// Attachments are the forms in which the note is held, in the resource's order.
	Attachments []Attachment
}

// Attachment is one form of a note.
type Attachment struct {
	// Path is the FHIRPath below the document: "content[0].attachment".
	Path string
	// ContentType is the MIME type with its parameters as received; often wrong, sometimes empty.
	ContentType string
	// Data holds the bytes, nil where the attachment has none. An attachment of no bytes is not nil.
	Data []byte
	// URL tells where the bytes are if they are not here.
	URL string
}

// ReadDocuments finds the documents in a DocumentReference, a Bundle or a Parameters resource in JSON. Other resources in a
// Bundle come with each document, unread. In a Bundle or Parameters a document that cannot be read does not hold up the others: it comes
// back with its Fault. The error is a *Fault: input that is not R4, holds another resource type or no document at all.
func ReadDocuments(data []byte) ([]*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // a byte order mark, which some editors write
	object, err := parseObject(data, "Resource")
	if err != nil {
		return nil, err
	}
	switch resourceType := stringMember(object, "resourceType"); resourceType {
	case "Bundle":
		return readMembers(object, resourceType, "entry")
	case "Parameters":
		return readMembers(object, resourceType, "parameter")
	default:
		root := "Resource"
		if isName(resourceType) {
			root = resourceType
		}
		document, err := readDocument(data, root, nil)
		if err != nil {
			return nil, err
		}
		return []*Document{document}, nil
	}
}

// readMembers reads the DocumentReferences that the elements of an array hold as "resource": the entries of a Bundle, the
// parameters of Parameters and their parts. Each is decoded by itself, and the rest without them.
func readMembers(object map[string]json.RawMessage, root, array string) ([]*Document, error) {
	found := &members{held: entries{}}
	shell, err := found.take(object, root, array)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(shell)
	if err != nil {
		return nil, err
	}
	if _, err := decodeResource(encoded, root); err != nil {
		return nil, err
	}
	var documents []*Document
	beside := newBeside()
	for _, member := range found.list {
		beside.add(member.resource)
	}
	for _, member := range found.list {
		var resource map[string]json.RawMessage
		_ = json.Unmarshal(member.resource, &resource) // what is no object has no type
		resourceType := stringMember(resource, "resourceType")
		if resourceType != "DocumentReference" && isResourceType(resourceType) {
			continue
		}
		document, err := readDocument(member.resource, member.path, found.held)
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) {
				return nil, err
			}
			document = &Document{Path: member.path, Fault: fault}
		}
		document.Beside = beside
		documents = append(documents, document)
	}
	if len(documents) == 0 {
		return nil, Refuse(CodeNotFound, root+"."+array, "none holds a DocumentReference")
	}
	return documents, nil
}

// members are the resources taken out of a Bundle or Parameters, with their places.
type members struct {
	list []struct {
		path     string
		resource json.RawMessage
	}
	held entries
}

// take gives a copy of an object without the resources that the elements of an array, and of their parts, hold.
func (m *members) take(object map[string]json.RawMessage, path, array string) (map[string]json.RawMessage, error) {
	raw, ok := object[array]
	if !ok {
		return object, nil
	}
	path += "." + array
	var elements []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, &Fault{Invalid, []Issue{{SeverityError, CodeStructure, path, "expected an array of objects"}}}
	}
	for i, element := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		shell, err := m.take(element, at, "part")
		if err != nil {
			return nil, err
		}
		if resource, ok := element["resource"]; ok {
			m.held.add(element)
			m.list = append(m.list, struct {
				path     string
				resource json.RawMessage
			}{at + ".resource", resource})
			shell = maps.Clone(shell)
			delete(shell, "resource")
		}
		elements[i] = shell
	}
	encoded, err := json.Marshal(elements)
	if err != nil {
		return nil, err
	}
	object = maps.Clone(object)
	object[array] = encoded
	return object, nil
}

// isResourceType reports whether R4 has a resource type of that name.
func isResourceType(name string) bool {
	fields := (&bcrpb.ContainedResource{}).ProtoReflect().Descriptor().Oneofs().ByName("oneof_resource").Fields()
	for i := range fields.Len() {
		if string(fields.Get(i).Message().Name()) == name {
			return true
		}
	}
	return false
}

// stringMember gives a member that is a string, else "". Names are compared exactly, as FHIR does.
func stringMember(object map[string]json.RawMessage, name string) string {
	var value string
	if json.Unmarshal(object[name], &value) != nil {
		return ""
	}
	return value
}

// readDocument decodes one DocumentReference.
func readDocument(data []byte, root string, held entries) (*Document, error) {
	resource, err := decodeResource(data, root)
	if err != nil {
		return nil, err
	}
	reference := resource.GetDocumentReference()
	if reference == nil {
		return nil, Refuse(CodeNotSupported, root, "expected a DocumentReference, a Bundle or a Parameters resource, found "+typeName(resource))
	}
	return newDocument(reference, root, held), nil
}

// typeName gives the resource type that a ContainedResource holds.
func typeName(resource *bcrpb.ContainedResource) string {
	m := resource.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("oneof_resource")); field != nil {
		return string(field.Message().Name())
	}
	return "nothing"
}

func newDocument(r *drpb.DocumentReference, path string, held entries) *Document {
	d := &Document{
		Path:         path,
		ID:           r.GetId().GetValue(),
		Version:      r.GetMeta().GetVersionId().GetValue(),
		Status:       r.GetStatus().GetValue(),
		DocStatus:    r.GetDocStatus().GetValue(),
		SubjectNamed: r.GetSubject() != nil,
		Subject:      held.portable(r.GetSubject(), r.GetContained(), "Patient", "Group"),
	}
	if identifier := inUse(r.GetIdentifier()); identifier != nil {
		d.Identifier = &Identifier{identifier.GetSystem().GetValue(), identifier.GetValue().GetValue()}
	}
	for _, reference := range r.GetContext().GetEncounter() {
		// An EpisodeOfCare may stand here too; the resources that are written take an Encounter.
		if d.Encounter = held.portable(reference, r.GetContained(), "Encounter"); d.Encounter != nil {
			break
		}
	}
	for _, related := range r.GetRelatesTo() {
		if related.GetCode().GetValue() == codes.DocumentRelationshipTypeCode_REPLACES && d.Replaces == nil {
			d.Replaces = held.portable(related.GetTarget(), r.GetContained(), "DocumentReference")
		}
	}
	if date := r.GetDate(); date != nil && date.GetPrecision() != dtpb.Instant_PRECISION_UNSPECIFIED {
		d.Date = instantTime(date)
	}
	for i, content := range r.GetContent() {
		a := content.GetAttachment()
		attachment := Attachment{
			Path:        fmt.Sprintf("content[%d].attachment", i),
			ContentType: a.GetContentType().GetValue(),
			URL:         a.GetUrl().GetValue(),
		}
		if a.GetData() != nil {
			attachment.Data = a.GetData().GetValue()
			if attachment.Data == nil {
				attachment.Data = []byte{}
			}
		}
		d.Attachments = append(d.Attachments, attachment)
	}
	return d
}

func instantTime(i *dtpb.Instant) time.Time {
	t := time.UnixMicro(i.GetValueUs()).UTC()
	if zone, err := time.Parse("Z07:00", i.GetTimezone()); err == nil {
		return t.In(zone.Location())
	}
	if zone, err := time.LoadLocation(i.GetTimezone()); err == nil {
		return t.In(zone)
	}
	return t
}
