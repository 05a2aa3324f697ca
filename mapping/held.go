package mapping

import (
	"encoding/json"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// Held is what charthand's marks on a resource say of it.
type Held struct {
	// Version is its meta.versionId.
	Version string
	// Own says that charthand has made it, Unchanged that it still says what charthand wrote.
	Own, Unchanged bool
	// Documents are those that it was found in ("DocumentReference/1"), each once.
	Documents []string
}

// ReadHeld reads charthand's marks on a resource as a server holds it. One that has another identifier, or somebody else's extension, is
// changed.
func (r *Rules) ReadHeld(raw json.RawMessage) Held {
	var held struct {
		fhir.Head
		Identifier []json.RawMessage    `json:"identifier"`
		Extension  []resource.Extension `json:"extension"`
	}
	if json.Unmarshal(raw, &held) != nil {
		return Held{}
	}
	h := Held{Version: held.Meta.VersionID}
	digest, isForeign := "", len(held.Identifier) != 1
	for _, extension := range held.Extension {
		switch {
		case extension.URL == r.Namespace+digestExtension:
			digest, h.Own = extension.ValueString, true
		case extension.URL == derivationReference:
			for _, part := range extension.Extension {
				if part.URL == "reference" && part.ValueReference != nil && part.ValueReference.Reference != "" && !slices.Contains(h.Documents, part.ValueReference.Reference) {
					h.Documents = append(h.Documents, part.ValueReference.Reference)
				}
			}
		case extension.URL != aiConfidence && !strings.HasPrefix(extension.URL, r.Namespace):
			isForeign = true
		}
	}
	if h.Own && !isForeign {
		now, ok := digestOfHeld(ResourceType(held.ResourceType), raw)
		h.Unchanged = ok && digest == now
	}
	return h
}

// IsOwn reports whether a Provenance is charthand's.
func (r *Rules) IsOwn(provenance *fhir.ReadProvenance) bool {
	for _, tag := range provenance.Meta.Tag {
		if tag.System == r.Namespace+extractionTag {
			return true
		}
	}
	return false
}
