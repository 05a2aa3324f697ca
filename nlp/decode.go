package nlp

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"charthand/nlp/onnx"
)

// tagKind is the part of a tag before its label.
type tagKind uint8

const (
	outside tagKind = iota
	begin
	inside
)

// tag is one of the model's output columns, taken apart.
type tag struct {
	kind  tagKind
	label int // index in decoder.labels; of no meaning for outside
}

// decoder turns logits into entities, by the IOB2 scheme ("B-X" begins a mention, "I-X" goes on with it, "O" is outside).
type decoder struct {
	tags   []tag
	labels []string
	// begins and insides are the columns of B-X and I-X of each label, -1 where the model has none.
	begins, insides []int
	outside         int
	viterbi         bool
	// slope and intercept calibrate scores, as onnx.Settings has them; slope 0 leaves scores as they are.
	slope, intercept float64
	minimum          float64 // mentions of a lower mean probability are left out
}

// SplitTag takes a model's label apart: whether it begins a mention ("B-X") or goes on with one ("I-X"), and of which type. A
// label without a prefix goes on, as in the Hugging Face pipeline.
func SplitTag(column string) (begins bool, label string) {
	if label, found := strings.CutPrefix(column, "B-"); found {
		return true, label
	}
	return false, strings.TrimPrefix(column, "I-")
}

// newDecoder reads the model's labels.
func newDecoder(columns []string, settings onnx.Settings) *decoder {
	d := &decoder{
		tags: make([]tag, len(columns)), outside: -1, viterbi: settings.Decode.Viterbi,
		slope: settings.Score.Slope, intercept: settings.Score.Intercept, minimum: settings.Decode.Minimum,
	}
	index := map[string]int{}
	for column, name := range columns {
		if name == "O" {
			d.outside = column
			continue
		}
		kind := inside
		begins, label := SplitTag(name)
		if begins {
			kind = begin
		}
		at, known := index[label]
		if !known {
			at = len(d.labels)
			index[label] = at
			d.labels = append(d.labels, label)
			d.begins, d.insides = append(d.begins, -1), append(d.insides, -1)
		}
		d.tags[column] = tag{kind, at}
		if kind == begin {
			d.begins[at] = column
		} else {
			d.insides[at] = column
		}
	}
	return d
}

// decode gives the mentions that the logits (len(tokens) rows of len(tags)) say, in the order of the text.
func (d *decoder) decode(text string, tokens []onnx.Token, logits []float32) []Entity {
	if len(tokens) == 0 {
		return nil
	}
	path := make([]int, len(tokens))
	if d.viterbi && d.outside >= 0 {
		d.bestPath(tokens, logits, path)
	} else {
		for i := range path {
			path[i] = argmax(logits[i*len(d.tags) : (i+1)*len(d.tags)])
		}
	}
	return d.join(text, tokens, logits, path)
}

// join makes one entity of each run of tokens with one label. Its score is the mean, over its tokens, of the probability of
// the label, calibrated.
func (d *decoder) join(text string, tokens []onnx.Token, logits []float32, path []int) []Entity {
	var entities []Entity
	open := -1 // the label of the mention that the previous token was in
	var sum float64
	var count int
	finish := func() {
		if open >= 0 {
			entities[len(entities)-1].Score = float32(sum / float64(count))
		}
	}
	for i, column := range path {
		if column == d.outside {
			finish()
			open = -1
			continue
		}
		t := d.tags[column]
		row := logits[i*len(d.tags) : (i+1)*len(d.tags)]
		p := d.probability(row, t.label)
		if t.label == open && t.kind == inside {
			entities[len(entities)-1].End = tokens[i].End
			sum, count = sum+p, count+1
			continue
		}
		finish()
		entities = append(entities, Entity{Span: Span{Start: tokens[i].Start, End: tokens[i].End}, Label: d.labels[t.label]})
		open, sum, count = t.label, p, 1
	}
	finish()
	kept, last := entities[:0], 0
	for _, e := range entities {
		p := float64(e.Score)
		e.Start = max(e.Start, last) // what the mention before it has taken in
		if e.Span = tidy(text, Span{Start: e.Start, End: max(e.Start, e.End)}); e.Start < e.End && p >= d.minimum {
			e.Score = float32(d.calibrate(p))
			kept, last = append(kept, e), e.End
		}
	}
	return kept
}

// calibrate turns the mean probability of a mention's tokens into the probability that the mention is right.
func (d *decoder) calibrate(p float64) float64 {
	if d.slope == 0 {
		return p
	}
	const edge = 1e-6 // training/charthand_training/calibrate.py has the same
	p = min(max(p, edge), 1-edge)
	return 1 / (1 + math.Exp(-(d.slope*math.Log(p/(1-p)) + d.intercept)))
}

// tidy leaves blanks at the ends out of a span (some tokenizers count the one before a word in) and takes in the combining
// marks after it (some leave the accent of their last letter out).
func tidy(text string, s Span) Span {
	s.Start = s.End - len(strings.TrimLeftFunc(text[s.Start:s.End], unicode.IsSpace))
	s.End = s.Start + len(strings.TrimRightFunc(text[s.Start:s.End], unicode.IsSpace))
	for s.Start < s.End {
		r, size := utf8.DecodeRuneInString(text[s.End:])
		if size == 0 || !unicode.Is(unicode.M, r) {
			break
		}
		s.End += size
	}
	return s
}

// probability is the softmax probability that a token is in a mention of the label, whether it begins it or not.
func (d *decoder) probability(row []float32, label int) float64 {
	top := row[argmax(row)]
	var total, of float64
	for column, logit := range row {
		e := math.Exp(float64(logit - top))
		total += e
		if column != d.outside && d.tags[column].label == label {
			of += e
		}
	}
	return of / total
}

func argmax(row []float32) int {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}

// bestPath is the Viterbi algorithm over IOB2: I-X follows only B-X or I-X, and a token that continues a word stays with
// it (outside after outside, I-X after B-X or I-X). The logits need no normalising: that adds the same to every path.
// Time is linear in tokens × tags.
func (d *decoder) bestPath(tokens []onnx.Token, logits []float32, path []int) {
	const never = float32(math.MaxFloat32)
	n := len(d.tags)
	score, next := make([]float32, n), make([]float32, n)
	from := make([]int16, len(tokens)*n)
	for column, t := range d.tags {
		score[column] = logits[column]
		if column != d.outside && t.kind == inside && d.begins[t.label] >= 0 {
			score[column] = -never
		}
	}
	for i := 1; i < len(tokens); i++ {
		row, back := logits[i*n:(i+1)*n], from[i*n:(i+1)*n]
		best := argmax(score)
		for column, t := range d.tags {
			previous := best
			switch {
			case column == d.outside:
				if tokens[i].Continues {
					previous = d.outside
				}
			case t.kind == begin:
				if tokens[i].Continues {
					previous = -1
				}
			case d.begins[t.label] >= 0:
				previous = column
				if b := d.begins[t.label]; score[b] > score[column] {
					previous = b
				}
			case tokens[i].Continues: // a scheme without B-: any tag may open a mention, but not inside a word
				previous = column
			}
			if previous < 0 || score[previous] == -never {
				next[column], back[column] = -never, int16(max(previous, 0))
				continue
			}
			next[column], back[column] = score[previous]+row[column], int16(previous)
		}
		score, next = next, score
	}
	at := argmax(score)
	for i := len(tokens) - 1; i >= 0; i-- {
		path[i] = at
		at = int(from[i*n+at])
	}
}
