package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"charthand/nlp"
	"charthand/nlp/allergy"
)

// mention is one mention of a concept on its way to a fact, with all that the note says of it.
type mention struct {
	label   string // the model's; empty where no mention of the model is meant
	words   string // as a person reads them
	concept string // in normal form
	score   float32
	kind    AssertionKind
	subject nlp.Experiencer
	section int
	entity  int // index in Document.Entities, -1 for none
	rule    LabelRule
	// resource is what the mention makes if it is not planned.
	resource ResourceType
	details  details
	sites    []string // as a person reads them
	severity int      // entities, -1 for none
	value    int
	when     int
	// category and reactions (entities) are an allergy's; none is the category of what there is no allergy to.
	category, none allergy.Category
	reactions      []int
	// uses are the entities that are its parts.
	uses []int
	// evidence is the mention's span, then those of its parts.
	evidence []nlp.Span
}

// details are what tells one fact from another of the same concept.
type details struct {
	site     string // with its side
	time     string
	value    string
	strength string
	route    string
}

// said counts the details that are said.
func (a details) said() int {
	n := 0
	for _, detail := range []string{a.site, a.time, a.value, a.strength, a.route} {
		if detail != "" {
			n++
		}
	}
	return n
}

// unsaid reports whether a says nothing that b does not say, and less.
func (a details) unsaid(b details) bool {
	less := false
	for _, pair := range [][2]string{{a.site, b.site}, {a.time, b.time}, {a.value, b.value}, {a.strength, b.strength}, {a.route, b.route}} {
		if pair[0] != pair[1] {
			if pair[0] != "" {
				return false
			}
			less = true
		}
	}
	return less
}

// parts are the mentions that say more about one, by what they say, as indexes in Document.Entities.
type parts struct {
	values, sites, severities, times, others []int
	reasons                                  []int // of a drug: what it is given for
	causes                                   []int // of a problem: the drugs that are said to have caused it
}

// reader reads the mentions of one document.
type reader struct {
	*Mapper
	note note
	d    *nlp.Document
	left counter
	// parts are those of each mention that has any; used are the mentions that are in the resource of another.
	parts map[int]*parts
	used  map[int]bool
	// measures are the mentions that say more about something that is no test: the weight of a tumour.
	measures map[int]bool
	// unwritten says what the note says both ways of what is not written.
	unwritten []string
	// spoken are mentions that an allergy speaks of: they are nothing else.
	spoken map[int]bool
}

func newReader(m *Mapper, n note) *reader {
	r := &reader{Mapper: m, note: n, d: n.doc, left: counter{}, parts: map[int]*parts{}, used: map[int]bool{}, measures: map[int]bool{}, spoken: map[int]bool{}}
	for _, relation := range r.d.Relations {
		from, to := relation.From, relation.To
		switch relation.Kind {
		case nlp.Reason:
			if _, below := r.tooUnsure(r.d.Entities[from]); !below {
				r.of(to).reasons = append(r.of(to).reasons, from)
			}
		case nlp.Adverse:
			if _, below := r.tooUnsure(r.d.Entities[to]); !below {
				r.of(from).causes = append(r.of(from).causes, to)
			}
		case nlp.Modify, nlp.When:
			if relation.Kind == nlp.Modify && r.d.Entities[to].Kind != nlp.KindTest {
				r.measures[from] = true
			}
			r.addPart(from, to)
		case nlp.Identical:
		}
	}
	return r
}

// addPart makes one mention a part of another, if its label is one, it is sure enough and the two are of one sentence.
func (r *reader) addPart(from, to int) {
	e := r.d.Entities[from]
	part := r.labels[e.Label].Part
	if part == "" || r.d.Apart(e, r.d.Entities[to]) {
		return
	}
	if _, below := r.tooUnsure(e); below {
		return
	}
	if list := r.of(to).list(part); len(*list) < maxParts && !slices.Contains(*list, from) {
		*list = append(*list, from)
	}
}

// maxParts bounds how many mentions of a kind say more about one: values and sites multiply.
const maxParts = 40

// list gives the mentions that are one part.
func (p *parts) list(part Part) *[]int {
	switch part {
	case PartValue:
		return &p.values
	case PartBodySite:
		return &p.sites
	case PartSeverity:
		return &p.severities
	case PartTime:
		return &p.times
	default: // PartOther
		return &p.others
	}
}

func (r *reader) of(entity int) *parts {
	p := r.parts[entity]
	if p == nil {
		p = &parts{}
		r.parts[entity] = p
	}
	return p
}

// nothing is what a mention has that nothing modifies.
var nothing = &parts{}

func (r *reader) partsOf(entity int) *parts {
	if p := r.parts[entity]; p != nil {
		return p
	}
	return nothing
}

// mentions gives the mentions that can make facts, in the order of the text, and counts the others.
func (r *reader) mentions() []mention {
	found := r.allergies()
	for i, e := range r.d.Entities {
		if r.spoken[i] {
			continue
		}
		rule, listed := r.labels[e.Label]
		switch {
		case !listed:
			r.left.add(e.Label, "the rules do not know this label")
			continue
		case rule.Part != "":
			continue // with what it says more about
		}
		if minimum, below := r.tooUnsure(e); below {
			r.left.add(e.Label, fmt.Sprintf("score below %g", minimum))
			continue
		}
		kind := kindOf(e.Assertion)
		if kind == KindUnjudged {
			r.left.add(e.Label, "nothing is written of what is unjudged")
			continue
		}
		found = r.mention(found, i, rule, kind)
	}
	slices.SortStableFunc(found, func(a, b mention) int { return a.evidence[0].Start - b.evidence[0].Start })
	return found
}

