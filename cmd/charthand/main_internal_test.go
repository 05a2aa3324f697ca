package main

// In the package itself: what is tested is the whole program, which a main package does not export.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"charthand/fixtures"
)

// asProgram makes the test binary be charthand itself, for tests that need a process.
const asProgram = "CHARTHAND_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(inOwnFolder(m))
}

// inOwnFolder runs the tests with a data folder of their own: what somebody has imported on this machine changes no answer.
func inOwnFolder(m *testing.M) int {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Setenv("XDG_DATA_HOME", folder); err != nil {
		panic(err)
	}
	code := m.Run()
	if found := ofNotes(told.String()); len(found) > 0 {
		fmt.Printf("FAIL: what charthand has told of itself during these tests has words of notes: %q\n", found)
		shown := 0
		for line := range strings.Lines(told.String()) {
			if shown < 3 && len(ofNotes(line)) > 0 {
				fmt.Printf("%.2000s", line)
				shown++
			}
		}
		return max(code, 1)
	}
	return code
}

// program runs charthand in this process.
func program(t *testing.T, in string, args ...string) (out, messages string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(in), &stdout, io.MultiWriter(&stderr, &told)})
	return stdout.String(), stderr.String(), code
}

// save writes a file into a folder of the test's own.
func save(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnnotate(t *testing.T) {
	type annotation struct {
		ID       string
		Text     string
		Entities []struct {
			Label, Text string
			Start, End  int
			Negated     *bool
		}
		Coverage struct{ Characters, Read int }
	}
	text := "🙂 Severe chest pain, given aspirin."
	document := `{"resourceType":"DocumentReference","id":"d1","status":"current","content":[{"attachment":{"data":"U2V2ZXJlIGNoZXN0IHBhaW4u"}}]}`
	for name, test := range map[string]struct {
		in, id string
		flags  []string
	}{
		"text":     {text, "", nil},
		"ndjson":   {`{"id":"7","text":"🙂 Severe chest pain, given aspirin."}`, "7", []string{"--ndjson"}},
		"document": {document, "d1", []string{"--document"}},
	} {
		out, messages, code := program(t, test.in, append(append([]string{"annotate"}, test.flags...), "-")...)
		if code != exitDone {
			t.Fatalf("%s: exit code %d: %s", name, code, messages)
		}
		var a annotation
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			t.Fatal(err)
		}
		if a.ID != test.id || len(a.Entities) == 0 || a.Coverage.Read == 0 {
			t.Errorf("%s: %s", name, out)
		}
		runes := []rune(a.Text)
		for _, e := range a.Entities {
			if got := string(runes[e.Start:e.End]); got != e.Text {
				t.Errorf("%s: characters %d to %d are %q, the entity says %q", name, e.Start, e.End, got, e.Text)
			}
			if judged := e.Label == "Sign_symptom" || e.Label == "Medication"; judged != (e.Negated != nil) {
				t.Errorf("%s: %s: judged is %t, and the field says otherwise", name, e.Label, judged)
			}
		}
	}
}

func TestAnnotateBadLines(t *testing.T) {
	out, messages, code := program(t, "{\"id\":\"1\",\"text\":\"ok\"}\nnope\n{\"id\":\"3\"}\n{\"id\":\"4\",\"text\":\"\\ud800 lone\\u0000\"}\n", "annotate", "--ndjson", "-")
	if code != exitFailed || strings.Count(out, "\n") != 2 {
		t.Errorf("exit code %d, %d lines", code, strings.Count(out, "\n"))
	}
	for _, want := range []string{"line 2:", "line 3:"} {
		if !strings.Contains(messages, want) {
			t.Errorf("%q is not in %q", want, messages)
		}
	}
}

