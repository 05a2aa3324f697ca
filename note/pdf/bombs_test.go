package pdf_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"charthand/note"
)

// document writes a PDF of some objects; the first is the catalog, the second the tree of pages.
func document(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	places := make([]int, len(objects))
	for i, o := range objects {
		places[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}

// onePage writes a PDF of one page, whose content and resources are given; more are objects from number 6 on.
func onePage(content, resources string, more ...string) []byte {
	return document(append([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>" + resources + ">>>>",
		content, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, more...)...)
}

func stream(dictionary, content string) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", dictionary, len(content), content)
}

// packed compresses a piece, repeated, as many times over as asked.
func packed(piece string, repeated, times int) string {
	var content string
	for i := range times {
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
		if i == 0 {
			block := strings.Repeat(piece, 1000)
			for range repeated / 1000 {
				_, _ = io.WriteString(w, block)
			}
		} else {
			_, _ = io.WriteString(w, content)
		}
		_ = w.Close()
		content = b.String()
	}
	return stream("/Filter["+strings.Repeat("/FlateDecode", times)+"]", content)
}

const begin = "BT /F1 9 Tf 72 720 Td "

// memory gives the present memory of this process and those that it has begun, in bytes, as the system counts it.
func memory() (total int) {
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range statuses {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		value := func(name string) int {
			_, rest, found := strings.Cut(string(status), "\n"+name+":")
			if !found {
				return -1
			}
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
		if value("Pid") == os.Getpid() || value("PPid") == os.Getpid() {
			total += max(0, value("VmRSS")) << 10
		}
	}
	return total
}

// What is made to exhaust a reader is refused, or read, in time and memory; the reader works on.
func TestBombs(t *testing.T) {
	if err := reader.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	forms := func(breadth, depth int) []byte {
		var more []string
		for level := range depth {
			content := "BT /F1 9 Tf (gout) Tj ET"
			resources := "/Font<</F1 5 0 R>>"
			if level < depth-1 {
				content = strings.Repeat("/X Do ", breadth)
				resources += fmt.Sprintf("/XObject<</X %d 0 R>>", 7+level)
			}
			more = append(more, stream("/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<<"+resources+">>", content))
		}
		return onePage(stream("", "/X Do"), "/XObject<</X 6 0 R>>", more...)
	}
	for name, bomb := range map[string]struct {
		data []byte
		want []error // one of them; nil where it may be read
	}{
		"blanks that unpack to 256 MB":             {onePage(packed(" ", 256<<20, 1), ""), []error{note.ErrNoTextLayer, note.ErrDamaged, note.ErrTooLong}},
		"blanks packed twice, 256 MB":              {onePage(packed(" ", 256<<20, 2), ""), []error{note.ErrNoTextLayer, note.ErrDamaged, note.ErrTooLong}},
		"words that unpack to 100 MB":              {onePage(packed("BT /F1 9 Tf (gout) Tj ET ", 4<<20, 1), ""), []error{note.ErrDamaged, note.ErrTooLong}},
		"one line of ten million characters":       {onePage(packed(begin+"("+strings.Repeat("gout ", 2000)+") Tj ET ", 1000, 1), ""), []error{note.ErrDamaged, note.ErrTooLong}},
		"10^9 words, by forms in forms":            {forms(10, 10), []error{note.ErrDamaged, note.ErrTooLong}},
		"2^30 words, by forms in forms":            {forms(2, 31), []error{note.ErrDamaged, note.ErrTooLong}},
		"a form in itself":                         {onePage(stream("", "/X Do"), "/XObject<</X 6 0 R>>", stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>", strings.Repeat("/X Do ", 1000))), []error{note.ErrNoTextLayer, note.ErrTooLong, note.ErrDamaged}},
		"100,000 pages":                            {document("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 100000/Kids["+strings.Repeat("3 0 R ", 100_000)+"]>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"), []error{note.ErrTooLong}},
		"pages in themselves":                      {document("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>"), []error{note.ErrDamaged, note.ErrNoTextLayer}},
		"a picture of 20 MB":                       {onePage(stream("", begin+"(Gout.) Tj ET /X Do"), "/XObject<</X 6 0 R>>", stream("/Type/XObject/Subtype/Image/Width 9000/Height 2200/BitsPerComponent 8/ColorSpace/DeviceGray", strings.Repeat("x", 19_800_000))), nil},
		"arrays in arrays":                         {onePage(stream("", strings.Repeat("[", 1<<20)), ""), []error{note.ErrNoTextLayer, note.ErrDamaged, note.ErrTooLong}},
		"nothing but its first bytes":              {[]byte("%PDF-1.7\n"), []error{note.ErrDamaged}},
		"three million objects that are not there": {append([]byte("%PDF-1.7\n"), strings.Repeat("1 0 obj\n", 3<<20-9)...), []error{note.ErrTooLong, note.ErrDamaged}},
	} {
		t.Run(name, func(t *testing.T) {
			var text note.Text
			var err error
			for try := range 3 { // other work on the machine is no fault of the reader's
				var took time.Duration
				var used int
				text, took, used, err = measured(t, bomb.data)
				t.Logf("%d bytes: %v, %d MB, %v", len(bomb.data), took.Round(time.Millisecond), used, err)
				if took <= 2*time.Second && used <= 200 || slowdown > 1 {
					break
				}
				if try == 2 {
					t.Errorf("%v and %d MB", took, used)
				}
			}
			if bomb.want == nil {
				if err != nil || !strings.Contains(text.Body, "Gout.") {
					t.Errorf("got %q, %v", text.Body, err)
				}
				return
			}
			for _, want := range bomb.want {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("got %v", err)
		})
	}
	if text, _, err := decode(t, "table.pdf"); err != nil || text.Body == "" {
		t.Errorf("after the bombs: %v", err)
	}
}

// measured reads a PDF, and says how long that took and how many megabytes more the process had meanwhile.
func measured(t *testing.T, data []byte) (text note.Text, took time.Duration, used int, err error) {
	t.Helper()
	before, highest := memory(), 0
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			highest = max(highest, memory())
			time.Sleep(2 * time.Millisecond)
		}
	}()
	begun := time.Now()
	text, _, err = note.Decoder{PDF: reader}.Decode(t.Context(), data, "application/pdf")
	took = time.Since(begun)
	stop()
	<-watched
	return text, took, max(highest-before, 0) >> 20, err
}

func FuzzPDF(f *testing.F) {
	for _, path := range []string{"table.pdf", "two-columns.pdf", "rotated.pdf", "owner-locked.pdf", "encrypted.pdf"} {
		data, err := os.ReadFile(attachments + path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(onePage(stream("", begin+"(Gout) Tj 100 0 Td (fever) Tj ET"), ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("over the size cap")
		}
		text, _, err := note.Decoder{PDF: reader}.Decode(t.Context(), append([]byte("%PDF-1.7\n"), data...), "application/pdf")
		if err != nil {
			return
		}
		last := 1
		for i := range text.Body {
			at := text.Position(i, i+1)
			if at.Page < last {
				t.Fatalf("byte %d is on page %d, the one before on %d", i, at.Page, last)
			}
			last = at.Page
		}
	})
}

// BenchmarkDecode says how many bytes of PDF are read in a second, one processor.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"discharge-chromium.pdf", "two-columns-libreoffice.pdf", "table.pdf"} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile(attachments + name)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := (note.Decoder{PDF: reader}).Decode(context.Background(), data, "application/pdf"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
