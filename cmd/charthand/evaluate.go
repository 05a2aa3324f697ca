package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"charthand/corpus"
	"charthand/evaluation"
	"charthand/nlp"
	"charthand/note"
)

type evaluateCommand struct {
	modelFlags
	Format corpus.Format `required:"" enum:"brat,conll,i2b2,pubtator" help:"How the corpus is published: ${enum}."`
	Gold   string        `required:"" type:"path" placeholder:"PATH" help:"The corpus: a folder (brat, i2b2) or a file (conll, pubtator)."`
	Kind   []string      `sep:"none" placeholder:"NAME=LABEL,LABEL" help:"Count these labels as one, and no others than those named so (repeatable): compares models whose labels differ."`
	Strict bool          `help:"Stop at the first malformed line instead of counting it."`
	JSON   bool          `name:"json" help:"Print the figures as JSON."`
}

// evaluated is what --json prints.
type evaluated struct {
	Model struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Digest  string `json:"digest"`
	} `json:"model"`
	Corpus struct {
		*corpus.Report
		Malformed int `json:"malformed"`
	} `json:"corpus"`
	evaluation.Report
}

// Run implements the command.
func (c *evaluateCommand) Run(ctx context.Context, s streams) error {
	kinds, err := newKinds(c.Kind)
	if err != nil {
		return usageError{err}
	}
	documents, read, err := corpus.Read(c.Format, c.Gold)
	if read != nil {
		for _, fault := range read.Faults {
			fmt.Fprintln(s.err, "charthand:", fault)
			if c.Strict {
				return errInput
			}
		}
	}
	if err != nil {
		return usageError{err}
	}
	model, recognizer, err := c.load()
	if err != nil {
		return err
	}
	defer model.Close()
	pipeline, err := understanding(recognizer)
	if err != nil {
		return err
	}
	if err := kinds.check(documents, model.Labels); err != nil {
		return usageError{err}
	}
	failed := len(read.Faults) > 0
	var e evaluation.Evaluation
	for _, document := range documents {
		d := &nlp.Document{Text: note.NewText(document.Text)}
		if err := pipeline.Annotate(ctx, d); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			fmt.Fprintf(s.err, "charthand: %s: %v\n", document.ID, err)
			failed = true
			continue
		}
		found := make([]corpus.Span, len(d.Entities))
		for i, entity := range d.Entities {
			found[i] = corpus.Span{Start: entity.Start, End: entity.End, Label: entity.Label}
		}
		e.Add(document.Text, kinds.of(document.Spans), kinds.of(found))
	}
	out := evaluated{Report: e.Report()}
	out.Model.Name, out.Model.Version, out.Model.Digest = model.Settings.Name, model.Settings.Version, model.Digest
	out.Corpus.Report, out.Corpus.Malformed = read, len(read.Faults)
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(out)
	} else {
		fmt.Fprintf(s.out, "%s %s on %d documents: %d mentions marked, %d overlapping ones left out, %d discontinuous ones read whole\n",
			out.Model.Name, out.Model.Version, read.Documents, read.Spans, read.Overlapping, read.Discontinuous)
		err = out.Write(s.out)
	}
	if err == nil && failed {
		return errInput
	}
	return err
}

// kinds maps labels to what they count as; nil leaves all as they are.
type kinds map[string]string

// newKinds reads the flags, each NAME=LABEL,LABEL.
func newKinds(flags []string) (kinds, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	k := kinds{}
	for _, flag := range flags {
		name, labels, found := strings.Cut(flag, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--kind %s: expected NAME=LABEL,LABEL", flag)
		}
		for label := range strings.SplitSeq(labels, ",") {
			if label = strings.TrimSpace(label); label == "" {
				return nil, fmt.Errorf("--kind %s: an empty label", flag)
			}
			if other, twice := k[label]; twice {
				return nil, fmt.Errorf("--kind %s: the label %q is in %s already", flag, label, other)
			}
			k[label] = name
		}
	}
	return k, nil
}

// check refuses labels that neither the corpus nor the model has: they would count nothing, and say nothing.
func (k kinds) check(documents []corpus.Document, model []string) error {
	known := map[string]bool{}
	for _, label := range model {
		known[strings.TrimPrefix(strings.TrimPrefix(label, "B-"), "I-")] = true
	}
	for _, document := range documents {
		for _, span := range document.Spans {
			known[span.Label] = true
		}
	}
	for _, label := range slices.Sorted(maps.Keys(k)) {
		if !known[label] {
			return fmt.Errorf("--kind %s=…: neither the corpus nor the model has the label %q", k[label], label)
		}
	}
	return nil
}

// of gives the spans that count, under the names that they count as.
func (k kinds) of(spans []corpus.Span) []corpus.Span {
	if k == nil {
		return spans
	}
	kept := make([]corpus.Span, 0, len(spans))
	for _, s := range spans {
		if name, ok := k[s.Label]; ok {
			s.Label = name
			kept = append(kept, s)
		}
	}
	return kept
}
