// Package section finds the headings of a note and the sections that they begin.
package section

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"charthand/nlp/text"
	"charthand/note"
)

// Section is a part of a note under one heading: from the heading's first byte to the next heading, or the end.
type Section struct {
	text.Span
	// Heading is the heading's words, without number, marks and colon.
	Heading text.Span
	// Code is the LOINC section code, empty where the section is none of those that have one.
	Code string
}

const (
	filler = iota
	part
	field
	named // the first that does
)

// maxHeading bounds the length of a heading in tokens.
const maxHeading = 14

// Find gives the sections of a text, in its order: those that its original marks, and those that its headings begin, also inside of a marked
// one. What stands before the first is in none.
func (f *Finder) Find(t *text.Text, marked []note.SectionHint) []Section {
	var found []heading
	report := false
	for i := 0; i < len(t.Tokens); {
		if len(marked) > 0 && marked[0].Start <= int(t.Tokens[i].Start) {
			h, next := f.marked(t, i, marked[0])
			marked = marked[1:]
			if n := len(found); n > 0 {
				found[n-1].End = h.Start
			}
			found, i = append(found, h), next
			continue
		}
		h, next := f.heading(t, i)
		if next == 0 {
			i++
			continue
		}
		i = next
		if n := len(found); n > 0 {
			current := found[n-1].Code
			// Beside capitals, capitals that name another section begin it.
			likewise := h.capitals && found[n-1].capitals && h.Code != current && h.Code != ""
			if f.items[h.Code][current] || f.divided[current] && (h.bullet && !found[n-1].bullet || h.minor && !likewise) {
				continue
			}
			found[n-1].End = h.Start
		} else if h.minor {
			continue // a title
		}
		found = append(found, h)
		report = report || f.reports[h.Code]
	}
	if n := len(found); n > 0 {
		found[n-1].End = len(t.Body)
	}
	sections := make([]Section, len(found))
	for i, h := range found {
		if report {
			h.Code = h.inReport
		}
		sections[i] = h.Section
	}
	return sections
}

// marked reads the heading of a section that the original marks, at token i. Its code counts where it is one of those that mean something
// here; else what its heading says.
func (f *Finder) marked(t *text.Text, i int, mark note.SectionHint) (h heading, next int) {
	h.Section = Section{Span: text.Span{Start: mark.Start}, Heading: text.Span{Start: mark.HeadingStart, End: mark.HeadingEnd}, Code: mark.Code}
	h.inReport = mark.Code
	for next = i; next < len(t.Tokens) && int(t.Tokens[next].Start) < mark.HeadingEnd; next++ {
		continue
	}
	if !slices.Contains(f.codes, mark.Code) || mark.Code == "" {
		if c := f.read(t, i); next > i && c.covered && c.phrases > 0 && c.to <= next {
			h.Code, h.inReport = c.code, c.inReport
		} else if !loincCode.MatchString(mark.Code) {
			h.Code, h.inReport = "", ""
		}
	}
	return h, next
}

// loincCode is the form of LOINC's codes.
var loincCode = regexp.MustCompile(`^[0-9]{1,7}-[0-9]$`)

// heading is a heading on its way to become a section.
type heading struct {
	Section
	inReport string // its code if the note turns out to be a report of a study
	bullet   bool   // it stands after a bullet, as items of a list do
	capitals bool   // it names a section that is known, in capitals
	minor    bool   // it may name a part of the section that it stands in
}

// place is where in its line a heading would begin.
type place uint8

const (
	inside     place = iota // among other words
	afterStop               // after a sentence or a wide gap
	beginsLine              // but for marks and numbers
)

// heading reads the heading that begins at token i. next is the token after it and its colon, 0 where none begins.
func (f *Finder) heading(t *text.Text, i int) (h heading, next int) {
	if t.Tokens[i].Kind != text.Word {
		return h, 0
	}
	at := placeOf(t, i)
	first, _ := utf8.DecodeRuneInString(t.Body[t.Tokens[i].Start:])
	if at != beginsLine {
		if !unicode.IsUpper(first) {
			return h, 0
		}
		if _, phrase := f.lexicon.Longest(t, i, len(t.Tokens)); !phrase {
			return h, 0
		}
	}
	c := f.read(t, i)
	if c.to == i {
		return h, 0
	}
	h.Section = Section{Span: text.Span{Start: int(t.Tokens[i].Start)}, Heading: t.Span(i, c.to), Code: c.code}
	h.minor, h.inReport = c.item, c.inReport
	h.bullet = at == beginsLine && i > 0 && t.Tokens[i-1].Line == t.Tokens[i].Line && strings.ContainsAny(t.Body[t.Tokens[i-1].Start:t.Tokens[i-1].End], "-•·")
	h.capitals = c.covered && isUpper(t.Body[h.Heading.Start:h.Heading.End])
	words := t.Body[h.Heading.Start:h.Heading.End]
	end := terminator(t, c.to)
	switch {
	case c.covered && c.phrases > 0:
		if f.accept(t, i, c, at, end, words) {
			return h, end.next
		}
	case at == beginsLine && !c.part && end.kind == colon && isUpper(words) && len(words) >= 4 && !numberAt(t, end.next):
		h.Code, h.inReport, h.minor = "", "", true
		return h, end.next
	}
	return h, 0
}

