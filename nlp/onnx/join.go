package onnx

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// joiner puts tokens together to what they were made from, as the "decoder" of a tokenizer.json says.
type joiner func(pieces []string) string

// newJoiner reads the decoder of a tokenizer.json. Without one, tokens are joined with blanks, as Hugging Face's tokenizers do. It
// gives an error for one that charthand does not know: such a model finds mentions all the same.
func newJoiner(data json.RawMessage) (joiner, error) {
	var decoder struct {
		Type          string `json:"type"`
		Prefix        string `json:"prefix"`
		Cleanup       bool   `json:"cleanup"`
		Replacement   string `json:"replacement"`
		PrependScheme string `json:"prepend_scheme"`
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &decoder); err != nil {
			return nil, fmt.Errorf("decoder: %w", err)
		}
	}
	switch decoder.Type {
	case "WordPiece":
		return func(pieces []string) string { return joinWordPieces(pieces, decoder.Prefix, decoder.Cleanup) }, nil
	case "Metaspace":
		return func(pieces []string) string {
			all := strings.Join(pieces, "")
			if len(pieces) > 0 && decoder.PrependScheme != "never" {
				first := strings.ReplaceAll(pieces[0], decoder.Replacement, "")
				all = first + all[len(pieces[0]):]
			}
			return strings.ReplaceAll(all, decoder.Replacement, " ")
		}, nil
	case "ByteLevel":
		return joinBytes, nil
	case "":
		return func(pieces []string) string { return strings.Join(pieces, " ") }, nil
	}
	return nil, fmt.Errorf("its decoder %q is none that charthand knows (WordPiece, Metaspace, ByteLevel)", decoder.Type)
}

// cleanups are what the WordPiece decoder does to each token after the blank before it is there, in this order.
var cleanups = [][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
	{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

func joinWordPieces(pieces []string, prefix string, cleanup bool) string {
	var all strings.Builder
	for i, piece := range pieces {
		if i > 0 {
			if rest, found := strings.CutPrefix(piece, prefix); found {
				piece = rest
			} else {
				piece = " " + piece
			}
		}
		if cleanup {
			for _, c := range cleanups {
				piece = strings.ReplaceAll(piece, c[0], c[1])
			}
		}
		all.WriteString(piece)
	}
	return all.String()
}

// byteOf gives the byte that a letter of byte-level BPE stands for: printable bytes stand for themselves, the others are
// numbered from 256 on (Radford et al. 2019).
var byteOf = func() map[rune]byte {
	table := map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		if (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff) {
			table[rune(b)] = byte(b)
		} else {
			table[next] = byte(b)
			next++
		}
	}
	return table
}()

func joinBytes(pieces []string) string {
	var all []byte
	for _, piece := range pieces {
		bytes := make([]byte, 0, len(piece))
		for _, r := range piece {
			b, known := byteOf[r]
			if !known {
				bytes = []byte(piece) // an unknown token's own words
				break
			}
			bytes = append(bytes, b)
		}
		all = append(all, bytes...)
	}
	valid, err := unicode.UTF8.NewDecoder().Bytes(all) // with one replacement character for each broken one
	if err != nil {
		return strings.ToValidUTF8(string(all), "\ufffd")
	}
	return string(valid)
}
