package mapping

import "charthand/mapping/resource"

// procedure makes a Procedure.
func (w *writer) procedure(f *fact) *resource.Procedure {
	r := &resource.Procedure{
		Status:    f.status.Status,
		Code:      w.concept(f),
		Subject:   w.note.document.Subject,
		Encounter: w.note.document.Encounter,
		BodySite:  f.bodySite(),
		Note:      w.notes(f),
	}
	said := f.first.words + f.at()
	if at, words := w.when(f); at != nil {
		switch {
		case at.DateTime != "":
			r.PerformedDateTime = dateTime(at.DateTime)
		case at.Period != nil:
			r.PerformedPeriod = period(at.Period)
		case at.Age != nil:
			r.PerformedAge = at.Age
		case at.AgeRange != nil:
			r.PerformedRange = at.AgeRange
		default:
			r.PerformedString = words
		}
		said += ", " + words
	}
	r.Fact = w.fact(f, said)
	return r
}

// request makes a ServiceRequest of what is planned.
func (w *writer) request(f *fact) *resource.ServiceRequest {
	r := &resource.ServiceRequest{
		Status:     f.status.Status,
		Intent:     "plan",
		Code:       w.concept(f),
		Subject:    w.note.document.Subject,
		Encounter:  w.note.document.Encounter,
		AuthoredOn: w.written,
		BodySite:   f.bodySite(),
		Note:       w.notes(f),
	}
	if at, _ := w.when(f); at != nil {
		r.OccurrenceDateTime, r.OccurrencePeriod = dateTime(at.DateTime), period(at.Period)
	}
	r.Fact = w.fact(f, f.first.words+f.at())
	return r
}
