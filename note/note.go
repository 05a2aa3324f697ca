// Package note turns the bytes of an attachment into the text that everything after it reads.
package note

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Text is a note as text. Body is valid UTF-8; all positions inside charthand are byte offsets in it.
type Text struct {
	Body string
	// points[i] is the number of code points that begin before byte i*stride.
	points []int
	// plain says that every character is one byte long.
	plain bool
}

// stride is the distance between two entries of Text.points, in bytes.
const stride = 512

// NewText makes a Text of a string; bytes that are not UTF-8 become U+FFFD, one for each.
func NewText(s string) Text {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	points := make([]int, 0, len(s)/stride+1)
	count := 0
	for i := 0; i < len(s); i += stride {
		points = append(points, count)
		count += begun(s[i:min(i+stride, len(s))])
	}
	return Text{Body: s, points: points, plain: count == len(s)}
}

// begun counts the code points that begin in s, which may start or end inside one.
func begun(s string) int {
	n := 0
	for i := range len(s) {
		if utf8.RuneStart(s[i]) {
			n++
		}
	}
	return n
}

// CodePoint turns a byte offset in Body, from 0 to its length, into an offset in Unicode code points: what FHIR
// (derivation-reference), brat and charthand's own JSON count in. It is the only place where the one becomes the other.
func (t Text) CodePoint(offset int) int {
	if offset == 0 || t.plain {
		return offset
	}
	block := (offset - 1) / stride
	return t.points[block] + begun(t.Body[block*stride:offset])
}

// CodePoints is the length of the text in Unicode code points.
func (t Text) CodePoints() int { return t.CodePoint(len(t.Body)) }

// Errors that Decode wraps.
var (
	ErrContentType = errors.New("content type cannot be read")
	ErrCharset     = errors.New("unknown charset")
	ErrEmpty       = errors.New("the text is empty")
)

// maxStray is how many characters of a text may be unreadable or NUL before a share of one in ten makes it no text: UTF-16
// without a byte order mark read as UTF-8, or no text at all.
const maxStray = 32

// maxNamed bounds how much of a foreign name an error repeats, in bytes.
const maxNamed = 60

// Decode reads plain text. contentType is the MIME type as received, with its charset parameter; an empty one is taken as
// text/plain, and UTF-8 is the charset where none is said. A byte order mark wins over the charset and is not part of the
// text. The remarks say what was read otherwise than declared; they hold no text of the note.
func Decode(data []byte, contentType string) (text Text, remarks []string, err error) {
	mediaType, charset := "text/plain", ""
	if strings.TrimSpace(contentType) != "" {
		parsed, parameters, err := mime.ParseMediaType(contentType)
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			return Text{}, nil, fmt.Errorf("%w: not a MIME type", ErrContentType)
		}
		mediaType, charset = parsed, parameters["charset"]
	}
	if mediaType != "text/plain" {
		return Text{}, nil, fmt.Errorf("%w: %.*s, expected text/plain", ErrContentType, maxNamed, mediaType)
	}
	decoder, err := lookup(charset)
	if err != nil {
		return Text{}, nil, err
	}
	if len(data) == 0 {
		return Text{}, nil, ErrEmpty
	}
	decoded, _, err := transform.Bytes(unicode.BOMOverride(decoder.NewDecoder()), data)
	if err != nil {
		return Text{}, nil, fmt.Errorf("%w: the bytes do not decode as %s", ErrCharset, named(charset))
	}
	text = NewText(string(decoded))
	if strings.TrimSpace(strings.ReplaceAll(text.Body, "\x00", "")) == "" {
		return Text{}, nil, ErrEmpty
	}
	lost, nul := strings.Count(text.Body, "\uFFFD")-bytes.Count(data, []byte("\uFFFD")), strings.Count(text.Body, "\x00")
	if bad := lost + nul; bad > maxStray && bad*10 > text.CodePoints() {
		return Text{}, nil, fmt.Errorf("%w: the bytes are no text in %s", ErrCharset, named(charset))
	}
	if n := lost; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d places that are not %s were read as U+FFFD", n, named(charset)))
	}
	if n := nul; n > 0 {
		remarks = append(remarks, fmt.Sprintf("the text holds %d NUL characters, each read as a space", n))
	}
	return text, remarks, nil
}

func named(charset string) string {
	if charset == "" {
		return "UTF-8"
	}
	return fmt.Sprintf("%.*s", maxNamed, charset)
}

// lookup finds a charset by its IANA name, else by a label that browsers know. Without a name it is UTF-8.
func lookup(charset string) (encoding.Encoding, error) {
	if charset == "" {
		return unicode.UTF8, nil
	}
	if found, err := ianaindex.MIME.Encoding(charset); err == nil && found != nil {
		return found, nil
	}
	// The index maps what browsers refuse to read, for fear of scripts, to an encoding that throws the text away.
	if found, err := htmlindex.Get(charset); err == nil && found != encoding.Replacement && found != charmap.XUserDefined {
		return found, nil
	}
	return nil, fmt.Errorf("%w: %.*q", ErrCharset, maxNamed, charset)
}
