package mapping

import (
	"net/url"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// addProvenance appends what ties resources to the note and the Device. R4's Provenance has no identifier: a tag that names the version of
// the note, what was done and the Device, and which facts joined those of an earlier run, makes its conditional create find it again.
func (m *Mapper) addProvenance(b *fhir.Bundle, s source, activity resource.Code, deviceID string, targets []fhir.Reference, joined ...string) {
	own := m.config.Rules.Namespace
	done := "provenance"
	if activity == operationNullify {
		done = "retraction"
	}
	id := key(append([]string{done, s.identity, s.reference.Reference, s.version, deviceID}, joined...)...).String()
	tag := resource.Code{System: own + extractionTag, Code: id}
	condition := "_tag=" + url.QueryEscape(tag.System+"|"+tag.Code)
	if s.query != "" {
		condition = "entity=" + url.QueryEscape(s.query) + "&" + condition
	}
	meta := m.meta()
	if meta == nil {
		meta = &resource.Meta{}
	}
	meta.Tag = append(meta.Tag, tag)
	now := resource.DateTime(m.config.Now())
	sentence := "Facts found in a note by charthand, software that reads clinical notes."
	concept := resource.Concept(activity, lifecycleTransform)
	if activity == operationNullify {
		sentence = "Facts taken back by charthand, software that reads clinical notes: the note does not say them any more."
		concept = resource.Concept(activity)
	}
	agent := resource.ProvenanceAgent{
		Type: resource.Concept(participantAuthor),
		Role: []resource.CodeableConcept{*resource.Concept(artificialIntelligence)},
		Who:  &fhir.Reference{Reference: "urn:uuid:" + deviceID},
	}
	if organisation := m.config.Rules.OnBehalfOf; organisation != "" {
		agent.OnBehalfOf = &fhir.Reference{Reference: organisation}
	}
	provenance := &resource.Provenance{
		Header:           resource.Header{ResourceType: "Provenance", Meta: meta, Text: narrative(sentence)},
		Target:           targets,
		OccurredDateTime: now,
		Recorded:         now,
		Reason:           []resource.CodeableConcept{*resource.Concept(aiAsserted)},
		Activity:         concept,
		Agent:            []resource.ProvenanceAgent{agent},
		Entity: []resource.ProvenanceEntity{{
			Role: "source",
			// Servers strip the version from references, so it stands in the identifier too.
			What: &fhir.Reference{
				Reference: s.reference.Reference, Type: string(s.document),
				Identifier: &fhir.Identifier{System: own + "document-version", Value: s.identity + "|" + s.version},
			},
		}},
	}
	m.conformProvenance(provenance)
	m.add(b, "Provenance", id, condition, provenance, &provenance.Header)
}
