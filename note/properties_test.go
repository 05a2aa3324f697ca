package note_test

import (
	"bytes"
	"context"
	"html"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"charthand/note"
)

// maxMemory is what a decoder may allocate for so many bytes.
func maxMemory(n int) uint64 { return uint64(20*n + 32<<20) }

// decodeWithin decodes, and fails where that allocates more than it may.
func decodeWithin(t *testing.T, data []byte, contentType string) (note.Text, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	text, _, err := note.Decoder{}.Decode(context.Background(), data, contentType)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxMemory(len(data)) {
		t.Errorf("%d bytes were allocated for %d", allocated, len(data))
	}
	return text, err
}

// checkMap checks what holds of every text: it is UTF-8, its characters come from places of the original that go forward and lie inside it,
// and sections lie inside the text. same says whether a character may come from some bytes; nil where that cannot be told.
func checkMap(t *testing.T, text note.Text, data []byte, same func(character string, original []byte) bool) {
	t.Helper()
	if !utf8.ValidString(text.Body) || text.CodePoints() != utf8.RuneCountInString(text.Body) {
		t.Fatal("the text is not UTF-8, or its characters are miscounted")
	}
	last := note.Position{}
	within := ""
	for i, r := range text.Body {
		at := text.Position(i, i+utf8.RuneLen(r))
		if at.Within != within { // another document inside this one
			within, last = at.Within, note.Position{}
		}
		if at.Page > 0 { // a PDF says no more
			if at.Page < last.Page {
				t.Fatalf("character %d is on page %d, the one before on %d", i, at.Page, last.Page)
			}
			last = at
			continue
		}
		if at.Start < last.Start || at.End < at.Start || within == "" && at.End > len(data) {
			t.Fatalf("character %d comes from [%d, %d) of %d, the one before from %d", i, at.Start, at.End, len(data), last.Start)
		}
		last = at
		if within == "" && same != nil && !unicode.IsSpace(r) && !same(string(r), data[at.Start:at.End]) {
			t.Fatalf("character %d is %q, and comes from %q", i, r, data[at.Start:at.End])
		}
	}
	begun := 0
	for _, h := range text.Hints {
		if h.Start < begun || h.HeadingStart < h.Start || h.HeadingEnd < h.HeadingStart || h.HeadingEnd > len(text.Body) {
			t.Fatalf("the section %+v lies outside of the text, or before the one before it", h)
		}
		begun = h.Start
	}
}

// sameInUTF8 is for markup in UTF-8: a character stands for itself, for a byte that is none, or is written as a reference.
func sameInUTF8(character string, original []byte) bool {
	decoded := html.UnescapeString(string(original))
	return decoded == character || strings.Contains(decoded, character) || character == "\uFFFD"
}

// sameInRTF is for RTF: ASCII stands for itself, everything else is written with a control or beyond ASCII.
func sameInRTF(character string, original []byte) bool {
	return string(original) == character || len(original) > 0 && (original[0] == '\\' || original[0] >= utf8.RuneSelf || !isASCII(character))
}

func isASCII(s string) bool { return len(s) == 1 && s[0] < utf8.RuneSelf }

// Cut out of the original, any span of a document on file reads as the same words again.
func TestSpansSliceBack(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 30))
	for _, path := range glob(t, attachments+"/*") {
		contentType, wrap := "text/html", func(cut []byte) []byte { return append([]byte("<div>"), cut...) }
		switch name := filepath.Base(path); {
		case name == "phone-note.html":
			contentType += "; charset=windows-1252"
		case filepath.Ext(name) == ".html":
		case filepath.Ext(name) == ".rtf":
			contentType = "application/rtf"
			wrap = func(cut []byte) []byte { return append([]byte(`{\rtf1\ansi\ansicpg1252 `), append(cut, '}')...) }
		case name == "referral.xml":
			contentType, wrap = "text/xml", func(cut []byte) []byte { return append([]byte("<text>"), append(cut, "</text>"...)...) }
		default:
			continue
		}
		data := read(t, path)
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, _, err := note.Decoder{}.Decode(context.Background(), data, contentType)
			if err != nil {
				t.Fatal(err)
			}
			checkMap(t, text, data, nil)
			lines := strings.SplitAfter(text.Body, "\n")
			from := 0
			for _, line := range lines {
				words := strings.Fields(line)
				if len(words) < 3 {
					from += len(line)
					continue
				}
				first := random.IntN(len(words) - 2)
				start := from + strings.Index(line, words[first])
				end := start + len(words[first])
				if len(words[first]) < 4 || strings.Count(line, words[first]) > 1 {
					from += len(line)
					continue
				}
				at := text.Position(start, end)
				again, _, err := note.Decoder{}.Decode(context.Background(), wrap(bytes.Clone(data[at.Start:at.End])), contentType)
				if err != nil || strings.TrimSpace(again.Body) != words[first] {
					t.Errorf("%q comes from %q, which reads %q: %v", words[first], data[at.Start:at.End], again.Body, err)
				}
				from += len(line)
			}
		})
	}
}

