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
	return &Recognizer{model: model, decoder: newDecoder(model.Labels, settings.Decode.Viterbi), size: size, overlap: overlap}, nil
}

// Annotate implements Annotator. Windows of one note run side by side, as many as the model has workers.
func (r *Recognizer) Annotate(ctx context.Context, d *Document) error {
	body := d.Text.Body
	tokens, err := r.model.Encode(body)
	if err != nil {
		return err
	}
	d.Entities = nil
	read := 0 // tokens that windows have stood for so far, without a gap
	for _, windows := range stretches(cut(body, tokens, r.size, r.overlap), maxStretch) {
		first, last := windows[0].from, windows[len(windows)-1].to
		logits, err := r.read(ctx, tokens, windows)
		if err != nil {
			return err
		}
		d.Entities = append(d.Entities, r.decoder.decode(body, tokens[first:last], logits)...)
		if first == read {
			read = last
		}
	}
	// What lies between and after tokens is blank or without meaning to the tokenizer: it counts as read with them.
	d.Coverage = Coverage{Characters: d.Text.CodePoints(), Read: d.Text.CodePoints()}
	if read < len(tokens) {
		d.Coverage.Read = d.Text.CodePoint(tokens[read].Start)
	}
	return nil
}

// maxStretch bounds how many tokens are decoded together, and with it the memory that a long note takes.
const maxStretch = 8192

// stretches divides the windows of a note into runs that are decoded apart. A run ends at the first window past the bound
// that ends with a sentence; where none does for as long again, it ends there all the same.
func stretches(windows []window, bound int) [][]window {
	var runs [][]window
	start := 0
	for i, w := range windows {
		length := w.to - windows[start].from
		clean := w.to == w.end
		if i == len(windows)-1 || (clean && length >= bound) || length >= 2*bound {
			runs = append(runs, windows[start:i+1])
			start = i + 1
		}
	}
	return runs
}

// read runs the model on the windows, as many at once as it has workers, and gives the logits of the tokens that they
// stand for.
func (r *Recognizer) read(ctx context.Context, tokens []onnx.Token, windows []window) ([]float32, error) {
	columns := len(r.model.Labels)
	first, last := windows[0].from, windows[len(windows)-1].to
	logits := make([]float32, (last-first)*columns)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.model.Workers())
	for _, w := range windows {
		group.Go(func() error {
			rows, err := r.model.Logits(ctx, tokens[w.start:w.end])
			if err == nil {
				copy(logits[(w.from-first)*columns:(w.to-first)*columns], rows[(w.from-w.start)*columns:])
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return logits, nil
}
