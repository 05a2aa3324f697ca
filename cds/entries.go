package cds

import (
	"encoding/json"
	"slices"
	"time"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// list is one of the lists that people keep.
type list int

const (
	problems list = iota
	medications
	allergies
	lists
)

// standing is what an entry says of its concept.
type standing int

const (
	// present is there, or taken, now.
	present standing = iota
	// uncertain may be.
	uncertain
	// over is past, stopped, ruled out, or only planned.
	over
	// void says nothing: it was entered in error.
	void
)

// entry is a resource as one of the lists has it.
type entry struct {
	list      list
	name      string // "Condition/1"
	notion    notion
	standing  standing
	date      time.Time // of what it says
	changed   time.Time // when it was changed last, as far as is known
	own       bool      // charthand has found it in notes, and nobody has reviewed or changed it
	documents []string  // that it was found in
}

// read is what is read of a Condition, MedicationStatement, MedicationRequest or AllergyIntolerance.
type read struct {
	fhir.Head
	Subject    *fhir.Reference           `json:"subject"`
	Patient    *fhir.Reference           `json:"patient"`
	Status     string                    `json:"status"`
	Clinical   *resource.CodeableConcept `json:"clinicalStatus"`
	Verified   *resource.CodeableConcept `json:"verificationStatus"`
	Code       *resource.CodeableConcept `json:"code"`
	Medication *resource.CodeableConcept `json:"medicationCodeableConcept"`
	Drug       *fhir.Reference           `json:"medicationReference"`
	Contained  []struct {
		ID   string                    `json:"id"`
		Code *resource.CodeableConcept `json:"code"`
	} `json:"contained"`
	DoNotPerform bool   `json:"doNotPerform"`
	RecordedDate string `json:"recordedDate"`
	DateAsserted string `json:"dateAsserted"`
	AuthoredOn   string `json:"authoredOn"`
}

// standings are what statuses say; those that are not here say that it is there.
var standings = map[string]standing{
	"active": present, "entered-in-error": void, "refuted": over, "inactive": over, "remission": over, "resolved": over, // Condition, AllergyIntolerance
	"provisional": uncertain, "differential": uncertain,
	"completed": over, "stopped": over, "cancelled": over, "ended": over, "not-taken": over, "intended": over, "draft": over, "unknown": uncertain, // drugs
}

// entries reads what is held of a patient. Of what charthand has written itself, all that a person has changed, or another's Provenance speaks of,
// is the lists' own.
func (f *Finder) entries(patient string, resources []json.RawMessage) []entry {
	beside := fhir.NewBeside(resources)
	var found []entry
	for _, raw := range resources {
		var r read
		if json.Unmarshal(raw, &r) != nil || !isOf(patient, r.Subject, r.Patient) {
			continue
		}
		e := entry{name: r.Name()}
		said := r.Code
		switch r.ResourceType {
		case "Condition":
			e.list = problems
		case "AllergyIntolerance":
			e.list = allergies
		case "MedicationStatement", "MedicationRequest":
			e.list = medications
			said = r.drug(beside)
		default:
			continue
		}
		if f.deniesAllergies(said) || r.DoNotPerform {
			continue
		}
		held := f.config.Rules.ReadHeld(raw)
		e.notion = f.notionOf(e.list, said)
		if r.Drug != nil {
			f.call(&e.notion, r.Drug.Display)
		}
		if e.notion.isEmpty() {
			continue
		}
		e.standing = max(standings[r.Status], standings[codeOf(r.Clinical)], standings[codeOf(r.Verified)])
		e.date = dateOf(r.RecordedDate, r.DateAsserted, r.AuthoredOn)
		if e.changed = dateOf(r.Meta.LastUpdated); e.changed.Before(e.date) {
			e.changed = e.date
		}
		e.own = held.Unchanged && !slices.ContainsFunc(beside.Targeting[e.name], func(p *fhir.ReadProvenance) bool { return !f.config.Rules.IsOwn(p) })
		e.documents = held.Documents
		found = append(found, e)
	}
	return found
}

// drug gives what a resource names as its drug: in so many words, or in a Medication that is contained or came with it.
func (r *read) drug(beside *fhir.Beside) *resource.CodeableConcept {
	if r.Medication != nil || r.Drug == nil {
		return r.Medication
	}
	for _, contained := range r.Contained {
		if r.Drug.Reference == "#"+contained.ID {
			return contained.Code
		}
	}
	var held read
	if json.Unmarshal(beside.Resources[fhir.LocalReference(r.Drug.Reference)], &held) != nil {
		return nil
	}
	return held.Code
}

// deniesAllergies reports whether a concept is that there is no allergy: one that a note denies is none that the list lacks.
func (f *Finder) deniesAllergies(c *resource.CodeableConcept) bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.Coding, func(said resource.Code) bool {
		for _, none := range f.config.Rules.NoAllergies {
			if isCode(said, none.Code) || isCode(said, none.IPS) {
				return true
			}
		}
		return false
	})
}

func isCode(a, b resource.Code) bool { return a.System == b.System && a.Code == b.Code }

func codeOf(c *resource.CodeableConcept) string {
	if c == nil || len(c.Coding) == 0 {
		return ""
	}
	return c.Coding[0].Code
}

// dateOf reads the first date of some that is one.
func dateOf(list ...string) time.Time {
	for _, written := range list {
		for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01", "2006"} {
			if at, err := time.Parse(layout, written); err == nil {
				return at
			}
		}
	}
	return time.Time{}
}
