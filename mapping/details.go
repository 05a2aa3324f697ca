package mapping

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"charthand/nlp"
	"charthand/nlp/sig"
	"charthand/nlp/when"
)

// site is one place of the body that a mention speaks of, perhaps in several parts ("left lower lobe", "lung").
type site struct {
	names    []string
	spans    []nlp.Span
	entities []int
}

// sites gives the places that mention i speaks of, each to make a fact of its own; one without a name where the note names none. Sites
// that are joined ("left and right knee", "chest and arm") are several; of any others one says more about the next.
func (r *reader) sites(i int, p *parts) []site {
	e := r.d.Entities[i]
	if len(p.sites) == 0 {
		var found []site
		for _, side := range r.sidesOf(e.Span, words(r.d.Mention(e)), p) {
			if side == "" {
				found = append(found, site{})
			} else {
				found = append(found, site{names: []string{side}})
			}
		}
		return found
	}
	order := slices.Sorted(slices.Values(p.sites))
	var found []site
	for at, index := range order {
		place := r.d.Entities[index]
		name := words(r.d.Mention(place))
		sides := r.sidesOf(place.Span, name, r.partsOf(index))
		if sides[0] == "" { // "left" may stand before the problem, not before its site
			sides = r.sidesOf(e.Span, words(r.d.Mention(e)), p)
		}
		if at > 0 && !r.joined(r.d.Entities[order[at-1]].Span, place.Span) {
			last := &found[len(found)-1]
			last.names, last.spans, last.entities = append(last.names, name), append(last.spans, place.Span), append(last.entities, index)
			continue
		}
		for _, side := range sides {
			full := name
			if side != "" {
				full = side + " " + name
			}
			found = append(found, site{names: []string{full}, spans: []nlp.Span{place.Span}, entities: []int{index}})
		}
	}
	return found
}

// joined reports whether only a comma or an "and", perhaps with an article or a preposition, stands between two spans.
func (r *reader) joined(a, b nlp.Span) bool {
	if a.End > b.Start {
		return false
	}
	joint := false
	for _, word := range strings.Fields(strings.ToLower(r.d.Text.Body[a.End:b.Start])) {
		switch word {
		case ",", "and", "or", "&", "/":
			joint = true
		case "the", "in", "of":
		default:
			return false
		}
	}
	return joint
}

// sidesOf gives the sides of the body that stand right before a span, or that modify it: two for "left and right". It gives one empty
// side where there is none, or where the words have it already.
func (r *reader) sidesOf(span nlp.Span, name string, p *parts) []string {
	for word := range strings.FieldsSeq(name) {
		if _, has := r.sides[strings.ToLower(word)]; has {
			return []string{""}
		}
	}
	for _, other := range p.others {
		e := r.d.Entities[other]
		if side, ok := r.sides[strings.ToLower(words(r.d.Mention(e)))]; ok && e.End <= span.Start && span.Start-e.End <= maxBesideSide && !strings.ContainsAny(r.d.Text.Body[e.End:span.Start], ",;:.") {
			return []string{side}
		}
	}
	last, at := wordBefore(r.d.Text.Body, span.Start)
	side, ok := r.sides[last]
	if !ok {
		return []string{""}
	}
	if joint, at := wordBefore(r.d.Text.Body, at); joint == "and" || joint == "or" {
		first, _ := wordBefore(r.d.Text.Body, at)
		if other, ok := r.sides[first]; ok && other != side {
			return []string{other, side}
		}
	}
	return []string{side}
}

// maxBesideSide is how far before what it tells apart a side may stand, in bytes: "left upper eyelid".
const maxBesideSide = 25

// wordBefore gives the word that stands before a place with only blanks between, in lower case, and where it begins.
func wordBefore(body string, at int) (word string, start int) {
	end := at
	for end > 0 && (body[end-1] == ' ' || body[end-1] == '\n') {
		end--
	}
	start = end
	for start > 0 {
		c, size := utf8.DecodeLastRuneInString(body[:start])
		if !unicode.IsLetter(c) && c != '-' {
			break
		}
		start -= size
	}
	if end == at {
		return "", at
	}
	return strings.ToLower(body[start:end]), start
}

