// Package relate links each modifier to the mention that it says more about: a result to its test, a severity to its symptom, a
// dose to its drug. A log-linear model over the mentions around the modifier chooses among them and none (a head selection as in
// graph-based dependency parsing); its weights are learned from MACCROBAT's MODIFY relations by the command in train/.
package relate

import (
	_ "embed" // the default weights
	"encoding/json"
	"fmt"
	"math"

	"charthand/nlp/text"
)

//go:embed weights.json
var defaultWeights []byte

// Mention is a mention with its label, MACCROBAT's or n2c2's.
type Mention struct {
	text.Span
	Label string
}

// Link says that the mention From modifies the mention To. Both are indexes.
type Link struct{ From, To int }

// Linker is the model. It is read-only once made.
type Linker struct {
	labels    map[string]uint16
	words     map[string]uint16
	modifiers []bool // by label: it modifies others often enough to be asked
	weights   table
}

// Feature is a template and the values that fill it.
type Feature [4]uint16

// Weights is the file that holds a Linker.
type Weights struct {
	// Labels are the labels that are known, from number 1 on, and Words the words between two mentions.
	Labels []string `json:"labels"`
	Words  []string `json:"words"`
	// Aliases are labels of other schemas, and the one that each is read as.
	Aliases map[string]string `json:"aliases"`
	// Modifiers are the labels that modify others.
	Modifiers []string `json:"modifiers"`
	// Features are template, three values and the weight in thousandths.
	Features [][5]int `json:"features"`
}

// Default gives the Linker inside the binary.
func Default() (*Linker, error) {
	var w Weights
	if err := json.Unmarshal(defaultWeights, &w); err != nil {
		return nil, fmt.Errorf("relation weights: %w", err)
	}
	return New(w), nil
}

// New makes a Linker of its weights.
func New(w Weights) *Linker {
	l := &Linker{labels: map[string]uint16{}, words: map[string]uint16{}, modifiers: make([]bool, len(w.Labels)+1)}
	for i, label := range w.Labels {
		l.labels[label] = uint16(i + 1)
	}
	for alias, label := range w.Aliases {
		l.labels[alias] = l.labels[label]
	}
	for i, word := range w.Words {
		l.words[word] = uint16(i + 1)
	}
	for _, label := range w.Modifiers {
		l.modifiers[l.labels[label]] = true
	}
	l.weights = newTable(len(w.Features))
	for _, f := range w.Features {
		l.weights.set(Feature{uint16(f[0]), uint16(f[1]), uint16(f[2]), uint16(f[3])}, float32(f[4])/1000) //nolint:gosec // as they were written
	}
	return l
}

// Link gives the links among mentions, which are in the order of the text, by the order of their modifiers.
func (l *Linker) Link(t *text.Text, sentences []text.Run, mentions []Mention) []Link {
	var links []Link
	l.Cases(t, sentences, mentions, func(c *Case) {
		if best := c.best(l); best >= 0 {
			links = append(links, Link{c.From, best})
		}
	})
	return links
}

// Case is one modifier and the mentions that it may modify.
type Case struct {
	From       int
	Candidates []Candidate
	// None holds the features of modifying nothing.
	None []Feature
}

// Candidate is a mention that may be modified, and the features of it.
type Candidate struct {
	To       int
	Features []Feature
}

// best gives the candidate with the highest score, -1 for none.
func (c *Case) best(l *Linker) int {
	best, at := l.score(c.None), -1
	for _, candidate := range c.Candidates {
		if s := l.score(candidate.Features); s > best {
			best, at = s, candidate.To
		}
	}
	return at
}

func (l *Linker) score(features []Feature) float32 {
	sum := float32(0)
	for _, f := range features {
		sum += l.weights.get(f)
	}
	return sum
}

// How far a modifier looks, in mentions to either side.
const maxAway = 8

// Cases calls a function with each modifier of a text; what it is called with is used again. A modifier looks at the mentions of
// its sentence.
func (l *Linker) Cases(t *text.Text, sentences []text.Run, mentions []Mention, each func(*Case)) {
	v := view{linker: l, text: t, mentions: mentions}
	v.locate(sentences)
	var c Case
	for i := range mentions {
		if !l.modifiers[v.label[i]] {
			continue
		}
		c.From = i
		v.fill(i, &c)
		each(&c)
	}
}

// view is a text's mentions as the features see them.
type view struct {
	linker   *Linker
	text     *text.Text
	mentions []Mention
	label    []uint16
	from, to []int // tokens
	sentence []int
	words    []int32 // the number of each token's word, -1 where it has not been looked up
}

// word gives the number of a token's word, 0 for one that is not known.
func (v *view) word(i int) uint16 {
	if v.words[i] < 0 {
		v.words[i] = int32(v.linker.words[v.text.Word(i)])
	}
	return uint16(v.words[i]) //nolint:gosec // as it was put there
}

// locate finds the tokens and the sentence of each mention.
func (v *view) locate(sentences []text.Run) {
	n := len(v.mentions)
	v.label, v.from, v.to, v.sentence = make([]uint16, n), make([]int, n), make([]int, n), make([]int, n)
	v.words = make([]int32, len(v.text.Tokens))
	for i := range v.words {
		v.words[i] = -1
	}
	at := 0
	for i, m := range v.mentions {
		v.label[i] = v.linker.labels[m.Label]
		covered := v.text.Cover(m.Span)
		v.from[i], v.to[i] = covered.From, covered.To
		for at < len(sentences) && sentences[at].To <= v.from[i] {
			at++
		}
		v.sentence[i] = at
	}
}

