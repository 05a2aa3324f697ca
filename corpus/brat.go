package corpus

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// textBound is a "T" line: T1 TAB Label START END[;START END…] TAB words (https://brat.nlplab.org/standoff.html).
var textBound = regexp.MustCompile(`^T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)$`)

// brat reads a folder of NAME.txt with NAME.ann. Offsets are code points. Events, relations and attributes are passed over.
func (r *reader) brat(folder string) error {
	texts, err := filepath.Glob(filepath.Join(escape(folder), "*.txt"))
	if err != nil {
		return err
	}
	for _, txt := range texts {
		ann := strings.TrimSuffix(txt, ".txt") + ".ann"
		if !exists(ann) {
			continue
		}
		text, marks, err := readPair(txt, ann)
		if err != nil {
			return err
		}
		offsets := byteOffsets(text)
		var found []Span
		for number, line := range lines(marks) {
			if !strings.HasPrefix(line, "T") {
				continue
			}
			match := textBound.FindStringSubmatch(line)
			var pieces []Span
			if match != nil {
				pieces = bounds(match[2], offsets)
			}
			if len(pieces) == 0 {
				r.fault(ann, number, "not a text-bound annotation within the text")
				continue
			}
			if !slices.Equal(words(match[3]), wordsOf(text, pieces)) {
				r.fault(ann, number, "the words are not at that place of the text")
				continue
			}
			if len(pieces) > 1 {
				r.report.Discontinuous++
			}
			span := Span{pieces[0].Start, pieces[0].End, match[1]}
			for _, p := range pieces {
				span.Start, span.End = min(span.Start, p.Start), max(span.End, p.End)
			}
			found = append(found, span)
		}
		r.add(strings.TrimSuffix(filepath.Base(txt), ".txt"), text, found)
	}
	return nil
}

// bounds turns "0 5;10 15" into the spans of the pieces, none where one of them is not within the text.
func bounds(field string, offsets []int) []Span {
	var pieces []Span
	for piece := range strings.SplitSeq(field, ";") {
		from, to, _ := strings.Cut(piece, " ")
		start, errStart := strconv.Atoi(from)
		end, errEnd := strconv.Atoi(to)
		if errStart != nil || errEnd != nil || start >= end || end >= len(offsets) {
			return nil
		}
		pieces = append(pieces, Span{Start: offsets[start], End: offsets[end]})
	}
	return pieces
}

// wordsOf gives the words of pieces of a text, which stand a blank apart.
func wordsOf(text string, pieces []Span) []string {
	var all strings.Builder
	for _, p := range pieces {
		all.WriteString(text[p.Start:p.End])
		all.WriteByte(' ')
	}
	return words(all.String())
}

// words splits a text at its blanks.
func words(text string) []string { return strings.FieldsFunc(text, isBlank) }

// escape makes a path stand for itself in a glob pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
