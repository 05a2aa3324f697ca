package relate

import (
	_ "embed" // the default rules
	"errors"
	"fmt"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// Kind is how a mention bears on another, where rules tell it.
type Kind string

// The kinds that rules tell.
const (
	Reason  Kind = "reason"
	Adverse Kind = "adverse"
	When    Kind = "when"
)

// Typed is a link of a kind.
type Typed struct {
	Link
	Kind Kind
}

// Role is what a mention is to the rules.
type Role uint8

// The roles; a mention may have several.
const (
	Problem Role = 1 << iota
	Drug
	Event  // something that happens at a time
	Moment // a time
	Span   // a duration: a time where it modifies nothing
)

// Rules find reasons, adverse effects and times by the words between two mentions. They are read-only once made.
type Rules struct {
	// forward is what stands between a drug and a problem after it, backward between a problem and a drug after it; the number of
	// a phrase is an index of kinds.
	forward, backward *text.Lexicon
}

var kinds = []Kind{Reason, Adverse}

// phrases are the words of one kind of relation.
type phrases struct {
	Forward  []string `yaml:"forward"`
	Backward []string `yaml:"backward"`
}

// DefaultRules gives the rules inside the binary.
func DefaultRules() (*Rules, error) { return ReadRules(defaultRules) }

// ReadRules reads rules in YAML; rules.yaml is the example. Every fault comes back in one error.
func ReadRules(data []byte) (*Rules, error) {
	var file struct {
		Reason  phrases `yaml:"reason"`
		Adverse phrases `yaml:"adverse"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("relation rules: %s", yaml.FormatError(err, false, false))
	}
	r := &Rules{forward: text.NewLexicon(), backward: text.NewLexicon()}
	var faults []error
	for id, p := range []phrases{file.Reason, file.Adverse} {
		for lexicon, patterns := range map[*text.Lexicon][]string{r.forward: p.Forward, r.backward: p.Backward} {
			for _, pattern := range patterns {
				if err := lexicon.Add(pattern, id); err != nil {
					faults = append(faults, fmt.Errorf("relation rules: %w", err))
				}
			}
		}
	}
	return r, errors.Join(faults...)
}

// How far two mentions may stand from each other, in tokens.
const (
	maxToDrug = 10
	maxToTime = 16
)

// Find gives the links that the words between mentions tell. modify are the links that are known already: a duration among them is
// no time of its own.
func (r *Rules) Find(t *text.Text, sentences []text.Run, mentions []Mention, roles []Role, modify []Link) []Typed {
	v := view{linker: &Linker{}, text: t, mentions: mentions}
	v.locate(sentences)
	modifies := make([]bool, len(mentions))
	for _, link := range modify {
		modifies[link.From] = true
	}
	var found []Typed
	for i, role := range roles {
		switch {
		case role&(Problem|Drug) != 0:
			if link, ok := r.toDrug(&v, roles, i); ok {
				found = append(found, link)
			}
		case role&Moment != 0, role&Span != 0 && !modifies[i]:
			if to := at(&v, roles, i); to >= 0 {
				found = append(found, Typed{Link{i, to}, When})
			}
		}
	}
	return found
}

// toDrug links mention i, a problem or a drug, with the next of the other kind after it, if the words between tell how. Other
// mentions of neither kind may stand between: a dose, a severity.
func (r *Rules) toDrug(v *view, roles []Role, i int) (Typed, bool) {
	first := roles[i]
	other, lexicon := Problem, r.forward
	if first&Problem != 0 {
		other, lexicon = Drug, r.backward
	}
	for j := i + 1; j < len(v.mentions) && v.sentence[j] == v.sentence[i] && v.gap(i, j) <= maxToDrug; j++ {
		role := roles[j]
		if role&first&(Problem|Drug) != 0 {
			return Typed{}, false
		}
		if role&other == 0 || v.gap(i, j) < 0 {
			continue
		}
		kind, told := Kind(""), false
		lexicon.Find(v.text, v.to[i], v.from[j], func(m text.Match) { kind, told = kinds[m.ID], true })
		from, to := i, j
		if first&Drug != 0 {
			from, to = j, i
		}
		return Typed{Link{from, to}, kind}, told
	}
	return Typed{}, false
}

// at gives the event that a date belongs to, or -1: the first after it where it begins its sentence, else the nearest before it, else
// after it.
func at(v *view, roles []Role, i int) int {
	next := v.event(roles, i, 1)
	if next >= 0 && (i == 0 || v.sentence[i-1] != v.sentence[i]) {
		return next
	}
	if before := v.event(roles, i, -1); before >= 0 {
		return before
	}
	return next
}

// event gives the nearest event before or after a mention in its sentence, or -1.
func (v *view) event(roles []Role, i, step int) int {
	for j := i + step; j >= 0 && j < len(v.mentions) && v.sentence[j] == v.sentence[i] && v.gap(i, j) <= maxToTime; j += step {
		if roles[j]&Event != 0 {
			return j
		}
	}
	return -1
}
