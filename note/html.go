package note

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	tokens "golang.org/x/net/html"
)

// pageReader reads a page into a flow. Elements are followed as a browser does (HTML, section 13.2.6), as far as that decides what is text
// and which element it stands in: html, body, tbody and tr are there where their tags are left out.
type pageReader struct {
	*flow
	m *markup
	// rules are those of the page's style sheets, by class.
	rules map[string]style
	// leftOut counts the characters that are hidden or struck out.
	leftOut int
	// struckOn says that text is still struck out after the element around the one that strikes it has ended (HTML's formatting elements).
	struckOn bool
	// deepGone is how many elements beyond maxDepth were open when one began whose text is left out; 0 where none has.
	deepGone int
}

// metaCharset is how a page says its charset itself (HTML, section 4.2.5.4): within the first 1024 bytes.
var metaCharset = regexp.MustCompile(`(?i)<meta\s[^>]*charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})`)

// readHTML reads a page, or a part of one.
func readHTML(data []byte, k *kind) (Text, error) {
	if match := metaCharset.FindSubmatch(data[:min(len(data), 1024)]); k.charset == "" && match != nil {
		k.charset = k.inner(match[1], data)
	}
	c, err := decodeCharset(data, k.charset)
	if err != nil {
		return Text{}, err
	}
	k.remarks = append(k.remarks, c.remarks...)
	t := newTree()
	r := &pageReader{flow: newFlow(t), m: newMarkup(c.body, 0, false), rules: map[string]style{}}
	r.m.selfClosing = isXHTML(c.body)
	t.push("html", "html")
	for r.m.next() && !r.full() {
		switch r.m.kind {
		case tokens.StartTagToken:
			r.begin()
		case tokens.SelfClosingTagToken:
			r.begin()
			if r.m.selfClosing && !voids[r.m.name] {
				r.end(r.m.name)
			}
		case tokens.EndTagToken:
			r.end(r.m.name)
		case tokens.TextToken:
			r.words()
		default:
		}
	}
	r.origin.flush()
	if r.leftOut > 0 {
		k.remarks = append(k.remarks, fmt.Sprintf("%d characters that the page hides or strikes out were left out", r.leftOut))
	}
	return Text{Body: string(r.body), parts: []part{{origins: []*origin{r.origin, c.origin}, tree: t}}}, nil
}

// isXHTML reports whether a page means it where it closes an element at once, as XML has it.
func isXHTML(source string) bool {
	head := strings.TrimLeft(source[:min(len(source), 1024)], " \t\r\n")
	return strings.HasPrefix(head, "<?xml") || strings.Contains(head, `xmlns="http://www.w3.org/1999/xhtml"`)
}

// words takes in a text token.
func (r *pageReader) words() {
	top := r.tree.top()
	raw := r.m.source[r.m.start:r.m.end]
	switch {
	case top.name == "style":
		addRules(raw, r.rules)
		return
	case top.role == dropped:
		return
	case top.hidden || top.struck || r.struckOn || r.deepGone > 0:
		r.leftOut += utf8.RuneCountInString(strings.TrimSpace(raw))
		return
	}
	if strings.TrimLeft(raw, " \t\r\n\f") != "" {
		r.inBody()
		top = r.tree.top()
	}
	r.raised = top.raised
	if !top.symbol {
		r.m.content(r.flow, top.pre)
		return
	}
	for i := range len(raw) { // "m" in the font Symbol is "μ"
		r.character(string(symbolRune(raw[i])), r.m.start+i, 1)
	}
}

// inBody opens the page's body where nothing has.
func (r *pageReader) inBody() {
	if len(r.tree.stack) == 2 {
		r.tree.push("body", "body")
	}
}

