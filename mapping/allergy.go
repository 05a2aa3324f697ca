package mapping

import (
	"fmt"
	"slices"
	"strings"

	"charthand/mapping/resource"
	"charthand/nlp"
	"charthand/nlp/allergy"
)

// allergies gives the mentions that make AllergyIntolerances, and marks what the allergies speak of: an allergen is not taken, a reaction
// to it is no problem of today, and "NKDA" is no disease.
func (r *reader) allergies() []mention {
	var found []mention
	named := map[allergy.Category]bool{} // what the note names an allergy to
	for _, a := range r.d.Allergies {
		m := mention{
			words: substance(r.d.Text.Body[a.Start:a.End]), subject: nlp.Patient, section: -1, entity: a.Mention, resource: AllergyIntolerance,
			severity: -1, value: -1, when: -1, category: a.Category, evidence: []nlp.Span{a.Span},
		}
		m.concept = strings.ToLower(m.words)
		m.kind = allergyKind(a.Assertion)
		if a.Mention >= 0 {
			e := r.d.Entities[a.Mention]
			r.spoken[a.Mention] = true
			m.kind = allergyKind(e.Assertion)
			if m.kind.affirms() && !a.Denied {
				named[a.Category], named[allergy.Any] = true, true
			}
			if minimum, below := r.tooUnsure(e); below {
				r.left.add(e.Label, fmt.Sprintf("score below %g", minimum))
				continue
			}
			m.label, m.score, m.section, m.concept = e.Label, e.Score, e.Section, substance(e.Normal)
		}
		if a.Denied {
			m.kind = KindNegated
		}
		if m.kind.affirms() {
			named[a.Category], named[allergy.Any] = true, true
			r.reactions(&m, a.Reactions)
		}
		found = append(found, m)
	}
	for _, e := range r.d.Entities {
		if e.Kind == nlp.KindProblem && kindOf(e.Assertion).affirms() && substance(e.Normal) != e.Normal {
			named[allergy.Any] = true // an allergy to something that the rules do not know
		}
	}
	for _, n := range r.d.NoAllergies {
		m := mention{
			words: words(r.d.Text.Body[n.Start:n.End]), concept: "no known " + string(n.Category) + " allergy", kind: KindPresent, subject: nlp.Patient, section: -1,
			entity: -1, resource: AllergyIntolerance, severity: -1, value: -1, when: -1, none: n.Category, evidence: []nlp.Span{n.Span},
		}
		at, _ := slices.BinarySearchFunc(r.d.Entities, n.Start, func(e nlp.Entity, start int) int { return e.End - start - 1 })
		for ; at < len(r.d.Entities) && r.d.Entities[at].Overlaps(n.Span); at++ {
			r.spoken[at] = true
			m.label, m.score = r.d.Entities[at].Label, r.d.Entities[at].Score
		}
		if n.Assertion.Experiencer != nlp.Patient || n.Assertion.Hypothetical {
			r.left.add(m.label, "no statement of the patient's own allergies")
			continue
		}
		if named[n.Category] {
			r.left.add(m.label, "the note names an allergy, and says that there is none")
			continue
		}
		found = append(found, m)
	}
	return found
}

// substance gives the words of an allergen without what a mention may have too: its reaction ("sulfa drugs - anaphylaxis"), and that it is an
// allergy ("peanut allergy").
func substance(said string) string {
	name, _, _ := strings.Cut(words(said), " - ")
	if at := strings.LastIndexByte(name, ' '); at > 0 && strings.HasPrefix(strings.ToLower(name[at+1:]), "allerg") {
		name = name[:at]
	}
	return name
}

// reactions gives an allergy its reactions, which are no problems of today.
func (r *reader) reactions(m *mention, entities []int) {
	for _, i := range entities {
		if _, below := r.tooUnsure(r.d.Entities[i]); below {
			continue
		}
		r.spoken[i] = true
		m.uses = append(m.uses, i)
		m.reactions = append(m.reactions, i)
		m.evidence = append(m.evidence, r.d.Entities[i].Span)
	}
}

// allergyKind is the assertion of an allergen. An allergy stays: that it stands under past history does not make it past.
func allergyKind(judged nlp.Assertion) AssertionKind {
	if judged.Historical && !judged.Resolved {
		judged.Historical = false
	}
	return kindOf(judged)
}

// allergy makes an AllergyIntolerance.
func (w *writer) allergy(f *fact) *resource.AllergyIntolerance {
	made := &resource.AllergyIntolerance{
		Fact:               w.fact(f, f.first.words),
		ClinicalStatus:     coded(allergyClinical, f.status.ClinicalStatus),
		VerificationStatus: coded(allergyVerification, f.status.VerificationStatus),
		Code:               w.concept(f),
		Patient:            w.note.document.Subject,
		Encounter:          w.note.document.Encounter,
		RecordedDate:       w.written,
		Note:               w.notes(f),
	}
	if none := f.first.none; none != "" {
		codes := w.config.Rules.NoAllergies[none]
		made.Code = &resource.CodeableConcept{Coding: []resource.Code{codes.Code}, Text: codes.Code.Display}
		if w.config.Profile == IPS {
			made.Code.Coding = append(made.Code.Coding, codes.IPS)
		}
	}
	if category := f.first.category; category != "" {
		made.Category = []string{string(category)}
	}
	var manifested []string
	for _, m := range f.mentions {
		for _, i := range m.reactions {
			e := w.d.Entities[i]
			if slices.Contains(manifested, e.Normal) {
				continue
			}
			manifested = append(manifested, e.Normal)
			reaction := resource.Reaction{Manifestation: []resource.CodeableConcept{w.coding(AllergyIntolerance, i)}}
			for _, said := range w.partsOf(i).severities {
				if degree := w.severityOf(words(w.d.Mention(w.d.Entities[said]))); degree != "" {
					reaction.Severity = degree
				}
			}
			made.Reaction = append(made.Reaction, reaction)
		}
	}
	return made
}
