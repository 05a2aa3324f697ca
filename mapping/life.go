package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// PriorFacts finds what charthand has written of a document before. A server, or a Bundle that holds the earlier facts, implements it.
type PriorFacts interface {
	// Root gives the first document of the chain of replacements that a document stands in, itself where it replaces none that is known.
	Root(ctx context.Context, document *fhir.Document) (*fhir.Document, error)
	// Facts gives the facts that charthand's Provenances name as made from a document or any that it replaces, each in its present
	// state, in a fixed order.
	Facts(ctx context.Context, document *fhir.Document) ([]PriorFact, error)
	// Replaced reports whether another document has taken the place of a document, and so speaks for it.
	Replaced(ctx context.Context, document *fhir.Document) (bool, error)
}

// PriorFact is a fact as a server holds it now.
type PriorFact struct {
	Type     string
	ID       string // the server's
	Version  string // meta.versionId
	Ours     bool   // only charthand has ever written it
	Resource json.RawMessage
}

// earlier gives the prior facts of a document by their UUIDs.
func (m *Mapper) earlier(ctx context.Context, document *fhir.Document, prior PriorFacts) (map[string]PriorFact, error) {
	if prior == nil {
		return nil, nil
	}
	facts, err := prior.Facts(ctx, document)
	if err != nil {
		return nil, fmt.Errorf("earlier facts: %w", err)
	}
	known := map[string]PriorFact{}
	for _, fact := range facts {
		var named struct {
			Identifier []fhir.Identifier `json:"identifier"`
		}
		if json.Unmarshal(fact.Resource, &named) != nil {
			continue
		}
		for _, identifier := range named.Identifier {
			if id, own := strings.CutPrefix(identifier.Value, "urn:uuid:"); own && identifier.System == m.config.Rules.IdentifierSystem {
				known[id] = fact
			}
		}
	}
	return known, nil
}

// Withdraw makes the Bundle that takes back every fact of a document that speaks no more: one that was entered in error, or superseded. It
// is nil where nothing was ever written of it.
func (m *Mapper) Withdraw(ctx context.Context, document *fhir.Document, prior PriorFacts) (*Made, error) {
	known, err := m.earlier(ctx, document, prior)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	outcome := &fhir.Outcome{}
	bundle := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction"}
	device, deviceID := m.device()
	m.add(bundle, "Device", deviceID, m.byIdentifier(deviceID), device, &device.Header)
	retracted := retract(bundle, known, nil, outcome)
	if len(retracted) == 0 {
		return nil, nil
	}
	source, err := m.sourceOf(ctx, document, "", prior)
	if err != nil {
		return nil, err
	}
	m.addProvenance(bundle, source, operationNullify, deviceID, retracted)
	return &Made{Bundle: bundle, Outcome: outcome, Written: Counts{}, Left: map[string]int{}, Retracted: len(retracted)}, nil
}

// retract appends what takes back the prior facts that are not said any more, and gives references to them.
func retract(b *fhir.Bundle, known map[string]PriorFact, said map[string]bool, outcome *fhir.Outcome) []fhir.Reference {
	var gone []string
	for id := range known {
		if !said[id] {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b string) int {
		return strings.Compare(known[a].Type+"/"+known[a].ID, known[b].Type+"/"+known[b].ID)
	})
	var retracted []fhir.Reference
	for _, id := range gone {
		fact := known[id]
		if !fact.Ours {
			outcome.Add(fhir.SeverityWarning, fhir.CodeBusinessRule, "", fmt.Sprintf("%s/%s: no longer said, but left as it is: somebody else has changed or reviewed it", fact.Type, fact.ID))
			continue
		}
		changed, err := markInError(fact)
		if err != nil {
			outcome.Add(fhir.SeverityWarning, fhir.CodeException, "", fmt.Sprintf("%s/%s: no longer said, but cannot be read", fact.Type, fact.ID))
			continue
		}
		if changed == nil { // it was taken back before
			continue
		}
		update(b, id, fact, changed, nil)
		retracted = append(retracted, fhir.Reference{Reference: "urn:uuid:" + id})
		outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s/%s: retracted", fact.Type, fact.ID))
	}
	return retracted
}

// markInError gives a resource changed into one that was entered in error, nil where it is one already. All else stays as the server has it,
// but for the profiles, which it may no longer conform to, and a narrative that says otherwise.
func markInError(fact PriorFact) (resource.Raw, error) {
	var raw resource.Raw
	decoder := json.NewDecoder(bytes.NewReader(fact.Resource))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		return nil, err
	}
	element, value := "status", any(enteredInError)
	if fact.Type == string(Condition) || fact.Type == string(AllergyIntolerance) {
		system := conditionVerification
		if fact.Type == string(AllergyIntolerance) {
			system = allergyVerification
		}
		element, value = "verificationStatus", coded(system, enteredInError)
		delete(raw, "clinicalStatus")
	}
	encoded, err := fhir.Encode(value)
	if err != nil {
		return nil, err
	}
	if isInError(raw[element]) {
		return nil, nil
	}
	raw[element] = encoded
	var meta resource.Raw
	if json.Unmarshal(raw["meta"], &meta) == nil && meta["profile"] != nil {
		delete(meta, "profile")
		if raw["meta"], err = fhir.Encode(meta); err != nil {
			return nil, err
		}
	}
	if raw["text"], err = fhir.Encode(narrative(fact.Type + ": entered in error, taken back by software.")); err != nil {
		return nil, err
	}
	return raw, nil
}

