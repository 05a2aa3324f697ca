package note_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/note"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func encoded(t *testing.T, s string, encode func(string) (string, error)) []byte {
	t.Helper()
	out, err := encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(out)
}

func TestDecode(t *testing.T) {
	const umlaut = "Müller: 37 °C – ok"
	utf16 := encoded(t, umlaut, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String)
	windows := encoded(t, umlaut, charmap.Windows1252.NewEncoder().String)
	latin := encoded(t, "Müller", charmap.ISO8859_1.NewEncoder().String)
	for name, test := range map[string]struct {
		data        []byte
		contentType string
		want        string
		remarks     []string
	}{
		"no type":               {[]byte("plain"), "", "plain", nil},
		"utf-8 by default":      {[]byte(umlaut), "text/plain", umlaut, nil},
		"declared utf-8":        {[]byte(umlaut), `text/plain; charset="UTF-8"`, umlaut, nil},
		"byte order mark":       {[]byte("\xef\xbb\xbf" + umlaut), "text/plain", umlaut, nil},
		"windows-1252":          {windows, "text/plain; charset=windows-1252", umlaut, nil},
		"iso-8859-1":            {latin, "text/plain;charset=ISO-8859-1", "Müller", nil},
		"us-ascii":              {[]byte("plain"), "text/plain;charset=us-ascii", "plain", nil},
		"utf-16 with mark":      {utf16, "text/plain; charset=utf-16", umlaut, nil},
		"mark over declaration": {utf16, "text/plain; charset=utf-8", umlaut, nil},
		"line ends stay":        {[]byte("a\r\nb\rc\n"), "text/plain", "a\r\nb\rc\n", nil},
		"invalid bytes": {
			[]byte("a\xff\xfeb\xc3"), "text/plain", "a\uFFFD\uFFFDb\uFFFD",
			[]string{"3 places that are not UTF-8 were read as U+FFFD"},
		},
		"lone surrogate": {
			[]byte("a\xed\xa0\x80b"), "text/plain", "a\uFFFD\uFFFD\uFFFDb",
			[]string{"3 places that are not UTF-8 were read as U+FFFD"},
		},
		"replacement character of its own": {[]byte("a\uFFFDb"), "text/plain", "a\uFFFDb", nil},
		"NUL":                              {[]byte("a\x00b"), "text/plain", "a\x00b", []string{"the text holds 1 NUL characters, each read as a space"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, remarks, err := note.Decode(test.data, test.contentType)
			if err != nil {
				t.Fatal(err)
			}
			if text.Body != test.want {
				t.Errorf("got %q, want %q", text.Body, test.want)
			}
			if diff := cmp.Diff(test.remarks, remarks); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		data        string
		contentType string
		want        error
	}{
		"unknown charset": {"a", "text/plain; charset=klingon", note.ErrCharset},
		"no real charset": {"a", "text/plain; charset=iso-2022-kr", note.ErrCharset},
		"UTF-16 as UTF-8": {strings.Repeat("a\x00", 100), "text/plain", note.ErrCharset},
		"no text":         {strings.Repeat("\xff\xfe\x80a", 100)[1:], "text/plain", note.ErrCharset},
		"another type":    {"a", "application/pdf", note.ErrContentType},
		"no MIME type":    {"a", "text plain note", note.ErrContentType},
		"no bytes":        {"", "text/plain", note.ErrEmpty},
		"only blanks":     {" \n\t\x00 ", "text/plain", note.ErrEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := note.Decode([]byte(test.data), test.contentType); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestCodePoint(t *testing.T) {
	for _, s := range []string{"", "a", "é", "🙂e\u0301大", strings.Repeat("aé🙂", 1000), strings.Repeat("x", 1024)} {
		text := note.NewText(s)
		for i := 0; i <= len(s); i++ {
			if i < len(s) && !utf8.RuneStart(s[i]) {
				continue
			}
			if got, want := text.CodePoint(i), utf8.RuneCountInString(s[:i]); got != want {
				t.Fatalf("byte %d of %d: got %d, want %d", i, len(s), got, want)
			}
		}
		if got, want := text.CodePoints(), utf8.RuneCountInString(s); got != want {
			t.Errorf("length: got %d, want %d", got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("Müller"), "text/plain; charset=windows-1252")
	f.Add([]byte("\xff\xfea\x00"), "text/plain; charset=utf-16")
	f.Add([]byte("a\x00\xed\xa0\x80"), "")
	f.Fuzz(func(t *testing.T, data []byte, contentType string) {
		if len(data) > 1<<16 {
			t.Skip("over the size cap")
		}
		text, _, err := note.Decode(data, contentType)
		if err != nil {
			return
		}
		if !utf8.ValidString(text.Body) {
			t.Error("the text is not UTF-8")
		}
		if text.CodePoints() != utf8.RuneCountInString(text.Body) {
			t.Error("code points are miscounted")
		}
	})
}
