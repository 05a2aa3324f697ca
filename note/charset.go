package note

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxStray is how many characters of a text may be unreadable or NUL before a share of one in ten makes it no text: another charset than
// the one declared, or no text at all.
const maxStray = 32

// maxNamed bounds how much of a foreign name an error repeats, in bytes.
const maxNamed = 60

// characters are bytes decoded: valid UTF-8, where each character came from, and what was odd.
type characters struct {
	body    string
	origin  *origin
	remarks []string
}

// The forms of UTF-16.
var (
	utf16LE       = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16BE       = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	utf16Unmarked = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
)

// byteOrderMarks are those that a text may begin with.
var byteOrderMarks = []struct {
	mark    string
	charset encoding.Encoding
}{
	{"\xef\xbb\xbf", unicode.UTF8},
	{"\xff\xfe", utf16LE},
	{"\xfe\xff", utf16BE},
}

// decodeCharset decodes the bytes of a text. A byte order mark wins over the charset and is not part of the text. Where no charset is
// named, or UTF-8 is and the bytes are none at all, it is found by looking at them.
func decodeCharset(data []byte, charset string) (characters, error) {
	named, err := lookup(charset)
	if err != nil {
		return characters{}, err
	}
	if len(data) == 0 {
		return characters{}, ErrEmpty
	}
	c := characters{origin: &origin{}}
	from, name := 0, charset
	switch marked, size := byteOrderMark(data); {
	case marked != nil:
		named, from = marked, size
		if name == "" {
			name = "Unicode"
		}
	case named == nil || named == unicode.UTF8 || named == utf16Unmarked:
		guess, guessed := sniffCharset(data)
		switch {
		case named == utf16Unmarked:
			named = utf16BE // RFC 2781, section 4.3
			if guess == utf16LE {
				named = guess
			}
		case guess != nil && charset == "":
			c.remarks = append(c.remarks, "no charset is declared, and the text was read as "+guessed)
			named, name = guess, guessed
		case guess != nil:
			c.remarks = append(c.remarks, fmt.Sprintf("the text is not %.*s, as declared, and was read as %s", maxNamed, charset, guessed))
			named, name = guess, guessed
		}
	}
	if name == "" {
		name = "UTF-8"
	}
	c.origin.skip(from)
	lost := c.decode(data[from:], named)
	c.origin.flush()
	if strings.Trim(c.body, "\x00 \t\r\n\v\f") == "" || strings.TrimSpace(strings.ReplaceAll(c.body, "\x00", "")) == "" {
		return characters{}, ErrEmpty
	}
	nul := strings.Count(c.body, "\x00")
	if bad := lost + nul; bad > maxStray && bad*10 > utf8.RuneCountInString(c.body) {
		return characters{}, fmt.Errorf("%w: the bytes are no text in %.*s", ErrCharset, maxNamed, name)
	}
	if lost > 0 {
		c.remarks = append(c.remarks, fmt.Sprintf("%d places that are not %.*s were read as U+FFFD", lost, maxNamed, name))
	}
	if nul > 0 {
		c.remarks = append(c.remarks, fmt.Sprintf("the text holds %d NUL characters, each read as a space", nul))
	}
	return c, nil
}

func byteOrderMark(data []byte) (encoding.Encoding, int) {
	for _, m := range byteOrderMarks {
		if bytes.HasPrefix(data, []byte(m.mark)) {
			return m.charset, len(m.mark)
		}
	}
	return nil, 0
}

// sniffCharset says what a text without a byte order mark is in, nil for UTF-8 and what is nothing else either: UTF-16 has a NUL in every
// other byte of Western text; windows-1252, of which ISO-8859-1 is a part, has few characters beyond ASCII, and hardly any that look like UTF-8's.
func sniffCharset(data []byte) (encoding.Encoding, string) {
	var nul [2]int
	head := data[:min(len(data), 4096)&^1]
	for i, b := range head {
		if b == 0 {
			nul[i&1]++
		}
	}
	switch half := len(head) / 2; {
	case half >= 4 && nul[1]*10 > half*7 && nul[0]*10 < half:
		return utf16LE, "UTF-16LE"
	case half >= 4 && nul[0]*10 > half*7 && nul[1]*10 < half:
		return utf16BE, "UTF-16BE"
	}
	if utf8.Valid(data) {
		return nil, ""
	}
	stray, sequences := 0, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case size > 1:
			sequences++
		case r == utf8.RuneError:
			stray++
			if c := charmap.Windows1252.DecodeByte(data[i]); c == utf8.RuneError || c < 0xA0 {
				return nil, "" // none of its characters
			}
		}
		i += size
	}
	if sequences*20 > stray || stray*4 > len(data) && stray > 4 {
		return nil, "" // most of it is UTF-8, or none of it is Western text
	}
	return charmap.Windows1252, "windows-1252"
}

