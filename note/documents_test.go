package note_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/note"

	"github.com/google/go-cmp/cmp"
)

const attachments = "../fixtures/attachments"

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every document on file has the words that it is expected to have, in their order, and rows of tables on one line.
func TestDocuments(t *testing.T) {
	types := map[string]string{".html": "text/html", ".rtf": "application/rtf", ".xml": "text/xml"}
	for _, path := range glob(t, attachments+"/*") {
		contentType := types[filepath.Ext(path)]
		if contentType == "" {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, remarks, err := note.Decoder{}.Decode(context.Background(), read(t, path), contentType)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(remarks)
			checkText(t, text, string(read(t, strings.TrimSuffix(path, filepath.Ext(path))+".expect.txt")))
		})
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(paths))
	}
	return paths
}

func checkText(t *testing.T, text note.Text, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(text.Body)); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	if strings.Contains(text.Body, "NOTSEEN") {
		t.Error("what is hidden was read")
	}
	folded := strings.NewReplacer("\r\r", " ", "\r", " ").Replace(text.Body) // lines in cells
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); strings.Contains(line, "\t") && !strings.Contains(folded, line) {
			t.Errorf("not on one line: %q", line)
		}
	}
	if !utf8.ValidString(text.Body) || strings.Contains(text.Body, "\n\n\n") {
		t.Errorf("the text is not well laid out: %q", text.Body)
	}
}
