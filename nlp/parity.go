package nlp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"charthand/nlp/onnx"
	"charthand/note"
)

// Aggregations are all there are.
var Aggregations = []Aggregation{AggregateNone, AggregateSimple, AggregateFirst, AggregateAverage, AggregateMax}

// Answer is a Classified in the form of Hugging Face's pipeline; Start and End are code points.
type Answer struct {
	Entity string  `json:"entity,omitempty"`       // of a token
	Group  string  `json:"entity_group,omitempty"` // of a mention
	Score  float32 `json:"score"`
	Index  int     `json:"index,omitempty"` // of a token
	Word   string  `json:"word"`
	Start  int     `json:"start"`
	End    int     `json:"end"`
}

// Answers is Classify in the form of Hugging Face's pipeline.
func (c *Classifier) Answers(ctx context.Context, text string) ([]Answer, error) {
	found, err := c.Classify(ctx, text)
	if err != nil {
		return nil, err
	}
	places := note.NewText(text)
	answers := make([]Answer, 0, len(found))
	for _, f := range found {
		a := Answer{Group: f.Label, Score: f.Score, Word: f.Word, Start: places.CodePoint(f.Start), End: places.CodePoint(f.End)}
		if c.aggregation == AggregateNone {
			a.Entity, a.Group, a.Index = f.Label, "", f.Index
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// Parity is how far a model's answers are those that were recorded of Hugging Face's pipeline.
type Parity struct {
	Transformers string // the version that the answers were recorded with
	Texts        int
	Answers      int // compared, of all texts and aggregations
	// Differences names each text (counted from 0) and aggregation that is answered otherwise. It holds no text.
	Differences []string
}

// scoreTolerance is how far a score may be from the recorded one.
const scoreTolerance = 1e-4

// CheckParity asks a model the texts of a file that training/ recorded (expected.json) and compares: labels, words and places
// exactly, scores to 1e-4.
func CheckParity(ctx context.Context, model *onnx.Model, recorded []byte) (*Parity, error) {
	var file struct {
		Transformers string                            `json:"transformers"`
		Texts        []map[Aggregation]json.RawMessage `json:"texts"`
	}
	if err := json.Unmarshal(recorded, &file); err != nil {
		return nil, fmt.Errorf("not a file of recorded answers: %w", err)
	}
	if len(file.Texts) == 0 {
		return nil, errors.New("no recorded answers in it")
	}
	p := &Parity{Transformers: file.Transformers, Texts: len(file.Texts)}
	for _, aggregation := range Aggregations {
		classifier, err := NewClassifier(model, 0, aggregation)
		if err != nil {
			return nil, err
		}
		for number, given := range file.Texts {
			var text string
			var want []Answer
			if err := json.Unmarshal(given["text"], &text); err != nil {
				return nil, fmt.Errorf("text %d: %w", number, err)
			}
			if err := json.Unmarshal(given[aggregation], &want); err != nil {
				return nil, fmt.Errorf("text %d, %s: %w", number, aggregation, err)
			}
			got, err := classifier.Answers(ctx, text)
			if err != nil {
				return nil, fmt.Errorf("text %d, %s: %w", number, aggregation, err)
			}
			p.Answers += len(want)
			if difference := differ(want, got); difference != "" {
				p.Differences = append(p.Differences, fmt.Sprintf("text %d, %s: %s", number, aggregation, difference))
			}
		}
	}
	return p, nil
}

// differ says what is different first, "" where nothing is.
func differ(want, got []Answer) string {
	for i := range min(len(want), len(got)) {
		w, g := want[i], got[i]
		if off := math.Abs(float64(w.Score - g.Score)); off > scoreTolerance {
			return fmt.Sprintf("answer %d has a score that is off by %.5f", i, off)
		}
		if w.Entity != g.Entity || w.Group != g.Group || w.Start != g.Start || w.End != g.End {
			return fmt.Sprintf("answer %d is %s%s at %d:%d, expected %s%s at %d:%d", i, g.Entity, g.Group, g.Start, g.End, w.Entity, w.Group, w.Start, w.End)
		}
		if w.Word != g.Word || w.Index != g.Index {
			return fmt.Sprintf("answer %d at %d:%d has other words, or another index", i, g.Start, g.End)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d answers, expected %d", len(got), len(want))
	}
	return ""
}
