package note

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on what is read.
const (
	// MaxBytes is the largest attachment, in bytes.
	MaxBytes = 24 << 20
	// MaxCharacters is the longest text, in Unicode code points. A clinical note has some thousands; what is longer than this would hold a
	// processor for minutes.
	MaxCharacters = 1_000_000
	// maxBody is a bound in bytes on a text that is being made; what is longer has too many characters whatever they are.
	maxBody = utf8.UTFMax*MaxCharacters + utf8.UTFMax
)

// Errors that Decode wraps. None holds text of the note.
var (
	ErrContentType = errors.New("content type cannot be read")
	ErrCharset     = errors.New("unknown charset")
	ErrEmpty       = errors.New("the text is empty")
	ErrTooLong     = errors.New("too long")
	ErrDamaged     = errors.New("the document is damaged")
	ErrEncrypted   = errors.New("the document is encrypted")
	ErrNoTextLayer = errors.New("no text layer: the document is scanned")
)

// PDFReader gives the lines of each page of a PDF, in the order in which they are read. It wraps the errors of this package. Several
// goroutines may call it at once.
type PDFReader interface {
	ReadPDF(ctx context.Context, data []byte) (pages [][]string, err error)
}

// Decoder turns attachments into text. It is safe for concurrent use.
type Decoder struct {
	// PDF reads PDF; nil refuses it.
	PDF PDFReader
}

// Decode reads an attachment. contentType is the MIME type as received, with its charset parameter; where it is empty, or says otherwise
// than the bytes, these decide. The remarks say what was read otherwise than declared and what was left out; they hold no text of the note.
func (d Decoder) Decode(ctx context.Context, data []byte, contentType string) (text Text, remarks []string, err error) {
	return d.decode(ctx, data, contentType, false)
}

// decode reads an attachment, or the one inside another.
func (d Decoder) decode(ctx context.Context, data []byte, contentType string, inside bool) (Text, []string, error) {
	if len(data) > MaxBytes {
		return Text{}, nil, fmt.Errorf("%w: %d bytes, %d are the most that is read", ErrTooLong, len(data), MaxBytes)
	}
	if len(data) == 0 {
		return Text{}, nil, ErrEmpty
	}
	k, err := look(data, contentType)
	if err != nil {
		return Text{}, nil, err
	}
	var made Text
	switch k.format {
	case PDF:
		made, err = d.readPDF(ctx, data, &k)
	case RTF:
		made, err = readRTF(data, &k)
	case HTML:
		made, err = readHTML(data, &k)
	case CDA:
		made, err = d.readCDA(ctx, data, &k, inside)
	default:
		var c characters
		if c, err = decodeCharset(data, k.charset); err == nil {
			k.remarks = append(k.remarks, c.remarks...)
			made = Text{Body: c.body, parts: []part{{origins: []*origin{c.origin}}}}
		}
	}
	if err != nil {
		return Text{}, nil, err
	}
	text := NewText(made.Body)
	text.Format, text.Hints, text.parts = k.format, made.Hints, made.parts
	switch {
	case text.CodePoints() > MaxCharacters:
		return Text{}, nil, fmt.Errorf("%w: the text has %d characters, %d are the most that is read", ErrTooLong, text.CodePoints(), MaxCharacters)
	case strings.TrimSpace(text.Body) == "":
		return Text{}, nil, ErrEmpty
	}
	return text, k.remarks, nil
}

// readPDF puts the pages of a PDF together, a line each, with a blank line between pages.
func (d Decoder) readPDF(ctx context.Context, data []byte, k *kind) (Text, error) {
	if d.PDF == nil {
		return Text{}, fmt.Errorf("%w: PDF is not read here", ErrContentType)
	}
	pages, err := d.PDF.ReadPDF(ctx, data)
	if err != nil {
		return Text{}, err
	}
	repeated := takeRepeated(pages)
	if repeated > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d lines at the top or bottom of pages repeat those of another page, and were read once", repeated))
	}
	var body strings.Builder
	begins := make([]int, len(pages))
	blank := 0
	for i, lines := range pages {
		if body.Len() > 0 && len(lines) > 0 {
			body.WriteByte('\n')
		}
		begins[i] = body.Len()
		for _, line := range lines {
			body.WriteString(line)
			body.WriteByte('\n')
		}
		if len(lines) == 0 {
			blank++
		}
	}
	if body.Len() == 0 {
		return Text{}, ErrNoTextLayer
	}
	if blank > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d of %d pages have no text: they are empty or scanned", blank, len(pages)))
	}
	return Text{Body: body.String(), parts: []part{{pages: begins}}}, nil
}