// What ends an element whose end tag is left out (HTML, section 13.1.2.4): the start of one of some others, unless an element stands
// between that holds them.
var (
	endsParagraph = names(`address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li
		main menu nav ol p pre section summary table ul dt dd`)
	holdsParagraph = names("td th table caption html button object")
	listScope      = names("ul ol menu dir table td th html")
	tableScope     = names("table html")
	rowScope       = names("tr table html")
	headElements   = names("title meta link style script base noscript template")
	headings       = [...]string{"h1", "h2", "h3", "h4", "h5", "h6"}
)

func in(set map[string]bool) func(string) bool { return func(name string) bool { return set[name] } }

// begin opens an element.
func (r *pageReader) begin() {
	name := r.m.name
	t := r.tree
	switch name {
	case "html":
		return
	case "head":
		if len(t.stack) == 2 {
			r.open(name)
		}
		return
	case "body":
		r.closeTo(t.find("head", nil))
		if len(t.stack) == 2 {
			r.open(name)
		}
		return
	}
	if head := t.find("head", nil); head > 0 && !headElements[name] {
		r.closeTo(head)
	}
	if t.find("head", nil) == 0 && !headElements[name] {
		r.inBody()
	}
	r.imply(name)
	r.open(name)
}

// imply ends what the start of an element ends, and begins what it has to stand in.
func (r *pageReader) imply(name string) {
	t := r.tree
	if endsParagraph[name] {
		r.closeTo(t.find("p", in(holdsParagraph)))
	}
	switch name {
	case "li":
		r.closeTo(t.find("li", in(listScope)))
	case "dt", "dd":
		r.closeTo(t.find("dt", in(listScope)))
		r.closeTo(t.find("dd", in(listScope)))
	case "option":
		r.closeTo(t.find("option", in(tableScope)))
	case "thead", "tbody", "tfoot":
		for _, other := range [...]string{"thead", "tbody", "tfoot", "caption", "colgroup"} {
			r.closeTo(t.find(other, in(tableScope)))
		}
	case "tr":
		r.closeTo(t.find("tr", in(tableScope)))
		r.closeTo(t.find("caption", in(tableScope)))
		if t.top().name == "table" {
			t.push("tbody", "tbody")
		}
	case "td", "th":
		r.closeTo(t.find("td", in(rowScope)))
		r.closeTo(t.find("th", in(rowScope)))
		if t.top().name == "table" {
			t.push("tbody", "tbody")
		}
		if n := t.top().name; n == "tbody" || n == "thead" || n == "tfoot" {
			r.enter(t.push("tr", "tr"), tableRow)
		}
	}
}

// open opens the element of the current tag.
func (r *pageReader) open(name string) {
	what := r.tree.roleOf(name)
	attributes := r.m.attributes(func(key string) bool {
		switch key {
		case "style", "hidden", "class", "face", "type", "checked", "value", "selected":
			return true
		}
		return false
	})
	_, hidden := attributes["hidden"]
	l := styleOf(attributes["style"])
	for class := range strings.FieldsSeq(strings.ToLower(attributes["class"])) {
		l = l.with(r.rules[class])
	}
	parent := *r.tree.top()
	if parent.role == dropped {
		what = dropped
	} else if what == inline {
		what = l.display
	}
	if _, selected := attributes["selected"]; name == "option" && !selected {
		what = dropped // a choice that was not made
	}
	l.hidden, l.struck = l.hidden || hidden, l.struck || isStruck(name)
	gone := parent.hidden || parent.struck || l.hidden || l.struck || what == dropped
	if voids[name] {
		r.tree.count(name)
		r.around(what)
		if name == "input" && !gone && !r.struckOn && r.deepGone == 0 {
			r.field(attributes)
		}
		return
	}
	o := r.tree.push(name, name)
	if o == nil {
		if gone && r.deepGone == 0 {
			r.deepGone = r.tree.deeper
		}
		r.around(what)
		return
	}
	o.hidden, o.struck = parent.hidden || l.hidden, parent.struck || l.struck
	o.pre = (parent.pre || name == "pre" || name == "textarea" || l.keep) && !l.fold
	o.raised = parent.raised || l.raised || name == "sup"
	o.symbol = parent.symbol || l.symbol || name == "font" && strings.EqualFold(strings.TrimSpace(attributes["face"]), "symbol")
	r.enter(o, what)
}

