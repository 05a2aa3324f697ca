package note

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	tokens "golang.org/x/net/html"
)

// cdaReader reads a C-CDA document, or a part of one, into a flow: the titles of the document and its sections, and their narrative (CDA R2,
// sections 4.3.4 and 4.3.5), in the order of the document. Entries are not read: a section's narrative says what they say.
type cdaReader struct {
	*flow
	m     *markup
	hints []SectionHint
	// sections are those that are open, innermost last.
	sections []cdaSection
	// narrative is the depth of the text element that is being read, 0 outside of one; title likewise.
	narrative, title int
	reads            reads
	// deleted counts the characters of a narrative that are marked as deleted, struck out or hidden; denied those of entries that deny.
	deleted, denied int
	// narrated says that a section's title or narrative was found.
	narrated     bool
	unstructured *unstructured
	faults       faults
}

// reads is how much of a document is taken in. What has no narrative at all is a header or an entry, and some entries have nothing but codes.
type reads uint8

const (
	narratives reads = iota
	everyText
	everyName // the display names of codes, unless an entry denies what it names
)

type cdaSection struct {
	depth int
	code  string
	hint  int // its index in hints, -1 before it has any text
}

// loinc is LOINC's OID.
const loinc = "2.16.840.1.113883.6.1"

// readCDA reads a C-CDA document or fragment. What is not well-formed is read as far as it goes, and named in the remarks.
func (d Decoder) readCDA(ctx context.Context, data []byte, k *kind, inside bool) (Text, error) {
	k.charset = cmp.Or(k.xmlEncoding(data), k.charset)
	c, err := decodeCharset(data, k.charset)
	if err != nil {
		return Text{}, err
	}
	k.remarks = append(k.remarks, c.remarks...)
	from, to := documentType(c.body)
	if to > from {
		k.remarks = append(k.remarks, "the document type declaration was not read: nothing that it declares is put in")
	}
	r := newCDAReader(c.body, to, narratives)
	r.read()
	if !r.narrated && r.unstructured == nil {
		if !r.isCDA(c.body) {
			return Text{}, fmt.Errorf("%w: XML that is neither C-CDA nor XHTML", ErrContentType)
		}
		said := "texts"
		if r = newCDAReader(c.body, to, everyText); !r.read() {
			if r.denied == 0 {
				r = newCDAReader(c.body, to, everyName)
			}
			if r.reads != everyName || !r.read() {
				return Text{}, ErrEmpty
			}
			said = "display names"
		}
		k.remarks = append(k.remarks, "the document has no section with a narrative: the "+said+" of all its elements were read")
	}
	if r.deleted > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d characters that are marked as deleted, struck out or hidden were left out", r.deleted))
	}
	if r.denied > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d characters of entries that deny what they name were left out", r.denied))
	}
	k.remarks = append(k.remarks, r.faults.remarks()...)
	made := Text{Body: string(r.body), Hints: r.hints, parts: []part{{origins: []*origin{r.origin, c.origin}, tree: r.tree}}}
	if r.unstructured == nil {
		return made, nil
	}
	if inside {
		return Text{}, fmt.Errorf("%w: a C-CDA document with an unstructured body inside another is not read", ErrContentType)
	}
	return d.readUnstructured(ctx, made, r.unstructured, c, k)
}

