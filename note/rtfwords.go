package note

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// word takes in a control word with its number.
func (r *rtfReader) word(word string, value int, numbered bool, at int) {
	if d, known := destinations[word]; known {
		r.enter(d, word)
		return
	}
	if word == "nestrow" { // it stands in a destination of its own
		r.endNestedRow()
		return
	}
	starred := r.state.starred
	r.state.starred = false
	if starred {
		r.state.destination = toNowhere
		return
	}
	on := !numbered || value != 0
	switch word {
	case "u":
		r.unicode(value, at)
		return
	case "uc":
		r.state.unicodeSkip = min(max(value, 0), 64)
		return
	case "bin":
		r.at = min(r.at+max(value, 0), len(r.data))
		return
	case "f":
		r.state.font, r.font = value, value
	case "deff":
		r.plainFont, r.state.font = value, value
	case "fcharset":
		r.defineFont(charsets[value], value == symbolCharset)
	case "cpg":
		r.defineFont(codePages[value], false)
	case "ansicpg":
		if page := codePages[value]; page != nil {
			r.codePage = page
		}
	case "mac":
		r.codePage = codePages[10000]
	case "pc":
		r.codePage = codePages[437]
	case "pca":
		r.codePage = codePages[850]
	case "v":
		r.state.hidden = on
	case "strike":
		r.strike(struckOnce, on)
	case "striked":
		r.strike(struckTwice, on)
	case "deleted":
		r.strike(struckDeleted, on)
	case "super", "sub":
		r.state.raised = on
	case "up", "dn":
		r.state.raised = !numbered || value != 0
	case "nosupersub":
		r.state.raised = false
	case "plain":
		r.state.hidden, r.state.raised, r.state.font = false, false, r.plainFont
		r.state.struck &= struckDeleted // which is no look, but a revision
	default:
		if c, is := characterWords[word]; is {
			if r.fallback > 0 {
				r.fallback--
			} else if !r.gone() {
				r.rune(c, at, r.at-at)
			}
			return
		}
		if r.state.destination == toText {
			r.layout(word)
		}
	}
}

// strike begins or ends a way to strike out.
func (r *rtfReader) strike(way strike, on bool) {
	r.state.struck &^= way
	if on {
		r.state.struck |= way
	}
}

// enter makes a group a destination. One in a group that is passed over is passed over too, but for the text of a shape.
func (r *rtfReader) enter(d destination, word string) {
	r.state.starred = false
	if d == toText {
		if r.state.margin {
			r.state.destination = toMargin
			return
		}
		r.widen(lineEnd)
		r.state.destination, r.state.footnote = toText, word == "footnote"
	}
	if r.state.destination == toText || r.state.destination == toFontTable {
		r.state.destination = d
		r.state.margin = r.state.margin || d == toMargin
	}
}

// layout takes in a control word that says how the text is laid out.
func (r *rtfReader) layout(word string) {
	switch word {
	case "par", "line", "sect", "page", "column", "softline", "softpage", "lbr":
		if r.gap == lineEnd && len(r.body) > 0 && word != "page" && word != "sect" {
			r.gap = blankLine
		}
		r.widen(lineEnd)
	case "trowd":
		if len(r.rows) == 0 {
			r.beginRow()
			r.cell()
		}
	case "nestcell":
		r.around(cellOf)
	case "cell":
		if len(r.rows) == 0 {
			r.beginRowHere() // its definition may come after its text
		}
		r.cell()
	case "row":
		r.endRow()
	}
}

// defineFont says which characters a font of the font table has.
func (r *rtfReader) defineFont(page encoding.Encoding, symbol bool) {
	if r.state.destination != toFontTable || len(r.fonts) >= maxFonts {
		return
	}
	font := rtfFont{codePage: page}
	if symbol {
		font.symbols = &symbols
	}
	r.fonts[r.font] = font
}

// nameFont looks at the name of a font of the font table.
func (r *rtfReader) nameFont(name []byte) {
	if font := r.fonts[r.font]; font.symbols != nil && bytes.Contains(bytes.ToLower(name), []byte("wingdings")) {
		font.symbols = &wingdings
		r.fonts[r.font] = font
	}
}

// maxFonts bounds the fonts that are told apart.
const maxFonts = 4096

// destinations are the control words that say where the text of a group goes (section "Destinations" and others). Those that are always
// written with \* are passed over without being known.
var destinations = func() map[string]destination {
	m := map[string]destination{"fonttbl": toFontTable, "shptxt": toText, "footnote": toText, "result": toText}
	for name := range names(`colortbl stylesheet info pict nonshppict objdata objclass filetbl listtable listoverridetable revtbl rsidtbl themedata colorschememapping
		datastore latentstyles xmlnstbl fldinst xe tc private atnid atnauthor atntime atndate atnref atnicn ftnsep ftnsepc ftncn aftnsep aftnsepc
		aftncn generator bkmkstart bkmkend falt panose fontemb template title author operator subject keywords comment doccomm company manager category
		hlinkbase creatim revtim printim buptim userprops sp sv sn docvar pgptbl mmathPr background pnseclvl htmltag mhtmltag`) {
		m[name] = toNowhere
	}
	for name := range names(`header headerl headerr headerf footer footerl footerr footerf`) {
		m[name] = toMargin
	}
	m["annotation"] = toComment
	return m
}()

