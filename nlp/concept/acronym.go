package concept

import (
	"strings"
	"unicode"

	"charthand/nlp/text"
)

// Acronym is a short form that a note defines by the long form before it: "pulmonary embolism (PE)".
type Acronym struct {
	Short text.Span
	Long  text.Span
}

// The bounds of a short form, in bytes.
const (
	minShort = 2
	maxShort = 10
)

// Acronyms finds the short forms in brackets that the words right before them spell out (Schwartz and Hearst, PSB 2003: read from the
// end, each character of the short form is found in the long form, the first one at the beginning of a word).
func Acronyms(t *text.Text) []Acronym {
	var found []Acronym
	for i := 1; i+2 < len(t.Tokens); i++ {
		if t.Body[t.Tokens[i].Start] != '(' {
			continue
		}
		closing := i + 1
		for closing < len(t.Tokens) && closing < i+5 && t.Body[t.Tokens[closing].Start] != ')' {
			closing++
		}
		if closing == len(t.Tokens) || closing == i+5 || closing == i+1 {
			continue
		}
		short := t.Span(i+1, closing)
		if words := t.Body[short.Start:short.End]; len(words) < minShort || len(words) > maxShort || strings.ContainsAny(words, " ,;") || !unicode.IsUpper(rune(words[0])) || words != strings.ToUpper(words[:2])+words[2:] {
			continue
		}
		if start := spelled(t, i, t.Lower[short.Start:short.End]); start >= 0 {
			found = append(found, Acronym{Short: short, Long: text.Span{Start: start, End: int(t.Tokens[i-1].End)}})
		}
	}
	return found
}

// spelled gives where the words before token i begin that spell out a short form, -1 where they do not.
func spelled(t *text.Text, i int, short string) int {
	from := max(0, i-2*len(short)-5)
	for from < i && t.Tokens[from].Line+1 < t.Tokens[i].Line {
		from++
	}
	begin, at := int(t.Tokens[from].Start), int(t.Tokens[i-1].End)-1
	for s := len(short) - 1; s >= 0; s-- {
		c := short[s]
		if !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) {
			continue
		}
		for at >= begin && (t.Lower[at] != c || s == 0 && at > 0 && isAlnum(t.Lower[at-1])) {
			at--
		}
		if at < begin {
			return -1
		}
		if s > 0 {
			at--
		}
	}
	if at < begin || int(t.Tokens[i-1].End)-at <= len(short) {
		return -1
	}
	return at
}

func isAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
