package main

// In the package itself: what is tested is the whole program, which a main package does not export.

import (
	"bytes"
	"context"
	"encoding/json"
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
	os.Exit(m.Run())
}

// program runs charthand in this process.
func program(t *testing.T, in string, args ...string) (out, messages string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(in), &stdout, &stderr})
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

// facts lists the facts of a Bundle as "Type words", with the result of an Observation left out.
func facts(t *testing.T, bundle []byte) map[string]bool {
	t.Helper()
	var decoded struct {
		Entry []struct {
			Resource struct {
				ResourceType              string
				Code                      struct{ Text string }
				MedicationCodeableConcept struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal(bundle, &decoded); err != nil {
		t.Fatalf("%v: %.200s", err, bundle)
	}
	found := map[string]bool{}
	for _, e := range decoded.Entry {
		if r := e.Resource; r.ResourceType != "Device" && r.ResourceType != "Provenance" {
			found[r.ResourceType+" "+strings.ToLower(r.Code.Text+r.MedicationCodeableConcept.Text)] = true
		}
	}
	return found
}

// The model inside finds, in notes that it was not trained on, most of the facts that were marked by hand.
func TestExtractFindsTheFacts(t *testing.T) {
	names := fixtures.Names(t)
	args := []string{"extract"}
	for _, name := range names {
		args = append(args, filepath.Join("..", "..", "fixtures", "documents", name+".json"))
	}
	out, messages, code := program(t, "", args...)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%d lines for %d documents", len(lines), len(names))
	}
	hits, expected, given := 0, 0, 0
	for i, name := range names {
		want, got := facts(t, fixtures.Bundle(name)), facts(t, []byte(lines[i]))
		expected, given = expected+len(want), given+len(got)
		for fact := range want {
			if got[fact] {
				hits++
			}
		}
	}
	precision, recall := float64(hits)/float64(given), float64(hits)/float64(expected)
	t.Logf("%d facts marked, %d found, %d of them right: precision %.2f, recall %.2f", expected, given, hits, precision, recall)
	// Far below what was measured: this is to notice a model or a path that is broken, not to rank models.
	if precision < 0.5 || recall < 0.5 {
		t.Errorf("precision %.2f, recall %.2f: something is broken", precision, recall)
	}
	want := []string{"Condition bleeding", "Procedure salpingo-oophorectomy", "MedicationStatement cisplatin", "MedicationStatement ondansetron"}
	got := facts(t, []byte(lines[0]))
	for _, fact := range want {
		if !got[fact] {
			t.Errorf("%s: %q was not found in %v", names[0], fact, got)
		}
	}
}

func TestExtractToFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	document := filepath.Join("..", "..", "fixtures", "documents", "cervical-cancer.json")
	out, messages, code := program(t, "", "extract", "--out-dir", folder, document, document)
	if code != exitDone || out != "" {
		t.Fatalf("exit code %d, output %q: %s", code, out, messages)
	}
	for _, name := range []string{"cervical-cancer.json", "cervical-cancer-cervical-cancer.json"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(facts(t, data)) == 0 {
			t.Errorf("%s holds no facts", name)
		}
	}
	if !strings.Contains(messages, "DOCUMENT") || !regexp.MustCompile(`cervical-cancer +705 `).MatchString(messages) {
		t.Errorf("no table:\n%s", messages)
	}
}

// Of several documents one that fails has no line; the others have, in order, and the outcome file names all.
func TestExtractNDJSON(t *testing.T) {
	good := compact(t, fixtures.Document(t, "nursing-phone-note"))
	file := save(t, "notes.ndjson", good+"\n{broken\n\n"+`{"resourceType":"Patient"}`+"\n"+good+"\n")
	outcomes, bundles := filepath.Join(t.TempDir(), "outcomes.ndjson"), filepath.Join(t.TempDir(), "bundles.ndjson")
	out, messages, code := program(t, "", "extract", "--outcome", outcomes, "--out", bundles, file)
	if code != exitFailed || out != "" {
		t.Fatalf("exit code %d, output %q: %s", code, out, messages)
	}
	if !strings.Contains(messages, "notes.ndjson:2:") || !strings.Contains(messages, "notes.ndjson:4:") {
		t.Errorf("the failures are not named:\n%s", messages)
	}
	for path, want := range map[string]int{bundles: 2, outcomes: 4} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(data, []byte("\n")); got != want {
			t.Errorf("%s has %d lines, want %d", filepath.Base(path), got, want)
		}
	}
}

// An input that cannot be read does not lose what the others gave.
func TestExtractGoesOn(t *testing.T) {
	good := filepath.Join("..", "..", "fixtures", "documents", "nursing-phone-note.json")
	bundles := filepath.Join(t.TempDir(), "bundles.ndjson")
	_, messages, code := program(t, "", "extract", "--out", bundles, good, "nowhere.json", t.TempDir(), good)
	if code != exitFailed || !strings.Contains(messages, "nowhere.json") || !strings.Contains(messages, "is a directory") {
		t.Errorf("exit code %d: %s", code, messages)
	}
	data, err := os.ReadFile(bundles)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(data, []byte("\n")); got != 2 {
		t.Errorf("%d Bundles, want 2", got)
	}
}

