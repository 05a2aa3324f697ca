package fhir

import (
	"fmt"
	"strings"
	"time"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	drpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/diagnostic_report_go_proto"
	docpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/document_reference_go_proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// fromReference makes a Document of a DocumentReference.
func fromReference(r *docpb.DocumentReference, path string, held entries) *Document {
	d := &Document{
		Type:         DocumentReference,
		Path:         path,
		ID:           r.GetId().GetValue(),
		Version:      r.GetMeta().GetVersionId().GetValue(),
		Identifier:   firstInUse(r.GetIdentifier()),
		SubjectNamed: r.GetSubject() != nil,
		Subject:      held.portable(r.GetSubject(), r.GetContained(), "Patient", "Group"),
		Date:         instantTime(r.GetDate()),
	}
	d.StandingPath = "status"
	switch status, docStatus := r.GetStatus().GetValue(), r.GetDocStatus().GetValue(); {
	case status == codes.DocumentReferenceStatusCode_ENTERED_IN_ERROR:
		d.Standing, d.StandingCode = EnteredInError, "entered-in-error"
	case status == codes.DocumentReferenceStatusCode_SUPERSEDED:
		d.Standing, d.StandingCode = Superseded, "superseded"
	case docStatus == codes.CompositionStatusCode_PRELIMINARY:
		d.Standing, d.StandingCode, d.StandingPath = Preliminary, "preliminary", "docStatus"
	case docStatus == codes.CompositionStatusCode_ENTERED_IN_ERROR:
		d.Standing, d.StandingCode, d.StandingPath = EnteredInError, "entered-in-error", "docStatus"
	}
	// An EpisodeOfCare may stand among the encounters too; the resources that are written take an Encounter.
	d.Encounter = firstEncounter(held, r.GetContained(), r.GetContext().GetEncounter()...)
	for _, related := range r.GetRelatesTo() {
		if related.GetCode().GetValue() == codes.DocumentRelationshipTypeCode_REPLACES && d.Replaces == nil {
			d.Replaces = held.portable(related.GetTarget(), r.GetContained(), string(DocumentReference))
		}
	}
	for i, content := range r.GetContent() {
		attachment := newAttachment(content.GetAttachment(), fmt.Sprintf("content[%d].attachment", i), r.GetContained())
		attachment.Format = content.GetFormat().GetCode().GetValue()
		d.Attachments = append(d.Attachments, attachment)
	}
	return d
}

// fromReport makes a Document of a DiagnosticReport: its presented forms are the note.
func fromReport(r *drpb.DiagnosticReport, path string, held entries) *Document {
	d := &Document{
		Type:         DiagnosticReport,
		Path:         path,
		ID:           r.GetId().GetValue(),
		Version:      r.GetMeta().GetVersionId().GetValue(),
		Identifier:   firstInUse(r.GetIdentifier()),
		StandingPath: "status",
		SubjectNamed: r.GetSubject() != nil,
		Subject:      held.portable(r.GetSubject(), r.GetContained(), "Patient", "Group"),
		Encounter:    firstEncounter(held, r.GetContained(), r.GetEncounter()),
		Date:         instantTime(r.GetIssued()),
	}
	switch r.GetStatus().GetValue() {
	case codes.DiagnosticReportStatusCode_REGISTERED:
		d.Standing, d.StandingCode = Preliminary, "registered"
	case codes.DiagnosticReportStatusCode_PARTIAL:
		d.Standing, d.StandingCode = Preliminary, "partial"
	case codes.DiagnosticReportStatusCode_PRELIMINARY:
		d.Standing, d.StandingCode = Preliminary, "preliminary"
	case codes.DiagnosticReportStatusCode_CANCELLED:
		d.Standing, d.StandingCode = EnteredInError, "cancelled"
	case codes.DiagnosticReportStatusCode_ENTERED_IN_ERROR:
		d.Standing, d.StandingCode = EnteredInError, "entered-in-error"
	default:
	}
	if at := r.GetEffective().GetDateTime(); d.Date.IsZero() && at != nil && at.GetPrecision() > dtpb.DateTime_DAY {
		d.Date = inZone(at.GetValueUs(), at.GetTimezone())
	}
	for i, form := range r.GetPresentedForm() {
		d.Attachments = append(d.Attachments, newAttachment(form, fmt.Sprintf("presentedForm[%d]", i), r.GetContained()))
	}
	return d
}

func firstInUse(identifiers []*dtpb.Identifier) *Identifier {
	return plainIdentifier(inUse(identifiers))
}

func firstEncounter(held entries, contained []*anypb.Any, references ...*dtpb.Reference) *Reference {
	for _, reference := range references {
		if encounter := held.portable(reference, contained, "Encounter"); encounter != nil {
			return encounter
		}
	}
	return nil
}

// newAttachment reads an attachment; one whose url names a contained Binary has that one's data.
func newAttachment(a *dtpb.Attachment, path string, contained []*anypb.Any) Attachment {
	attachment := Attachment{
		Path:        path,
		ContentType: a.GetContentType().GetValue(),
		URL:         a.GetUrl().GetValue(),
		Size:        -1,
		Hash:        a.GetHash().GetValue(),
	}
	if a.GetSize() != nil {
		attachment.Size = int64(a.GetSize().GetValue())
	}
	if a.GetData() != nil {
		attachment.Data = notNil(a.GetData().GetValue())
	}
	fragment, local := strings.CutPrefix(attachment.URL, "#")
	for _, packed := range contained {
		if !local || fragment == "" || attachment.Data != nil {
			break
		}
		resource := &bcrpb.ContainedResource{}
		if packed.UnmarshalTo(resource) == nil && resource.GetBinary().GetId().GetValue() == fragment {
			attachment.take(Binary{resource.GetBinary().GetContentType().GetValue(), notNil(resource.GetBinary().GetData().GetValue())})
		}
	}
	return attachment
}

// instantTime gives an instant in its zone, the zero time where there is none.
func instantTime(i *dtpb.Instant) time.Time {
	if i == nil || i.GetPrecision() == dtpb.Instant_PRECISION_UNSPECIFIED {
		return time.Time{}
	}
	return inZone(i.GetValueUs(), i.GetTimezone())
}

func inZone(microseconds int64, name string) time.Time {
	t := time.UnixMicro(microseconds).UTC()
	if zone, err := time.Parse("Z07:00", name); err == nil {
		return t.In(zone.Location())
	}
	if zone, err := time.LoadLocation(name); err == nil {
		return t.In(zone)
	}
	return t
}
