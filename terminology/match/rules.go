package match

import (
	_ "embed" // the default rules
	"fmt"
	"math"
	"strings"

	"charthand/terminology/index"
	"charthand/terminology/words"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// Rules are the numbers and words that decide what matches; rules.yaml documents them.
type Rules struct {
	Floor     float64 `yaml:"floor"`
	Missing   float64 `yaml:"missing"`
	More      float64 `yaml:"more"`
	Optional  float64 `yaml:"optional"`
	Corrected float64 `yaml:"corrected"`
	Opposed   float64 `yaml:"opposed"`
	Letters   float64 `yaml:"letters"`
	Otherwise float64 `yaml:"otherwise"`
	Deciding  float64 `yaml:"deciding"`
	Settled   float64 `yaml:"settled"`
	Found     float64 `yaml:"found"`
	Doubtful  float64 `yaml:"doubtful"`
	Unsaid    float64 `yaml:"unsaid"`
	Types     struct {
		Synonym   float64 `yaml:"synonym"`
		Inclusion float64 `yaml:"inclusion"`
		Related   float64 `yaml:"related"`
	} `yaml:"types"`
	Opposites []string `yaml:"opposites"`
	Unspoken  []string `yaml:"unspoken"`
	Claims    []string `yaml:"claims"`

	groups   map[string]uint8 // of Opposites, by word in form, from 1
	unspoken map[string]bool  // words in form
	claims   map[string]bool
}

// DefaultRules gives the rules inside the binary.
func DefaultRules(former *words.Former) (*Rules, error) {
	r := &Rules{groups: map[string]uint8{}, unspoken: map[string]bool{}, claims: map[string]bool{}}
	if err := yaml.UnmarshalWithOptions(defaultRules, r, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("matching rules: %s", yaml.FormatError(err, false, false))
	}
	if len(r.Opposites) > maxGroups {
		return nil, fmt.Errorf("matching rules: more than %d groups of opposites", maxGroups)
	}
	for _, word := range r.Unspoken {
		for _, formed := range former.Form(word) {
			r.unspoken[formed.Text] = true
		}
	}
	for _, word := range r.Claims {
		for _, formed := range former.Form(word) {
			r.claims[formed.Text] = true
		}
	}
	for i, group := range r.Opposites {
		for word := range strings.FieldsSeq(group) {
			for _, formed := range former.Form(word) {
				r.groups[formed.Text] = uint8(i + 1) //nolint:gosec // bounded above
			}
		}
	}
	return r, nil
}

// final gives the score of a match with all that is known of it.
func (r *Rules) final(score float64, f Features) float64 {
	letters := r.Letters
	if f.Exact {
		letters /= 4
	}
	score *= 1 - letters + letters*f.Dice
	switch f.Type {
	case index.Synonym:
		score *= r.Types.Synonym
	case index.Inclusion:
		score *= r.Types.Inclusion
	case index.Related:
		score *= r.Types.Related
	case index.Preferred:
	}
	score *= math.Pow(r.Otherwise, float64(f.Otherwise))
	return math.Round(score*1e6) / 1e6
}

// maxGroups is how many groups of opposites there may be: the bits of opposed, less that of numbers.
const maxGroups = 30

// group gives the group of opposites that a word in form belongs to: 0 for none, number for numbers.
func (r *Rules) group(word string) uint8 {
	if word != "" && '0' <= word[0] && word[0] <= '9' {
		return number
	}
	return r.groups[word]
}

// opposed are the groups of opposites that words on one side, and not on the other, belong to.
type opposed uint32

func (o *opposed) add(group uint8) {
	if group > 0 {
		*o |= 1 << group
	}
}

// against reports whether what only the one side says and what only the other says exclude each other.
func (o opposed) against(other opposed) bool { return o&other != 0 }