// Two Bundles never take one file name.
func TestExtractToFolderNames(t *testing.T) {
	two := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":DOC},{"resource":DOC}]}`
	document := `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":{"data":"cGFpbg=="}}]}`
	folder := t.TempDir()
	_, messages, code := program(t, "", "extract", "--out-dir", folder, save(t, "a.json", strings.ReplaceAll(two, "DOC", document)), save(t, "a-2.json", document), save(t, "a.json", document))
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("%d files for 4 Bundles:\n%s", len(files), messages)
	}
	// Nor that of an input.
	in := save(t, "in.json", document)
	if _, messages, code := program(t, "", "extract", "--out-dir", filepath.Dir(in), in); code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	if left, err := os.ReadFile(in); err != nil || string(left) != document {
		t.Errorf("the input was written over: %v", err)
	}
}

// A broken first line does not make one value of all the others.
func TestExtractBrokenFirstLine(t *testing.T) {
	good := compact(t, fixtures.Document(t, "nursing-phone-note"))
	out, messages, code := program(t, "garbage\n"+good+"\n"+good+"\n", "extract", "-")
	if code != exitFailed || strings.Count(out, "\n") != 2 || !strings.Contains(messages, "charthand: -: ") {
		t.Errorf("exit code %d, %d lines: %s", code, strings.Count(out, "\n"), messages)
	}
}

func TestExtractSameFileTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, messages, code := program(t, "", "extract", "--out", path, "--outcome", path, "-"); code != exitUsage || !strings.Contains(messages, "same file") {
		t.Errorf("exit code %d: %s", code, messages)
	}
}

// --subject is for documents that name no patient, not for those whose patient cannot be referred to.
func TestSubjectIsNotReplaced(t *testing.T) {
	document := `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Practitioner/1"},"content":[{"attachment":{"data":"cGFpbg=="}}]}`
	if out, messages, code := program(t, document, "extract", "--subject", "Patient/9", "-"); code != exitFailed || out != "" {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
}

// A link or a pipe is written to; it is not replaced by a file.
func TestExtractToSpecialFiles(t *testing.T) {
	document := filepath.Join("..", "..", "fixtures", "documents", "nursing-phone-note.json")
	target := save(t, "target.ndjson", "old")
	link := filepath.Join(t.TempDir(), "link.ndjson")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte, 1)
	go func() {
		data, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- data
	}()
	if _, messages, code := program(t, "", "extract", "--out", link, "--outcome", pipe, document); code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	if !bytes.Contains(<-read, []byte("OperationOutcome")) {
		t.Error("nothing came through the pipe")
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
		t.Errorf("the link is gone: %v, %v", info.Mode(), err)
	}
	if data, err := os.ReadFile(target); err != nil || !bytes.Contains(data, []byte("transaction")) {
		t.Errorf("the file behind the link: %.50s, %v", data, err)
	}
}

// A byte order mark and blank lines are no part of what stands in a file.
func TestByteOrderMark(t *testing.T) {
	good := compact(t, fixtures.Document(t, "nursing-phone-note"))
	for name, test := range map[string]struct {
		in   string
		want int
	}{"one": {"\ufeff" + good, 1}, "lines": {"\ufeff" + good + "\n" + good, 2}, "blank first": {"\n\n" + good, 1}} {
		out, messages, code := program(t, test.in, "extract", "-")
		if got := strings.Count(out, "\n"); code != exitDone || got != test.want {
			t.Errorf("%s: exit code %d, %d lines, want %d: %s", name, code, got, test.want, messages)
		}
	}
	out, _, _ := program(t, "\ufeffChest pain.", "annotate", "-")
	if !strings.Contains(out, `"text":"Chest pain."`) {
		t.Error(out)
	}
}

func TestExtractStandardInput(t *testing.T) {
	out, messages, code := program(t, string(fixtures.Document(t, "cervical-cancer")), "extract", "-")
	if code != exitDone || len(facts(t, []byte(out))) == 0 {
		t.Errorf("exit code %d: %s", code, messages)
	}
}

func TestExtractSubject(t *testing.T) {
	document := `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"U2V2ZXJlIGNoZXN0IHBhaW4u"}}]}`
	if _, messages, code := program(t, document, "extract", "-"); code != exitFailed || !strings.Contains(messages, "DocumentReference.subject") {
		t.Errorf("without a subject: exit code %d: %s", code, messages)
	}
	if out, messages, code := program(t, document, "extract", "--subject", "Patient/9", "-"); code != exitDone || !strings.Contains(out, `"Patient/9"`) {
		t.Errorf("with --subject: exit code %d: %s", code, messages)
	}
	if _, messages, code := program(t, document, "extract", "--subject", "nine", "-"); code != exitUsage || !strings.Contains(messages, "--subject") {
		t.Errorf("with a wrong --subject: exit code %d: %s", code, messages)
	}
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
			if e.Negated != nil {
				t.Errorf("%s: a field that no stage fills is there", name)
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

func compact(t *testing.T, data []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
