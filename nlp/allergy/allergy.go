// Package allergy finds what a note says of allergies: to what, with which reactions, and that there are none.
package allergy

import (
	_ "embed" // the default rules
	"errors"
	"fmt"
	"slices"

	"charthand/nlp/section"
	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// Category is what kind of thing an allergy is to (http://hl7.org/fhir/ValueSet/allergy-intolerance-category), or all of them.
type Category string

// The categories in use.
const (
	Any         Category = "any" // of a statement that there is none
	Medication  Category = "medication"
	Food        Category = "food"
	Environment Category = "environment"
)

// categories are in the order of the ids in lexicons.
var categories = []Category{Any, Medication, Food, Environment}

// Mention is a mention as the finder needs it.
type Mention struct {
	text.Span
	Drug, Problem bool
}

// Allergy is something that a person is allergic to, or is said not to be.
type Allergy struct {
	// Span is the words of the substance.
	text.Span
	// Mention is the index of the mention that names it, -1 where none does.
	Mention  int
	Category Category
	// Reactions are the mentions of what it does.
	Reactions []int
	// Denied says that the note denies this one.
	Denied bool
}

// None says that there are no allergies of a category.
type None struct {
	text.Span
	Category Category
}

// Finder finds allergies. It is read-only once made.
type Finder struct {
	section                                                    string
	before, after, denied, none, bare, allergens, leads, words *text.Lexicon
	narrowed                                                   map[string]Category
}

// Default gives the finder with the rules inside the binary.
func Default() (*Finder, error) {
	var file struct {
		Section   string                `yaml:"section"`
		Before    []string              `yaml:"before"`
		After     []string              `yaml:"after"`
		Denied    []string              `yaml:"denied"`
		None      map[Category][]string `yaml:"none"`
		Bare      []string              `yaml:"bare"`
		Narrowed  map[string]Category   `yaml:"narrowed"`
		Allergens map[Category][]string `yaml:"allergens"`
		Leads     []string              `yaml:"leads"`
	}
	if err := yaml.UnmarshalWithOptions(defaultRules, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("allergies: %s", yaml.FormatError(err, false, false))
	}
	var faults []error
	lexicon := func(patterns map[Category][]string) *text.Lexicon {
		made := text.NewLexicon()
		for id, category := range categories {
			for _, pattern := range patterns[category] {
				if err := made.Add(pattern, id); err != nil {
					faults = append(faults, fmt.Errorf("allergies: %w", err))
				}
			}
		}
		return made
	}
	list := func(patterns []string) *text.Lexicon { return lexicon(map[Category][]string{Any: patterns}) }
	f := &Finder{
		section: file.Section, narrowed: file.Narrowed,
		before: list(file.Before), after: list(file.After), denied: list(file.Denied), none: lexicon(file.None), bare: list(file.Bare),
		allergens: lexicon(file.Allergens), leads: list(file.Leads),
		words: list([]string{"allergy", "allergies"}),
	}
	return f, errors.Join(faults...)
}

// maxBetween bounds the words between a cue and the last member of the list after it, and those of a reaction, in tokens.
const maxBetween = 30

// Find gives the allergies of a text and the statements that there are none, each in the order of the text. Mentions are in the order
// of the text too.
func (f *Finder) Find(t *text.Text, sentences []text.Run, sections []section.Section, mentions []Mention) ([]Allergy, []None) {
	if !f.mentioned(t, sections) {
		return nil, nil
	}
	none := f.nones(t, sections)
	var found []Allergy
	for _, candidate := range f.candidates(t, mentions, none) {
		run := sentences[sentenceOf(sentences, t.At(candidate.Start))]
		is, denied := f.isAllergen(t, run, sections, mentions, candidate, found)
		if is {
			candidate.Denied = denied
			found = append(found, candidate)
		}
	}
	for i := range found {
		limit := len(t.Body)
		if i+1 < len(found) {
			limit = found[i+1].Start
		}
		found[i].Reactions = f.reactions(t, sentences, sections, mentions, found[i], limit)
	}
	return found, none
}

// mentioned reports whether a text speaks of allergies at all: most do not.
func (f *Finder) mentioned(t *text.Text, sections []section.Section) bool {
	if slices.ContainsFunc(sections, func(s section.Section) bool { return s.Code == f.section }) {
		return true
	}
	for i := range t.Tokens {
		for _, lexicon := range []*text.Lexicon{f.before, f.after, f.none} {
			if _, ok := lexicon.Longest(t, i, len(t.Tokens)); ok {
				return true
			}
		}
	}
	return false
}

// nones gives the statements that there are no allergies.
func (f *Finder) nones(t *text.Text, sections []section.Section) []None {
	var found []None
	f.none.Find(t, 0, len(t.Tokens), func(m text.Match) {
		// "no allergies to latex" speaks of latex alone.
		if m.To < len(t.Tokens) && (t.Word(m.To) == "to" && (m.To+1 == len(t.Tokens) || t.Word(m.To+1) != "date") || t.Word(m.To) == "except") {
			return
		}
		found = append(found, None{t.Span(m.From, m.To), categories[m.ID]})
	})
	for _, s := range sections {
		if s.Code != f.section {
			continue
		}
		from, to := t.At(s.Heading.End), t.At(s.End)
		for from < to && t.Tokens[from].Kind == text.Sign {
			from++
		}
		m, ok := f.bare.Longest(t, from, to)
		if !ok || m.To < to && t.Word(m.To) != "." && t.Tokens[m.To].Line == t.Tokens[m.To-1].Line {
			continue
		}
		none := None{t.Span(m.From, m.To), Any}
		for i := t.At(s.Heading.Start); i < t.At(s.Heading.End); i++ {
			if narrower, ok := f.narrowed[t.Word(i)]; ok {
				none.Category = narrower
			}
		}
		if !slices.ContainsFunc(found, func(other None) bool { return other.Overlaps(none.Span) }) {
			found = append(found, none)
		}
	}
	slices.SortFunc(found, func(a, b None) int { return a.Start - b.Start })
	return found
}

// candidates gives what could be an allergen: drugs, problems that are called allergies, and known allergens.
func (f *Finder) candidates(t *text.Text, mentions []Mention, none []None) []Allergy {
	var found []Allergy
	taken := func(span text.Span) bool {
		at, _ := slices.BinarySearchFunc(none, span.Start, func(n None, start int) int { return n.End - start - 1 })
		return at < len(none) && none[at].Overlaps(span)
	}
	for i, m := range mentions {
		if taken(m.Span) {
			continue
		}
		words := t.Cover(m.Span)
		switch {
		case words.From == words.To:
		case m.Drug:
			found = append(found, Allergy{Span: m.Span, Mention: i, Category: Medication})
		case m.Problem:
			_, called := f.words.Longest(t, words.To-1, words.To)
			if !called || words.To-words.From < 2 {
				continue
			}
			f.allergens.Find(t, words.From, words.To, func(a text.Match) {
				found = append(found, Allergy{Span: m.Span, Mention: i, Category: categories[a.ID]})
			})
		}
	}
	f.allergens.Find(t, 0, len(t.Tokens), func(a text.Match) {
		if span := t.Span(a.From, a.To); !taken(span) {
			found = append(found, Allergy{Span: span, Mention: -1, Category: categories[a.ID]})
		}
	})
	slices.SortStableFunc(found, func(a, b Allergy) int { return a.Start - b.Start })
	kept := found[:0]
	for _, c := range found {
		switch last := len(kept) - 1; {
		case last < 0 || !kept[last].Overlaps(c.Span):
			kept = append(kept, c)
		case kept[last].Mention < 0: // what the model has marked counts before what a list knows
			kept[last] = c
		}
	}
	return kept
}

// isAllergen decides of a candidate whether the note speaks of an allergy to it, and whether it denies that. earlier are the allergens
// before it.
func (f *Finder) isAllergen(t *text.Text, run text.Run, sections []section.Section, mentions []Mention, c Allergy, earlier []Allergy) (is, denied bool) {
	covered := t.Cover(c.Span)
	called := c.Mention >= 0 && mentions[c.Mention].Problem
	if called {
		return true, f.isDenied(t, run.From, covered.From)
	}
	if _, ok := f.after.Longest(t, covered.To, run.To); ok {
		return true, f.isDenied(t, run.From, covered.From)
	}
	// A list after a cue: what stands between is known already, or joins.
	for i := covered.From - 1; i >= run.From && covered.From-i < maxBetween; i-- {
		if m, ok := f.before.Longest(t, i, covered.From); ok && f.joins(t, m.To, covered.From, mentions, earlier) {
			return true, f.isDenied(t, run.From, m.From)
		}
	}
	if f.under(sections, c.Start) {
		return true, f.isDenied(t, run.From, covered.From)
	}
	return false, false
}

// under reports whether a place stands under the heading of allergies.
func (f *Finder) under(sections []section.Section, at int) bool {
	i, found := slices.BinarySearchFunc(sections, at, func(s section.Section, at int) int { return s.Start - at })
	if !found {
		i--
	}
	return i >= 0 && sections[i].Code == f.section && sections[i].Heading.End <= at && at < sections[i].End
}

// joins reports whether tokens [from, to) are only signs, joining words, allergens and mentions.
func (f *Finder) joins(t *text.Text, from, to int, mentions []Mention, earlier []Allergy) bool {
	for i := from; i < to; i++ {
		token := t.Tokens[i]
		span := text.Span{Start: int(token.Start), End: int(token.End)}
		switch t.Word(i) {
		case "and", "or", "the", "any", "both", "to", "as", "well", "possibly", "all", "other":
			continue
		case ".", ";":
			return false
		}
		if token.Kind == text.Sign || slices.ContainsFunc(earlier[max(0, len(earlier)-maxBetween):], func(a Allergy) bool { return a.Overlaps(span) }) {
			continue
		}
		if at := firstFrom(mentions, span.Start); at < len(mentions) && mentions[at].Problem && mentions[at].Overlaps(span) {
			continue
		}
		if _, known := f.leads.Longest(t, i, to); known {
			continue
		}
		return false
	}
	return true
}

// maxDenial is how far before a cue its denial may stand, in tokens.
const maxDenial = 4

// isDenied reports whether a denial stands close before token at.
func (f *Finder) isDenied(t *text.Text, from, at int) bool {
	for i := max(from, at-maxDenial); i < at; i++ {
		if _, ok := f.denied.Longest(t, i, at); ok {
			return true
		}
	}
	return false
}

// reactions gives the problems that a note names as what an allergen does: those that follow it, led to by a sign or a word, and the one
// in its own cue ("anaphylaxis to penicillin").
func (f *Finder) reactions(t *text.Text, sentences []text.Run, sections []section.Section, mentions []Mention, a Allergy, limit int) []int {
	covered := t.Cover(a.Span)
	run := sentences[sentenceOf(sentences, covered.To-1)]
	var found []int
	for i := firstFrom(mentions, int(t.Tokens[max(0, covered.From-maxDenial-1)].Start)); i < len(mentions) && mentions[i].Start < limit; i++ {
		m := mentions[i]
		switch {
		case !m.Problem || i == a.Mention:
		case m.End <= a.Start:
			// "anaphylaxis to penicillin", where it is known to be an allergy
			if words := t.Cover(m.Span); words.To == covered.From-1 && (t.Word(words.To) == "to" || t.Word(words.To) == "from" || t.Word(words.To) == "with") {
				found = append(found, i)
			}
		case m.Start >= a.End && m.End <= limit:
			words := t.Cover(m.Span)
			if words.From >= run.To || words.From-covered.To > maxBetween || t.Tokens[words.From].Line != t.Tokens[covered.To-1].Line && len(found) == 0 {
				return found
			}
			if len(found) > 0 || f.led(t, covered.To, words.From) || f.under(sections, a.Start) && words.From == covered.To {
				found = append(found, i)
			}
		}
	}
	return found
}

// firstFrom gives the first mention that ends after a place.
func firstFrom(mentions []Mention, at int) int {
	i, _ := slices.BinarySearchFunc(mentions, at, func(m Mention, at int) int { return m.End - at - 1 })
	return i
}

// led reports whether tokens [from, to) lead from an allergen to its reaction.
func (f *Finder) led(t *text.Text, from, to int) bool {
	for i := from; i < to && i < from+3; i++ {
		if _, ok := f.leads.Longest(t, i, to); ok {
			return to-i <= 5
		}
	}
	return false
}

// sentenceOf gives the sentence that a token stands in.
func sentenceOf(sentences []text.Run, token int) int {
	return min(text.RunAt(sentences, token), len(sentences)-1)
}
