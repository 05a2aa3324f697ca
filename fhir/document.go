package fhir

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
)

// DocumentType is a type of resource that holds notes.
type DocumentType string

// The types that are read.
const (
	DocumentReference DocumentType = "DocumentReference"
	DiagnosticReport  DocumentType = "DiagnosticReport"
)

// Standing is where a document is in its life.
type Standing uint8

// The standings. The zero value speaks for itself.
const (
	Current        Standing = iota
	Preliminary             // still being written
	Superseded              // another one has taken its place
	EnteredInError          // it should never have been there, or came to nothing
)

// Document is a DocumentReference, or a DiagnosticReport with a note, as the rest of charthand sees it. It is read-only once made.
type Document struct {
	Type DocumentType
	// Path is the FHIRPath of the resource in the request: "DocumentReference", "Bundle.entry[2].resource".
	Path string
	// ID and Version are the logical id and meta.versionId; either may be empty.
	ID, Version string
	// Identifier is the first business identifier that names its system and is in use, nil where there is none.
	Identifier *Identifier
	// Standing says where the note is in its life; StandingPath and StandingCode are the element that says so, and its code.
	Standing                   Standing
	StandingPath, StandingCode string
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
	// Remarks are what was noticed when it was read.
	Remarks []Issue
}

// Name is the document's "Type/id", empty where it has no id.
func (d *Document) Name() string {
	if d.ID == "" {
		return ""
	}
	return string(d.Type) + "/" + d.ID
}

// Attachment is one form of a note.
type Attachment struct {
	// Path is the FHIRPath below the document: "content[0].attachment", "presentedForm[0]".
	Path string
	// ContentType is the MIME type with its parameters as received; often wrong, sometimes empty.
	ContentType string
	// Data holds the bytes, nil where the attachment has none. An attachment of no bytes is not nil.
	Data []byte
	// URL tells where the bytes are if they are not here; Elsewhere says that Data was found there.
	URL       string
	Elsewhere bool
	// Unfetched is why the bytes could not be had from URL, nil where that was not tried.
	Unfetched error
	// Format is the code of the document's format that stands beside the attachment; often empty.
	Format string
	// Size is what the attachment says of its size in bytes, -1 where it says nothing; Hash likewise what it says is the SHA-1 of the bytes.
	Size int64
	Hash []byte
}

// BytesPath is the FHIRPath below the document of the element that the bytes came from.
func (a Attachment) BytesPath() string {
	if a.Elsewhere {
		return a.Path + ".url"
	}
	return a.Path + ".data"
}

// ReadDocuments finds the documents in a DocumentReference, a DiagnosticReport, a Bundle or a Parameters resource in JSON. A DiagnosticReport
// without a presented form is no document where it comes with others, and one that presents what a DocumentReference there holds is the same
// note. Other resources in a
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
		if !holdsNote(resourceType, resource, beside) {
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
		found.held.fill(document, beside)
		documents = append(documents, document)
	}
	if len(documents) == 0 {
		return nil, Refuse(CodeNotFound, root+"."+array, "none holds a DocumentReference, or a DiagnosticReport with a presented form")
	}
	return withoutTwins(documents), nil
}

// holdsNote reports whether a resource is to be read as a document: a DocumentReference; a DiagnosticReport with a presented form, or one that is
// withdrawn and that facts were made from; and what has no type that R4 knows, to be refused.
func holdsNote(resourceType string, resource map[string]json.RawMessage, beside *Beside) bool {
	switch DocumentType(resourceType) {
	case DocumentReference:
		return true
	case DiagnosticReport:
		var forms []json.RawMessage
		if json.Unmarshal(resource["presentedForm"], &forms) == nil && len(forms) > 0 {
			return true
		}
		status := stringMember(resource, "status")
		return (status == "entered-in-error" || status == "cancelled") && len(beside.Provenances[resourceType+"/"+stringMember(resource, "id")]) > 0
	}
	return !isResourceType(resourceType)
}

// withoutTwins takes out the reports whose note a DocumentReference of the same patient holds too; that one says so. Both have to speak: one
// that is withdrawn says nothing of the other.
func withoutTwins(documents []*Document) []*Document {
	type key struct {
		subject    Reference
		identifier Identifier
		url, data  string
	}
	keyOf := func(d *Document, a Attachment) key {
		k := key{subject: *d.Subject, url: a.URL, data: string(a.Data)}
		if d.Subject.Identifier != nil {
			k.identifier = *d.Subject.Identifier
		}
		k.subject.Identifier, k.subject.Display = nil, ""
		return k
	}
	speaks := func(d *Document) bool { return d.Fault == nil && d.Standing == Current && d.Subject != nil }
	holders := map[key]*Document{}
	for _, d := range documents {
		if d.Type == DocumentReference && speaks(d) {
			for _, a := range d.Attachments {
				holders[keyOf(d, a)] = d
			}
		}
	}
	kept := documents[:0]
	for _, d := range documents {
		var holder *Document
		if d.Type == DiagnosticReport && speaks(d) {
			for _, a := range d.Attachments {
				if len(a.Data) > 0 || a.URL != "" {
					holder = cmp.Or(holder, holders[keyOf(d, a)])
				}
			}
		}
		if holder == nil {
			kept = append(kept, d)
			continue
		}
		holder.Remarks = append(holder.Remarks, Issue{SeverityInformation, CodeInformational, d.Path, "not read: the report presents the same note as this document"})
	}
	return kept
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

// readDocument decodes one document.
func readDocument(data []byte, root string, inBundle entries) (*Document, error) {
	resource, err := decodeResource(data, root)
	if err != nil {
		return nil, err
	}
	switch held := resource.GetOneofResource().(type) {
	case *bcrpb.ContainedResource_DocumentReference:
		return fromReference(held.DocumentReference, root, inBundle), nil
	case *bcrpb.ContainedResource_DiagnosticReport:
		return fromReport(held.DiagnosticReport, root, inBundle), nil
	}
	return nil, Refuse(CodeNotSupported, root, "expected a DocumentReference, a DiagnosticReport, a Bundle or a Parameters resource, found "+typeName(resource))
}

// typeName gives the resource type that a ContainedResource holds.
func typeName(resource *bcrpb.ContainedResource) string {
	m := resource.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("oneof_resource")); field != nil {
		return string(field.Message().Name())
	}
	return "nothing"
}
