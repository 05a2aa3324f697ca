package nlp

import (
	"context"
	"fmt"

	"charthand/nlp/onnx"

	"golang.org/x/sync/errgroup"
)

// Recognizer is the stage that finds mentions: it cuts the text into windows, runs the model on each and decodes what it
// says of the whole. It fills Entities and Coverage.
type Recognizer struct {
	model         *onnx.Model
	decoder       *decoder
	size, overlap int
}

// NewRecognizer makes a Recognizer over a model, which stays the caller's to close. window is the length of a window in
// tokens; 0 is what the model folder says.
func NewRecognizer(model *onnx.Model, window int) (*Recognizer, error) {
	settings := model.Settings
	size := settings.Window.Tokens
	if window != 0 {
		size = window
	}
	if size == 0 {
		size = model.MaxTokens
	}
	const least = 16
	if size < least || size > model.MaxTokens {
		return nil, fmt.Errorf("a window of %d tokens: this model takes %d to %d", size, least, model.MaxTokens)
	}
	overlap := settings.Window.Overlap
	if overlap == 0 {
		overlap = size / 4
	}
	return &Recognizer{model: model, decoder: newDecoder(model.Labels, settings), size: size, overlap: overlap}, nil
}

// Annotate implements Annotator. A long text is read piece by piece, so that the memory that it takes does not grow with it;
// the windows of a piece run side by side, as many at once as the model has workers.
func (r *Recognizer) Annotate(ctx context.Context, d *Document) error {
	d.Entities = nil
	d.Coverage = Coverage{Characters: d.Text.CodePoints()}
	for _, piece := range pieces(d.Text.Body, maxPiece) {
		found, err := r.read(ctx, d.Text.Body[piece.Start:piece.End])
		if err != nil {
			return err
		}
		for _, e := range found {
			e.Start, e.End = e.Start+piece.Start, e.End+piece.Start
			d.Entities = append(d.Entities, e)
		}
		d.Coverage.Read = d.Text.CodePoint(piece.End)
	}
	return nil
}

// read finds the mentions in a piece of text.
func (r *Recognizer) read(ctx context.Context, text string) ([]Entity, error) {
	tokens, err := r.model.Encode(text)
	if err != nil {
		return nil, err
	}
	columns := len(r.model.Labels)
	logits := make([]float32, len(tokens)*columns)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.model.Workers())
	for _, w := range cut(text, tokens, r.size, r.overlap) {
		group.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil { // its value could hold text of the note
					err = fmt.Errorf("reading a window of %d tokens panicked with a %T", w.end-w.start, v)
				}
			}()
			return r.model.Logits(ctx, tokens[w.start:w.end], func(rows []float32) {
				copy(logits[w.from*columns:w.to*columns], rows[(w.from-w.start)*columns:])
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return r.decoder.decode(text, tokens, logits), nil
}
