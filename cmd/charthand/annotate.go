package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"charthand/extract"
	"charthand/fhir"
	"charthand/nlp"
	"charthand/note"
)

type annotateCommand struct {
	modelFlags
	NDJSON   bool   `name:"ndjson" help:"Read {\"id\",\"text\"} objects, one a line; write one object a line."`
	Document bool   `help:"The input is a DocumentReference, or a Bundle of them."`
	File     string `arg:"" help:"File to read, - for standard input."`
}

// Run implements the command.
func (c *annotateCommand) Run(ctx context.Context, s streams) error {
	if c.NDJSON && c.Document {
		return usageError{errors.New("--ndjson and --document exclude each other")}
	}
	model, recognizer, err := c.load()
	if err != nil {
		return err
	}
	defer model.Close()
	in, err := openInput(c.File, s)
	if err != nil {
		return usageError{err}
	}
	defer in.Close()
	a := annotator{pipeline: understanding(recognizer), out: newEncoder(s.out)}
	switch {
	case c.NDJSON:
		return eachLine(ctx, in, s, func(ctx context.Context, id, text string) (any, error) {
			return a.annotate(ctx, id, note.NewText(text))
		})
	case c.Document:
		return a.documents(ctx, in, s.err)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	text, remarks, err := note.Decode(data, "text/plain; charset=utf-8")
	if errors.Is(err, note.ErrEmpty) {
		text, err = note.NewText(string(data)), nil
	}
	if err != nil {
		return err
	}
	for _, remark := range remarks {
		fmt.Fprintln(s.err, "charthand:", remark)
	}
	return a.write(ctx, "", text)
}

type annotator struct {
	pipeline nlp.Pipeline
	out      *json.Encoder
}

func (a annotator) annotate(ctx context.Context, id string, text note.Text) (nlp.Annotation, error) {
	d := &nlp.Document{Text: text}
	if err := a.pipeline.Annotate(ctx, d); err != nil {
		return nlp.Annotation{}, err
	}
	return d.Annotation(id), nil
}

func (a annotator) write(ctx context.Context, id string, text note.Text) error {
	annotation, err := a.annotate(ctx, id, text)
	if err != nil {
		return err
	}
	return a.out.Encode(annotation)
}

func (a annotator) documents(ctx context.Context, in io.Reader, messages io.Writer) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	documents, err := fhir.ReadDocuments(data)
	if err != nil {
		fmt.Fprintln(messages, "charthand:", err)
		return errInput
	}
	failed := false
	for _, document := range documents {
		text, issues, err := extract.Text(document)
		for _, issue := range issues {
			fmt.Fprintf(messages, "charthand: %s: %s\n", issue.Expression, issue.Diagnostics)
		}
		if err != nil {
			fmt.Fprintln(messages, "charthand:", err)
			failed = true
			continue
		}
		if err := a.write(ctx, document.ID, text); err != nil {
			return err
		}
	}
	if failed {
		return errInput
	}
	return nil
}
