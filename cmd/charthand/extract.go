package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
)

type extractCommand struct {
	modelFlags
	Files   []string `arg:"" help:"DocumentReference, Bundle, Parameters or NDJSON of them; - for standard input."`
	Out     string   `help:"Write the Bundles to this file instead of standard output." placeholder:"FILE" xor:"out"`
	OutDir  string   `help:"Write each Bundle to a file of its own in this folder, and print a table of them to standard error." placeholder:"DIR" xor:"out"`
	Subject string   `help:"The patient of documents that name none, as a reference such as Patient/123." placeholder:"REF"`
	Outcome string   `help:"Write one OperationOutcome for each document to this file, one a line." placeholder:"FILE"`
}

// Run implements the command.
func (c *extractCommand) Run(ctx context.Context, s streams) error {
	r := &extraction{streams: s, outDir: c.OutDir, names: map[string]int{}}
	model, recognizer, err := c.load()
	if err != nil {
		return err
	}
	defer model.Close()
	if r.extractor, err = newExtractor(model, recognizer); err != nil {
		return err
	}
	if c.Subject != "" {
		if r.extractor.Subject, err = fhir.ParseReference(c.Subject); err != nil {
			return usageError{fmt.Errorf("--subject: %w", err)}
		}
	}
	bundles, outcomes := &outputFile{path: c.Out}, &outputFile{path: c.Outcome}
	defer bundles.abandon()
	defer outcomes.abandon()
	if err := errors.Join(bundles.open(s.out), outcomes.open(io.Discard)); err != nil {
		return usageError{err}
	}
	r.bundles, r.outcomes = bundles, outcomes
	if c.OutDir != "" {
		if err := os.MkdirAll(c.OutDir, 0o700); err != nil {
			return usageError{err}
		}
		r.table = tabwriter.NewWriter(s.err, 0, 0, 2, ' ', 0)
		fmt.Fprintln(r.table, "DOCUMENT\tCHARACTERS\tCONDITION\tMEDICATION\tPROCEDURE\tOBSERVATION\tMS\tFILE")
	}
	for _, name := range c.Files {
		if err := r.file(ctx, name); err != nil {
			return err
		}
	}
	if r.table != nil {
		if err := r.table.Flush(); err != nil {
			return err
		}
	}
	if err := errors.Join(bundles.commit(), outcomes.commit()); err != nil {
		return err
	}
	if r.failed {
		return errInput
	}
	return nil
}

// extraction is one run over several files.
type extraction struct {
	streams
	extractor         *extract.Extractor
	bundles, outcomes io.Writer
	outDir            string
	names             map[string]int // how often a file name was used in outDir
	table             *tabwriter.Writer
	failed            bool
}

// file works through one input. What fails in it is named and recorded; only what ends the whole run is an error.
func (r *extraction) file(ctx context.Context, name string) error {
	in, err := openInput(name, r.streams)
	if err != nil {
		return err
	}
	defer in.Close()
	reader := bufio.NewReaderSize(in, 1<<16)
	first, err := reader.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	// One JSON value on the first line, or a name that says so: NDJSON. Else the whole input is one value.
	extension := strings.ToLower(filepath.Ext(name))
	if extension != ".ndjson" && extension != ".jsonl" && !json.Valid(first) {
		rest, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		return r.input(ctx, name, name, append(first, rest...))
	}
	for line, number := first, 1; ; number++ {
		if len(bytes.TrimSpace(line)) > 0 {
			place := name
			if number > 1 || extension == ".ndjson" || extension == ".jsonl" {
				place = fmt.Sprintf("%s:%d", name, number)
			}
			if err := r.input(ctx, name, place, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if line, err = reader.ReadBytes('\n'); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// input extracts the documents of one JSON value.
func (r *extraction) input(ctx context.Context, file, place string, data []byte) error {
	documents, err := fhir.ReadDocuments(data)
	if err != nil {
		return r.refuse(place, err)
	}
	for i, document := range documents {
		at := place
		if len(documents) > 1 {
			at = place + " " + document.Path
		}
		began := time.Now()
		result, err := r.extractor.Extract(ctx, document)
		if err != nil {
			if err := r.refuse(at, err); err != nil {
				return err
			}
			continue
		}
		if err := r.write(file, document, i, result, began); err != nil {
			return err
		}
	}
	return nil
}

// refuse names what failed. An error that is no fault of the input ends the run.
func (r *extraction) refuse(place string, err error) error {
	var fault *fhir.Fault
	if !errors.As(err, &fault) {
		return err
	}
	r.failed = true
	fmt.Fprintf(r.err, "charthand: %s: %v\n", place, fault)
	return r.outcome(fault.Outcome())
}

func (r *extraction) outcome(o *fhir.Outcome) error {
	encoded, err := fhir.Encode(o.Resource())
	if err == nil {
		_, err = r.outcomes.Write(append(encoded, '\n'))
	}
	return err
}

func (r *extraction) write(file string, document *fhir.Document, index int, result *extract.Result, began time.Time) error {
	encoded, err := fhir.EncodeBundle(result.Bundle)
	if err != nil {
		return err
	}
	took := time.Since(began)
	encoded = append(encoded, '\n')
	if r.outDir == "" {
		if _, err := r.bundles.Write(encoded); err != nil {
			return err
		}
		return r.outcome(result.Outcome)
	}
	path := r.path(file, document, index)
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		return err
	}
	counts := mapping.Count(result.Bundle)
	fmt.Fprintf(r.table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", strings.TrimSuffix(filepath.Base(path), ".json"), result.Characters,
		counts[mapping.Condition], counts[mapping.MedicationStatement], counts[mapping.Procedure], counts[mapping.Observation],
		took.Milliseconds(), path)
	return r.outcome(result.Outcome)
}

// path names the file of a Bundle after its input; a name that is taken gets a number.
func (r *extraction) path(file string, document *fhir.Document, index int) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if file == "-" {
		name = "stdin"
	}
	if document.ID != "" && (index > 0 || r.names[name] > 0) {
		name += "-" + document.ID
	}
	r.names[name]++
	if n := r.names[name]; n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return filepath.Join(r.outDir, name+".json")
}

// outputFile is a file that appears under its name only when it is whole.
type outputFile struct {
	path string
	io.Writer
	file   *os.File
	buffer *bufio.Writer
}

// open begins the file; without a path everything goes to the fallback.
func (o *outputFile) open(fallback io.Writer) error {
	if o.path == "" {
		o.Writer = fallback
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(o.path), ".charthand-*")
	if err != nil {
		return err
	}
	o.file, o.buffer = file, bufio.NewWriter(file)
	o.Writer = o.buffer
	return nil
}

func (o *outputFile) commit() error {
	if o.file == nil {
		return nil
	}
	err := errors.Join(o.buffer.Flush(), o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err == nil {
		o.file = nil
	}
	return err
}

// abandon removes what was not committed.
func (o *outputFile) abandon() {
	if o.file != nil {
		o.file.Close()
		os.Remove(o.file.Name())
	}
}
