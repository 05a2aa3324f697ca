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
	// Piece is the token as the vocabulary has it ("##itis", "▁chest"), or the words of the text that it has no token for.
	Piece string
	// RawStart and RawEnd are the bytes that the tokenizer itself gives: of tokens that share a character each has it all.
	RawStart, RawEnd int
	// Subword says what Hugging Face's token-classification pipeline takes for a part of a word.
	Subword bool
}

// wordMarkers begin the tokens that begin a word, in SentencePiece and in byte-level BPE. One that is a token of its own
// stands for no text, but its offsets are those of the character after it.
var wordMarkers = map[string]bool{"▁": true, "Ġ": true}

// byteNUL is how byte-level BPE writes a NUL.
const byteNUL = "Ā"

// ErrInvalidUTF8 is what encoding says to text that is not UTF-8: the native side would shift the offsets silently.
var ErrInvalidUTF8 = errors.New("the text is not valid UTF-8")

// Tokenizer is a Hugging Face fast tokenizer. It is safe for concurrent use until it is closed.
type Tokenizer struct {
	native         *tokenizers.Tokenizer
	prefix, suffix []int64         // special tokens around a text
	markers        map[string]bool // wordMarkers where words begin with one of them, else nil
	wordPieces     bool            // tokens that go on with a word have a prefix
	unknown        int             // the token for what is in no vocabulary, -1 where there is none
	nul            string          // what a NUL is read as
	nulID          int             // the token for a NUL by itself, -1 where there is none
	join           joiner
	joinFault      error // why there is no join
	// continues reports whether a token, which begins at a byte of the text, goes on with the word of the one before it.
	continues func(token, text string, at int) bool
}

// NewTokenizer reads a tokenizer.json. Padding and truncation that the file carries do not apply.
func NewTokenizer(data []byte) (*Tokenizer, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil || file == nil {
		return nil, errors.New("not a JSON object")
	}
	var model vocabulary
	if err := json.Unmarshal(file["model"], &model); err != nil {
		return nil, errors.New("no model in it")
	}
	unknown, err := model.unknown(file["added_tokens"])
	if err != nil {
		return nil, err
	}
	join, joinFault := newJoiner(file["decoder"])
	file["padding"], file["truncation"] = json.RawMessage("null"), json.RawMessage("null")
	if data, err = json.Marshal(file); err != nil {
		return nil, err
	}
	native, err := tokenizers.FromBytes(data)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{native: native, wordPieces: model.Prefix != "", unknown: unknown, nul: model.nul(), nulID: -1, join: join, joinFault: joinFault}
	if model.Type == "WordPiece" && model.Prefix != "" {
		t.continues = func(token, _ string, _ int) bool { return strings.HasPrefix(token, model.Prefix) }
	} else {
		// SentencePiece and byte-level BPE mark the beginning of a word instead.
		t.markers = wordMarkers
		if model.Type == "BPE" {
			t.nulID = model.id(byteNUL)
		}
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

// vocabulary is the part of a tokenizer.json's "model" that is read here.
type vocabulary struct {
	Type    string          `json:"type"`
	Prefix  string          `json:"continuing_subword_prefix"`
	Unknown string          `json:"unk_token"`
	UnkID   *int            `json:"unk_id"` // of a Unigram model
	Tokens  json.RawMessage `json:"vocab"`
}

// unknown finds the token for what is in no vocabulary, -1 where there is none.
func (v vocabulary) unknown(addedTokens json.RawMessage) (int, error) {
	if v.UnkID != nil {
		return *v.UnkID, nil
	}
	var added []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
	}
	if len(addedTokens) > 0 {
		if err := json.Unmarshal(addedTokens, &added); err != nil {
			return -1, errors.New("added_tokens is no list of tokens")
		}
	}
	for _, token := range added {
		if token.Content == v.Unknown {
			return token.ID, nil
		}
	}
	return v.id(v.Unknown), nil
}

// id finds a token of a vocabulary that is a map, -1 where it is not in it.
func (v vocabulary) id(token string) int {
	var ids map[string]int
	if token != "" && json.Unmarshal(v.Tokens, &ids) == nil {
		if id, found := ids[token]; found {
			return id
		}
	}
	return -1
}

// nul is what stands in for a NUL, which would end a text on the native side: a character that the tokenizer treats alike.
// Normalisers leave control characters out, those of SentencePiece all but NUL, which no vocabulary has.
func (v vocabulary) nul() string {
	if v.Type == "Unigram" {
		return "\ue000" // private use
	}
	return "\x01"
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
// between them.
func (t *Tokenizer) Encode(text string) ([]Token, error) {
	if text == "" {
		return nil, nil
	}
	if !utf8.ValidString(text) {
		return nil, ErrInvalidUTF8
	}
	readable := strings.ReplaceAll(text, "\x00", t.nul)
	encoding, err := t.native.EncodeWithOptionsErr(readable, false, tokenizers.WithReturnOffsets(), tokenizers.WithReturnTokens())
	if err != nil {
		return nil, errors.New("the tokenizer failed") // its own words may hold text
	}
	if len(encoding.Offsets) != len(encoding.IDs) || len(encoding.Tokens) != len(encoding.IDs) {
		return nil, errors.New("the tokenizer gave no offsets")
	}
	place := t.places(text, readable)
	tokens := make([]Token, 0, len(encoding.IDs))
	previousEnd := 0
	for i, id := range encoding.IDs {
		id, start, end := int(id), place(int(encoding.Offsets[i][0])), place(int(encoding.Offsets[i][1]))
		if start > end || end > len(text) {
			return nil, fmt.Errorf("the tokenizer gave bytes %d to %d of a text of %d bytes", start, end, len(text))
		}
		token, rawStart, rawEnd := encoding.Tokens[i], start, end
		if t.nulID >= 0 && text[start:end] == "\x00" {
			id, token = t.nulID, byteNUL
		}
		unknown, piece := id == t.unknown, token
		if unknown {
			piece = text[start:end]
		}
		subword := !unknown && t.subword(token, text, start, end)
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
			Piece:     piece, RawStart: rawStart, RawEnd: rawEnd, Subword: subword,
		})
		previousEnd = end
	}
	return tokens, nil
}