// decode decodes bytes, and counts the places that are none of the charset.
func (c *characters) decode(data []byte, charset encoding.Encoding) (lost int) {
	var b strings.Builder
	b.Grow(len(data))
	switch charset {
	case nil, unicode.UTF8:
		lost = c.decodeUTF8(data)
		return lost
	case utf16LE:
		lost = c.decodeUTF16(&b, data, binary.LittleEndian)
	case utf16BE:
		lost = c.decodeUTF16(&b, data, binary.BigEndian)
	default:
		if table, is := isSingleByte(charset); is {
			lost = c.decodeTable(&b, data, table)
		} else {
			lost = c.decodeOther(&b, data, charset)
		}
	}
	c.body = b.String()
	return lost
}

func (c *characters) decodeUTF8(data []byte) (lost int) {
	if utf8.Valid(data) {
		c.origin.add(len(data), 1, 1)
		c.body = string(data)
		return 0
	}
	var b strings.Builder
	b.Grow(len(data) + len(data)/8)
	foreign := 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r != utf8.RuneError || size > 1:
			b.Write(data[i : i+size])
			c.origin.add(size, 1, 1)
		case isAlone(data, i):
			foreign++
			r = charmap.Windows1252.DecodeByte(data[i])
			b.WriteRune(r)
			c.origin.add(1, utf8.RuneLen(r), 1)
		default:
			lost++
			b.WriteString("\uFFFD")
			c.origin.add(1, len("\uFFFD"), 1)
		}
		i += size
	}
	if foreign > 0 {
		c.remarks = append(c.remarks, fmt.Sprintf("%d characters that are not UTF-8 were read as windows-1252", foreign))
	}
	c.body = b.String()
	return lost
}

// isAlone reports whether a byte that is no UTF-8 stands between others that are ASCII, as a character does that was pasted from another charset:
// the µ of a dose. What is cut off, or broken, stands otherwise.
func isAlone(data []byte, i int) bool {
	return data[i] >= 0xA0 && (i == 0 || data[i-1] < utf8.RuneSelf) && i+1 < len(data) && data[i+1] < utf8.RuneSelf
}

func (c *characters) decodeUTF16(b *strings.Builder, data []byte, order binary.ByteOrder) (lost int) {
	for len(data) > 0 {
		r, size := utf8.RuneError, min(2, len(data))
		if size == 2 {
			r = rune(order.Uint16(data))
			if utf16.IsSurrogate(r) {
				second := rune(0)
				if len(data) >= 4 {
					second = rune(order.Uint16(data[2:]))
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					size = 4
				} else {
					lost++
				}
			}
		} else {
			lost++
		}
		b.WriteRune(r)
		c.origin.add(1, utf8.RuneLen(r), size)
		data = data[size:]
	}
	return lost
}

func (c *characters) decodeTable(b *strings.Builder, data []byte, table *charmap.Charmap) (lost int) {
	for _, x := range data {
		r := table.DecodeByte(x)
		if r == utf8.RuneError {
			lost++
		}
		b.WriteRune(r)
		c.origin.add(1, utf8.RuneLen(r), 1)
	}
	return lost
}

// longest is the longest sequence of bytes that makes up a character in any charset, with the escape sequences before it.
const longest = 16

// decodeOther decodes a charset of several bytes a character, one character after the other.
func (c *characters) decodeOther(b *strings.Builder, data []byte, charset encoding.Encoding) (lost int) {
	decoder := charset.NewDecoder().Transformer
	var out [longest]byte
	for len(data) > 0 {
		written, read := 0, 0
		for n := 1; n <= min(longest, len(data)); n++ {
			var err error
			written, read, err = decoder.Transform(out[:], data[:n], n == len(data))
			if read > 0 || err != nil && !errors.Is(err, transform.ErrShortSrc) {
				break
			}
		}
		if read == 0 { // a decoder that neither reads nor writes
			written, read = copy(out[:], "\uFFFD"), 1
		}
		if bytes.Contains(out[:written], []byte("\uFFFD")) {
			lost++
		}
		if written == 0 {
			c.origin.skip(read)
		} else {
			b.Write(out[:written])
			c.origin.add(1, written, read)
		}
		data = data[read:]
	}
	return lost
}

// isSingleByte gives the table of a charset of one byte a character.
func isSingleByte(charset encoding.Encoding) (*charmap.Charmap, bool) {
	table, is := charset.(*charmap.Charmap)
	return table, is
}

// lookup finds a charset by its IANA name, else by a label that browsers know. Without a name it is nil.
func lookup(charset string) (encoding.Encoding, error) {
	if charset == "" {
		return nil, nil //nolint:nilnil // none is named
	}
	if found, err := ianaindex.MIME.Encoding(charset); err == nil && found != nil {
		switch name, _ := ianaindex.MIME.Name(found); {
		case name == "US-ASCII": // what is beyond it is found by looking
			return nil, nil //nolint:nilnil // as above
		case found == charmap.ISO8859_1: // as browsers do: what it has more is no text in ISO-8859-1
			return charmap.Windows1252, nil
		}
		return found, nil
	}
	// The index maps what browsers refuse to read, for fear of scripts, to an encoding that throws the text away.
	if found, err := htmlindex.Get(charset); err == nil && found != encoding.Replacement && found != charmap.XUserDefined {
		return found, nil
	}
	return nil, fmt.Errorf("%w: %.*q", ErrCharset, maxNamed, charset)
}
