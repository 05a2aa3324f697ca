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
	NDJSON      bool   `name:"ndjson" help:"Read {\"id\",\"text\"} objects, one a line; write one object a line."`
	Document    bool   `help:"The input is a DocumentReference or a DiagnosticReport, or a Bundle of them."`
	Given       bool   `help:"The mentions come with the input: {\"id\",\"text\",\"date\",\"entities\":[{\"label\",\"start\",\"end\"}]} objects, one a line. No model runs."`
	ContentType string `help:"What the file is: text/plain, text/html, application/rtf, text/xml (C-CDA) or application/pdf, perhaps with a charset." default:"text/plain; charset=utf-8" placeholder:"TYPE"`
	fetchFlags
	folderFlag
	Config string `help:"The site's own settings, a YAML file: where attachments may be fetched from, and where codes come from." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_CONFIG"`
	File   string `arg:"" help:"File to read, - for standard input."`
}

// Run implements the command.
func (c *annotateCommand) Run(ctx context.Context, s streams) error {
	if c.Document && (c.NDJSON || c.Given) {
		return usageError{errors.New("--document excludes --ndjson and --given")}
	}
	in, err := openInput(c.File, s)
	if err != nil {
		return usageError{err}
	}
	defer in.Close()
	site, closing, err := siteFlags{fetchFlags: c.fetchFlags, Config: c.Config}.open(c.folderFlag)
	if err != nil {
		return err
	}
	defer closing()
	if c.Given {
		return annotateGiven(ctx, in, site, s)
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
	a := annotator{pipeline: site.withCodes(pipeline), out: newEncoder(s.out), messages: s.err}
	switch {
	case c.NDJSON:
		return eachLine(ctx, in, s, func(ctx context.Context, line noteLine) (any, error) {
			date, zone, err := line.date()
			if err != nil {
				return nil, err
			}
			return a.annotate(ctx, line.ID, &nlp.Document{Text: note.NewText(*line.Text), Date: date, Zone: zone})
		})
	case c.Document:
		reader := newPDFReader()
		defer reader.Close()
		return a.documents(ctx, in, s.err, &extract.Extractor{Decoder: note.Decoder{PDF: reader}, Fetcher: site.fetcher})
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	reader := newPDFReader()
	defer reader.Close()
	text, remarks, err := note.Decoder{PDF: reader}.Decode(ctx, data, c.ContentType)
	if errors.Is(err, note.ErrEmpty) {
		text, err = note.NewText(string(data)), nil
	}
	if err != nil {
		return err
	}
	for _, remark := range remarks {
		fmt.Fprintln(s.err, "charthand:", remark)
	}
	return a.write(ctx, "", &nlp.Document{Text: text})
}

type annotator struct {
	pipeline nlp.Pipeline
	out      *json.Encoder
	messages io.Writer
}

func (a annotator) annotate(ctx context.Context, id string, d *nlp.Document) (nlp.Annotation, error) {
	if err := a.pipeline.Annotate(ctx, d); err != nil {
		return nlp.Annotation{}, err
	}
	for _, remark := range d.Remarks {
		fmt.Fprintln(a.messages, "charthand:", remark)
	}
	return d.Annotation(id), nil
}

func (a annotator) write(ctx context.Context, id string, d *nlp.Document) error {
	annotation, err := a.annotate(ctx, id, d)
	if err != nil {
		return err
	}
	return a.out.Encode(annotation)
}

func (a annotator) documents(ctx context.Context, in io.Reader, messages io.Writer, reader *extract.Extractor) error {
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
		text, issues, err := reader.Text(ctx, document)
		for _, issue := range issues {
			fmt.Fprintf(messages, "charthand: %s: %s\n", issue.Expression, issue.Diagnostics)
		}
		if err != nil {
			fmt.Fprintln(messages, "charthand:", err)
			failed = true
			continue
		}
		if err := a.write(ctx, document.ID, nlp.NewDocument(text, document.Date)); err != nil {
			return err
		}
	}
	if failed {
		return errInput
	}
	return nil
}
