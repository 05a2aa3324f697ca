package note

import "bytes"

// maxRow bounds the length in bytes of a table's row that is put on one line where its cells hold several.
const maxRow = 1000

// flow makes a text out of pieces of a document with the blanks between them: one blank between words however many the original has, a tab
// between cells, a line for each row and block. Every character knows where it came from.
type flow struct {
	body   []byte
	origin *origin
	tree   *tree
	gap    gap
	tabs   int // of the gap
	rows   []row
	// atCell says that nothing stands in the current cell yet: a block that begins it begins no line.
	atCell bool
	// raised says that what comes is set higher or lower than what is around it; was, that what was written last is.
	raised, was bool
}

// gap is what has to stand before the next word; the wider one wins.
type gap uint8

const (
	noGap gap = iota
	blank
	tab
	lineEnd
	blankLine
)

// row is a table's row that has begun.
type row struct {
	from   int   // its first character in body, -1 until there is one
	cells  int   // that have begun
	filled int   // cells that hold something
	breaks []int // line ends inside cells, in body
	nested bool  // it holds another table
}

func newFlow(t *tree) *flow { return &flow{origin: &origin{}, tree: t} }

// widen asks for a gap before the next word.
func (f *flow) widen(g gap) {
	if !f.atCell {
		f.gap = max(f.gap, g)
	}
}

// full reports whether the text is longer than any that is read.
func (f *flow) full() bool { return len(f.body) > maxBody }

// write appends count characters' bytes that came from equally many units of the original at an offset.
func (f *flow) write(characters string, count, originalSize, at int) {
	if f.raised != f.was && f.gap == noGap && len(f.body) > 0 && isDigit(f.body[len(f.body)-1]) && (isDigit(characters[0]) || characters[0] == '-' || characters[0] == '+') {
		f.gap = blank // 10 to the power of 9 is not 109, nor 1 1/2 11/2
	}
	f.was = f.raised
	f.open()
	if f.tree != nil {
		f.tree.here(len(f.body))
	}
	for i := len(f.rows) - 1; i >= 0 && f.rows[i].from < 0; i-- {
		f.rows[i].from = len(f.body)
	}
	if n := len(f.rows); f.atCell && n > 0 {
		f.rows[n-1].filled++
	}
	f.atCell = false
	f.origin.skipTo(at)
	f.body = append(f.body, characters...)
	f.origin.add(count, len(characters)/count, originalSize)
}

// open writes the gap that is asked for.
func (f *flow) open() {
	if len(f.body) > 0 {
		switch f.gap {
		case blank:
			f.put(' ')
		case tab:
			for range max(f.tabs, 1) {
				f.put('\t')
			}
		case lineEnd:
			f.newline()
		case blankLine:
			f.newline()
			f.newline()
		default:
		}
	}
	f.gap, f.tabs = noGap, 0
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (f *flow) put(b byte) {
	f.body = append(f.body, b)
	f.origin.add(1, 1, 0)
}

func (f *flow) newline() {
	if n := len(f.rows); n > 0 && f.rows[n-1].from >= 0 {
		f.rows[n-1].breaks = append(f.rows[n-1].breaks, len(f.body))
	}
	f.put('\n')
}

// text appends a stretch of the original that stands for itself, with its blanks folded unless they are kept. Line ends that are kept are
// one character each.
func (f *flow) text(s string, at int, keep bool) {
	for i := 0; i < len(s); {
		if size := blankAt(s[i:]); size > 0 {
			if keep {
				i += f.kept(s[i:], at+i, size)
				continue
			}
			f.widen(blank)
			i += size
			continue
		}
		end := i
		for end < len(s) && blankAt(s[end:]) == 0 {
			end++
		}
		f.write(s[i:end], end-i, 1, at+i)
		i = end
	}
}

// kept writes a blank as it is, and gives its size.
func (f *flow) kept(s string, at, size int) int {
	switch s[0] {
	case '\r':
		if len(s) > 1 && s[1] == '\n' {
			size = 2
		}
		fallthrough
	case '\n':
		if f.gap == blankLine || len(f.body) == 0 || f.atCell {
			return size
		}
		if f.gap == lineEnd {
			f.gap = blankLine
			return size
		}
		f.gap, f.tabs = lineEnd, 0
	default:
		if f.gap >= lineEnd || len(f.body) == 0 {
			f.widen(blank)
			return size // indentation
		}
		f.write(s[:size], size, 1, at)
	}
	return size
}

// blankAt gives the size of the blank that a text begins with, 0 where it begins with none. A no-break space is one.
func blankAt(s string) int {
	switch s[0] {
	case ' ', '\t', '\n', '\r', '\f', '\v':
		return 1
	case 0xC2:
		if len(s) > 1 && s[1] == 0xA0 {
			return 2
		}
	}
	return 0
}

// character appends what the original writes in another way, in size bytes.
func (f *flow) character(s string, at, size int) {
	if s == "" {
		return
	}
	if blankAt(s) == len(s) {
		f.widen(blank)
		return
	}
	f.write(s, 1, size, at)
}

// beginRow begins a row of a table.
func (f *flow) beginRow() {
	f.atCell = false
	f.widen(lineEnd)
	if n := len(f.rows); n > 0 {
		f.rows[n-1].nested = true
	}
	f.rows = append(f.rows, row{from: -1})
}

// cell begins a cell of the current row.
func (f *flow) cell() {
	n := len(f.rows)
	if n == 0 {
		f.widen(blank)
		return
	}
	f.atCell = true
	if f.rows[n-1].cells++; f.rows[n-1].cells > 1 {
		if f.rows[n-1].nested && f.gap >= lineEnd {
			return // the rows of the table inside are lines
		}
		if f.gap <= tab {
			f.gap = tab
			f.tabs++
		} else if f.rows[n-1].from >= 0 {
			f.gap, f.tabs = tab, 1 // a block that ends with its cell
		}
	}
}

// beginRowHere makes the current line the first cell of a row.
func (f *flow) beginRowHere() {
	r := row{from: -1, cells: 1}
	if f.gap < lineEnd && len(f.body) > 0 {
		r.from, r.filled = bytes.LastIndexByte(f.body, '\n')+1, 1
	}
	f.rows = append(f.rows, r)
}

// endNestedRow ends a row of a table in the current cell.
func (f *flow) endNestedRow() {
	if n := len(f.rows); n > 0 {
		f.rows[n-1].nested = true
	}
	f.atCell = false
	f.widen(lineEnd)
}

// cellBreak stands for a line's end in a cell, where the row is put on one line: a blank, to models too, that ends a sentence.
const cellBreak = '\r'

// endRow ends the current row. Where it has several cells and is short, it becomes one line.
func (f *flow) endRow() {
	n := len(f.rows)
	if n == 0 {
		return
	}
	r := f.rows[n-1]
	f.rows, f.atCell = f.rows[:n-1], false
	f.gap, f.tabs = max(f.gap, lineEnd), 0
	if r.filled < 2 || r.nested || r.from < 0 || len(f.body)-r.from > maxRow {
		return
	}
	f.gap = lineEnd
	for _, at := range r.breaks {
		f.body[at] = cellBreak
	}
}
