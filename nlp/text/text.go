// Package text gives a note's words, sentences and lines, and finds phrases in it: what every rule about words stands on.
// All offsets are bytes, half-open, in the text as it is.
package text

import (
	"hash/maphash"
	"sort"
	"unicode"
	"unicode/utf8"
)

// Span is a half-open range of bytes in a text.
type Span struct{ Start, End int }

// Overlaps reports whether two spans share a byte.
func (s Span) Overlaps(o Span) bool { return s.Start < o.End && o.Start < s.End }

// Kind is what a token is made of.
type Kind uint8

// The kinds of token.
const (
	Word   Kind = iota // a run of letters and the marks on them
	Number             // a run of digits, with the points and commas inside ("12,500", "3.5")
	Sign               // one other character
)

// Token is the smallest part of a text that rules speak of. A token ends where letters meet digits ("500mg" is two), so that
// phrases match however a note runs them together.
type Token struct {
	Start, End int32
	Kind       Kind
	// Line is the number of line ends before the token; blank lines count.
	Line int32
	// hash is that of the token in lower case.
	hash uint64
}

// seed is that of the hashes of words, in texts and lexicons alike.
var seed = maphash.MakeSeed()

// RunAt gives the first of some runs, which follow each other, that ends after a token; as many as there are where none does.
func RunAt(runs []Run, token int) int {
	return sort.Search(len(runs), func(i int) bool { return runs[i].To > token })
}

// Text is a text cut into tokens.
type Text struct {
	Body string
	// Lower is Body with ASCII letters in lower case: as long as Body, so that offsets fit both.
	Lower  string
	Tokens []Token
}

// New cuts a text into tokens.
func New(body string) *Text {
	t := &Text{Body: body, Lower: lower(body), Tokens: make([]Token, 0, len(body)/5+1)}
	line := int32(0)
	for i := 0; i < len(body); {
		switch body[i] {
		case '\n':
			line++
			i++
			continue
		case ' ', '\t', '\r', '\v', '\f':
			i++
			continue
		}
		start, kind := i, kindAt(body, i)
		switch kind {
		case Word:
			for i < len(body) && kindAt(body, i) == Word {
				_, size := utf8.DecodeRuneInString(body[i:])
				i += size
			}
		case Number:
			i = endOfNumber(body, i)
		case Sign:
			r, size := utf8.DecodeRuneInString(body[i:])
			i += size
			if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
				continue
			}
		}
		t.Tokens = append(t.Tokens, Token{int32(start), int32(i), kind, line, hash(t.Lower[start:i])}) //nolint:gosec // notes are far below 2 GiB
	}
	return t
}

// hash gives that of a word. The typographic apostrophe is the plain one.
func hash(word string) uint64 {
	if word == "’" || word == "‘" || word == "ʼ" {
		word = "'"
	}
	return maphash.String(seed, word)
}

// kindAt gives the kind of the character at a byte.
func kindAt(s string, i int) Kind {
	c := s[i]
	switch {
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return Word
	case '0' <= c && c <= '9':
		return Number
	case c < utf8.RuneSelf:
		return Sign
	}
	if r, _ := utf8.DecodeRuneInString(s[i:]); unicode.IsLetter(r) || unicode.IsMark(r) {
		return Word
	}
	return Sign
}

// endOfNumber gives where the number that begins at a byte ends: digits, with one point among them or commas before groups of
// three.
func endOfNumber(s string, i int) int {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	start := i
	i = digits(i)
	for i-start <= 3 && i < len(s) && s[i] == ',' && digits(i+1) == i+4 {
		start, i = i+1, i+4
	}
	if i+1 < len(s) && s[i] == '.' && digits(i+1) > i+1 {
		i = digits(i + 1)
	}
	return i
}

// lower makes ASCII letters lower case and leaves everything else, so that no offset moves.
func lower(s string) string {
	b := make([]byte, len(s))
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return string(b)
}

// Word gives a token's text in lower case, with the plain apostrophe for the typographic one.
func (t *Text) Word(i int) string {
	word := t.Lower[t.Tokens[i].Start:t.Tokens[i].End]
	if word == "’" || word == "‘" {
		return "'"
	}
	return word
}

// Span gives where tokens [from, to) stand.
func (t *Text) Span(from, to int) Span {
	return Span{int(t.Tokens[from].Start), int(t.Tokens[to-1].End)}
}

// At gives the first token that ends after a byte.
func (t *Text) At(offset int) int {
	low, high := 0, len(t.Tokens)
	for low < high {
		if middle := (low + high) / 2; int(t.Tokens[middle].End) > offset {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// Cover gives the tokens that share a byte with a span; the run is empty where the span holds only blanks.
func (t *Text) Cover(s Span) Run {
	from := t.At(s.Start)
	to := from
	for to < len(t.Tokens) && int(t.Tokens[to].Start) < s.End {
		if to-from == maxCounted { // a span of many words
			to = t.At(s.End-1) + 1
			if to > len(t.Tokens) || int(t.Tokens[to-1].Start) >= s.End {
				to--
			}
			break
		}
		to++
	}
	return Run{from, to}
}

// maxCounted is how many tokens of a span are counted one by one.
const maxCounted = 32

// Joined reports whether token i follows the one before it without a blank.
func (t *Text) Joined(i int) bool { return i > 0 && t.Tokens[i-1].End == t.Tokens[i].Start }
