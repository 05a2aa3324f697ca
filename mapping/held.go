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

	digest string
	// reasons are the identities of the Conditions that charthand gave a drug as what it is given for, given the references that it has now.
	reasons, given []string
}

// ReadHeld reads charthand's marks on a resource as a server holds it. One that has another identifier or none, somebody else's extension or
// narrative, or no longer the label of what a machine has asserted, is changed; labels and tags that others have added are no change.
func (r *Rules) ReadHeld(raw json.RawMessage) Held {
	var held struct {
		ResourceType string `json:"resourceType"`
		Meta         struct {
			VersionID string          `json:"versionId"`
			Security  []resource.Code `json:"security"`
			Tag       []resource.Code `json:"tag"`
		} `json:"meta"`
		Text       *resource.Narrative  `json:"text"`
		Extension  []resource.Extension `json:"extension"`
		Identifier []json.RawMessage    `json:"identifier"`
		Reason     []fhir.Reference     `json:"reasonReference"`
	}
	if json.Unmarshal(raw, &held) != nil {
		return Held{}
	}
	h := Held{Version: held.Meta.VersionID}
	isForeign := len(held.Identifier) != 1 || len(r.identities(raw)) != 1 || held.Text != nil && !isOwnNarrative(held.ResourceType, held.Text) ||
		r.AILabel != LabelOff && !slices.ContainsFunc(slices.Concat(held.Meta.Security, held.Meta.Tag), isAIAsserted)
	for _, reason := range held.Reason {
		h.given = append(h.given, fhir.LocalReference(reason.Reference))
	}
	for _, extension := range held.Extension {
		switch {
		case extension.URL == r.Namespace+digestExtension:
			h.digest, h.Own = extension.ValueString, true
		case extension.URL == r.Namespace+reasonExtension:
			h.reasons = append(h.reasons, strings.TrimPrefix(extension.ValueString, identityPrefix))
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
		h.Unchanged = ok && h.digest == now
	}
	return h
}

// hasItsReasons reports whether a drug refers to the Conditions that charthand had it refer to, and to no others. identities are those of
// the facts that charthand has written, by reference; one that the server never took is not among them, and no reference to it is missed.
func (h *Held) hasItsReasons(identities map[string][]string) bool {
	given := map[string]bool{}
	for _, reference := range h.given {
		ids, own := identities[reference]
		if !own {
			return false
		}
		for _, id := range ids {
			if !slices.Contains(h.reasons, id) {
				return false
			}
			given[id] = true
		}
	}
	for _, ids := range identities {
		for _, id := range ids {
			if slices.Contains(h.reasons, id) && !given[id] {
				return false
			}
		}
	}
	return true
}

// identityPrefix is what the identifiers of facts begin with, before their UUIDs.
const identityPrefix = "urn:uuid:"

// identities gives the UUIDs of charthand's identifiers of a resource.
func (r *Rules) identities(raw json.RawMessage) []string {
	var named struct {
		Identifier []fhir.Identifier `json:"identifier"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return nil
	}
	var ids []string
	for _, identifier := range named.Identifier {
		if id, own := strings.CutPrefix(identifier.Value, identityPrefix); own && identifier.System == r.IdentifierSystem {
			ids = append(ids, id)
		}
	}
	return ids
}

func isAIAsserted(label resource.Code) bool {
	return label.System == aiAsserted.System && label.Code == aiAsserted.Code
}

// isOwnNarrative reports whether a narrative is of the form of charthand's: a server may have written it in other characters.
func isOwnNarrative(resourceType string, text *resource.Narrative) bool {
	_, said, _ := strings.Cut(text.Div, ">")
	said = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(said), "</div>"))
	return text.Status == "generated" && strings.HasPrefix(said, resourceType+": ") && (strings.HasSuffix(said, foundBySoftware) || strings.HasSuffix(said, takenBackBySoftware))
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
