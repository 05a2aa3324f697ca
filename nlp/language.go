package nlp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/abadojack/whatlanggo"
)

// LanguageError says that a note is plainly not in the language that a model reads. Both are ISO 639-1 codes,
// the note's one of ISO 639-3 where there is none.
type LanguageError struct{ Note, Model string }

// Error implements error.
func (e *LanguageError) Error() string {
	return fmt.Sprintf("the text is in the language %q, and the model reads %q: most of what it says would be missed or mistaken", e.Note, e.Model)
}

// CheckLanguage is the stage that stops at a note in another language than the model's, with a *LanguageError. It judges by
// runs of three letters (Cavnar and Trenkle 1994), and only where there is no doubt: lists of headings and drug names look like
// several languages.
type CheckLanguage struct {
	// Model is the model's language, an ISO 639-1 code with what may follow it ("en", "en-GB"). Empty leaves all notes as they are.
	Model string
	// Anyway lets such a note pass, with a remark.
	Anyway bool
}

// How many letters it takes to judge, at least and at most. Greek, Cyrillic or Han letters say more than Latin ones.
const (
	minLatinLetters = 150
	minOtherLetters = 10
	maxLetters      = 500
)

// maxTail is how much of the end of a text is looked at, in bytes.
const maxTail = 4 * maxLetters

// Annotate implements Annotator.
func (c CheckLanguage) Annotate(_ context.Context, d *Document) error {
	model, _, _ := strings.Cut(strings.ToLower(c.Model), "-")
	found := otherLanguage(d.Text.Body, model)
	if found == "" {
		return nil
	}
	err := &LanguageError{found, model}
	if !c.Anyway {
		return err
	}
	d.Remarks = append(d.Remarks, err.Error())
	return nil
}

// languages are those that can be told apart, by their ISO 639-1 codes.
var languages = sync.OnceValue(func() map[string]whatlanggo.Lang {
	byCode := map[string]whatlanggo.Lang{}
	for language := range whatlanggo.Langs {
		if code := language.Iso6391(); code != "" {
			byCode[code] = language
		}
	}
	return byCode
})

// otherLanguage gives the language that a text is plainly in, or "" where that is the model's, is in doubt, or the model's cannot
// be judged.
func otherLanguage(text, model string) string {
	own, known := languages()[model]
	if !known {
		return ""
	}
	found := plainlyOther(text, own)
	// What follows a preamble in another language has to be in that language too.
	if found == none || plainlyOther(text[max(0, len(text)-maxTail):], own) != found {
		return ""
	}
	if code := found.Iso6391(); code != "" {
		return code
	}
	return found.Iso6393()
}

// none is no language.
const none = whatlanggo.Lang(-1)

// alike are languages that some texts in the first are taken for: kanji, Serbian in Latin letters.
var alike = map[whatlanggo.Lang][]whatlanggo.Lang{
	whatlanggo.Jpn: {whatlanggo.Cmn},
	whatlanggo.Srp: {whatlanggo.Hrv, whatlanggo.Slv},
}

// plainlyOther judges the beginning of a text: the whole and both halves have to look more like the language than like the
// model's own.
func plainlyOther(text string, own whatlanggo.Lang) whatlanggo.Lang {
	words := prose(text)
	if words == nil {
		return none
	}
	found := whatlanggo.DetectLang(strings.Join(words, " "))
	if found == own || slices.Contains(alike[own], found) {
		return none
	}
	between := whatlanggo.Options{Whitelist: map[whatlanggo.Lang]bool{found: true, own: true}}
	half := len(words) / 2
	for _, part := range [][]string{words, words[:half], words[half:]} {
		if len(part) == 0 {
			continue // a language without blanks
		}
		if info := whatlanggo.DetectWithOptions(strings.Join(part, " "), between); info.Lang != found || !info.IsReliable() {
			return none
		}
	}
	return found
}

// prose gives the first words of a text, without those in capitals, which are headings and abbreviations; nil where what is left
// is too little to judge by, or less than half.
func prose(text string) []string {
	var words []string
	all, letters, latin := 0, 0, 0
	for word := range strings.FieldsSeq(text) {
		capitals := strings.ToUpper(word) == word && strings.ToLower(word) != word
		if !capitals {
			words = append(words, word)
		}
		for _, r := range word {
			if !unicode.IsLetter(r) {
				continue
			}
			if all++; capitals {
				continue
			}
			if letters++; unicode.Is(unicode.Latin, r) {
				latin++
			}
		}
		if all >= maxLetters {
			break
		}
	}
	if 2*letters < all || letters < minOtherLetters || 2*latin > letters && letters < minLatinLetters {
		return nil
	}
	return words
}
