package note

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
)

// maxGroups bounds how deep the groups of an RTF document may lie in each other. Word writes some twenty.
const maxGroups = 1000

// rtfReader reads RTF (Rich Text Format Specification 1.9.1) into a flow: what is shown of it, without headers and footers.
type rtfReader struct {
	*flow
	data  []byte
	at    int
	state rtfState
	stack []rtfState
	fonts map[int]rtfFont
	// codePage is the document's.
	codePage encoding.Encoding
	// font is the one that the font table is defining.
	font int
	// fallback counts the characters that are passed over because a \u before them says what they are.
	fallback int
	// high is the first half of a surrogate pair, with where it began; 0 where there is none.
	high   rune
	highAt int
	// lead are the first bytes of a character of several, with where they began and end.
	lead            []byte
	leadAt, leadEnd int
	// plainFont is the one of text that names none (\deff).
	plainFont int
	leftOut   [leftOutKinds]int // characters
	unknown   int               // characters that no charset gives
}

// rtfState is what a group inherits and gives back.
type rtfState struct {
	destination destination
	starred     bool // \* has been read: an unknown destination is passed over
	hidden      bool // \v
	struck      strike
	raised      bool // \super, \sub, \up, \dn
	margin      bool // a header or footer is around it
	footnote    bool
	font        int
	unicodeSkip int // \uc
}

// strike is how text is struck out: in any of several ways, each of which is ended by itself.
type strike uint8

const (
	struckOnce    strike = 1 << iota // \strike
	struckTwice                      // \striked
	struckDeleted                    // \deleted
)

// destination is where the text of a group goes.
type destination uint8

const (
	toText destination = iota
	toNowhere
	toFontTable
	toMargin  // headers and footers
	toComment // what reviewers have written beside it
)

// The kinds of text that is left out and counted.
const (
	marginText = iota
	commentText
	hiddenText
	struckText
	leftOutKinds
)

// rtfFont is a font of the font table.
type rtfFont struct {
	codePage encoding.Encoding // nil: the document's
	symbols  *[256]rune        // of a font of signs
}

// readRTF reads an RTF document.
func readRTF(data []byte, k *kind) (Text, error) {
	r := &rtfReader{flow: newFlow(nil), data: data, state: rtfState{unicodeSkip: 1}, fonts: map[int]rtfFont{}, codePage: codePages[1252]}
	if _, size := byteOrderMark(data); size > 0 {
		r.at = size
	}
	for r.at < len(data) && !r.full() {
		if err := r.step(); err != nil {
			return Text{}, err
		}
	}
	r.origin.flush()
	for i, what := range [leftOutKinds]string{"in headers and footers", "in comments", "hidden", "struck out"} {
		if n := r.leftOut[i]; n > 0 {
			k.remarks = append(k.remarks, fmt.Sprintf("%d characters %s were left out", n, what))
		}
	}
	if r.unknown > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d places that are no characters of their code page were read as U+FFFD", r.unknown))
	}
	if len(r.stack) > 0 {
		k.remarks = append(k.remarks, "damaged RTF: groups have no end, the document may be cut off")
	}
	return Text{Body: string(r.body), parts: []part{{origins: []*origin{r.origin}}}}, nil
}

// step reads one group mark, control or run of characters.
func (r *rtfReader) step() error {
	switch b := r.data[r.at]; b {
	case '{':
		r.fallback = 0
		r.half()
		if len(r.stack) >= maxGroups {
			return fmt.Errorf("%w: groups lie more than %d deep in each other", ErrDamaged, maxGroups)
		}
		r.stack = append(r.stack, r.state)
		r.at++
	case '}':
		r.fallback = 0
		r.half()
		if n := len(r.stack); n > 0 {
			if r.state.footnote && !r.stack[n-1].footnote {
				r.widen(lineEnd)
			}
			if r.state.destination == toText && r.stack[n-1].destination != toText {
				r.widen(lineEnd)
			}
			r.state, r.stack = r.stack[n-1], r.stack[:n-1]
		}
		r.at++
	case '\\':
		r.control()
	case '\r', '\n', 0:
		r.at++
	default:
		end := bytes.IndexAny(r.data[r.at:], "{}\\\r\n\x00")
		if end < 0 {
			end = len(r.data) - r.at
		}
		r.characters(r.at, r.at+end)
		r.at += end
	}
	return nil
}

