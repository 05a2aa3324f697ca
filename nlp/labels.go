package nlp

import (
	_ "embed" // the default labels
	"fmt"

	"github.com/goccy/go-yaml"
)

//go:embed labels.yaml
var defaultLabels []byte

// role is what a label means to the stages.
type role uint8

const (
	problemRole role = iota
	familyRole
	drugRole
	procedureRole
	testRole
	resultRole
	timeRole
	durationRole
	eventRole
	modifierRole
)

// roles gives each label its role; a label that is not named is a problem.
type roles map[string]role

// defaultRoles gives the roles inside the binary.
func defaultRoles() (roles, error) {
	var file struct {
		Problem   []string `yaml:"problem"`
		Family    []string `yaml:"family"`
		Drug      []string `yaml:"drug"`
		Procedure []string `yaml:"procedure"`
		Test      []string `yaml:"test"`
		Result    []string `yaml:"result"`
		Time      []string `yaml:"time"`
		Duration  []string `yaml:"duration"`
		Event     []string `yaml:"event"`
		Modifier  []string `yaml:"modifier"`
	}
	if err := yaml.UnmarshalWithOptions(defaultLabels, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("labels: %s", yaml.FormatError(err, false, false))
	}
	all := roles{}
	for role, labels := range map[role][]string{
		problemRole: file.Problem, familyRole: file.Family, drugRole: file.Drug, procedureRole: file.Procedure, testRole: file.Test, resultRole: file.Result,
		timeRole: file.Time, durationRole: file.Duration, eventRole: file.Event, modifierRole: file.Modifier,
	} {
		for _, label := range labels {
			if _, twice := all[label]; twice {
				return nil, fmt.Errorf("labels: %s is named twice", label)
			}
			all[label] = role
		}
	}
	return all, nil
}
