package main

import (
	"context"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/pelletier/go-toml/v2"
)

// newBill makes the bill of materials of a binary: the Go modules that it says it is made of, and what is in it beside them. Every version is read
// where it is pinned.
func newBill(ctx context.Context, root string, info *buildinfo.BuildInfo, program answer, when time.Time) (*cyclonedx.BOM, error) {
	sum, err := digest(filepath.Join(root, "bin", "charthand"))
	if err != nil {
		return nil, err
	}
	bill := cyclonedx.NewBOM()
	main := component(cyclonedx.ComponentTypeApplication, "charthand", program.version, "pkg:generic/charthand@"+program.version, sum)
	license(&main, "Apache-2.0")
	bill.Metadata = &cyclonedx.Metadata{Timestamp: when.Format(time.RFC3339), Component: &main}

	components := modules(info)
	native, crates, err := natives(ctx, root)
	if err != nil {
		return nil, err
	}
	model := component(cyclonedx.ComponentTypeMachineLearningModel, program.model, program.modelVersion, "pkg:generic/"+program.model+"@"+program.modelVersion, program.modelDigest)
	license(&model, "Apache-2.0")
	model.Description = "The model inside; the digest is that of charthand version, over all its files."
	components = append(append(components, native...), model)
	bill.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: refs(components)}, {Ref: native[1].BOMRef, Dependencies: refs(crates)}}
	components = append(components, crates...)
	bill.Components = &components
	return bill, nil
}

// component makes a component that is known by its package URL; sum is its SHA-256 in hexadecimal digits, or empty.
func component(kind cyclonedx.ComponentType, name, version, url, sum string) cyclonedx.Component {
	c := cyclonedx.Component{BOMRef: url, Type: kind, Name: name, Version: version, PackageURL: url}
	if sum != "" {
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: sum}}
	}
	return c
}

// license notes whose terms a component comes under, by its SPDX expression.
func license(c *cyclonedx.Component, expression string) {
	c.Licenses = &cyclonedx.Licenses{{Expression: expression}}
}

// refs gives what components are referred to by.
func refs(components []cyclonedx.Component) *[]string {
	var all []string
	for _, c := range components {
		all = append(all, c.BOMRef)
	}
	return &all
}

// modules gives Go's standard library and the modules that a binary says it is made of.
func modules(info *buildinfo.BuildInfo) []cyclonedx.Component {
	version := strings.TrimPrefix(info.GoVersion, "go")
	all := []cyclonedx.Component{component(cyclonedx.ComponentTypeLibrary, "std", info.GoVersion, "pkg:golang/std@"+version, "")}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		// What go.sum calls h1 is a SHA-256 over the list of the module's files.
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
		if err != nil {
			sum = nil
		}
		all = append(all, component(cyclonedx.ComponentTypeLibrary, module.Path, module.Version, "pkg:golang/"+module.Path+"@"+module.Version, hex.EncodeToString(sum)))
	}
	return all
}

// natives gives what is in a binary that is no Go: ONNX Runtime, the tokenizers and PDFium; and the crates that the tokenizers are built of.
func natives(ctx context.Context, root string) (native, crates []cyclonedx.Component, err error) {
	folder := filepath.Join(root, "nlp", "onnx", "native")
	pins, err := os.ReadFile(filepath.Join(folder, "pins.sh"))
	if err != nil {
		return nil, nil, err
	}
	pinned := regexp.MustCompile(`(?m)^ONNXRUNTIME_VERSION=(\S+)$`).FindSubmatch(pins)
	if pinned == nil {
		return nil, nil, fmt.Errorf("%s/pins.sh has no ONNXRUNTIME_VERSION", folder)
	}
	version := string(pinned[1])
	sum, err := digest(filepath.Join(folder, "lib", "libonnxruntime.so"))
	if err != nil {
		return nil, nil, err
	}
	runtime := component(cyclonedx.ComponentTypeLibrary, "onnxruntime", version, "pkg:pypi/onnxruntime@"+version, sum)
	runtime.Description = "libonnxruntime.so of the wheel of this version, embedded in the binary."
	license(&runtime, "MIT")

	tokenizers, crates, err := rust(filepath.Join(folder, "Cargo.lock"))
	if err != nil {
		return nil, nil, err
	}

	const module = "github.com/klippa-app/go-pdfium"
	said, err := exec.CommandContext(ctx, "go", "-C", root, "list", "-m", "-f", "{{.Dir}}", module).Output() //nolint:gosec // fixed words
	if err != nil {
		return nil, nil, fmt.Errorf("go list -m %s: %w", module, err)
	}
	if sum, err = digest(filepath.Join(strings.TrimSpace(string(said)), "internal", "pdfium_wasm", "pdfium.wasm")); err != nil {
		return nil, nil, err
	}
	pdfium := component(cyclonedx.ComponentTypeLibrary, "pdfium", "", "pkg:generic/pdfium", sum)
	pdfium.Description = "PDFium as WebAssembly, as it is in " + module + ", which does not say its version."
	license(&pdfium, "BSD-3-Clause AND Apache-2.0")
	return []cyclonedx.Component{runtime, tokenizers, pdfium}, crates, nil
}

// rust gives the tokenizers crate, and the crates that Cargo.lock names beside it; not all of these are linked: some are for other systems, some
// only build.
func rust(lock string) (tokenizers cyclonedx.Component, crates []cyclonedx.Component, err error) {
	data, err := os.ReadFile(lock)
	if err != nil {
		return tokenizers, nil, err
	}
	var locked struct {
		Package []struct{ Name, Version, Checksum string }
	}
	if err := toml.Unmarshal(data, &locked); err != nil {
		return tokenizers, nil, fmt.Errorf("%s: %w", lock, err)
	}
	for _, crate := range locked.Package {
		c := component(cyclonedx.ComponentTypeLibrary, crate.Name, crate.Version, "pkg:cargo/"+crate.Name+"@"+crate.Version, crate.Checksum)
		if crate.Name == "tokenizers" {
			license(&c, "Apache-2.0")
			c.Description = "Built from its sources in github.com/daulet/tokenizers, linked into the binary."
			tokenizers = c
			continue
		}
		crates = append(crates, c)
	}
	if tokenizers.Name == "" {
		return tokenizers, nil, fmt.Errorf("%s does not name tokenizers", lock)
	}
	return tokenizers, crates, nil
}
