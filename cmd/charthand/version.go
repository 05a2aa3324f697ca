package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	"charthand/models"
)

// version is charthand's own; it is part of the Device that resources come from.
const version = "0.1.0"

type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(_ context.Context, s streams) error {
	graph, err := fs.ReadFile(models.Default(), "model.onnx")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "charthand %s\nmodel inside: sha256:%x\n", version, sha256.Sum256(graph))
	return err
}
