package when

import (
	_ "embed" // the default words
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"charthand/nlp/text"

	"github.com/goccy/go-yaml"
)

//go:embed words.yaml
var defaultWords []byte

// Reader reads temporal expressions. It is read-only once made.
type Reader struct {
	months, weekdays, units, seasons, days *text.Lexicon
	events, numbered, counted              *text.Lexicon
	unitCodes, seasonNames                 []string
	offsets                                []int // of days, by number in the lexicon
}

var allEvents = []Event{Surgery, Admission, Discharge, Birth}

// Default gives the Reader of the words inside the binary.
func Default() (*Reader, error) { return Read(defaultWords) }

// Read makes a Reader of words in YAML; words.yaml is the example. Every fault comes back in one error.
func Read(data []byte) (*Reader, error) {
	var file struct {
		Months   [][]string          `yaml:"months"`
		Weekdays [][]string          `yaml:"weekdays"`
		Units    map[string][]string `yaml:"units"`
		Seasons  map[string][]string `yaml:"seasons"`
		Days     map[string][]string `yaml:"days"`
		Events   map[string][]string `yaml:"events"`
		Numbered map[string][]string `yaml:"numbered"`
		Counted  map[string][]string `yaml:"counted"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("words of time: %s", yaml.FormatError(err, false, false))
	}
	r := &Reader{}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("words of time: "+format, args...))
	}
	fill := func(into **text.Lexicon, lists [][]string) {
		*into = text.NewLexicon()
		for id, list := range lists {
			for _, pattern := range list {
				if err := (*into).Add(pattern, id); err != nil {
					fault("%w", err)
				}
			}
		}
	}
	byName := func(into **text.Lexicon, lists map[string][]string) []string {
		names := slices.Sorted(maps.Keys(lists))
		ordered := make([][]string, len(names))
		for i, name := range names {
			ordered[i] = lists[name]
		}
		fill(into, ordered)
		return names
	}
	if len(file.Months) != 12 || len(file.Weekdays) != 7 {
		fault("there are 12 months and 7 weekdays")
	}
	fill(&r.months, file.Months)
	fill(&r.weekdays, file.Weekdays)
	r.unitCodes = byName(&r.units, file.Units)
	r.seasonNames = byName(&r.seasons, file.Seasons)
	for _, name := range byName(&r.days, file.Days) {
		offset, err := strconv.Atoi(name)
		if err != nil {
			fault("days.%s: not a number of days", name)
		}
		r.offsets = append(r.offsets, offset)
	}
	for _, name := range r.seasonNames {
		if _, known := firstMonth[name]; !known {
			fault("seasons.%s: none of spring, summer, fall, winter", name)
		}
	}
	for _, list := range []struct {
		into  **text.Lexicon
		words map[string][]string
	}{{&r.events, file.Events}, {&r.numbered, file.Numbered}, {&r.counted, file.Counted}} {
		*list.into = text.NewLexicon()
		for _, name := range slices.Sorted(maps.Keys(list.words)) {
			id := slices.Index(allEvents, Event(name))
			if id < 0 {
				fault("%q is no event", name)
			}
			for _, pattern := range list.words[name] {
				if err := (*list.into).Add(pattern, id); err != nil {
					fault("%w", err)
				}
			}
		}
	}
	return r, errors.Join(faults...)
}

// firstMonth is where each season begins; it lasts three months.
var firstMonth = map[string]int{"spring": 3, "summer": 6, "fall": 9, "winter": 12}
