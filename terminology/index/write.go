package index

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"charthand/terminology/words"
)

// Meta is what an index says of itself.
type Meta struct {
	Kind     string    `json:"kind"` // as it was imported
	System   string    `json:"system"`
	Version  string    `json:"version"`
	Title    string    `json:"title"`
	Words    int       `json:"words"` // words.Version
	Concepts int       `json:"concepts"`
	Names    int       `json:"names"`
	Nameless int       `json:"nameless,omitempty"` // names of codes that the release does not have
	Imported time.Time `json:"imported"`
	Sources  []Source  `json:"sources"`
	// Systems are those that Maps name, by number.
	Systems  []string             `json:"systems,omitempty"`
	Sections map[section][2]int64 `json:"sections"` // where each begins and ends, bytes
}

// section is a part of the file.
type section string

// The sections. Numbers are little-endian and of 32 bits where nothing else is said; “ends” are the ends of the parts of what comes before.
const (
	codeTexts    section = "codes"
	codeEnds     section = "codeEnds"
	displayTexts section = "displays"
	displayEnds  section = "displayEnds"
	kindBytes    section = "kinds"
	levelBytes   section = "levels"
	codeOrder    section = "codeOrder" // concepts in the order of their codes
	termTexts    section = "terms"
	termEnds     section = "termEnds"
	termConcepts section = "termConcepts"
	termTypes    section = "termTypes"
	termWords    section = "termWords"
	termWordEnds section = "termWordEnds"
	conceptTerms section = "conceptTerms" // terms by concept
	conceptEnds  section = "conceptTermEnds"
	wordTexts    section = "vocabulary" // sorted
	wordEnds     section = "vocabularyEnds"
	postings     section = "postings" // terms by word
	postingEnds  section = "postingEnds"
	exactKeys    section = "exactKeys" // sorted
	exactTerms   section = "exactTerms"
	plainKeys    section = "plainKeys"
	plainTerms   section = "plainTerms"
	nearHashes   section = "nearHashes" // sorted
	nearWords    section = "nearWords"
	rawTexts     section = "rawWords" // as they are written, sorted
	rawEnds      section = "rawEnds"
	rawForms     section = "rawForms" // the words in form
	parentsOf    section = "parents"
	parentEnds   section = "parentEnds"
	childrenOf   section = "children"
	childEnds    section = "childEnds"
	mapTargets   section = "mapTargets"
	mapSystems   section = "mapSystems"
	mapTexts     section = "mapTexts" // ends, into mapTargets
	mapEnds      section = "mapEnds"  // by concept
)

// The end of a file: where the meta begins (64 bits), its length (32), the SHA-256 of all before, and the magic.
const (
	magic   = "CHTERM01"
	trailer = 8 + 4 + sha256.Size + len(magic)
)

// file writes sections one after the other.
type file struct {
	w        *bufio.Writer
	at       int64
	sections map[section][2]int64
	err      error
}

func (f *file) section(name section, write func()) {
	start := f.at
	write()
	f.sections[name] = [2]int64{start, f.at}
}

func (f *file) bytes(b []byte) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
	f.at += int64(len(b))
}

func (f *file) numbers(name section, list []uint32) {
	f.section(name, func() {
		var b [4]byte
		for _, n := range list {
			binary.LittleEndian.PutUint32(b[:], n)
			f.bytes(b[:])
		}
	})
}

// strings writes texts one after the other, and their ends.
func (f *file) strings(texts, ends section, list []string) {
	f.section(texts, func() {
		for _, s := range list {
			f.bytes([]byte(s))
		}
	})
	sizes := make([]uint32, len(list))
	for i, s := range list {
		sizes[i] = uint32(len(s)) //nolint:gosec // names are bounded by the builder
	}
	f.ends(ends, sizes)
}

// ends writes where each part ends, of parts of some sizes, which are lost.
func (f *file) ends(name section, sizes []uint32) {
	sum := uint32(0)
	for i, size := range sizes {
		sum += size
		sizes[i] = sum
	}
	f.numbers(name, sizes)
}

// unique sorts pairs, and leaves one of each.
func unique(pairs [][2]uint32) [][2]uint32 {
	slices.SortFunc(pairs, func(a, b [2]uint32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return slices.Compact(pairs)
}

// lists writes, for each of n owners, the numbers that are its: pairs of owner and number.
func (f *file) lists(members, ends section, n int, pairs [][2]uint32) {
	pairs = unique(pairs)
	counts := make([]uint32, n)
	list := make([]uint32, len(pairs))
	for i, p := range pairs {
		counts[p[0]]++
		list[i] = p[1]
	}
	f.numbers(members, list)
	f.ends(ends, counts)
}

// sorted writes pairs of a hash and a number, sorted: the hashes, then the numbers.
func (f *file) sorted(hashes, members section, pairs [][2]uint32) {
	pairs = unique(pairs)
	list := make([]uint32, len(pairs))
	for i, name := range []section{hashes, members} {
		for at, p := range pairs {
			list[at] = p[i]
		}
		f.numbers(name, list)
	}
}

// write writes the file, whole or not at all.
func (b *builder) write(path string, meta Meta) (_ *Meta, err error) {
	out, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close(), os.Remove(path+".new"))
		}
	}()
	sum := sha256.New()
	f := &file{w: bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<20), sections: map[section][2]int64{}}
	b.sections(f)
	meta.Systems, meta.Sections = b.systems, f.sections
	encoded, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	start := f.at
	f.bytes(encoded)
	var end []byte
	end = binary.LittleEndian.AppendUint64(end, uint64(start))        //nolint:gosec // an offset
	end = binary.LittleEndian.AppendUint32(end, uint32(len(encoded))) //nolint:gosec // a short text
	f.bytes(end)
	if err = errors.Join(f.err, f.w.Flush()); err != nil {
		return nil, err
	}
	if _, err = out.Write(append(sum.Sum(nil), magic...)); err != nil {
		return nil, err
	}
	if err = errors.Join(out.Sync(), out.Close()); err != nil {
		return nil, err
	}
	return &meta, os.Rename(path+".new", path)
}

