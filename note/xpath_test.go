package note_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"charthand/note"

	"golang.org/x/net/html"
)

// element is an element of a document as another reader of it has it.
type element struct {
	name     string
	children []*element
	text     strings.Builder // of it and all in it
}

// at follows a path of names with numbers.
func (e *element) at(t *testing.T, path string) *element {
	t.Helper()
	for _, step := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		parts := regexp.MustCompile(`^([^\[]+)\[(\d+)\]$`).FindStringSubmatch(step)
		if parts == nil {
			t.Fatalf("%q is no step of %q", step, path)
		}
		number, _ := strconv.Atoi(parts[2])
		var found *element
		for _, child := range e.children {
			if child.name == parts[1] || parts[1] == "*" {
				if number--; number == 0 {
					found = child
				}
			}
		}
		if found == nil {
			t.Fatalf("there is no %q of %q", step, path)
		}
		e = found
	}
	return e
}

// page reads HTML as browsers do.
func page(t *testing.T, data []byte) *element {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var take func(n *html.Node) *element
	take = func(n *html.Node) *element {
		e := &element{name: n.Data}
		for c := range n.ChildNodes() {
			switch c.Type {
			case html.TextNode:
				e.text.WriteString(c.Data)
			case html.ElementNode:
				child := take(c)
				e.children = append(e.children, child)
				e.text.WriteString(child.text.String())
			default:
			}
		}
		return e
	}
	return take(root)
}

// document reads XML with the standard library.
func document(t *testing.T, data []byte) *element {
	t.Helper()
	root := &element{}
	stack := []*element{root}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			child := &element{name: token.Name.Local}
			top.children = append(top.children, child)
			stack = append(stack, child)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].text.WriteString(top.text.String())
		case xml.CharData:
			top.text.Write(token)
		}
	}
}

// The XPath of each word leads to the element that holds it, in a tree that another reader makes of the document.
func TestXPaths(t *testing.T) {
	loose := []byte(`<title>x</title><p>Gout<p>Fever <b>and chills</b><ul><li>Cough<li>Rash<ol><li>Hives</ol></ul>
		<table><tr><td>Sodium<td>140<tr><th>Potassium</table><table><thead><tr><th>Drug</thead><tbody><tr><td>Aspirin<td>81 mg</table><dl><dt>Dose<dd>Daily<dt>Route</dl>Stop`)
	for name, test := range map[string]struct {
		data        []byte
		contentType string
		tree        func(*testing.T, []byte) *element
	}{
		"visit-summary.html": {read(t, attachments+"/visit-summary.html"), "text/html", page},
		"tags left out":      {loose, "text/html", page},
		"phone-note.html":    {bytes.ReplaceAll(read(t, attachments+"/phone-note.html"), []byte("\x92"), []byte("'")), "text/html; charset=us-ascii", page},
		"referral.xml":       {read(t, attachments+"/referral.xml"), "text/xml", document},
	} {
		t.Run(name, func(t *testing.T) {
			text, _, err := note.Decoder{}.Decode(context.Background(), test.data, test.contentType)
			if err != nil {
				t.Fatal(err)
			}
			tree := test.tree(t, test.data)
			from, words := 0, 0
			for _, word := range strings.Fields(text.Body) {
				from += strings.Index(text.Body[from:], word)
				if strings.ContainsFunc(word, func(r rune) bool { return r > 126 }) {
					from += len(word)
					continue // another charset
				}
				path := text.Position(from, from+len(word)).XPath
				e := tree.at(t, path)
				// A word may go on in an element beside the one that it begins in.
				if held := strings.Join(strings.Fields(e.text.String()), " "); !strings.Contains(held, word[:1]) || len(word) > 3 && !strings.Contains(held, word[:2]) {
					t.Errorf("%q is not in %s: %.80q", word, path, held)
				}
				from += len(word)
				words++
			}
			if words < 15 {
				t.Errorf("only %d words", words)
			}
		})
	}
}

// What is shown of a position.
func TestPosition(t *testing.T) {
	for name, test := range map[string]struct {
		data, contentType, words string
		want                     note.Position
	}{
		"plain text":    {"Has gout.", "text/plain", "gout", note.Position{Start: 4, End: 8}},
		"a mark before": {"\xef\xbb\xbfHas gout.", "text/plain", "gout", note.Position{Start: 7, End: 11}},
		"UTF-16":        {"\xff\xfeg\x00o\x00u\x00t\x00", "text/plain", "out", note.Position{Start: 4, End: 10}},
		"a page":        {"<p>No<p>has <b>go&#117;t</b>", "text/html", "gout", note.Position{XPath: "/html[1]/body[1]/p[2]/b[1]", Start: 15, End: 24}},
		"a section": {
			`<section xmlns="urn:hl7-org:v3"><title>Plan</title><text>Rest <content>gout</content></text></section>`, "text/xml", "gout",
			note.Position{XPath: "/section[1]/text[1]/content[1]", Start: 71, End: 75},
		},
		"RTF": {`{\rtf1 Has {\b g\'6fut}}`, "text/rtf", "gout", note.Position{Start: 15, End: 22}},
		"text in a C-CDA document": {
			`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text>gout</text></nonXMLBody></component></ClinicalDocument>`, "text/xml", "gout",
			note.Position{XPath: "/ClinicalDocument[1]/component[1]/nonXMLBody[1]/text[1]", Start: 70, End: 74},
		},
		"a page in a C-CDA document": {
			`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/html" representation="B64">PHA+Z291dA==</text></nonXMLBody></component></ClinicalDocument>`, "text/xml", "gout",
			note.Position{Within: "/ClinicalDocument[1]/component[1]/nonXMLBody[1]/text[1]", XPath: "/html[1]/body[1]/p[1]", Start: 3, End: 7},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, _, err := note.Decoder{}.Decode(context.Background(), []byte(test.data), test.contentType)
			if err != nil {
				t.Fatal(err)
			}
			start := strings.Index(text.Body, test.words)
			if got := text.Position(start, start+len(test.words)); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
