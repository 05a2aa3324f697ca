package context

import (
	"slices"
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
	s.gather(run, in, targets)
	s.settleEither(run)
	family := s.isFamily(in)
	s.pass(targets, judged, forward, family)
	s.pass(targets, judged, backward, family)
	for i := range targets {
		s.finish(in, targets[i], &judged[i])
	}
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
	closing := 0            // going backward, the event of the bracket that closes the one being read
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
			ends := c.ends
			if c.says == 0 && e.looks != way && e.looks != both {
				ends = 0
			}
			if e.looks == way || e.looks == both {
				ends |= c.says
			}
			if c.relative && e.looks == forward && way == forward && (i == 0 || s.events[i-1].to != e.from) {
				ends |= whole(scopes(Negated | Uncertain | Hypothetical | Historical))
			}
			for b := range open {
				if ends&(1<<b) != 0 {
					open[b] = 0
				}
				if (e.looks == way || e.looks == both) && c.says&(1<<b) != 0 {
					open[b] = i + 1
				}
			}
		case breakEvent:
			if way == backward {
				switch s.text.Body[s.text.Tokens[e.from].Start] {
				case ')':
					closing = i
				case '(':
					s.leaveBracket(&open, i, closing)
					closing = 0
				}
			}
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
			s.apply(&open, mention{i, previous, overlapped(targets, e.target, way), targets[e.target], way}, &judged[e.target])
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
	covered := s.text.Cover(t.Span)
	at := covered.To
	if way == backward {
		at = covered.From - 1
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
	// overlapped says that the mention met next overlaps it.
	overlapped bool
	Target
	way looks
}

// overlapped reports whether the mention beside another, looked at one way, overlaps it.
func overlapped(targets []Target, i int, way looks) bool {
	next := i + 1
	if way == backward {
		next = i - 1
	}
	return next >= 0 && next < len(targets) && targets[next].Kind != Unjudged && targets[next].Overlaps(targets[i].Span)
}

// leaveBracket ends, going backward over the opening bracket at event i, the scopes of cues in the bracket that have a mention of their own
// in it: "apixaban (warfarin discontinued)" says nothing of apixaban.
func (s *sweep) leaveBracket(open *[numScopes]int, i, closing int) {
	first := -1 // the first mention in the bracket
	for j := i + 1; j < closing; j++ {
		if s.events[j].kind == targetEvent {
			first = j
			break
		}
	}
	for b := range open {
		if at := open[b] - 1; first >= 0 && first < at && at < closing {
			open[b] = 0
		}
	}
}

// apply gives a mention what the open scopes say.
func (s *sweep) apply(open *[numScopes]int, m mention, j *Judgement) {
	at := &s.events[m.event]
	closing := scopes(0) // scopes that this mention has used up
	joins, beside := s.joins(m.Target, m.way), m.way == forward && s.beside(at.from, m.Kind)
	for b := range open {
		if open[b] == 0 {
			continue
		}
		e := &s.events[open[b]-1]
		c := &s.rules.cues[e.cue]
		if !c.bears(m.Kind) {
			if e.reach == toNext && !joins { // "loose stools: C. diff negative"
				closing |= 1 << b
			}
			continue
		}
		if e.reach == toNext && !joins || e.reach == toAdjacent {
			closing |= 1 << b
		}
		if e.reach == toAdjacent {
			if e.to != at.from && (m.way == forward || e.from != s.text.Cover(m.Span).To) {
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
		j.add(Cue{s.text.Span(e.from, e.to), c.name, bit})
	}
	if !m.overlapped { // a mention that overlaps this one is told the same
		for b := range open {
			if closing&(1<<b) != 0 {
				open[b] = 0
			}
		}
	}
}

// beside reports whether a mention hangs on the one before it by a preposition ("no bleeding on apixaban", "no nausea with the
// headache"): what is said of the one is not said of the other.
func (s *sweep) beside(i int, kind Kind) bool {
	article := false
	for i--; i >= 0 && !article && articles[s.text.Word(i)]; i-- {
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
	for i, known := range j.Cues {
		if known.Span == c.Span && known.Rule == c.Rule {
			j.Cues[i].says |= c.says
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
	covered := s.text.Cover(target.Span)
	first, end := covered.From, covered.To
	if m, ok := s.rules.absent.Longest(s.text, first, end); ok && j.Flags&Negated == 0 {
		j.Flags |= Negated
		j.add(Cue{s.text.Span(m.From, m.To), "absent", scopes(Negated)})
	}
	if j.Flags&Negated == 0 && target.Kind == Problem && s.deniesItself(target.Span) {
		j.Flags |= Negated
		j.add(Cue{target.Span, "prefix", scopes(Negated)})
	}
	if id, known := s.rules.sections[in.Code]; known {
		c := &s.rules.cues[id]
		said := Flags(c.says & all)
		if c.bears(target.Kind) && said&^j.Flags != 0 && !j.goesOn && (target.Kind == Problem || !s.beside(first, target.Kind)) && j.Flags&(Negated|Hypothetical) == 0 {
			j.Flags |= said
			j.add(Cue{in.Heading, c.name, scopes(said)})
		}
		if c.who != "" && j.Experiencer == Patient {
			j.Experiencer = c.who
			j.add(Cue{in.Heading, c.name, who})
		}
	}
	if target.Family && j.Experiencer == Patient {
		j.Experiencer = unnamed
		j.add(Cue{target.Span, "family", who})
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
	// What was said and does not hold needs no cue.
	holds := scopes(f) | who
	j.Cues = slices.DeleteFunc(j.Cues, func(c Cue) bool { return c.says&holds == 0 })
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
