package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	drpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/document_reference_go_proto"
	"google.golang.org/protobuf/proto"
)

// Document is a DocumentReference as the rest of charthand sees it. It is read-only once made.
type Document struct {
	// Path is the FHIRPath of the resource in the request: "DocumentReference", "Bundle.entry[2].resource".
	Path string
	// ID and Version are the logical id and meta.versionId; either may be empty.
	ID, Version string
	// Identifiers are the business identifiers, in the resource's order.
	Identifiers []Identifier
	// Status and DocStatus say where the note is in its life.
	Status    codes.DocumentReferenceStatusCode_Value
	DocStatus codes.CompositionStatusCode_Value
	// Subject is the patient, nil where the resource names none.
	Subject *dtpb.Reference
	// Encounter is the first encounter of the context, nil where there is none.
	Encounter *dtpb.Reference
	// Date is when the note was written, the zero time where that is not said.
	Date time.Time
	// Attachments are the forms in which the note is held, in the resource's order.
	Attachments []Attachment
}

// Identifier is a business identifier.
type Identifier struct{ System, Value string }

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
// Bundle are passed over. The error is a *Fault: input that is not R4, holds another resource type or no document at all.
func ReadDocuments(data []byte) ([]*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // a byte order mark, which some editors write
	var head struct {
		ResourceType string `json:"resourceType"`
		Parameter    []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"parameter"`
	}
	if json.Unmarshal(data, &head) == nil && head.ResourceType == "Parameters" {
		var documents []*Document
		for i, parameter := range head.Parameter {
			if len(parameter.Resource) == 0 || bytes.Equal(parameter.Resource, []byte("null")) {
				continue
			}
			found, err := readResource(parameter.Resource, fmt.Sprintf("Parameters.parameter[%d].resource", i))
			if err != nil {
				return nil, err
			}
			documents = append(documents, found...)
		}
		if len(documents) == 0 {
			return nil, Refuse(CodeNotFound, "Parameters.parameter", "no parameter holds a DocumentReference")
		}
		return documents, nil
	}
	root := "Resource"
	if isName(head.ResourceType) {
		root = head.ResourceType
	}
	return readResource(data, root)
}

func readResource(data []byte, root string) ([]*Document, error) {
	resource, err := decodeResource(data, root)
	if err != nil {
		return nil, err
	}
	if reference := resource.GetDocumentReference(); reference != nil {
		return []*Document{newDocument(reference, root)}, nil
	}
	bundle := resource.GetBundle()
	if bundle == nil {
		return nil, Refuse(CodeNotSupported, root, "expected a DocumentReference, a Bundle or a Parameters resource, found "+typeName(resource))
	}
	var documents []*Document
	for i, entry := range bundle.GetEntry() {
		if reference := entry.GetResource().GetDocumentReference(); reference != nil {
			documents = append(documents, newDocument(reference, fmt.Sprintf("%s.entry[%d].resource", root, i)))
		}
	}
	if len(documents) == 0 {
		return nil, Refuse(CodeNotFound, root+".entry", "no entry holds a DocumentReference")
	}
	return documents, nil
}

// typeName gives the resource type that a ContainedResource holds.
func typeName(resource *bcrpb.ContainedResource) string {
	m := resource.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("oneof_resource")); field != nil {
		return string(field.Message().Name())
	}
	return "nothing"
}

func newDocument(r *drpb.DocumentReference, path string) *Document {
	d := &Document{
		Path:      path,
		ID:        r.GetId().GetValue(),
		Version:   r.GetMeta().GetVersionId().GetValue(),
		Status:    r.GetStatus().GetValue(),
		DocStatus: r.GetDocStatus().GetValue(),
		Subject:   portable(r.GetSubject(), r),
	}
	for _, identifier := range r.GetIdentifier() {
		if value := identifier.GetValue().GetValue(); value != "" {
			d.Identifiers = append(d.Identifiers, Identifier{identifier.GetSystem().GetValue(), value})
		}
	}
	if encounters := r.GetContext().GetEncounter(); len(encounters) > 0 {
		d.Encounter = portable(encounters[0], r)
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

// portable gives a reference in a form that holds outside its resource. A reference to a contained resource becomes a
// logical one where that resource has an identifier; where it has none nothing outside can mean it, and nil comes back.
func portable(reference *dtpb.Reference, r *drpb.DocumentReference) *dtpb.Reference {
	if reference == nil || proto.Equal(reference, &dtpb.Reference{}) {
		return nil
	}
	fragment := reference.GetFragment().GetValue()
	if fragment == "" {
		return reference
	}
	for _, packed := range r.GetContained() {
		resource := &bcrpb.ContainedResource{}
		if packed.UnmarshalTo(resource) != nil {
			continue
		}
		var id *dtpb.Id
		var identifiers []*dtpb.Identifier
		switch held := resource.GetOneofResource().(type) {
		case *bcrpb.ContainedResource_Patient:
			id, identifiers = held.Patient.GetId(), held.Patient.GetIdentifier()
		case *bcrpb.ContainedResource_Encounter:
			id, identifiers = held.Encounter.GetId(), held.Encounter.GetIdentifier()
		}
		if id.GetValue() == strings.TrimPrefix(fragment, "#") && len(identifiers) > 0 {
			logical := LogicalReference(typeName(resource), identifiers[0])
			logical.Display = reference.GetDisplay()
			return logical
		}
	}
	return nil
}

func instantTime(i *dtpb.Instant) time.Time {
	t := time.UnixMicro(i.GetValueUs()).UTC()
	if zone, err := time.Parse("-07:00", i.GetTimezone()); err == nil {
		return t.In(zone.Location())
	}
	if zone, err := time.LoadLocation(i.GetTimezone()); err == nil {
		return t.In(zone)
	}
	return t
}

// ParseReference reads a reference from a flag or a setting: "Patient/123", an absolute URL or "urn:uuid:…".
func ParseReference(s string) (*dtpb.Reference, error) {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"<>") || !strings.ContainsAny(s, "/:") {
		return nil, fmt.Errorf("%q is not a reference: expected something like Patient/123", s)
	}
	return Reference(s), nil
}