// accept reports whether words that name a section are its heading where they stand.
func (f *Finder) accept(t *text.Text, i int, c candidate, at place, end stop, words string) bool {
	letter := len(words) == 1
	switch end.kind {
	case colon:
		if letter && (!isUpper(words) || at == inside || words == "P" && pulse(t, end.next)) || words == "cc" {
			return false
		}
		if at == inside {
			return !c.item && titled(words) && !upperBefore(t, i)
		}
		return true
	case lineEnd:
		if letter || at != beginsLine {
			return false
		}
		return titled(words) || marked(t, i)
	case dash:
		first, _ := utf8.DecodeRuneInString(words)
		return at == beginsLine && !letter && unicode.IsUpper(first)
	case none:
		if letter || at != beginsLine || !isUpper(words) || numberAt(t, c.to) {
			return false
		}
		// "CHIEF COMPLAINT Chest pain": capitals, and then a line that is not.
		rest := t.Body[t.Tokens[c.to].Start:]
		if line := strings.IndexByte(rest, '\n'); line >= 0 {
			rest = rest[:line]
		}
		first, _ := utf8.DecodeRuneInString(rest)
		return unicode.IsUpper(first) && !isUpper(rest)
	}
	return false
}

// candidate is what may be a heading: tokens up to a colon, a dash or the line's end.
type candidate struct {
	to       int    // the token after its last
	code     string // of its first phrase
	inReport string
	phrases  int  // how many phrases name a section
	item     bool // the first is one of a section's items
	covered  bool // nothing but phrases, fillers and the signs between them
	part     bool // it names a part of an examination, or a field of a form
}

// read reads a candidate at token i.
func (f *Finder) read(t *text.Text, i int) candidate {
	c := candidate{to: i, covered: true}
	line := t.Tokens[i].Line
	limit := i
	for limit < len(t.Tokens) && limit-i < maxHeading && t.Tokens[limit].Line == line {
		limit++
	}
	for j := i; j < limit; {
		token := t.Tokens[j]
		if token.Kind == text.Sign {
			switch b := t.Body[token.Start]; {
			case b == '(':
				closing := j + 1
				for closing < limit && t.Body[t.Tokens[closing].Start] != ')' {
					closing++
				}
				if closing < limit {
					if m, ok := f.lexicon.Longest(t, j, limit); !ok || m.ID < named {
						j, c.to = closing+1, closing+1
						continue
					}
				}
			case strings.IndexByte("/&,+'", b) >= 0:
				j++
				continue
			}
			if c.phrases > 0 || !c.covered || c.part {
				return c
			}
		}
		m, ok := f.lexicon.Longest(t, j, limit)
		switch {
		case !ok && (token.Kind == text.Sign || token.Kind == text.Number && c.phrases > 0):
			return c
		case !ok:
			if c.phrases > 0 && c.covered && titledAfter(t, i, j) {
				return c // the words of the line after a heading in capitals
			}
			c.covered = false
			j++
		case m.ID >= named:
			if c.phrases > 0 && c.covered && t.Tokens[j].Start > t.Tokens[j-1].End && titledAfter(t, i, j) {
				return c
			}
			if c.phrases == 0 {
				c.code, c.inReport, c.item = f.codes[m.ID], f.inReport[m.ID], (m.ID-named)%2 == 1
			} else if c.code == assessment && f.codes[m.ID] == plan {
				c.code, c.inReport = assessmentAndPlan, assessmentAndPlan
			}
			c.phrases++
			j = m.To
		default:
			if m.ID == filler && c.phrases > 0 && c.covered && titledAfter(t, i, j) {
				return c
			}
			if m.ID != filler {
				if c.phrases == 0 && c.covered {
					c.part = true
				}
				c.covered = false
			}
			j = m.To
		}
		c.to = j
	}
	return c
}

// The sections that are one where a heading names both.
const (
	assessment        = "51848-0"
	plan              = "18776-5"
	assessmentAndPlan = "51847-2"
)

// titledAfter reports whether tokens [i, j) are in capitals and token j is not.
func titledAfter(t *text.Text, i, j int) bool {
	return isUpper(t.Body[t.Tokens[i].Start:t.Tokens[j-1].End]) && !isUpper(t.Body[t.Tokens[j].Start:t.Tokens[j].End])
}

// stop is what ends a heading.
type stop struct {
	kind stopKind
	next int // the token after it
}

type stopKind uint8

const (
	none stopKind = iota
	colon
	dash
	lineEnd
)

