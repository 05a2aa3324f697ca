package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"charthand/nlp/relate"
	"charthand/nlp/text"
)

// report is a case report with its MODIFY relations.
type report struct {
	text     *text.Text
	mentions []relate.Mention
	links    []relate.Link
}

// read reads a folder in brat's format: mentions, the events that name them, and the relations, which the reader of corpora leaves
// out. A discontinuous mention runs from its first to its last character.
func read(folder string) ([]*report, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.ann"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s: no .ann in it: %w", folder, os.ErrNotExist)
	}
	var reports []*report
	for _, file := range files {
		body, err := os.ReadFile(strings.TrimSuffix(file, ".ann") + ".txt") //nolint:gosec // a corpus that the caller names
		if err != nil {
			return nil, err
		}
		marks, err := os.ReadFile(file) //nolint:gosec // as above
		if err != nil {
			return nil, err
		}
		r, err := parse(string(body), string(marks))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

func parse(body, marks string) (*report, error) {
	var offsets []int
	for i := range body {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(body))
	type named struct {
		name string
		relate.Mention
	}
	var found []named
	events := map[string]string{}
	var pairs [][2]string
	for line := range strings.Lines(marks) {
		name, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		rest, _, _ = strings.Cut(rest, "\t")
		fields := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ';' })
		switch {
		case strings.HasPrefix(name, "T") && len(fields) >= 3:
			start, end := len(body), 0
			for _, field := range fields[1:] {
				at, err := strconv.Atoi(field)
				if err != nil || at >= len(offsets) {
					return nil, fmt.Errorf("%s: not within the text", name)
				}
				start, end = min(start, offsets[at]), max(end, offsets[at])
			}
			found = append(found, named{name, relate.Mention{Span: text.Span{Start: start, End: end}, Label: fields[0]}})
		case strings.HasPrefix(name, "E") && len(fields) > 0:
			_, events[name], _ = strings.Cut(fields[0], ":")
		case strings.HasPrefix(name, "R") && len(fields) == 3 && fields[0] == "MODIFY":
			_, from, _ := strings.Cut(fields[1], ":")
			_, to, _ := strings.Cut(fields[2], ":")
			pairs = append(pairs, [2]string{from, to})
		}
	}
	slices.SortStableFunc(found, func(a, b named) int { return cmp.Or(a.Start-b.Start, a.End-b.End) })
	r := &report{text: text.New(body)}
	places := map[string]int{}
	for i, m := range found {
		r.mentions = append(r.mentions, m.Mention)
		places[m.name] = i
	}
	for event, name := range events {
		places[event] = places[name]
	}
	for _, pair := range pairs {
		from, known := places[pair[0]]
		to, knownTo := places[pair[1]]
		if known && knownTo {
			r.links = append(r.links, relate.Link{From: from, To: to})
		}
	}
	return r, nil
}
