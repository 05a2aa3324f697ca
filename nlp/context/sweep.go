package context

import (
	"strings"

	"charthand/nlp/text"
)

// sweep works on one sentence after another; its slices are used again.
type sweep struct {
	rules  *Rules
	text   *text.Text
	year   int // the note's, 0 where unknown
	events []event
	// lastEnd is where the last mention that gather has met ends, in bytes.
	lastEnd int
}

// event is something that a sweep meets: a cue, a mention or a break.
type event struct {
	from, to int // tokens
	kind     eventKind
	cue      int   // index in Rules.cues
	target   int   // index in the sentence's targets
	looks    looks // where this cue looks
	reach    reach
}

type eventKind uint8

const (
	cueEvent    eventKind = iota
	targetEvent           // a mention
	breakEvent            // a comma, bracket or dash: it ends phrases
	sheEvent              // the pronouns end a relative of the other gender
	heEvent
)

// sentence judges the mentions of one sentence.
func (s *sweep) sentence(run text.Run, in Section, targets []Target, judged []Judgement) {
	for i := range targets {
		judged[i] = Judgement{Experiencer: Patient}
	}
	s.gather(run, in, targets)
	s.settleEither(run)
	family := s.isFamily(in)
	s.pass(targets, judged, forward, family)
	s.pass(targets, judged, backward, family)
	for i := range targets {
		s.finish(in, targets[i], &judged[i])
	}
}

// gather lists the events of a sentence in the order of its tokens.
func (s *sweep) gather(run text.Run, in Section, targets []Target) {
	s.events = s.events[:0]
	signs := s.signed(run)
	family := s.isFamily(in)
	next, inside := judgedFrom(targets, 0), 0 // the next mention, and the token that the last one ends before
	limit := s.before(run, targets, next)     // no cue reaches into a mention
	verb := false                             // a verb of the past has been met
	for i := run.From; i < run.To; i++ {
		for next < len(targets) && targets[next].Start < int(s.text.Tokens[i].End) {
			if i >= inside { // what a mention's own first words say: "history of stroke"
				if m, ok := s.rules.lexicon.Longest(s.text, i, run.To); ok && s.rules.cues[m.ID].says&scopes(Historical) != 0 && int(s.text.Tokens[m.To-1].End) < targets[next].End {
					s.addCue(m, "", "")
				}
			}
			s.events = append(s.events, event{from: i, to: i + 1, kind: targetEvent, target: next})
			s.lastEnd = targets[next].End
			inside = max(inside, s.text.At(targets[next].End-1)+1)
			next = judgedFrom(targets, next+1)
			limit = s.before(run, targets, next)
		}
		if i < inside {
			continue
		}
		i = s.gatherAt(run, limit, i, signs, family, &verb) - 1
	}
}

// before gives the token that the next mention begins with, or the sentence's end.
func (s *sweep) before(run text.Run, targets []Target, next int) int {
	if next < len(targets) {
		return min(run.To, s.text.At(targets[next].Start))
	}
	return run.To
}

// judgedFrom gives the first mention from an index on that is to be judged.
func judgedFrom(targets []Target, i int) int {
	for i < len(targets) && targets[i].Kind == Unjudged {
		i++
	}
	return i
}

// word reports whether a token is a word.
func (s *sweep) word(i int) bool { return s.text.Tokens[i].Kind == text.Word }

