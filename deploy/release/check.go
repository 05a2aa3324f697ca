package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// check looks at a release as who gets it would: the checksums, the archive, the bill inside, and whether the program inside reads documents.
func check(ctx context.Context, root, out, name string) (err error) {
	if err := checkSums(out); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "charthand-release-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := unpack(filepath.Join(out, name+".tar.gz"), folder); err != nil {
		return err
	}
	encoded, err := os.ReadFile(filepath.Join(folder, name, "sbom.cdx.json"))
	if err != nil {
		return err
	}
	if err := checkBill(encoded); err != nil {
		return fmt.Errorf("sbom.cdx.json: %w", err)
	}
	documents, err := filepath.Glob(filepath.Join(root, "fixtures", "documents", "*.json"))
	if err != nil || len(documents) == 0 {
		return errors.Join(errors.New("there are no fixtures/documents to try"), err)
	}
	bundles := filepath.Join(folder, "bundles")
	command := exec.CommandContext(ctx, filepath.Join(folder, name, "charthand"), append([]string{"extract", "--out-dir", bundles}, documents...)...) //nolint:gosec // the program that was just unpacked
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the program in the archive does not read fixtures/documents: %w: %s", err, said)
	}
	written, err := os.ReadDir(bundles)
	if len(written) != len(documents) {
		return errors.Join(fmt.Errorf("the program in the archive made %d Bundles of %d documents", len(written), len(documents)), err)
	}
	fmt.Printf("%s: checksums, bill of materials and %d documents are right\n", filepath.Join(out, name+".tar.gz"), len(documents))
	return nil
}

// checkSums compares files with SHA256SUMS.
func checkSums(out string) error {
	data, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		got, err := digest(filepath.Join(out, name))
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s is not what SHA256SUMS says", name)
		}
	}
	return nil
}

// checkBill says what a bill of materials does not name.
func checkBill(encoded []byte) error {
	var bill cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(encoded), cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
		return err
	}
	missing := map[string]bool{"std": true, "github.com/daulet/tokenizers": true, "onnxruntime": true, "tokenizers": true, "pdfium": true, "charthand-default": true}
	for _, component := range *bill.Components {
		delete(missing, component.Name)
	}
	if len(missing) > 0 {
		return fmt.Errorf("it does not name %v", missing)
	}
	return nil
}

// unpack unpacks an archive into a folder.
func unpack(archive, folder string) (err error) {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for entries := tar.NewReader(plain); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := root.MkdirAll(filepath.Dir(header.Name), 0o755); err != nil {
			return err
		}
		to, err := root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, header.FileInfo().Mode())
		if err != nil {
			return err
		}
		_, err = io.Copy(to, entries) //nolint:gosec // as large as what was packed
		if err := errors.Join(err, to.Close()); err != nil {
			return err
		}
	}
}