// isInError reports whether a status, or the first coding of one, is entered-in-error.
func isInError(status json.RawMessage) bool {
	var code string
	if json.Unmarshal(status, &code) == nil {
		return code == enteredInError
	}
	var concept resource.CodeableConcept
	return json.Unmarshal(status, &concept) == nil && len(concept.Coding) > 0 && concept.Coding[0].Code == enteredInError
}

// isUnchanged reports whether a server holds a fact just as it would be written now. known gives the server's names of the resources that
// it refers to.
func isUnchanged(fact PriorFact, made any, known map[string]PriorFact) bool {
	encoded, err := fhir.Encode(made)
	if err != nil {
		return false
	}
	if bytes.Contains(encoded, []byte(`"reference":"urn:uuid:`)) {
		for id, other := range known {
			encoded = bytes.ReplaceAll(encoded, []byte(`"reference":"urn:uuid:`+id+`"`), []byte(`"reference":"`+other.Type+"/"+other.ID+`"`))
		}
	}
	return reflect.DeepEqual(content(fact.Resource), content(encoded))
}

// content decodes a resource without what a server adds to it.
func content(raw []byte) map[string]any {
	var decoded map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return nil
	}
	delete(decoded, "id")
	if meta, ok := decoded["meta"].(map[string]any); ok {
		for _, added := range []string{"versionId", "lastUpdated", "source"} {
			delete(meta, added)
		}
		if len(meta) == 0 {
			delete(decoded, "meta")
		}
	}
	return decoded
}

// fromBundle finds prior facts among what came in one Bundle with a document.
type fromBundle struct {
	beside    *fhir.Beside
	namespace string
}

// PriorFacts gives the earlier facts that came in one Bundle with a document, nil where there can be none.
func (m *Mapper) PriorFacts(document *fhir.Document) PriorFacts {
	if document.Beside == nil {
		return nil
	}
	return fromBundle{document.Beside, m.config.Rules.Namespace}
}

// maxReplaced bounds a chain of replacements, which could be a circle.
const maxReplaced = 100

// chain gives the documents that a document replaces, one after the other, itself first.
func (p fromBundle) chain(document *fhir.Document) []*fhir.Document {
	chain := []*fhir.Document{document}
	for len(chain) < maxReplaced && document.Replaces != nil {
		raw, known := p.beside.Resources[fhir.LocalReference(document.Replaces.Reference)]
		if !known {
			break
		}
		replaced, err := fhir.ReadDocuments(raw)
		if err != nil {
			break
		}
		document = replaced[0]
		chain = append(chain, document)
	}
	return chain
}

// Root implements PriorFacts.
func (p fromBundle) Root(_ context.Context, document *fhir.Document) (*fhir.Document, error) {
	chain := p.chain(document)
	return chain[len(chain)-1], nil
}

// Facts implements PriorFacts.
func (p fromBundle) Facts(_ context.Context, document *fhir.Document) ([]PriorFact, error) {
	var names []string
	for _, replaced := range p.chain(document) {
		if replaced.ID != "" {
			names = append(names, "DocumentReference/"+replaced.ID)
		}
		if replaced.Replaces != nil {
			names = append(names, fhir.LocalReference(replaced.Replaces.Reference))
		}
	}
	var facts []PriorFact
	seen := map[string]bool{}
	for _, name := range names {
		for _, provenance := range p.beside.Provenances[name] {
			if !p.ours(provenance) {
				continue
			}
			for _, target := range provenance.Target {
				reference := fhir.LocalReference(target.Reference)
				raw, held := p.beside.Resources[reference]
				resourceType, id, _ := strings.Cut(reference, "/")
				if !held || seen[reference] || !slices.Contains(ResourceTypes, ResourceType(resourceType)) {
					continue
				}
				seen[reference] = true
				version, untouched := p.untouched(reference, raw, names)
				facts = append(facts, PriorFact{Type: resourceType, ID: id, Version: version, Ours: untouched, Resource: raw})
			}
		}
	}
	return facts, nil
}

// Replaced implements PriorFacts.
func (p fromBundle) Replaced(_ context.Context, document *fhir.Document) (bool, error) {
	return p.beside.Replaced["DocumentReference/"+document.ID], nil
}

// ours reports whether a Provenance is charthand's.
func (p fromBundle) ours(provenance *fhir.ReadProvenance) bool {
	for _, tag := range provenance.Meta.Tag {
		if tag.System == p.namespace+extractionTag {
			return true
		}
	}
	return false
}

// untouched reports whether only charthand has written a resource, and of these documents alone, as far as a Bundle can tell: it has no more
// versions than Provenances, all of them charthand's, and its status is still one that charthand gives.
func (p fromBundle) untouched(reference string, raw json.RawMessage, documents []string) (version string, untouched bool) {
	var held struct {
		Meta struct {
			VersionID string `json:"versionId"`
		} `json:"meta"`
		Status             json.RawMessage           `json:"status"`
		VerificationStatus *resource.CodeableConcept `json:"verificationStatus"`
	}
	if json.Unmarshal(raw, &held) != nil {
		return "", false
	}
	versions, err := strconv.Atoi(held.Meta.VersionID)
	targeting := p.beside.Targeting[reference]
	if err != nil || versions > len(targeting) || slices.ContainsFunc(targeting, func(other *fhir.ReadProvenance) bool { return !p.ours(other) || !other.Names(documents) }) {
		return held.Meta.VersionID, false
	}
	if v := held.VerificationStatus; v != nil {
		for _, coding := range v.Coding {
			if coding.Code == "confirmed" {
				return held.Meta.VersionID, false
			}
		}
	}
	return held.Meta.VersionID, string(held.Status) != `"final"` && string(held.Status) != `"amended"`
}
