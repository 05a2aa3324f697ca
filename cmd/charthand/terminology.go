package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"charthand/nlp"
	"charthand/nlp/concept"
	"charthand/nlp/text"
	"charthand/terminology"
	"charthand/terminology/source"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

type terminologyCommand struct {
	Import terminologyImportCommand `cmd:"" help:"Read a code system as its publisher ships it, and make the index that mentions are looked up in."`
	List   terminologyListCommand   `cmd:"" help:"List the code systems that were imported."`
	Remove terminologyRemoveCommand `cmd:"" help:"Remove a code system."`
	Lookup terminologyLookupCommand `cmd:"" help:"Show which codes a text may mean."`
}

type terminologyImportCommand struct {
	folderFlag
	Kind     string            `arg:"" help:"What it is: icd10cm, icd10pcs, rxnorm, snomed, loinc, obo (Disease Ontology, HPO) or tsv (a table of your own)." enum:"icd10cm,icd10pcs,rxnorm,snomed,loinc,obo,tsv"`
	Paths    []string          `arg:"" name:"path" help:"Its files, its folder or its ZIP archive; files may be compressed with gzip." type:"path"`
	System   string            `help:"URL of the code system, where the files do not say it (tsv)." placeholder:"URL"`
	Release  string            `help:"Its version, where the files do not say it." placeholder:"VERSION"`
	Title    string            `help:"Its name as people know it." placeholder:"TEXT"`
	Language string            `help:"SNOMED CT: the language reference set whose names are taken, us, gb or an identifier." placeholder:"ID" default:"us"`
	Of       string            `help:"tsv and obo: what its concepts are, problem, drug, procedure, test, site or other." enum:",problem,drug,procedure,test,site,other" default:"" placeholder:"KIND"`
	Columns  map[string]string `help:"tsv: other names of its columns, such as term=variant;code=canonical." placeholder:"NAME=COLUMN"`
	Replace  bool              `help:"Put this version in the place of another that is there."`
}

// languages are language reference sets by short names.
var languages = map[string]string{"us": source.USEnglish, "gb": source.GBEnglish}

// Run implements the command.
func (c *terminologyImportCommand) Run(ctx context.Context, s streams) error {
	store, err := c.store()
	if err != nil {
		return err
	}
	in := terminology.Import{
		Kind: c.Kind, Paths: c.Paths, System: c.System, Version: c.Release, Title: c.Title, Replace: c.Replace,
		Options: source.Options{Language: c.Language, Columns: c.Columns, Kinds: source.KindNames[c.Of]},
	}
	if id := languages[c.Language]; id != "" {
		in.Language = id
	}
	watch(&in, s.err)
	began := time.Now()
	meta, err := store.Add(ctx, in)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(s.err, "charthand: the same command goes on where this one stopped")
		}
		return fmt.Errorf("%s was not imported: %w", c.Kind, err)
	}
	fmt.Fprintf(s.out, "%s: %s %s, %d concepts, %d names, %.1f s\n", terminology.Short(meta.System), meta.Title, meta.Version, meta.Concepts, meta.Names, time.Since(began).Seconds())
	if meta.Nameless > 0 {
		fmt.Fprintf(s.err, "charthand: %d names are of codes that the release does not have, and were left out\n", meta.Nameless)
	}
	return nil
}