// gatherAt adds the event at a token outside of mentions, and gives the token to go on with.
func (s *sweep) gatherAt(run text.Run, limit, i int, signs, family bool, verb *bool) int {
	token := s.text.Tokens[i]
	if token.Kind == text.Sign && signs {
		if sign := s.text.Body[token.Start]; (sign == '-' || sign == '+') && s.itemSign(run, i) {
			id := s.rules.plus
			if sign == '-' {
				id = s.rules.minus
			}
			s.events = append(s.events, event{from: i, to: i + 1, cue: id, looks: forward, reach: toPhrase})
			return i + 1
		}
	}
	if m, ok := s.rules.answers.Longest(s.text, i, limit); ok {
		if r, answers := s.answers(run, m); answers {
			s.addCue(m, backward, r)
			return m.To
		}
	}
	if m, ok := s.rules.lexicon.Longest(s.text, i, limit); ok {
		if token.Kind == text.Sign && (s.text.Body[token.Start] == ',' || s.text.Body[token.Start] == ';') {
			s.events = append(s.events, event{from: i, to: i + 1, kind: breakEvent}) // the sign parts what stands beside it all the same
		}
		if c := &s.rules.cues[m.ID]; c.relative {
			s.addRelative(run, m, family, m.To == limit && limit < run.To)
		} else {
			s.addCue(m, "", "")
		}
		*verb = *verb || pastVerbs[s.text.Word(m.From)]
		s.addPronoun(m.To - 1)
		return m.To
	}
	switch token.Kind {
	case text.Sign:
		if strings.IndexByte(",;:()[]|/", s.text.Body[token.Start]) >= 0 && s.text.Body[token.Start] != '/' || strings.HasPrefix(s.text.Body[token.Start:], "—") || strings.HasPrefix(s.text.Body[token.Start:], "–") {
			s.events = append(s.events, event{from: i, to: i + 1, kind: breakEvent})
		}
	case text.Word:
		s.addPronoun(i)
		*verb = *verb || pastVerbs[s.text.Word(i)]
	case text.Number:
		if i > run.From && s.text.Body[s.text.Tokens[i-1].Start] == ',' {
			s.events = append(s.events, event{from: i, to: i + 1, cue: s.rules.plus, looks: both})
		}
		if (*verb || s.bareYear(run, i)) && s.pastYear(i) {
			s.events = append(s.events, event{from: i, to: i + 1, cue: s.rules.pastYear, looks: backward, reach: toNext})
		}
	}
	return i + 1
}

// addPronoun adds the event that "he" or "she" is.
func (s *sweep) addPronoun(i int) {
	switch s.text.Word(i) {
	case "she":
		s.events = append(s.events, event{from: i, to: i + 1, kind: sheEvent})
	case "he":
		s.events = append(s.events, event{from: i, to: i + 1, kind: heEvent})
	}
}

// pastVerbs tell of what was, where a year follows.
var pastVerbs = map[string]bool{"had": true, "suffered": true, "underwent": true, "sustained": true, "hospitalized": true, "treated": true, "experienced": true, "survived": true, "developed": true}

// bareYear reports whether a year dates what stands right before it: "(2012)", "pancreatitis in 2018".
func (s *sweep) bareYear(run text.Run, i int) bool {
	if n := len(s.events); n == 0 || i == run.From {
		return false
	}
	before := s.text.Word(i - 1)
	return before == "(" || s.events[len(s.events)-1].kind == targetEvent && int(s.text.Tokens[i-1].End) <= s.lastEnd || before == "in" && i-1 > run.From && s.endsNear(i-1)
}

// pastYear reports whether a number is a year before the note's.
func (s *sweep) pastYear(i int) bool {
	word := s.text.Word(i)
	if len(word) != 4 || (word[:2] != "19" && word[:2] != "20") {
		return false
	}
	year := 0
	for _, digit := range word {
		if digit < '0' || digit > '9' {
			return false
		}
		year = 10*year + int(digit-'0')
	}
	return s.year == 0 || year < s.year
}

func (s *sweep) addCue(m text.Match, l looks, r reach) {
	c := &s.rules.cues[m.ID]
	if l == "" {
		l = c.looks
	}
	if r == "" {
		r = c.reach
	}
	if c.also != 0 {
		other := &s.rules.cues[c.also]
		s.events = append(s.events, event{from: m.From, to: m.To, cue: c.also, looks: other.looks, reach: other.reach})
	}
	s.events = append(s.events, event{from: m.From, to: m.To, cue: m.ID, looks: l, reach: r})
}

