package nlp

import (
	"context"

	"charthand/nlp/onnx"
)

// Recognizer is the stage that finds mentions: it lets the model read the text and decodes what it says of the whole, as the
// model folder wants it. It fills Entities and Coverage.
type Recognizer struct {
	reader
	decoder *decoder
}

// NewRecognizer makes a Recognizer over a model, which stays the caller's to close. window is the length of a window in
// tokens; 0 is what the model folder says.
func NewRecognizer(model *onnx.Model, window int) (*Recognizer, error) {
	if window == 0 {
		window = model.Settings.Window.Tokens
	}
	r, err := newReader(model, window)
	if err != nil {
		return nil, err
	}
	return &Recognizer{r, newDecoder(model.Labels, model.Settings)}, nil
}

// Annotate implements Annotator. A long text is read piece by piece, so that the memory that it takes does not grow with it;
// the windows of a piece run side by side, as many at once as the model has workers.
func (r *Recognizer) Annotate(ctx context.Context, d *Document) error {
	d.Entities = nil
	d.Coverage = Coverage{Characters: d.Text.CodePoints()}
	for _, piece := range pieces(d.Text.Body, maxPiece) {
		text := d.Text.Body[piece.Start:piece.End]
		tokens, logits, err := r.read(ctx, text)
		if err != nil {
			return err
		}
		for _, e := range r.decoder.decode(text, tokens, logits) {
			e.Start, e.End = e.Start+piece.Start, e.End+piece.Start
			d.Entities = append(d.Entities, e)
		}
		d.Coverage.Read = d.Text.CodePoint(piece.End)
	}
	return nil
}