var xmlDeclaration = regexp.MustCompile(`^[^<]{0,8}<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// xmlEncoding gives the charset that an XML declaration names, empty where there is none or a byte order mark says more.
func (k *kind) xmlEncoding(data []byte) string {
	if _, size := byteOrderMark(data); size > 0 {
		return ""
	}
	head := data[:min(len(data), 512)]
	if slices.Contains(head, 0) {
		return "" // UTF-16 is found by looking
	}
	if match := xmlDeclaration.FindSubmatch(head); match != nil {
		return k.inner(match[1], data)
	}
	return ""
}

// isCDA reports whether XML without a narrative is a part of a C-CDA document all the same.
func (r *cdaReader) isCDA(source string) bool {
	head := source[:min(len(source), sniffed)]
	name := rootName(head)
	if strings.Contains(head, "http://hl7.org/fhir") && !strings.Contains(head, "urn:hl7-org:v3") {
		return false
	}
	return cdaElements[name] || name == "section" || strings.Contains(head, "urn:hl7-org:v3") || strings.Contains(head, "2.16.840.1.113883")
}

func newCDAReader(source string, from int, what reads) *cdaReader {
	r := &cdaReader{flow: newFlow(newTree()), m: newMarkup(source, from, true), reads: what}
	r.faults.bound = map[string]int{"xml": 1, "xmlns": 1}
	return r
}

// read reads the whole document, and reports whether any text was found.
func (r *cdaReader) read() bool {
	for r.m.next() && !r.full() {
		switch r.m.kind {
		case tokens.StartTagToken:
			r.begin()
		case tokens.SelfClosingTagToken:
			r.begin()
			r.end()
		case tokens.EndTagToken:
			r.close()
		case tokens.TextToken:
			r.words()
		default:
		}
	}
	r.faults.unclosed = len(r.tree.stack) - 1 + r.tree.deeper
	for len(r.tree.stack) > 1 {
		r.end()
	}
	r.origin.flush()
	return len(bytes.TrimSpace(r.body)) > 0
}

// local takes the prefix off a name in small letters.
func local(name string) string { return name[strings.IndexByte(name, ':')+1:] }

// begin opens the element of the current tag.
func (r *cdaReader) begin() {
	t := r.tree
	name, spelled := local(r.m.name), r.m.spelled()
	above, depth := *t.top(), len(t.stack)
	parent := above.name
	attributes := r.m.attributes(func(key string) bool {
		return key == "xmlns" || strings.IndexByte(key, ':') > 0 || name == "code" || name == "text" || r.narrative > 0 || r.reads != narratives
	})
	declares := r.faults.begin(spelled, attributes, depth == 1)
	o := t.push(name, spelled[len(r.m.name)-len(name):])
	if o == nil {
		r.faults.end(declares)
		if r.narrative > 0 {
			r.around(roles[name])
		}
		return
	}
	o.declares, o.hidden, o.raised = declares, above.hidden, above.raised
	switch {
	case r.narrative > 0:
		o.hidden = o.hidden || isDeleted(name, attributes)
		o.raised = o.raised || name == "sup"
		r.inNarrative(o)
	case name == "section":
		r.sections = append(r.sections, cdaSection{depth: depth, hint: -1})
	case name == "code" && parent == "section":
		if s := &r.sections[len(r.sections)-1]; s.depth == depth-1 && (attributes["codesystem"] == loinc || attributes["codesystem"] == "") {
			s.code = attributes["code"]
			if s.hint >= 0 {
				r.hints[s.hint].Code = s.code
			}
		}
	case name == "text" && (parent == "section" || depth == 1), name == "title" && (parent == "section" || parent == "clinicaldocument"):
		if name == "text" {
			r.narrative = depth
		} else {
			r.title = depth
		}
		r.narrated = r.narrated || parent != "clinicaldocument"
		o.role = paragraph
		r.around(paragraph)
	case name == "text" && parent == "nonxmlbody":
		r.unstructured = newUnstructured(t, r.m, attributes)
		r.around(paragraph)
	case name == "reference" && parent == "text" && r.unstructured != nil && r.unstructured.depth == depth-1:
		r.unstructured.reference = true
	case r.reads != narratives:
		o.role = line
		r.around(line)
	}
	if r.reads == narratives || r.narrative > 0 {
		return
	}
	o.hidden = o.hidden || attributes["negationind"] == "true"
	if shown := attributes["displayname"]; r.reads == everyName && strings.TrimSpace(shown) != "" {
		if o.hidden {
			r.denied += utf8.RuneCountInString(shown)
			return
		}
		r.around(line)
		r.character(shown, r.m.start, r.m.end-r.m.start)
	}
}

// isDeleted reports whether an element of a narrative holds what is no longer meant: what CDA marks as deleted (CDA R2, section 4.3.5.1), or HTML as
// struck out or hidden.
func isDeleted(name string, attributes map[string]string) bool {
	_, hidden := attributes["hidden"]
	style := attributes["style"]
	return attributes["revised"] == "delete" || hidden || isStruck(name) || hides.MatchString(style) || strikes.MatchString(style)
}

// inNarrative makes room for an element of a narrative.
func (r *cdaReader) inNarrative(o *open) {
	switch o.role = r.tree.roleOf(o.name); o.role {
	case tableRow:
		r.beginRow()
	case cellOf:
		r.cell()
	case dropped:
		o.role = inline // a narrative has no scripts: what stands there is shown
	default:
		r.around(o.role)
	}
}

// words takes in a text token.
func (r *cdaReader) words() {
	depth := len(r.tree.stack) - 1
	bare := r.unstructured != nil && depth >= r.unstructured.depth && r.unstructured.to == 0
	switch {
	case depth == 0:
		if strings.TrimSpace(r.m.source[r.m.start:r.m.end]) != "" && strings.Trim(r.m.source[r.m.start:r.m.end], "\uFEFF \t\r\n") != "" {
			r.faults.outside++
		}
		return
	case bare && !r.unstructured.plain():
		return
	case r.narrative == 0 && r.title == 0 && r.reads != everyText && !bare:
		return
	}
	if r.tree.top().hidden {
		n := utf8.RuneCountInString(strings.TrimSpace(r.m.source[r.m.start:r.m.end]))
		if r.narrative > 0 {
			r.deleted += n
		} else {
			r.denied += n
		}
		return
	}
	r.raised = r.tree.top().raised
	before := len(r.body)
	// Lines that stand in a narrative without any element are the writer's own.
	r.faults.undefined += r.m.content(r.flow, bare || depth == r.narrative)
	if len(r.body) == before || len(r.sections) == 0 {
		return
	}
	s := &r.sections[len(r.sections)-1]
	start := before + len(r.body[before:]) - len(bytes.TrimLeft(r.body[before:], " \t\n"))
	if s.hint < 0 {
		s.hint = len(r.hints)
		r.hints = append(r.hints, SectionHint{start, start, start, s.code})
	}
	if r.title > 0 {
		r.hints[s.hint].HeadingEnd = len(r.body)
	}
}

// close closes an element by its end tag. One that closes an outer element closes those inside it; one that closes nothing is passed over.
func (r *cdaReader) close() {
	t := r.tree
	if t.deeper > 0 {
		t.deeper--
		return
	}
	depth := t.find(local(r.m.name), nil)
	switch {
	case depth == 0:
		r.faults.crossed++
		return
	case depth != len(t.stack)-1:
		r.faults.crossed++
	}
	if r.unstructured != nil && r.unstructured.depth >= depth && r.unstructured.to == 0 {
		r.unstructured.to = r.m.start
	}
	for len(t.stack) > depth {
		r.end()
	}
}

// end closes the innermost element.
func (r *cdaReader) end() {
	t := r.tree
	if t.deeper > 0 {
		t.deeper--
		return
	}
	depth := len(t.stack) - 1
	o := t.top()
	switch {
	case o.role == tableRow:
		r.endRow()
	case o.role != cellOf && o.role != lineBreak:
		r.around(o.role)
	}
	switch depth {
	case r.narrative:
		r.narrative = 0
	case r.title:
		r.title = 0
	}
	if n := len(r.sections); n > 0 && r.sections[n-1].depth == depth {
		r.sections = r.sections[:n-1]
	}
	r.faults.end(o.declares)
	t.pop()
}
