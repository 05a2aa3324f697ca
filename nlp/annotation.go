package nlp

import (
	"slices"

	"charthand/nlp/measure"
	"charthand/nlp/sig"
	"charthand/nlp/when"
)

// Annotation is a document as the outside sees it: the object that `charthand annotate` prints. Offsets are Unicode code
// points, half-open.
type Annotation struct {
	ID        string               `json:"id,omitempty"`
	Text      string               `json:"text"`
	Sections  []SectionAnnotation  `json:"sections,omitempty"`
	Entities  []EntityAnnotation   `json:"entities"`
	Relations []RelationAnnotation `json:"relations"`
	Groups    [][]int              `json:"groups"`
	Coverage  struct {
		Characters int `json:"characters"`
		Read       int `json:"read"`
	} `json:"coverage"`
}

// SectionAnnotation is a part of the text under one heading.
type SectionAnnotation struct {
	Start   int `json:"start"`
	End     int `json:"end"`
	Heading struct {
		Start int `json:"start"`
		End   int `json:"end"`
	} `json:"heading"`
	Code string `json:"code,omitempty"` // LOINC
}

// EntityAnnotation is one mention of an Annotation.
type EntityAnnotation struct {
	Label string  `json:"label"`
	Start int     `json:"start"`
	End   int     `json:"end"`
	Text  string  `json:"text"`
	Score float32 `json:"score"`
	// Section is the index of the section that the mention stands in, nil for none.
	Section *int             `json:"section,omitempty"`
	Group   int              `json:"group"`
	Normal  string           `json:"normal,omitempty"`
	Value   *measure.Value   `json:"value,omitempty"`
	Sig     *sig.Sig         `json:"sig,omitempty"`
	Date    *when.Expression `json:"date,omitempty"`
	// Codings are what the mention may mean, the best first.
	Codings []CodingAnnotation `json:"codings,omitempty"`
	// AssertionAnnotation is nil, and its fields absent, where no stage has judged the mention.
	*AssertionAnnotation
}

// AssertionAnnotation is what a note says of a mention.
type AssertionAnnotation struct {
	Negated      bool            `json:"negated"`
	RuledOut     bool            `json:"ruledOut"`
	Uncertain    bool            `json:"uncertain"`
	Hypothetical bool            `json:"hypothetical"`
	Planned      bool            `json:"planned"`
	Historical   bool            `json:"historical"`
	Resolved     bool            `json:"resolved"`
	Experiencer  Experiencer     `json:"experiencer"`
	Cues         []CueAnnotation `json:"cues,omitempty"`
}

// CodingAnnotation is a concept of a code system that a mention may mean.
type CodingAnnotation struct {
	System  string  `json:"system"`
	Code    string  `json:"code"`
	Display string  `json:"display,omitempty"`
	Score   float64 `json:"score"`
	// Chosen says that it is written, Mapped that it corresponds to another that was found.
	Chosen bool `json:"chosen,omitempty"`
	Mapped bool `json:"mapped,omitempty"`
}

// CueAnnotation is what an assertion rests on.
type CueAnnotation struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Rule  string `json:"rule"`
}

// RelationAnnotation links two entities by index, from the modifier to what it modifies.
type RelationAnnotation struct {
	Kind RelationKind `json:"kind"`
	From int          `json:"from"`
	To   int          `json:"to"`
}

// Codings gives the outward form of codings.
func Codings(list []Coding) []CodingAnnotation {
	out := make([]CodingAnnotation, 0, len(list))
	for _, c := range list {
		out = append(out, CodingAnnotation{c.System, c.Code, c.Display, c.Score, c.Chosen, c.Mapped})
	}
	return out
}

// Annotation gives the outward form of the document.
func (d *Document) Annotation(id string) Annotation {
	a := Annotation{ID: id, Text: d.Text.Body, Relations: []RelationAnnotation{}, Groups: [][]int{}}
	for _, s := range d.Sections {
		section := SectionAnnotation{Start: d.Text.CodePoint(s.Start), End: d.Text.CodePoint(s.End), Code: s.Code}
		section.Heading.Start, section.Heading.End = d.Text.CodePoint(s.Heading.Start), d.Text.CodePoint(s.Heading.End)
		a.Sections = append(a.Sections, section)
	}
	places := d.places()
	a.Entities = make([]EntityAnnotation, len(d.Entities))
	for i, e := range d.Entities {
		entity := EntityAnnotation{
			Label: e.Label, Start: d.Text.CodePoint(e.Start), End: d.Text.CodePoint(e.End), Text: d.Mention(e),
			Score: e.Score, Group: e.Group, Normal: e.Normal, Value: e.Value, Sig: e.Sig, Date: e.When,
		}
		entity.Codings = Codings(e.Codings)
		if section := e.Section; section >= 0 && len(d.Sections) > 0 {
			entity.Section = &section
		}
		if s := e.Assertion; s.Experiencer != Unjudged {
			entity.AssertionAnnotation = &AssertionAnnotation{
				Negated: s.Negated, RuledOut: s.RuledOut, Uncertain: s.Uncertain, Hypothetical: s.Hypothetical, Planned: s.Planned,
				Historical: s.Historical, Resolved: s.Resolved, Experiencer: s.Experiencer,
			}
			for _, cue := range e.Cues {
				entity.Cues = append(entity.Cues, CueAnnotation{d.Text.CodePoint(cue.Start), d.Text.CodePoint(cue.End), cue.Rule})
			}
		}
		a.Entities[places[i]] = entity
	}
	for _, r := range d.Relations {
		a.Relations = append(a.Relations, RelationAnnotation{r.Kind, places[r.From], places[r.To]})
	}
	for _, group := range d.Groups {
		members := make([]int, len(group))
		for i, member := range group {
			members[i] = places[member]
		}
		slices.Sort(members)
		a.Groups = append(a.Groups, members)
	}
	a.Coverage.Characters, a.Coverage.Read = d.Coverage.Characters, d.Coverage.Read
	return a
}
