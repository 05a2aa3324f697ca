package mapping

import (
	"slices"
	"strings"

	"charthand/mapping/resource"
	"charthand/nlp/sig"
)

// medication makes a MedicationStatement.
func (w *writer) medication(f *fact) *resource.MedicationStatement {
	r := &resource.MedicationStatement{
		Status:                    f.status.Status,
		MedicationCodeableConcept: w.concept(f),
		Subject:                   w.note.document.Subject,
		Context:                   w.note.document.Encounter,
		DateAsserted:              w.written,
		Note:                      w.notes(f),
	}
	said := f.first.words
	if at, _ := w.when(f); at != nil {
		r.EffectiveDateTime, r.EffectivePeriod = dateTime(at.DateTime), period(at.Period)
	}
	s := w.sig(f)
	if s != nil {
		r.Dosage = slices.Clone(s.Dosage)
		for i := range r.Dosage {
			r.Dosage[i].Strength = nil // FHIR has it on the Medication
			r.Dosage[i].DoseAndRate = w.doses(r.Dosage[i].DoseAndRate)
			if r.Dosage[i].Text = strings.TrimRight(words(r.Dosage[i].Text), " ,;("); r.Dosage[i].Text != "" {
				said += ", " + r.Dosage[i].Text
			}
		}
	}
	var reasons []resource.Extension
	if f.status.Status != "not-taken" {
		reasons = w.reasons(f, r)
	}
	r.Fact = w.fact(f, said)
	r.Extension = append(r.Extension, reasons...)
	if s == nil {
		return r
	}
	for _, dosage := range s.Dosage {
		if dosage.Strength != nil {
			r.Extension = append(r.Extension, resource.Extension{URL: w.config.Rules.Namespace + "strength", ValueQuantity: dosage.Strength})
			break
		}
	}
	return r
}

// sig gives how a drug is taken: the sig of the mention that says most, the first of those that say what is written.
func (w *writer) sig(f *fact) *sig.Sig {
	for _, exact := range []bool{true, false} {
		best := f.entity(func(m mention) int {
			if m.entity < 0 || w.d.Entities[m.entity].Sig == nil || exact && m.details != f.details {
				return -1
			}
			return m.entity
		})
		if best >= 0 {
			return w.d.Entities[best].Sig
		}
	}
	return nil
}

// doses leaves out what no dose is in: the size of what was found, the next test's result.
func (w *writer) doses(said []sig.DoseAndRate) []sig.DoseAndRate {
	return slices.DeleteFunc(slices.Clone(said), func(d sig.DoseAndRate) bool {
		return d.DoseQuantity != nil && slices.Contains(w.config.Rules.NoDoseUnits, d.DoseQuantity.Code) ||
			d.DoseRange != nil && d.DoseRange.Low != nil && slices.Contains(w.config.Rules.NoDoseUnits, d.DoseRange.Low.Code)
	})
}

// reasonExtension names the extension with the identity of a Condition that a drug refers to, after the namespace: it tells whether anybody has
// changed the references since.
const reasonExtension = "reason"

// reasons refers to the Conditions that a drug is given for; what has none of its own is named. A problem that is denied, or a relative's, is
// no reason. It gives what keeps the identities of those Conditions.
func (w *writer) reasons(f *fact, r *resource.MedicationStatement) (identities []resource.Extension) {
	var named []string
	for _, m := range f.mentions {
		if m.entity < 0 {
			continue
		}
		for _, problem := range w.partsOf(m.entity).reasons {
			e := w.d.Entities[problem]
			if cause := w.ids[problem]; cause != nil && cause.resource == Condition && cause.kind.affirms() {
				if reference := w.reference(cause); !slices.Contains(r.ReasonReference, reference) && !w.deleted[cause.id] {
					r.ReasonReference = append(r.ReasonReference, reference)
					identities = append(identities, resource.Extension{URL: w.config.Rules.Namespace + reasonExtension, ValueString: identityPrefix + cause.id})
				}
				continue
			}
			if kind := kindOf(e.Assertion); kind != KindHypothetical && kind != KindUncertain && kind != KindPresent {
				continue
			}
			if name := words(w.d.Mention(e)); !slices.Contains(named, name) {
				named = append(named, name)
				r.ReasonCode = append(r.ReasonCode, w.coding(Condition, problem))
			}
		}
	}
	return identities
}
