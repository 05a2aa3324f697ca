package sig

import (
	_ "embed" // the default words
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"charthand/nlp/measure"
	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed words.yaml
var defaultWords []byte

// Reader reads sigs. It is read-only once made.
type Reader struct {
	units                                                   *measure.Units
	routes, frequencies, when, forms, days, daySets         *text.Lexicon
	before, after                                           *text.Lexicon
	otherDays, asNeeded, reasons, ends, once, then, asides  *text.Lexicon
	routeConcepts                                           []measure.CodeableConcept
	rates                                                   []repetition // of the frequencies
	whenCodes, formCodes, dayCodes, beforeCodes, afterCodes []string
	sets                                                    [][]string
	joined                                                  map[string]joined
}

// joined is a frequency a day and a time of day in one word: "tidac".
type joined struct {
	frequency int
	when      string
}

// repetition is a frequency in a period.
type repetition struct {
	frequency, frequencyMax int
	period                  string
	unit                    string
}

// Default gives the Reader of the words and units inside the binary.
func Default() (*Reader, error) {
	units, err := measure.DefaultUnits()
	if err != nil {
		return nil, err
	}
	return New(units, defaultWords)
}

// Route is a route of administration: its SNOMED CT code, and what notes call it, in patterns (text.Lexicon).
type Route struct {
	Code, Display string
	Words         []string
}

// Routes gives the routes inside the binary, by their codes.
func Routes() ([]Route, error) {
	var file struct {
		Routes map[string]struct {
			Display string   `yaml:"display"`
			Words   []string `yaml:"words"`
		} `yaml:"routes"`
	}
	if err := yaml.Unmarshal(defaultWords, &file); err != nil {
		return nil, fmt.Errorf("words of sigs: %s", yaml.FormatError(err, false, false))
	}
	var list []Route
	for _, code := range slices.Sorted(maps.Keys(file.Routes)) {
		list = append(list, Route{code, file.Routes[code].Display, file.Routes[code].Words})
	}
	return list, nil
}

// lexicons fills lexicons and gathers their faults.
type lexicons struct{ faults []error }

func (l *lexicons) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("words of sigs: "+format, args...))
}

// byName fills a lexicon with lists in the order of their names, which it gives.
func (l *lexicons) byName(into **text.Lexicon, lists map[string][]string) []string {
	names := slices.Sorted(maps.Keys(lists))
	*into = text.NewLexicon()
	for id, name := range names {
		l.add(*into, lists[name], id)
	}
	return names
}

func (l *lexicons) plain(into **text.Lexicon, patterns []string) {
	*into = text.NewLexicon()
	l.add(*into, patterns, 0)
}

func (l *lexicons) add(into *text.Lexicon, patterns []string, id int) {
	for _, pattern := range patterns {
		if err := into.Add(pattern, id); err != nil {
			l.fault("%w", err)
		}
	}
}

// codes fills a lexicon with words that stand for codes, which it gives by number.
func (l *lexicons) codes(into **text.Lexicon, words map[string]string) []string {
	*into = text.NewLexicon()
	var codes []string
	for id, word := range slices.Sorted(maps.Keys(words)) {
		l.add(*into, []string{word}, id)
		codes = append(codes, words[word])
	}
	return codes
}

// New makes a Reader of units, and of words in YAML; words.yaml is the example. Every fault comes back in one error.
func New(units *measure.Units, data []byte) (*Reader, error) {
	var file struct {
		Routes map[string]struct {
			Display string   `yaml:"display"`
			Words   []string `yaml:"words"`
		} `yaml:"routes"`
		Frequencies map[string][]string `yaml:"frequencies"`
		When        map[string][]string `yaml:"when"`
		Meals       struct {
			Before map[string]string `yaml:"before"`
			After  map[string]string `yaml:"after"`
		} `yaml:"meals"`
		Forms             map[string][]string `yaml:"forms"`
		Days              map[string][]string `yaml:"days"`
		DaySets           map[string][]string `yaml:"daySets"`
		OtherDays         []string            `yaml:"otherDays"`
		AsNeeded          []string            `yaml:"asNeeded"`
		Reasons           []string            `yaml:"reasons"`
		Ends              []string            `yaml:"ends"`
		Once              []string            `yaml:"once"`
		Then              []string            `yaml:"then"`
		Asides            []string            `yaml:"asides"`
		JoinedFrequencies map[string]int      `yaml:"joinedFrequencies"`
		JoinedWhen        map[string]string   `yaml:"joinedWhen"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("words of sigs: %s", yaml.FormatError(err, false, false))
	}
	r, l := &Reader{units: units}, &lexicons{}
	routes := map[string][]string{}
	for code, route := range file.Routes {
		routes[code] = route.Words
	}
	for _, code := range l.byName(&r.routes, routes) {
		r.routeConcepts = append(r.routeConcepts, measure.CodeableConcept{
			Coding: []measure.Coding{{System: "http://snomed.info/sct", Code: code, Display: file.Routes[code].Display}},
		})
	}
	for _, name := range l.byName(&r.frequencies, file.Frequencies) {
		var made repetition
		frequency, rest, _ := strings.Cut(name, "/")
		made.period, made.unit, _ = strings.Cut(rest, " ")
		low, high, _ := strings.Cut(frequency, "-")
		made.frequencyMax, _ = strconv.Atoi(high)
		var err error
		if made.frequency, err = strconv.Atoi(low); err != nil || made.unit == "" {
			l.fault("frequencies.%s: not frequency/period and unit", name)
		}
		r.rates = append(r.rates, made)
	}
	r.whenCodes, r.formCodes, r.dayCodes = l.byName(&r.when, file.When), l.byName(&r.forms, file.Forms), l.byName(&r.days, file.Days)
	r.beforeCodes, r.afterCodes = l.codes(&r.before, file.Meals.Before), l.codes(&r.after, file.Meals.After)
	r.daySets = text.NewLexicon()
	for id, name := range slices.Sorted(maps.Keys(file.DaySets)) {
		l.add(r.daySets, []string{name}, id)
		r.sets = append(r.sets, file.DaySets[name])
	}
	for _, list := range []struct {
		into     **text.Lexicon
		patterns []string
	}{{&r.otherDays, file.OtherDays}, {&r.asNeeded, file.AsNeeded}, {&r.reasons, file.Reasons}, {&r.ends, file.Ends}, {&r.once, file.Once}, {&r.then, file.Then}, {&r.asides, file.Asides}} {
		l.plain(list.into, list.patterns)
	}
	r.joined = map[string]joined{}
	for start, frequency := range file.JoinedFrequencies {
		for end, when := range file.JoinedWhen {
			r.joined[start+end] = joined{frequency, when}
		}
	}
	return r, errors.Join(l.faults...)
}
