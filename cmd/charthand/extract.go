package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"

	"github.com/schollz/progressbar/v3"
)

type extractCommand struct {
	modelFlags
	languageFlag
	siteFlags
	folderFlag
	Files   []string `arg:"" help:"DocumentReference, DiagnosticReport, Bundle, Parameters or NDJSON of them; - for standard input."`
	Out     string   `help:"Write the Bundles to this file instead of standard output." placeholder:"FILE" xor:"out"`
	OutDir  string   `help:"Write each Bundle to a file of its own in this folder, and print a table of them to standard error." placeholder:"DIR" xor:"out"`
	Subject string   `help:"The patient of documents that name none, as a reference such as Patient/123." placeholder:"REF"`
	Resume  bool     `help:"With --out: keep what was written where the run is broken off, and go on with it the next time, if the inputs are the same."`
	Outcome string   `help:"Write one OperationOutcome for each document to this file, one a line." placeholder:"FILE"`
}

// Run implements the command.
func (c *extractCommand) Run(ctx context.Context, s streams) (err error) {
	r := &extraction{streams: s, outDir: c.OutDir, taken: map[string]bool{}, written: mapping.Counts{}, left: map[string]int{}}
	o, err := c.openWith(c.siteFlags, c.folderFlag)
	if err != nil {
		return err
	}
	defer o.close()
	if r.extractor, err = newExtractor(s, o, c.languageFlag); err != nil {
		return err
	}
	if c.Subject != "" {
		if r.extractor.Subject, err = fhir.ParseSubject(c.Subject); err != nil {
			return usageError{fmt.Errorf("--subject: %w", err)}
		}
	}
	bundles, outcomes, err := r.open(c)
	if err != nil {
		return usageError{err}
	}
	defer bundles.abandon()
	defer outcomes.abandon()
	if c.Out != "" && bundles.path == outcomes.path && !bundles.direct {
		return usageError{errors.New("--out and --outcome are the same file")}
	}
	r.bundles, r.outcomes = bundles, outcomes
	if c.OutDir != "" {
		for _, name := range c.Files {
			if info, err := os.Stat(name); err == nil {
				r.inputs = append(r.inputs, info)
			}
		}
		if err := os.MkdirAll(c.OutDir, 0o700); err != nil {
			return usageError{err}
		}
		r.table = tabwriter.NewWriter(s.err, 0, 0, 2, ' ', 0)
		fmt.Fprintln(r.table, "DOCUMENT\tCHARACTERS\tCONDITION\tALLERGY\tMEDICATION\tPROCEDURE\tOBSERVATION\tFAMILY\tMS\tFILE")
		defer func() { err = errors.Join(err, r.table.Flush()) }()
	}
	r.order, ctx = newInOrder(ctx)
	for _, name := range c.Files {
		if err = r.file(ctx, name); err != nil {
			break
		}
	}
	if err = r.order.wait(err); err != nil {
		return errors.Join(err, r.journal.keep(r))
	}
	if err := errors.Join(bundles.commit(), outcomes.commit(), r.journal.remove()); err != nil {
		return err
	}
	r.summarize()
	if r.failed {
		return errInput
	}
	return nil
}

// summarize says in counts what came of the run: nothing of a note.
func (r *extraction) summarize() {
	left := 0
	for _, n := range r.left {
		left += n
	}
	fmt.Fprintf(r.err, "charthand: %d documents, %d refused; written: %s; %d mentions not written; %d facts said both ways; %d retracted\n",
		r.documents, r.refused, cmp.Or(r.written.String(), "nothing"), left, r.conflicts, r.retracted)
}

// extraction is one run over several files.
type extraction struct {
	streams
	extractor         *extract.Extractor
	order             *inOrder // in which what follows is used
	bundles, outcomes *outputFile
	outDir            string
	taken             map[string]bool // file names in outDir that this run has used
	inputs            []os.FileInfo   // what may not be written over
	table             *tabwriter.Writer
	failed            bool
	journal           *journal
	progress          *progressbar.ProgressBar // nil where nobody looks
	added             int                      // documents and refusals that were found in the inputs
	skip              int                      // how many of them an earlier run has done
	finished          int                      // those of them that are done with
	// counts of the run
	documents, refused, conflicts, retracted int
	written                                  mapping.Counts
	left                                     map[string]int
}

// errOver marks that the run is over; every other error is a failure of its input alone.
type errOver struct{ error }

