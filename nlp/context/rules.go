package context

import (
	_ "embed" // the default rules
	"errors"
	"fmt"
	"maps"
	"slices"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// Rules are the cues, compiled. They are read-only once made.
type Rules struct {
	cues      []cue
	lexicon   *text.Lexicon // phrases → cues
	answers   *text.Lexicon // words that answer the item before them → cues
	having    *text.Lexicon
	telling   *text.Lexicon
	of        *text.Lexicon
	tellers   *text.Lexicon
	chronic   *text.Lexicon
	absent    *text.Lexicon
	prefixes  []string
	notAbsent map[string]bool
	minus     int // the cues of the signs
	plus      int
	pastYear  int
	sections  map[string]int // code → the cue that the section is
}

// looks is where a cue looks for what it bears on.
type looks string

const (
	forward  looks = "forward"
	backward looks = "backward"
	either   looks = "either"
	both     looks = "both"
	answer   looks = "answer"
)

// reach is how far a cue looks.
type reach string

const (
	toSentence reach = "sentence"
	toPhrase   reach = "phrase"
	toNext     reach = "next"
	toAdjacent reach = "adjacent"
)

// scopes is a set of what may be open at a mention: flags, and who.
type scopes uint16

// Beside the flags of a Judgement there are two scopes.
const (
	continued scopes = 1 << (7 + iota) // goes on as it was: no section's default
	who
	all = who - 1
)

// numScopes is the number of bits of scopes.
const numScopes = 9

// gender of a relative, told by the pronoun that cannot be theirs.
type gender uint8

const (
	anyGender gender = iota
	male
	female
)

// cue is a rule as the sweep needs it.
type cue struct {
	name     string
	says     scopes
	ends     scopes
	who      string
	looks    looks
	reach    reach
	kinds    uint8 // bits of Kind; 0 is all
	relative bool  // a relative's word, which may only tell who speaks
	gender   gender
	also     int // another cue that the same words are, 0 for none
}

// bears reports whether the cue bears on a kind of mention.
func (c *cue) bears(k Kind) bool { return c.kinds == 0 || c.kinds&(1<<k) != 0 }

// file is rules.yaml.
type file struct {
	Cues []struct {
		Rule    string   `yaml:"rule"`
		Says    []string `yaml:"says"`
		Who     string   `yaml:"who"`
		Looks   looks    `yaml:"looks"`
		Reach   reach    `yaml:"reach"`
		Of      []string `yaml:"of"`
		Ends    []string `yaml:"ends"`
		Also    string   `yaml:"also"`
		Phrases []string `yaml:"phrases"`
	} `yaml:"cues"`
	Signs struct {
		Minus string `yaml:"minus"`
		Plus  string `yaml:"plus"`
	} `yaml:"signs"`
	Relatives map[string][]string `yaml:"relatives"`
	Male      []string            `yaml:"male"`
	Female    []string            `yaml:"female"`
	Having    []string            `yaml:"having"`
	Of        []string            `yaml:"of"`
	Telling   []string            `yaml:"telling"`
	Tellers   []string            `yaml:"tellers"`
	Sections  []struct {
		Codes []string `yaml:"codes"`
		Says  []string `yaml:"says"`
		Who   string   `yaml:"who"`
		Of    []string `yaml:"of"`
	} `yaml:"sections"`
	Chronic   []string `yaml:"chronic"`
	Absent    []string `yaml:"absent"`
	Prefixes  []string `yaml:"prefixes"`
	NotAbsent []string `yaml:"notAbsent"`
}

// Default gives the rules inside the binary.
func Default() (*Rules, error) { return Read(defaultRules) }

// Read compiles rules in YAML; rules.yaml is the example and says what each key means. Every fault comes back in one error.
func Read(data []byte) (*Rules, error) {
	var f file
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("context rules: %s", yaml.FormatError(err, false, false))
	}
	c := compiler{rules: &Rules{lexicon: text.NewLexicon(), answers: text.NewLexicon(), sections: map[string]int{}}}
	also := map[string]string{}
	for _, rule := range f.Cues {
		at := "cues." + rule.Rule
		made := cue{
			name: rule.Rule, who: rule.Who, says: c.scopes(at+".says", rule.Says), ends: whole(c.scopes(at+".ends", rule.Ends)), kinds: c.kinds(at+".of", rule.Of),
			looks: c.looks(at, rule.Looks), reach: c.reach(at, rule.Reach),
		}
		if rule.Who != "" {
			made.says |= who
		}
		if made.says == 0 && rule.Looks == "" {
			made.looks = both // it ends what is open whichever way it was opened
		}
		lexicon := c.rules.lexicon
		if made.looks == answer {
			lexicon = c.rules.answers
		}
		c.add(lexicon, rule.Phrases, c.cue(made))
		also[rule.Rule] = rule.Also
	}
	for i := range c.rules.cues {
		if name := also[c.rules.cues[i].name]; name != "" {
			c.rules.cues[i].also = c.named("cues."+c.rules.cues[i].name+".also", name)
		}
	}
	c.relatives(&f)
	for _, s := range f.Sections {
		made := cue{name: "section", who: s.Who, says: c.scopes("sections.says", s.Says), kinds: c.kinds("sections.of", s.Of), looks: forward, reach: toSentence}
		if s.Who != "" {
			made.says |= who
		}
		id := c.cue(made)
		for _, code := range s.Codes {
			c.rules.sections[code] = id
		}
	}
	r := c.rules
	r.prefixes, r.notAbsent = f.Prefixes, map[string]bool{}
	for _, word := range f.NotAbsent {
		r.notAbsent[word] = true
	}
	for _, list := range []struct {
		into     **text.Lexicon
		patterns []string
	}{{&r.having, f.Having}, {&r.telling, f.Telling}, {&r.of, f.Of}, {&r.tellers, f.Tellers}, {&r.chronic, f.Chronic}, {&r.absent, f.Absent}} {
		*list.into = text.NewLexicon()
		c.add(*list.into, list.patterns, 0)
	}
	r.minus, r.plus = c.named("signs.minus", f.Signs.Minus), c.named("signs.plus", f.Signs.Plus)
	r.pastYear = c.cue(cue{name: "past-year", says: scopes(Historical), looks: backward, reach: toNext})
	return r, errors.Join(c.faults...)
}