// answers reports whether a word answers the item before it ("fever: no", "SI no, HI no"), and how far back.
func (s *sweep) answers(run text.Run, m text.Match) (reach, bool) {
	if m.From == run.From {
		return "", false
	}
	before := s.text.Tokens[m.From-1]
	if s.text.Tokens[m.From].Kind == text.Sign && m.To > m.From+1 { // "(-)" answers a word of its own
		return toNext, before.Kind != text.Sign && s.text.Tokens[run.From].Kind != text.Sign
	}
	if m.To < run.To {
		after := s.text.Tokens[m.To]
		if m.To+1 < run.To && s.text.Joined(m.To) && s.text.Joined(m.To+1) && s.text.Tokens[m.To+1].Kind == text.Number {
			return "", false // "No.3"
		}
		if after.Kind != text.Sign || strings.IndexByte(",;.|/)]-", s.text.Body[after.Start]) < 0 {
			if next, ok := s.rules.lexicon.Longest(s.text, m.To, run.To); !ok || s.rules.cues[next.ID].ends&scopes(Negated) == 0 {
				return "", false
			}
		}
	}
	if n := len(s.events); n > 0 && s.events[n-1].kind == targetEvent && s.endsNear(m.From) {
		return toNext, true
	}
	return toSentence, s.text.Tokens[m.From].Kind != text.Sign && before.Kind == text.Sign && strings.IndexByte(":-?=(|", s.text.Body[before.Start]) >= 0
}

// endsNear reports whether the last mention ends right before a token, but for a word or two ("MRSA screen neg").
func (s *sweep) endsNear(i int) bool {
	for back := range 3 {
		at := i - 1 - back
		if at < 0 {
			return false
		}
		if int(s.text.Tokens[at].End) <= s.lastEnd {
			return true
		}
		if s.text.Tokens[at].Kind != text.Word || s.text.Tokens[i].Kind == text.Sign {
			return false
		}
	}
	return false
}

// itemSign reports whether a sign stands before an item of a list.
func (s *sweep) itemSign(run text.Run, i int) bool {
	if i+1 >= run.To || !s.word(i+1) && s.text.Tokens[i+1].Kind != text.Number {
		return false
	}
	return i == run.From || s.text.Tokens[i-1].Line != s.text.Tokens[i].Line || s.text.Tokens[i-1].Kind == text.Sign && strings.IndexByte(",;/.|:", s.text.Body[s.text.Tokens[i-1].Start]) >= 0 && !s.text.Joined(i)
}

// signed reports whether a sentence marks what is there and what is not with "+" and "-", which a list's bullets do not.
func (s *sweep) signed(run text.Run) bool {
	for i := run.From; i < run.To; i++ {
		if token := s.text.Tokens[i]; token.Kind == text.Sign && s.itemSign(run, i) {
			if sign := s.text.Body[token.Start]; sign == '+' || sign == '-' && i > run.From {
				return true
			}
		}
	}
	return false
}

// isFamily reports whether a section speaks of relatives.
func (s *sweep) isFamily(in Section) bool {
	id, known := s.rules.sections[in.Code]
	return known && s.rules.cues[id].who != ""
}

