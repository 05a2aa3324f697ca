package cds

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"charthand/mapping"
	"charthand/nlp/concept"
	"charthand/terminology/words"
)

// Config is what a Finder needs.
type Config struct {
	// Rules tell charthand's own resources from others.
	Rules *mapping.Rules
	// Base is the public address of charthand, where its app is.
	Base string
}

// Finder finds what notes say and the lists lack. It is safe for concurrent use.
type Finder struct {
	config     Config
	normalizer *concept.Normalizer
	former     *words.Former
}

// NewFinder makes a Finder.
func NewFinder(config Config) (*Finder, error) {
	normalizer, former, err := newFormers()
	return &Finder{config, normalizer, former}, err
}

// item is a concept that notes name and a list lacks.
type item struct {
	list      list
	display   string
	uncertain bool
	last      time.Time // when a note said it last, the zero time where none says when
	facts     []string  // "Condition/1", each once
	documents []string  // "DocumentReference/1", each once
}

// Cards gives the cards for a call: one for each list that lacks something. The server, nil for none, is asked only whether people have reviewed what
// the cards would name.
func (f *Finder) Cards(ctx context.Context, r *Request, resources []json.RawMessage, server Server) []Card {
	items := f.lacking(f.entries(r.Context.PatientID, resources))
	if server != nil && len(items) > 0 {
		var facts []string
		for _, item := range items {
			facts = append(facts, item.facts...)
		}
		if found := reviews(ctx, server, facts); len(found) > 0 {
			items = f.lacking(f.entries(r.Context.PatientID, slices.Concat(resources, found)))
		}
	}
	return f.cards(r.HookInstance, items)
}

// lacking gives what notes say and the lists do not have, those that most notes say first. Of what notes say at different times the last counts.
func (f *Finder) lacking(entries []entry) []item {
	var kept, said []entry
	for _, e := range entries {
		switch {
		case e.standing == void:
		case e.own:
			said = append(said, e)
		default:
			kept = append(kept, e)
		}
	}
	slices.SortStableFunc(said, func(a, b entry) int { // the last first; of one time what is there
		return cmp.Or(b.date.Compare(a.date), cmp.Compare(a.standing, b.standing), cmp.Compare(a.name, b.name))
	})
	var items []item
	var heads []*entry // the last that was said of each concept
	of := map[*entry]int{}
	for i := range said {
		e := &said[i]
		same := func(head *entry) bool { return head.list == e.list && head.notion.is(&e.notion) }
		if at := slices.IndexFunc(heads, same); at >= 0 {
			if index, shown := of[heads[at]]; shown {
				items[index].add(e)
			}
			continue
		}
		heads = append(heads, e)
		if e.standing == over || slices.ContainsFunc(kept, func(k entry) bool { return k.answers(e) }) {
			continue
		}
		of[e] = len(items)
		items = append(items, item{list: e.list, display: e.notion.display, uncertain: e.standing == uncertain, last: e.date})
		items[len(items)-1].add(e)
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(len(b.documents), len(a.documents)), b.last.Compare(a.last), cmp.Compare(a.display, b.display))
	})
	return items
}

// answers reports whether a list has what a note says: as present, or as over, ruled out or stopped since the note was written.
func (e *entry) answers(said *entry) bool {
	return e.list == said.list && (e.standing != over || !e.changed.Before(said.date)) && said.notion.is(&e.notion)
}

// add adds a fact that says the same.
func (i *item) add(e *entry) {
	if e.standing == over {
		return // an earlier or other note that says otherwise bears nothing out
	}
	i.facts = append(i.facts, e.name)
	for _, document := range e.documents {
		if !slices.Contains(i.documents, document) {
			i.documents = append(i.documents, document)
		}
	}
}