// severityOf gives the degree that words say, empty for none.
func (m *Mapper) severityOf(said string) string { return m.severities[strings.ToLower(said)] }

// wasGiven reports whether a drug is said to have been given once: the verb stands close before it, in its sentence, or its section lists
// what was given.
func (r *reader) wasGiven(e nlp.Entity) bool {
	rules := r.config.Rules.Given
	if e.Sig != nil && slices.ContainsFunc(e.Sig.Dosage, func(d sig.Dosage) bool {
		return d.Timing != nil && d.Timing.Repeat.Frequency > 0 && d.Timing.Repeat.Period != ""
	}) {
		return false
	}
	if e.Section >= 0 && e.Section < len(r.d.Sections) && slices.Contains(rules.Sections, r.d.Sections[e.Section].Code) {
		return true
	}
	from := max(0, e.Start-maxToVerb)
	before := strings.ToLower(r.d.Text.Body[from:e.Start])
	if at := strings.LastIndexAny(before, ".;:\n"); at >= 0 {
		before = before[at+1:]
	}
	return slices.ContainsFunc(rules.Verbs, func(verb string) bool { return strings.Contains(" "+before, " "+verb+" ") })
}

// maxToVerb is how far before a drug the verb that says that it was given may stand, in bytes.
const maxToVerb = 60

// canBe reports whether a result can be that of a test: of a vital sign only a measurement in one of its units, or in none.
func (r *reader) canBe(concept string, result nlp.Entity) bool {
	sign, vital := r.vitals[concept]
	if !vital {
		return !strings.Contains(r.d.Mention(result), "??")
	}
	rules, v := r.config.Rules.VitalSigns[sign], result.Value
	switch {
	case v == nil:
		return false
	case len(rules.Components) > 0:
		return len(v.Component) > 0
	case v.Range != nil:
		return v.Range.Low == nil || v.Range.Low.Code == "" || slices.Contains(rules.Units, v.Range.Low.Code)
	}
	return v.Quantity != nil && len(v.Component) == 0 && (v.Quantity.Code == "" || slices.Contains(rules.Units, v.Quantity.Code))
}

// named takes what a mention ends with by mistake off its words ("carcinoma of the").
func (m *Mapper) named(said string) string {
	for {
		at := strings.LastIndexByte(said, ' ')
		if at < 0 || !slices.Contains(m.config.Rules.Trailing, strings.ToLower(said[at+1:])) {
			return said
		}
		said = strings.TrimRight(said[:at], " ,")
	}
}

// relatives takes the relative off the words of a mention that names it too ("mother with breast cancer"): what is left is the problem, none
// where there is none. What the words themselves deny is denied.
func (r *reader) relatives(said string, kind AssertionKind) (problem string, judged AssertionKind) {
	rules := r.config.Rules.FamilyWords
	fields := strings.Fields(said)
	has := func(list []string, word string) bool {
		return slices.Contains(list, strings.Trim(strings.ToLower(word), ",.;:()'"))
	}
	if slices.ContainsFunc(fields, func(word string) bool { return has(rules.Denying, word) }) {
		return said, KindFamilyOther
	}
	for len(fields) > 1 && has(rules.Leading, fields[0]) {
		fields = fields[1:]
	}
	relative := slices.IndexFunc(fields, func(word string) bool { return has(rules.Relatives, word) })
	if relative < 0 {
		return strings.Join(fields, " "), kind
	}
	if before := r.named(strings.Join(fields[:relative], " ")); before != "" && !has(r.config.Rules.Trailing, before) && !has(rules.Qualifying, before) {
		return before, kind // "carcinoma of the breast in her sister"
	}
	for i := relative; i < len(fields); i++ {
		if has(rules.Leading, fields[i]) {
			for i+1 < len(fields) && (has(rules.Leading, fields[i+1]) || has(r.config.Rules.Trailing, fields[i+1])) {
				i++
			}
			return strings.Join(fields[i+1:], " "), kind
		}
	}
	return "", kind
}

