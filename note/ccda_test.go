package note_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"charthand/fixtures"
	"charthand/note"
	"charthand/note/pdf"
)

// walked is what another reader of XML finds in a C-CDA document.
type walked struct {
	root    string
	pieces  []string // titles and narratives of sections, in order, without blanks
	unbound bool     // a prefix that nothing binds
}

// walk reads a document by the standard library's reader of XML.
func walk(t *testing.T, data []byte) walked {
	t.Helper()
	var w walked
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.Strict = false
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var stack []string
	piece := 0 // the depth of the title or text that is being read
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return w
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			for _, attribute := range token.Attr {
				w.unbound = w.unbound || isPrefix(attribute.Name.Space)
			}
			w.unbound = w.unbound || isPrefix(token.Name.Space)
			name := token.Name.Local
			if len(stack) == 0 {
				w.root = name
			} else if stack[len(stack)-1] == "section" && (name == "title" || name == "text") && piece == 0 {
				piece = len(stack) + 1
				w.pieces = append(w.pieces, "")
			}
			stack = append(stack, name)
		case xml.EndElement:
			if len(stack) == piece {
				piece = 0
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if piece > 0 {
				w.pieces[len(w.pieces)-1] += withoutBlanks(string(token))
			}
		}
	}
}

// isPrefix reports whether what the reader gives for a namespace is a prefix that it knows none for.
func isPrefix(space string) bool {
	return space != "" && space != "xmlns" && space != "xml" && !strings.ContainsAny(space, ":/")
}

func withoutBlanks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// Every document of HL7's examples is read whole, in order and fast, and what is wrong with it is named.
func TestHL7sExamples(t *testing.T) {
	folder := filepath.Join(fixtures.Data(), "ccda")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the examples are not there: set CHARTHAND_DATA to the folder that holds them")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	reader := pdf.New(filepath.Join(cache, "charthand", "pdfium"))
	defer reader.Close()
	if err := reader.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	decoder := note.Decoder{PDF: reader}
	files, malformed, fragments, characters := 0, 0, 0, 0
	slowest := time.Duration(0)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".xml" {
			return err
		}
		files++
		data := read(t, path)
		var text note.Text
		var remarks []string
		fastest := time.Hour
		for try := 0; try < 3 || fastest > 50*time.Millisecond*slowdown && try < 40; try++ { // other work on the machine is no fault of the decoder's
			begun := time.Now()
			text, remarks, err = decoder.Decode(context.Background(), data, "text/xml")
			fastest = min(fastest, time.Since(begun))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return nil
			}
		}
		slowest = max(slowest, fastest)
		if fastest > 50*time.Millisecond*slowdown {
			t.Errorf("%s: %v", path, fastest)
		}
		checkMap(t, text, data, nil)
		want := walk(t, data)
		found := withoutBlanks(text.Body)
		at := 0
		for _, piece := range want.pieces {
			next := strings.Index(found[at:], piece)
			if next < 0 {
				t.Errorf("%s: not in its place: %q", path, piece)
				break
			}
			at += next + len(piece)
			characters += len(piece)
		}
		named := func(part string) bool {
			return slices.ContainsFunc(remarks, func(remark string) bool { return strings.Contains(remark, part) })
		}
		if named("not well-formed") != want.unbound || named("a fragment") != (want.root != "ClinicalDocument") {
			t.Errorf("%s: the faults are %q", path, remarks)
		}
		if want.unbound {
			malformed++
		}
		if want.root != "ClinicalDocument" {
			fragments++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d documents, %d not well-formed, %d fragments, %d characters of narrative, the slowest in %v", files, malformed, fragments, characters, slowest)
	if files < 100 || malformed == 0 || fragments == 0 {
		t.Errorf("only %d documents", files)
	}
}
