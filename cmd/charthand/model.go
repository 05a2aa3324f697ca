package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"charthand/mapping"
	"charthand/nlp"
	"charthand/nlp/onnx"
)

type modelCommand struct {
	Info  modelInfoCommand  `cmd:"" help:"Print architecture, labels, size, digest and limits of a model folder."`
	List  modelListCommand  `cmd:"" help:"Print the model inside and those that were pulled, with their folders."`
	Pull  modelPullCommand  `cmd:"" help:"Get a model from the Hugging Face hub into the cache, and print its folder."`
	Check modelCheckCommand `cmd:"" help:"Compare a model's answers with those that were recorded of Hugging Face's pipeline (expected.json)."`
}

type modelInfoCommand struct {
	Folder string `arg:"" optional:"" name:"dir" help:"The model folder; the model inside by default." type:"existingdir"`
}

// Run implements the command.
func (c *modelInfoCommand) Run(_ context.Context, s streams) error {
	model, err := modelFlags{Model: c.Folder}.open()
	if err != nil {
		return err
	}
	defer model.Close()
	rules, err := mapping.DefaultRules()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, value) }
	line("name", strings.TrimSpace(model.Settings.Name+" "+model.Settings.Version))
	line("architecture", model.Architecture)
	line("language", cmp.Or(model.Settings.Language, "not said"))
	line("graph", fmt.Sprintf("%s (inputs %s)", model.Graph, strings.Join(model.Inputs, ", ")))
	line("size", fmt.Sprintf("%.1f MB", float64(model.Size)/1e6))
	line("digest", "sha256:"+model.Digest)
	line("longest window", fmt.Sprintf("%d tokens and the special ones", model.MaxTokens))
	line("window used", windowUsed(model))
	line("decoding", decoding(model.Settings))
	types, scheme := labelSchema(model.Labels)
	line("labels", fmt.Sprintf("%d: %d types, %s", len(model.Labels), len(types), scheme))
	schema, labels := rules.Schema(types)
	line("schema", cmp.Or(schema, "none that the mapping knows"))
	for _, label := range types {
		line("  "+label, becomes(labels, label))
	}
	return table.Flush()
}

func windowUsed(model *onnx.Model) string {
	w := model.Settings.Window
	if w.Tokens == 0 {
		return "the longest"
	}
	if w.Overlap == 0 {
		return fmt.Sprintf("%d tokens", w.Tokens)
	}
	return fmt.Sprintf("%d tokens, overlapping by %d where no sentence ends", w.Tokens, w.Overlap)
}

func decoding(settings onnx.Settings) string {
	if !settings.Decode.Viterbi {
		return "token by token, as Hugging Face's pipeline"
	}
	return "best sequence of tags over whole words (Viterbi)"
}

// labelSchema gives the types that the labels name, and how they mark where a mention begins.
func labelSchema(labels []string) (types []string, scheme string) {
	scheme = "IO (no B-: neighbours of one type are one mention)"
	for _, label := range labels {
		if label == "O" {
			continue
		}
		begins, name := nlp.SplitTag(label)
		if begins {
			scheme = "IOB2"
		}
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types, scheme
}

// becomes says what the rules of a schema make of a label.
func becomes(rules map[string]mapping.LabelRule, label string) string {
	rule, known := rules[label]
	switch {
	case !known:
		return "no rule: found and counted, not written"
	case rule.Part == mapping.PartOther:
		return "no fact of its own"
	case rule.Part != "":
		return fmt.Sprintf("the %s of another", rule.Part)
	case rule.Resource == "":
		return fmt.Sprintf("of a relative: %s", rule.Family)
	case rule.Drug != "":
		return fmt.Sprintf("a drug: %s, else %s", rule.Drug, rule.Resource)
	case rule.WithValue != "":
		return fmt.Sprintf("%s, with a result %s", rule.Resource, rule.WithValue)
	}
	return string(rule.Resource)
}

type modelCheckCommand struct {
	Folder string `arg:"" name:"dir" help:"The model folder, with expected.json in it." type:"existingdir"`
}

// recordedFile is what training/ records beside a model.
const recordedFile = "expected.json"

// Run implements the command.
func (c *modelCheckCommand) Run(ctx context.Context, s streams) error {
	recorded, err := os.ReadFile(filepath.Join(c.Folder, recordedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s has no %s to compare with: `python -m charthand_training record` in training/ writes one", c.Folder, recordedFile)}
	}
	if err != nil {
		return usageError{err}
	}
	model, err := modelFlags{Model: c.Folder}.open()
	if err != nil {
		return err
	}
	defer model.Close()
	parity, err := nlp.CheckParity(ctx, model, recorded)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", filepath.Join(c.Folder, recordedFile), err)}
	}
	for _, difference := range parity.Differences {
		fmt.Fprintln(s.err, "charthand:", difference)
	}
	fmt.Fprintf(s.out, "%d answers to %d texts compared with transformers %s: %d texts and aggregations differ\n",
		parity.Answers, parity.Texts, parity.Transformers, len(parity.Differences))
	if len(parity.Differences) > 0 {
		return errInput
	}
	return nil
}
