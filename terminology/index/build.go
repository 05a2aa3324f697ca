package index

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"charthand/terminology/words"
)

// builder gathers what the records say, in arrays rather than objects: SNOMED CT has 1.5 million names.
type builder struct {
	former *words.Former

	concepts map[string]uint32
	codes    []string
	kinds    []Kinds
	levels   []Level
	known    []bool // by IsConcept, not only by a name
	displays []string
	shown    []bool // displays that are preferred names

	texts     []byte
	textEnds  []uint32 // into texts, by term
	termOf    []uint32 // concept, by term
	types     []TermType
	accepted  map[string]TermType
	parents   [][2]uint32
	maps      []mapping
	systems   []string
	vocab     map[string]uint32
	wordTexts []string
	raw       map[string]uint32 // words as they are written → the word in form
	words     []uint32          // of all terms; the highest bit marks optional ones
	wordEnds  []uint32

	languages []string // other than the one in use

	related, loose, nameless int // parents that were said, those of concepts that are not there, and names of such
}

type mapping struct {
	concept uint32
	system  uint8
	target  string
}

// optional marks a word in words that a name may lack.
const optional = 1 << 31

// maxLanguages is how many languages a message names.
const maxLanguages = 10

// looseShare is what part of the relations may be between concepts that are not there: one in looseShare.
const looseShare = 10

