package note

import (
	"encoding/binary"
	"sort"
)

// origin maps each byte of a text back to the bytes that it was decoded from. It is a list of runs of units of one size: of so many bytes
// in the text, from so many bytes of the original. A unit is a character, a character reference, or one byte where both sides are the same;
// one from no bytes was put in by the decoder.
type origin struct {
	runs []byte // of each run: skipped bytes of the original, count, and both sizes, as varints
	// marks are every markEvery runs, so that a look-up reads few of them.
	marks []mark
	// what is being written
	current            run
	body, original     int // where the current run began
	written            int // runs
	pendingSkip, atEnd int
}

type mark struct{ body, original, at int32 }

type run struct{ skip, count, bodySize, originalSize int }

const markEvery = 32

// skip passes over bytes of the original that are no part of the text.
func (o *origin) skip(n int) { o.pendingSkip += n }

// skipTo passes over the original up to an offset.
func (o *origin) skipTo(offset int) { o.pendingSkip = offset - o.atEnd }

// add appends units of one size.
func (o *origin) add(count, bodySize, originalSize int) {
	if count == 0 {
		return
	}
	if o.pendingSkip != 0 || o.current.bodySize != bodySize || o.current.originalSize != originalSize {
		o.flush()
		o.current = run{o.pendingSkip, 0, bodySize, originalSize}
		o.atEnd += o.pendingSkip
		o.pendingSkip = 0
	}
	o.current.count += count
	o.atEnd += count * originalSize
}

// flush writes the current run.
func (o *origin) flush() {
	c := o.current
	if c.count == 0 {
		return
	}
	if o.written%markEvery == 0 {
		o.marks = append(o.marks, mark{int32(o.body), int32(o.original), int32(len(o.runs))}) //nolint:gosec // a text is shorter than 2 GB
	}
	o.written++
	for _, n := range [...]int{c.skip, c.count, c.bodySize, c.originalSize} {
		o.runs = binary.AppendUvarint(o.runs, uint64(n)) //nolint:gosec // none is negative
	}
	o.body += c.count * c.bodySize
	o.original += c.skip + c.count*c.originalSize
	o.current = run{}
}

// span gives the bytes of the original that [start, end) of the text was decoded from.
func (o *origin) span(start, end int) (from, to int) {
	from, to = o.unit(start)
	if end-1 > start {
		_, to = o.unit(end - 1)
	} else if end == start {
		to = from
	}
	return from, max(from, to)
}

// unit gives the bytes of the original of the unit that the byte at offset belongs to.
func (o *origin) unit(offset int) (from, to int) {
	i := sort.Search(len(o.marks), func(i int) bool { return int(o.marks[i].body) > offset }) - 1
	if i < 0 {
		return 0, 0
	}
	body, original, rest := int(o.marks[i].body), int(o.marks[i].original), o.runs[o.marks[i].at:]
	for len(rest) > 0 {
		var parts [4]int
		for j := range parts {
			n, size := binary.Uvarint(rest)
			parts[j], rest = int(n), rest[size:] //nolint:gosec // written by flush
		}
		r := run{parts[0], parts[1], parts[2], parts[3]}
		original += r.skip
		if offset < body+r.count*r.bodySize {
			n := (offset - body) / r.bodySize
			return original + n*r.originalSize, original + (n+1)*r.originalSize
		}
		body += r.count * r.bodySize
		original += r.count * r.originalSize
	}
	return original, original
}
