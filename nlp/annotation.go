package nlp

// Annotation is a document as the outside sees it: the object that `charthand annotate` prints. Offsets are Unicode code
// points, half-open.
type Annotation struct {
	ID        string               `json:"id,omitempty"`
	Text      string               `json:"text"`
	Entities  []EntityAnnotation   `json:"entities"`
	Relations []RelationAnnotation `json:"relations"`
	Groups    [][]int              `json:"groups"`
	Coverage  struct {
		Characters int `json:"characters"`
		Read       int `json:"read"`
	} `json:"coverage"`
}

// EntityAnnotation is one mention of an Annotation.
type EntityAnnotation struct {
	Label  string  `json:"label"`
	Start  int     `json:"start"`
	End    int     `json:"end"`
	Text   string  `json:"text"`
	Score  float32 `json:"score"`
	Group  int     `json:"group"`
	Normal string  `json:"normal,omitempty"`
	// AssertionAnnotation is nil, and its fields absent, where no stage has judged the mention.
	*AssertionAnnotation
}

// AssertionAnnotation is what a note says of a mention.
type AssertionAnnotation struct {
	Negated      bool        `json:"negated"`
	RuledOut     bool        `json:"ruledOut"`
	Uncertain    bool        `json:"uncertain"`
	Hypothetical bool        `json:"hypothetical"`
	Planned      bool        `json:"planned"`
	Historical   bool        `json:"historical"`
	Experiencer  Experiencer `json:"experiencer"`
}

// RelationAnnotation links two entities by index, from the modifier to what it modifies.
type RelationAnnotation struct {
	Kind RelationKind `json:"kind"`
	From int          `json:"from"`
	To   int          `json:"to"`
}

// Annotation gives the outward form of the document.
func (d *Document) Annotation(id string) Annotation {
	a := Annotation{ID: id, Text: d.Text.Body, Entities: []EntityAnnotation{}, Relations: []RelationAnnotation{}, Groups: [][]int{}}
	for _, e := range d.Entities {
		entity := EntityAnnotation{
			Label: e.Label, Start: d.Text.CodePoint(e.Start), End: d.Text.CodePoint(e.End), Text: d.Mention(e),
			Score: e.Score, Group: e.Group, Normal: e.Normal,
		}
		if s := e.Assertion; s.Experiencer != Unjudged {
			entity.AssertionAnnotation = &AssertionAnnotation{s.Negated, s.RuledOut, s.Uncertain, s.Hypothetical, s.Planned, s.Historical, s.Experiencer}
		}
		a.Entities = append(a.Entities, entity)
	}
	for _, r := range d.Relations {
		a.Relations = append(a.Relations, RelationAnnotation(r))
	}
	a.Groups = append(a.Groups, d.Groups...)
	a.Coverage.Characters, a.Coverage.Read = d.Coverage.Characters, d.Coverage.Read
	return a
}
