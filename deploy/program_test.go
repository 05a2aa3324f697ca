// Package deploy_test holds the files of this folder against the libraries of those who read them, and against the program itself.
package deploy_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// read gives a file, by its path from this folder.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// program gives the path of the real program, which make build leaves there.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/charthand")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no bin/charthand to ask: make build makes it")
	}
	return path
}

// ask runs the real program, and gives what it says and whether it was content.
func ask(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program(t), args...)
	command.Env = []string{"HOME=" + t.TempDir()}
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(said), err == nil
}

// version gives the program's version, from its source.
func version(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^const version = "([^"]+)"$`).FindStringSubmatch(read(t, "../cmd/charthand/version.go"))
	if found == nil {
		t.Fatal("cmd/charthand/version.go: there is no version in it")
	}
	return found[1]
}

// flags gives the flags of serve, without their dashes.
func flags(t *testing.T) map[string]bool {
	t.Helper()
	help, ok := ask(t, "serve", "--help")
	if !ok {
		t.Fatal(help)
	}
	all := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
		all[found[1]] = true
	}
	return all
}

// checkServe fails the test where a command line is none of serve's.
func checkServe(t *testing.T, args []string) {
	t.Helper()
	if len(args) == 0 || args[0] != "serve" {
		t.Fatalf("%q does not begin with serve", args)
	}
	known := flags(t)
	for _, arg := range args[1:] {
		if name, is := strings.CutPrefix(arg, "--"); is {
			if name, _, _ = strings.Cut(name, "="); !known[name] {
				t.Errorf("--%s is no flag of charthand serve", name)
			}
		}
	}
}

// variables gives the environment variables that the program reads: one for each flag, one for each setting, and two more.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	printed, ok := ask(t, "config", "print")
	if !ok {
		t.Fatal(printed)
	}
	var settings map[string]any
	if err := yaml.Unmarshal([]byte(printed), &settings); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{"CHARTHAND_HOOK_SECRET": true, "CHARTHAND_ONNXRUNTIME": true}
	var add func(prefix string, settings map[string]any)
	add = func(prefix string, settings map[string]any) {
		for key, value := range settings {
			var name strings.Builder
			for _, letter := range key {
				if unicode.IsUpper(letter) {
					name.WriteByte('_')
				}
				name.WriteRune(unicode.ToUpper(letter))
			}
			if group, is := value.(map[string]any); is {
				add(prefix+name.String()+"_", group)
			} else {
				all[prefix+name.String()] = true
			}
		}
	}
	add("CHARTHAND_", settings)
	for flag := range flags(t) {
		all["CHARTHAND_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))] = true
	}
	return all
}

// checkSettings fails the test where the program does not take settings. The files that they name are looked for in a folder where files says what
// stands in them.
func checkSettings(t *testing.T, settings string, files map[string]string) {
	t.Helper()
	said, ok := configCheck(t, settings, files)
	if !ok {
		t.Error(said)
	}
}

func configCheck(t *testing.T, settings string, files map[string]string) (string, bool) {
	t.Helper()
	folder := t.TempDir()
	for path, content := range files {
		if !strings.Contains(settings, path) {
			t.Errorf("the settings do not name %s", path)
		}
		file := filepath.Join(folder, filepath.Base(path))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		settings = strings.ReplaceAll(settings, path, file)
	}
	file := filepath.Join(folder, "site.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return ask(t, "config", "check", "--config", file)
}

// keys are two API keys as the program takes them.
var keys = "prometheus " + strings.Repeat("1", 64) + "\nehr " + strings.Repeat("2", 64) + "\n"

// documents gives the documents of a YAML stream.
func documents(stream string) [][]byte {
	var all [][]byte
	for document := range bytes.SplitSeq([]byte(stream), []byte("\n---\n")) {
		all = append(all, document)
	}
	return all
}

func TestDockerfile(t *testing.T) {
	found := regexp.MustCompile(`(?m)^CMD \[(.*)\]$`).FindStringSubmatch(read(t, "Dockerfile"))
	if found == nil {
		t.Fatal("there is no CMD")
	}
	var args []string
	for _, quoted := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(found[1], -1) {
		args = append(args, quoted[1])
	}
	checkServe(t, args)
}
