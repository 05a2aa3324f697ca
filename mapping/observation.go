package mapping

import (
	"slices"
	"strings"
	"unicode"

	"charthand/fhir"
	"charthand/mapping/resource"
	"charthand/nlp/measure"
)

// observation makes an Observation: a test with its result, or a sign that a site wants as one. sign is the name of the vital sign whose
// profile holds in full, empty for any other.
func (w *writer) observation(f *fact) (r *resource.Observation, sign string) {
	r = &resource.Observation{
		Status:    f.status.Status,
		Code:      w.concept(f),
		Subject:   w.note.document.Subject,
		Encounter: w.note.document.Encounter,
		Note:      w.notes(f),
	}
	if sites := f.bodySite(); len(sites) > 0 {
		r.BodySite = &sites[0]
	}
	if at, _ := w.when(f); at != nil {
		r.EffectiveDateTime, r.EffectivePeriod = dateTime(at.DateTime), period(at.Period)
	}
	said := f.first.words + f.at()
	if f.first.value < 0 {
		there := !f.kind.denies()
		r.ValueBoolean = &there
	} else {
		result := words(w.d.Mention(w.d.Entities[f.first.value]))
		said += " = " + result
		w.value(r, w.d.Entities[f.first.value].Value, result)
	}
	r.Fact = w.fact(f, said)
	if sign = w.vitals[f.first.concept]; sign != "" && !w.holds(r, w.config.Rules.VitalSigns[sign]) {
		sign = ""
	}
	switch {
	case sign != "":
		r.Category = []resource.CodeableConcept{*coded(observationCategory, "vital-signs")}
		r.Code.Coding = append(slices.Clone(w.config.Rules.VitalSigns[sign].Codes), slices.DeleteFunc(r.Code.Coding, func(c resource.Code) bool { return c.System == loinc })...)
	case r.ValueQuantity != nil && w.laboratory[r.ValueQuantity.Code] || r.ValueRange != nil && r.ValueRange.Low != nil && w.laboratory[r.ValueRange.Low.Code]:
		r.Category = []resource.CodeableConcept{*coded(observationCategory, "laboratory")}
	}
	return r, sign
}

// value fills in a result: what could be read of it, else its words.
func (w *writer) value(r *resource.Observation, v *measure.Value, result string) {
	if v != nil && isPlain(v, result) {
		r.ValueQuantity, r.ValueRange, r.ValueRatio, r.Component = v.Quantity, v.Range, v.Ratio, v.Component
		r.Interpretation, r.ReferenceRange = v.Interpretation, v.ReferenceRange
	}
	if r.ValueQuantity == nil && r.ValueRange == nil && r.ValueRatio == nil && len(r.Component) == 0 {
		r.ValueString = result
	}
}

// isPlain reports whether what was read of a result is all that it says: "S1", "A&O times three" and "/74" are no numbers, and a word of many
// interprets nothing.
func isPlain(v *measure.Value, result string) bool {
	switch {
	case strings.HasPrefix(result, "/"):
		return false
	case v.Quantity != nil && v.Quantity.Code == "" && v.Quantity.Comparator == "":
		return !strings.ContainsFunc(result, unicode.IsLetter) || len(v.Interpretation) > 0
	case v.Quantity == nil && v.Range == nil && v.Ratio == nil && len(v.Component) == 0:
		return len(strings.Fields(result)) <= 2 && !strings.ContainsAny(result, "&/")
	}
	return true
}

// holds reports whether an Observation has all that the profile of a vital sign wants: a patient, a date to the day, and the value, or each
// component, in one of its units.
func (w *writer) holds(r *resource.Observation, sign VitalSign) bool {
	const day = len("2006-01-02")
	if len(r.EffectiveDateTime) < day || !fhir.RefersTo(w.note.document.Subject.Reference, "Patient") {
		return false
	}
	if len(sign.Components) == 0 {
		return len(r.Component) == 0 && measured(r.ValueQuantity, sign)
	}
	for _, code := range sign.Components {
		at := slices.IndexFunc(r.Component, func(c measure.Component) bool {
			return slices.ContainsFunc(c.Code.Coding, func(coding measure.Coding) bool { return coding.Code == code })
		})
		if at < 0 || !measured(r.Component[at].Quantity, sign) {
			return false
		}
	}
	return true
}

// measured reports whether a quantity is a number in one of a vital sign's units.
func measured(q *measure.Quantity, sign VitalSign) bool {
	return q != nil && q.System == measure.UCUM && slices.Contains(sign.Units, q.Code)
}
