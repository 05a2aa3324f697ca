package nlp

import (
	"cmp"
	"context"
	"fmt"

	"charthand/nlp/onnx"

	"golang.org/x/sync/errgroup"
)

// reader lets a model read a text of any length, window by window.
type reader struct {
	model         *onnx.Model
	size, overlap int // of the windows, in tokens
	turns         turns
}

// newReader takes the length of a window in tokens; 0 is the longest that the model takes.
func newReader(model *onnx.Model, size int) (reader, error) {
	if size == 0 {
		size = model.MaxTokens
	}
	const least = 16
	if size < least || size > model.MaxTokens {
		return reader{}, fmt.Errorf("a window of %d tokens: this model takes %d to %d", size, least, model.MaxTokens)
	}
	overlap := model.Settings.Window.Overlap
	if overlap == 0 {
		overlap = size / 4
	}
	return reader{model, size, overlap, newTurns(model.Workers())}, nil
}

// read gives the tokens of a text and, for each of them, the model's logit for each label, row by row.
func (r reader) read(ctx context.Context, text string) ([]onnx.Token, []float32, error) {
	tokens, err := r.model.Encode(text)
	if err != nil {
		return nil, nil, err
	}
	columns := len(r.model.Labels)
	logits := make([]float32, len(tokens)*columns)
	group, ctx := errgroup.WithContext(ctx)
	err = r.turns.each(ctx, cut(text, tokens, r.size, r.overlap), func(w window, leave func()) {
		group.Go(func() (err error) {
			defer leave()
			defer func() {
				if v := recover(); v != nil { // its value could hold text of the note
					err = fmt.Errorf("reading a window of %d tokens panicked with a %T", w.end-w.start, v)
				}
			}()
			return r.model.Logits(ctx, tokens[w.start:w.end], func(rows []float32) {
				copy(logits[w.from*columns:w.to*columns], rows[(w.from-w.start)*columns:])
			})
		})
	})
	return tokens, logits, cmp.Or(group.Wait(), err)
}