// sections writes all sections.
func (b *builder) sections(f *file) {
	order := b.sortVocabulary()
	f.strings(codeTexts, codeEnds, b.codes)
	f.strings(displayTexts, displayEnds, b.displays)
	ordered := make([]uint32, len(b.codes))
	for i := range ordered {
		ordered[i] = uint32(i)
	}
	slices.SortFunc(ordered, func(x, y uint32) int { return cmp.Compare(b.codes[x], b.codes[y]) })
	f.numbers(codeOrder, ordered)
	f.section(kindBytes, func() {
		for _, k := range b.kinds {
			f.bytes([]byte{byte(k)})
		}
	})
	f.section(levelBytes, func() {
		for _, l := range b.levels {
			f.bytes([]byte{byte(l)})
		}
	})
	f.section(termTexts, func() { f.bytes(b.texts) })
	f.numbers(termEnds, b.textEnds)
	f.numbers(termConcepts, b.termOf)
	f.section(termTypes, func() {
		for _, t := range b.types {
			f.bytes([]byte{byte(t)})
		}
	})
	f.numbers(termWords, b.words)
	f.numbers(termWordEnds, b.wordEnds)
	pairs := make([][2]uint32, len(b.termOf))
	for term, concept := range b.termOf {
		pairs[term] = [2]uint32{concept, uint32(term)}
	}
	f.lists(conceptTerms, conceptEnds, len(b.codes), pairs)
	f.strings(wordTexts, wordEnds, order)
	b.postings(f, len(order))
	b.keys(f)
	b.near(f)
	f.lists(parentsOf, parentEnds, len(b.codes), b.parents)
	for i, p := range b.parents {
		b.parents[i] = [2]uint32{p[1], p[0]}
	}
	f.lists(childrenOf, childEnds, len(b.codes), b.parents)
	b.mapped(f)
}

// sortVocabulary renumbers the words by the alphabet.
func (b *builder) sortVocabulary() []string {
	order := slices.Clone(b.wordTexts)
	slices.Sort(order)
	for i, word := range order {
		b.vocab[word] = uint32(i)
	}
	for i, id := range b.words {
		b.words[i] = b.vocab[b.wordTexts[id&^optional]] | id&optional
	}
	for raw, id := range b.raw {
		b.raw[raw] = b.vocab[b.wordTexts[id]]
	}
	b.wordTexts, b.vocab = nil, nil
	start := uint32(0)
	for _, end := range b.wordEnds {
		slices.SortFunc(b.words[start:end], func(x, y uint32) int { return cmp.Compare(x&^optional, y&^optional) })
		start = end
	}
	return order
}

// postings writes the terms of each word.
func (b *builder) postings(f *file, n int) {
	ends := make([]uint32, n)
	for _, word := range b.words {
		ends[word&^optional]++
	}
	sum := uint32(0)
	for i, count := range ends {
		ends[i] = sum
		sum += count
	}
	list := make([]uint32, len(b.words))
	start := uint32(0)
	for term, end := range b.wordEnds {
		for _, word := range b.words[start:end] {
			word &^= optional
			list[ends[word]] = uint32(term)
			ends[word]++
		}
		start = end
	}
	f.numbers(postings, list)
	f.numbers(postingEnds, ends)
}

// keys writes what names are found by at once.
func (b *builder) keys(f *file) {
	list := make([][2]uint32, 0, len(b.termOf))
	start := uint32(0)
	for term, end := range b.textEnds {
		name := string(b.texts[start:end])
		start = end
		list = append(list, [2]uint32{PlainKey(words.Plain(name)), uint32(term)})
	}
	f.sorted(plainKeys, plainTerms, list)
	list = list[:0]
	start = 0
	var own []string
	for term, end := range b.textEnds {
		name := string(b.texts[start:end])
		start = end
		own = own[:0]
		for _, word := range b.former.Form(name) {
			if !word.Optional {
				own = append(own, word.Text)
			}
		}
		list = append(list, [2]uint32{WordsKey(own), uint32(term)})
	}
	f.sorted(exactKeys, exactTerms, list)
}

// minNear is how long a word has to be to be found by a misspelling, in bytes.
const minNear = 5

// near writes by what misspellings words are found.
func (b *builder) near(f *file) {
	order := slices.Sorted(maps.Keys(b.raw))
	forms := make([]uint32, len(order))
	var pairs [][2]uint32
	for id, word := range order {
		forms[id] = b.raw[word]
		Deletions(word, func(h uint32) { pairs = append(pairs, [2]uint32{h, uint32(id)}) }) //nolint:gosec // an index
	}
	f.strings(rawTexts, rawEnds, order)
	f.numbers(rawForms, forms)
	f.sorted(nearHashes, nearWords, pairs)
}

// mapped writes what concepts correspond to elsewhere.
func (b *builder) mapped(f *file) {
	slices.SortStableFunc(b.maps, func(x, y mapping) int { return cmp.Compare(x.concept, y.concept) })
	targets := make([]string, len(b.maps))
	systems := make([]byte, len(b.maps))
	counts := make([]uint32, len(b.codes))
	for i, m := range b.maps {
		targets[i], systems[i] = m.target, m.system
		counts[m.concept]++
	}
	f.strings(mapTargets, mapTexts, targets)
	f.section(mapSystems, func() { f.bytes(systems) })
	f.ends(mapEnds, counts)
}