// terminator reads what follows a heading that ends before token i: closing marks, then a colon, a dash or the line's end.
func terminator(t *text.Text, i int) stop {
	line := t.Tokens[i-1].Line
	here := func() bool { return i < len(t.Tokens) && t.Tokens[i].Line == line }
	kind := none
	for ; here() && strings.IndexByte("*_]=#>", t.Body[t.Tokens[i].Start]) >= 0; i++ {
		switch t.Body[t.Tokens[i].Start] {
		case ']', '>':
			kind = colon // "[Plan] rest"
		case '=':
			kind = max(kind, dash) // "Plan = rest"
		}
	}
	if here() {
		switch token := t.Tokens[i]; {
		case t.Body[token.Start] == ':', t.Body[token.Start] == '|':
			kind = colon
			for i++; here() && strings.IndexByte("*_-", t.Body[t.Tokens[i].Start]) >= 0 && t.Joined(i); i++ {
				continue
			}
			if here() && t.Body[t.Tokens[i].Start] == ',' {
				i++ // transcripts that were one note a line have a comma here
			}
		case leads(t, i):
			kind = dash
			for here() && t.Tokens[i].Kind == text.Sign && (isDash(t.Body[t.Tokens[i].Start:t.Tokens[i].End]) || strings.IndexByte(".>", t.Body[t.Tokens[i].Start]) >= 0) {
				i++
			}
		}
	}
	if !here() {
		if kind == none {
			kind = lineEnd
		}
		return stop{kind, i}
	}
	return stop{kind, i}
}

// leads reports whether token i begins a dash ("Plan - rest", "CC- rest", "Plan -- rest") or dotted leaders.
func leads(t *text.Text, i int) bool {
	next := i + 1
	for next < len(t.Tokens) && t.Joined(next) && t.Body[t.Tokens[next].Start] == t.Body[t.Tokens[i].Start] {
		next++
	}
	if next < len(t.Tokens) && t.Joined(next) && t.Word(next) == ">" {
		next++ // "Plan -> rest"
	}
	if next < len(t.Tokens) && t.Joined(next) {
		return false
	}
	return isDash(t.Body[t.Tokens[i].Start:t.Tokens[i].End]) || t.Body[t.Tokens[i].Start] == '.' && next-i >= 3
}

func isDash(s string) bool { return s == "-" || s == "–" || s == "—" }

// placeOf says where in its line token i stands.
func placeOf(t *text.Text, i int) place {
	line := t.Tokens[i].Line
	j := i - 1
	for j >= 0 && t.Tokens[j].Line == line && i-j <= 6 {
		token := t.Tokens[j]
		b := t.Body[token.Start]
		mark := token.Kind == text.Sign && strings.IndexByte("*#-_=[(.)<>|+~@", b) >= 0 || b >= utf8.RuneSelf
		number := token.Kind == text.Number && token.End-token.Start <= 2 || token.Kind == text.Word && roman(t.Word(j)) && j+1 < i
		if !mark && !number {
			break
		}
		j--
	}
	if j < 0 || t.Tokens[j].Line != line {
		return beginsLine
	}
	gap := t.Body[t.Tokens[i-1].End:t.Tokens[i].Start]
	switch before := t.Tokens[i-1]; {
	case strings.IndexByte(".;!?|", t.Body[before.Start]) >= 0, strings.Contains(gap, "  "), strings.Contains(gap, "\t"):
		return afterStop
	case t.Body[before.Start] == ',' && i >= 2 && strings.IndexByte(".:;!?", t.Body[t.Tokens[i-2].Start]) >= 0:
		return beginsLine // as terminator has it
	}
	return inside
}

// roman reports whether a word numbers a heading: a small Roman numeral, or a single letter.
func roman(word string) bool {
	return strings.Trim(word, "ivx") == "" || len(word) == 1
}

// marked reports whether token i follows marks that set a heading off ("## Plan", "**Plan**", "[Plan]").
func marked(t *text.Text, i int) bool {
	return i > 0 && t.Tokens[i-1].Line == t.Tokens[i].Line && strings.IndexByte("#*[_=", t.Body[t.Tokens[i-1].Start]) >= 0
}

// isUpper reports whether a text has capitals and no small letters.
func isUpper(s string) bool {
	upper := false
	for _, r := range s {
		if unicode.IsLower(r) {
			return false
		}
		upper = upper || unicode.IsUpper(r)
	}
	return upper
}

// titled reports whether every longer word of a text begins with a capital.
func titled(s string) bool {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		if r, _ := utf8.DecodeRuneInString(word); !unicode.IsUpper(r) && len(word) > 3 {
			return false
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}

// pulse reports whether what stands at token i is the value of a pulse ("P: 82"), not an item of a list ("P: 1. continue").
func pulse(t *text.Text, i int) bool {
	listed := i+1 < len(t.Tokens) && t.Joined(i+1) && strings.IndexByte(".)", t.Body[t.Tokens[i+1].Start]) >= 0
	return numberAt(t, i) && !listed
}

// upperBefore reports whether token i goes on a run of words that begin with capitals.
func upperBefore(t *text.Text, i int) bool {
	if i == 0 || t.Tokens[i-1].Kind != text.Word {
		return false
	}
	r, _ := utf8.DecodeRuneInString(t.Body[t.Tokens[i-1].Start:])
	return unicode.IsUpper(r)
}

// numberAt reports whether a number stands at token i.
func numberAt(t *text.Text, i int) bool { return i < len(t.Tokens) && t.Tokens[i].Kind == text.Number }
