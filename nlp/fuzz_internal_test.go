package nlp

// In the package itself, beside what decode_internal_test.go tests.

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/nlp/onnx"
)

// scatter makes tokens of a text as a tokenizer might: their lengths, the gaps between them and whether they continue a word
// come from the shape, byte after byte.
func scatter(text string, shape []byte) []onnx.Token {
	var tokens []onnx.Token
	at := 0
	for _, b := range shape {
		start := min(at+int(b>>6), len(text))
		end := min(start+int(b&7), len(text))
		for start < len(text) && !utf8.RuneStart(text[start]) {
			start++
		}
		for end = max(end, start); end < len(text) && !utf8.RuneStart(text[end]); {
			end++
		}
		tokens = append(tokens, onnx.Token{Start: start, End: end, Continues: b&8 != 0})
		at = end
	}
	return tokens
}

// Windows are no longer than asked for, cover the tokens in order, and each token is used once, from a window that has it.
func FuzzCut(f *testing.F) {
	f.Add("Chest pain. No fever.\nAspirin 81 mg daily.", []byte("\x05\x44\x0a\x01\x42\xff\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08"), uint8(0), uint8(4))
	f.Fuzz(func(t *testing.T, text string, shape []byte, size, overlap uint8) {
		if !utf8.ValidString(text) {
			return
		}
		tokens, size16, used := scatter(text, shape), 16+int(size), 0
		for i, w := range cut(text, tokens, size16, int(overlap)%size16) {
			if w.end-w.start > size16 || w.start > w.from || w.from != used || w.from > w.to || w.to > w.end || (w.from == w.to && len(tokens) > 0) {
				t.Fatalf("window %d is %+v, %d of %d tokens were used before it", i, w, used, len(tokens))
			}
			used = w.to
		}
		if used != len(tokens) {
			t.Fatalf("%d of %d tokens are used", used, len(tokens))
		}
	})
}

// Whatever a model says of whatever tokens, mentions lie in the text, in order, between characters, without blanks around them.
func FuzzDecodeLogits(f *testing.F) {
	f.Add("Chest pain. No fever.\nAspirin 81 mg daily.", []byte("\x05\x44\x0a\x01\x42"), []byte("\x00\xff\x01\x80\x7f"), true)
	f.Fuzz(func(t *testing.T, text string, shape, values []byte, viterbi bool) {
		if !utf8.ValidString(text) || len(values) == 0 {
			return
		}
		tokens := scatter(text, shape)
		logits := make([]float32, len(tokens)*len(columns))
		for i := range logits {
			logits[i] = float32(int8(values[i%len(values)])) / 4
			if values[i%len(values)] == 0x80 {
				logits[i] = float32(math.Inf(-1))
			}
		}
		end := 0
		for _, e := range newDecoder(columns, settings(viterbi)).decode(text, tokens, logits) {
			words := text[e.Start:e.End]
			if e.Start < end || words == "" || !utf8.ValidString(words) || e.Score < 0 || e.Score > 1 || e.Label == "" || strings.TrimSpace(words) != words {
				t.Fatalf("%+v after byte %d of %q", e, end, text)
			}
			end = e.End
		}
	})
}
