package measure

import (
	_ "embed" // the default words
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed value.yaml
var defaultWords []byte

// Reader reads the results of tests. It is read-only once made.
type Reader struct {
	units        *Units
	flags        *text.Lexicon // words → interpretations
	comparators  *text.Lexicon
	reference    *text.Lexicon
	codes, signs []string // of interpretations and comparators, by number in the lexicons
}

// Default gives the Reader of the units and words inside the binary.
func Default() (*Reader, error) {
	units, err := DefaultUnits()
	if err != nil {
		return nil, err
	}
	return NewReader(units, defaultWords)
}

// NewReader makes a Reader of units, and of words in YAML; value.yaml is the example. Every fault comes back in one error.
func NewReader(units *Units, data []byte) (*Reader, error) {
	var file struct {
		Interpretations map[string][]string `yaml:"interpretations"`
		Comparators     map[string][]string `yaml:"comparators"`
		Reference       []string            `yaml:"reference"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("words of values: %s", yaml.FormatError(err, false, false))
	}
	r := &Reader{units: units, flags: text.NewLexicon(), comparators: text.NewLexicon(), reference: text.NewLexicon()}
	r.codes, r.signs = slices.Sorted(maps.Keys(file.Interpretations)), slices.Sorted(maps.Keys(file.Comparators))
	var faults []error
	add := func(lexicon *text.Lexicon, patterns []string, id int) {
		for _, pattern := range patterns {
			if err := lexicon.Add(pattern, id); err != nil {
				faults = append(faults, fmt.Errorf("words of values: %w", err))
			}
		}
	}
	for i, code := range r.codes {
		add(r.flags, file.Interpretations[code], i)
	}
	for i, sign := range r.signs {
		add(r.comparators, file.Comparators[sign], i)
	}
	add(r.reference, file.Reference, 0)
	return r, errors.Join(faults...)
}

// Value reads the result that stands at tokens [from, to), and the flag and reference range right after it. What has no number is
// a result in words.
func (r *Reader) Value(t *text.Text, from, to int) *Value {
	p := &parser{reader: r, text: t, end: to, value: &Value{}, between: from > 0 && t.Word(from-1) == "between"}
	p.read(from)
	if !p.found {
		p.value.String = strings.Join(strings.Fields(strings.ToLower(strings.Trim(t.Body[t.Tokens[from].Start:t.Tokens[to-1].End], " .,;:()"))), " ")
	}
	p.after(to)
	if p.flag != "" {
		p.value.Interpretation = []CodeableConcept{{Coding: []Coding{{System: interpretation, Code: p.flag}}}}
	}
	return p.value
}

// parser reads one result.
type parser struct {
	reader     *Reader
	text       *text.Text
	end        int
	value      *Value
	found      bool // a number
	flag       string
	comparator string
	between    bool
}

func (p *parser) word(i int) string {
	if i < p.end {
		return p.text.Word(i)
	}
	return ""
}

// read reads the tokens of the result.
func (p *parser) read(from int) {
	for i := from; i < p.end; {
		if !p.found {
			if m, ok := p.reader.comparators.Longest(p.text, i, p.end); ok {
				p.comparator = p.reader.signs[m.ID]
				if way := p.moved(m); way != "" {
					p.comparator, p.flag = "", way
				}
				i = m.To
				continue
			}
			if next := p.number(i); next > i {
				p.found = true
				i = next
				continue
			}
		} else if next := p.bracketed(i, p.end); next > i {
			i = next
			continue
		}
		if next := p.flagAt(i, p.end); next > i {
			i = next
			continue
		}
		p.between = p.between || p.text.Word(i) == "between" || p.text.Word(i) == "from"
		i++
	}
}

// moved says that a result went up in "up to 4.8 from 2.1": U; nothing where no earlier one is named.
func (p *parser) moved(m text.Match) string {
	if p.text.Word(m.From) != "up" || p.end >= len(p.text.Tokens) || p.text.Word(p.end) != "from" {
		return ""
	}
	return "U"
}

// flagAt reads an interpretation at token i. Single letters count as capitals that stand alone.
func (p *parser) flagAt(i, limit int) int {
	m, ok := p.reader.flags.Longest(p.text, i, limit)
	if !ok {
		return i
	}
	token := p.text.Tokens[i]
	if token.Kind == text.Word && token.End-token.Start <= 2 && m.To == i+1 {
		if letters := p.text.Body[token.Start:token.End]; letters != strings.ToUpper(letters) && letters != "hi" && letters != "lo" && letters != "nl" && letters != "up" {
			return i
		}
	}
	if p.flag == "" {
		p.flag = p.reader.codes[m.ID]
	}
	return m.To
}

// number reads the number at token i with all that belongs to it, and gives the token after it.
func (p *parser) number(i int) int {
	start := i
	if next := p.pressure(i); next > i {
		return next
	}
	value, next := p.signed(i)
	if next == i {
		return start
	}
	if p.word(next) == "+" && p.text.Joined(next) {
		p.value.String = p.text.Lower[p.text.Tokens[i].Start:p.text.Tokens[next].End]
		return p.end
	}
	if after := p.dimensions(i, next); after > next {
		return after
	}
	if after := p.twoUnits(value, next); after > next {
		return after
	}
	if after := p.ratio(value, next); after > next {
		return after
	}
	unitCode, afterUnit := p.unit(next)
	if after := p.span(value, unitCode, afterUnit); after > 0 {
		return after
	}
	scale, afterScale := p.power(next)
	unit, after := p.unit(afterScale)
	if unit == "" {
		unit, after = p.unit(p.flagAt(afterScale, p.end)) // "7.1* mg/dL", "133 L mmol/L"
	}
	switch {
	case scale == "":
	case (unit == "/uL" || unit == "/L") && counts[scale]:
		unit = "10*" + scale + unit
	default:
		value = times(value, scale)
	}
	p.value.Quantity = NewQuantity(value, unit)
	p.value.Quantity.Comparator = p.comparator
	return after
}
