package pdf

import (
	"strings"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// fragment is a piece of a line as it was drawn: no gap inside it is wider than one between words. Positions are in points, as the page is
// shown, upwards.
type fragment struct {
	text                     string
	left, right, bottom, top float64
}

func (f fragment) height() float64 { return f.top - f.bottom }

// page reads one page.
type page struct {
	pdfium.Pdfium
	text     references.FPDF_TEXTPAGE
	rotation enums.FPDF_PAGE_ROTATION
	chars    []rune
	found    []fragment
}

// The characters that PDFium gives for a hyphen at the end of a line, which it takes for one that may be left out.
const (
	hyphen      = '\u0002'
	otherHyphen = '\uFFFE'
)

// readPage gives the fragments of a page in the order in which they are drawn.
func readPage(instance pdfium.Pdfium, of requests.Page) ([]fragment, error) {
	loaded, err := instance.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: of})
	if err != nil {
		return nil, err
	}
	p := &page{Pdfium: instance, text: loaded.TextPage}
	defer func() {
		_, _ = instance.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: p.text})
	}()
	rotation, err := instance.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: of})
	if err != nil {
		return nil, err
	}
	p.rotation = rotation.PageRotation
	if err := p.readChars(); err != nil {
		return nil, err
	}
	from := 0
	for i := 0; i <= len(p.chars); i++ {
		switch {
		case i == len(p.chars), p.chars[i] == '\n', p.chars[i] == '\r':
			err = p.line(from, i)
		case p.chars[i] == hyphen || p.chars[i] == otherHyphen:
			p.chars[i] = '-'
			err = p.line(from, i+1)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		from = i + 1
	}
	return p.found, nil
}

// readChars reads the page's characters, one for each that PDFium counts.
func (p *page) readChars() error {
	counted, err := p.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: p.text})
	if err != nil || counted.Count == 0 {
		return err
	}
	whole, err := p.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: p.text, Count: counted.Count})
	if err != nil {
		return err
	}
	said := strings.TrimSuffix(whole.Text, "\x00")
	if p.chars = []rune(said); len(p.chars) == counted.Count {
		return nil
	}
	// Some have no character that is known: they are asked for one by one.
	p.chars = make([]rune, counted.Count)
	for i := range p.chars {
		char, err := p.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: p.text, Index: i})
		if err != nil {
			return err
		}
		p.chars[i] = rune(uint32(char.Unicode)) //nolint:gosec // a code point
	}
	return nil
}

// line cuts the characters [from, to), which PDFium takes for one line, where they were drawn apart.
func (p *page) line(from, to int) error {
	for from < to && isBlank(p.chars[from]) {
		from++
	}
	for to > from && isBlank(p.chars[to-1]) {
		to--
	}
	if from == to {
		return nil
	}
	rects, err := p.rects(from, to)
	if err != nil {
		return err
	}
	if len(rects) == 0 { // characters that are nowhere
		return nil
	}
	whole, n := rects[0], 1
	for n < len(rects) && joins(whole, rects[n]) {
		whole = around(whole, rects[n])
		n++
	}
	if n == len(rects) {
		p.add(whole, from, to)
		return nil
	}
	// Each word is where its first character is.
	last, begins := -1, from
	var box fragment
	for i := from; i < to; i++ {
		if isBlank(p.chars[i]) || i > from && !isBlank(p.chars[i-1]) {
			continue
		}
		n, err := p.count(from, i+1)
		if err != nil {
			return err
		}
		at := max(0, min(n, len(rects))-1)
		if last < 0 {
			last, box = at, rects[at]
			continue
		}
		for last++; last < at; last++ { // the rest of the word before
			box = around(box, rects[last])
		}
		switch {
		case last > at: // the same one
		case joins(box, rects[at]):
			box = around(box, rects[at])
		default:
			p.add(box, begins, i)
			begins, box = i, rects[at]
		}
		last = at
	}
	for last++; last < len(rects); last++ {
		box = around(box, rects[last])
	}
	p.add(box, begins, to)
	return nil
}

// joins reports whether what is drawn at b goes on at a with no more than a gap between words.
func joins(a, b fragment) bool {
	height := min(a.height(), b.height())
	overlap := min(a.top, b.top) - max(a.bottom, b.bottom)
	return overlap > height/3 && b.left-a.right < wordGap*max(a.height(), b.height()) && b.left > a.left-height
}

// wordGap is how wide a gap between words may be, as a share of the height of the letters.
const wordGap = 1.2

func around(a, b fragment) fragment {
	a.left, a.right, a.bottom, a.top = min(a.left, b.left), max(a.right, b.right), min(a.bottom, b.bottom), max(a.top, b.top)
	return a
}

// count gives the number of rectangles that the characters [from, to) are drawn in.
func (p *page) count(from, to int) (int, error) {
	counted, err := p.FPDFText_CountRects(&requests.FPDFText_CountRects{TextPage: p.text, StartIndex: from, Count: to - from})
	if err != nil {
		return 0, err
	}
	return counted.Count, nil
}

// rects gives the rectangles that the characters [from, to) are drawn in, turned as the page is shown.
func (p *page) rects(from, to int) ([]fragment, error) {
	n, err := p.count(from, to)
	if err != nil || n <= 0 {
		return nil, err
	}
	rects := make([]fragment, n)
	for i := range rects {
		r, err := p.FPDFText_GetRect(&requests.FPDFText_GetRect{TextPage: p.text, Index: i})
		if err != nil {
			return nil, err
		}
		switch p.rotation {
		case enums.FPDF_PAGE_ROTATION_90_CW:
			rects[i] = fragment{left: r.Bottom, right: r.Top, bottom: -r.Right, top: -r.Left}
		case enums.FPDF_PAGE_ROTATION_180_CW:
			rects[i] = fragment{left: -r.Right, right: -r.Left, bottom: -r.Top, top: -r.Bottom}
		case enums.FPDF_PAGE_ROTATION_270_CW:
			rects[i] = fragment{left: -r.Top, right: -r.Bottom, bottom: r.Left, top: r.Right}
		default:
			rects[i] = fragment{left: r.Left, right: r.Right, bottom: r.Bottom, top: r.Top}
		}
	}
	return rects, nil
}

// add appends a fragment.
func (p *page) add(box fragment, from, to int) {
	var b strings.Builder
	blank := false
	for _, c := range p.chars[from:to] {
		switch {
		case isBlank(c):
			blank = true
			continue
		case c < ' ' || c == utf8.RuneError && b.Len() == 0 || c > utf8.MaxRune:
			continue
		case blank && b.Len() > 0:
			b.WriteByte(' ')
		}
		blank = false
		if letters, is := ligatures[c]; is {
			b.WriteString(letters)
		} else {
			b.WriteRune(c)
		}
	}
	if b.Len() > 0 {
		box.text = b.String()
		p.found = append(p.found, box)
	}
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == 0xA0 || c == 0 }

// ligatures are letters that fonts draw as one (Unicode, Alphabetic Presentation Forms), spelled out; a soft hyphen is drawn as one.
var ligatures = map[rune]string{
	0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st", 0x00AD: "-",
}
