// Command release makes what is given to others of bin/charthand: an archive with its documentation, the files of deploy and a bill of materials, and
// checksums. The same commit and the same binary make the same bytes. It is run by make release.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if err := run(context.Background(), "..", "../out/release"); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run makes a release of the repository at root in the folder out, and checks it.
func run(ctx context.Context, root, out string) error {
	binary := filepath.Join(root, "bin", "charthand")
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	model, err := ask(ctx, binary)
	if err != nil {
		return err
	}
	when, err := commitTime(ctx, root)
	if err != nil {
		return err
	}
	bill, err := newBill(ctx, root, info, model, when)
	if err != nil {
		return err
	}
	var sbom bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&sbom, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bill, cyclonedx.SpecVersion1_6); err != nil {
		return err
	}
	entries, err := list(ctx, root)
	if err != nil {
		return err
	}
	entries = append(entries, entry{name: "sbom.cdx.json", data: sbom.Bytes()})

	name := fmt.Sprintf("charthand-%s-linux-%s", model.version, setting(info, "GOARCH"))
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o750)); err != nil {
		return err
	}
	archive, bom := filepath.Join(out, name+".tar.gz"), filepath.Join(out, name+".cdx.json")
	if err := writeFile(archive, func(w io.Writer) error { return pack(w, name, entries, when) }); err != nil {
		return err
	}
	if err := writeFile(bom, func(w io.Writer) error { _, err := w.Write(sbom.Bytes()); return err }); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(out, "SHA256SUMS"), func(w io.Writer) error { return sums(w, archive, bom) }); err != nil {
		return err
	}
	return check(ctx, root, out, name)
}

// answer is what a binary says of itself.
type answer struct {
	version                          string
	model, modelVersion, modelDigest string
}

// ask asks a binary for its version and its model's.
func ask(ctx context.Context, binary string) (answer, error) {
	said, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return answer{}, fmt.Errorf("%s version: %w", binary, err)
	}
	found := regexp.MustCompile(`^charthand (\S+)\nmodel (\S+) (.+), sha256:([0-9a-f]{64})\n$`).FindStringSubmatch(string(said))
	if found == nil {
		return answer{}, fmt.Errorf("%s version: not understood: %q", binary, said)
	}
	return answer{found[1], found[2], found[3], found[4]}, nil
}

// setting gives what a binary was built with.
func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// git asks git about the repository.
func git(ctx context.Context, root string, args ...string) (string, error) {
	said, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output() //nolint:gosec // fixed words
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(said)), nil
}

// commitTime gives the time that files of the archive have: that of the commit. What is not committed is warned of.
func commitTime(ctx context.Context, root string) (time.Time, error) {
	seconds, err := git(ctx, root, "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	changed, err := git(ctx, root, "status", "--porcelain")
	if changed != "" {
		fmt.Fprintln(os.Stderr, "release: warning: there are changes that are not committed: nobody can make this release again")
	}
	return time.Unix(unix, 0).UTC(), err
}

// entry is a file of the archive.
type entry struct {
	name string
	// from is the file on disk that it is read from, data what it holds where there is none.
	from       string
	data       []byte
	executable bool
}

// list gives the files of the archive that are in the repository. Git is asked for them: keys that lie beside deploy/compose.yaml are not its.
func list(ctx context.Context, root string) ([]entry, error) {
	tracked, err := git(ctx, root, "ls-files", "LICENSE", "NOTICE", "README.md", "docs", "deploy", "models/default/README.md")
	if err != nil {
		return nil, err
	}
	entries := []entry{{name: "charthand", from: filepath.Join(root, "bin", "charthand"), executable: true}}
	for name := range strings.SplitSeq(tracked, "\n") {
		// What only builds and tests is of no use without the sources.
		switch base := filepath.Base(name); {
		case filepath.Ext(base) == ".go", base == "go.mod", base == "go.sum", base == "Dockerfile", base == ".gitignore":
			continue
		}
		entries = append(entries, entry{name: name, from: filepath.Join(root, name)})
	}
	return entries, nil
}

// pack writes an archive with everything under one folder: sorted, and with nothing of the machine and the person that made it.
func pack(w io.Writer, folder string, entries []entry, when time.Time) error {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	compressed := gzip.NewWriter(w)
	archive := tar.NewWriter(compressed)
	for _, e := range entries {
		if e.from != "" {
			var err error
			if e.data, err = os.ReadFile(e.from); err != nil {
				return err
			}
		}
		header := &tar.Header{Name: folder + "/" + e.name, Mode: 0o644, Size: int64(len(e.data)), ModTime: when, Format: tar.FormatPAX}
		if e.executable {
			header.Mode = 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(e.data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

// sums writes the checksums of files as sha256sum does.
func sums(w io.Writer, paths ...string) error {
	for _, path := range paths {
		sum, err := digest(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s  %s\n", sum, filepath.Base(path))
	}
	return nil
}

// digest gives the SHA-256 of a file.
func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return fmt.Sprintf("%x", hash.Sum(nil)), err
}

// writeFile writes a file that others may read.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
