package nlp

import (
	"context"
	"math"
	"strings"

	"charthand/nlp/onnx"
)

// Aggregation is how the answers for tokens become mentions: the aggregation_strategy of Hugging Face's token-classification
// pipeline.
type Aggregation string

// The strategies of the pipeline.
const (
	AggregateNone    Aggregation = "none"    // each token for itself
	AggregateSimple  Aggregation = "simple"  // neighbours with one label are a mention
	AggregateFirst   Aggregation = "first"   // the same over words, each with the label of its first token
	AggregateAverage Aggregation = "average" // … with the label that is the most probable in the mean of its tokens
	AggregateMax     Aggregation = "max"     // … with the label of its surest token
)

// Classified is a token that is in a mention, or a mention.
type Classified struct {
	Span
	Label string  // of a token as the model has it ("B-Medication"), of a mention without its prefix
	Score float32 // the probability of the label, the mean over the tokens or words of a mention; 0 to 1
	Word  string  // what the tokenizer makes of the tokens, which need not be the words of the text
	Index int     // of a token: its place among the tokens of the text, the special ones before it counted
}

// Classifier answers as Hugging Face's token-classification pipeline does, on texts of any length: the pipeline itself leaves out
// what is beyond the model's length.
type Classifier struct {
	reader
	aggregation Aggregation
}

// NewClassifier makes a Classifier over a model, which stays the caller's to close. window is the length of a window in tokens; 0
// is the model's whole length, as the pipeline has it.
func NewClassifier(model *onnx.Model, window int, aggregation Aggregation) (*Classifier, error) {
	if err := model.CanJoin(); err != nil {
		return nil, err
	}
	r, err := newReader(model, window)
	if err != nil {
		return nil, err
	}
	return &Classifier{r, aggregation}, nil
}

// unit is a token or a word on its way to a mention.
type unit struct {
	tokens []onnx.Token // with places in the whole text
	column int
	score  float32
	index  int
}

// Classify gives what the model says of a text, in its order.
func (c *Classifier) Classify(ctx context.Context, text string) ([]Classified, error) {
	var units []unit
	index := c.model.Prefix()
	for _, piece := range pieces(text, maxPiece) {
		tokens, logits, err := c.read(ctx, text[piece.Start:piece.End])
		if err != nil {
			return nil, err
		}
		for i := range tokens {
			tokens[i].RawStart, tokens[i].RawEnd = tokens[i].RawStart+piece.Start, tokens[i].RawEnd+piece.Start
		}
		units = append(units, c.units(tokens, logits, index)...)
		index += len(tokens)
	}
	var found []Classified
	if c.aggregation == AggregateNone {
		for _, u := range units {
			if label := c.model.Labels[u.column]; label != "O" {
				t := u.tokens[0]
				found = append(found, Classified{Span{Start: t.RawStart, End: t.RawEnd}, label, u.score, t.Piece, u.index})
			}
		}
		return found, nil
	}
	for start := 0; start < len(units); {
		end := start + 1
		for end < len(units) && c.goesOn(units[end-1], units[end]) {
			end++
		}
		if mention := c.mention(units[start:end]); mention.Label != "O" {
			found = append(found, mention)
		}
		start = end
	}
	return found, nil
}

// units gives tokens their labels, or words where the aggregation goes by words.
func (c *Classifier) units(tokens []onnx.Token, logits []float32, index int) []unit {
	var units []unit
	columns := len(c.model.Labels)
	words := c.aggregation != AggregateNone && c.aggregation != AggregateSimple
	for start := 0; start < len(tokens); {
		end := start + 1
		for words && end < len(tokens) && tokens[end].Subword {
			end++
		}
		rows := make([][]float32, 0, end-start)
		for i := start; i < end; i++ {
			rows = append(rows, softmax(logits[i*columns:(i+1)*columns]))
		}
		row := c.choose(rows)
		column := argmax(row)
		units = append(units, unit{tokens[start:end], column, row[column], index + start})
		start = end
	}
	return units
}

// choose makes one row of probabilities of those of a word's tokens.
func (c *Classifier) choose(rows [][]float32) []float32 {
	switch c.aggregation {
	case AggregateNone, AggregateSimple, AggregateFirst:
		return rows[0]
	case AggregateMax:
		surest := rows[0]
		for _, row := range rows[1:] {
			if row[argmax(row)] > surest[argmax(surest)] {
				surest = row
			}
		}
		return surest
	case AggregateAverage:
		mean := make([]float32, len(rows[0]))
		for column := range mean {
			var sum float64
			for _, row := range rows {
				sum += float64(row[column])
			}
			mean[column] = float32(sum / float64(len(rows)))
		}
		return mean
	}
	return rows[0]
}

// goesOn reports whether a unit is in the mention of the one before it.
func (c *Classifier) goesOn(before, u unit) bool {
	_, last := SplitTag(c.model.Labels[before.column])
	begins, label := SplitTag(c.model.Labels[u.column])
	return label == last && !begins
}

// mention joins units.
func (c *Classifier) mention(units []unit) Classified {
	label := c.model.Labels[units[0].column]
	if _, rest, found := strings.Cut(label, "-"); found {
		label = rest
	}
	var words []string
	var sum float64
	for _, u := range units {
		sum += float64(u.score)
		if c.aggregation == AggregateSimple {
			words = append(words, onnx.Pieces(u.tokens)...)
		} else {
			words = append(words, c.model.Join(onnx.Pieces(u.tokens)))
		}
	}
	first, last := units[0].tokens, units[len(units)-1].tokens
	return Classified{
		Span:  Span{Start: first[0].RawStart, End: last[len(last)-1].RawEnd},
		Label: label, Score: float32(sum / float64(len(units))), Word: c.model.Join(words),
	}
}

// softmax turns logits into probabilities, in single precision as the pipeline does.
func softmax(row []float32) []float32 {
	top := row[argmax(row)]
	p := make([]float32, len(row))
	var total float32
	for i, logit := range row {
		p[i] = float32(math.Exp(float64(logit - top)))
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}
