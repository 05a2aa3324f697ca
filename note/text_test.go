package note_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/note"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/traditionalchinese"
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
	big := encoded(t, umlaut, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String)
	sjis := encoded(t, "血圧 120/80 ﾃｽﾄ", japanese.ShiftJIS.NewEncoder().String)
	jis := encoded(t, "血圧 120/80", japanese.ISO2022JP.NewEncoder().String)
	big5 := encoded(t, "高血壓 stage 2", traditionalchinese.Big5.NewEncoder().String)
	koi := encoded(t, "гипертония", charmap.KOI8R.NewEncoder().String)
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
		"invalid bytes among UTF-8": {
			[]byte("é\xff\xfeb\xc3"), "text/plain", "é\uFFFD\uFFFDb\uFFFD",
			[]string{"3 places that are not UTF-8 were read as U+FFFD"},
		},
		"a character of windows-1252 among UTF-8": {
			[]byte("é, 5 \xb5g"), "text/plain; charset=utf-8", "é, 5 µg", []string{"1 characters that are not UTF-8 were read as windows-1252"},
		},
		"a note that begins like a tag":     {[]byte("<b 12 deficiency, no anemia. HR > 100."), "text/plain", "<b 12 deficiency, no anemia. HR > 100.", nil},
		"a note that begins like a program": {[]byte("MZ twins, Gr\xfc\xdfe\x0b"), "text/plain", "MZ twins, Grüße\x0b", []string{"no charset is declared, and the text was read as windows-1252"}},
		"lone surrogate among UTF-8": {
			[]byte("é\xed\xa0\x80b"), "text/plain", "é\uFFFD\uFFFD\uFFFDb",
			[]string{"3 places that are not UTF-8 were read as U+FFFD"},
		},
		"windows-1252, undeclared": {windows, "text/plain", umlaut, []string{"no charset is declared, and the text was read as windows-1252"}},
		"windows-1252 as UTF-8": {
			windows, "text/plain; charset=utf-8", umlaut, []string{"the text is not utf-8, as declared, and was read as windows-1252"},
		},
		"windows-1252 as ISO-8859-1": {windows, "text/plain; charset=iso-8859-1", umlaut, nil},
		"UTF-8 as us-ascii":          {[]byte(umlaut), "text/plain; charset=us-ascii", umlaut, nil},
		"UTF-16 without a mark": {
			utf16[2:], "text/plain", umlaut, []string{"no charset is declared, and the text was read as UTF-16LE"},
		},
		"UTF-16 without a mark, declared":   {utf16[2:], "text/plain; charset=utf-16", umlaut, nil},
		"UTF-16BE without a mark, declared": {big, "text/plain; charset=utf-16", umlaut, nil},
		"UTF-16BE":                          {big, "text/plain; charset=utf-16be", umlaut, nil},
		"Shift_JIS":                         {sjis, "text/plain; charset=shift_jis", "血圧 120/80 ﾃｽﾄ", nil},
		"ISO-2022-JP":                       {jis, "text/plain; charset=iso-2022-jp", "血圧 120/80", nil},
		"Big5":                              {big5, "text/plain; charset=big5", "高血壓 stage 2", nil},
		"KOI8-R":                            {koi, "text/plain; charset=koi8-r", "гипертония", nil},
		"a type that is not known":          {[]byte("plain"), "text/x-note", "plain", nil},
		"binary, which is text": {
			[]byte("BMI 31, no edema"), "application/octet-stream", "BMI 31, no edema",
			[]string{"declared as application/octet-stream, and read as the plain text that the bytes are"},
		},
		"HTML without a tag": {
			[]byte("Gout &\nfever"), "text/html", "Gout &\nfever", []string{"declared as text/html, and read as the plain text that the bytes are"},
		},
		"control characters":               {[]byte("a\x0bb\x1b[1mc\x7f"), "text/plain", "a\x0bb\x1b[1mc\x7f", nil},
		"replacement character of its own": {[]byte("a\uFFFDb"), "text/plain", "a\uFFFDb", nil},
		"NUL":                              {[]byte("a\x00b"), "text/plain", "a\x00b", []string{"the text holds 1 NUL characters, each read as a space"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, remarks, err := note.Decoder{}.Decode(context.Background(), test.data, test.contentType)
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
		"unknown charset":  {"a", "text/plain; charset=klingon", note.ErrCharset},
		"no real charset":  {"a", "text/plain; charset=iso-2022-kr", note.ErrCharset},
		"a NUL after each": {strings.Repeat("a\x00\x00", 100), "text/plain", note.ErrCharset},
		"no text":          {strings.Repeat("\xff\xfe\x80a", 100)[1:], "text/plain", note.ErrCharset},
		"no PDF":           {"a", "application/pdf", note.ErrContentType},
		"no RTF":           {"a", "application/rtf", note.ErrContentType},
		"no MIME type":     {"a", "text plain note", note.ErrContentType},
		"DICOM":            {strings.Repeat("\x00", 128) + "DICM\x02\x00\x00\x00UL", "application/octet-stream", note.ErrContentType},
		"declared DICOM":   {"SR", "application/dicom", note.ErrContentType},
		"PNG as text":      {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "text/plain", note.ErrContentType},
		"JPEG, undeclared": {"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01", "", note.ErrContentType},
		"TIFF":             {"II*\x00\x08\x00\x00\x00", "image/tiff", note.ErrContentType},
		"sound":            {"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00", "audio/wav", note.ErrContentType},
		"sound as text":    {"ID3\x03\x00\x00\x00\x00\x0f\x76TIT2\x00\x00\x00\x05", "text/plain", note.ErrContentType},
		"a film":           {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video/mp4", note.ErrContentType},
		"an archive":       {"PK\x03\x04\x14\x00\x00\x00\x08\x00", "", note.ErrContentType},
		"Word":             {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "application/msword", note.ErrContentType},
		"gzip":             {"\x1f\x8b\x08\x00\x00\x00\x00\x00", "text/plain", note.ErrContentType},
		"FHIR in XML":      {`<Patient xmlns="http://hl7.org/fhir"><id value="1"/></Patient>`, "application/fhir+xml", note.ErrContentType},
		"other XML":        {`<catalog><book>gout</book></catalog>`, "text/xml", note.ErrContentType},
		"too large":        {strings.Repeat("x", note.MaxBytes+1), "text/plain", note.ErrTooLong},
		"too long":         {strings.Repeat("x ", note.MaxCharacters), "text/plain", note.ErrTooLong},
		"an empty page":    {"<html><body><img src=x></body></html>", "text/html", note.ErrEmpty},
		"empty RTF":        {`{\rtf1\ansi\par}`, "", note.ErrEmpty},
		"no bytes":         {"", "text/plain", note.ErrEmpty},
		"only blanks":      {" \n\t\x00 ", "text/plain", note.ErrEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := (note.Decoder{}).Decode(context.Background(), []byte(test.data), test.contentType); !errors.Is(err, test.want) {
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