// field writes what a field of a form shows: its value, or whether a box is checked, in the way that notes have it.
func (r *pageReader) field(attributes map[string]string) {
	shown := attributes["value"]
	switch strings.ToLower(attributes["type"]) {
	case "checkbox", "radio":
		shown = "[ ]"
		if _, checked := attributes["checked"]; checked {
			shown = "[x]"
		}
	case "hidden", "submit", "button", "reset", "image", "file", "password":
		return
	}
	if shown = strings.Join(strings.Fields(shown), " "); shown != "" {
		r.inBody()
		r.character(shown, r.m.start, r.m.end-r.m.start)
		r.around(apart)
	}
}

// enter makes room for an element that has been opened.
func (r *pageReader) enter(o *open, what role) {
	if o == nil {
		return
	}
	o.role = what
	switch what {
	case tableRow:
		r.beginRow()
	case cellOf:
		r.cell()
	default:
		r.around(what)
	}
}

// around makes room before an element, or after it.
func (f *flow) around(what role) {
	switch what {
	case paragraph:
		f.widen(blankLine)
	case line, tableRow:
		f.widen(lineEnd)
	case lineBreak:
		if f.gap == lineEnd && len(f.body) > 0 {
			f.gap = blankLine
		}
		f.widen(lineEnd)
	case apart:
		f.widen(blank)
	case cellOf:
		f.widen(tab)
	default:
	}
}

// end closes an element by its end tag. One that closes nothing still breaks the line where an element of its name would.
func (r *pageReader) end(name string) {
	t := r.tree
	if t.deeper > 0 {
		if t.deeper--; t.deeper < r.deepGone {
			r.deepGone = 0
		}
		r.around(roles[name])
		return
	}
	limit := in(tableScope)
	depth := 0
	switch name {
	case "html", "body":
		return
	case "table":
		limit = nil
	case "td", "th", "tr", "thead", "tbody", "tfoot", "caption":
	case "li":
		limit = in(listScope)
	case "h1", "h2", "h3", "h4", "h5", "h6": // any of them ends any
		for _, heading := range headings {
			depth = max(depth, t.find(heading, in(holdsParagraph)))
		}
	default:
		limit = in(holdsParagraph)
	}
	if depth == 0 {
		depth = t.find(name, limit)
	}
	switch {
	case depth > 0:
		r.closeTo(depth + 1) // what is inside of it ends with it
		t.top().ended = true
		r.closeTo(depth)
	case isStruck(name):
		r.struckOn = false
	default:
		r.around(roles[name])
	}
}

// closeTo closes the elements from a depth on; 0 closes none.
func (r *pageReader) closeTo(depth int) {
	if depth == 0 {
		return
	}
	for len(r.tree.stack) > depth {
		o := r.tree.top()
		switch o.role {
		case tableRow:
			r.endRow()
		case cellOf:
		default:
			r.around(o.role)
		}
		if (o.name == "s" || o.name == "strike") && !o.ended {
			r.struckOn = true
		}
		r.tree.pop()
	}
	r.tree.deeper, r.deepGone = 0, 0
}

// inner gives the charset that a document names inside of it, empty where that cannot be meant: what can be read as ASCII is no UTF-16, and
// what is UTF-8 beyond ASCII no other charset.
func (k *kind) inner(name, data []byte) string {
	found, err := lookup(string(name))
	if err != nil || found == utf16LE || found == utf16BE || found == utf16Unmarked {
		return ""
	}
	if _, single := isSingleByte(found); single && utf8.Valid(data) && bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }) {
		k.remarks = append(k.remarks, fmt.Sprintf("the document says that it is in %.*s, and was read as UTF-8, which it is", maxNamed, name))
		return ""
	}
	return string(name)
}
