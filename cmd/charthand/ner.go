package main

import (
	"context"
	"encoding/json"
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
	out := json.NewEncoder(s.out)
	out.SetEscapeHTML(false)
	if !c.NDJSON {
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		entities, err := classifier.Answers(ctx, string(text))
		if err != nil {
			return err
		}
		return out.Encode(entities)
	}
	return eachLine(in, s.err, func(id, text string) error {
		entities, err := classifier.Answers(ctx, text)
		if err != nil {
			return err
		}
		return out.Encode(struct {
			ID       string       `json:"id"`
			Entities []nlp.Answer `json:"entities"`
		}{id, entities})
	})
}