// addRelative adds a relative's word as a cue, if it speaks of the relative's own facts.
func (s *sweep) addRelative(run text.Run, m text.Match, family, beside bool) {
	if s.endsBefore(s.rules.tellers, run, m.From) {
		return
	}
	told := len(s.events) > 0 && s.events[len(s.events)-1].kind != cueEvent || s.met(targetEvent)
	if told && (s.endsBefore(s.rules.of, run, m.From) || s.signBefore(run, m.From, "(|")) {
		s.addCue(m, backward, toPhrase) // "colon cancer in an aunt", "diabetes (father)"
		return
	}
	if beside {
		s.addCue(m, forward, toPhrase) // "mom hypothyroid"
		return
	}
	if m.To < run.To && s.text.Tokens[m.To].Kind == text.Sign && strings.IndexByte(":-=", s.text.Body[s.text.Tokens[m.To].Start]) >= 0 && !s.text.Joined(m.To+min(1, run.To-1-m.To)) ||
		m.To < run.To && s.text.Body[s.text.Tokens[m.To].Start] == ':' {
		s.addCue(m, forward, toSentence) // "Mom: HTN"
		return
	}
	for after := m.To; after < run.To && after < m.To+4; after++ {
		if _, tells := s.rules.telling.Longest(s.text, after, run.To); tells && !family {
			return
		}
		if _, has := s.rules.having.Longest(s.text, after, run.To); has {
			s.addCue(m, forward, toSentence)
			return
		}
		if token := s.text.Tokens[after]; token.Kind == text.Sign && (family || strings.IndexByte("(,:-", s.text.Body[token.Start]) < 0) {
			break
		}
	}
	switch {
	case strings.HasSuffix(s.text.Body[:s.text.Tokens[m.To-1].End], "'s"):
		s.addCue(m, forward, toPhrase)
	case told && s.signBefore(run, m.From, "-:"):
		s.addCue(m, backward, toPhrase)
	case family:
		s.addCue(m, forward, toSentence)
	}
}

// met reports whether an event of a kind has been met in the sentence.
func (s *sweep) met(kind eventKind) bool {
	for i := len(s.events) - 1; i >= 0 && i >= len(s.events)-4; i-- {
		if s.events[i].kind == kind {
			return true
		}
	}
	return false
}

// signBefore reports whether one of some signs stands right before a token.
func (s *sweep) signBefore(run text.Run, i int, signs string) bool {
	return i > run.From && s.text.Tokens[i-1].Kind == text.Sign && strings.IndexByte(signs, s.text.Body[s.text.Tokens[i-1].Start]) >= 0
}

// maxBefore bounds how many tokens endsBefore looks back.
const maxBefore = 4

// endsBefore reports whether a phrase of a lexicon ends right before a token.
func (s *sweep) endsBefore(l *text.Lexicon, run text.Run, i int) bool {
	for from := max(run.From, i-maxBefore); from < i; from++ {
		if m, ok := l.Longest(s.text, from, i); ok && m.To == i {
			return true
		}
	}
	return false
}

// settleEither makes each cue that looks either way look forward where a mention follows within a few plain words, else
// backward.
func (s *sweep) settleEither(run text.Run) {
	for i := range s.events {
		e := &s.events[i]
		if e.kind != cueEvent || e.looks != either {
			continue
		}
		e.looks = backward
		if e.from == run.From && e.to < run.To {
			e.looks = forward
			continue
		}
		if i+1 < len(s.events) && s.events[i+1].kind == targetEvent && s.events[i+1].from-e.to <= 3 {
			e.looks = forward
			for j := e.to; j < s.events[i+1].from; j++ {
				if turns[s.text.Word(j)] {
					e.looks = backward
				}
			}
		}
	}
}

// turns are words after which a cue no longer speaks of what follows.
var turns = map[string]bool{"and": true, "with": true, "by": true, "after": true, "on": true, "or": true, "in": true, "at": true, "from": true}

// unnamed is the relative that is not named; a cue that names one says more.
const unnamed = "FAMMEMB"

