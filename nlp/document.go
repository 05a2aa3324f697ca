// Package nlp understands a note: it turns text into entities, and entities into facts that are asserted, linked and
// grouped. It knows nothing of FHIR.
package nlp

import (
	"context"
	"fmt"
	"time"

	"charthand/nlp/allergy"
	"charthand/nlp/measure"
	"charthand/nlp/section"
	"charthand/nlp/sig"
	"charthand/nlp/text"
	"charthand/nlp/when"
	"charthand/note"
	"charthand/tracing"
)

// Span is a half-open range of bytes in Document.Text.Body.
type Span = text.Span

// Entity is one mention.
type Entity struct {
	Span
	// Label is the type in the model's label schema ("Disease_disorder").
	Label string
	// Kind is what the mention is, whatever the label.
	Kind Kind
	// Score is the model's probability of the label for these words, 0 to 1.
	Score float32
	// Group is the index in Document.Groups of the concept that the mention belongs to.
	Group int
	// Section is the index in Document.Sections of the section that the mention stands in, -1 for none.
	Section int
	// Assertion says what the note says of the mention. Its zero value means that nobody has judged it.
	Assertion Assertion
	// Cues are the words that the assertion rests on.
	Cues []Cue
	// Value is what a result says, nil for what is none.
	Value *measure.Value
	// Sig is how a drug is to be taken, nil for what is none and where the note says nothing of it.
	Sig *sig.Sig
	// When is what a temporal expression says, nil for what is none and for what names no time.
	When *when.Expression
	// Normal is the mention as concepts are compared by: never shown as the note's words.
	Normal string
	// Codings are the concepts of code systems that the mention may mean, the best first; nil where none was looked for or found.
	Codings []Coding
}

// Experiencer is whose fact it is.
type Experiencer string

// The experiencers in use. A relative is named by its v3-RoleCode.
const (
	// Unjudged is the zero value: no stage has said whose the fact is, so no resource may be made of it.
	Unjudged Experiencer = ""
	// Patient is the subject of the note.
	Patient Experiencer = "patient"
)

// Assertion is what a note says of a mention: that it is there, absent, possible, past, someone else's (ConText, Harkema et
// al. 2009).
type Assertion struct {
	Experiencer  Experiencer
	Negated      bool // absent or denied
	RuledOut     bool // negated in so many words ("ruled out")
	Uncertain    bool
	Hypothetical bool
	Planned      bool
	Historical   bool
	Resolved     bool // historical and said to be over, or a drug said to be stopped
}

// Cue is what an assertion rests on: the words, and the name of the rule.
type Cue struct {
	Span
	Rule string
}

// Present is the assertion of what the note says the patient has.
var Present = Assertion{Experiencer: Patient}

// RelationKind is how one entity bears on another.
type RelationKind string

// The kinds of relation.
const (
	Modify    RelationKind = "modify"    // the one says more about the other (MACCROBAT's MODIFY)
	Reason    RelationKind = "reason"    // the problem that a drug is given for (n2c2 2018)
	Adverse   RelationKind = "adverse"   // the problem that a drug has caused (n2c2 2018's ADE)
	When      RelationKind = "when"      // the date, time or age of what happened
	Identical RelationKind = "identical" // the same thing in other words, said to be so ("pulmonary embolism (PE)")
)

// Relation links two entities by their indexes in Document.Entities, from the modifier to what it modifies.
type Relation struct {
	Kind     RelationKind
	From, To int
}

// Coverage is how much of a text a model has read, in Unicode code points.
type Coverage struct{ Characters, Read int }

// Document is a note on its way through the pipeline. Each stage fills its own fields and leaves the others as they are.
type Document struct {
	Text note.Text
	// Date is when the note was written, the zero time where that is unknown.
	Date time.Time
	// Zone is where it was written, nil where Date is a day without a time.
	Zone *time.Location
	// Words are the text's tokens, Sentences runs of them; the stage Structure makes both, and Sections.
	Words     *text.Text
	Sentences []text.Run
	Sections  []section.Section
	// Entities are in the order of the text.
	Entities  []Entity
	Relations []Relation
	// Groups are the concepts of the note: each a list of indexes in Entities, in the order of the first mention.
	Groups [][]int
	// Allergies are what the note says the person is allergic to, NoAllergies what it says they are not, both in the order of the text.
	// Their mentions are indexes in Entities.
	Allergies   []Allergy
	NoAllergies []NoAllergy
	Coverage    Coverage
	// Remarks are what a stage wants the reader of the result to know; they hold no text of the note.
	Remarks []string

	// order is the place of each entity in the list that it was given in; nil where the model found them.
	order []int
	// defined are the acronyms that the note defines, with the words that they stand for.
	defined map[string]string
}

// NewDocument makes a Document of a text that was written at a moment, the zero time where that is unknown.
func NewDocument(text note.Text, written time.Time) *Document {
	d := &Document{Text: text, Date: written}
	if !written.IsZero() {
		d.Zone = written.Location()
	}
	return d
}

// Allergy is something that a note speaks of as an allergy, with what it says of that.
type Allergy struct {
	allergy.Allergy
	Assertion Assertion
}

// NoAllergy is a statement that there are none, with whose and whether it is one.
type NoAllergy struct {
	allergy.None
	Assertion Assertion
}

// Mention is the words of an entity, exactly as the note has them.
func (d *Document) Mention(e Entity) string { return d.Text.Body[e.Start:e.End] }

// Apart reports whether a heading or the end of a sentence stands between two mentions: what the one says is not said of the other.
func (d *Document) Apart(a, b Entity) bool {
	if d.Words == nil || len(d.Sentences) == 0 {
		return false
	}
	return a.Section != b.Section || d.sentence(d.Words.At(a.Start)) != d.sentence(d.Words.At(b.Start))
}

// Annotator is one stage. Annotate may be called from several goroutines at once, each with a document of its own; it waits
// for what it starts.
type Annotator interface {
	Annotate(ctx context.Context, d *Document) error
}

// StageError says which stage of a Pipeline failed.
type StageError struct {
	Stage string
	Err   error
}

// Error implements error.
func (e *StageError) Error() string { return e.Stage + ": " + e.Err.Error() }

// Unwrap gives the stage's own error.
func (e *StageError) Unwrap() error { return e.Err }

// Pipeline runs stages one after the other; it is an Annotator itself.
type Pipeline []Annotator

// Annotate implements Annotator. It stops at the first error, and when the context ends.
func (p Pipeline) Annotate(ctx context.Context, d *Document) error {
	for _, stage := range p {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := fmt.Sprintf("%T", stage)
		inner, end := tracing.Begin(ctx, name)
		err := stage.Annotate(inner, d)
		end(err, tracing.Entities.Int(len(d.Entities)))
		if err != nil {
			return &StageError{name, err}
		}
	}
	return nil
}
