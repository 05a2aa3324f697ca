package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"charthand/interop"

	"golang.org/x/term"
)

type interopCommand struct {
	modelFlags
	siteFlags
	folderFlag
	Topic string `help:"Canonical of a topic to subscribe to; by default the first one that the server names." placeholder:"CANONICAL"`
	JSON  bool   `name:"json" help:"Print the report as JSON."`
	Yes   bool   `help:"Do not ask before writing to a server on another machine."`
}

// Help is what kong prints below the usage.
func (c *interopCommand) Help() string {
	return "It writes a patient, an invented note and what the note says, all marked as test data (HTEST), and removes all of it at the end, also when it is interrupted."
}

// Run implements the command.
func (c *interopCommand) Run(ctx context.Context, s streams) error {
	o, err := c.openWith(c.siteFlags, c.folderFlag)
	if err != nil {
		return err
	}
	defer o.close()
	in := o.in
	if in.FHIRBase == "" {
		return usageError{errors.New("--fhir-base: which server?")}
	}
	run := interop.NewRun()
	in.software = version + "+interop." + run // the Device of the run, which it removes, is not that of others
	extractor, err := newExtractor(s, o, languageFlag{})
	if err != nil {
		return err
	}
	if !interop.IsLocal(in.FHIRBase) && !c.Yes {
		plan, err := interop.Plan(ctx, extractor)
		if err != nil {
			return err
		}
		if err := confirm(s, in.FHIRBase, run, plan); err != nil {
			return err
		}
	}
	config := interop.Config{Server: in.fetcher.WritingOnce(), Extractor: extractor, Base: in.FHIRBase, Run: run, Version: version, Topic: c.Topic}
	if !c.JSON {
		fmt.Fprintf(s.out, "charthand %s, run %s on %s\n\n", version, run, in.FHIRBase)
		config.Each = func(step interop.Step) { _, _ = step.WriteTo(s.out) } // what cannot be printed is no reason to leave things on the server
	}
	report := interop.Run(ctx, config)
	if c.JSON {
		err = newEncoder(s.out).Encode(report)
	} else {
		_, err = report.WriteTo(s.out)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case report.Verdict != interop.Passed:
		return errInput
	}
	return nil
}

// confirm asks whether a server may be written to. Where nobody can answer, it may not.
func confirm(s streams, base, run string, plan map[string]int) error {
	if in, is := s.in.(*os.File); !is || !term.IsTerminal(int(in.Fd())) {
		return usageError{fmt.Errorf("%s is not on this machine, and there is no terminal to ask at: --yes lets it be written to", base)}
	}
	return ask(s.in, s.err, base, run, plan)
}

// ask says what will be written and removed, and takes the answer.
func ask(in io.Reader, out io.Writer, base, run string, plan map[string]int) error {
	var facts []string
	for _, resourceType := range slices.Sorted(maps.Keys(plan)) {
		facts = append(facts, fmt.Sprintf("%d %s", plan[resourceType], resourceType))
	}
	fmt.Fprintf(out, `charthand will write to %s:
  1 Patient (invented) and 1 DocumentReference with an invented note
  what the note says, twice the same: %s
  1 update of the Patient, 2 of the DocumentReference, the second of which is to be refused
  up to 2 Subscriptions to that Patient's documents
All of it is marked as test data (HTEST, and the tag %s|%s), and deleted at the end.
Of what is deleted a server may keep earlier versions.
Write it? [y/N] `, base, strings.Join(facts, ", "), interop.System, run)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return usageError{errors.New("nothing was written")}
}

// softwareVersion is the version that the Device has.
func (in *settings) softwareVersion() string { return cmp.Or(in.software, version) }
