// Package corpus reads labelled notes in the formats that corpora are published in. All of them become the same thing: a
// text and its spans, which are flat: of spans that overlap the one that starts first stays, of those the longest, and a
// discontinuous span runs from its first to its last character.
package corpus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is one labelled mention: the bytes [Start, End) of Document.Text.
type Span struct {
	Start, End int
	Label      string
}

// Document is a text and what its annotators marked in it, in the order of the text.
type Document struct {
	ID    string
	Text  string
	Spans []Span
}

// Format is how a corpus is published.
type Format string

// The formats in use.
const (
	Brat     Format = "brat"     // a folder of NAME.txt with NAME.ann: MACCROBAT, n2c2 2018 track 2
	CoNLL    Format = "conll"    // a file of tokens and IOB2 tags
	I2B2     Format = "i2b2"     // a folder of NAME.txt with NAME.con: i2b2/VA 2010
	PubTator Format = "pubtator" // a file: BC5CDR, NCBI disease
)

// Fault is a malformed line of a corpus.
type Fault struct {
	File string
	Line int
	What string
}

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What) }

// Report is what reading a corpus changed or left out, to be shown beside every figure.
type Report struct {
	Documents     int     `json:"documents"`
	Spans         int     `json:"spans"`         // kept
	Discontinuous int     `json:"discontinuous"` // read from first to last character
	Overlapping   int     `json:"overlapping"`   // dropped
	Faults        []error `json:"-"`             // malformed lines, each a *Fault; they are left out
}

// Read reads the corpus at a path. Malformed lines are in the report; the error says that there is nothing to read.
func Read(format Format, path string) ([]Document, *Report, error) {
	r := &reader{report: &Report{}}
	var err error
	switch format {
	case Brat:
		err = r.brat(path)
	case CoNLL:
		err = r.conll(path)
	case I2B2:
		err = r.i2b2(path)
	case PubTator:
		err = r.pubtator(path)
	default:
		return nil, nil, fmt.Errorf("%q is not a format of a corpus", format)
	}
	if err == nil && len(r.documents) == 0 {
		err = fmt.Errorf("%s: no labelled document of the format %s in it (%d malformed lines)", path, format, len(r.report.Faults))
	}
	return r.documents, r.report, err
}

// reader gathers what the formats' readers find.
type reader struct {
	documents []Document
	report    *Report
}

func (r *reader) fault(file string, line int, what string) {
	r.report.Faults = append(r.report.Faults, &Fault{filepath.Base(file), line, what})
}

// add makes a document of the spans as they were found. Blanks at the ends of a span are left out of it.
func (r *reader) add(id, text string, found []Span) {
	spans := make([]Span, 0, len(found))
	for _, s := range found {
		words := text[s.Start:s.End]
		s.Start = s.End - len(strings.TrimLeftFunc(words, isBlank))
		s.End -= len(words) - len(strings.TrimRightFunc(words, isBlank))
		if s.Start < s.End {
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, compare)
	spans = slices.Compact(spans)
	flat := spans[:0:0]
	for _, s := range spans {
		if len(flat) > 0 && s.Start < flat[len(flat)-1].End {
			r.report.Overlapping++
			continue
		}
		flat = append(flat, s)
	}
	r.report.Documents++
	r.report.Spans += len(flat)
	r.documents = append(r.documents, Document{id, text, flat})
}

// isBlank is what Python calls a space, as training/ has it: what a token is must not depend on who reads.
func isBlank(r rune) bool { return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f) }

// compare orders spans by where they start, the longer one first.
func compare(a, b Span) int {
	if a.Start != b.Start {
		return a.Start - b.Start
	}
	if a.End != b.End {
		return b.End - a.End
	}
	return strings.Compare(a.Label, b.Label)
}

// byteOffsets gives the byte at which each code point of a text begins, and its length at last.
func byteOffsets(text string) []int {
	offsets := make([]int, 0, len(text)+1)
	for i := range text {
		offsets = append(offsets, i)
	}
	return append(offsets, len(text))
}

// readText reads a file as it is, CR included: offsets count it.
func readText(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("%s: not UTF-8", path)
	}
	return string(data), nil
}

// readMarks reads a file of annotations; a byte order mark at its beginning is no part of the first line.
func readMarks(path string) (string, error) {
	text, err := readText(path)
	return strings.TrimPrefix(text, "\ufeff"), err
}

// readPair reads a text and the file of its annotations.
func readPair(textPath, marksPath string) (text, marks string, err error) {
	if text, err = readText(textPath); err == nil {
		marks, err = readMarks(marksPath)
	}
	return text, marks, err
}

// lines gives the lines of a text without their ends, numbered from 1.
func lines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if !yield(number, strings.TrimRight(line, "\r\n")) {
				return
			}
		}
	}
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
