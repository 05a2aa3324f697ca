package pdf

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// layOut gives the lines of a page in the order in which they are read, from where its pieces stand: documents draw them in any order. What
// stands side by side is one line, with a tab where the gap is wider than one between words, unless it is columns of running text: those are
// read one after the other. A paragraph begins after an empty line.
// What does not stand upright, a margin's text or a watermark, comes last.
func layOut(fragments []fragment) []string {
	var upright, turned []fragment
	for _, f := range fragments {
		if f.isTurned() {
			turned = append(turned, f)
		} else {
			upright = append(upright, f)
		}
	}
	lines := layOutUpright(upright)
	for i, f := range turned {
		if i == 0 && len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, f.text)
	}
	return lines
}

// isTurned reports whether a fragment is too high for the letters that it has: they stand one above the other, or slanting.
func (f fragment) isTurned() bool {
	n := utf8.RuneCountInString(f.text)
	return n >= 4 && f.right-f.left < 0.2*float64(n)*f.height()
}

func layOutUpright(fragments []fragment) []string {
	slices.SortStableFunc(fragments, func(a, b fragment) int {
		switch middle := (b.top + b.bottom) - (a.top + a.bottom); {
		case middle > 0:
			return 1
		case middle < 0:
			return -1
		}
		return 0
	})
	return order(fragments, 0)
}

// maxDivisions bounds how often a page is divided.
const maxDivisions = 6

// order gives the lines of fragments that are sorted from the top.
func order(fragments []fragment, divisions int) []string {
	if divisions < maxDivisions {
		if g, found := findGutter(fragments); found {
			var left, right []fragment
			for _, f := range fragments[g.from:g.to] {
				if f.left < g.x {
					left = append(left, f)
				} else {
					right = append(right, f)
				}
			}
			var lines []string
			for _, part := range [][]fragment{fragments[:g.from], left, right, fragments[g.to:]} {
				ordered := order(part, divisions+1)
				if len(lines) > 0 && len(ordered) > 0 {
					lines = append(lines, "")
				}
				lines = append(lines, ordered...)
			}
			return lines
		}
	}
	return inRows(fragments)
}

// gutter is the gap between two columns: at x, beside fragments [from, to).
type gutter struct {
	x        float64
	from, to int
}

// What makes two columns of what stands side by side.
const (
	gutterSteps   = 100 // places that are tried
	minLines      = 4   // of each column
	minCharacters = 18  // of a line, on average
	fullLine      = 0.6 // of the column's width, which at least half of the lines have
	minGutter     = 0.5 // of the letters' height
	goingOn       = 0.3 // of the lines of running text begin inside a sentence: with a small letter
)

// findGutter finds where most lines stand in two columns.
func findGutter(fragments []fragment) (best gutter, found bool) {
	if len(fragments) < 2*minLines {
		return gutter{}, false
	}
	left, right := fragments[0].left, fragments[0].right
	for _, f := range fragments {
		left, right = min(left, f.left), max(right, f.right)
	}
	for step := gutterSteps / 8; step < gutterSteps*7/8; step++ {
		x := left + (right-left)*float64(step)/gutterSteps
		for from := 0; from < len(fragments); {
			to := from
			for to < len(fragments) && (fragments[to].left >= x || fragments[to].right <= x) {
				to++
			}
			if to-from > best.to-best.from && areColumns(fragments[from:to], x) {
				best, found = gutter{x, from, to}, true
			}
			from = to + 1
		}
	}
	return best, found
}

// areColumns reports whether fragments on both sides of x are running text.
func areColumns(fragments []fragment, x float64) bool {
	type side struct {
		lines, characters, full, goesOn int
		left, right, height             float64
	}
	sides := [2]side{{left: x, right: x}, {left: x, right: x}}
	of := func(f fragment) *side {
		if f.left < x {
			return &sides[0]
		}
		return &sides[1]
	}
	inner := [2]float64{-1e9, 1e9} // the edges of the gutter
	for _, f := range fragments {
		s := of(f)
		if s.lines == 0 {
			s.left, s.right = f.left, f.right
		}
		s.left, s.right = min(s.left, f.left), max(s.right, f.right)
		s.lines++
		s.height += f.height()
		s.characters += utf8.RuneCountInString(f.text)
		if first, _ := utf8.DecodeRuneInString(f.text); unicode.IsLower(first) {
			s.goesOn++
		}
		if f.left < x {
			inner[0] = max(inner[0], f.right)
		} else {
			inner[1] = min(inner[1], f.left)
		}
	}
	for _, f := range fragments {
		if s := of(f); f.right-f.left >= fullLine*(s.right-s.left) {
			s.full++
		}
	}
	for _, s := range sides {
		if s.lines < minLines || s.characters < minCharacters*s.lines || s.full*2 < s.lines || float64(s.goesOn) < goingOn*float64(s.lines) {
			return false // the cells of a table or a form
		}
	}
	return inner[1]-inner[0] >= minGutter*sides[0].height/float64(sides[0].lines)
}

// row is what stands side by side.
type row struct {
	fragments   []fragment
	bottom, top float64
}

// inRows gives the lines of fragments that are sorted from the top.
func inRows(fragments []fragment) []string {
	var rows []row
	for _, f := range fragments {
		if n := len(rows); n > 0 {
			r := &rows[n-1]
			if overlap := min(r.top, f.top) - max(r.bottom, f.bottom); overlap*2 > min(r.top-r.bottom, f.height()) {
				r.fragments = append(r.fragments, f)
				continue
			}
		}
		rows = append(rows, row{[]fragment{f}, f.bottom, f.top})
	}
	step := usualStep(rows)
	lines := make([]string, 0, len(rows))
	for i, r := range rows {
		if i > 0 && step > 0 && rows[i-1].bottom-r.bottom > 1.5*step {
			lines = append(lines, "")
		}
		lines = append(lines, r.line())
	}
	return lines
}

// usualStep is the distance from line to line that most have, in points; 0 where there are too few.
func usualStep(rows []row) float64 {
	if len(rows) < 3 {
		return 0
	}
	steps := make([]float64, 0, len(rows)-1)
	for i := 1; i < len(rows); i++ {
		steps = append(steps, rows[i-1].bottom-rows[i].bottom)
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// line writes a row from the left.
func (r row) line() string {
	slices.SortStableFunc(r.fragments, func(a, b fragment) int {
		switch {
		case a.left < b.left:
			return -1
		case a.left > b.left:
			return 1
		}
		return 0
	})
	var b strings.Builder
	for i, f := range r.fragments {
		if i > 0 {
			before := r.fragments[i-1]
			switch gap := f.left - before.right; {
			case gap > wordGap*max(before.height(), f.height()):
				b.WriteByte('\t')
			case gap > 0.1*min(before.height(), f.height()) || gap < -before.height():
				b.WriteByte(' ')
			}
		}
		b.WriteString(f.text)
	}
	return b.String()
}
