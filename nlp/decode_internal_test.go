package nlp

// In the package itself: what is tested here, the path through the tags, has no outward form of its own.

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/nlp/onnx"

	"github.com/google/go-cmp/cmp"
)

// tokenise makes a token of each blank-separated word; "##" begins one that continues the word before it.
func tokenise(words string) (string, []onnx.Token) {
	var text strings.Builder
	var tokens []onnx.Token
	for i, word := range strings.Fields(words) {
		piece, continues := strings.CutPrefix(word, "##")
		if i > 0 && !continues {
			text.WriteByte(' ')
		}
		start := text.Len()
		text.WriteString(piece)
		tokens = append(tokens, onnx.Token{Start: start, End: text.Len(), Continues: continues})
	}
	return text.String(), tokens
}

var columns = []string{"O", "B-Drug", "I-Drug", "B-Sign", "I-Sign"}

// favour makes logits that favour the named tags.
func favour(tags string) []float32 {
	var logits []float32
	for _, tag := range strings.Fields(tags) {
		for _, column := range columns {
			logit := float32(0)
			if column == tag {
				logit = 5
			}
			logits = append(logits, logit)
		}
	}
	return logits
}

func settings(viterbi bool) (s onnx.Settings) {
	s.Decode.Viterbi = viterbi
	return s
}

// A mention that is less probable than the minimum is left out, the others stay.
func TestMinimum(t *testing.T) {
	s := settings(true)
	text, tokens := tokenise("pain aspirin")
	logits := favour("B-Sign B-Drug")
	logits[3] = 1 // of B-Sign, on the first word
	for minimum, want := range map[float64]int{0: 2, 0.9: 1, 1: 0} {
		s.Decode.Minimum = minimum
		if got := newDecoder(columns, s).decode(text, tokens, logits); len(got) != want {
			t.Errorf("minimum %g: %d mentions, want %d", minimum, len(got), want)
		}
	}
}

// Calibration keeps the order of scores and stays between 0 and 1; without it they are as they were.
func TestCalibrate(t *testing.T) {
	s := settings(true)
	plain := newDecoder(columns, s)
	s.Score.Slope, s.Score.Intercept = 0.7, -0.4
	calibrated := newDecoder(columns, s)
	last := -1.0
	for p := 0.0; p <= 1; p += 0.01 {
		if got := plain.calibrate(p); got != p {
			t.Errorf("uncalibrated: %g became %g", p, got)
		}
		got := calibrated.calibrate(p)
		if got < last || got < 0 || got > 1 {
			t.Errorf("%g became %g after %g", p, got, last)
		}
		last = got
	}
	if got, want := calibrated.calibrate(0.5), 1/(1+math.Exp(0.4)); math.Abs(got-want) > 1e-12 {
		t.Errorf("got %g, want %g", got, want)
	}
}

