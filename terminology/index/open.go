package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"charthand/terminology/words"

	"golang.org/x/sys/unix"
)

// Index is one code system in memory that is mapped from its file. It is safe for concurrent use until it is closed.
type Index struct {
	Meta Meta
	data []byte
	parts
}

// parts are the sections of the file.
type parts struct {
	codes, displays, terms, vocabulary, targets, raw                                              texts
	kinds, levels, types, mapSystems                                                              []byte
	termConcepts, termWordIDs                                                                     numbers
	termWordEnds, postings, postingEnds                                                           numbers
	exactKeys, plainKeys                                                                          numbers
	exactTerms, plainTerms, nearHashes, nearWords                                                 numbers
	conceptTerms, conceptEnds, parents, parentEnds, children, childEnds, mapEnds, order, rawForms numbers
}

// numbers are little-endian numbers of 32 bits.
type numbers []byte

func (n numbers) at(i int) uint32 { return binary.LittleEndian.Uint32(n[4*i:]) }
func (n numbers) len() int        { return len(n) / 4 }

// between gives where the list of an owner begins and ends.
func (n numbers) between(owner int) (from, to int) {
	if owner > 0 {
		from = int(n.at(owner - 1))
	}
	return from, int(n.at(owner))
}

// texts are texts one after the other, with their ends.
type texts struct {
	bytes []byte
	ends  numbers
}

func (t texts) at(i int) []byte {
	from, to := t.ends.between(i)
	return t.bytes[from:to]
}

// ErrDamaged says that a file is no index, or not as it was written.
var ErrDamaged = errors.New("the index is damaged: import it again")

// Open maps an index into memory, after its checksum has been compared.
func Open(path string) (_ *Index, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size < int64(trailer) {
		return nil, named(path, ErrDamaged)
	}
	sum := sha256.New()
	body := size - int64(sha256.Size+len(magic))
	if _, err := io.CopyN(sum, f, body); err != nil {
		return nil, named(path, err)
	}
	end := make([]byte, sha256.Size+len(magic))
	if _, err := io.ReadFull(f, end); err != nil {
		return nil, named(path, err)
	}
	if string(end[sha256.Size:]) != magic || !bytes.Equal(end[:sha256.Size], sum.Sum(nil)) {
		return nil, named(path, ErrDamaged)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, named(path, err)
	}
	x := &Index{data: data}
	defer func() {
		if err != nil {
			err = errors.Join(named(path, err), unix.Munmap(data))
		}
	}()
	at := binary.LittleEndian.Uint64(data[body-12:])
	length := uint64(binary.LittleEndian.Uint32(data[body-4:]))
	if at+length > uint64(body) {
		return nil, ErrDamaged
	}
	if err := json.Unmarshal(data[at:at+length], &x.Meta); err != nil {
		return nil, ErrDamaged
	}
	if x.Meta.Words != words.Version {
		return nil, fmt.Errorf("the index is of another version of charthand (words %d, here %d): import it again", x.Meta.Words, words.Version)
	}
	part := func(name section) []byte {
		s, found := x.Meta.Sections[name]
		if !found || s[0] < 0 || s[0] > s[1] || s[1] > body {
			err = ErrDamaged
			return nil
		}
		return data[s[0]:s[1]:s[1]]
	}
	x.parts = parts{
		codes: texts{part(codeTexts), part(codeEnds)}, displays: texts{part(displayTexts), part(displayEnds)}, terms: texts{part(termTexts), part(termEnds)},
		vocabulary: texts{part(wordTexts), part(wordEnds)}, targets: texts{part(mapTargets), part(mapTexts)},
		kinds: part(kindBytes), levels: part(levelBytes), types: part(termTypes), mapSystems: part(mapSystems),
		termConcepts: part(termConcepts), termWordIDs: part(termWords), termWordEnds: part(termWordEnds),
		postings: part(postings), postingEnds: part(postingEnds), exactKeys: part(exactKeys), plainKeys: part(plainKeys),
		exactTerms: part(exactTerms), plainTerms: part(plainTerms), nearHashes: part(nearHashes), nearWords: part(nearWords),
		raw: texts{part(rawTexts), part(rawEnds)}, rawForms: part(rawForms),
		conceptTerms: part(conceptTerms), conceptEnds: part(conceptEnds), parents: part(parentsOf), parentEnds: part(parentEnds),
		children: part(childrenOf), childEnds: part(childEnds), mapEnds: part(mapEnds), order: part(codeOrder),
	}
	return x, err
}

// named says which index an error is of.
func named(path string, err error) error { return fmt.Errorf("%s: %w", filepath.Base(path), err) }

// Forget lets the system take the memory of what was read so far; what is read again is read of the file again.
func (x *Index) Forget() error { return unix.Madvise(x.data, unix.MADV_DONTNEED) }

// Close gives the memory back; nothing that an Index gave as a slice may be used after it.
func (x *Index) Close() error { return unix.Munmap(x.data) }

// Concept is what an index knows of a concept.
type Concept struct {
	Code, Display string
	Kinds         Kinds
	Level         Level
}

// Concept gives a concept by its number.
func (x *Index) Concept(id uint32) Concept {
	return Concept{Code: string(x.codes.at(int(id))), Display: string(x.displays.at(int(id))), Kinds: Kinds(x.kinds[id]), Level: Level(x.levels[id])}
}