// characters takes in bytes that stand for themselves.
func (r *rtfReader) characters(from, to int) {
	for from < to && r.fallback > 0 {
		r.fallback--
		from++
	}
	if r.state.destination == toFontTable {
		r.nameFont(r.data[from:to])
	}
	if r.gone() {
		r.leave(to - from)
		return
	}
	r.raised = r.state.raised
	signs := r.fonts[r.state.font].symbols != nil
	for from < to {
		end := from
		for end < to && r.data[end] < utf8.RuneSelf && len(r.lead) == 0 && !signs {
			end++
		}
		if end > from {
			r.plain(from, end)
			from = end
			continue
		}
		r.byte(r.data[from], from, 1)
		from++
	}
}

// gone reports whether text is left out where the reader stands.
func (r *rtfReader) gone() bool {
	return r.state.destination != toText || r.state.hidden || r.state.struck != 0
}

// half gives up a character of which only the first bytes have come.
func (r *rtfReader) half() {
	if len(r.lead) > 0 {
		r.rune(utf8.RuneError, r.leadAt, r.leadEnd-r.leadAt)
	}
}

// plain takes in ASCII.
func (r *rtfReader) plain(from, to int) {
	r.high = 0
	for i := from; i < to; {
		switch r.data[i] {
		case ' ':
			r.space(i, 1)
			i++
			continue
		case '\t':
			r.tabulator(i, 1)
			i++
			continue
		}
		end := i
		for end < to && r.data[end] != ' ' && r.data[end] != '\t' {
			end++
		}
		r.write(string(r.data[i:end]), end-i, 1, i)
		i = end
	}
}

// space takes in a blank. Unlike HTML, RTF means each.
func (r *rtfReader) space(at, size int) {
	if r.gap != noGap || len(r.body) == 0 {
		r.widen(blank)
		return
	}
	r.write(" ", 1, size, at)
}

func (r *rtfReader) tabulator(at, size int) {
	if r.gap >= tab || len(r.body) == 0 {
		return // indentation
	}
	r.write("\t", 1, size, at)
}

// leave counts characters that are left out.
func (r *rtfReader) leave(n int) {
	switch {
	case r.state.destination == toMargin:
		r.leftOut[marginText] += n
	case r.state.destination == toComment:
		r.leftOut[commentText] += n
	case r.state.destination != toText:
	case r.state.hidden:
		r.leftOut[hiddenText] += n
	default:
		r.leftOut[struckText] += n
	}
}

// byte takes in a byte of the current font's code page, which the original writes in size bytes.
func (r *rtfReader) byte(b byte, at, size int) {
	if r.fallback > 0 {
		r.fallback--
		return
	}
	if r.gone() {
		r.leave(1)
		return
	}
	r.raised = r.state.raised
	font := r.fonts[r.state.font]
	if font.symbols != nil {
		r.rune(font.symbols[b], at, size)
		return
	}
	page := font.codePage
	if page == nil {
		page = r.codePage
	}
	switch length := sequence(page, b); {
	case len(r.lead) == 0 && length == 1:
		r.rune(decodeByte(page, b), at, size)
		return
	case len(r.lead) == 0:
		r.leadAt = at
	}
	r.lead, r.leadEnd = append(r.lead, b), at+size
	if len(r.lead) < sequence(page, r.lead[0]) {
		return
	}
	decoded, err := page.NewDecoder().Bytes(r.lead)
	first, length := utf8.DecodeRune(decoded)
	if err != nil || length != len(decoded) {
		first = utf8.RuneError
	}
	r.rune(first, r.leadAt, r.leadEnd-r.leadAt)
}

