// Package gold reads mentions whose codes are known, to calibrate the lookup and to measure it: abstracts of NCBI disease and BC5CDR with the
// identifiers of their mentions, and phrases of one's own.
package gold

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"charthand/nlp"
	"charthand/note"
	"charthand/terminology/index"
)

// Mention is a mention with what it means.
type Mention struct {
	nlp.Mention
	// IDs are identifiers, "MESH:D003924"; several are all meant.
	IDs []string
}

// Describer gives texts to the stages that follow the model.
type Describer struct{ stages nlp.Pipeline }

// NewDescriber makes a Describer.
func NewDescriber() (*Describer, error) {
	stages, err := nlp.Understanding()
	return &Describer{stages}, err
}

// Phrase gives a phrase that is a mention as a whole.
func (d *Describer) Phrase(ctx context.Context, text, label string) (nlp.Mention, error) {
	doc := nlp.NewDocument(note.NewText(text), time.Time{})
	doc.Entities = []nlp.Entity{{Span: nlp.Span{End: len(text)}, Label: label, Score: 1}}
	if err := d.stages.Annotate(ctx, doc); err != nil {
		return nlp.Mention{}, err
	}
	return doc.Described(0), nil
}

// marked is a mention in an abstract, by code points.
type marked struct {
	start, end int
	ids        []string
}

// Abstracts reads PubTator, and gives the mentions of diseases in their abstracts.
func (d *Describer) Abstracts(ctx context.Context, path string) ([]Mention, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Mention
	text := ""
	var mentions []marked
	finish := func() error {
		found, err := d.abstract(ctx, text, mentions)
		all, text, mentions = append(all, found...), "", nil
		return err
	}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Text()
		if _, title, found := strings.Cut(line, "|t|"); found {
			if err := finish(); err != nil {
				return nil, err
			}
			text = title
			continue
		}
		if _, body, found := strings.Cut(line, "|a|"); found {
			text += "\n" + body
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) < 6 || columns[4] == "Chemical" {
			continue
		}
		start, errStart := strconv.Atoi(columns[1])
		end, errEnd := strconv.Atoi(columns[2])
		if err := errors.Join(errStart, errEnd); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		m := marked{start: start, end: end}
		for id := range strings.FieldsFuncSeq(columns[5], func(r rune) bool { return r == '|' || r == '+' }) {
			if id = strings.TrimSpace(id); !strings.Contains(id, ":") {
				id = "MESH:" + id
			}
			m.ids = append(m.ids, id)
		}
		mentions = append(mentions, m)
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return all, finish()
}

func (d *Describer) abstract(ctx context.Context, text string, mentions []marked) ([]Mention, error) {
	runes := []rune(text)
	doc := nlp.NewDocument(note.NewText(text), time.Time{})
	for _, m := range mentions {
		doc.Entities = append(doc.Entities, nlp.Entity{Span: nlp.Span{Start: len(string(runes[:m.start])), End: len(string(runes[:m.end]))}, Label: "Disease_disorder", Score: 1})
	}
	if err := d.stages.Annotate(ctx, doc); err != nil {
		return nil, err
	}
	list := make([]Mention, len(mentions))
	for i, m := range mentions {
		list[i] = Mention{doc.Described(i), m.ids}
	}
	return list, nil
}

// prefixes are those of the identifiers of the corpora, by system.
var prefixes = map[string]string{"http://terminology.hl7.org/CodeSystem/MSH": "MESH:", "http://www.omim.org": "OMIM:"}

// IDs gives the MeSH and OMIM identifiers of a concept of Disease Ontology.
func IDs(x *index.Index, concept uint32) []string {
	var ids []string
	for _, m := range x.Maps(concept) {
		if prefix := prefixes[m.System]; prefix != "" {
			ids = append(ids, prefix+m.Code)
		}
	}
	return ids
}

// Known gives all identifiers that the ontology has.
func Known(x *index.Index) map[string]bool {
	known := map[string]bool{}
	for c := range uint32(x.Meta.Concepts) { //nolint:gosec // concepts are numbered with 32 bits
		for _, id := range IDs(x, c) {
			known[id] = true
		}
	}
	return known
}

// Near gives the identifiers of a concept, or of what stands right above it where it has none: the corpora have coarser ones.
func Near(x *index.Index, concept uint32) []string {
	at := []uint32{concept}
	for range 3 {
		var ids []string
		var above []uint32
		for _, c := range at {
			ids = append(ids, IDs(x, c)...)
			above = x.Parents(c, above)
		}
		if len(ids) > 0 {
			return ids
		}
		at = above
	}
	return nil
}

// Means reports whether one of some identifiers is meant.
func (m Mention) Means(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(m.IDs, id) })
}

// Table reads a table of tab-separated columns without its line of names.
func Table(path string) ([][]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(data)) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	return rows[1:], nil
}
