package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Run is a run of tokens [From, To).
type Run struct{ From, To int }

// abbreviations end in a point that ends no sentence. Those of the second list may end one, where a capital follows.
var (
	titles  = set(`dr mr mrs ms prof st vs eg ie e.g i.e approx viz cf ca fig figs sgt lt jr sr rev dept resp incl esp pat mat attn ref al c.f`)
	endings = set(`a.m p.m am pm etc b.i.d t.i.d q.i.d q.d q.o.d q.h.s h.s p.o p.r.n a.c p.c i.v i.m s.q s.c p.r n.p.o o.d o.s o.u q.a.m q.p.m q.h m.d d.o ph.d r.n u.s l.v
		cc mg ml cm mm kg lb lbs oz hr hrs sec mos yrs yr wks wk inc tab tabs cap caps min max temp diff neg pos dx hx tx rx sx wt ht
		gen med surg resid`)
	// joining words do not end a sentence, so a line that ends in one goes on.
	joining = set(`and or of with the a an to in on at for by from his her their that which is was were are has have had as be been but after before during due
		including without than who`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// How notes are wrapped, in bytes.
const (
	maxWrapped = 132 // a text with a longer line than this has no line ends but its own
	minWrapped = 50  // a shorter line than this was ended by its writer
	minGoesOn  = 40  // a shorter line than this ends what it says, even where small letters follow
)

// Sentences cuts the tokens into sentences, items of lists and lines, in the order of the text: none crosses a blank line, a
// line that ends where it stands, or a sentence's final stop. A line end inside a paragraph wrapped at a fixed width ends
// nothing. Every token is in exactly one.
func (t *Text) Sentences() []Run {
	if len(t.Tokens) == 0 {
		return nil
	}
	width := t.wrap()
	runs := make([]Run, 0, len(t.Tokens)/12+1)
	from := 0
	for i := 1; i < len(t.Tokens); i++ {
		if t.ends(from, i, width) {
			runs = append(runs, Run{from, i})
			from = i
		}
	}
	return append(runs, Run{from, len(t.Tokens)})
}

// wrap gives the width that the text's lines are wrapped at, 0 where they are not.
func (t *Text) wrap() int {
	var lengths []int
	for line := range strings.Lines(t.Body) {
		n := len(strings.TrimRight(line, " \t\r\n"))
		if n > maxWrapped {
			return 0
		}
		if n >= minWrapped {
			lengths = append(lengths, n)
		}
	}
	if len(lengths) < 2 {
		return 0
	}
	slices.Sort(lengths)
	return lengths[len(lengths)*9/10]
}

// ends reports whether a sentence that began at token from ends before token i.
func (t *Text) ends(from, i, width int) bool {
	last, next := t.Tokens[i-1], t.Tokens[i]
	switch next.Line - last.Line {
	case 0:
		// A carriage return alone ends a line in a table's cell, whose row stays one line; in old notes any line.
		return t.stops(from, i) || strings.IndexByte(t.Body[last.End:next.Start], '\r') >= 0
	case 1:
		return t.stops(from, i) || !t.goesOn(i, width)
	}
	return true
}

// goesOn reports whether the line end before token i is one that only wraps a paragraph.
func (t *Text) goesOn(i, width int) bool {
	last := t.Tokens[i-1]
	if t.bullet(i) || t.Body[last.Start] == ':' {
		return false
	}
	start := strings.LastIndexByte(t.Body[:last.End], '\n') + 1
	length := int(last.End) - start
	if last.Kind == Word && joining[t.Word(i-1)] && length >= minGoesOn/2 || t.Body[last.Start] == ',' && length >= minGoesOn/2 {
		return true
	}
	first, _ := utf8.DecodeRuneInString(t.Body[t.Tokens[i].Start:])
	if unicode.IsLower(first) && length >= minGoesOn && !denies[t.Word(i)] {
		return true
	}
	word := len(t.Body[t.Tokens[i].Start:])
	if blank := strings.IndexAny(t.Body[t.Tokens[i].Start:], " \t\r\n"); blank >= 0 {
		word = blank
	}
	return width > 0 && length >= minWrapped && length+1+word > width
}

// denies begin a line of a list of what is not there.
var denies = set("no denies denied not none negative positive")

// replies answer a question in a template ("Fever? No.").
var replies = set("no none never yes not denies absent present nope")

// bullet reports whether token i begins an item of a list: "-", "*", "•", "[ ]", "+", "1.", "2)".
func (t *Text) bullet(i int) bool {
	switch t.Tokens[i].Kind {
	case Sign:
		return strings.ContainsAny(t.Body[t.Tokens[i].Start:t.Tokens[i].End], "-*•[+#>–·▪□☐☑☒✓")
	case Number:
		return i+1 < len(t.Tokens) && t.Joined(i+1) && (t.Body[t.Tokens[i+1].Start] == '.' || t.Body[t.Tokens[i+1].Start] == ')') &&
			t.Tokens[i].End-t.Tokens[i].Start <= 2
	case Word:
	}
	return false
}

// stops reports whether token i-1 is the final stop of the sentence that began at token from.
func (t *Text) stops(from, i int) bool {
	stop := i - 1
	for stop > from && i-stop <= 3 && t.Joined(stop) && strings.IndexByte(`")]'`, t.Body[t.Tokens[stop].Start]) >= 0 {
		stop--
	}
	first, size := utf8.DecodeRuneInString(t.Body[t.Tokens[i].Start:])
	apart := !t.Joined(i)
	switch t.Body[t.Tokens[stop].Start] {
	case '?', '!':
		return apart && t.Joined(stop) && !replies[t.Word(i)]
	case '.':
	default:
		return false
	}
	if stop == from {
		return apart
	}
	before := t.Tokens[stop-1]
	if !apart {
		// "edema.No cough": a blank is missing.
		second, _ := utf8.DecodeRuneInString(t.Body[int(t.Tokens[i].Start)+size:])
		return stop == i-1 && before.Kind == Word && before.End-before.Start >= 3 && unicode.IsUpper(first) && unicode.IsLower(second)
	}
	switch before.Kind {
	case Number:
		return stop-1 != from && (stop-2 < from || t.Body[t.Tokens[stop-2].Start] != '#') // "1." begins an item
	case Word:
		word := t.dotted(from, stop)
		if titles[word] {
			return false
		}
		if word == "no" && t.Tokens[i].Kind == Number {
			return false
		}
		if endings[word] || strings.Contains(word, ".") {
			return unicode.IsUpper(first) || unicode.IsDigit(first) && t.bullet(i) || t.Tokens[i].Line > t.Tokens[stop].Line
		}
		if capital := t.Body[before.Start]; len(word) == 1 && 'A' <= capital && capital <= 'Z' && unicode.IsLower(first) && t.Tokens[i].Line == t.Tokens[stop].Line {
			return false // "C. difficile"
		}
		if len(word) == 1 && stop-2 >= from && unicode.IsUpper(first) && t.Tokens[stop-2].Kind == Word && titles[t.Word(stop-2)] {
			return false // "Dr. J. Smith"
		}
		return len(word) != 1 || stop-1 != from // "A. Hypertension"
	case Sign:
	}
	return true
}

// dotted gives the word before a stop with the points inside it ("b.i.d").
func (t *Text) dotted(from, stop int) string {
	begin := stop - 1
	for begin-2 >= from && t.Joined(begin) && t.Body[t.Tokens[begin-1].Start] == '.' && t.Joined(begin-1) && t.Tokens[begin-2].Kind == Word &&
		t.Tokens[begin-2].End-t.Tokens[begin-2].Start <= 2 {
		begin -= 2
	}
	return t.Lower[t.Tokens[begin].Start:t.Tokens[stop-1].End]
}
