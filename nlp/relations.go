package nlp

import (
	"context"
	"maps"
	"slices"
	"strings"

	"charthand/nlp/relate"
)

// Relate is the stage that links mentions: modifiers to what they modify, reasons and adverse effects to drugs, dates to what
// happened then.
type Relate struct {
	linker *relate.Linker
	rules  *relate.Rules
}

// inRelations is what the kinds are to the rules.
var inRelations = map[Kind]relate.Role{
	KindProblem: relate.Problem | relate.Event, KindFamily: relate.Problem | relate.Event, KindDrug: relate.Drug | relate.Event, KindProcedure: relate.Event, KindTest: relate.Event, KindEvent: relate.Event,
	KindMeasurement: relate.Event,
	KindTime:        relate.Moment, KindDuration: relate.Span,
}

// newRelate makes the stage, with the weights and rules inside the binary.
func newRelate() (*Relate, error) {
	linker, err := relate.Default()
	if err != nil {
		return nil, err
	}
	rules, err := relate.DefaultRules()
	if err != nil {
		return nil, err
	}
	return &Relate{linker, rules}, nil
}

// Annotate implements Annotator.
func (r *Relate) Annotate(_ context.Context, d *Document) error {
	mentions := make([]relate.Mention, len(d.Entities))
	in := make([]relate.Role, len(d.Entities))
	for i, e := range d.Entities {
		mentions[i] = relate.Mention{Span: e.Span, Label: e.Label}
		in[i] = inRelations[e.Kind]
	}
	links := r.linker.Link(d.Words, d.Sentences, mentions)
	beside(d, links)
	links = paired(d, links)
	for _, link := range links {
		d.Relations = append(d.Relations, Relation{Modify, link.From, link.To})
	}
	found := r.rules.Find(d.Words, d.Sentences, mentions, in, links)
	dated := datedResults(d, links)
	for _, link := range found {
		if _, own := dated[link.From]; !own || RelationKind(link.Kind) != When {
			d.Relations = append(d.Relations, Relation{RelationKind(link.Kind), link.From, link.To})
		}
	}
	for _, from := range slices.Sorted(maps.Keys(dated)) {
		d.Relations = append(d.Relations, Relation{When, from, dated[from]})
	}
	return nil
}

// paired gives each of several joined tests its own of as many joined results after them, in order: "hemoglobin and hematocrit of 16 and
// 46".
func paired(d *Document, links []relate.Link) []relate.Link {
	// run gives the end of a run of joined mentions of a kind that begins at an entity.
	run := func(from int, kind Kind) int {
		to := from
		for to < len(d.Entities) && d.Entities[to].Kind == kind && (to == from || between(d, to, ",", "and", ", and", "/")) {
			to++
		}
		return to
	}
	for i := 0; i < len(d.Entities); i++ {
		tests := run(i, KindTest)
		n := tests - i
		if n < 2 {
			continue
		}
		if tests < len(d.Entities) && between(d, tests, "of", "were", "was", ":", "=", "are", "is", "at") && run(tests, KindResult)-tests == n {
			own := map[int]int{}
			for k := range n {
				own[tests+k] = i + k
			}
			links = slices.DeleteFunc(links, func(link relate.Link) bool { _, of := own[link.From]; return of })
			for k := range n {
				links = append(links, relate.Link{From: tests + k, To: i + k})
			}
		}
		i = tests - 1
	}
	return links
}

// between reports whether one of some words is all that stands between an entity and the one before it.
func between(d *Document, i int, words ...string) bool {
	before, e := d.Entities[i-1], d.Entities[i]
	return before.End <= e.Start && slices.Contains(words, strings.ToLower(strings.Join(strings.Fields(d.Text.Body[before.End:e.Start]), " ")))
}

// datedResults gives the test of each date that stands right after a result of it: "8.1 g/dL on March 4".
func datedResults(d *Document, links []relate.Link) map[int]int {
	tests := map[int]int{}
	for _, link := range links {
		if d.Entities[link.From].Kind == KindResult && d.Entities[link.To].Kind == KindTest {
			tests[link.From] = link.To
		}
	}
	dated := map[int]int{}
	for i := 1; i < len(d.Entities); i++ {
		test, linked := tests[i-1]
		if !linked || d.Entities[i].Kind != KindTime || d.Entities[i-1].End > d.Entities[i].Start {
			continue
		}
		switch strings.TrimSpace(d.Text.Body[d.Entities[i-1].End:d.Entities[i].Start]) {
		case "", "on", "in", "at", ",", "(", "on the":
			dated[i] = test
		}
	}
	return dated
}

// beside gives each result that stands right after a test to that test, whatever the weights say: in "P 72 T 98.4" the pulse is 72.
func beside(d *Document, links []relate.Link) {
	for at := range links {
		from := links[at].From
		if d.Entities[from].Kind != KindResult || from == 0 {
			continue
		}
		test, result := d.Entities[from-1], d.Entities[from]
		if test.Kind != KindTest || test.End > result.Start || d.Entities[links[at].To].Kind != KindTest {
			continue
		}
		if between := strings.TrimSpace(d.Text.Body[test.End:result.Start]); between == "" || between == ":" || between == "=" {
			links[at].To = from - 1
		}
	}
}
