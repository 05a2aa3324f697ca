package mapping

import (
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
	"charthand/nlp/when"
)

// writer makes the resources of one document's facts.
type writer struct {
	*reader
	// ids are the facts by their mentions, for references between resources.
	ids map[int]*fact
	// elsewhere are the literal references of facts that are left as a server has them; deleted are those that nothing can refer to.
	elsewhere map[string]string
	deleted   map[string]bool
	written   string // the note's date, empty where it has none
}

func newWriter(r *reader, facts []*fact, known map[string]PriorFact) *writer {
	w := &writer{reader: r, ids: map[int]*fact{}, elsewhere: map[string]string{}, deleted: map[string]bool{}}
	for _, f := range facts {
		for _, m := range f.mentions {
			if m.entity >= 0 && w.ids[m.entity] == nil {
				w.ids[m.entity] = f
			}
		}
	}
	for id, fact := range known {
		w.deleted[id] = fact.Deleted
		if !fact.Ours {
			w.elsewhere[id] = fact.Type + "/" + fact.ID
		}
	}
	if date := r.note.document.Date; !date.IsZero() {
		w.written = resource.DateTime(date)
	}
	return w
}

// reference points to the resource of another fact.
func (w *writer) reference(f *fact) fhir.Reference {
	if literal, ok := w.elsewhere[f.id]; ok {
		return fhir.Reference{Reference: literal}
	}
	return fhir.Reference{Reference: "urn:uuid:" + f.id}
}

// resources makes the resource of each fact, but for what somebody else has touched. What stays just as a server has it will have no entry:
// those that refer to others, MedicationStatements, are made last, when that is known.
func (w *writer) resources(facts []*fact, known map[string]PriorFact) []resource.Resource {
	made := make([]resource.Resource, len(facts))
	for _, referring := range []bool{false, true} {
		for i, f := range facts {
			earlier, held := known[f.id]
			if (f.resource == MedicationStatement) != referring || held && !earlier.Ours {
				continue
			}
			if made[i] = w.resource(f); held && isUnchanged(earlier, made[i]) {
				w.elsewhere[f.id] = earlier.Type + "/" + earlier.ID
			}
		}
	}
	return made
}

// resource makes the resource of a fact.
func (w *writer) resource(f *fact) resource.Resource {
	var made resource.Resource
	sign := ""
	switch f.resource {
	case Condition:
		made = w.condition(f)
	case AllergyIntolerance:
		made = w.allergy(f)
	case MedicationStatement:
		made = w.medication(f)
	case Procedure:
		made = w.procedure(f)
	case Observation:
		made, sign = w.observation(f)
	case FamilyMemberHistory:
		made = w.family(f)
	case ServiceRequest:
		made = w.request(f)
	}
	w.conform(made, sign)
	said := made.Common()
	said.Extension = append(said.Extension, resource.Extension{URL: w.config.Rules.Namespace + digestExtension, ValueString: digest(made)})
	return made
}

// fact makes what the resource of every fact begins with. said is the fact in words; its narrative is a sentence of it.
func (w *writer) fact(f *fact, said string) resource.Fact {
	state := strings.Trim(f.status.ClinicalStatus+", "+f.status.VerificationStatus, ", ")
	if f.status.Status != "" {
		state = f.status.Status
	}
	return resource.Fact{
		Header: resource.Header{
			ResourceType: string(f.resource), Meta: w.meta(),
			Text: narrative(string(f.resource) + ": " + said + " (" + state + ")" + foundBySoftware),
		},
		Extension:  w.evidence(f),
		Identifier: []fhir.Identifier{{System: w.config.Rules.IdentifierSystem, Value: "urn:uuid:" + f.id}},
	}
}

// notes says what a reader of the resource has to know of the note.
func (w *writer) notes(f *fact, more ...string) []resource.Annotation {
	var notes []resource.Annotation
	if conflict := f.conflict(); conflict != "" {
		more = append(more, strings.ToUpper(conflict[:1])+conflict[1:]+".")
	}
	for _, text := range more {
		notes = append(notes, resource.Annotation{Text: text})
	}
	return notes
}

// entity gives the first that the mentions of a fact have, those first that say what is written; -1 for none.
func (f *fact) entity(of func(mention) int) int {
	for _, own := range []bool{true, false} {
		for _, m := range f.mentions {
			if found := of(m); found >= 0 && (m.kind == f.kind) == own {
				return found
			}
		}
	}
	return -1
}

// when gives the time of a fact and the words that say it, nil where the note says none.
func (w *writer) when(f *fact) (*when.Expression, string) {
	i := f.entity(func(m mention) int { return m.when })
	if i < 0 {
		return nil, ""
	}
	e := w.d.Entities[i]
	said := words(w.d.Mention(e))
	if e.When == nil {
		return &when.Expression{}, said
	}
	return e.When, said
}

// dateTime gives a dateTime as FHIR has it: a time of day needs its zone.
func dateTime(said string) string {
	const day = len("2006-01-02")
	if at := strings.IndexByte(said, 'T'); at > 0 && !strings.HasSuffix(said, "Z") && !strings.ContainsAny(said[at:], "+-") {
		return said[:day]
	}
	return said
}

// period gives a Period as FHIR has it, nil for none.
func period(p *when.Period) *resource.Period {
	if p == nil {
		return nil
	}
	return &resource.Period{Start: dateTime(p.Start), End: dateTime(p.End)}
}

// sites gives the places of a fact: those of the first mention that has any.
func (f *fact) sites() []string {
	for _, m := range f.mentions {
		if len(m.sites) > 0 {
			return m.sites
		}
	}
	return nil
}

// bodySite gives the places of a fact as CodeableConcepts.
func (f *fact) bodySite() []resource.CodeableConcept {
	var sites []resource.CodeableConcept
	for _, name := range f.sites() {
		sites = append(sites, resource.CodeableConcept{Text: name})
	}
	return sites
}

// at says the places of a fact for its narrative.
func (f *fact) at() string {
	if sites := f.sites(); len(sites) > 0 {
		return ", " + strings.Join(sites, ", ")
	}
	return ""
}
