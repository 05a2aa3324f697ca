package note

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// unstructured is the body of an unstructured C-CDA document (nonXMLBody; C-CDA R2.1, section 1.2.12): a document of another kind in its
// text element, in base64 or as text, or a reference to one.
type unstructured struct {
	mediaType, representation, compression string
	// reference says that the body stands elsewhere.
	reference bool
	depth     int    // of the text element
	path      string // its XPath
	from, to  int    // its content in the source; to is 0 until it ends
}

func newUnstructured(t *tree, m *markup, attributes map[string]string) *unstructured {
	depth := len(t.stack) - 1
	return &unstructured{
		mediaType: attributes["mediatype"], representation: attributes["representation"], compression: attributes["compression"],
		depth: depth, path: t.path(t.node(depth)), from: m.end,
	}
}

func (u *unstructured) base64() bool {
	return strings.EqualFold(strings.TrimSpace(u.representation), "B64")
}

// plain says that the body is text as it stands there.
func (u *unstructured) plain() bool {
	return !u.base64() && (u.mediaType == "" || Expected(u.mediaType, "") == Plain)
}

// readUnstructured reads the document inside a C-CDA document; outer is what that says itself: its title, and the body where it is text.
func (d Decoder) readUnstructured(ctx context.Context, outer Text, u *unstructured, c characters, k *kind) (Text, error) {
	switch {
	case u.reference:
		return Text{}, fmt.Errorf("%w: the body of the C-CDA document is a reference to another file, which is not followed", ErrContentType)
	case u.compression != "":
		return Text{}, fmt.Errorf("%w: the body of the C-CDA document is compressed", ErrContentType)
	case u.plain():
		return outer, nil
	}
	content, at := u.content(c.body)
	var data []byte
	inner := part{within: u.path}
	if u.base64() {
		var err error
		if data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(content), "")); err != nil {
			return Text{}, fmt.Errorf("%w: the body of the C-CDA document is no base64", ErrDamaged)
		}
	} else {
		// What stands there in characters has been decoded already, whatever charset it names.
		resolved, from := resolve(content, at)
		data = []byte(resolved)
		inner = part{origins: []*origin{from, c.origin}}
		mediaType, _, _ := strings.Cut(u.mediaType, ";")
		u.mediaType = mediaType + "; charset=utf-8"
	}
	text, remarks, err := d.decode(ctx, data, u.mediaType, true)
	k.remarks = append(k.remarks, remarks...)
	if err != nil {
		return Text{}, fmt.Errorf("the body of the C-CDA document: %w", err)
	}
	return join(outer, text, inner), nil
}

// content gives what stands in the text element and where, without the marks of a CDATA section around it.
func (u *unstructured) content(source string) (content string, at int) {
	content, at = source[u.from:max(u.from, u.to)], u.from
	trimmed := strings.TrimLeft(content, " \t\r\n")
	if cdata, is := strings.CutPrefix(trimmed, "<![CDATA["); is {
		at += len(content) - len(cdata)
		content = strings.TrimSuffix(strings.TrimRight(cdata, " \t\r\n"), "]]>")
	}
	return content, at
}

// resolve gives the characters of an element's content: with its character references resolved, unless it holds elements and so is markup.
func resolve(content string, at int) (string, *origin) {
	o := &origin{}
	o.skip(at)
	if strings.ContainsRune(content, '<') {
		o.add(len(content), 1, 1)
		o.flush()
		return content, o
	}
	var b strings.Builder
	for content != "" {
		i := strings.IndexByte(content, '&')
		if i < 0 {
			i = len(content)
		}
		b.WriteString(content[:i])
		o.add(i, 1, 1)
		if content = content[i:]; content == "" {
			break
		}
		decoded, size := reference(content)
		if size == 0 {
			decoded, size = "&", 1
		}
		b.WriteString(decoded)
		o.add(1, len(decoded), size)
		content = content[size:]
	}
	o.flush()
	return b.String(), o
}

// join puts a text that was found inside a document behind what that document says itself.
func join(outer, text Text, inner part) Text {
	body := strings.TrimRight(outer.Body, "\n")
	parts := outer.parts
	if body == "" {
		parts = nil
	} else {
		body += "\n\n"
	}
	for _, p := range text.parts {
		p.from += len(body)
		p.origins = append(slices.Clip(p.origins), inner.origins...)
		p.within = inner.within
		parts = append(parts, p)
	}
	hints := outer.Hints
	for _, h := range text.Hints {
		hints = append(hints, SectionHint{h.Start + len(body), h.HeadingStart + len(body), h.HeadingEnd + len(body), h.Code})
	}
	return Text{Body: body + text.Body, Hints: hints, parts: parts}
}
