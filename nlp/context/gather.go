package context

import (
	"strings"

	"charthand/nlp/text"
)

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
			if i >= inside {
				s.addOwn(run, targets[next], i, family)
			}
			s.events = append(s.events, event{from: i, to: i + 1, kind: targetEvent, target: next})
			s.lastEnd = targets[next].End
			inside = max(inside, s.text.Cover(targets[next].Span).To)
			next = judgedFrom(targets, next+1)
			limit = s.before(run, targets, next)
		}
		if i < inside {
			continue
		}
		i = s.gatherAt(run, limit, i, signs, family, &verb) - 1
	}
}

// addOwn adds the cue that a mention's own first words are: "history of stroke", and the relative in "mother" or "mother had
// gout" where the label says that one is meant, who then has what follows too.
func (s *sweep) addOwn(run text.Run, target Target, i int, family bool) {
	m, ok := s.rules.lexicon.Longest(s.text, i, run.To)
	if !ok {
		return
	}
	c, end := &s.rules.cues[m.ID], int(s.text.Tokens[m.To-1].End)
	switch {
	case c.relative && target.Family && end <= target.End:
		s.addRelative(run, m, family, false)
	case c.says&scopes(Historical) != 0 && end < target.End:
		s.addCue(m, "", "")
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
		if strings.IndexByte(",;:()[]|", s.text.Body[token.Start]) >= 0 || strings.HasPrefix(s.text.Body[token.Start:], "—") || strings.HasPrefix(s.text.Body[token.Start:], "–") {
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