// Unwrap gives why the run is over.
func (e errOver) Unwrap() error { return e.error }

// file works through one input. What fails in it is named and recorded, and the run goes on; the error is the end of the run.
func (r *extraction) file(ctx context.Context, name string) error {
	in, err := openInput(name, r.streams)
	if err != nil {
		return r.refuse(ctx, name, err)
	}
	defer in.Close()
	var over errOver
	err = in.values(name, func(line int, value []byte, fault error) error {
		place := name
		if line > 1 {
			place = fmt.Sprintf("%s:%d", name, line)
		}
		if fault != nil {
			return r.refuse(ctx, place, fault)
		}
		if err := r.input(ctx, name, place, value); err != nil {
			return errOver{err}
		}
		return nil
	})
	if err == nil || errors.As(err, &over) {
		return err
	}
	return r.refuse(ctx, name, err)
}

// input extracts the documents of one JSON value.
func (r *extraction) input(ctx context.Context, file, place string, data []byte) error {
	documents, err := fhir.ReadDocuments(data)
	if err != nil {
		return r.refuse(ctx, place, err)
	}
	for _, document := range documents {
		at := place
		if len(documents) > 1 {
			at = place + " " + document.Path
		}
		err := r.add(func() func() error {
			began := time.Now()
			result, err := r.extractor.Extract(ctx, document)
			if err != nil {
				return func() error { return r.fail(ctx, at, err) }
			}
			encoded, err := fhir.Encode(result.Bundle)
			took := time.Since(began)
			return func() error {
				if err != nil { // its text may hold the note's
					return r.fail(ctx, at, errors.New("the Bundle cannot be encoded"))
				}
				return r.write(file, document, result, encoded, took)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refuse names what failed, in its turn.
func (r *extraction) refuse(ctx context.Context, place string, err error) error {
	return r.add(func() func() error { return func() error { return r.fail(ctx, place, err) } })
}

// fail names what failed and records it, unless the run is being ended.
func (r *extraction) fail(ctx context.Context, place string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.failed = true
	r.refused++
	var fault *fhir.Fault
	if !errors.As(err, &fault) {
		fault = fhir.Refuse(fhir.CodeException, "", err.Error())
	}
	fmt.Fprintf(r.err, "charthand: %s: %v\n", place, fault)
	return r.outcome(fault.Outcome())
}

func (r *extraction) outcome(o *fhir.Outcome) error {
	encoded, err := fhir.Encode(o)
	if err == nil {
		_, err = r.outcomes.Write(append(encoded, '\n'))
	}
	return err
}

// write writes a Bundle, which took some time to make beside others, and its outcome.
func (r *extraction) write(file string, document *fhir.Document, result *extract.Result, encoded []byte, took time.Duration) error {
	r.documents++
	r.conflicts += result.Conflicts
	r.retracted += result.Retracted
	for resourceType, n := range result.Written {
		r.written[resourceType] += n
	}
	for reason, n := range result.Left {
		r.left[reason] += n
	}
	encoded = append(encoded, '\n')
	if r.outDir == "" {
		if _, err := r.bundles.Write(encoded); err != nil {
			return err
		}
		return r.outcome(result.Outcome)
	}
	path := r.path(file, document)
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		return err
	}
	counts := result.Written
	fmt.Fprintf(r.table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", strings.TrimSuffix(filepath.Base(path), ".json"), result.Characters,
		counts[mapping.Condition], counts[mapping.AllergyIntolerance], counts[mapping.MedicationStatement], counts[mapping.Procedure], counts[mapping.Observation],
		counts[mapping.FamilyMemberHistory],
		took.Milliseconds(), path)
	return r.outcome(result.Outcome)
}

// free reports whether a name in outDir was not used by this run and is no input of it.
func (r *extraction) free(name string) bool {
	info, err := os.Stat(filepath.Join(r.outDir, name+".json"))
	return !r.taken[name] && (err != nil || !slices.ContainsFunc(r.inputs, func(in os.FileInfo) bool { return os.SameFile(in, info) }))
}

// path names the file of a Bundle after its input; where this run has used that name, after the document too, then with a
// number.
func (r *extraction) path(file string, document *fhir.Document) string {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if file == "-" {
		base = "stdin"
	}
	name := base
	if !r.free(name) && document.ID != "" {
		base += "-" + document.ID
		name = base
	}
	for n := 2; !r.free(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	r.taken[name] = true
	return filepath.Join(r.outDir, name+".json")
}
