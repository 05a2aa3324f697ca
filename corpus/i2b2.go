package corpus

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// conceptLine is a line of a .con file: c="words" LINE:TOKEN LINE:TOKEN||t="type" (Uzuner et al., JAMIA 2011).
var conceptLine = regexp.MustCompile(`^c="(.*?)" (\d+):(\d+) (\d+):(\d+)\|\|t="([^"]+)"$`)

var conceptTypes = []string{"problem", "treatment", "test"}

// i2b2 reads every NAME.txt below a folder that has a NAME.con somewhere below it: the parts of the challenge lay the two out
// differently. A place is LINE:TOKEN, lines counted from 1 and blank-separated tokens from 0; a concept runs through its last
// token.
func (r *reader) i2b2(folder string) error {
	texts, err := below(folder, ".txt")
	if err != nil {
		return err
	}
	concepts, err := below(folder, ".con")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		txt, con := texts[name], concepts[name]
		if con == "" {
			continue
		}
		text, marks, err := readPair(txt, con)
		if err != nil {
			return err
		}
		places := i2b2Places(text)
		var found []Span
		for number, line := range lines(marks) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			match := conceptLine.FindStringSubmatch(line)
			if match == nil {
				r.fault(con, number, "not a line of i2b2 2010")
				continue
			}
			if !slices.Contains(conceptTypes, match[6]) {
				r.fault(con, number, "not a concept type of i2b2 2010")
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

// below finds the files of an ending below a folder, by their names without it; two of one name are an error.
func below(folder, ending string) (map[string]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ending {
			return err
		}
		name := strings.TrimSuffix(entry.Name(), ending)
		if other, twice := found[name]; twice {
			return fmt.Errorf("%s and %s have the same name: which concepts belong to which text cannot be told", other, path)
		}
		found[name] = path
		return nil
	})
	return found, err
}

// placeTable has the bytes [start, end) of every token of every line.
type placeTable [][][]int

func i2b2Places(text string) placeTable {
	var table placeTable
	at := 0
	for line := range strings.SplitSeq(text, "\n") {
		var tokens [][]int
		inside := false
		for i, r := range line {
			switch {
			case isBlank(r):
				inside = false
			case inside:
				tokens[len(tokens)-1][1] = at + i + utf8.RuneLen(r)
			default:
				tokens, inside = append(tokens, []int{at + i, at + i + utf8.RuneLen(r)}), true
			}
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
	return slices.Equal(words(strings.ToLower(a)), words(strings.ToLower(b)))
}
