// Package context judges what a note says of a mention: that it is there, absent, possible, past, to come, or a relative's. It
// is the ConText algorithm (Harkema et al., J Biomed Inform 2009; negation after NegEx, Chapman et al. 2001): cues with a
// direction and a scope, and phrases that end it, all of them data (rules.yaml).
//
// A sentence is swept once forward and once backward; at each mention the cues whose scope is open decide. The time is linear
// in the text and the mentions, whatever they hold.
package context

import (
	"charthand/nlp/text"
)

// Patient is the experiencer of what is the patient's own; any other is a relative as v3-RoleCode.
const Patient = "patient"

// Flags are what cues say of a mention.
type Flags uint8

// The flags. RuledOut comes with Negated, Resolved with Historical.
const (
	Negated Flags = 1 << iota
	RuledOut
	Uncertain
	Hypothetical
	Planned
	Historical
	Resolved
)

// Kind is what a mention is, as far as cues care.
type Kind uint8

// The kinds of mention.
const (
	Problem Kind = iota
	Drug
	Procedure
	Test
	Unjudged // a modifier of another mention
)

// Target is a mention to be judged.
type Target struct {
	text.Span
	Kind Kind
	// Family says that its label makes it a relative's.
	Family bool
}

// Cue is what decided: the words, or the heading's, and the rule.
type Cue struct {
	text.Span
	Rule string

	says scopes // what it has said of the mention
}

// Judgement is what the note says of a mention.
type Judgement struct {
	Flags Flags
	// Experiencer is Patient or a relative's v3-RoleCode.
	Experiencer string
	Cues        []Cue

	goesOn bool // what stands here goes on as it was
}

// Section is where a note says something by a heading.
type Section struct {
	text.Span
	Heading text.Span
	Code    string // LOINC
}

// Judge judges mentions, which are in the order of the text. sentences and sections are in that order too; year is the note's, 0
// where it is unknown.
func (r *Rules) Judge(t *text.Text, year int, sentences []text.Run, sections []Section, targets []Target) []Judgement {
	judged := make([]Judgement, len(targets))
	for i := range judged {
		judged[i].Experiencer = Patient
	}
	s := sweep{rules: r, text: t, year: year}
	next, section := 0, 0
	for _, sentence := range sentences {
		end := int(t.Tokens[sentence.To-1].End)
		first := next
		for next < len(targets) && targets[next].Start < end {
			next++
		}
		if next == first {
			continue
		}
		for section+1 < len(sections) && sections[section+1].Start <= targets[first].Start {
			section++
		}
		var in Section
		if section < len(sections) && sections[section].Start <= targets[first].Start {
			in = sections[section]
		}
		s.sentence(sentence, in, targets[first:next], judged[first:next])
	}
	return judged
}
