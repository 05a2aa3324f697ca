package note

import (
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
	m       *markup
	leftOut int // characters hidden or struck out
}

// metaCharset is how a page says its charset itself (HTML, section 4.2.5.4): within the first 1024 bytes.
var metaCharset = regexp.MustCompile(`(?i)<meta\s[^>]*charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})`)

// readHTML reads a page, or a part of one.
func readHTML(data []byte, k *kind) (Text, error) {
	if match := metaCharset.FindSubmatch(data[:min(len(data), 1024)]); k.charset == "" && match != nil {
		k.charset = inner(match[1])
	}
	c, err := decodeCharset(data, k.charset)
	if err != nil {
		return Text{}, err
	}
	k.remarks = append(k.remarks, c.remarks...)
	t := newTree()
	r := &pageReader{flow: newFlow(t), m: newMarkup(c.body, 0, false)}
	t.push("html", "html")
	for r.m.next() && !r.full() {
		switch r.m.kind {
		case tokens.StartTagToken, tokens.SelfClosingTagToken:
			r.begin()
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

// words takes in a text token.
func (r *pageReader) words() {
	top := r.tree.top()
	raw := r.m.source[r.m.start:r.m.end]
	switch {
	case top.role == dropped:
		return
	case top.hidden || top.struck:
		if strings.TrimSpace(raw) != "" {
			r.leftOut += utf8.RuneCountInString(raw)
		}
		return
	}
	if strings.TrimLeft(raw, " \t\r\n\f") != "" {
		r.inBody()
	}
	r.m.content(r.flow, r.tree.top().pre)
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
	if name == "sup" && r.m.end < len(r.m.source) && isRaised(r.m.source[r.m.end]) {
		r.widen(blank) // 10 to the power of 9 is not 109
	}
	if voids[name] {
		r.tree.count(name)
		r.around(what)
		return
	}
	attributes := r.m.attributes(func(key string) bool { return key == "style" || key == "hidden" })
	parent := *r.tree.top()
	o := r.tree.push(name, name)
	if o == nil {
		r.around(what)
		return
	}
	_, hidden := attributes["hidden"]
	style := attributes["style"]
	o.hidden = parent.hidden || hidden || hides.MatchString(style)
	o.struck = parent.struck || name == "del" || name == "s" || name == "strike" || strikes.MatchString(style)
	o.pre = (parent.pre || name == "pre" || name == "textarea" || keeps.MatchString(style)) && !folds.MatchString(style)
	if parent.role == dropped {
		what = dropped
	}
	r.enter(o, what)
}

// isRaised reports whether what a <sup> begins with would be read as part of a number before it.
func isRaised(b byte) bool { return '0' <= b && b <= '9' || b == '+' || b == '-' || b == '(' }

// What an element's style says of its text.
var (
	hides   = regexp.MustCompile(`(?i)(^|[;\s])(display\s*:\s*none|visibility\s*:\s*(hidden|collapse))`)
	strikes = regexp.MustCompile(`(?i)(^|[;\s])text-decoration(-line)?\s*:[^;]*line-through`)
	keeps   = regexp.MustCompile(`(?i)(^|[;\s])white-space\s*:\s*(pre|break-spaces)`)
	folds   = regexp.MustCompile(`(?i)(^|[;\s])white-space\s*:\s*(normal|nowrap)`)
)

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
	case apart, cellOf:
		f.widen(blank)
	default:
	}
}

// end closes an element by its end tag; one that closes nothing is passed over.
func (r *pageReader) end(name string) {
	t := r.tree
	if t.deeper > 0 {
		t.deeper--
		r.around(roles[name])
		return
	}
	limit := in(tableScope)
	switch name {
	case "html", "body":
		return
	case "table":
		limit = nil
	case "td", "th", "tr", "thead", "tbody", "tfoot", "caption":
	case "li":
		limit = in(listScope)
	default:
		limit = in(holdsParagraph)
	}
	r.closeTo(t.find(name, limit))
}

// closeTo closes the elements from a depth on; 0 closes none.
func (r *pageReader) closeTo(depth int) {
	if depth == 0 {
		return
	}
	for len(r.tree.stack) > depth {
		switch o := r.tree.top(); o.role {
		case tableRow:
			r.endRow()
		case cellOf:
		default:
			r.around(o.role)
		}
		r.tree.pop()
	}
	r.tree.deeper = 0
}
