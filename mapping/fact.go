package mapping

import (
	"fmt"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/nlp"
)

// fact is one concept of one document on its way to a resource.
type fact struct {
	id       string // UUID
	resource ResourceType
	kind     AssertionKind
	status   Status
	// first is the first mention that says what is written: the fact is called by its words.
	first    mention
	details  details
	mentions []mention
	labels   []string
	score    float32 // the best mention's
	evidence []nlp.Span
	more     int // spans beyond maxEvidence
	// affirmed and denied count the mentions that say so, where the note says both.
	affirmed, denied int
	// stopped counts the mentions that say that a drug is no longer taken, where it is written as taken.
	stopped int
	// last counts the mentions that say that a drug was stopped, where that is what is written.
	last int
}

// maxEvidence bounds the spans of evidence that one resource carries; a concept that a note repeats more often than this has
// been shown well enough, and what is left out is counted in the outcome.
const maxEvidence = 200

// maxAlike bounds how many facts of one concept are compared with each other for what one leaves unsaid; a note that has more of one
// concept is not written by people.
const maxAlike = 100

// concept is what mentions of one fact share.
type concept struct {
	resource ResourceType
	name     string
	subject  nlp.Experiencer
}

// facts decides what becomes of the mentions, in the order of the text, and counts the rest in left.
func (r *reader) facts() []*fact {
	groups := map[concept][]*fact{}
	var order []*fact
	known := map[concept]map[details]*fact{}
	for _, m := range r.mentions() {
		key := concept{m.resource, m.concept, m.subject}
		f := known[key][m.details]
		if f == nil {
			f = &fact{resource: m.resource, details: m.details}
			if known[key] == nil {
				known[key] = map[details]*fact{}
			}
			known[key][m.details] = f
			groups[key] = append(groups[key], f)
			order = append(order, f)
		}
		f.mentions = append(f.mentions, m)
	}
	for _, f := range order {
		f.kind = r.decide(f.mentions)
	}
	for _, alike := range groups {
		absorb(alike)
	}
	var facts []*fact
	for _, f := range order {
		if len(f.mentions) == 0 || !r.settle(f, groups) {
			continue
		}
		f.id = r.identity(f)
		facts = append(facts, f)
	}
	r.countParts()
	// What was moved to where more is said may have changed the order.
	slices.SortStableFunc(facts, func(a, b *fact) int { return a.mentions[0].evidence[0].Start - b.mentions[0].evidence[0].Start })
	return facts
}

// absorb gives the mentions of each fact that leaves something unsaid to the one fact that says it; where two do, none is meant for sure.
func absorb(alike []*fact) {
	if len(alike) < 2 || len(alike) > maxAlike {
		return
	}
	// Those that say most first, so that the order of the text decides nothing.
	alike = slices.Clone(alike)
	slices.SortStableFunc(alike, func(a, b *fact) int { return b.details.said() - a.details.said() })
	for _, f := range alike {
		var says *fact
		several := false
		for _, other := range alike {
			if len(other.mentions) == 0 || !f.details.unsaid(other.details) || !mayBeOne(f, other) {
				continue
			}
			several = says != nil
			says = other
			if several {
				break
			}
		}
		if says == nil || several {
			continue
		}
		says.mentions = append(says.mentions, f.mentions...)
		slices.SortStableFunc(says.mentions, func(a, b mention) int { return a.evidence[0].Start - b.evidence[0].Start })
		f.mentions = nil
	}
}

// mayBeOne reports whether two facts of one concept may be one: a drug always, anything else if neither denies what the other says.
func mayBeOne(a, b *fact) bool {
	return a.resource == MedicationStatement || a.kind.affirms() == b.kind.affirms() && a.kind.denies() == b.kind.denies()
}

// decide gives the assertion that is written of mentions that say different things: the strongest of Rules.Strength that is well
// supported, which is what at least Rules.Support of all scores say. A drug that is last said to be stopped was stopped.
func (m *Mapper) decide(mentions []mention) AssertionKind {
	if len(mentions) == 1 {
		return mentions[0].kind
	}
	if last := mentions[len(mentions)-1]; last.resource == MedicationStatement && last.kind == KindResolved {
		return KindResolved
	}
	support := map[AssertionKind]float32{}
	all := float32(0)
	for _, mention := range mentions {
		support[mention.kind] += mention.score
		all += mention.score
	}
	for _, kind := range m.config.Rules.Strength {
		if given, said := support[kind]; said && given >= float32(m.config.Rules.Support)*all {
			return kind
		}
	}
	// Many kinds with little support each: the one with most.
	best := mentions[0].kind
	for _, kind := range m.config.Rules.Strength {
		if support[kind] > support[best] {
			best = kind
		}
	}
	return best
}

