package concept

import (
	_ "embed" // the default names
	"fmt"
	"strings"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed drugs.yaml
var defaultDrugs []byte

// Drugs tells drugs from other treatments by their names. It is read-only once made.
type Drugs struct {
	names      *text.Lexicon
	procedures map[string]bool
	stems      []string
	beginnings []string
}

// minStemmed is how long a word has to be to be told by its stem, in bytes.
const minStemmed = 6

// DefaultDrugs gives the names inside the binary.
func DefaultDrugs() (*Drugs, error) {
	var file struct {
		Stems      []string `yaml:"stems"`
		Beginnings []string `yaml:"beginnings"`
		Names      []string `yaml:"names"`
		Procedures []string `yaml:"procedures"`
	}
	if err := yaml.UnmarshalWithOptions(defaultDrugs, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("drugs: %s", yaml.FormatError(err, false, false))
	}
	drugs := &Drugs{names: text.NewLexicon(), procedures: map[string]bool{}, stems: file.Stems, beginnings: file.Beginnings}
	for _, name := range file.Names {
		if err := drugs.names.Add(name, 0); err != nil {
			return nil, fmt.Errorf("drugs: %w", err)
		}
	}
	for _, word := range file.Procedures {
		drugs.procedures[word] = true
	}
	return drugs, nil
}

// Named reports whether a mention is named as a drug is: a known name, or a word with a drug's stem (WHO, "The use of stems in the
// selection of INN"), and no word of what is done rather than taken.
func (d *Drugs) Named(t *text.Text, span text.Span) bool {
	words := t.Cover(span)
	found := false
	for i := words.From; i < words.To; i++ {
		if d.procedures[t.Word(i)] {
			return false
		}
		if _, known := d.names.Longest(t, i, words.To); known {
			found = true
			continue
		}
		word := strings.TrimSuffix(t.Word(i), "s")
		if len(word) < minStemmed {
			continue
		}
		for _, stem := range d.stems {
			found = found || strings.HasSuffix(word, stem)
		}
		for _, beginning := range d.beginnings {
			found = found || strings.HasPrefix(word, beginning)
		}
	}
	return found
}
