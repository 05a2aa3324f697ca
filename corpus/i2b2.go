package corpus

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// conceptLine is a line of a .con file: c="words" LINE:TOKEN LINE:TOKEN||t="type" (Uzuner et al., JAMIA 2011).
var conceptLine = regexp.MustCompile(`^c="(.*?)" (\d+):(\d+) (\d+):(\d+)\|\|t="([^"]+)"$`)

var word = regexp.MustCompile(`\S+`)

// i2b2 reads every NAME.txt with a NAME.con: beside it, or in the folders txt and concept as the challenge ships them. A
// place is LINE:TOKEN, lines counted from 1 and blank-separated tokens from 0; a concept runs through its last token.
func (r *reader) i2b2(folder string) error {
	texts, err := filepath.Glob(filepath.Join(escape(folder), "*.txt"))
	if err != nil {
		return err
	}
	shipped, err := filepath.Glob(filepath.Join(escape(folder), "txt", "*.txt"))
	if err != nil {
		return err
	}
	for _, txt := range slices.Concat(texts, shipped) {
		name := strings.TrimSuffix(filepath.Base(txt), ".txt")
		con := filepath.Join(filepath.Dir(txt), name+".con")
		if !exists(con) {
			con = filepath.Join(folder, "concept", name+".con")
		}
		if !exists(con) {
			continue
		}
		text, err := readText(txt)
		if err != nil {
			return err
		}
		concepts, err := readText(con)
		if err != nil {
			return err
		}
		places := i2b2Places(text)
		var found []Span
		for number, line := range lines(concepts) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			match := conceptLine.FindStringSubmatch(line)
			if match == nil {
				r.fault(con, number, "not a line of i2b2 2010")
				continue
			}
			start, ok := places.at(match[2], match[3])
			end, okEnd := places.at(match[4], match[5])
			if !ok || !okEnd || start[0] >= end[1] || !sameWords(text[start[0]:end[1]], match[1]) {
				r.fault(con, number, "the words are not at that place of the text")
				continue
			}
			found = append(found, Span{start[0], end[1], match[6]})
		}
		r.add(name, text, found)
	}
	return nil
}

// placeTable has the bytes [start, end) of every token of every line.
type placeTable [][][]int

func i2b2Places(text string) placeTable {
	var table placeTable
	at := 0
	for line := range strings.SplitSeq(text, "\n") {
		tokens := word.FindAllStringIndex(line, -1)
		for _, token := range tokens {
			token[0], token[1] = token[0]+at, token[1]+at
		}
		table = append(table, tokens)
		at += len(line) + 1
	}
	return table
}

// at gives the bytes of a token; false where there is none.
func (p placeTable) at(line, token string) ([]int, bool) {
	l, err := strconv.Atoi(line)
	if err != nil || l < 1 || l > len(p) {
		return nil, false
	}
	t, err := strconv.Atoi(token)
	if err != nil || t >= len(p[l-1]) {
		return nil, false
	}
	return p[l-1][t], true
}

// sameWords compares without regard to case and blanks, as the challenge's files need it.
func sameWords(a, b string) bool {
	return slices.Equal(strings.Fields(strings.ToLower(a)), strings.Fields(strings.ToLower(b)))
}