// countParts counts the mentions that could say more about another, and are in no resource.
func (r *reader) countParts() {
	for i, e := range r.d.Entities {
		part := r.labels[e.Label].Part
		if part == "" || r.used[i] || r.spoken[i] {
			continue
		}
		minimum, below := r.tooUnsure(e)
		switch {
		case below:
			r.left.add(e.Label, fmt.Sprintf("score below %g", minimum))
		case part == PartValue:
			r.left.add(e.Label, "no test is written that it is the result of")
		case part == PartOther:
			r.left.add(e.Label, "not a fact of its own")
		default:
			r.left.add(e.Label, "nothing is written that it says more about")
		}
	}
}

// mention appends what entity i makes: one mention for each result and each site of its own.
func (r *reader) mention(found []mention, i int, rule LabelRule, kind AssertionKind) []mention {
	e, p := r.d.Entities[i], r.partsOf(i)
	base := mention{
		label: e.Label, words: r.named(words(r.d.Mention(e))), concept: r.named(e.Normal), score: e.Score, kind: kind, subject: e.Assertion.Experiencer, section: e.Section,
		entity: i, rule: rule, resource: rule.Resource, severity: -1, value: -1, when: -1, evidence: []nlp.Span{e.Span},
	}
	switch {
	case kind == KindFamily || kind == KindFamilyOther:
		base.resource = rule.Family
		if base.words, base.kind = r.relatives(base.words, kind); base.words == "" {
			r.left.add(e.Label, "names a relative and no problem of theirs")
			return found
		}
		if base.words != words(r.d.Mention(e)) {
			base.concept = strings.ToLower(base.words)
		}
	case rule.Drug != "" && e.Kind == nlp.KindDrug:
		base.resource = rule.Drug
	}
	if base.resource == "" {
		r.left.add(e.Label, fmt.Sprintf("nothing is written of what is %s", kind))
		return found
	}
	if len(p.severities) > 0 {
		base.severity = p.severities[0]
		base.uses = append(base.uses, base.severity)
		base.evidence = append(base.evidence, r.d.Entities[base.severity].Span)
	}
	values := slices.Sorted(slices.Values(p.values))
	switch {
	case rule.Measures != "":
		if e.Value == nil || e.Value.Quantity == nil || r.measures[i] {
			r.left.add(e.Label, "no measurement of the person that can be read")
			return found
		}
		base.words, base.concept, values = rule.Measures, rule.Measures, []int{i}
	case base.resource != rule.Resource || rule.WithValue == "" || len(values) == 0:
		values = []int{-1}
	default:
		base.resource = rule.WithValue
	}
	if base.resource == MedicationStatement {
		base.details.strength, base.details.route = doseOf(e.Sig)
		if base.kind == KindPresent && r.wasGiven(e) {
			base.kind = KindGiven
		}
	}
	refused := 0
	for at, value := range values {
		of := base
		if value >= 0 && !r.canBe(base.concept, r.d.Entities[value]) {
			r.left.add(r.d.Entities[value].Label, "cannot be a result of what it is linked to")
			r.used[value] = true // it is counted
			refused++
			continue
		}
		r.time(&of, r.timesOf(p.times, values, at))
		if of.value = value; value >= 0 {
			result := r.d.Entities[value]
			of.details.value = result.Normal
			if value != i {
				of.uses = append(slices.Clone(of.uses), value)
				of.evidence = append(slices.Clone(of.evidence), result.Span)
			}
		}
		for _, site := range r.sites(i, p) {
			sited := of
			sited.details.site = strings.ToLower(strings.Join(site.names, ", "))
			sited.sites = site.names
			sited.evidence = append(slices.Clone(of.evidence), site.spans...)
			sited.uses = append(slices.Clone(of.uses), site.entities...)
			found = append(found, sited)
		}
	}
	if refused == len(values) {
		r.left.add(e.Label, "none of its results can be one")
	}
	return found
}

// time gives a mention its time. What is yet to come was not done, taken or had.
func (r *reader) time(m *mention, times []int) {
	m.when = r.bestTime(times)
	if m.when < 0 {
		return
	}
	at := r.d.Entities[m.when]
	if m.kind.affirms() && r.isToCome(at.When) {
		if m.resource != Procedure && m.resource != MedicationStatement {
			m.when = -1
			return
		}
		m.kind = KindPlanned
	}
	m.evidence = append(slices.Clone(m.evidence), at.Span)
	m.uses = append(slices.Clone(m.uses), m.when)
	if hasTimeInIdentity[m.resource] {
		m.details.time = timeKey(at.When)
	}
}

// timesOf gives the times of one of several results, which are in the order of the text: of "12.8 on March 2 and 8.1 on March 4" that between it and the next result, of "on
// March 2 12.8, on March 4 8.1" the last before it.
func (r *reader) timesOf(times, values []int, at int) []int {
	if len(values) < 2 || len(times) == 0 {
		return times
	}
	start := func(i int) int { return r.d.Entities[i].Start }
	times = slices.Sorted(slices.Values(times))
	before := times[0] < values[0] // times stand before their results
	var own []int
	for _, i := range times {
		switch {
		case before && start(i) < start(values[at]):
			own = []int{i}
		case !before && start(i) > start(values[at]) && (at+1 == len(values) || start(i) < start(values[at+1])):
			own = append(own, i)
		}
	}
	return own
}

// hasTimeInIdentity names the types whose facts differ by their time.
var hasTimeInIdentity = map[ResourceType]bool{Observation: true, Procedure: true}

// words gives a mention as one line of readable text: FHIR strings hold no control characters.
func words(mention string) string {
	return strings.Join(strings.FieldsFunc(mention, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}
