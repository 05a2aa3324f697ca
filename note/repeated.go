package note

import (
	"fmt"
	"regexp"
	"strconv"
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
	// each calls a function with the lines of one margin of a page, from the edge inwards, until it has enough.
	each := func(number int, do func(l line, i int) (more bool)) {
		page := pages[number]
		var filled []int
		for i, text := range page {
			if text != "" {
				filled = append(filled, i)
			}
		}
		for i := range min(marginLines, len(filled)) {
			if !do(line{i, asRepeated(page[filled[i]], number)}, filled[i]) {
				break
			}
		}
		for i := range min(marginLines, len(filled)-marginLines) {
			j := filled[len(filled)-1-i]
			if !do(line{-1 - i, asRepeated(page[j], number)}, j) {
				break
			}
		}
	}
	for number := range pages {
		each(number, func(l line, _ int) bool {
			on[l]++
			return true
		})
	}
	taken := 0
	seen := map[line]bool{}
	for p, page := range pages {
		out := map[int]bool{}
		each(p, func(l line, i int) bool {
			if on[l] < minPages || on[l]*2 <= len(pages) {
				return false // what stands further in is no running line either
			}
			out[i] = seen[l]
			seen[l] = true
			return true
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

// pageNumber is what counts the pages, alone in a line or after a gap: "Page 2 of 3", "2/3", "- 2 -".
var pageNumber = regexp.MustCompile(`(?i)(^|\t)\W*(?:(?:page|pg\.?|seite)\s*)?(\d{1,4})(?:\s*(?:of|von|/)\s*(\d{1,4}))?\W*$`)

// asRepeated gives a line as it is compared with those of other pages: without blanks, and with its page number, which goes on from page to
// page, counted from the number of the page. Other numbers are left as they are: a blood pressure at the top of two pages is two.
func asRepeated(line string, page int) string {
	if at := pageNumber.FindStringSubmatchIndex(line); at != nil {
		number, _ := strconv.Atoi(line[at[4]:at[5]])
		of, known := 0, at[6] >= 0
		if known {
			of, _ = strconv.Atoi(line[at[6]:at[7]])
		}
		if !known || number <= of {
			line = fmt.Sprintf("%s#%d/%d", line[:at[4]], number-page, of)
		}
	}
	return strings.Join(strings.Fields(line), " ")
}
