package mapping

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"charthand/mapping/resource"
	"charthand/nlp/measure"
)

// condition makes a Condition.
func (w *writer) condition(f *fact) *resource.Condition {
	said := f.first.words + f.at()
	r := &resource.Condition{
		ClinicalStatus:     coded(conditionClinical, f.status.ClinicalStatus),
		VerificationStatus: coded(conditionVerification, f.status.VerificationStatus),
		Category:           w.category(f),
		Severity:           w.severity(f),
		Code:               w.concept(f),
		BodySite:           f.bodySite(),
		Subject:            w.note.document.Subject,
		Encounter:          w.note.document.Encounter,
		RecordedDate:       w.written,
		Note:               w.notes(f, w.causes(f)...),
	}
	if at, words := w.when(f); at != nil {
		switch {
		case at.DateTime != "":
			r.OnsetDateTime = dateTime(at.DateTime)
		case at.Period != nil:
			r.OnsetPeriod = period(at.Period)
		case at.Age != nil:
			r.OnsetAge = at.Age
		case at.AgeRange != nil:
			r.OnsetRange = at.AgeRange
		default:
			r.OnsetString = words
		}
		said += ", " + words
	}
	r.Fact = w.fact(f, said)
	return r
}

// category gives the category that the sections of the mentions make: a problem list's before a diagnosis's. What is refuted has none.
func (w *writer) category(f *fact) []resource.CodeableConcept {
	if f.status.VerificationStatus == "refuted" {
		return nil
	}
	rules, found := w.config.Rules.ConditionCategory, ""
	for _, m := range f.mentions {
		if m.section < 0 || m.section >= len(w.d.Sections) {
			continue
		}
		code := w.d.Sections[m.section].Code
		switch {
		case slices.Contains(rules.ProblemListItem, code):
			return []resource.CodeableConcept{*coded(conditionCategory, problemListItem)}
		case slices.Contains(rules.EncounterDiagnosis, code) && w.note.document.Encounter != nil:
			found = encounterDiagnosis
		}
	}
	if found == "" {
		return nil
	}
	return []resource.CodeableConcept{*coded(conditionCategory, found)}
}

// severity gives what the note says of how severe a problem is, with the code where there is one; the problem's own words may say it too.
func (w *writer) severity(f *fact) *resource.CodeableConcept {
	said := ""
	if i := f.entity(func(m mention) int { return m.severity }); i >= 0 {
		said = words(w.d.Mention(w.d.Entities[i]))
	} else if first, _, several := strings.Cut(f.first.words, " "); several && w.severityOf(first) != "" {
		said = first
	}
	concept := resource.TextConcept(said)
	if degree := w.severityOf(said); degree != "" {
		concept.Coding = []resource.Code{w.config.Rules.Severities[degree].Code}
	}
	return concept
}

// causes says which drugs the note names as the cause of a problem.
func (w *writer) causes(f *fact) []string {
	var names []string
	for _, m := range f.mentions {
		if m.entity < 0 {
			continue
		}
		for _, drug := range w.partsOf(m.entity).causes {
			if name := words(w.d.Mention(w.d.Entities[drug])); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"The note names as its cause: " + strings.Join(names, ", ") + "."}
}

// ageAtEnd is the age, in years, at which a relative's problem began, where the mention has it too: "breast cancer at 52".
var ageAtEnd = regexp.MustCompile(`(?i)^(.+?),? at (?:age |the age of )?([1-9][0-9]?)$`)

// family makes a FamilyMemberHistory: one relative with one condition.
func (w *writer) family(f *fact) *resource.FamilyMemberHistory {
	relative := string(f.first.subject)
	name := w.config.Rules.Relatives[f.first.subject]
	if name == "" {
		relative, name = "FAMMEMB", "family member"
	}
	problem, age := f.first.words, ""
	if said := ageAtEnd.FindStringSubmatch(problem); said != nil {
		problem, age = said[1], said[2]
	}
	condition := resource.FamilyCondition{Code: w.concept(f)}
	if problem != f.first.words {
		condition.Code = resource.TextConcept(problem)
	}
	if age != "" {
		condition.OnsetAge = measure.NewQuantity(json.Number(age), "a")
	}
	said := f.first.words + " of the " + name
	if at, words := w.when(f); at != nil && age == "" {
		switch {
		case at.Age != nil:
			condition.OnsetAge = at.Age
		case at.Period != nil:
			condition.OnsetPeriod = period(at.Period)
		default:
			condition.OnsetString = words
		}
		said += ", " + words
	}
	return &resource.FamilyMemberHistory{
		Fact:         w.fact(f, said),
		Status:       f.status.Status,
		Patient:      w.note.document.Subject,
		Date:         w.written,
		Relationship: &resource.CodeableConcept{Coding: []resource.Code{{System: roleCode, Code: relative, Display: name}}, Text: name},
		Note:         w.notes(f),
		Condition:    []resource.FamilyCondition{condition},
	}
}