// characterWords are control words that stand for a character.
var characterWords = map[string]rune{
	"tab": '\t', "emdash": '—', "endash": '–', "bullet": '•', "lquote": '‘', "rquote": '’', "ldblquote": '“', "rdblquote": '”',
	"emspace": ' ', "enspace": ' ', "qmspace": ' ',
}

// codePages are Windows' and others' by their numbers.
var codePages = map[int]encoding.Encoding{
	437: charmap.CodePage437, 850: charmap.CodePage850, 852: charmap.CodePage852, 855: charmap.CodePage855, 858: charmap.CodePage858,
	860: charmap.CodePage860, 862: charmap.CodePage862, 863: charmap.CodePage863, 865: charmap.CodePage865, 866: charmap.CodePage866,
	874: charmap.Windows874, 932: japanese.ShiftJIS, 936: simplifiedchinese.GBK, 949: korean.EUCKR, 950: traditionalchinese.Big5,
	1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253, 1254: charmap.Windows1254,
	1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257, 1258: charmap.Windows1258, 10000: charmap.Macintosh,
	65001: unicode.UTF8,
}

// symbolCharset is the \fcharset of fonts whose characters are signs.
const symbolCharset = 2

// charsets are the values of \fcharset but for the document's own and symbols.
var charsets = map[int]encoding.Encoding{
	0: charmap.Windows1252, 77: charmap.Macintosh, 128: japanese.ShiftJIS, 129: korean.EUCKR, 134: simplifiedchinese.GBK, 136: traditionalchinese.Big5,
	161: charmap.Windows1253, 162: charmap.Windows1254, 163: charmap.Windows1258, 177: charmap.Windows1255, 178: charmap.Windows1256,
	186: charmap.Windows1257, 204: charmap.Windows1251, 222: charmap.Windows874, 238: charmap.Windows1250, 254: charmap.CodePage437, 255: charmap.CodePage850,
}

// sequence gives the length in bytes of a character by its first byte.
func sequence(page encoding.Encoding, b byte) int {
	switch page {
	case japanese.ShiftJIS:
		if b >= 0x81 && b <= 0x9F || b >= 0xE0 && b <= 0xFC {
			return 2
		}
	case simplifiedchinese.GBK, korean.EUCKR, traditionalchinese.Big5:
		if b >= 0x81 && b <= 0xFE {
			return 2
		}
	case unicode.UTF8:
		switch {
		case b >= 0xF0:
			return 4
		case b >= 0xE0:
			return 3
		case b >= 0xC0:
			return 2
		}
	}
	return 1
}

// decodeByte gives the character of a byte that is one by itself.
func decodeByte(page encoding.Encoding, b byte) rune {
	if table, is := page.(*charmap.Charmap); is {
		return table.DecodeByte(b)
	}
	if b < utf8.RuneSelf {
		return rune(b)
	}
	if page == japanese.ShiftJIS && b >= 0xA1 && b <= 0xDF {
		return 0xFF61 + rune(b) - 0xA1 // half-width katakana
	}
	return utf8.RuneError
}

// symbols are the characters of Adobe's Symbol font that notes use: "mg" set in it is "μγ", a thousandth of what it looks like.
var symbols = func() (table [256]rune) {
	for i := range table {
		table[i] = rune(i)
	}
	for from, to := range map[string]string{
		"abcdefghijklmnopqrstuvwxyz": "αβχδεφγηιϕκλμνοπθρστυϖωξψζ",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ": "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ",
		"\xa3\xa4\xa5\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb": "≤⁄∞♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈",
	} {
		signs := []rune(to)
		for i := range len(from) {
			table[from[i]] = signs[i]
		}
	}
	table[0xC6] = '∅'
	table[0xD2], table[0xD3], table[0xD4], table[0xD6] = '®', '©', '™', '√'
	return table
}()

// symbolRune gives the character of a byte in a symbol font.
func symbolRune(b byte) rune { return symbols[b] }

// wingdings are the signs of that font that notes use: boxes and marks. The others are bullets.
var wingdings = func() (table [256]rune) {
	for i := range table {
		table[i] = '•'
	}
	table[' '] = ' '
	for b, sign := range map[byte]rune{0x6F: '☐', 0x70: '☐', 0x71: '☐', 0x72: '☐', 0xA8: '☐', 0xFB: '✗', 0xFC: '✓', 0xFD: '☒', 0xFE: '☑', 0xE0: '→', 0xE8: '→', 0xDF: '←'} {
		table[b] = sign
	}
	return table
}()