// fill gathers the candidates of a modifier and their features.
func (v *view) fill(m int, c *Case) {
	c.Candidates = c.Candidates[:0]
	left, right := v.neighbour(m, -1), v.neighbour(m, 1)
	c.None = append(c.None[:0], Feature{tNone, v.label[m]}, Feature{tNoneLeft, v.label[m], left.label, left.gap}, Feature{tNoneRight, v.label[m], right.label, right.gap})
	for _, step := range []int{-1, 1} {
		var seen [maxLabels]uint16
		for i, away := m+step, 1; i >= 0 && i < len(v.mentions) && away <= maxAway && v.sentence[i] == v.sentence[m]; i, away = i+step, away+1 {
			label := v.label[i]
			var features []Feature
			if n := len(c.Candidates); n < cap(c.Candidates) {
				c.Candidates = c.Candidates[:n+1]
				features = c.Candidates[n].Features[:0]
			} else {
				c.Candidates = append(c.Candidates, Candidate{})
			}
			features = v.features(features, m, i, step, away, min(seen[label%maxLabels], 3), left, right)
			c.Candidates[len(c.Candidates)-1] = Candidate{i, features}
			seen[label%maxLabels]++
		}
	}
}

// maxLabels bounds how many labels are counted apart.
const maxLabels = 64

// neighbour is the mention beside another.
type neighbour struct{ label, gap uint16 }

// neighbour gives the mention beside a modifier and how far away it is, nothing beyond its sentence.
func (v *view) neighbour(m, step int) neighbour {
	i := m + step
	if i < 0 || i >= len(v.mentions) || v.sentence[i] != v.sentence[m] {
		return neighbour{0, 9}
	}
	return neighbour{v.label[i], distance(v.gap(m, i))}
}

// gap is the number of tokens between two mentions, negative where they overlap.
func (v *view) gap(a, b int) int {
	if a > b {
		a, b = b, a
	}
	return v.from[b] - v.to[a]
}

// distance puts a number of tokens into one of a few classes.
func distance(gap int) uint16 {
	switch {
	case gap < 0:
		return 0
	case gap <= 3:
		return uint16(gap + 1)
	default:
		return min(8, 5+uint16(math.Log2(float64(gap)/4)))
	}
}

// The templates.
const (
	tNone = iota
	tNoneLeft
	tNoneRight
	tPair
	tPairRank
	tPairDistance
	tAway
	tBetween
	tOnly
	tWords
	tSigns
	tOther
	tInside
	tMiddle
	tFirstWord
	tHeadWord
)

// features lists what speaks for or against a modifier m modifying mention h.
func (v *view) features(fs []Feature, m, h, step, away int, rank uint16, left, right neighbour) []Feature {
	way := uint16(0)
	if step > 0 {
		way = 100
	}
	lm, lh := v.label[m], v.label[h]
	gap := v.gap(m, h)
	d := distance(gap)
	pair := lm<<6 | lh&63
	other := right
	if step > 0 {
		other = left
	}
	fs = append(fs,
		Feature{tPair, lm, lh, way},
		Feature{tPairRank, pair, rank, way},
		Feature{tPairDistance, pair, d, way},
		Feature{tAway, lm, uint16(min(away, 5)), way}, //nolint:gosec // 1 to 5
		Feature{tOther, pair, other.label, way + other.gap},
	)
	if gap < 0 {
		return append(fs, Feature{tInside, lm, lh})
	}
	a, b := m, h
	if step < 0 {
		a, b = h, m
	}
	return v.between(fs, pair, way, v.to[a], v.from[b], a, b)
}

// between adds what the tokens [from, to) between two mentions say.
func (v *view) between(fs []Feature, pair, way uint16, from, to, a, b int) []Feature {
	signs, known := uint16(0), 0
	for i := from; i < to && i < from+24; i++ {
		token := v.text.Tokens[i]
		if token.Kind == text.Sign {
			switch v.text.Body[token.Start] {
			case ',':
				signs |= 1
			case ';', ':':
				signs |= 2
			case '(':
				signs |= 4
			case ')':
				signs |= 8
			}
			continue
		}
		word := v.word(i)
		if word == 0 {
			continue
		}
		if known++; known <= 6 {
			fs = append(fs, Feature{tBetween, pair, word, way})
		}
	}
	fs = append(fs, Feature{tSigns, pair, signs, way})
	if n := to - from; n > 0 && n <= 2 {
		first, last := v.word(from), v.word(to-1)
		fs = append(fs, Feature{tOnly, pair, first, way + last*200})
	}
	if b == a+2 {
		fs = append(fs, Feature{tMiddle, pair, v.label[a+1], way})
	}
	return append(fs,
		Feature{tFirstWord, pair, v.wordAt(from, to), way},
		Feature{tHeadWord, pair, v.wordAt(to-1, to), way})
}

// wordAt gives the word at a token before another, 0 for none and for one that is not known.
func (v *view) wordAt(i, end int) uint16 {
	if i >= end || i < 0 {
		return 0
	}
	return v.word(i) + 1
}
