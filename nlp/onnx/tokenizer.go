package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/daulet/tokenizers"
)

// Token is one token of a text.
type Token struct {
	ID int64
	// Start and End are the bytes [Start, End) of the text that the token stands for. Tokens follow each other: where a
	// tokenizer takes one character apart (Hangul into its letters), the first token has the character and the others are
	// empty, at its end.
	Start, End int
	// Continues says that the token goes on with the word of the one before it.
	Continues bool
}

// wordMarkers begin the tokens that begin a word, in SentencePiece and in byte-level BPE. One that is a token of its own
// stands for no text, but its offsets are those of the character after it.
var wordMarkers = map[string]bool{"▁": true, "Ġ": true}

// ErrInvalidUTF8 is what encoding says to text that is not UTF-8: the native side would shift the offsets silently.
var ErrInvalidUTF8 = errors.New("the text is not valid UTF-8")

// Tokenizer is a Hugging Face fast tokenizer. It is safe for concurrent use until it is closed.
type Tokenizer struct {
	native         *tokenizers.Tokenizer
	prefix, suffix []int64         // special tokens around a text
	markers        map[string]bool // wordMarkers where words begin with one of them, else nil
	// continues reports whether a token, which begins at a byte of the text, goes on with the word of the one before it.
	continues func(token, text string, at int) bool
}

// NewTokenizer reads a tokenizer.json. Padding and truncation that the file carries do not apply.
func NewTokenizer(data []byte) (*Tokenizer, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil || file == nil {
		return nil, errors.New("not a JSON object")
	}
	var model struct {
		Type   string  `json:"type"`
		Prefix *string `json:"continuing_subword_prefix"`
	}
	if err := json.Unmarshal(file["model"], &model); err != nil {
		return nil, errors.New("no model in it")
	}
	file["padding"], file["truncation"] = json.RawMessage("null"), json.RawMessage("null")
	data, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	native, err := tokenizers.FromBytes(data)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{native: native}
	if model.Type == "WordPiece" && model.Prefix != nil && *model.Prefix != "" {
		prefix := *model.Prefix
		t.continues = func(token, _ string, _ int) bool { return strings.HasPrefix(token, prefix) }
	} else {
		// SentencePiece and byte-level BPE mark the beginning of a word instead.
		t.markers = wordMarkers
		t.continues = func(token, text string, at int) bool {
			first, _ := utf8.DecodeRuneInString(token)
			return !wordMarkers[string(first)] && oneWord(text, at)
		}
	}
	if err := t.findSpecialTokens(); err != nil {
		native.Close()
		return nil, err
	}
	return t, nil
}

// findSpecialTokens learns what the tokenizer puts around a text.
func (t *Tokenizer) findSpecialTokens() error {
	encoding, err := t.native.EncodeWithOptionsErr("a", true, tokenizers.WithReturnSpecialTokensMask())
	if err != nil || len(encoding.SpecialTokensMask) != len(encoding.IDs) {
		return errors.New("it cannot encode a letter")
	}
	first := slices.Index(encoding.SpecialTokensMask, 0)
	if first < 0 {
		return errors.New("it gives a letter no token")
	}
	for i, id := range encoding.IDs {
		switch {
		case i < first:
			t.prefix = append(t.prefix, int64(id))
		case encoding.SpecialTokensMask[i] == 1:
			t.suffix = append(t.suffix, int64(id))
		}
	}
	return nil
}

// Encode splits a text into tokens, without special ones. Text that no token stands for (blanks, control characters) lies
// between them. A NUL byte, which would end the text on the native side, is read as a space.
func (t *Tokenizer) Encode(text string) ([]Token, error) {
	if text == "" {
		return nil, nil
	}
	if !utf8.ValidString(text) {
		return nil, ErrInvalidUTF8
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", " ")
	}
	encoding, err := t.native.EncodeWithOptionsErr(text, false, tokenizers.WithReturnOffsets(), tokenizers.WithReturnTokens())
	if err != nil {
		return nil, errors.New("the tokenizer failed") // its own words may hold text
	}
	if len(encoding.Offsets) != len(encoding.IDs) || len(encoding.Tokens) != len(encoding.IDs) {
		return nil, errors.New("the tokenizer gave no offsets")
	}
	tokens := make([]Token, 0, len(encoding.IDs))
	previousEnd := 0
	for i, id := range encoding.IDs {
		start, end := int(encoding.Offsets[i][0]), int(encoding.Offsets[i][1])
		if start > end || end > len(text) {
			return nil, fmt.Errorf("the tokenizer gave bytes %d to %d of a text of %d bytes", start, end, len(text))
		}
		token := encoding.Tokens[i]
		if t.markers[token] {
			if word := strings.TrimSpace(text[start:end]); word != "" && word != token {
				end = start // it only says that a word begins; the next token has the character
			}
		}
		sameCharacter := start < previousEnd
		start, end = max(start, previousEnd), max(end, previousEnd)
		tokens = append(tokens, Token{
			ID: int64(id), Start: start, End: end,
			Continues: i > 0 && (sameCharacter || t.continues(token, text, start)),
		})
		previousEnd = end
	}
	return tokens, nil
}

// oneWord reports whether letters, digits or their marks stand on both sides of a byte. Where a tokenizer's words run from
// blank to blank, a sign ends a word all the same: a comma is no part of what stands before it. training/ has the same rule.
func oneWord(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	return unicode.In(before, unicode.L, unicode.N, unicode.M) && unicode.In(after, unicode.L, unicode.N, unicode.M)
}

// Close frees the native memory. Nothing else may be called afterwards.
func (t *Tokenizer) Close() error { return t.native.Close() }
