package mapping

import (
	"net/url"

	"charthand/fhir"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	dpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/device_go_proto"
	provpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/provenance_go_proto"
)

// Codes that say how a resource came about.
var (
	// AI Transparency IG, Device.type and Provenance.agent.role.
	artificialIntelligence = fhir.Code{System: "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS", Code: "Artificial-Intelligence"}
	participantAuthor      = fhir.Code{System: "http://terminology.hl7.org/CodeSystem/provenance-participant-type", Code: "author", Display: "Author"}
	operationCreate        = fhir.Code{System: "http://terminology.hl7.org/CodeSystem/v3-DataOperation", Code: "CREATE", Display: "create"}
	lifecycleTransform     = fhir.Code{System: "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", Code: "transform"}
)

// device makes the Device of this charthand with this model; each pair of the two is one.
func (m *Mapper) device() (*fhir.Resource, string) {
	s := m.config.Software
	id := key("device", s.Version, s.Model, s.ModelVersion, s.ModelDigest).String()
	version := func(kind, value string) *dpb.Device_Version {
		return &dpb.Device_Version{Type: fhir.TextConcept(kind), Value: fhir.String(value)}
	}
	device := &dpb.Device{
		Text:       fhir.Narrative(`<div xmlns="http://www.w3.org/1999/xhtml">charthand, software that reads clinical notes.</div>`),
		Identifier: []*dtpb.Identifier{fhir.NewIdentifier(m.config.Rules.IdentifierSystem, "urn:uuid:"+id)},
		Status:     &dpb.Device_StatusCode{Value: codes.FHIRDeviceStatusCode_ACTIVE},
		DeviceName: []*dpb.Device_DeviceName{{
			Name: fhir.String("charthand"),
			Type: &dpb.Device_DeviceName_TypeCode{Value: codes.DeviceNameTypeCode_USER_FRIENDLY_NAME},
		}},
		ModelNumber: fhir.String(s.Model),
		Type:        fhir.Concept(artificialIntelligence),
		Version:     []*dpb.Device_Version{version("software", s.Version), version("model digest (SHA-256)", s.ModelDigest)},
	}
	if s.ModelVersion != "" {
		device.Version = append(device.Version, version("model", s.ModelVersion))
	}
	return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Device{Device: device}}, id
}

// provenance ties the facts to the note and the Device. R4's Provenance has no identifier: a tag that names the version of
// the note and the Device makes its conditional create find it again.
func (m *Mapper) provenance(n note, deviceID string, targets []*dtpb.Reference) (r *fhir.Resource, id, condition string) {
	own := m.config.Rules.Namespace
	id = key("provenance", n.source.identity, n.source.version, deviceID).String()
	tag := fhir.Code{System: own + "extraction", Code: id}
	condition = "_tag=" + url.QueryEscape(tag.System+"|"+tag.Code)
	if n.source.query != "" {
		condition = "entity=" + url.QueryEscape(n.source.query) + "&" + condition
	}
	meta := m.meta()
	if meta == nil {
		meta = &dtpb.Meta{}
	}
	meta.Tag = append(meta.Tag, tag.Coding())
	now := m.config.Now()
	// Servers strip the version from references, so it stands in the identifier too.
	what := &dtpb.Reference{
		Type: fhir.URI("DocumentReference"), Reference: n.source.reference.GetReference(), Identifier: fhir.NewIdentifier(own+"document-version", n.source.identity+"|"+n.source.version),
	}
	provenance := &provpb.Provenance{
		Meta:     meta,
		Text:     fhir.Narrative(`<div xmlns="http://www.w3.org/1999/xhtml">Facts found in a note by charthand, software that reads clinical notes.</div>`),
		Target:   targets,
		Occurred: &provpb.Provenance_OccurredX{Choice: &provpb.Provenance_OccurredX_DateTime{DateTime: fhir.DateTime(now)}},
		Recorded: fhir.Instant(now),
		Reason:   []*dtpb.CodeableConcept{fhir.Concept(aiAsserted)},
		Activity: fhir.Concept(operationCreate, lifecycleTransform),
		Agent: []*provpb.Provenance_Agent{{
			Type: fhir.Concept(participantAuthor),
			Role: []*dtpb.CodeableConcept{fhir.Concept(artificialIntelligence)},
			Who:  fhir.Reference("urn:uuid:" + deviceID),
		}},
		Entity: []*provpb.Provenance_Entity{{
			Role: &provpb.Provenance_Entity_RoleCode{Value: codes.ProvenanceEntityRoleCode_SOURCE},
			What: what,
		}},
	}
	return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Provenance{Provenance: provenance}}, id, condition
}