// pass sweeps the events one way and gives each mention what the open scopes say.
func (s *sweep) pass(targets []Target, judged []Judgement, way looks, family bool) {
	var open [numScopes]int // the event that opened each scope, plus one
	previous := -1          // the event of the mention before, looked at this way
	n := len(s.events)
	for k := range n {
		i := k
		if way == backward {
			i = n - 1 - k
		}
		e := &s.events[i]
		switch e.kind {
		case cueEvent:
			c := &s.rules.cues[e.cue]
			closing := c.ends
			if c.says == 0 && e.looks != way && e.looks != both {
				closing = 0
			}
			if e.looks == way || e.looks == both {
				closing |= c.says
			}
			if c.relative && e.looks == forward && way == forward && !(i > 0 && s.events[i-1].to == e.from) {
				closing |= scopes(Negated | Uncertain | Hypothetical | Historical | Resolved)
			}
			for b := range open {
				if closing&(1<<b) != 0 {
					open[b] = 0
				}
				if (e.looks == way || e.looks == both) && c.says&(1<<b) != 0 {
					open[b] = i + 1
				}
			}
		case breakEvent:
			for b := range open {
				if open[b] > 0 && s.events[open[b]-1].reach == toPhrase && !s.adjacent(e, &s.events[open[b]-1]) {
					open[b] = 0
				}
			}
			if s.text.Body[s.text.Tokens[e.from].Start] == ';' {
				for b := range numScopes {
					if b == numScopes-1 && family {
						continue
					}
					if open[b] > 0 && !s.introduces(&s.events[open[b]-1]) {
						open[b] = 0
					}
				}
			}
		case sheEvent, heEvent:
			if at := open[numScopes-1]; at > 0 {
				if g := s.rules.cues[s.events[at-1].cue].gender; g == male && e.kind == sheEvent || g == female && e.kind == heEvent {
					open[numScopes-1] = 0
				}
			}
		case targetEvent:
			s.apply(&open, mention{i, previous, targets[e.target], way}, &judged[e.target])
			previous = i
		}
	}
}

// introduces reports whether a colon follows a cue: what comes is a list, whatever parts its items.
func (s *sweep) introduces(e *event) bool {
	return e.to < len(s.text.Tokens) && s.text.Body[s.text.Tokens[e.to].Start] == ':'
}

// joins reports whether a mention is joined to the next one, looked at one way, by a slash or an "or".
func (s *sweep) joins(t Target, way looks) bool {
	at := s.text.At(t.End-1) + 1
	if way == backward {
		at = s.text.At(t.Start) - 1
	}
	if at < 0 || at >= len(s.text.Tokens) {
		return false
	}
	word := s.text.Word(at)
	return word == "/" || word == "or" || word == "nor" || way == backward && word == "and"
}

// adjacent reports whether a break stands right beside a cue: "AKI, resolved".
func (s *sweep) adjacent(b, cue *event) bool { return b.to == cue.from || b.from == cue.to }

// mention is a mention as a sweep meets it.
type mention struct {
	event    int
	previous int // the event of the mention met before it, -1 for none
	Target
	way looks
}

// apply gives a mention what the open scopes say.
func (s *sweep) apply(open *[numScopes]int, m mention, j *Judgement) {
	at := &s.events[m.event]
	joins, beside := s.joins(m.Target, m.way), m.way == forward && s.beside(at.from, m.Kind)
	for b := range open {
		if open[b] == 0 {
			continue
		}
		e := &s.events[open[b]-1]
		c := &s.rules.cues[e.cue]
		if !c.bears(m.Kind) {
			continue
		}
		if e.reach == toNext && !joins {
			open[b] = 0
		}
		if e.reach == toAdjacent {
			open[b] = 0
			if e.to != at.from && (m.way == forward || e.from != s.text.At(m.End-1)+1) {
				continue
			}
		}
		if beside && m.previous >= open[b] && scopes(1)<<b&(who|scopes(Planned)|continued) == 0 {
			continue
		}
		bit := scopes(1) << b
		switch bit {
		case who:
			if j.Experiencer != Patient && (j.Experiencer != unnamed || c.who == unnamed) {
				continue
			}
			j.Experiencer = c.who
		case continued:
			j.goesOn = true
			continue
		default:
			if j.Flags&Flags(bit) != 0 {
				continue
			}
			j.Flags |= Flags(bit)
		}
		j.add(Cue{s.text.Span(e.from, e.to), c.name})
	}
}

