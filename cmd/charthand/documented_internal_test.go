package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// pages gives what users read: README.md and docs/.
func pages(t *testing.T) (all string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, path := range append(found, filepath.Join("..", "..", "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text) + "\n"
	}
	return all
}

// flags gives the flags of all commands, and their environment variables.
func flags() (names, variables []string) {
	_ = kong.Visit(kong.Must(&commands{}).Model, func(node kong.Visitable, next kong.Next) error {
		if flag, is := node.(*kong.Flag); is && flag.Name != "help" {
			names, variables = append(names, flag.Name), append(variables, flag.Envs...)
		}
		return next(nil)
	})
	slices.Sort(names)
	slices.Sort(variables)
	return slices.Compact(names), slices.Compact(variables)
}

// foreignFlags are those of other programs that the pages mention.
var foreignFlags = []string{
	"data-binary", // curl
	"now", "pty",  // systemctl, systemd-run
	"from-file", "filename", "detach", // kubectl, docker
	"check", // sha256sum
}

// TestFlagsDocumented: every flag is in the pages, and every one there exists.
func TestFlagsDocumented(t *testing.T) {
	exist, _ := flags()
	var documented []string
	for _, found := range regexp.MustCompile(`(?:^|[\s(\[|`+"`"+`])--([a-z][a-z0-9-]*)`).FindAllStringSubmatch(pages(t), -1) {
		if !slices.Contains(foreignFlags, found[1]) {
			documented = append(documented, found[1])
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(slices.Compact(documented), exist); diff != "" {
		t.Errorf("(-documented +existing):\n%s", diff)
	}
}

// TestSettingsDocumented: every setting has its row in docs/settings.md, and every row is of one; "a.*" stands for all below a.
func TestSettingsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z][A-Za-z.]*(?:\\.\\*)?)` \\|").FindAllStringSubmatch(string(page), -1) {
		rows[row[1]] = false
	}
	for _, at := range places() {
		row := at.String()
		for _, known := rows[row]; !known && row != ""; _, known = rows[row] {
			above := strings.TrimSuffix(row, ".*")
			if row = above[:max(0, strings.LastIndexByte(above, '.'))]; row != "" {
				row += ".*"
			}
		}
		if row == "" {
			t.Errorf("%s is not in docs/settings.md", at)
			continue
		}
		rows[row] = true
	}
	for row, used := range rows {
		if !used {
			t.Errorf("%s is in docs/settings.md, and is no setting", row)
		}
	}
}

// buildVariables are read by what builds and tests charthand.
var buildVariables = []string{"CHARTHAND_DATA", "CHARTHAND_LIBTOKENIZERS", "CHARTHAND_LIBONNXRUNTIME"}

// foreignVariables are set by Kubernetes for a Service called charthand; the pages say how to keep them away.
var foreignVariables = []string{"CHARTHAND_PORT", "CHARTHAND_SERVICE_HOST"}

// TestVariablesDocumented: every environment variable is in the pages, and every one there exists.
func TestVariablesDocumented(t *testing.T) {
	known := map[string]bool{}
	_, exist := flags()
	for _, name := range slices.Concat(exist, otherVariables, buildVariables, foreignVariables) {
		known[name] = true
	}
	documented := map[string]bool{}
	settingVariables := map[string]bool{}
	for _, at := range places() {
		settingVariables[at.variable()] = true
	}
	for _, name := range regexp.MustCompile(`CHARTHAND_[A-Z_]*[A-Z]`).FindAllString(pages(t), -1) {
		documented[name] = true
		if !known[name] && !settingVariables[name] {
			t.Errorf("%s is in the pages, and does not exist", name)
		}
	}
	for name := range known {
		if !documented[name] && !settingVariables[name] {
			t.Errorf("%s is not in the pages", name)
		}
	}
}

// TestVariablesDiffer: no two settings share a variable, and none is a build's.
func TestVariablesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, name := range buildVariables {
		seen[name] = "the build"
	}
	for _, at := range places() {
		if other, taken := seen[at.variable()]; taken {
			t.Errorf("%s and %s are both %s", at, other, at.variable())
		}
		seen[at.variable()] = at.String()
	}
}
