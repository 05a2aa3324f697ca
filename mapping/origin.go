package mapping

import (
	"encoding/json"
	"html"
	"strconv"

	"charthand/fhir"
	"charthand/mapping/resource"
	"charthand/nlp"
	text "charthand/note"
)

// Code systems and extensions that others have defined.
const (
	conditionVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	conditionClinical     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	conditionCategory     = "http://terminology.hl7.org/CodeSystem/condition-category"
	allergyVerification   = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
	allergyClinical       = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
	observationCategory   = "http://terminology.hl7.org/CodeSystem/observation-category"
	roleCode              = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	derivationReference   = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
	aiConfidence          = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence"
)

// aiAsserted marks what a machine has asserted.
var aiAsserted = resource.Code{System: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", Code: "AIAST", Display: "Artificial Intelligence asserted"}

// coded makes a CodeableConcept of one code, nil of none.
func coded(system, code string) *resource.CodeableConcept {
	if code == "" {
		return nil
	}
	return resource.Concept(resource.Code{System: system, Code: code})
}

// meta marks a resource as made by a machine.
func (m *Mapper) meta() *resource.Meta {
	switch m.config.Rules.AILabel {
	case LabelSecurity:
		return &resource.Meta{Security: []resource.Code{aiAsserted}}
	case LabelTag:
		return &resource.Meta{Tag: []resource.Code{aiAsserted}}
	default: // LabelOff
		return nil
	}
}

// evidence ties a fact to the exact words: one derivation-reference for each span, then what charthand adds of its own.
// Offsets and lengths are Unicode code points of the attachment's decoded text.
func (w *writer) evidence(f *fact) []resource.Extension {
	path := w.path()
	extensions := make([]resource.Extension, 0, 2*len(f.evidence)+len(f.labels)+2)
	parts := make([]resource.Extension, 4*len(f.evidence))
	for i, span := range f.evidence {
		start, end := w.d.Text.CodePoint(span.Start), w.d.Text.CodePoint(span.End)
		length := end - start
		of := parts[4*i : 4*i+4 : 4*i+4]
		of[0] = resource.Extension{URL: "reference", ValueReference: w.note.source.reference}
		of[1] = resource.Extension{URL: "path", ValueString: path}
		of[2] = resource.Extension{URL: "offset", ValueInteger: &start}
		of[3] = resource.Extension{URL: "length", ValueInteger: &length}
		extensions = append(extensions, resource.Extension{URL: derivationReference, Extension: of})
	}
	own := w.config.Rules.Namespace
	if w.d.Text.Format != text.Plain {
		for _, span := range f.evidence {
			extensions = append(extensions, resource.Extension{URL: own + positionExtension, Extension: w.position(span)})
		}
	}
	for _, label := range f.labels {
		extensions = append(extensions, resource.Extension{URL: own + "label", ValueString: label})
	}
	if f.score > 0 { // what the model has marked
		confidence := json.Number(strconv.FormatFloat(float64(f.score), 'f', 3, 64))
		switch w.config.Rules.Confidence {
		case ConfidenceOwn:
			extensions = append(extensions, resource.Extension{URL: own + "confidence", ValueDecimal: confidence})
		case ConfidenceAITransparency:
			extensions = append(extensions, resource.Extension{URL: aiConfidence, ValueDecimal: confidence})
		case ConfidenceOff:
		}
	}
	return append(extensions, resource.Extension{URL: own + versionExtension, ValueString: w.note.source.version})
}

// path is the FHIRPath of the bytes that the text was read from.
func (r *reader) path() string {
	return string(r.note.document.Type) + "." + r.note.attachment.BytesPath()
}

// versionExtension names the extension with the version of the document, after the namespace.
const versionExtension = "source-version"

// positionExtension names the extension that says where in the original a span of evidence stands, after the namespace.
const positionExtension = "position"

// position says where in the original a span stands: in which element or on which page, and in which bytes. Its offset is that of the span's
// derivation-reference.
func (w *writer) position(span nlp.Span) []resource.Extension {
	at := w.d.Text.Position(span.Start, span.End)
	offset := w.d.Text.CodePoint(span.Start)
	parts := []resource.Extension{{URL: "offset", ValueInteger: &offset}}
	if at.Within != "" {
		parts = append(parts, resource.Extension{URL: "within", ValueString: at.Within})
	}
	if at.XPath != "" {
		parts = append(parts, resource.Extension{URL: "xpath", ValueString: at.XPath})
	}
	if at.Page > 0 {
		parts = append(parts, resource.Extension{URL: "page", ValueInteger: &at.Page})
	}
	if at.Start >= 0 {
		parts = append(parts, resource.Extension{URL: "start", ValueInteger: &at.Start}, resource.Extension{URL: "end", ValueInteger: &at.End})
	}
	return parts
}

// How the narratives of facts end.
const (
	foundBySoftware     = ", found in a note by software."
	takenBackBySoftware = ": entered in error, taken back by software."
)

// narrative makes a generated narrative of a sentence.
func narrative(sentence string) *resource.Narrative {
	return &resource.Narrative{Status: "generated", Div: `<div xmlns="http://www.w3.org/1999/xhtml">` + html.EscapeString(sentence) + `</div>`}
}

// extractionTag names the tag of Provenances, after the namespace.
const extractionTag = "extraction"

// The codes of Provenances and Devices.
var (
	// AI Transparency IG, Device.type and Provenance.agent.role.
	artificialIntelligence = resource.Code{System: "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS", Code: "Artificial-Intelligence"}
	participantAuthor      = resource.Code{System: "http://terminology.hl7.org/CodeSystem/provenance-participant-type", Code: "author", Display: "Author"}
	operationCreate        = resource.Code{System: "http://terminology.hl7.org/CodeSystem/v3-DataOperation", Code: "CREATE", Display: "create"}
	operationUpdate        = resource.Code{System: "http://terminology.hl7.org/CodeSystem/v3-DataOperation", Code: "UPDATE", Display: "revise"}
	operationNullify       = resource.Code{System: "http://terminology.hl7.org/CodeSystem/v3-DataOperation", Code: "NULLIFY", Display: "nullify"}
	lifecycleTransform     = resource.Code{System: "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", Code: "transform"}
)

// device makes the Device of this charthand with this model; each pair of the two is one.
func (m *Mapper) device() (*resource.Device, string) {
	s := m.config.Software
	id := key("device", s.Version, s.Model, s.ModelVersion, s.ModelDigest).String()
	version := func(kind, value string) resource.DeviceVersion {
		return resource.DeviceVersion{Type: resource.TextConcept(kind), Value: value}
	}
	device := &resource.Device{
		Header:      resource.Header{ResourceType: "Device", Text: narrative("charthand, software that reads clinical notes.")},
		Identifier:  []fhir.Identifier{{System: m.config.Rules.IdentifierSystem, Value: "urn:uuid:" + id}},
		Status:      "active",
		DeviceName:  []resource.DeviceName{{Name: "charthand", Type: "user-friendly-name"}},
		ModelNumber: s.Model,
		Type:        resource.Concept(artificialIntelligence),
		Version:     []resource.DeviceVersion{version("software", s.Version), version("model digest (SHA-256)", s.ModelDigest)},
	}
	if s.ModelVersion != "" {
		device.Version = append(device.Version, version("model", s.ModelVersion))
	}
	m.conformDevice(device)
	return device, id
}
