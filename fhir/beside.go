package fhir

import (
	"encoding/json"
	"slices"
	"strings"
)

// Beside is what came in one Bundle or Parameters with a document: other documents, and earlier facts with the Provenances that say where
// they are from.
type Beside struct {
	// Resources are all that have an id, by "Type/id".
	Resources map[string]json.RawMessage
	// Provenances are those of each resource that they name as an entity, by "Type/id".
	Provenances map[string][]*ReadProvenance
	// Targeting are those that have a resource as a target, by "Type/id".
	Targeting map[string][]*ReadProvenance
	// Former are versions that a server has held of resources that it holds no more, or whose identifiers are gone, by "Type/id".
	Former map[string]json.RawMessage
	// named are the documents by their business identifiers, replaced those that another one replaces, by "Type/id" or identifier.
	named    map[Identifier]string
	replaced map[any]bool
}

// newBeside makes an empty Beside.
func newBeside() *Beside {
	return &Beside{
		map[string]json.RawMessage{}, map[string][]*ReadProvenance{}, map[string][]*ReadProvenance{}, map[string]json.RawMessage{}, map[Identifier]string{}, map[any]bool{},
	}
}

// NewBeside makes a Beside of resources that were found somewhere else than in one Bundle; what cannot be read is passed over.
func NewBeside(resources []json.RawMessage) *Beside {
	b := newBeside()
	for _, raw := range resources {
		b.add(raw)
	}
	return b
}

// ReadProvenance is what is read of a Provenance.
type ReadProvenance struct {
	Meta struct {
		Tag []struct {
			System string `json:"system"`
			Code   string `json:"code"`
		} `json:"tag"`
	} `json:"meta"`
	Target []Reference `json:"target"`
	Entity []struct {
		What Reference `json:"what"`
	} `json:"entity"`
}

// Names reports whether each entity of a Provenance is one of some documents ("Type/id").
func (p *ReadProvenance) Names(documents []string) bool {
	for _, entity := range p.Entity {
		if !slices.Contains(documents, LocalReference(entity.What.Reference)) {
			return false
		}
	}
	return true
}

// add takes in a resource; what cannot be read is passed over.
func (b *Beside) add(raw json.RawMessage) {
	var head struct {
		ResourceType string          `json:"resourceType"`
		ID           string          `json:"id"`
		Identifier   json.RawMessage `json:"identifier"`
		RelatesTo    []struct {
			Code   string    `json:"code"`
			Target Reference `json:"target"`
		} `json:"relatesTo"`
	}
	if json.Unmarshal(raw, &head) != nil || head.ID == "" {
		return
	}
	b.Resources[head.ResourceType+"/"+head.ID] = raw
	for _, related := range head.RelatesTo {
		if related.Code != "replaces" {
			continue
		}
		if name := LocalReference(related.Target.Reference); name != "" {
			b.replaced[name] = true
		}
		if related.Target.Identifier != nil {
			b.replaced[*related.Target.Identifier] = true
		}
	}
	if head.ResourceType == "DocumentReference" {
		var identifiers []Identifier
		if json.Unmarshal(head.Identifier, &identifiers) == nil {
			for _, identifier := range identifiers {
				b.named[identifier] = head.ResourceType + "/" + head.ID
			}
		}
	}
	if head.ResourceType != "Provenance" {
		return
	}
	provenance := &ReadProvenance{}
	if json.Unmarshal(raw, provenance) != nil {
		return
	}
	for _, entity := range provenance.Entity {
		if name := LocalReference(entity.What.Reference); name != "" {
			b.Provenances[name] = append(b.Provenances[name], provenance)
		}
	}
	for _, target := range provenance.Target {
		if name := LocalReference(target.Reference); name != "" {
			b.Targeting[name] = append(b.Targeting[name], provenance)
		}
	}
}

// Document gives the "Type/id" of the document that a reference means, empty where that is not here and the reference does not say.
func (b *Beside) Document(reference *Reference) string {
	if reference == nil {
		return ""
	}
	if name := LocalReference(reference.Reference); name != "" {
		return name
	}
	if reference.Identifier != nil {
		return b.named[*reference.Identifier]
	}
	return ""
}

// IsReplaced reports whether another document here replaces a document.
func (b *Beside) IsReplaced(d *Document) bool {
	return b.replaced[d.Name()] || d.Identifier != nil && b.replaced[*d.Identifier]
}

// NameOf gives the "Type/id" of a resource in JSON, empty where it has none.
func NameOf(resource json.RawMessage) string {
	var head struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	if json.Unmarshal(resource, &head) != nil || head.ResourceType == "" || head.ID == "" {
		return ""
	}
	return head.ResourceType + "/" + head.ID
}

// LocalReference gives the "Type/id" of a literal reference, without the server's base and the version, empty where it is none.
func LocalReference(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	rest, id := cutLast(reference)
	_, resourceType := cutLast(rest)
	if id == "" || !isResourceType(resourceType) {
		return ""
	}
	return resourceType + "/" + id
}
