package section

import (
	_ "embed" // the default headings
	"errors"
	"fmt"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed headings.yaml
var defaultHeadings []byte

// Finder finds sections by their headings. It is read-only once made.
// The numbers of the phrases in the lexicon that name no section.
type Finder struct {
	lexicon  *text.Lexicon
	codes    []string // by number in the lexicon, twice each: headings, then items; nothing for the numbers below
	divided  map[string]bool
	items    map[string]map[string]bool // code of a heading → codes of the sections that it is an item of
	reports  map[string]bool            // codes of sections that only reports of a study have
	inReport []string                   // like codes: what they become in such a report
}

// rules is headings.yaml.
type rules struct {
	Sections []struct {
		Code     string   `yaml:"code"`
		Name     string   `yaml:"name"`
		Headings []string `yaml:"headings"`
		Items    []string `yaml:"items"`
		// InReports is nil where the code is the same in reports.
		InReports *string `yaml:"inReports"`
	} `yaml:"sections"`
	Fillers []string            `yaml:"fillers"`
	Parts   []string            `yaml:"parts"`
	Fields  []string            `yaml:"fields"`
	Divided []string            `yaml:"divided"`
	Items   map[string][]string `yaml:"items"`
	Reports []string            `yaml:"reports"`
}

// Named is a section code (LOINC) with a name of the section and its headings, in patterns (text.Lexicon).
type Named struct {
	Code, Name string
	Headings   []string
}

// Names gives the sections inside the binary.
func Names() ([]Named, error) {
	var r rules
	if err := yaml.UnmarshalWithOptions(defaultHeadings, &r, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("headings: %s", yaml.FormatError(err, false, false))
	}
	var list []Named
	for _, s := range r.Sections {
		list = append(list, Named{s.Code, s.Name, s.Headings})
	}
	return list, nil
}

// Default gives the Finder of the headings inside the binary.
func Default() (*Finder, error) { return Read(defaultHeadings) }

// Read makes a Finder of headings in YAML; headings.yaml is the example. Every fault comes back in one error.
func Read(data []byte) (*Finder, error) {
	var r rules
	if err := yaml.UnmarshalWithOptions(data, &r, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("headings: %s", yaml.FormatError(err, false, false))
	}
	f := &Finder{lexicon: text.NewLexicon(), codes: make([]string, named), inReport: make([]string, named)}
	var faults []error
	add := func(patterns []string, id int) {
		for _, pattern := range patterns {
			if err := f.lexicon.Add(pattern, id); err != nil {
				faults = append(faults, fmt.Errorf("headings: %w", err))
			}
		}
	}
	for _, s := range r.Sections {
		in := s.Code
		if s.InReports != nil {
			in = *s.InReports
		}
		f.codes, f.inReport = append(f.codes, s.Code, s.Code), append(f.inReport, in, in)
		add(s.Headings, len(f.codes)-2)
		add(s.Items, len(f.codes)-1)
	}
	add(r.Parts, part)
	add(r.Fields, field)
	add(r.Fillers, filler)
	f.divided, f.reports = set(r.Divided), set(r.Reports)
	f.items = map[string]map[string]bool{}
	for code, sections := range r.Items {
		f.items[code] = set(sections)
	}
	return f, errors.Join(faults...)
}

func set(codes []string) map[string]bool {
	m := make(map[string]bool, len(codes))
	for _, code := range codes {
		m[code] = true
	}
	return m
}