// bestTime gives the mention that says most exactly when, -1 for none. How old the person is ("58-year-old") says when of nothing.
func (r *reader) bestTime(times []int) int {
	best, rank := -1, 0
	for _, i := range times {
		e := r.d.Entities[i]
		if e.Kind == nlp.KindDuration && !r.lasted(e) {
			continue
		}
		if e.When != nil && (e.When.Age != nil || e.When.AgeRange != nil) && r.config.Rules.isAgeOfPerson(r.d.Mention(e)) {
			continue
		}
		if rated := exactness(e.When); rated > rank || best < 0 {
			best, rank = i, rated
		}
	}
	return best
}

// lasted reports whether a duration says since when something is there ("for three days", "3-day history of"), not how long something took.
func (r *reader) lasted(e nlp.Entity) bool {
	if e.When != nil && e.When.Duration == nil && e.When.DurationRange == nil {
		return true
	}
	said := strings.ToLower(r.d.Mention(e))
	before, _ := wordBefore(r.d.Text.Body, e.Start)
	after := strings.ToLower(strings.TrimLeft(r.d.Text.Body[e.End:min(len(r.d.Text.Body), e.End+16)], " \n-"))
	first, _, _ := strings.Cut(said, " ")
	lasts := func(word string) bool { return slices.Contains(r.config.Rules.Lasting, word) }
	return lasts(first) || lasts(before) || strings.HasPrefix(after, "history") || strings.HasPrefix(after, "hx") || strings.HasPrefix(after, "h/o") || strings.HasPrefix(after, "ago")
}

// isAgeOfPerson reports whether the words of an age say how old somebody is, not at which age something was.
func (r *Rules) isAgeOfPerson(said string) bool {
	said = strings.ToLower(strings.TrimRight(said, " ."))
	return slices.ContainsFunc(r.AgeOfPerson, func(end string) bool { return strings.HasSuffix(said, end) })
}

// isToCome reports whether a time is after the day on which the note was written; a month or a year is where it begins after that day.
func (r *reader) isToCome(w *when.Expression) bool {
	if w == nil || r.d.Date.IsZero() {
		return false
	}
	begins := w.DateTime
	if begins == "" && w.Period != nil {
		begins = w.Period.Start
	}
	today := r.d.Date.Format("2006-01-02")
	return begins != "" && begins[:min(len(begins), len(today))] > today[:min(len(begins), len(today))]
}

// exactness ranks what a temporal expression says: a date, a period, an age, any other, nothing.
func exactness(w *when.Expression) int {
	switch {
	case w == nil:
		return 0
	case w.DateTime != "":
		return 4
	case w.Period != nil:
		return 3
	case w.Age != nil || w.AgeRange != nil:
		return 2
	}
	return 1
}

// timeKey gives a date or a period as an identity has it; other times tell no facts apart.
func timeKey(w *when.Expression) string {
	switch {
	case w == nil:
		return ""
	case w.DateTime != "":
		return w.DateTime
	case w.Period != nil:
		return w.Period.Start + "/" + w.Period.End
	}
	return ""
}

// doseOf gives the first strength, or else dose, and the route of a sig, as an identity has them.
func doseOf(s *sig.Sig) (strength, route string) {
	if s == nil {
		return "", ""
	}
	for _, dosage := range s.Dosage {
		if strength == "" && dosage.Strength != nil {
			strength = string(dosage.Strength.Value) + " " + dosage.Strength.Code
		}
		if strength == "" && len(dosage.DoseAndRate) > 0 && dosage.DoseAndRate[0].DoseQuantity != nil {
			dose := dosage.DoseAndRate[0].DoseQuantity
			strength = string(dose.Value) + " " + dose.Unit
		}
		if route == "" && dosage.Route != nil && len(dosage.Route.Coding) > 0 {
			route = dosage.Route.Coding[0].Code
		}
	}
	return strength, route
}
