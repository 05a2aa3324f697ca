package evaluation

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Figures are precision, recall and F1, 0 to 1.
type Figures struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Line is one row of the report.
type Line struct {
	Label     string  `json:"label,omitempty"`
	Gold      int     `json:"gold"`
	Predicted int     `json:"predicted"`
	Strict    Figures `json:"strict"`
	Overlap   Figures `json:"overlap"`
}

// Report is an evaluation as it is shown: to people as a table, to programs as JSON.
type Report struct {
	Micro  Line   `json:"micro"`
	Macro  Line   `json:"macro"`
	Types  []Line `json:"types"` // the most often marked first
	Tokens struct {
		Count    int     `json:"count"`
		Accuracy float64 `json:"accuracy"`
	} `json:"tokens"`
}

// Report gives the figures of what was added so far.
func (e *Evaluation) Report() Report {
	r := Report{Types: []Line{}}
	r.Micro = line("", e.Micro(Strict), e.Micro(Overlap))
	r.Macro = r.Micro
	for match, figures := range map[Match]*Figures{Strict: &r.Macro.Strict, Overlap: &r.Macro.Overlap} {
		figures.Precision, figures.Recall, figures.F1 = e.Macro(match)
	}
	for _, label := range e.Labels() {
		r.Types = append(r.Types, line(label, e.Of(label, Strict), e.Of(label, Overlap)))
	}
	r.Tokens.Accuracy, r.Tokens.Count = e.Accuracy()
	return r
}

func line(label string, strict, overlap Counts) Line {
	figures := func(c Counts) Figures { return Figures{c.Precision(), c.Recall(), c.F1()} }
	return Line{label, strict.Gold, strict.Predicted, figures(strict), figures(overlap)}
}

// Write prints the report as a table.
func (r Report) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\t\t\tstrict\t\t\toverlap\t\t\t\n")
	fmt.Fprint(table, "marked\tfound\tP\tR\tF1\tP\tR\tF1\t type\n")
	row := func(name string, l Line) {
		fmt.Fprintf(table, "%d\t%d", l.Gold, l.Predicted)
		for _, f := range []Figures{l.Strict, l.Overlap} {
			fmt.Fprintf(table, "\t%.3f\t%.3f\t%.3f", f.Precision, f.Recall, f.F1)
		}
		fmt.Fprintf(table, "\t %s\n", name)
	}
	row("all (micro)", r.Micro)
	row("all (macro)", r.Macro)
	for _, l := range r.Types {
		row(l.Label, l)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%.4f of %d tokens have the right tag\n", r.Tokens.Accuracy, r.Tokens.Count)
	return err
}