// settle fills in what is written of a fact; it reports false, and counts the mentions, where that is nothing.
func (r *reader) settle(f *fact, groups map[concept][]*fact) bool {
	f.kind = r.decide(f.mentions)
	first := slices.IndexFunc(f.mentions, func(m mention) bool { return m.kind == f.kind })
	f.first = f.mentions[first]
	if f.kind == KindPlanned && f.first.rule.Planned != "" && f.resource != MedicationStatement {
		f.resource = f.first.rule.Planned
	}
	for _, m := range f.mentions {
		switch {
		case m.kind.affirms():
			f.affirmed++
		case m.kind.denies():
			f.denied++
		}
	}
	refuse := func(why string) bool {
		for _, m := range f.mentions {
			r.left.add(m.label, why)
			for _, i := range m.reactions {
				r.left.add(r.d.Entities[i].Label, "a reaction to what is not written")
			}
		}
		if conflict := f.conflict(); conflict != "" {
			r.unwritten = append(r.unwritten, fmt.Sprintf("%s: %s; not written", f.resource, conflict))
		}
		return false
	}
	if (f.resource == AllergyIntolerance || f.resource == FamilyMemberHistory) && r.note.document.Subject.IsGroup() {
		return refuse("a group of patients has no " + string(f.resource))
	}
	var written bool
	if f.status, written = r.statusOf(f.resource, f.kind); !written {
		return refuse("nothing is written of what is " + string(f.kind))
	}
	if f.first.rule.WithValue == Observation && f.resource == Procedure && f.kind.affirms() {
		if r.vitals[f.first.concept] != "" {
			return refuse("a vital sign without a value")
		}
		if r.isExamined(f.first.concept) {
			return refuse("an item of an examination without a result")
		}
		if results := groups[concept{Observation, f.first.concept, f.first.subject}]; len(results) > 0 {
			return refuse("its results are written instead")
		}
	}
	for _, m := range f.mentions {
		if m.kind != f.kind && (m.kind == KindHypothetical || m.kind == KindFamilyOther) {
			r.left.add(m.label, "nothing is written of what is "+string(m.kind))
			continue
		}
		for _, i := range m.uses {
			r.used[i] = true
		}
		if f.resource == MedicationStatement && m.kind == KindResolved && f.kind != KindResolved {
			f.stopped++
		}
		if f.kind == KindResolved && m.kind == KindResolved {
			f.last++
		}
		f.score = max(f.score, m.score)
		if m.label != "" && !slices.Contains(f.labels, m.label) {
			f.labels = append(f.labels, m.label)
		}
		for _, span := range m.evidence {
			switch {
			case len(f.evidence) == maxEvidence:
				f.more++
			case !slices.Contains(f.evidence, span):
				f.evidence = append(f.evidence, span)
			}
		}
	}
	return true
}

// isExamined reports whether a test is an item of an examination: one of its names, or one with words before it.
func (m *Mapper) isExamined(concept string) bool {
	return slices.ContainsFunc(m.config.Rules.Examined, func(item string) bool {
		return concept == item || strings.HasSuffix(concept, " "+item)
	})
}

// statusOf gives the row of the status table, and whether there is one.
func (m *Mapper) statusOf(resource ResourceType, kind AssertionKind) (Status, bool) {
	table := m.config.Rules.Statuses[resource]
	status, ok := table[kind]
	switch {
	case ok:
	case kind == KindResolved:
		status, ok = table[KindHistorical]
	case kind == KindGiven:
		status, ok = table[KindPresent]
	}
	return status, ok
}

// conflict says in one sentence that a note says both of a fact, empty where it does not.
func (f *fact) conflict() string {
	switch {
	case f.affirmed > 0 && f.denied > 0:
		return fmt.Sprintf("the note says this (%s) and denies it (%s)", times(f.affirmed), times(f.denied))
	case f.stopped > 0:
		return fmt.Sprintf("the note also says that this was stopped (%s)", times(f.stopped))
	case f.resource == MedicationStatement && f.kind == KindResolved && f.affirmed > f.last:
		return fmt.Sprintf("the note says that this is taken (%s) before it says that it was stopped", times(f.affirmed-f.last))
	}
	return ""
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// report tells the outcome what was written, what the note says both ways, and what was left out.
func (r *reader) report(facts []*fact, outcome *fhir.Outcome) {
	for _, f := range facts {
		if conflict := f.conflict(); conflict != "" {
			outcome.Add(fhir.SeverityWarning, fhir.CodeConflict, "", fmt.Sprintf("%s urn:uuid:%s: %s; written as %s", f.resource, f.id, conflict, f.kind))
		}
		if f.more > 0 {
			outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s urn:uuid:%s: %d more spans of evidence than the %d that it has", f.resource, f.id, f.more, maxEvidence))
		}
	}
	for _, conflict := range r.unwritten {
		outcome.Add(fhir.SeverityWarning, fhir.CodeConflict, "", conflict)
	}
	r.left.report(outcome)
}
