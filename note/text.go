// Package note turns the bytes of an attachment into the text that everything after it reads: plain text in any charset, HTML, RTF, C-CDA
// and PDF. Each text knows where in the original its characters stood.
package note

import (
	"sort"
	"unicode/utf8"
)

// Text is a note as text. Body is valid UTF-8; all positions inside charthand are byte offsets in it.
type Text struct {
	Body string
	// Format is what the text was read from; the zero value is plain text.
	Format Format
	// Hints are the sections that the original marks as such, in the order of the text.
	Hints []SectionHint
	// parts say where the text comes from; none where it was given as text.
	parts []part
	// points[i] is the number of code points that begin before byte i*stride.
	points []int
	// plain says that every character is one byte long.
	plain bool
}

// SectionHint is a section that the original marks: a C-CDA section. It ends where the next one begins.
type SectionHint struct {
	// Start is where the section begins, in bytes of Body.
	Start int
	// HeadingStart and HeadingEnd are its title in Body, the same where it has none.
	HeadingStart, HeadingEnd int
	// Code is its LOINC code, empty where it has none.
	Code string
}

// Position is where in the original something stands.
type Position struct {
	// Within is the XPath of the element whose decoded content the rest speaks of: the body of an unstructured C-CDA document. It is empty
	// where the rest speaks of the attachment itself.
	Within string
	// XPath is the element that the first character stands in, of HTML and C-CDA. Names have no prefix: those of C-CDA are in urn:hl7-org:v3.
	XPath string
	// Page is the page of a PDF, from 1; 0 of what has no pages.
	Page int
	// Start and End are half-open in bytes of the original; both are -1 for PDF, which has no such place.
	Start, End int
}

// part is a run of Body, to the next part, that comes from one original.
type part struct {
	from   int // in Body
	within string
	// origins lead from the text to the original, one decoding after the other undone.
	origins []*origin
	tree    *tree
	// pages[i] is where page i+1 begins, in bytes from the part's beginning; nil of what has no pages.
	pages []int
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

// Position tells where in the original the bytes [start, end) of Body stood. Of a text that was given as text that is [start, end) itself.
func (t Text) Position(start, end int) Position {
	i := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].from > start }) - 1
	if i < 0 {
		return Position{Start: start, End: end}
	}
	p := t.parts[i]
	start, end = start-p.from, max(start, end)-p.from
	if i+1 < len(t.parts) {
		end = min(end, t.parts[i+1].from-p.from)
	}
	at := Position{Within: p.within, Start: start, End: end}
	if p.tree != nil {
		at.XPath = p.tree.at(start)
	}
	if p.pages != nil {
		at.Page = sort.SearchInts(p.pages, start+1)
		at.Start, at.End = -1, -1
		return at
	}
	for _, o := range p.origins {
		at.Start, at.End = o.span(at.Start, at.End)
	}
	return at
}
