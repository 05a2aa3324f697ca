package main

import (
	"context"
	"fmt"
)

// version is charthand's own; it is part of the Device that resources come from.
const version = "0.1.0"

type versionCommand struct {
	Model string `help:"Folder of another model than the one inside." placeholder:"DIR" type:"path"`
}

// Run implements the command.
func (c versionCommand) Run(_ context.Context, s streams) error {
	model, _, err := modelFlags{Model: c.Model}.load()
	if err != nil {
		return err
	}
	defer model.Close()
	modelVersion := model.Settings.Version
	if modelVersion == "" {
		modelVersion = "without a version"
	}
	_, err = fmt.Fprintf(s.out, "charthand %s\nmodel %s %s, sha256:%s\n", version, model.Settings.Name, modelVersion, model.Digest)
	return err
}