// places gives the function from bytes of what the native side has read to bytes of the text.
func (t *Tokenizer) places(text, readable string) func(int) int {
	longer := len(t.nul) - 1
	if len(readable) == len(text) {
		return func(at int) int { return at }
	}
	var stands []int // where what stands for a NUL begins
	for i := range len(text) {
		if text[i] == 0 {
			stands = append(stands, i+longer*len(stands))
		}
	}
	return func(at int) int {
		before, _ := slices.BinarySearch(stands, at)
		return at - longer*before
	}
}

// subword reports what the pipeline's gather_pre_entities calls is_subword: with word pieces, a token that is not as long as
// its words; else one that no blank separates from the character before it.
func (t *Tokenizer) subword(token, text string, start, end int) bool {
	if t.wordPieces {
		return utf8.RuneCountInString(token) != utf8.RuneCountInString(text[start:end])
	}
	_, size := utf8.DecodeRuneInString(text[start:])
	return start > 0 && !strings.Contains(text[start-1:start+size], " ")
}

// Pieces gives the pieces of tokens.
func Pieces(tokens []Token) []string {
	pieces := make([]string, len(tokens))
	for i, token := range tokens {
		pieces[i] = token.Piece
	}
	return pieces
}

// CanJoin gives the reason why Join cannot be called, nil where it can.
func (t *Tokenizer) CanJoin() error { return t.joinFault }

// Join puts pieces together, as convert_tokens_to_string of Hugging Face's tokenizers does.
func (t *Tokenizer) Join(pieces []string) string { return t.join(pieces) }

// oneWord reports whether letters, digits or their marks stand on both sides of a byte. Where a tokenizer's words run from
// blank to blank, a sign ends a word all the same: a comma is no part of what stands before it. training/ has the same rule.
func oneWord(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	return unicode.In(before, unicode.L, unicode.N, unicode.M) && unicode.In(after, unicode.L, unicode.N, unicode.M)
}

// Close frees the native memory. Nothing else may be called afterwards.
func (t *Tokenizer) Close() error { return t.native.Close() }
