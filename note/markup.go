package note

import (
	"html"
	"strings"

	tokens "golang.org/x/net/html"
)

// markup reads the tags and texts of HTML or XML one after the other, with their places. XML is read by the rules for HTML, which have a
// meaning for whatever is not well-formed; what the rules of XML would refuse is the caller's to notice.
type markup struct {
	source string
	z      *tokens.Tokenizer
	xml    bool
	// selfClosing says that a page is XHTML: an element that closes itself has no content.
	selfClosing bool
	// The current token: its kind and its bytes in source.
	kind       tokens.TokenType
	start, end int
	// name is a tag's, in small letters.
	name  string
	attrs bool
}

// newMarkup reads source from an offset on.
func newMarkup(source string, from int, xml bool) *markup {
	m := &markup{source: source, end: from, xml: xml, z: tokens.NewTokenizer(strings.NewReader(source[from:]))}
	m.z.AllowCDATA(xml)
	return m
}

// next goes to the next token, and reports whether there is one.
func (m *markup) next() bool {
	m.kind = m.z.Next()
	m.start, m.end = m.end, m.end+len(m.z.Raw())
	if m.kind == tokens.ErrorToken {
		return false
	}
	m.name, m.attrs = "", false
	switch m.kind {
	case tokens.StartTagToken, tokens.EndTagToken, tokens.SelfClosingTagToken:
		name, attrs := m.z.TagName()
		m.name, m.attrs = string(name), attrs
		if m.xml || m.selfClosing && m.kind == tokens.SelfClosingTagToken {
			m.z.NextIsNotRawText() // <title> and <script> are nothing special in XML
		}
	default:
	}
	return true
}

// spelled is a tag's name as the document has it.
func (m *markup) spelled() string {
	at := m.start + 1
	if m.kind == tokens.EndTagToken {
		at++
	}
	return m.source[at:min(at+len(m.name), m.end)]
}

// attributes gives those of the current tag, by name in small letters, that are asked for; nil for none.
func (m *markup) attributes(wanted func(name string) bool) map[string]string {
	var found map[string]string
	for more := m.attrs; more; {
		var key, value []byte
		key, value, more = m.z.TagAttr()
		if name := string(key); wanted(name) && len(found) < maxAttributes {
			if found == nil {
				found = map[string]string{}
			}
			if _, twice := found[name]; !twice {
				found[name] = string(value)
			}
		}
	}
	m.attrs = false
	return found
}

// maxAttributes bounds those of one tag that are looked at.
const maxAttributes = 64

// maxReference is the longest character reference that is known, in bytes: &CounterClockwiseContourIntegral;
const maxReference = 33

// content appends the current text token to a flow, with its character references resolved. It gives the number of those that XML does not
// define; they are resolved as HTML has them, or stay as they are.
func (m *markup) content(f *flow, keep bool) (undefined int) {
	s, at := m.source[m.start:m.end], m.start
	if cdata, is := strings.CutPrefix(s, "<![CDATA["); is && m.xml {
		f.text(strings.TrimSuffix(cdata, "]]>"), at+len("<![CDATA["), keep)
		return 0
	}
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			f.text(s, at, keep)
			return undefined
		}
		f.text(s[:i], at, keep)
		s, at = s[i:], at+i
		decoded, size := reference(s)
		if m.xml && !xmlReference(s[:size]) {
			undefined++
		}
		if size == 0 {
			decoded, size = "&", 1
		}
		f.character(decoded, at, size)
		s, at = s[size:], at+size
	}
}

// reference reads the character reference that a text begins with; size is 0 where it is none.
func reference(s string) (decoded string, size int) {
	end := 1
	for end < len(s) && end < maxReference && (s[end] == '#' || isAlphanumeric(s[end])) {
		end++
	}
	if end < len(s) && s[end] == ';' {
		end++
	}
	decoded = html.UnescapeString(s[:end])
	if decoded == s[:end] {
		return "", 0
	}
	// What was not part of it stands at the end of both.
	rest := 0
	for rest < end && rest < len(decoded)-1 && decoded[len(decoded)-1-rest] == s[end-1-rest] {
		rest++
	}
	return decoded[:len(decoded)-rest], end - rest
}

func isAlphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}

// xmlReference reports whether a character reference is one that XML defines (XML 1.0, section 4.6).
func xmlReference(s string) bool {
	switch s {
	case "&amp;", "&lt;", "&gt;", "&quot;", "&apos;":
		return true
	}
	return strings.HasPrefix(s, "&#") && strings.HasSuffix(s, ";")
}

// documentType finds the document type declaration of an XML document with its internal subset, which is not read: nothing that it declares
// is put in. Both are 0 where there is none.
func documentType(source string) (from, to int) {
	for i := 0; i < len(source); {
		rest := source[i:]
		switch {
		case strings.HasPrefix(rest, "<!--"):
			end := strings.Index(rest, "-->")
			if end < 0 {
				return 0, 0
			}
			i += end + len("-->")
		case strings.HasPrefix(rest, "<?"):
			end := strings.IndexByte(rest, '>')
			if end < 0 {
				return 0, 0
			}
			i += end + 1
		case len(rest) >= 9 && strings.EqualFold(rest[:9], "<!doctype"):
			return i, i + endOfDeclaration(rest)
		case rest[0] == '<':
			return 0, 0
		default:
			i++
		}
	}
	return 0, 0
}

// endOfDeclaration finds the end of the declaration that a text begins with, past its internal subset and what is quoted.
func endOfDeclaration(s string) int {
	subset := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"', '\'':
			end := strings.IndexByte(s[i+1:], s[i])
			if end < 0 {
				return len(s)
			}
			i += end + 1
		case '[':
			subset = true
		case ']':
			subset = false
		case '<':
			if strings.HasPrefix(s[i:], "<!--") {
				end := strings.Index(s[i:], "-->")
				if end < 0 {
					return len(s)
				}
				i += end + 2
			}
		case '>':
			if !subset {
				return i + 1
			}
		}
	}
	return len(s)
}
