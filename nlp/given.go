package nlp

import (
	"cmp"
	"fmt"
	"slices"

	"charthand/note"
)

// Given is a mention that comes with a text, in Unicode code points.
type Given struct {
	Label string  `json:"label"`
	Start int     `json:"start"`
	End   int     `json:"end"`
	Score float32 `json:"score"`
}

// NewGiven makes a Document whose mentions come with the text, in any order; they may overlap. An error names the mention that is
// not within the text, by its place in the list. Document.Annotation gives the mentions in the order of the list.
func NewGiven(text note.Text, given []Given) (*Document, error) {
	offsets := make([]int, 0, len(text.Body)+1)
	for i := range text.Body {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(text.Body))
	d := &Document{Text: text, Coverage: Coverage{Characters: len(offsets) - 1, Read: len(offsets) - 1}, Entities: make([]Entity, len(given))}
	d.order = make([]int, len(given))
	for i, g := range given {
		if g.Label == "" {
			return nil, fmt.Errorf("entities[%d]: no label", i)
		}
		if g.Start < 0 || g.Start >= g.End || g.End >= len(offsets) {
			return nil, fmt.Errorf("entities[%d]: %d to %d is not within the text's %d characters", i, g.Start, g.End, len(offsets)-1)
		}
		d.order[i] = i
	}
	slices.SortStableFunc(d.order, func(a, b int) int {
		return cmp.Or(given[a].Start-given[b].Start, given[a].End-given[b].End)
	})
	for i, from := range d.order {
		g := given[from]
		d.Entities[i] = Entity{Span: Span{Start: offsets[g.Start], End: offsets[g.End]}, Label: g.Label, Score: g.Score, Section: -1}
	}
	return d, nil
}

// places gives the place in the output of each mention: that in the list it was given in, or else that in the text.
func (d *Document) places() []int {
	places := make([]int, len(d.Entities))
	for i := range places {
		places[i] = i
	}
	copy(places, d.order)
	return places
}
