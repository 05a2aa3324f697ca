package context

import (
	"strings"

	"charthand/nlp/text"
)

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
	told := len(s.events) > 0 && s.events[len(s.events)-1].kind != cueEvent || s.metMention()
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
	case m.To-m.From >= 2 && s.text.Word(m.To-1) == "s" && s.text.Word(m.To-2) == "'":
		s.addCue(m, forward, toPhrase)
	case told && s.signBefore(run, m.From, "-:"):
		s.addCue(m, backward, toPhrase)
	case family:
		s.addCue(m, forward, toSentence)
	}
}

// metMention reports whether a mention is among the last events.
func (s *sweep) metMention() bool {
	for i := len(s.events) - 1; i >= 0 && i >= len(s.events)-4; i-- {
		if s.events[i].kind == targetEvent {
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
