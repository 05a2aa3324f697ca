package match

import (
	_ "embed" // the default sayings
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed sayings.yaml
var defaultSayings []byte

// Sayings are what clinicians write for what code systems call otherwise. It is read-only once made.
type Sayings struct {
	plain, drug phrases
	sections    map[string]phrases // by LOINC code
	cased       map[string]string
	sig         map[string]bool   // words of how a drug is taken
	forms       map[string]string // words of a form → as RxNorm has it
	units       map[string]string // units of strength → as RxNorm has them
}

// saying is a phrase and what else it is called.
type saying struct {
	words []string
	means []string
}

// maxMeanings bounds the names of a mention.
const maxMeanings = 5

// DefaultSayings gives the sayings inside the binary.
func DefaultSayings() (*Sayings, error) {
	var file struct {
		Cased    map[string]string         `yaml:"cased"`
		Plain    map[string]any            `yaml:"plain"`
		Sections map[string]map[string]any `yaml:"sections"`
		Drug     map[string]any            `yaml:"drug"`
		Sig      []string                  `yaml:"sig"`
		Forms    map[string]string         `yaml:"forms"`
		Units    map[string]string         `yaml:"units"`
	}
	if err := yaml.UnmarshalWithOptions(defaultSayings, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("sayings: %s", yaml.FormatError(err, false, false))
	}
	s := &Sayings{sections: map[string]phrases{}, cased: file.Cased, sig: map[string]bool{}, forms: file.Forms, units: file.Units}
	for _, word := range file.Sig {
		s.sig[word] = true
	}
	var errPlain, errDrug error
	s.plain, errPlain = phrasesOf(file.Plain)
	s.drug, errDrug = phrasesOf(file.Drug)
	faults := []error{errPlain, errDrug}
	for code, list := range file.Sections {
		phrases, err := phrasesOf(list)
		s.sections[code] = phrases
		faults = append(faults, err)
	}
	return s, errors.Join(faults...)
}

// phrases are sayings by their first word, the longest first.
type phrases map[string][]saying

func phrasesOf(file map[string]any) (phrases, error) {
	p := phrases{}
	for from, value := range file {
		parts := cut(strings.ToLower(from))
		if len(parts) == 0 {
			return nil, fmt.Errorf("sayings: %q has no words", from)
		}
		one := saying{words: parts}
		switch means := value.(type) {
		case string:
			one.means = []string{means}
		case []any:
			for _, m := range means {
				one.means = append(one.means, fmt.Sprint(m))
			}
		default:
			return nil, fmt.Errorf("sayings: %q: expected words or a list of them", from)
		}
		p[parts[0]] = append(p[parts[0]], one)
	}
	for _, list := range p {
		slices.SortFunc(list, func(a, b saying) int {
			if d := len(b.words) - len(a.words); d != 0 {
				return d
			}
			return slices.Compare(a.words, b.words)
		})
	}
	return p, nil
}

// In gives what a mention means as a whole in a section (LOINC), empty where nothing is known of that.
func (s *Sayings) In(section string, names []string) string {
	list := s.sections[section]
	if list == nil {
		return ""
	}
	for _, name := range names {
		words := cut(strings.ToLower(name))
		if len(words) == 0 {
			continue
		}
		if one := list.at(words, 0); one != nil && len(one.words) == len(words) {
			return one.means[0]
		}
	}
	return ""
}

// Otherwise gives what else a mention of some names may be called in a section (LOINC; empty for none), the likeliest first.
func (s *Sayings) Otherwise(names []string, section string) []string {
	var out []string
	for _, name := range slices.Backward(names) { // as it stands before as it was written out: capitals count
		for _, other := range s.others(name, section) {
			if len(out) < maxMeanings && !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, other) }) {
				out = append(out, other)
			}
		}
	}
	return out
}

// others gives a name with each phrase said otherwise: the first meaning of all, then each further one.
func (s *Sayings) others(name, section string) []string {
	raw := cut(name)
	lower := make([]string, len(raw))
	for i, word := range raw {
		lower[i] = strings.ToLower(word)
	}
	var found [][]string // the meanings of each part
	changed := false
	for i := 0; i < len(raw); {
		if meaning, is := s.cased[raw[i]]; is && s.sections[section].at(lower, i) == nil {
			found = append(found, []string{meaning})
			changed = true
			i++
			continue
		}
		one := s.sections[section].at(lower, i)
		if one == nil {
			one = s.plain.at(lower, i)
		}
		if one == nil {
			found = append(found, []string{raw[i]})
			i++
			continue
		}
		means := one.means
		if len(one.words) < len(raw) {
			means = withoutDefaults(means)
		}
		found = append(found, means)
		changed = true
		i += len(one.words)
	}
	if !changed {
		return nil
	}
	say := func(part, meaning int) string {
		words := make([]string, len(found))
		for i, means := range found {
			words[i] = means[0]
			if i == part {
				words[i] = means[meaning]
			}
		}
		return strings.Join(words, " ")
	}
	list := []string{say(-1, 0)}
	for part, means := range found {
		for meaning := range means[1:] {
			list = append(list, say(part, meaning+1))
		}
	}
	return list
}

// withoutDefaults takes off what a meaning says is not there: the rest of the name may say that it is.
func withoutDefaults(means []string) []string {
	out := make([]string, len(means))
	for i, meaning := range means {
		for _, denial := range []string{" without ", " not "} {
			meaning, _, _ = strings.Cut(meaning, denial)
		}
		out[i] = meaning
	}
	return out
}

// at gives the longest saying that begins at a word.
func (p phrases) at(words []string, i int) *saying {
	list := p[words[i]]
	for at := range list {
		one := &list[at]
		if i+len(one.words) <= len(words) && slices.Equal(one.words, words[i:i+len(one.words)]) {
			return one
		}
	}
	return nil
}

// cut gives the words of a name: letters and digits, with the strokes, hyphens, pluses and apostrophes inside ("s/p", "IBS-D", "BRCA1+").
func cut(name string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" \t\n,;:()[]\"", r) }) {
		if part = strings.Trim(part, ".-'"); part != "" {
			out = append(out, part)
		}
	}
	return out
}
