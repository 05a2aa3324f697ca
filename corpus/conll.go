package corpus

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// documentLine begins a document in a CoNLL file; its name may follow after a tab.
const documentLine = "-DOCSTART-"

// maxGap bounds the blank text between two tokens, in code points: a place beyond it is a slip.
const maxGap = 1 << 16

// iob is an IOB2 tag.
var iob = regexp.MustCompile(`^(?:O|[BI]-\S+)$`)

// conll reads a file of tokens, one a line: token TAB tag as corpora are published, or token TAB start TAB end TAB tag as
// training/ writes it, with the places (code points) of the tokens in their text. Without places the text is the tokens with
// a blank between them; text that no token stands for is blank. Tags are IOB2; an I- that follows nothing of its label opens a mention.
func (r *reader) conll(path string) error {
	content, err := readMarks(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	var d conllDocument
	documents := 0
	finish := func() {
		if d.points == 0 {
			return
		}
		if d.id == "" {
			d.id = name
			if documents > 0 {
				d.id += "-" + strconv.Itoa(documents)
			}
		}
		documents++
		r.add(d.id, d.text.String(), d.spans)
	}
	for number, line := range lines(content) {
		fields := strings.Split(line, "\t")
		switch {
		case fields[0] == documentLine:
			finish()
			d = conllDocument{}
			if len(fields) > 1 && fields[1] != "O" && fields[1] != "-X-" { // columns of files that name no document
				d.id = fields[1]
			}
		case line == "":
			d.open = false // a mention ends with its sentence
		case !d.add(fields):
			r.fault(path, number, "not a token with its tag")
		}
	}
	finish()
	return nil
}

// conllDocument is a document in the making.
type conllDocument struct {
	id     string
	text   strings.Builder
	points int // code points in text
	spans  []Span
	open   bool // whether the last token was in the last span
}

// add puts a row at the end; it reports whether it is one.
func (d *conllDocument) add(fields []string) bool {
	token, tag := fields[0], fields[len(fields)-1]
	length := utf8.RuneCountInString(token)
	at := d.points
	switch len(fields) {
	case 2:
		if d.points > 0 {
			at++
		}
	case 4:
		start, errStart := strconv.Atoi(fields[1])
		end, errEnd := strconv.Atoi(fields[2])
		if !isNumber(fields[1]) || !isNumber(fields[2]) || errStart != nil || errEnd != nil ||
			end-start != length || start < d.points || start-d.points > maxGap {
			return false
		}
		at = start
	default:
		return false
	}
	if token == "" || !iob.MatchString(tag) {
		return false
	}
	prefix, label, _ := strings.Cut(tag, "-")
	d.text.WriteString(strings.Repeat(" ", at-d.points))
	start := d.text.Len()
	d.text.WriteString(token)
	d.points = at + length
	if tag == "O" {
		d.open = false
		return true
	}
	if last := len(d.spans) - 1; prefix == "I" && d.open && d.spans[last].Label == label {
		d.spans[last].End = d.text.Len()
	} else {
		d.spans = append(d.spans, Span{start, d.text.Len(), label})
	}
	d.open = true
	return true
}