// compiler gathers the faults of a file of rules.
type compiler struct {
	rules  *Rules
	faults []error
}

func (c *compiler) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("context rules: "+format, args...))
}

func (c *compiler) cue(made cue) int {
	c.rules.cues = append(c.rules.cues, made)
	return len(c.rules.cues) - 1
}

func (c *compiler) add(l *text.Lexicon, patterns []string, id int) {
	for _, pattern := range patterns {
		if err := l.Add(pattern, id); err != nil {
			c.faults = append(c.faults, fmt.Errorf("context rules: %w", err))
		}
	}
}

// whole adds to the scopes that end those that never stand without them.
func whole(ends scopes) scopes {
	if ends&scopes(Negated) != 0 {
		ends |= scopes(RuledOut)
	}
	if ends&scopes(Historical) != 0 {
		ends |= scopes(Resolved)
	}
	return ends
}

// scopes reads the names of flags, "who" and "all".
func (c *compiler) scopes(at string, names []string) scopes {
	var set scopes
	known := map[string]scopes{
		"negated": scopes(Negated), "ruledOut": scopes(RuledOut), "uncertain": scopes(Uncertain), "hypothetical": scopes(Hypothetical), "planned": scopes(Planned),
		"historical": scopes(Historical), "resolved": scopes(Resolved), "continued": continued, "who": who, "all": all,
	}
	for _, name := range names {
		bit, ok := known[name]
		if !ok {
			c.fault("%s: %q is none of %v", at, name, slices.Sorted(maps.Keys(known)))
		}
		set |= bit
	}
	return set
}

func (c *compiler) kinds(at string, names []string) uint8 {
	var set uint8
	for _, name := range names {
		kind := slices.Index([]string{"problem", "drug", "procedure", "test"}, name)
		if kind < 0 {
			c.fault("%s: %q is none of problem, drug, procedure, test", at, name)
			continue
		}
		set |= 1 << kind
	}
	return set
}

func (c *compiler) looks(at string, l looks) looks {
	if l == "" {
		return forward
	}
	if !slices.Contains([]looks{forward, backward, either, both, answer}, l) {
		c.fault("%s.looks: %q is none of forward, backward, either, both, answer", at, l)
	}
	return l
}

func (c *compiler) reach(at string, r reach) reach {
	if r == "" {
		return toSentence
	}
	if !slices.Contains([]reach{toSentence, toPhrase, toNext, toAdjacent}, r) {
		c.fault("%s.reach: %q is none of sentence, phrase, next, adjacent", at, r)
	}
	return r
}

// relatives makes a cue of each relative.
func (c *compiler) relatives(f *file) {
	for _, code := range slices.Sorted(maps.Keys(f.Relatives)) {
		made := cue{name: "relative", who: code, says: who, looks: forward, reach: toSentence, relative: true}
		if slices.Contains(f.Male, code) {
			made.gender = male
		}
		if slices.Contains(f.Female, code) {
			made.gender = female
		}
		c.add(c.rules.lexicon, f.Relatives[code], c.cue(made))
	}
}

// named gives the first cue of a rule.
func (c *compiler) named(at, rule string) int {
	i := slices.IndexFunc(c.rules.cues, func(made cue) bool { return made.name == rule })
	if i < 0 {
		c.fault("%s: there is no rule %q", at, rule)
	}
	return max(i, 0)
}
