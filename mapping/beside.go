package mapping

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// fromBundle finds prior facts among what came in one Bundle with a document.
type fromBundle struct {
	beside *fhir.Beside
	rules  *Rules
}

// PriorFacts gives the earlier facts that came in one Bundle with a document, nil where there can be none.
func (m *Mapper) PriorFacts(document *fhir.Document) PriorFacts {
	if document.Beside == nil {
		return nil
	}
	return fromBundle{document.Beside, m.config.Rules}
}

// maxReplaced bounds a chain of replacements.
const maxReplaced = 100

// Chain implements PriorFacts.
func (p fromBundle) Chain(_ context.Context, document *fhir.Document) ([]*fhir.Document, error) {
	chain := []*fhir.Document{document}
	seen := map[string]bool{document.Name(): true}
	for len(chain) < maxReplaced && document.Replaces != nil {
		name := p.beside.Document(document.Replaces)
		raw, known := p.beside.Resources[name]
		if !known || seen[name] {
			break
		}
		seen[name] = true
		replaced, err := fhir.ReadDocuments(raw)
		if err != nil {
			return nil, err
		}
		document = replaced[0]
		chain = append(chain, document)
	}
	return chain, nil
}

// Replaced implements PriorFacts.
func (p fromBundle) Replaced(_ context.Context, document *fhir.Document) (bool, error) {
	return p.beside.IsReplaced(document), nil
}

// Facts implements PriorFacts.
func (p fromBundle) Facts(_ context.Context, documents []*fhir.Document) ([]PriorFact, error) {
	var names []string
	for _, document := range documents {
		if name := document.Name(); name != "" {
			names = append(names, name)
		}
	}
	// The last of a chain may replace one that is not here; its facts may be.
	if name := p.beside.Document(documents[len(documents)-1].Replaces); name != "" {
		names = append(names, name)
	}
	var order []string
	identities := map[string][]string{} // of all that charthand has written, as far as they are known
	for _, name := range names {
		for _, provenance := range p.beside.Provenances[name] {
			if !p.rules.IsOwn(provenance) {
				continue
			}
			for _, target := range provenance.Target {
				reference := fhir.LocalReference(target.Reference)
				resourceType, _, _ := strings.Cut(reference, "/")
				if _, seen := identities[reference]; seen || !slices.Contains(ResourceTypes, ResourceType(resourceType)) {
					continue
				}
				order = append(order, reference)
				if identities[reference] = p.rules.identities(p.beside.Resources[reference]); len(identities[reference]) == 0 {
					identities[reference] = p.rules.identities(p.beside.Former[reference])
				}
			}
		}
	}
	var facts, deleted []PriorFact
	for _, reference := range order {
		fact := PriorFact{Identities: identities[reference], Resource: p.beside.Resources[reference], Was: p.beside.Former[reference]}
		fact.Type, fact.ID, _ = strings.Cut(reference, "/")
		if fact.Resource != nil {
			fact.Version, fact.Ours = p.untouched(reference, fact.Resource, names, identities)
			facts = append(facts, fact)
		} else if fact.Was != nil {
			fact.Resource, fact.Deleted = fact.Was, true
			deleted = append(deleted, fact)
		}
	}
	return append(facts, deleted...), nil
}

// untouched reports whether only charthand has written a resource, and of these documents alone: its content is that whose digest it
// carries, or what charthand makes of it when it takes it back, and no other Provenance speaks of it.
func (p fromBundle) untouched(reference string, raw json.RawMessage, documents []string, identities map[string][]string) (version string, untouched bool) {
	held := p.rules.ReadHeld(raw)
	isSomebodys := func(other *fhir.ReadProvenance) bool { return !p.rules.IsOwn(other) || !other.Names(documents) }
	return held.Version, held.Version != "" && held.Unchanged && held.hasItsReasons(identities) && !slices.ContainsFunc(p.beside.Targeting[reference], isSomebodys)
}

// digestExtension names the extension with the digest of a fact's content, after the namespace.
const digestExtension = "digest"

// digest gives a hash of what a fact's resource says, without what servers change: its header, identifier, extensions, and references to
// other facts, whose identities stand in extensions.
func digest(made resource.Resource) string {
	said := made.Common()
	kept := *said
	*said = resource.Fact{}
	defer func() { *said = kept }()
	content := any(made)
	if r, ok := made.(*resource.MedicationStatement); ok && r.ReasonReference != nil {
		of := *r
		of.ReasonReference = nil
		content = of
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

// digestOfHeld gives the digest of a resource as a server holds it; it reports false where that has elements that charthand does not write.
func digestOfHeld(resourceType ResourceType, raw json.RawMessage) (string, bool) {
	var members resource.Raw
	if json.Unmarshal(raw, &members) != nil {
		return "", false
	}
	for _, header := range []string{"resourceType", "id", "meta", "text", "extension", "identifier"} {
		delete(members, header)
	}
	encoded, err := json.Marshal(members)
	if err != nil {
		return "", false
	}
	held := map[ResourceType]resource.Resource{
		Condition: &resource.Condition{}, AllergyIntolerance: &resource.AllergyIntolerance{}, MedicationStatement: &resource.MedicationStatement{}, Procedure: &resource.Procedure{},
		Observation: &resource.Observation{}, FamilyMemberHistory: &resource.FamilyMemberHistory{}, ServiceRequest: &resource.ServiceRequest{},
	}[resourceType]
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if held == nil || decoder.Decode(held) != nil {
		return "", false
	}
	return digest(held), true
}