func addFiles(f *testing.F, extension string) {
	f.Helper()
	for _, path := range glob(f, attachments+"/*"+extension) {
		f.Add(read(f, path))
	}
}

// maxFuzzed caps what a fuzzer tries, in bytes.
const maxFuzzed = 1 << 16

func FuzzText(f *testing.F) {
	f.Add([]byte("Müller"), "text/plain; charset=windows-1252")
	f.Add([]byte("\xff\xfea\x00"), "text/plain; charset=utf-16")
	f.Add([]byte("a\x00\xed\xa0\x80"), "")
	f.Add([]byte("\ufeffGröße\r\n"), "text/plain; charset=utf-8")
	f.Add([]byte("\x1b$B7l05\x1b(B 120/80"), "text/plain; charset=iso-2022-jp")
	f.Add([]byte("\x8c\x8c\x88\xb3"), "text/plain; charset=shift_jis")
	f.Fuzz(func(t *testing.T, data []byte, contentType string) {
		if len(data) > maxFuzzed {
			t.Skip("over the size cap")
		}
		text, err := decodeWithin(t, data, contentType)
		if err != nil {
			return
		}
		checkMap(t, text, data, nil)
		if contentType == "text/plain; charset=utf-8" && text.Format == note.Plain && utf8.Valid(data) && text.Body != strings.TrimPrefix(string(data), "\ufeff") {
			t.Errorf("UTF-8 became something else: %q", text.Body)
		}
	})
}

func FuzzHTML(f *testing.F) {
	addFiles(f, ".html")
	f.Add([]byte("<table><tr><td><p>a<td>b<tr><th>c</table>&nbsp;&amp&#x41;&notit;<svg><title>x</svg><pre>\r\n a\n\nb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzed {
			t.Skip("over the size cap")
		}
		text, err := decodeWithin(t, append([]byte("<html>"), data...), "text/html; charset=utf-8")
		if err == nil && text.Format == note.HTML && utf8.Valid(data) {
			checkMap(t, text, append([]byte("<html>"), data...), sameInUTF8)
		}
	})
}

func FuzzCDA(f *testing.F) {
	addFiles(f, ".xml")
	f.Add([]byte(`<ClinicalDocument><component><nonXMLBody><text mediaType="text/html">&lt;p>Gout</text></nonXMLBody></component></ClinicalDocument>`))
	f.Add([]byte(`<section><title>A<text><list><item>a<table><tr><td>x</td><td/></tr></text></section>&lol;<section>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzed {
			t.Skip("over the size cap")
		}
		text, err := decodeWithin(t, data, "application/cda+xml; charset=utf-8")
		if err != nil {
			return
		}
		same := sameInUTF8
		if text.Format != note.CDA || !utf8.Valid(data) || bytes.Contains(data, []byte("encoding")) {
			same = nil // another charset
		}
		checkMap(t, text, data, same)
	})
}

func FuzzRTF(f *testing.F) {
	addFiles(f, ".rtf")
	f.Add([]byte(`{\rtf1\ansi{\fonttbl{\f1\fcharset128 M;}}\f1\'8c\'8c\u-10179?\u-9078?\uc2\u8211xx\bin3 {{{\trowd a\cell b\par c\cell\row{\*\shpinst{\shptxt d}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzed {
			t.Skip("over the size cap")
		}
		data = append([]byte(`{\rtf1 `), data...)
		if text, err := decodeWithin(t, data, "application/rtf"); err == nil {
			checkMap(t, text, data, sameInRTF)
		}
	})
}