// rune takes in a character.
func (r *rtfReader) rune(c rune, at, size int) {
	r.lead, r.high = r.lead[:0], 0
	switch c {
	case utf8.RuneError:
		r.unknown++
	case ' ', 0xA0:
		r.space(at, size)
		return
	case '\t':
		r.tabulator(at, size)
		return
	case '\r', '\n', '\v', '\f':
		r.widen(lineEnd)
		return
	}
	r.write(string(c), 1, size, at)
}

// unicode takes in \u: one unit of UTF-16, as a signed number of 16 bits.
func (r *rtfReader) unicode(value, at int) {
	size := r.at - at
	r.fallback = r.state.unicodeSkip
	c := rune(uint16(value)) //nolint:gosec // that is what it means
	if value > 0xFFFF && value <= utf8.MaxRune {
		c = rune(value) // some writers give the whole character
	}
	if r.gone() {
		r.leave(1)
		return
	}
	r.raised = r.state.raised
	if c >= 0xF020 && c <= 0xF0FF {
		signs := r.fonts[r.state.font].symbols
		if signs == nil {
			signs = &symbols
		}
		c = signs[byte(c-0xF000)] // Word's way to name a character of a symbol font
	}
	switch {
	case utf16.IsSurrogate(c) && r.high != 0:
		r.rune(utf16.DecodeRune(r.high, c), r.highAt, at+size-r.highAt)
	case utf16.IsSurrogate(c):
		r.high, r.highAt = c, at
	default:
		r.rune(c, at, size)
	}
}

// control reads a control word or symbol.
func (r *rtfReader) control() {
	at := r.at
	r.at++
	if r.at >= len(r.data) {
		return
	}
	b := r.data[r.at]
	if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
		r.at++
		if b != '\'' {
			r.half()
		}
		r.symbol(b, at)
		return
	}
	r.half()
	end := r.at
	for end < len(r.data) && end-r.at < 32 && (r.data[end] >= 'a' && r.data[end] <= 'z' || r.data[end] >= 'A' && r.data[end] <= 'Z') {
		end++
	}
	word := string(r.data[r.at:end])
	number := end
	if number < len(r.data) && r.data[number] == '-' {
		number++
	}
	for number < len(r.data) && number-end < 11 && r.data[number] >= '0' && r.data[number] <= '9' {
		number++
	}
	value, err := strconv.Atoi(string(r.data[end:number]))
	r.at = end
	if err == nil {
		r.at = number
	}
	if r.at < len(r.data) && r.data[r.at] == ' ' {
		r.at++
	}
	r.word(word, value, err == nil, at)
}

// symbol takes in a control symbol.
func (r *rtfReader) symbol(b byte, at int) {
	switch b {
	case '\'':
		digits := r.data[r.at:min(r.at+2, len(r.data))]
		if value, err := strconv.ParseUint(string(digits), 16, 8); err == nil {
			r.at += len(digits)
			r.byte(byte(value), at, r.at-at)
			return
		}
	case '*':
		r.state.starred = true
	case '\\', '{', '}':
		r.byteOrFallback(b, at)
	case '~':
		r.byteOrFallback(' ', at)
	case '_':
		r.byteOrFallback('-', at)
	case '\r', '\n':
		r.word("par", 0, false, at)
	case '\t':
		r.word("tab", 0, false, at)
	}
}

// byteOrFallback takes in an ASCII character that is written as a control symbol.
func (r *rtfReader) byteOrFallback(b byte, at int) {
	switch {
	case r.fallback > 0:
		r.fallback--
	case r.gone():
		r.leave(1)
	default:
		r.rune(rune(b), at, r.at-at)
	}
}
