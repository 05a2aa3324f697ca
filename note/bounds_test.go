package note_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"charthand/note"
)

// adversaries are documents that are made to be slow or large, of about n bytes.
var adversaries = map[string]struct {
	contentType string
	text        func(n int) string
}{
	"every other character from another byte": {"text/plain; charset=windows-1252", repeat("a\xe9")},
	"characters of two bytes":                 {"text/plain; charset=shift_jis", repeat("\x8c\x8c ")},
	"no character at all":                     {"text/plain; charset=utf-8", func(n int) string { return "é" + strings.Repeat("gout \xff gout gout", n/16) }},
	"UTF-16":                                  {"text/plain; charset=utf-16le", repeat("a\x00\xe9\x00")},
	"elements in each other":                  {"text/html", repeat("<b>a")},
	"paragraphs without ends":                 {"text/html", repeat("<p>a")},
	"tables in each other":                    {"text/html", repeat("<table><tr><td>a")},
	"lists in each other":                     {"text/html", repeat("<ul><li>a")},
	"items without ends":                      {"text/html", repeat("<li>a")},
	"cells":                                   {"text/html", func(n int) string { return "<table><tr>" + strings.Repeat("<td>a", n/5) }},
	"lines in cells":                          {"text/html", func(n int) string { return "<table><tr><td>" + strings.Repeat("a<br>", n/5) + "<td>b</tr>" }},
	"rows":                                    {"text/html", func(n int) string { return "<table>" + strings.Repeat("<tr><td>a", n/9) }},
	"names":                                   {"text/html", func(n int) string { return many(n, func(i int) string { return fmt.Sprintf("<x%d>a", i) }) }},
	"names beside each other":                 {"text/html", func(n int) string { return many(n, func(i int) string { return fmt.Sprintf("<x%d>a</x%d>", i, i) }) }},
	"ends without a start":                    {"text/html", repeat("</p></td>a")},
	"comments without an end":                 {"text/html", func(n int) string { return "<p>a" + strings.Repeat("<!--", n/4) }},
	"tags without an end":                     {"text/html", func(n int) string { return "<p>a" + strings.Repeat("<a b=\"", n/6) }},
	"attributes": {"text/html", func(n int) string {
		return "<p " + many(n, func(i int) string { return fmt.Sprintf("a%d=1 ", i) }) + ">a"
	}},
	"ampersands":             {"text/html", func(n int) string { return "<p>" + strings.Repeat("&", n) }},
	"references":             {"text/html", func(n int) string { return "<p>" + strings.Repeat("&amp", n/4) }},
	"blanks":                 {"text/html", func(n int) string { return "<pre>a" + strings.Repeat("\n ", n/2) + "a" }},
	"sections in each other": {"text/xml", repeat("<section><title>a</title>")},
	"sections":               {"text/xml", repeat("<section><text>a</text></section>")},
	"prefixes": {"text/xml", func(n int) string {
		return "<section><text>" + many(n, func(i int) string { return fmt.Sprintf("<p%d:a xmlns:p%d='x'>a", i, i) })
	}},
	"CDATA without an end":         {"text/xml", func(n int) string { return "<section><text>a" + strings.Repeat("<![CDATA[", n/9) }},
	"ends that cross":              {"text/xml", repeat("<section><text>a</section></text>")},
	"a declaration without an end": {"text/xml", func(n int) string { return "<!DOCTYPE a [" + strings.Repeat("<!ENTITY b 'c'>", n/15) }},
	"quotes in a declaration": {"text/xml", func(n int) string {
		return "<!DOCTYPE a " + strings.Repeat("'\"", n/2) + "><section><text>a</text></section>"
	}},
	"groups":                    {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat("{a}", n/3) }},
	"characters in hexadecimal": {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat(`\'e9a`, n/5) }},
	"characters by number":      {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat(`\u233?`, n/6) }},
	"fonts": {"application/rtf", func(n int) string {
		return `{\rtf1{\fonttbl` + many(n, func(i int) string { return fmt.Sprintf(`{\f%d\fcharset128 a;}`, i) }) + `}a`
	}},
	"rows of cells":       {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat(`\trowd a\cell b\cell\row `, n/24) }},
	"cells without a row": {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat(`a\par b\cell `, n/13) }},
	"shapes":              {"application/rtf", func(n int) string { return `{\rtf1 ` + strings.Repeat(`{\*\shpinst{\shptxt a}}`, n/23) }},
}

func repeat(s string) func(int) string {
	return func(n int) string { return strings.Repeat(s, n/len(s)) }
}

// many joins pieces that differ, up to n bytes.
func many(n int, piece func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(piece(i))
	}
	return b.String()
}

// peak gives the largest heap, in bytes, that a function has beyond what was there before.
func peak(do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before, highest := now(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			highest = max(highest, now())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond / 2):
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return max(highest, now()) - min(before, highest)
}

