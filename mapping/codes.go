package mapping

import (
	"slices"

	"charthand/mapping/resource"
)

// concept names a fact by the note's words, with the codes that were chosen for them.
func (w *writer) concept(f *fact) *resource.CodeableConcept {
	c := resource.TextConcept(f.first.words)
	if c == nil || f.first.entity < 0 {
		return c
	}
	e := w.d.Entities[f.first.entity]
	if w.named(words(w.d.Mention(e))) == f.first.words { // else the codes are those of more than the words that are written
		c.Coding = w.codes(f.resource, f.first.entity)
	}
	return c
}

// coding names a mention that is part of another's resource.
func (w *writer) coding(of ResourceType, entity int) resource.CodeableConcept {
	c := resource.CodeableConcept{Coding: w.codes(of, entity)}
	c.Text = words(w.d.Mention(w.d.Entities[entity]))
	return c
}

// codes gives the codes that were chosen for a mention: one of each system. A vital sign's code is written by the rules alone, where all
// that its profile wants is there.
func (w *writer) codes(of ResourceType, entity int) []resource.Code {
	var list []resource.Code
	for _, c := range w.d.Entities[entity].Codings {
		if !c.Chosen || slices.Contains(w.config.Rules.NotCodedWith[of], c.System) || w.isVital(c.System, c.Code) {
			continue
		}
		list = append(list, resource.Code{System: c.System, Code: c.Code, Display: c.Display})
	}
	return list
}

// isVital reports whether a code is that of a vital sign or of a part of one.
func (m *Mapper) isVital(system, code string) bool {
	for _, sign := range m.config.Rules.VitalSigns {
		if slices.ContainsFunc(sign.Codes, func(c resource.Code) bool { return c.System == system && c.Code == code }) ||
			system == loinc && slices.Contains(sign.Components, code) {
			return true
		}
	}
	return false
}

const loinc = "http://loinc.org"
