// Package concept gives mentions the form that concepts are compared by: abbreviations written out, one letter case, one number.
// The text itself is never touched.
package concept

import (
	_ "embed" // the default abbreviations
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/unicode/norm"
)

//go:embed abbreviations.yaml
var defaultAbbreviations []byte

// Kind is what a mention is, as far as its abbreviations go.
type Kind string

// The kinds that have abbreviations of their own.
const (
	Problem   Kind = "problem"
	Drug      Kind = "drug"
	Procedure Kind = "procedure"
	Test      Kind = "test"
)

// Normalizer gives mentions their normal form. It is read-only once made.
type Normalizer struct {
	senses   map[Kind]map[string][]sense
	cased    map[string]bool
	singular map[string]bool
}

// sense is what an abbreviation stands for, and where.
type sense struct {
	Long     string   `yaml:"long"`
	Sections []string `yaml:"sections"` // LOINC codes
	Near     []string `yaml:"near"`     // words around it
}

// Default gives the Normalizer of the abbreviations inside the binary.
func Default() (*Normalizer, error) { return Read(defaultAbbreviations) }

// Read makes a Normalizer of abbreviations in YAML; abbreviations.yaml is the example. A fault names the abbreviation.
func Read(data []byte) (*Normalizer, error) {
	var file struct {
		Problem   map[string]any `yaml:"problem"`
		Drug      map[string]any `yaml:"drug"`
		Procedure map[string]any `yaml:"procedure"`
		Test      map[string]any `yaml:"test"`
		Cased     []string       `yaml:"cased"`
		Singular  []string       `yaml:"singular"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("abbreviations: %s", yaml.FormatError(err, false, false))
	}
	n := &Normalizer{senses: map[Kind]map[string][]sense{}, cased: set(file.Cased), singular: set(file.Singular)}
	for kind, entries := range map[Kind]map[string]any{Problem: file.Problem, Drug: file.Drug, Procedure: file.Procedure, Test: file.Test} {
		n.senses[kind] = map[string][]sense{}
		for _, short := range slices.Sorted(maps.Keys(entries)) {
			senses, err := sensesOf(entries[short])
			if err != nil {
				return nil, fmt.Errorf("abbreviations: %s.%s: %w", kind, short, err)
			}
			n.senses[kind][short] = senses
		}
	}
	return n, nil
}

// sensesOf reads one sense in words, or a list of senses.
func sensesOf(value any) ([]sense, error) {
	if long, plain := value.(string); plain {
		return []sense{{Long: long}}, nil
	}
	data, err := yaml.Marshal(value)
	if err != nil {
		return nil, err
	}
	var senses []sense
	if err := yaml.UnmarshalWithOptions(data, &senses, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s", yaml.FormatError(err, false, false))
	}
	if len(senses) == 0 {
		return nil, fmt.Errorf("no sense")
	}
	if last := senses[len(senses)-1]; last.Long == "" || len(last.Sections)+len(last.Near) > 0 {
		return nil, fmt.Errorf("the last sense stands without section and nearby words")
	}
	return senses, nil
}

func set(words []string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// Mention is what Normal looks at.
type Mention struct {
	text.Span
	Kind    Kind
	Section string // LOINC code
}

// Normal gives the form of a mention that concepts are compared by: Unicode NFKC, lower case, single blanks, abbreviations written
// out, the last word in the singular. defined are the acronyms that the note itself defines, by their capitals.
func (n *Normalizer) Normal(t *text.Text, m Mention, defined map[string]string) string {
	words := t.Body[m.Start:m.End]
	if long, found := defined[words]; found {
		return long
	}
	words = oneAcronym(words)
	s := fold(words)
	if long, found := n.expand(t, m, s, words); found {
		return long
	}
	head, last := "", s
	if cut := strings.LastIndexByte(s, ' '); cut >= 0 {
		head, last = s[:cut+1], s[cut+1:]
		parts := strings.Fields(head)
		for i, part := range parts { // "acute MI", "h/o DM2": the parts are written out
			if long, found := n.plain(m.Kind, part, words); found {
				parts[i] = long
			}
		}
		head = strings.Join(parts, " ") + " "
		if long, found := n.plain(m.Kind, last, words); found {
			return head + long
		}
	}
	return head + n.one(last)
}

// oneAcronym takes the plural's ending off capitals ("MIs").
func oneAcronym(words string) string {
	stem, plural := strings.CutSuffix(strings.TrimRight(words, ".,;"), "s")
	if n := len(stem); plural && n >= 2 && isUpper(stem[n-1]) && isUpper(stem[n-2]) {
		return stem
	}
	return words
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// expand writes out a mention that is an abbreviation as a whole.
func (n *Normalizer) expand(t *text.Text, m Mention, short, words string) (string, bool) {
	senses := n.senses[m.Kind][short]
	if len(senses) == 0 || n.cased[short] && words != strings.ToUpper(words) {
		return "", false
	}
	for _, s := range senses {
		if len(s.Sections)+len(s.Near) == 0 || slices.Contains(s.Sections, m.Section) || near(t, m.Span, s.Near) {
			return s.Long, true
		}
	}
	return "", false
}

// plain writes out an abbreviation inside a mention, if it has one sense only.
func (n *Normalizer) plain(kind Kind, short, words string) (string, bool) {
	senses := n.senses[kind][short]
	if len(senses) != 1 || len(short) < 2 || n.cased[short] && !strings.Contains(words, strings.ToUpper(short)) {
		return "", false
	}
	return senses[0].Long, true
}

// window is how far around a mention near looks, in tokens.
const window = 25

// near reports whether one of some words stands around a mention.
func near(t *text.Text, span text.Span, words []string) bool {
	at := t.At(span.Start)
	for i := max(0, at-window); i < min(len(t.Tokens), at+window); i++ {
		if slices.Contains(words, t.Word(i)) {
			return true
		}
	}
	return false
}

// fold gives a text in Unicode NFKC, lower case, with single blanks and without punctuation at its ends.
func fold(words string) string {
	if !ascii(words) {
		words = norm.NFKC.String(words)
	}
	s := strings.ToLower(words)
	if strings.ContainsAny(s, "\t\n\r\v\f\u00a0\u2003") || strings.Contains(s, "  ") || !ascii(s) {
		s = strings.Join(strings.Fields(s), " ")
	}
	trimmed := strings.TrimFunc(s, func(r rune) bool { return unicode.IsPunct(r) && !strings.ContainsRune("%()[]+-", r) })
	if trimmed == "" {
		return s
	}
	return trimmed
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// one gives the singular of a word, by the regular endings of English and of medical Greek.
func (n *Normalizer) one(word string) string {
	if len(word) < 4 || n.singular[word] || strings.HasSuffix(word, "ss") || strings.HasSuffix(word, "us") || strings.HasSuffix(word, "is") || strings.HasSuffix(word, "'s") {
		return word
	}
	for _, ending := range []struct{ many, one string }{
		{"stases", "stasis"}, {"iases", "iasis"}, {"doses", "dose"}, {"oses", "osis"}, {"lyses", "lysis"}, {"ralyses", "ralysis"}, {"ies", "y"}, {"aches", "ache"}, {"ches", "ch"}, {"shes", "sh"}, {"xes", "x"},
		{"sses", "ss"}, {"ruses", "rus"}, {"tuses", "tus"}, {"s", ""},
	} {
		if stem, found := strings.CutSuffix(word, ending.many); found && len(stem) >= 1 {
			return stem + ending.one
		}
	}
	return word
}
