package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A run over a long file that was broken off goes on where it stopped, and gives what a whole run gives.
func TestResume(t *testing.T) {
	const notes = 400
	var lines strings.Builder
	for i := range notes {
		text := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "Note %d. Has gout and asthma. Takes lisinopril 10 mg daily. %s", i, strings.Repeat("Seen in clinic. ", 40)))
		id := fmt.Sprintf("n%03d", i)
		if i%50 == 7 {
			text = "" // refused
		}
		fmt.Fprintln(&lines, report(id, `{"contentType":"text/plain","data":"`+text+`"}`))
	}
	in := save(t, "notes.ndjson", lines.String())
	out, outcomes := filepath.Join(t.TempDir(), "out.ndjson"), filepath.Join(t.TempDir(), "outcomes.ndjson")
	args := []string{"extract", "--resume", "--out", out, "--outcome", outcomes, in}
	broken := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int, 1)
		var messages bytes.Buffer
		go func() {
			done <- run(ctx, args, streams{strings.NewReader(""), io.Discard, io.MultiWriter(&messages, &told)})
		}()
		begun, code := time.Now(), -1
		for code < 0 {
			select {
			case code = <-done:
			case <-time.After(10 * time.Millisecond):
				if kept, err := os.Stat(out + ".part"); broken < 2 && err == nil && (kept.Size() > 0 || time.Since(begun) > time.Minute) {
					cancel()
				}
			}
		}
		cancel()
		if _, err := os.Stat(out); err == nil {
			if code != exitFailed || !strings.Contains(messages.String(), "392 documents, 8 refused") {
				t.Errorf("exit code %d: %s", code, &messages)
			}
			break
		}
		if broken++; broken > 2 {
			t.Fatalf("exit code %d: %s", code, &messages)
		}
		if _, err := os.Stat(out + ".resume"); err != nil {
			t.Fatalf("nothing to go on with: %v: %s", err, &messages)
		}
	}
	if broken == 0 {
		t.Error("the run was never broken off")
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	bundles := strings.Split(strings.TrimSpace(string(written)), "\n")
	said, err := os.ReadFile(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundles) != notes-notes/50 || strings.Count(string(said), "\n") != notes {
		t.Fatalf("%d Bundles and %d outcomes of %d notes", len(bundles), strings.Count(string(said), "\n"), notes)
	}
	next := 0
	for _, bundle := range bundles {
		if next%50 == 7 {
			next++
		}
		if !strings.Contains(bundle, fmt.Sprintf(`"DiagnosticReport/n%03d"`, next)) {
			t.Fatalf("the Bundle of n%03d is not in its place", next)
		}
		next++
	}
	for _, left := range []string{out + ".part", out + ".resume"} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("%s is still there", left)
		}
	}
	// Other inputs are no reason to go on.
	if err := os.WriteFile(out+".resume", []byte(`{"inputs":[{"name":"other"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, messages, code := program(t, "", args...); code != exitUsage || !strings.Contains(messages, "is not what it was") {
		t.Errorf("exit code %d: %s", code, messages)
	}
	if _, messages, code := program(t, "", "extract", "--resume", in); code != exitUsage || !strings.Contains(messages, "--out") {
		t.Errorf("exit code %d: %s", code, messages)
	}
}