func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help":            {[]string{"--help"}, exitDone, "extract"},
		"nothing":         {nil, exitDone, "Usage: charthand"},
		"version":         {[]string{"version"}, exitDone, "charthand " + version},
		"unknown command": {[]string{"extrakt"}, exitUsage, "extrakt"},
		"unknown flag":    {[]string{"extract", "--colour", "-"}, exitUsage, "--colour"},
		"no file":         {[]string{"extract"}, exitUsage, "<files>"},
		"missing file":    {[]string{"extract", "nowhere.json"}, exitFailed, "nowhere.json"},
		"a folder":        {[]string{"extract", "."}, exitFailed, "is a directory"},
		"empty input":     {[]string{"extract", "-"}, exitFailed, "the input is empty"},
		"no text":         {[]string{"annotate", "nowhere.txt"}, exitUsage, "nowhere.txt"},
		"version of":      {[]string{"version", "--model", "nowhere"}, exitUsage, "model.onnx: missing"},
		"missing model":   {[]string{"extract", "--model", "nowhere", "-"}, exitUsage, "tokenizer.json: missing"},
		"small window":    {[]string{"annotate", "--window", "3", "-"}, exitUsage, "a window of 3 tokens"},
		"both forms":      {[]string{"annotate", "--ndjson", "--document", "-"}, exitUsage, "exclude"},
		"written twice":   {[]string{"serve", "--fhir-base", "http://localhost:1/fhir", "--write", "post"}, exitUsage, "would be written twice"},
		"no such address": {[]string{"serve", "--listen", "256.0.0.1:1"}, exitUsage, "256.0.0.1"},
	} {
		out, messages, code := program(t, "", test.args...)
		if code != test.code || !strings.Contains(out+messages, test.want) {
			t.Errorf("%s: exit code %d, want %d; want %q in:\n%s%s", name, code, test.code, test.want, out, messages)
		}
	}
}

// A library that cannot be opened is one sentence that says what to do.
func TestLibraryThatDoesNotOpen(t *testing.T) {
	wrong := save(t, "libonnxruntime.so", "no library")
	command := exec.Command(os.Args[0], "annotate", "-")
	command.Env = append(os.Environ(), asProgram+"=1", "CHARTHAND_ONNXRUNTIME="+wrong)
	output, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() != exitUsage {
		t.Fatalf("%v: %s", err, output)
	}
	for _, want := range []string{"cannot open the ONNX Runtime library " + wrong, "CHARTHAND_ONNXRUNTIME", "unset it"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("want %q in %s", want, output)
		}
	}
}

// Nothing is written beside the output: the inference library's published builds keep a device id and a database of events in
// the user's folders, and send them, unless they are told not to before they are opened.
func TestNothingIsWrittenBesideTheOutput(t *testing.T) {
	home := t.TempDir()
	command := exec.Command(os.Args[0], "annotate", "-")
	command.Stdin = strings.NewReader("Severe chest pain.")
	command.Env = []string{asProgram + "=1", "HOME=" + home, "PATH="}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	left, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s was written into the home folder", left[0].Name())
	}
}

// The whole program as a process: it serves, answers, and ends in order when it is told to.
func TestServe(t *testing.T) {
	command := exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0")
	command.Env = append(os.Environ(), asProgram+"=1")
	pipe, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Process.Kill()
	var first [200]byte
	n, err := io.ReadAtLeast(pipe, first[:], 60)
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(first[:n]))
	logged := make(chan []byte, 1)
	go func() {
		rest, _ := io.ReadAll(pipe)
		logged <- rest
	}()
	response, err := http.Post(address+"/fhir/DocumentReference/$extract", "application/fhir+json", bytes.NewReader(fixtures.Document(t, "cervical-cancer")))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || len(facts(t, body)) == 0 {
		t.Errorf("%v, %s: %.200s", err, response.Status, body)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := string(<-logged)
	if err := command.Wait(); err != nil {
		t.Errorf("%v: %s", err, log)
	}
	if !strings.Contains(log, `"status":200`) || strings.Contains(log, "hysterectomy") {
		t.Errorf("the log: %s", log)
	}
}
