package nlp

import (
	"context"

	"charthand/nlp/section"
	"charthand/nlp/text"
)

// Structure is the stage that cuts a note into words, sentences and sections, and says which section each mention stands in.
type Structure struct {
	finder *section.Finder
}

// NewStructure makes the stage, with the headings inside the binary.
func NewStructure() (*Structure, error) {
	finder, err := section.Default()
	if err != nil {
		return nil, err
	}
	return &Structure{finder}, nil
}

// Annotate implements Annotator.
func (s *Structure) Annotate(_ context.Context, d *Document) error {
	d.Words = text.New(d.Text.Body)
	d.Sentences = d.Words.Sentences()
	d.Sections = s.finder.Find(d.Words)
	at := -1
	for i := range d.Entities {
		for at+1 < len(d.Sections) && d.Sections[at+1].Start <= d.Entities[i].Start {
			at++
		}
		d.Entities[i].Section = at
	}
	return nil
}
