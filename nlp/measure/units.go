package measure

import (
	_ "embed" // the default units
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed units.yaml
var defaultUnits []byte

// Units reads units of measure. It is read-only once made.
type Units struct {
	whole, base *text.Lexicon
	codes       []string // by number in the lexicons
}

// DefaultUnits gives the units inside the binary.
func DefaultUnits() (*Units, error) { return readDefaultUnits() }

var readDefaultUnits = sync.OnceValues(func() (*Units, error) { return ReadUnits(defaultUnits) })

// UnitNames gives the units inside the binary: UCUM codes, and what notes call them, in patterns (text.Lexicon).
func UnitNames() (map[string][]string, error) {
	var file struct {
		Base  map[string][]string `yaml:"base"`
		Whole map[string][]string `yaml:"whole"`
	}
	if err := yaml.Unmarshal(defaultUnits, &file); err != nil {
		return nil, fmt.Errorf("units: %s", yaml.FormatError(err, false, false))
	}
	names := file.Base
	for code, patterns := range file.Whole {
		names[code] = append(names[code], patterns...)
	}
	return names, nil
}

// ReadUnits makes Units of YAML; units.yaml is the example. Every fault comes back in one error.
func ReadUnits(data []byte) (*Units, error) {
	var file struct {
		Base  map[string][]string `yaml:"base"`
		Whole map[string][]string `yaml:"whole"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("units: %s", yaml.FormatError(err, false, false))
	}
	u := &Units{whole: text.NewLexicon(), base: text.NewLexicon()}
	var faults []error
	add := func(lexicon *text.Lexicon, codes map[string][]string) {
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			u.codes = append(u.codes, code)
			for _, pattern := range codes[code] {
				if err := lexicon.Add(pattern, len(u.codes)-1); err != nil {
					faults = append(faults, fmt.Errorf("units: %w", err))
				}
			}
		}
	}
	add(u.base, file.Base)
	add(u.whole, file.Whole)
	return u, errors.Join(faults...)
}

// At reads the unit at token i: its UCUM code and the token after it. The code is empty where there is none.
func (u *Units) At(t *text.Text, i, limit int) (code string, next int) {
	if i >= limit {
		return "", i
	}
	whole, isWhole := u.whole.Longest(t, i, limit)
	code, next = u.composed(t, i, limit)
	if isWhole && whole.To >= next {
		return u.codes[whole.ID], whole.To
	}
	return code, next
}

// composed reads base units with slashes between them.
func (u *Units) composed(t *text.Text, i, limit int) (code string, next int) {
	m, ok := u.base.Longest(t, i, limit)
	if !ok {
		return "", i
	}
	code, next = u.codes[m.ID], m.To
	for next+1 < limit {
		after := next
		switch {
		case t.Word(after) == "/" && t.Joined(after):
			after++
		case t.Word(after) == "per":
			after++
		default:
			return code, next
		}
		part, ok := u.base.Longest(t, after, limit)
		if !ok || t.Word(next) == "per" && u.codes[part.ID] == "ng" { // "500 mg per NG tube"
			return code, next
		}
		code, next = code+"/"+u.codes[part.ID], part.To
	}
	return code, next
}
