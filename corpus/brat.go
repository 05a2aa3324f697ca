package corpus

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// textBound is a "T" line: T1 TAB Label START END[;START END…] TAB words (https://brat.nlplab.org/standoff.html).
var textBound = regexp.MustCompile(`^T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t`)

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
			var span Span
			ok := match != nil
			if ok {
				span, ok = bounds(match[2], offsets)
			}
			if !ok {
				r.fault(ann, number, "not a text-bound annotation within the text")
				continue
			}
			if strings.Contains(match[2], ";") {
				r.report.Discontinuous++
			}
			span.Label = match[1]
			found = append(found, span)
		}
		r.add(strings.TrimSuffix(filepath.Base(txt), ".txt"), text, found)
	}
	return nil
}

// bounds turns "0 5;10 15" into the span from the first to the last character.
func bounds(pieces string, offsets []int) (Span, bool) {
	first, last := len(offsets), -1
	for piece := range strings.SplitSeq(pieces, ";") {
		from, to, _ := strings.Cut(piece, " ")
		start, errStart := strconv.Atoi(from)
		end, errEnd := strconv.Atoi(to)
		if errStart != nil || errEnd != nil || start >= end || end >= len(offsets) {
			return Span{}, false
		}
		first, last = min(first, start), max(last, end)
	}
	return Span{Start: offsets[first], End: offsets[last]}, true
}

// escape makes a path stand for itself in a glob pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
