package terminology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"charthand/nlp"
	"charthand/terminology/index"
	"charthand/terminology/match"
	"charthand/terminology/words"
)

// Config says how mentions get their codes.
type Config struct {
	// Systems are the short names of the indexes that are searched; all that are there by default.
	Systems []string
	// Threshold is the probability from which on a coding is chosen; the shipped calibration's by default.
	Threshold float64
	// Maps are the systems that cross-maps lead to beside those that are imported, by URL: what is in them is not checked.
	Maps []string
	// Inside are codes that need no import.
	Inside []Named
}

// Local is the codes of what was imported. It implements nlp.Coder, and is safe for concurrent use until it is closed.
type Local struct {
	config      Config
	finders     []*match.Finder
	former      *words.Former
	said        *match.Sayings
	calibration *match.Calibration
	inside      inside
}

// Open opens the indexes of the store.
func (s *Store) Open(config Config) (_ *Local, err error) {
	l := &Local{config: config, former: s.former, inside: newInside(config.Inside)}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	rules, err := match.DefaultRules(s.former)
	if err != nil {
		return nil, err
	}
	if l.said, err = match.DefaultSayings(); err != nil {
		return nil, err
	}
	if l.calibration, err = match.DefaultCalibration(); err != nil {
		return nil, err
	}
	l.config.Threshold = cmp.Or(config.Threshold, l.calibration.Threshold)
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	for _, wanted := range config.Systems {
		if !slices.Contains(names, wanted) {
			return nil, fmt.Errorf("no code system %q was imported; there are: %s", wanted, cmp.Or(strings.Join(names, ", "), "none"))
		}
	}
	for _, name := range names {
		if len(config.Systems) > 0 && !slices.Contains(config.Systems, name) {
			continue
		}
		x, err := index.Open(filepath.Join(s.folder, name+extension))
		if err != nil {
			return nil, err
		}
		l.finders = append(l.finders, match.NewFinder(x, s.former, rules))
		if err := x.Forget(); err != nil { // every name was looked at once
			return nil, err
		}
	}
	return l, nil
}

// names gives the short names of what is in the store, sorted.
func (s *Store) names() ([]string, error) {
	entries, err := os.ReadDir(s.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), extension); is {
			names = append(names, name)
		}
	}
	return names, nil
}

// Close gives the memory of the indexes back.
func (l *Local) Close() error {
	var faults []error
	for _, f := range l.finders {
		faults = append(faults, f.Index().Close())
	}
	l.finders = nil
	return errors.Join(faults...)
}

// Index gives one of the indexes, in the order of their names.
func (l *Local) Index(i int) *index.Index { return l.finders[i].Index() }

// kinds are the kinds of concept that a kind of mention can be.
var kinds = map[nlp.Kind]index.Kinds{
	nlp.KindProblem: index.Problem, nlp.KindFamily: index.Problem, nlp.KindDrug: index.Drug, nlp.KindProcedure: index.Procedure | index.Test,
	nlp.KindTest: index.Test | index.Procedure, nlp.KindModifier: index.Other | index.Site,
}

// maxCandidates is how many concepts of one system are kept of a mention.
const maxCandidates = 5

// Code implements nlp.Coder.
func (l *Local) Code(ctx context.Context, mentions []nlp.Mention) ([][]nlp.Coding, error) {
	list := make([][]nlp.Coding, len(mentions))
	for i, m := range mentions {
		if err := ctx.Err(); err != nil {
			return list, err
		}
		list[i] = l.code(m)
	}
	return list, nil
}

// Candidates gives the concepts of one of the indexes that a mention may mean, the best first.
func (l *Local) Candidates(i int, m nlp.Mention) []match.Candidate {
	return l.candidates(l.finders[i], l.ask(m))
}

// ask makes a mention ready to be looked up.
func (l *Local) ask(m nlp.Mention) *match.Query {
	return match.Ask(l.former, l.said, m.Names, m.Modifiers, m.Section, kinds[m.Kind])
}

func (l *Local) candidates(f *match.Finder, q *match.Query) []match.Candidate {
	if q.Kinds == index.Drug {
		parts := f.Drugs(l.said, q, maxCandidates)
		var list []match.Candidate
		switch len(parts) {
		case 0:
		case 1:
			list = parts[0]
		default:
			list = f.Combined(q, parts, maxCandidates)
		}
		if len(list) > 0 {
			list[0] = f.AtStrength(l.said, q, list[0])
		}
		return list
	}
	list := f.Find(q, maxCandidates)
	out := list[:0]
	for at, c := range list {
		if at < maxSettled {
			c = f.Settle(q, c)
		}
		if !slices.ContainsFunc(out, func(o match.Candidate) bool { return o.Concept == c.Concept }) {
			out = append(out, c)
		}
	}
	return out
}

// maxSettled is how many candidates are followed to what stands below them.
const maxSettled = 1

// Drugs gives the drugs that a line names, each with the concepts of one of the indexes that it may be.
func (l *Local) Drugs(i int, m nlp.Mention) [][]match.Candidate {
	return l.finders[i].Drugs(l.said, l.ask(m), maxCandidates)
}

// code looks a mention up in every index.
func (l *Local) code(m nlp.Mention) []nlp.Coding {
	var list []nlp.Coding
	var mapped []nlp.Coding
	q := l.ask(m)
	for _, f := range l.finders {
		if !f.Has(q.Kinds) {
			continue
		}
		x := f.Index()
		most := 1.0
		for at, c := range l.candidates(f, q) {
			concept := x.Concept(c.Concept)
			most = min(most, l.calibration.Probability(c)) // what comes first is likelier
			coding := nlp.Coding{System: x.Meta.System, Version: x.Meta.Version, Code: concept.Code, Display: concept.Display, Score: most, Leaf: concept.Level != index.Header}
			coding.Chosen = at == 0 && coding.Score >= l.config.Threshold && coding.Leaf && c.Features.Ties == 0
			if coding.Chosen {
				mapped = append(mapped, l.maps(x, c.Concept, coding)...)
			}
			list = append(list, coding)
		}
	}
	list = append(addMapped(list, mapped), l.inside.code(m, q.Kinds)...)
	onePerSystem(list)
	slices.SortStableFunc(list, func(a, b nlp.Coding) int { return cmp.Compare(b.Score, a.Score) })
	return list
}