// Four times the bytes take about four times as long, whatever they are, and no more than twenty times their size in memory.
func TestAdversariesAreLinear(t *testing.T) {
	const most = 1 << 20 / slowdown
	for name, adversary := range adversaries {
		t.Run(name, func(t *testing.T) {
			took := func(n int) time.Duration {
				data := []byte(adversary.text(n))
				fastest := time.Hour
				for range 3 {
					begun := time.Now()
					_, _, err := note.Decoder{}.Decode(context.Background(), data, adversary.contentType)
					fastest = min(fastest, time.Since(begun))
					if err != nil && !errors.Is(err, note.ErrTooLong) && !errors.Is(err, note.ErrDamaged) && !errors.Is(err, note.ErrEmpty) && !errors.Is(err, note.ErrContentType) {
						t.Fatal(err)
					}
				}
				return fastest
			}
			quarter, whole := took(most/4), took(most)
			for range 3 { // other work on the machine is no fault of the decoder's
				if whole < 10*max(quarter, time.Millisecond) {
					break
				}
				quarter, whole = took(most/4), took(most)
			}
			data := []byte(adversary.text(4 * most))
			used := peak(func() {
				_, _, _ = note.Decoder{}.Decode(context.Background(), data, adversary.contentType)
			})
			t.Logf("%v for %d kB, %v for %d kB; %.1f times as much memory", quarter.Round(time.Millisecond/10), most/4>>10, whole.Round(time.Millisecond/10), most>>10,
				float64(used)/float64(len(data)))
			if ratio := float64(whole) / float64(max(quarter, time.Millisecond)); ratio > 10 {
				t.Errorf("four times the bytes take %.1f times as long", ratio)
			}
			if used > maxMemory(len(data)) && slowdown == 1 {
				t.Errorf("%d bytes of memory for %d", used, len(data))
			}
		})
	}
}

// laughs is a document whose entities would stand for a thousand million words.
func laughs() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE ClinicalDocument [<!ENTITY lol0 "lol">`)
	for i := 1; i <= 9; i++ {
		fmt.Fprintf(&b, `<!ENTITY lol%d "%s">`, i, strings.Repeat(fmt.Sprintf("&lol%d;", i-1), 10))
	}
	b.WriteString(`<!ENTITY secret SYSTEM "file:///etc/passwd">`)
	b.WriteString(`]><ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><title>Plan</title><text>&lol9; &secret; rest</text></section></component></structuredBody></component></ClinicalDocument>`)
	return b.String()
}

// What is made to exhaust a reader is done or refused in time and memory.
func TestBombs(t *testing.T) {
	for name, bomb := range map[string]struct {
		data        func() []byte
		contentType string
		want        error
		words       string // of the text
	}{
		"100 MB of base64 in a C-CDA document": {func() []byte {
			return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/plain" representation="B64">` + strings.Repeat("QUFB", 25<<20) + `</text></nonXMLBody></component></ClinicalDocument>`)
		}, "text/xml", note.ErrTooLong, ""},
		"the most base64 that is read": {func() []byte {
			return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/plain" representation="B64">` + strings.Repeat("QUFB", 5<<20) + `</text></nonXMLBody></component></ClinicalDocument>`)
		}, "text/xml", note.ErrTooLong, ""},
		"10,000 groups of RTF in each other": {func() []byte {
			return []byte(`{\rtf1 ` + strings.Repeat("{", 10_000) + "gout" + strings.Repeat("}", 10_000) + "}")
		}, "application/rtf", note.ErrDamaged, ""},
		"a table of 100,000 cells": {func() []byte {
			return []byte("<table>" + strings.Repeat("<tr>"+strings.Repeat("<td>gout</td>", 100)+"</tr>", 1000) + "</table>")
		}, "text/html", nil, "gout\tgout"},
		"a row of 100,000 cells": {func() []byte {
			return []byte("<table><tr>" + strings.Repeat("<td>gout</td>", 100_000) + "</tr></table>")
		}, "text/html", nil, "gout\tgout"},
		"10^9 expansions": {func() []byte { return []byte(laughs()) }, "text/xml", nil, "&lol9; &secret; rest"},
		"10^9 expansions, in a page": {func() []byte {
			return []byte(strings.Replace(laughs(), "ClinicalDocument [", "html [", 1))
		}, "text/html", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := bomb.data()
			var text note.Text
			var err error
			begun := time.Now()
			used := peak(func() { text, _, err = note.Decoder{}.Decode(context.Background(), data, bomb.contentType) })
			took := time.Since(begun)
			t.Logf("%v, %d MB, %v", took.Round(time.Millisecond), used>>20, err)
			if took > 2*time.Second*slowdown || used > 200<<20 {
				t.Errorf("%v and %d MB", took, used>>20)
			}
			if bomb.want != nil && !errors.Is(err, bomb.want) || bomb.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, bomb.want)
			}
			if !strings.Contains(text.Body, bomb.words) || strings.Contains(text.Body, "root:") || strings.Contains(text.Body, "lollol") {
				t.Errorf("the text is %.200q", text.Body)
			}
		})
	}
}

// BenchmarkDecode says how many bytes of each format are read in a second, one processor.
func BenchmarkDecode(b *testing.B) {
	rtf := string(read(b, attachments+"/progress-word.rtf"))
	page, document := string(read(b, attachments+"/visit-summary.html")), string(read(b, attachments+"/referral.xml"))
	plain := string(read(b, attachments+"/visit-summary.expect.txt"))
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(rtf, 20)))
	for _, format := range []struct {
		name, contentType, data string
	}{
		{"text/UTF-8", "text/plain; charset=utf-8", strings.Repeat(plain, 50)},
		{"text/windows-1252", "text/plain; charset=windows-1252", strings.Repeat("Temperature 37.1 \xb0C, patient\x92s cough is better. ", 2000)},
		{"text/UTF-16", "text/plain; charset=utf-16le", strings.Repeat("G\x00o\x00u\x00t\x00 \x00", 20_000)},
		{"HTML", "text/html", strings.Repeat(page, 20)},
		{"C-CDA", "text/xml", strings.Repeat(document, 10)},
		{"RTF", "application/rtf", strings.Repeat(rtf, 10)},
		{"RTF in C-CDA", "text/xml", `<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/rtf" representation="B64">` + encoded + `</text></nonXMLBody></component></ClinicalDocument>`},
	} {
		b.Run(format.name, func(b *testing.B) {
			data := []byte(format.data)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := (note.Decoder{}).Decode(context.Background(), data, format.contentType); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
