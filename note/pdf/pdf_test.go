package pdf_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"charthand/note"
	"charthand/note/pdf"

	"github.com/google/go-cmp/cmp"
)

var reader *pdf.Reader

func TestMain(m *testing.M) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	reader = pdf.New(filepath.Join(cache, "charthand", "pdfium"))
	code := m.Run()
	reader.Close()
	os.Exit(code)
}

const attachments = "../../fixtures/attachments/"

func decode(t testing.TB, name string) (note.Text, []string, error) {
	t.Helper()
	data, err := os.ReadFile(attachments + name)
	if err != nil {
		t.Fatal(err)
	}
	return note.Decoder{PDF: reader}.Decode(context.Background(), data, "application/pdf")
}

// The words of real documents come in the order in which people read them.
func TestReadingOrder(t *testing.T) {
	for name, expected := range map[string]string{
		"two-columns.pdf": "two-columns", "two-columns-libreoffice.pdf": "two-columns-libreoffice",
		"shuffled.pdf": "shuffled", "table.pdf": "table", "owner-locked.pdf": "owner-locked", "rotated.pdf": "rotated",
	} {
		t.Run(name, func(t *testing.T) {
			text, remarks, err := decode(t, name)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(remarks)
			want, err := os.ReadFile(attachments + expected + ".expect.txt")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(string(want)), strings.Fields(text.Body)); diff != "" {
				t.Errorf("words (-want +got):\n%s\n%s", diff, text.Body)
			}
		})
	}
}

// Running headers and footers are read once, and ligatures as letters.
func TestRunningHeaders(t *testing.T) {
	text, remarks, err := decode(t, "discharge-chromium.pdf")
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(attachments + "discharge-chromium.body.expect.txt")
	if err != nil {
		t.Fatal(err)
	}
	header, footer := "Example Valley Hospital\tPatient ID TEST-002046", "Page 1 of 3"
	for _, once := range []string{header, footer, "fibrillation with rapid"} {
		if strings.Count(text.Body, once) != 1 {
			t.Errorf("%q is there %d times", once, strings.Count(text.Body, once))
		}
	}
	rest := strings.Replace(strings.Replace(text.Body, header, "", 1), footer, "", 1)
	if diff := cmp.Diff(strings.Fields(string(body)), strings.Fields(rest)); diff != "" {
		t.Errorf("words (-want +got):\n%s\n%s", diff, text.Body)
	}
	if diff := cmp.Diff([]string{"4 lines at the top or bottom of pages repeat those of another page, and were read once"}, remarks); diff != "" {
		t.Error(diff)
	}
	if at := text.Position(strings.Index(text.Body, "Potassium"), strings.Index(text.Body, "Potassium")+9); at.Page != 2 || at.Start != -1 {
		t.Errorf("Potassium stands at %+v", at)
	}
}

func TestRefuses(t *testing.T) {
	for name, want := range map[string]error{"scanned.pdf": note.ErrNoTextLayer, "encrypted.pdf": note.ErrEncrypted} {
		if _, _, err := decode(t, name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// A cache that is damaged is done without, and made anew.
func TestDamagedCache(t *testing.T) {
	if testing.Short() || slowdown > 1 {
		t.Skip("compiling PDFium takes long under the race detector")
	}
	folder := filepath.Join(t.TempDir(), "cache")
	read := func() error {
		r := pdf.New(folder)
		defer r.Close()
		data, err := os.ReadFile(attachments + "table.pdf")
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.ReadPDF(t.Context(), data)
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	compiled, err := filepath.Glob(folder + "/*/*")
	if err != nil || len(compiled) != 1 {
		t.Fatalf("the cache holds %q, %v", compiled, err)
	}
	if err := os.Truncate(compiled[0], 1000); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Errorf("with a damaged cache: %v", err)
	}
	if err := read(); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// A reader that is closed says so, and a process that was killed while it was idle costs no document.
func TestProcesses(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	r := pdf.New(filepath.Join(cache, "charthand", "pdfium"))
	if err := r.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(attachments + "table.pdf")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, child := range children(t) {
			if err := syscall.Kill(child, signal); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.ReadPDF(t.Context(), data); err != nil {
			t.Errorf("after %v: %v", signal, err)
		}
	}
	r.Close()
	if _, err := r.ReadPDF(t.Context(), data); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after it was closed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reader.ReadPDF(ctx, data); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// children gives the processes that this one has begun.
func children(t *testing.T) (found []int) {
	t.Helper()
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil || len(statuses) == 0 {
		t.Skip("the system does not say which processes there are")
	}
	for _, path := range statuses {
		status, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			var pid int
			if _, err := fmt.Sscanf(path, "/proc/%d/status", &pid); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found
}

// Tables and forms stay rows, columns of running text do not run into each other, and what is turned comes last.
func TestLayouts(t *testing.T) {
	at := func(x, y int, words string) string { return fmt.Sprintf("1 0 0 1 %d %d Tm (%s) Tj ", x, y, words) }
	rows := func(step int, pairs ...[2]string) string {
		var b strings.Builder
		for i, pair := range pairs {
			b.WriteString(at(72, 700-step*i, pair[0]) + at(320, 700-step*i, pair[1]))
		}
		return b.String()
	}
	for name, test := range map[string]struct{ content, want string }{
		"a table of drugs": {
			rows(20, [2]string{"Lisinopril 10 mg tablets", "STOPPED because of angioedema"}, [2]string{"Warfarin 5 mg tablets daily", "HELD before the procedure now"},
				[2]string{"Metformin 500 mg tablets", "Continued without any change"}, [2]string{"Aspirin 81 mg tablets daily", "STOPPED because of bleeding"}, [2]string{"Atorvastatin 40 mg tablets", "Continued without any change"}),
			"Lisinopril 10 mg tablets\tSTOPPED because of angioedema\nWarfarin 5 mg tablets daily\tHELD before the procedure now\nMetformin 500 mg tablets\tContinued without any change\n" +
				"Aspirin 81 mg tablets daily\tSTOPPED because of bleeding\nAtorvastatin 40 mg tablets\tContinued without any change\n",
		},
		"a margin": {
			at(72, 700, "Diagnosis: acute pancreatitis with") + at(72, 684, "necrosis, no infection.") + at(72, 668, "Started on meropenem 1 g IV") + at(72, 652, "every eight hours.") +
				"0 1 -1 0 40 600 Tm (FORM 1234 CONFIDENTIAL) Tj ",
			"Diagnosis: acute pancreatitis with\nnecrosis, no infection.\nStarted on meropenem 1 g IV\nevery eight hours.\n\nFORM 1234 CONFIDENTIAL\n",
		},
		"a watermark": {
			at(72, 700, "No fracture is seen.") + at(72, 684, "No effusion.") + "0.7 0.7 -0.7 0.7 200 600 Tm (COPY ONLY) Tj ",
			"No fracture is seen.\nNo effusion.\n\nCOPY ONLY\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, _, err := note.Decoder{PDF: reader}.Decode(t.Context(), onePage(stream("", "BT /F1 10 Tf "+test.content+"ET"), ""), "application/pdf")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, text.Body); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
