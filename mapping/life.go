package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// PriorFacts finds what charthand has written of a document before. A server, or a Bundle that holds the earlier facts, implements it.
type PriorFacts interface {
	// Chain gives the documents that a document replaces, as far as they are known, one after the other, the document itself first.
	Chain(ctx context.Context, document *fhir.Document) ([]*fhir.Document, error)
	// Facts gives the facts that charthand's Provenances name as made from some documents, or what the last of them replaces, each in its
	// present state, in a fixed order.
	Facts(ctx context.Context, documents []*fhir.Document) ([]PriorFact, error)
	// Replaced reports whether another document has taken the place of a document, and so speaks for it.
	Replaced(ctx context.Context, document *fhir.Document) (bool, error)
}

// PriorFact is a fact as a server holds it now.
type PriorFact struct {
	Type    string
	ID      string // the server's
	Version string // meta.versionId
	Ours    bool   // only charthand has ever written it, of these documents alone
	Deleted bool   // the server holds it no more
	// Identities are the UUIDs of charthand's identifiers that it has, or had when it had any; none are known where somebody has taken
	// them away, and the server does not tell what was there before.
	Identities []string
	// Resource is what the server holds, or has held of one that is deleted; Was what it has held when the identifiers were there, where they
	// are not any more.
	Resource, Was json.RawMessage
}

// name is the "Type/id" of a fact.
func (p *PriorFact) name() string { return p.Type + "/" + p.ID }

// earlier gives the prior facts of documents by their UUIDs, those whose UUIDs are not known by "Type/id". Of several with one identifier the
// first counts, and the outcome names the others.
func (m *Mapper) earlier(ctx context.Context, documents []*fhir.Document, prior PriorFacts, outcome *fhir.Outcome) (map[string]PriorFact, error) {
	if prior == nil {
		return nil, nil
	}
	facts, err := prior.Facts(ctx, documents)
	if err != nil {
		return nil, fmt.Errorf("earlier facts: %w", err)
	}
	known := map[string]PriorFact{}
	for _, fact := range facts {
		if len(fact.Identities) == 0 {
			known[fact.name()] = fact
		}
		for _, id := range fact.Identities {
			first, twice := known[id]
			if !twice {
				known[id] = fact
			} else if !fact.Deleted {
				outcome.Add(fhir.SeverityWarning, fhir.CodeBusinessRule, "", fmt.Sprintf("%s: left as it is: it is a duplicate of %s", fact.name(), first.name()))
			}
		}
	}
	return known, nil
}

// Withdraw takes back every fact of a document that speaks no more: one that was entered in error, or superseded. Facts that another
// document says too are left. It is nil where nothing was ever written of it; Made has no Bundle where nothing is left to take back.
func (m *Mapper) Withdraw(ctx context.Context, document *fhir.Document, prior PriorFacts) (*Made, error) {
	made := &Made{Outcome: &fhir.Outcome{}, Written: Counts{}, Left: map[string]int{}}
	alone := *document
	alone.Replaces = nil // what it replaces may speak again
	known, err := m.earlier(ctx, []*fhir.Document{&alone}, prior, made.Outcome)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	bundle := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction"}
	device, deviceID := m.device()
	m.add(bundle, "Device", deviceID, m.byIdentifier(deviceID), device, &device.Header)
	retracted := retract(bundle, m.config.Rules.Namespace, known, nil, made.Outcome)
	if len(retracted) == 0 {
		return made, nil
	}
	chain, err := prior.Chain(ctx, document)
	if err != nil {
		return nil, fmt.Errorf("the documents that it replaces: %w", err)
	}
	m.addProvenance(bundle, m.sourceOf(chain, "withdrawn"), operationNullify, deviceID, retracted)
	made.Bundle, made.Retracted = bundle, len(retracted)
	return made, nil
}

// retract appends what takes back the prior facts that are not said any more, and gives references to them.
func retract(b *fhir.Bundle, namespace string, known map[string]PriorFact, said map[string]bool, outcome *fhir.Outcome) []fhir.Reference {
	var gone []string
	for id := range known {
		if !said[id] {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b string) int {
		first, second := known[a], known[b]
		return strings.Compare(first.name(), second.name())
	})
	var retracted []fhir.Reference
	for _, id := range gone {
		fact := known[id]
		if fact.Deleted {
			continue
		}
		if !fact.Ours {
			outcome.Add(fhir.SeverityWarning, fhir.CodeBusinessRule, "", fmt.Sprintf("%s/%s: no longer said, but left as it is: somebody else has changed or reviewed it", fact.Type, fact.ID))
			continue
		}
		changed, err := markInError(fact, namespace)
		if err != nil {
			outcome.Add(fhir.SeverityWarning, fhir.CodeException, "", fmt.Sprintf("%s/%s: no longer said, but cannot be read", fact.Type, fact.ID))
			continue
		}
		if changed == nil { // it was taken back before
			continue
		}
		update(b, id, fact, changed)
		retracted = append(retracted, fhir.Reference{Reference: "urn:uuid:" + id})
		outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s/%s: retracted", fact.Type, fact.ID))
	}
	return retracted
}

// markInError gives a resource changed into one that was entered in error, nil where it is one already. All else stays as the server has it,
// but for the profiles, which it may no longer conform to, and a narrative that says otherwise.
func markInError(fact PriorFact, namespace string) (resource.Raw, error) {
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
	if raw["text"], err = fhir.Encode(narrative(fact.Type + takenBackBySoftware)); err != nil {
		return nil, err
	}
	return raw, renewDigest(raw, ResourceType(fact.Type), namespace)
}

// renewDigest gives a changed resource the digest of what it says now: it is still charthand's.
func renewDigest(raw resource.Raw, resourceType ResourceType, namespace string) error {
	encoded, err := fhir.Encode(raw)
	if err != nil {
		return err
	}
	now, ok := digestOfHeld(resourceType, encoded)
	if !ok {
		return nil
	}
	var extensions []resource.Raw
	if err := json.Unmarshal(raw["extension"], &extensions); err != nil {
		return err
	}
	for _, extension := range extensions {
		if string(extension["url"]) == `"`+namespace+digestExtension+`"` {
			if extension["valueString"], err = fhir.Encode(now); err != nil {
				return err
			}
		}
	}
	raw["extension"], err = fhir.Encode(extensions)
	return err
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

// isUnchanged reports whether a server holds a fact just as it would be written now. In what words its narrative says the same is no matter.
func isUnchanged(fact PriorFact, made resource.Resource) bool {
	revised, err := revise(fact, made)
	if err != nil {
		return false
	}
	encoded, err := fhir.Encode(revised)
	return err == nil && reflect.DeepEqual(content(fact.Resource), content(encoded))
}

// content decodes a resource without its narrative and what a server adds.
func content(raw []byte) map[string]any {
	decoded, err := decode(raw)
	if err != nil {
		return nil
	}
	delete(decoded, "id")
	delete(decoded, "text")
	if meta, ok := decoded["meta"].(map[string]any); ok {
		withoutServers(meta)
		if len(meta) == 0 {
			delete(decoded, "meta")
		}
	}
	return decoded
}

// decode decodes a resource; its numbers stay as they are written.
func decode(raw []byte) (decoded map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&decoded)
	return decoded, err
}

// withoutServers takes out of a meta what servers write there.
func withoutServers(meta map[string]any) {
	for _, added := range []string{"versionId", "lastUpdated", "source"} {
		delete(meta, added)
	}
}