// Find gives the number of a concept by its code.
func (x *Index) Find(code string) (uint32, bool) {
	n := x.order.len()
	at := sort.Search(n, func(i int) bool { return string(x.codes.at(int(x.order.at(i)))) >= code })
	if at == n || string(x.codes.at(int(x.order.at(at)))) != code {
		return 0, false
	}
	return x.order.at(at), true
}

// Code gives the code of a concept.
func (x *Index) Code(id uint32) string { return string(x.codes.at(int(id))) }

// KindsOf gives the kinds of mention that a concept can be of.
func (x *Index) KindsOf(id uint32) Kinds { return Kinds(x.kinds[id]) }

// LevelOf gives the level of a concept.
func (x *Index) LevelOf(id uint32) Level { return Level(x.levels[id]) }

// Names gives how many names there are: they are numbered from 0.
func (x *Index) Names() int { return len(x.types) }

// NameConcept gives the concept of a name.
func (x *Index) NameConcept(name uint32) uint32 { return x.termConcepts.at(int(name)) }

// NameType gives how good a name is.
func (x *Index) NameType(name uint32) TermType { return TermType(x.types[name]) }

// Name gives a name as its source has it.
func (x *Index) Name(name uint32) string { return string(x.terms.at(int(name))) }

// NamesOf appends the names of a concept.
func (x *Index) NamesOf(concept uint32, to []uint32) []uint32 {
	return appendList(to, x.conceptTerms, x.conceptEnds, concept)
}

// Parents appends what stands right above a concept.
func (x *Index) Parents(concept uint32, to []uint32) []uint32 {
	return appendList(to, x.parents, x.parentEnds, concept)
}

// Children appends what stands right below a concept.
func (x *Index) Children(concept uint32, to []uint32) []uint32 {
	return appendList(to, x.children, x.childEnds, concept)
}

func appendList(to []uint32, list, ends numbers, owner uint32) []uint32 {
	from, end := ends.between(int(owner))
	for i := from; i < end; i++ {
		to = append(to, list.at(i))
	}
	return to
}

// NameWords calls a function with the words of a name, by number, until it gives false.
func (x *Index) NameWords(name uint32, take func(word uint32, isOptional bool) bool) {
	from, to := x.termWordEnds.between(int(name))
	for i := from; i < to; i++ {
		word := x.termWordIDs.at(i)
		if !take(word&^optional, word&optional != 0) {
			return
		}
	}
}

// Word gives the number of a word, in form.
func (x *Index) Word(word string) (uint32, bool) {
	n := x.vocabulary.ends.len()
	at := sort.Search(n, func(i int) bool { return string(x.vocabulary.at(i)) >= word })
	if at < n && string(x.vocabulary.at(at)) == word {
		return uint32(at), true //nolint:gosec // an index
	}
	return 0, false
}

// Words gives how many words there are: they are numbered from 0.
func (x *Index) Words() int { return x.vocabulary.ends.len() }

// WordText gives a word by its number.
func (x *Index) WordText(word uint32) string { return string(x.vocabulary.at(int(word))) }

// Frequency gives how many names have a word.
func (x *Index) Frequency(word uint32) int {
	from, to := x.postingEnds.between(int(word))
	return to - from
}

// With calls a function with each name that has a word, in order, until it gives false.
func (x *Index) With(word uint32, take func(name uint32) bool) {
	from, to := x.postingEnds.between(int(word))
	for i := from; i < to; i++ {
		if !take(x.postings.at(i)) {
			return
		}
	}
}

// Near appends the words as they are written that are an edit or two from one that is not there, of at least five letters. They have numbers of
// their own: RawText gives them, RawWord the word in form.
func (x *Index) Near(word string, to []uint32) []uint32 {
	if len(word) < minNear {
		return to
	}
	Deletions(word, func(hash uint32) { to = keyed(x.nearHashes, x.nearWords, hash, to) })
	return to
}

// RawText gives a word as it is written.
func (x *Index) RawText(raw uint32) string { return string(x.raw.at(int(raw))) }

// RawWord gives the number of the word in form that a word as it is written has.
func (x *Index) RawWord(raw uint32) uint32 { return x.rawForms.at(int(raw)) }

// Exact appends the names that may have a WordsKey: some may have another of the same hash.
func (x *Index) Exact(key uint32, to []uint32) []uint32 {
	return keyed(x.exactKeys, x.exactTerms, key, to)
}

// Plain appends the names that may have a PlainKey: some may have another of the same hash.
func (x *Index) Plain(key uint32, to []uint32) []uint32 {
	return keyed(x.plainKeys, x.plainTerms, key, to)
}

// keyed appends the numbers under a hash.
func keyed(hashes, members numbers, hash uint32, to []uint32) []uint32 {
	n := hashes.len()
	for at := sort.Search(n, func(i int) bool { return hashes.at(i) >= hash }); at < n && hashes.at(at) == hash; at++ {
		to = append(to, members.at(at))
	}
	return to
}

// Map is what a concept corresponds to in another system.
type Map struct{ System, Code string }

// Maps gives what a concept corresponds to elsewhere.
func (x *Index) Maps(concept uint32) []Map {
	from, to := x.mapEnds.between(int(concept))
	var list []Map
	for i := from; i < to; i++ {
		list = append(list, Map{x.Meta.Systems[x.mapSystems[i]], string(x.targets.at(i))})
	}
	return list
}
