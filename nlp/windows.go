package nlp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"charthand/nlp/onnx"
)

// maxPiece is the length of the pieces that a text is read in, in bytes: some 8,000 tokens.
const maxPiece = 32 << 10

// pieces divides a text into runs of at most limit bytes. A piece ends where a line ends if one does in its later half, else
// with a sentence, else with a word; only a word of half a piece is cut, between two characters.
func pieces(text string, limit int) []Span {
	var runs []Span
	start := 0
	for len(text)-start > limit {
		later := text[start+limit/2 : start+limit]
		length := limit / 2
		for _, end := range []string{"\n", ". ", " "} {
			if at := strings.LastIndex(later, end); at >= 0 {
				length += at + len(end)
				break
			}
		}
		if length == limit/2 {
			for length = limit; !utf8.RuneStart(text[start+length]); length-- {
			}
		}
		runs = append(runs, Span{Start: start, End: start + length})
		start += length
	}
	return append(runs, Span{Start: start, End: len(text)})
}

// window is a run of tokens that the model sees at once.
type window struct {
	start, end int // tokens [start, end)
	// What the window says of tokens [from, to) is used: where windows overlap each token is taken from the one that gives
	// it more context.
	from, to int
}

// cut divides the tokens of a text into windows of at most size tokens. It cuts where a line or a sentence ends if that is
// in the later half of the window, so that no sentence is torn and nothing is read twice; elsewhere neighbouring windows
// share overlap tokens. Every token is used from exactly one window.
func cut(text string, tokens []onnx.Token, size, overlap int) []window {
	var windows []window
	start, from := 0, 0
	for {
		if len(tokens)-start <= size {
			return append(windows, window{start, len(tokens), from, len(tokens)})
		}
		if end := lastBreak(text, tokens, start+size/2, start+size); end > from {
			windows = append(windows, window{start, end, from, end})
			start, from = end, end
			continue
		}
		end := start + size
		next := end - min(overlap, size/2)
		to := next + (end-next)/2
		middle := to
		for to > next && tokens[to].Continues {
			to-- // the pieces of a word are read together
		}
		if tokens[to].Continues {
			to = middle // no word begins here
		}
		windows = append(windows, window{start, end, from, to})
		start, from = min(next, to), to
	}
}

// lastBreak finds the last token in (after, until] that begins a line or a sentence, or 0.
func lastBreak(text string, tokens []onnx.Token, after, until int) int {
	for i := until; i > after; i-- {
		gap := text[tokens[i-1].End:tokens[i].Start]
		if strings.ContainsAny(gap, "\n\r") {
			return i
		}
		if gap == "" {
			continue
		}
		switch text[tokens[i-1].Start:tokens[i-1].End] {
		case ".", "?", "!":
			if first, _ := utf8.DecodeRuneInString(text[tokens[i].Start:]); unicode.IsUpper(first) || unicode.IsDigit(first) {
				return i
			}
		}
	}
	return 0
}
