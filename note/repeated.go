package note

import (
	"regexp"
	"strings"
)

// What is taken for a running header or footer.
const (
	marginLines = 3 // lines at the top and at the bottom of a page that may be one
	minPages    = 2 // pages that have to have it
)

// takeRepeated takes running headers and footers out of pages: what stands in the same place at the top or the bottom of most pages, but for
// its page number. The first of each stays: it may tell the patient, or the date. It gives the number of lines taken out.
func takeRepeated(pages [][]string) int {
	if len(pages) < minPages {
		return 0
	}
	type line struct {
		place int // from the top, or below zero from the bottom
		words string
	}
	on := map[line]int{}
	each := func(page []string, do func(line, int)) {
		var filled []int
		for i, text := range page {
			if text != "" {
				filled = append(filled, i)
			}
		}
		for i := range min(marginLines, len(filled)) {
			do(line{i, asRepeated(page[filled[i]])}, filled[i])
			if j := len(filled) - 1 - i; j >= marginLines {
				do(line{-1 - i, asRepeated(page[filled[j]])}, filled[j])
			}
		}
	}
	for _, page := range pages {
		each(page, func(l line, _ int) { on[l]++ })
	}
	taken := 0
	seen := map[line]bool{}
	for p, page := range pages {
		out := map[int]bool{}
		each(page, func(l line, i int) {
			if on[l] < minPages || on[l]*2 <= len(pages) || l.words == "" {
				return
			}
			out[i] = seen[l]
			seen[l] = true
		})
		kept := page[:0:0]
		for i, text := range page {
			switch {
			case out[i]:
				taken++
			case text != "" || len(kept) > 0 && kept[len(kept)-1] != "":
				kept = append(kept, text)
			}
		}
		if n := len(kept); n > 0 && kept[n-1] == "" {
			kept = kept[:n-1]
		}
		pages[p] = kept
	}
	return taken
}

// pageNumber is a line that counts the pages: "Page 2 of 3", "2/3", "- 2 -".
var pageNumber = regexp.MustCompile(`(?i)\b(page|pg\.?|seite)\s*\d+|^\W*\d+\W*((of|/)\W*\d+\W*)?$`)

var digits = regexp.MustCompile(`\d+`)

// asRepeated gives a line as it is compared with those of other pages: without blanks, and where it counts the pages without numbers.
// Numbers are left otherwise: a blood pressure at the top of two pages is two.
func asRepeated(line string) string {
	if pageNumber.MatchString(line) {
		line = digits.ReplaceAllString(line, "0")
	}
	return strings.Join(strings.Fields(line), " ")
}
