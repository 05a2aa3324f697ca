package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var when = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// write makes a file with its folders.
func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(content), mode)); err != nil {
		t.Fatal(err)
	}
}

// What lies in the archive does not depend on when, by whom and in which order the files were written.
func TestPackIsTheSameAgain(t *testing.T) {
	var archives [2]bytes.Buffer
	for i := range archives {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "a"), "first", []fs.FileMode{0o600, 0o644}[i])
		entries := []entry{{name: "a", from: filepath.Join(folder, "a")}, {name: "z", data: []byte("last")}, {name: "b/run", data: []byte("x"), executable: true}}
		if i == 1 {
			entries[0], entries[2] = entries[2], entries[0]
		}
		if err := pack(&archives[i], "charthand-1", entries, when); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("two archives of the same files differ")
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "x.tar.gz"), archives[0].String(), 0o600)
	if err := unpack(filepath.Join(folder, "x.tar.gz"), folder); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"a", "b/run", "z"} {
		path := filepath.Join(folder, "charthand-1", name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String()[:4] + " " + string(data)
	}
	if diff := cmp.Diff(map[string]string{"a": "-rw- first", "b/run": "-rwx x", "z": "-rw- last"}, got); diff != "" {
		t.Error(diff)
	}
}

// Secrets lie beside compose.yaml; nothing that git does not know gets into the archive, nor what only builds and tests.
func TestListLeavesSecretsOut(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"LICENSE", "docs/a.md", "deploy/compose.yaml", "deploy/compose/keys", "deploy/x_test.go", "deploy/Dockerfile", "deploy/.gitignore", "note/note.go"} {
		write(t, filepath.Join(root, name), "/compose/keys\n", 0o600)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}} {
		if said, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, said)
		}
	}
	entries, err := list(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.name)
	}
	if diff := cmp.Diff([]string{"charthand", "LICENSE", "deploy/compose.yaml", "docs/a.md"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckSums(t *testing.T) {
	out := t.TempDir()
	write(t, filepath.Join(out, "a"), "one", 0o600)
	if err := writeFile(filepath.Join(out, "SHA256SUMS"), func(w io.Writer) error { return sums(w, filepath.Join(out, "a")) }); err != nil {
		t.Fatal(err)
	}
	if err := checkSums(out); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(out, "a"), "two", 0o600)
	if err := checkSums(out); err == nil {
		t.Error("a changed file was not noticed")
	}
}

func TestBill(t *testing.T) {
	const root = "../.."
	binary := filepath.Join(root, "bin", "charthand")
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no bin/charthand to make a bill of: make build makes it")
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	program, err := ask(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	bill, err := newBill(t.Context(), root, info, program, when)
	if err != nil {
		t.Fatal(err)
	}
	var encoded bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&encoded, cyclonedx.BOMFileFormatJSON).EncodeVersion(bill, cyclonedx.SpecVersion1_6); err != nil {
		t.Fatal(err)
	}
	if err := checkBill(encoded.Bytes()); err != nil {
		t.Error(err)
	}
	checkSchema(t, encoded.Bytes())

	pins, err := os.ReadFile(filepath.Join(root, "nlp", "onnx", "native", "pins.sh"))
	if err != nil {
		t.Fatal(err)
	}
	runtime := regexp.MustCompile(`ONNXRUNTIME_VERSION=(\S+)`).FindStringSubmatch(string(pins))[1]
	got, refs := map[string]cyclonedx.Component{}, map[string]bool{}
	for _, component := range *bill.Components {
		got[component.Name] = component
		if refs[component.BOMRef] {
			t.Errorf("%s is there twice", component.BOMRef)
		}
		refs[component.BOMRef] = true
	}
	if c := got["onnxruntime"]; c.Version != runtime || c.Hashes == nil {
		t.Errorf("onnxruntime is %+v, want version %s with a digest", c, runtime)
	}
	if c := got["pdfium"]; c.Hashes == nil {
		t.Errorf("pdfium is %+v, want a digest", c)
	}
	if c := got[program.model]; c.Hashes == nil || (*c.Hashes)[0].Value != program.modelDigest {
		t.Errorf("the model is %+v, want the digest %s", c, program.modelDigest)
	}
	for _, dependency := range *bill.Dependencies {
		for _, ref := range *dependency.Dependencies {
			if !refs[ref] {
				t.Errorf("%s needs %s, which is no component", dependency.Ref, ref)
			}
		}
	}
}

// checkSchema holds a bill against CycloneDX's own JSON schema, which is in the module of the library.
func checkSchema(t *testing.T, encoded []byte) {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	for file, url := range map[string]string{
		"bom-1.6.schema.json":   "http://cyclonedx.org/schema/bom-1.6.schema.json",
		"spdx.schema.json":      "http://cyclonedx.org/schema/spdx.schema.json",
		"jsf-0.82.schemax.json": "http://cyclonedx.org/schema/jsf-0.82.schema.json",
	} {
		data, err := os.Open(filepath.Join(strings.TrimSpace(string(folder)), "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(data)
		if err := errors.Join(err, data.Close()); err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(url, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var bill any
	if err := json.Unmarshal(encoded, &bill); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(bill); err != nil {
		t.Error(err)
	}
}
