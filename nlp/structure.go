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

// newStructure makes the stage, with the headings inside the binary.
func newStructure() (*Structure, error) {
	finder, err := section.Default()
	if err != nil {
		return nil, err
	}
	return &Structure{finder}, nil
}

// cutAtSections gives the sentences, cut where a section begins inside one.
func cutAtSections(d *Document) []text.Run {
	cut := make([]text.Run, 0, len(d.Sentences)+len(d.Sections))
	section := 0
	for _, run := range d.Sentences {
		for ; section < len(d.Sections); section++ {
			at := d.Words.At(d.Sections[section].Start)
			if at >= run.To {
				break
			}
			if at > run.From {
				cut = append(cut, text.Run{From: run.From, To: at})
				run.From = at
			}
		}
		cut = append(cut, run)
	}
	return cut
}

// Annotate implements Annotator.
func (s *Structure) Annotate(_ context.Context, d *Document) error {
	d.Words = text.New(d.Text.Body)
	d.Sentences = d.Words.Sentences()
	d.Sections = s.finder.Find(d.Words, d.Text.Hints)
	d.Sentences = cutAtSections(d)
	at := -1
	for i := range d.Entities {
		for at+1 < len(d.Sections) && d.Sections[at+1].Start <= d.Entities[i].Start {
			at++
		}
		d.Entities[i].Section = at
	}
	return nil
}
