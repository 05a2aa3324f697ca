// Command charthand reads the clinical notes of FHIR DocumentReferences and gives what they say as FHIR resources.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes, as README.md has them.
const (
	exitDone   = 0
	exitFailed = 1 // some input failed; the rest was done, the failures named
	exitUsage  = 2 // wrong usage or configuration
)

// errInput says that some input failed and has been named already.
var errInput = errors.New("some input failed")

// usageError is wrong usage or configuration that only shows while a command runs.
type usageError struct{ error }

// streams are what a command reads and writes: the process's own, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// commands is the command line; one file beside this one for each command.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Serve the FHIR operation over HTTP."`
	Extract     extractCommand     `cmd:"" help:"Turn DocumentReferences into transaction Bundles, one a line."`
	Annotate    annotateCommand    `cmd:"" help:"Show what was found in a text, as JSON."`
	Subscribe   subscribeCommand   `cmd:"" help:"Make or change the Subscription of a FHIR server that notifies a hook."`
	Unsubscribe unsubscribeCommand `cmd:"" help:"Delete the Subscription of a hook."`
	Backfill    backfillCommand    `cmd:"" help:"Put the documents that a FHIR server holds into the queue."`
	Interop     interopCommand     `cmd:"" help:"Try a FHIR server with test data, and remove that."`
	Queue       queueCommand       `cmd:"" help:"List, retry or drop jobs."`
	Terminology terminologyCommand `cmd:"" help:"Import code systems, and look codes up."`
	NER         nerCommand         `cmd:"" name:"ner" help:"Answer as Hugging Face's token-classification pipeline does, as JSON."`
	Evaluate    evaluateCommand    `cmd:"" help:"Measure a model on labelled notes: precision, recall, F1."`
	Model       modelCommand       `cmd:"" help:"Say what is in a model folder, and check its answers."`
	Config      configCommand      `cmd:"" help:"Check or print the settings."`
	Version     versionCommand     `cmd:"" help:"Print the version of charthand and of the model inside."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end; the second, by the system's own rule, ends the process.
	context.AfterFunc(ctx, stop)
	// Libraries write here what they got from others: net/http the bytes of an answer that is longer than it says, which may be a note's.
	log.SetOutput(io.Discard)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the whole program but for the process around it; it gives the exit code.
func run(ctx context.Context, args []string, s streams) int {
	exited := -1
	parser, err := kong.New(&commands{},
		kong.Name("charthand"),
		kong.Description("Reads clinical notes (FHIR DocumentReference, DiagnosticReport) and gives back what they say as FHIR resources. "+
			"Everything happens on this machine: what a note says goes to nobody but the FHIR server that you name."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(s.err, "charthand:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help has been printed
	}
	if err != nil {
		fmt.Fprintln(s.err, "charthand:", err)
		var parseError *kong.ParseError
		if errors.As(err, &parseError) {
			fmt.Fprintln(s.err, "Run charthand --help, or charthand COMMAND --help, to see what there is.")
		}
		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(s)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInput):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, "charthand: interrupted")
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintln(s.err, "charthand:", err)
		return exitUsage
	}
	fmt.Fprintln(s.err, "charthand:", err)
	return exitFailed
}
