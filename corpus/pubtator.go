package corpus

import (
	"regexp"
	"strconv"
	"strings"
)

// headLine is the title or the abstract of a document: ID|t|… or ID|a|…
var headLine = regexp.MustCompile(`^(\S+)\|([ta])\|(.*)$`)

// pubtator reads a file of documents, each its title, its abstract, and a line for each mention: ID TAB start TAB end TAB
// words TAB type TAB identifier. Offsets are code points of title and abstract with one character between them. Relations
// are passed over.
func (r *reader) pubtator(path string) error {
	content, err := readMarks(path)
	if err != nil {
		return err
	}
	var id, title, abstract, text string
	var found []Span
	var offsets []int // of text; nil where it has to be put together anew
	finish := func() {
		if id != "" {
			r.add(id, title+"\n"+abstract, found)
		}
		id, title, abstract, found, offsets = "", "", "", nil, nil
	}
	for number, line := range lines(content) {
		if strings.TrimSpace(line) == "" {
			finish()
			continue
		}
		if head := headLine.FindStringSubmatch(line); head != nil {
			if id != head[1] {
				finish()
				id = head[1]
			}
			if head[2] == "t" {
				title = head[3]
			} else {
				abstract = head[3]
			}
			offsets = nil
			continue
		}
		fields := strings.Split(line, "\t")
		if id == "" || fields[0] != id {
			r.fault(path, number, "an annotation without its document")
			continue
		}
		if len(fields) == 4 && !isNumber(fields[1]) {
			continue // a relation: ID TAB CID TAB concept TAB concept
		}
		if len(fields) < 5 || !isNumber(fields[1]) || !isNumber(fields[2]) {
			r.fault(path, number, "not a line of PubTator")
			continue
		}
		if offsets == nil {
			text = title + "\n" + abstract
			offsets = byteOffsets(text)
		}
		places := bounds(fields[1]+" "+fields[2], offsets)
		if len(places) == 0 || text[places[0].Start:places[0].End] != fields[3] {
			r.fault(path, number, "the mention is not at that place of the text")
			continue
		}
		found = append(found, Span{places[0].Start, places[0].End, fields[4]})
	}
	finish()
	return nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}
