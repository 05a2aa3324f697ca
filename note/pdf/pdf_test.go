package pdf_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
