// Package index keeps one code system as one read-only file: its concepts, their names, what stands above them and what they correspond to
// elsewhere, found by words. A file is made of records (Spool, Build), checked by its checksum and mapped into memory (Open).
package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// RecordKind is what a Record says.
type RecordKind byte

// The kinds of record.
const (
	// IsConcept says that Code is a concept of some Kinds, at a Level.
	IsConcept RecordKind = iota + 1
	// IsTerm says that Text is a name of Code. ID is the name's own where it has one (SNOMED CT), for IsAcceptable.
	IsTerm
	// IsAcceptable says that the name ID is one in the language in use, the preferred one with Type Preferred. Where any record says so, names of
	// which none does are left out.
	IsAcceptable
	// IsParent says that Target stands above Code.
	IsParent
	// IsMap says that Code corresponds to Target of another System.
	IsMap
	// IsDisplay says that the name of Code that people see is Text, which is no name to be found by.
	IsDisplay
	// IsKind says that Code is of some Kinds, if it is a concept.
	IsKind
	// IsOtherLanguage says that a name is one in the language ID, which is not the one in use.
	IsOtherLanguage
)

// TermType is how good a name is.
type TermType byte

// The types of name, the best first.
const (
	Preferred TermType = iota
	Synonym
	Inclusion // what a concept has in it too
	Related   // broader, narrower or related, as the source says
)

// Kinds are the kinds of mention that a concept can be of.
type Kinds byte

// The kinds.
const (
	Problem Kinds = 1 << iota
	Drug
	Procedure
	Test
	Site
	Other // severities, routes, units, sections
	// Any is all kinds.
	Any Kinds = 0xff
)

// Level says how a concept may be used: what it means is its system's.
type Level byte

// The levels. Those of drugs are RxNorm's term types.
const (
	Leaf       Level = iota // may be written
	Header                  // stands for those below: ICD-10-CM's that cannot be billed
	Ingredient              // IN, MIN
	Precise                 // PIN: a salt
	Brand                   // BN
	Component               // SCDC, SBDC: with its strength
	Form                    // SCDF, SBDF, SCDG, SBDG: with its form
	Clinical                // SCD, GPCK: with strength and form
	Branded                 // SBD, BPCK
)

// Record is one statement of a source. Which fields count is its kind's.
type Record struct {
	Kind   RecordKind
	Type   TermType
	Kinds  Kinds
	Level  Level
	Code   string
	ID     string
	Text   string
	Target string
	System string
}

// maxField bounds a field of a record, in bytes: SNOMED CT's longest name has 4,096 characters.
const maxField = 1 << 16

// write appends a record.
func (r *Record) write(w *bufio.Writer) error {
	for _, b := range []byte{byte(r.Kind), byte(r.Type), byte(r.Kinds), byte(r.Level)} {
		if err := w.WriteByte(b); err != nil {
			return err
		}
	}
	var length [binary.MaxVarintLen32]byte
	for _, field := range []string{r.Code, r.ID, r.Text, r.Target, r.System} {
		if len(field) > maxField {
			return fmt.Errorf("a field of %d bytes is longer than %d", len(field), maxField)
		}
		if _, err := w.Write(length[:binary.PutUvarint(length[:], uint64(len(field)))]); err != nil {
			return err
		}
		if _, err := w.WriteString(field); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next record; io.EOF where there is none.
func (r *Record) read(in *bufio.Reader, buffer []byte) ([]byte, error) {
	kind, err := in.ReadByte()
	if err != nil {
		return buffer, err
	}
	*r = Record{Kind: RecordKind(kind)}
	var rest [3]byte
	if _, err := io.ReadFull(in, rest[:]); err != nil {
		return buffer, torn(err)
	}
	r.Type, r.Kinds, r.Level = TermType(rest[0]), Kinds(rest[1]), Level(rest[2])
	for _, field := range []*string{&r.Code, &r.ID, &r.Text, &r.Target, &r.System} {
		n, err := binary.ReadUvarint(in)
		if err != nil {
			return buffer, torn(err)
		}
		if n > maxField {
			return buffer, errors.New("the records that were read are damaged")
		}
		if uint64(cap(buffer)) < n {
			buffer = make([]byte, n)
		}
		buffer = buffer[:n]
		if _, err := io.ReadFull(in, buffer); err != nil {
			return buffer, torn(err)
		}
		*field = string(buffer)
	}
	return buffer, nil
}

func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