// watch shows how much is read, where somebody sees it.
func watch(in *terminology.Import, out io.Writer) {
	file, is := out.(*os.File)
	if !is || !term.IsTerminal(int(file.Fd())) {
		return
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("reading"), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	in.Progress = func(read, total int64) {
		if bar.GetMax64() != total {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(read) // what is shown may fail
	}
	in.Building = func() {
		_ = bar.Finish() // as above
		fmt.Fprintln(out, "making the index …")
	}
}

type terminologyListCommand struct{ folderFlag }

// Run implements the command.
func (c *terminologyListCommand) Run(_ context.Context, s streams) error {
	store, err := c.store()
	if err != nil {
		return err
	}
	list, faults, err := store.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTITLE\tVERSION\tCONCEPTS\tNAMES\tIMPORTED\tSYSTEM")
	for _, m := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", terminology.Short(m.System), m.Title, m.Version, m.Concepts, m.Names, m.Imported.Format(time.RFC3339), m.System)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(s.err, "charthand:", fault)
	}
	if len(faults) > 0 {
		return errInput
	}
	return nil
}

type terminologyRemoveCommand struct {
	folderFlag
	Name string `arg:"" help:"Its name, as terminology list shows it, or its URL."`
}

// Run implements the command.
func (c *terminologyRemoveCommand) Run(_ context.Context, s streams) error {
	store, err := c.store()
	if err != nil {
		return err
	}
	if err := store.Remove(c.Name); err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprintf(s.out, "%s removed\n", c.Name)
	return err
}

type terminologyLookupCommand struct {
	folderFlag
	Config    string   `help:"The site's own settings, a YAML file." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_CONFIG"`
	Text      string   `arg:"" help:"What to look up; - for one text a line of standard input."`
	Kind      string   `help:"What it is: problem, drug, procedure or test; other for severities, routes, units and sections." enum:"problem,drug,procedure,test,other" default:"problem"`
	Modifiers []string `name:"modifier" help:"What the note says of it elsewhere, such as left, acute or 40 mg; may be said several times." placeholder:"TEXT"`
	Section   string   `help:"LOINC code of the section that it stands in, such as 11348-0 (past medical history)." placeholder:"CODE"`
	JSON      bool     `name:"json" help:"One JSON object a text."`
}

// Run implements the command.
func (c *terminologyLookupCommand) Run(ctx context.Context, s streams) error {
	in, closing, err := siteFlags{Config: c.Config}.open(c.folderFlag)
	if err != nil {
		return err
	}
	defer closing()
	look, err := c.lookup(in)
	if err != nil {
		return err
	}
	if c.Text != "-" {
		return look(ctx, c.Text, s)
	}
	lines := bufio.NewScanner(s.in)
	lines.Buffer(nil, maxLookup)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if err := look(ctx, text, s); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return usageError{fmt.Errorf("standard input: %w", err)}
	}
	return nil
}

// maxLookup bounds a text that is looked up, in bytes.
const maxLookup = 1 << 16

// found is what lookup prints with --json.
type found struct {
	Text    string                 `json:"text"`
	Codings []nlp.CodingAnnotation `json:"codings"`
}

// lookup makes what looks a text up and prints what it may mean.
func (c *terminologyLookupCommand) lookup(in *settings) (func(context.Context, string, streams) error, error) {
	normalizer, err := concept.Default()
	if err != nil {
		return nil, err
	}
	kind := shownKind(c.Kind)
	if c.Kind == "other" {
		kind = nlp.KindModifier
	}
	return func(ctx context.Context, said string, s streams) error {
		t := text.New(said)
		normal := normalizer.Normal(t, concept.Mention{Span: text.Span{End: len(said)}, Kind: concept.Kind(c.Kind), Section: c.Section}, nil)
		m := nlp.Mention{Kind: kind, Names: []string{normal}, Modifiers: c.Modifiers, Section: c.Section}
		if normal != said {
			m.Names = append(m.Names, said)
		}
		codings, err := in.codes.Code(ctx, []nlp.Mention{m})
		if err != nil {
			return err
		}
		if c.JSON {
			return newEncoder(s.out).Encode(found{said, nlp.Codings(codings[0])})
		}
		return printCodings(s.out, said, codings[0])
	}, nil
}

// printCodings prints a table of what a text may mean.
func printCodings(out io.Writer, said string, list []nlp.Coding) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "%s: nothing was found\n", said)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCORE\tWRITTEN\tSYSTEM\tCODE\tDISPLAY")
	for _, c := range list {
		written := ""
		if c.Chosen {
			written = "yes"
		}
		if c.Mapped {
			written += " (map)"
		}
		fmt.Fprintf(table, "%.2f\t%s\t%s\t%s\t%s\n", c.Score, written, terminology.Short(c.System), c.Code, c.Display)
	}
	return table.Flush()
}