func TestDecode(t *testing.T) {
	type mention struct{ Label, Text string }
	for name, test := range map[string]struct {
		words, tags string
		viterbi     bool
		want        []mention
	}{
		"one":                     {"took aspirin today", "O B-Drug O", false, []mention{{"Drug", "aspirin"}}},
		"several words":           {"severe chest pain", "O B-Sign I-Sign", false, []mention{{"Sign", "chest pain"}}},
		"two side by side":        {"pain nausea", "B-Sign B-Sign", false, []mention{{"Sign", "pain"}, {"Sign", "nausea"}}},
		"inside without a begin":  {"chest pain", "O I-Sign", false, []mention{{"Sign", "pain"}}},
		"inside of another label": {"aspirin pain", "B-Drug I-Sign", false, []mention{{"Drug", "aspirin"}, {"Sign", "pain"}}},
		"to the end":              {"on aspirin", "O B-Drug", true, []mention{{"Drug", "aspirin"}}},
		"pieces stay together":    {"met ##for ##min", "B-Drug O I-Drug", true, []mention{{"Drug", "metformin"}}},
		"no begin inside a word":  {"met ##for ##min", "B-Drug B-Drug B-Drug", true, []mention{{"Drug", "metformin"}}},
		"nothing":                 {"all is well", "O O O", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, tokens := tokenise(test.words)
			logits := favour(test.tags)
			var got []mention
			for _, e := range newDecoder(columns, settings(test.viterbi)).decode(text, tokens, logits) {
				got = append(got, mention{e.Label, text[e.Start:e.End]})
				if e.Score <= 0 || e.Score > 1 {
					t.Errorf("score %g", e.Score)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The path that is found is the best of all paths that the scheme allows.
func TestBestPath(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // repeatable on purpose
	d := newDecoder(columns, settings(true))
	allowed := func(tokens []onnx.Token, path []int) bool {
		for i, column := range path {
			tag := d.tags[column]
			isInside := column != d.outside && tag.kind == inside
			isBegin := column != d.outside && tag.kind == begin
			if i == 0 {
				if isInside {
					return false
				}
				continue
			}
			previous := path[i-1]
			if isInside && (previous == d.outside || d.tags[previous].label != tag.label) {
				return false
			}
			if tokens[i].Continues && (isBegin || (column == d.outside) != (previous == d.outside)) {
				return false
			}
		}
		return true
	}
	for round := range 200 {
		n := 1 + round%5
		tokens := make([]onnx.Token, n)
		logits := make([]float32, n*len(columns))
		for i := range tokens {
			tokens[i].Continues = i > 0 && random.IntN(3) == 0
		}
		for i := range logits {
			logits[i] = float32(random.NormFloat64())
		}
		total := func(path []int) (sum float64) {
			for i, column := range path {
				sum += float64(logits[i*len(columns)+column])
			}
			return sum
		}
		best := math.Inf(-1)
		path := make([]int, n)
		var walk func(i int)
		walk = func(i int) {
			if i == n {
				if allowed(tokens, path) {
					best = max(best, total(path))
				}
				return
			}
			for column := range columns {
				path[i] = column
				walk(i + 1)
			}
		}
		walk(0)
		found := make([]int, n)
		d.bestPath(tokens, logits, found)
		if !allowed(tokens, found) {
			t.Fatalf("round %d: the path %v is not allowed", round, found)
		}
		if math.Abs(total(found)-best) > 1e-4 {
			t.Fatalf("round %d: the path %v scores %g, the best %g", round, found, total(found), best)
		}
	}
}

func TestTidy(t *testing.T) {
	for _, test := range []struct {
		text string
		span Span
		want string
	}{
		{" pain ", Span{Start: 0, End: 6}, "pain"},
		{"cafe\u0301 au lait", Span{Start: 0, End: 4}, "cafe\u0301"},
		{"  ", Span{Start: 0, End: 2}, ""},
		{"pain", Span{Start: 0, End: 4}, "pain"},
	} {
		got := tidy(test.text, test.span)
		if test.text[got.Start:got.End] != test.want {
			t.Errorf("%q: got %q, want %q", test.text, test.text[got.Start:got.End], test.want)
		}
	}
}

// Every token is used from exactly one window, which holds it, and no window is too long.
func TestCut(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) // repeatable on purpose
	for round := range 500 {
		var words []string
		for range random.IntN(400) {
			word := []string{"pain", "##less", "Then", ".", "a"}[random.IntN(5)]
			if len(words) == 0 {
				word = "Start"
			}
			words = append(words, word)
		}
		if round == 0 {
			words = append([]string{"long"}, strings.Split(strings.Repeat("##word ", 1000), " ")...)
		}
		text, tokens := tokenise(strings.Join(words, " "))
		size := 16 + random.IntN(100)
		overlap := random.IntN(size)
		next := 0
		for _, w := range cut(text, tokens, size, overlap) {
			if w.end-w.start > size || w.from < w.start || w.to > w.end || w.from != next || (w.to <= w.from && len(tokens) > 0) {
				t.Fatalf("round %d: window %+v, size %d, overlap %d, next token %d", round, w, size, overlap, next)
			}
			next = w.to
		}
		if next != len(tokens) {
			t.Fatalf("round %d: %d of %d tokens are covered", round, next, len(tokens))
		}
	}
}

// A window ends with a line or a sentence where one ends in its later half.
func TestCutAtSentences(t *testing.T) {
	sentence := "The patient felt well and went home . "
	text, tokens := tokenise(strings.Repeat(sentence, 10))
	for _, w := range cut(text, tokens, 20, 5) {
		if w.end < len(tokens) && text[tokens[w.end-1].Start:tokens[w.end-1].End] != "." {
			t.Errorf("window %+v does not end with a sentence", w)
		}
	}
}

// Pieces follow each other without a gap, none is too long, and none cuts a character or, where it can be helped, a word.
func TestPieces(t *testing.T) {
	for name, test := range map[string]struct{ text, end string }{
		"lines":     {strings.Repeat("some words here. And more\n", 50), "\n"},
		"sentences": {strings.Repeat("Some words here and more. ", 50), ". "},
		"words":     {strings.Repeat("words ", 200), " "},
		"one word":  {strings.Repeat("ä🙂", 200), ""},
		"short":     {"short", ""},
		"empty":     {"", ""},
	} {
		next := 0
		for _, piece := range pieces(test.text, 100) {
			words := test.text[piece.Start:piece.End]
			if piece.Start != next || len(words) > 100 || !utf8.ValidString(words) {
				t.Fatalf("%s: piece %+v after %d", name, piece, next)
			}
			if next = piece.End; next < len(test.text) && (!strings.HasSuffix(words, test.end) || len(words) <= 50) {
				t.Errorf("%s: the piece %q", name, words)
			}
		}
		if next != len(test.text) {
			t.Errorf("%s: %d of %d bytes are read", name, next, len(test.text))
		}
	}
}