// Build makes the index file at a path of all that is in a spool. A spool without a concept is an error.
func Build(path string, spool *Spool, meta Meta, former *words.Former) (*Meta, error) {
	b := &builder{former: former, concepts: map[string]uint32{}, vocab: map[string]uint32{}, raw: map[string]uint32{}, accepted: map[string]TermType{}}
	// What is acceptable first: it decides what names are kept, wherever it stands.
	err := spool.each(func(r *Record) error {
		switch r.Kind {
		case IsConcept:
			at := b.concept(r.Code)
			if !b.known[at] { // the first that says it
				b.levels[at] = r.Level
			}
			b.kinds[at], b.known[at] = b.kinds[at]|r.Kinds, true
		case IsOtherLanguage:
			if len(b.languages) < maxLanguages && !slices.Contains(b.languages, r.ID) {
				b.languages = append(b.languages, strings.Clone(r.ID))
			}
		case IsAcceptable:
			b.accepted[r.ID] = min(r.Type, b.acceptance(r.ID, Related))
		default: // in the second pass
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(b.codes) == 0 {
		return nil, errors.New("no concept was found")
	}
	if len(b.accepted) == 0 && len(b.languages) > 0 {
		return nil, fmt.Errorf("no name is one in the language that was asked for; the release has the language reference sets %s", strings.Join(b.languages, ", "))
	}
	if err := spool.each(b.second); err != nil {
		return nil, err
	}
	if len(b.termOf) == 0 {
		return nil, errors.New("no name was found")
	}
	if b.loose*looseShare > b.related {
		return nil, fmt.Errorf("%d of %d relations are between concepts that the release does not have: it is not whole (a delta is no snapshot)", b.loose, b.related)
	}
	b.accepted, b.concepts = nil, nil
	meta.Nameless = b.nameless
	meta.Words = words.Version
	meta.Concepts, meta.Names, meta.Sources = len(b.codes), len(b.termOf), spool.Sources()
	return b.write(path, meta)
}

func (b *builder) acceptance(id string, otherwise TermType) TermType {
	if found, ok := b.accepted[id]; ok {
		return found
	}
	return otherwise
}

// concept gives the number of a concept, a new one where it has none.
func (b *builder) concept(code string) uint32 {
	at, found := b.concepts[code]
	if !found {
		at = uint32(len(b.codes)) //nolint:gosec // a code system has fewer than 2^32 concepts
		b.concepts[code] = at
		b.codes, b.kinds, b.levels, b.known, b.displays = append(b.codes, code), append(b.kinds, 0), append(b.levels, Leaf), append(b.known, false), append(b.displays, "")
		b.shown = append(b.shown, false)
	}
	return at
}

// second takes what is said of concepts. What is said of none that is known (an inactive one) is left out.
func (b *builder) second(r *Record) error {
	at, found := b.concepts[r.Code]
	if r.Kind == IsParent {
		b.related++
		if _, known := b.concepts[r.Target]; !found || !known {
			b.loose++
		}
	}
	if !found {
		if r.Kind == IsTerm {
			b.nameless++
		}
		return nil
	}
	switch r.Kind {
	case IsTerm:
		if len(b.accepted) > 0 && r.ID != "" {
			accepted, ok := b.accepted[r.ID]
			if !ok {
				return nil
			}
			r.Type = accepted
		}
		if len(b.texts)+len(r.Text) > math.MaxInt32 {
			return fmt.Errorf("the names have more than %d bytes", math.MaxInt32)
		}
		b.term(at, r.Type, r.Text)
	case IsParent:
		if above, known := b.concepts[r.Target]; known && above != at {
			b.parents = append(b.parents, [2]uint32{at, above})
		}
	case IsMap:
		system := slices.Index(b.systems, r.System)
		if system < 0 {
			if len(b.systems) == math.MaxUint8 {
				return fmt.Errorf("maps into more than %d systems", math.MaxUint8)
			}
			system = len(b.systems)
			b.systems = append(b.systems, r.System)
		}
		b.maps = append(b.maps, mapping{at, uint8(system), r.Target}) //nolint:gosec // checked above
	case IsDisplay:
		b.displays[at], b.shown[at] = r.Text, true
	case IsKind:
		b.kinds[at] |= r.Kinds
	case IsConcept, IsAcceptable, IsOtherLanguage:
	}
	return nil
}

// term adds a name.
func (b *builder) term(concept uint32, kind TermType, text string) {
	formed := b.former.Form(text)
	if len(formed) == 0 {
		return
	}
	switch {
	case kind == Preferred && !b.shown[concept]:
		b.displays[concept], b.shown[concept] = text, true
	case b.displays[concept] == "": // until there is a preferred one
		b.displays[concept] = text
	}
	b.texts = append(b.texts, text...)
	b.textEnds = append(b.textEnds, uint32(len(b.texts))) //nolint:gosec // checked by the caller
	b.termOf, b.types = append(b.termOf, concept), append(b.types, kind)
	start := len(b.words)
	for _, word := range formed {
		id, found := b.vocab[word.Text]
		if !found {
			id = uint32(len(b.wordTexts)) //nolint:gosec // fewer words than bytes of names
			b.vocab[word.Text] = id
			b.wordTexts = append(b.wordTexts, word.Text)
		}
		if len(word.Raw) >= minNear && word.Raw[0] > '9' && word.Text[0] != words.Denial[0] {
			b.raw[word.Raw] = id
		}
		if word.Optional {
			id |= optional
		}
		b.words = append(b.words, id)
	}
	own := b.words[start:]
	slices.SortFunc(own, func(x, y uint32) int { return cmp.Or(cmp.Compare(x&^optional, y&^optional), cmp.Compare(x, y)) })
	own = slices.CompactFunc(own, func(x, y uint32) bool { return x&^optional == y&^optional })
	b.words = b.words[:start+len(own)]
	b.wordEnds = append(b.wordEnds, uint32(len(b.words))) //nolint:gosec // as above
}

// PlainKey gives the key of a name in plain form (words.Plain).
func PlainKey(plain string) uint32 { return hash32(plain, -1) }

// WordsKey gives the key of the words of a name without those that are optional, whatever their order: they are sorted.
func WordsKey(list []string) uint32 {
	slices.Sort(list)
	return hash32(strings.Join(slices.Compact(list), " "), -1)
}

// Deletions calls a function with the hash of a word and of each form of it that lacks one letter: two words that share one are an edit or
// two apart (Garbe, SymSpell, 2012).
func Deletions(word string, take func(uint32)) {
	take(hash32(word, -1))
	for i := range len(word) {
		if i > 0 && word[i] == word[i-1] {
			continue
		}
		take(hash32(word, i))
	}
}

// hash32 is FNV-1a of a word without its byte at a place.
func hash32(word string, without int) uint32 {
	h := uint32(2166136261)
	for i := range len(word) {
		if i == without {
			continue
		}
		h ^= uint32(word[i])
		h *= 16777619
	}
	return h
}