// beside reports whether a mention hangs on the one before it by a preposition ("no bleeding on apixaban", "no nausea with the
// headache"): what is said of the one is not said of the other.
func (s *sweep) beside(i int, kind Kind) bool {
	article := false
	for i--; i >= 0 && articles[s.text.Word(i)]; i-- {
		article = true
	}
	if i < 0 {
		return false
	}
	word := s.text.Word(i)
	if kind == Problem {
		return article && (word == "with" || word == "for" || word == "despite")
	}
	return word == "on" || word == "with" || word == "by" || word == "from" || word == "despite" || word == "after" || word == "during" || article && word == "of"
}

// articles stand between a preposition and a mention.
var articles = map[string]bool{"the": true, "a": true, "an": true, "his": true, "her": true, "this": true, "these": true, "those": true, "that": true}

// add adds a cue once.
func (j *Judgement) add(c Cue) {
	for _, known := range j.Cues {
		if known == c {
			return
		}
	}
	j.Cues = append(j.Cues, c)
}

// finish settles what the cues leave open: words that deny themselves, the section, chronic conditions, flags that exclude others.
func (s *sweep) finish(in Section, target Target, j *Judgement) {
	if target.Kind == Unjudged {
		return
	}
	first, end := s.text.At(target.Start), s.text.At(target.End-1)+1
	if m, ok := s.rules.absent.Longest(s.text, first, end); ok && j.Flags&Negated == 0 {
		j.Flags |= Negated
		j.add(Cue{s.text.Span(m.From, m.To), "absent"})
	}
	if j.Flags&Negated == 0 && target.Kind == Problem && s.deniesItself(target.Span) {
		j.Flags |= Negated
		j.add(Cue{target.Span, "prefix"})
	}
	if id, known := s.rules.sections[in.Code]; known {
		c := &s.rules.cues[id]
		said := Flags(c.says & all)
		if c.bears(target.Kind) && said&^j.Flags != 0 && !j.goesOn && j.Flags&(Negated|Hypothetical) == 0 {
			j.Flags |= said
			j.add(Cue{in.Heading, c.name})
		}
		if c.who != "" && j.Experiencer == Patient {
			j.Experiencer = c.who
			j.add(Cue{in.Heading, c.name})
		}
	}
	if j.Experiencer == unnamed || s.isFamily(in) { // "mother - migraine" as one mention
		if code := s.inside(first, end); code != "" {
			j.Experiencer = code
		}
	}
	f := j.Flags
	if j.goesOn {
		f &^= Planned
	}
	if f&Historical != 0 && f&Resolved == 0 {
		chronic := false
		s.rules.chronic.Find(s.text, first, end, func(text.Match) { chronic = true })
		if chronic && target.Kind == Problem || f&Negated != 0 || j.Experiencer != Patient {
			f &^= Historical
		}
	}
	if f&Hypothetical != 0 {
		f &^= Planned
	}
	if f&Negated != 0 {
		f &^= Uncertain | Planned
		if f&RuledOut == 0 {
			f &^= Resolved
		}
	}
	j.Flags = f
}

// deniesItself reports whether a mention is one word that begins with "non" and is none of the words that say something so.
func (s *sweep) deniesItself(span text.Span) bool {
	word := strings.ReplaceAll(s.text.Lower[span.Start:span.End], "-", "")
	if strings.ContainsAny(word, " \n/") || s.rules.notAbsent[word] {
		return false
	}
	for _, prefix := range s.rules.prefixes {
		if rest, begins := strings.CutPrefix(word, prefix); begins && len(rest) > 3 {
			return true
		}
	}
	return false
}

// inside gives the relative that a mention names itself, if there is one.
func (s *sweep) inside(first, end int) string {
	code := ""
	s.rules.lexicon.Find(s.text, first, end, func(m text.Match) {
		if c := &s.rules.cues[m.ID]; c.relative && code == "" {
			code = c.who
		}
	})
	return code
}
