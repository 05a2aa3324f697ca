package main

import (
	"context"
	"io"

	"charthand/nlp"
)

type nerCommand struct {
	modelFlags
	Aggregation nlp.Aggregation `help:"How the answers for tokens become mentions: ${enum}." enum:"none,simple,first,average,max" default:"simple"`
	NDJSON      bool            `name:"ndjson" help:"Read {\"id\",\"text\"} objects, one a line; write {\"id\",\"entities\"} objects."`
	File        string          `arg:"" optional:"" default:"-" help:"File to read, - for standard input."`
}

// Run implements the command.
func (c *nerCommand) Run(ctx context.Context, s streams) error {
	model, err := c.open()
	if err != nil {
		return err
	}
	defer model.Close()
	classifier, err := nlp.NewClassifier(model, c.Window, c.Aggregation)
	if err != nil {
		return usageError{err}
	}
	in, err := openInput(c.File, s)
	if err != nil {
		return usageError{err}
	}
	defer in.Close()
	if c.NDJSON {
		return eachLine(ctx, in, s, func(ctx context.Context, line noteLine) (any, error) {
			entities, err := classifier.Answers(ctx, *line.Text)
			return struct {
				ID       string       `json:"id"`
				Entities []nlp.Answer `json:"entities"`
			}{line.ID, entities}, err
		})
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	entities, err := classifier.Answers(ctx, string(text))
	if err != nil {
		return err
	}
	return newEncoder(s.out).Encode(entities)
}
