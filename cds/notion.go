package cds

import (
	"slices"
	"strings"
	"unicode"

	"charthand/mapping/resource"
	"charthand/nlp/concept"
	"charthand/nlp/text"
	"charthand/terminology/words"
)

// notion is what an entry speaks of, in forms that can be compared.
type notion struct {
	list    list
	display string // as it is written
	codes   []resource.Code
	// names are what it is called, each as the sorted words that it needs.
	names [][]string
	// drugs are the parts of each name of a drug, each as its words in order.
	drugs [][][]string
}

// notionOf reads a concept, nil for none.
func (f *Finder) notionOf(of list, c *resource.CodeableConcept) notion {
	n := notion{list: of}
	if c == nil {
		return n
	}
	f.call(&n, c.Text)
	for _, code := range c.Coding {
		if code.Code != "" {
			n.codes = append(n.codes, resource.Code{System: code.System, Code: code.Code})
		}
		f.call(&n, code.Display)
	}
	return n
}

// call adds what a notion is called.
func (f *Finder) call(n *notion, name string) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		return
	}
	if n.display == "" {
		n.display = name
	}
	if n.list == medications {
		var parts [][]string
		for _, part := range strings.FieldsFunc(strings.ReplaceAll(name, " and ", "/"), func(r rune) bool { return strings.ContainsRune("/-[](),+;", r) }) {
			if written := drugWords(f.words(concept.Drug, part)); len(written) > 0 {
				parts = append(parts, written)
			}
		}
		if len(parts) > 0 {
			n.drugs = append(n.drugs, parts)
		}
		return
	}
	kind := concept.Problem
	if n.list == allergies {
		kind = concept.Drug
	}
	formed := f.words(kind, name)
	if n.list == allergies { // "penicillin allergy", "allergy to penicillin"
		formed = slices.DeleteFunc(formed, func(word string) bool { return strings.HasPrefix(word, "allerg") })
	}
	slices.Sort(formed)
	if formed = slices.Compact(formed); len(formed) > 0 {
		n.names = append(n.names, formed)
	}
}

// words gives the words that a name needs, its abbreviations written out.
func (f *Finder) words(kind concept.Kind, name string) (needed []string) {
	t := text.New(name)
	normal := f.normalizer.Normal(t, concept.Mention{Span: text.Span{End: len(name)}, Kind: kind}, nil)
	all := f.former.Form(normal)
	for _, word := range all {
		if !word.Optional {
			needed = append(needed, word.Text)
		}
	}
	if len(needed) == 0 { // "disease" alone
		for _, word := range all {
			needed = append(needed, word.Text)
		}
	}
	return needed
}

// drugWords gives the words of a drug's name without its amount: "24 HR metformin 500 MG Oral Tablet" is metformin.
func drugWords(list []string) []string {
	begins := func(word string) bool { return unicode.IsDigit(rune(word[0])) }
	for len(list) > 2 && begins(list[0]) {
		list = list[2:]
	}
	for i, word := range list {
		if i > 0 && begins(word) {
			return list[:i]
		}
	}
	return list
}

// isEmpty reports whether nothing can be compared.
func (n *notion) isEmpty() bool { return len(n.codes)+len(n.names)+len(n.drugs) == 0 }

// is reports whether two notions of one list are the same. Codes decide where both have some of one system; but a drug's may be those of its
// ingredient or of a tablet, and an allergy's those of the substance or of being allergic to it, so that their names count as well.
func (n *notion) is(other *notion) bool {
	shareSystem := false
	for _, code := range n.codes {
		for _, with := range other.codes {
			if isCode(code, with) {
				return true
			}
			shareSystem = shareSystem || code.System == with.System
		}
	}
	if shareSystem && n.list == problems {
		return false
	}
	for _, name := range n.names {
		if slices.ContainsFunc(other.names, func(with []string) bool { return slices.Equal(name, with) }) {
			return true
		}
	}
	for _, name := range n.drugs {
		if slices.ContainsFunc(other.drugs, func(with [][]string) bool { return isDrugIn(name, with) }) {
			return true
		}
	}
	return false
}

// isDrugIn reports whether each part of a drug's name is one of another's: they begin alike, and the one has the words of the other, as "metoprolol"
// and "metoprolol succinate" do, "calcium" and "atorvastatin calcium" not.
func isDrugIn(name, other [][]string) bool {
	for _, part := range name {
		if !slices.ContainsFunc(other, func(with []string) bool { return part[0] == with[0] && (hasAll(part, with) || hasAll(with, part)) }) {
			return false
		}
	}
	return true
}

func hasAll(list, some []string) bool {
	for _, word := range some {
		if !slices.Contains(list, word) {
			return false
		}
	}
	return true
}

// newFormers makes what names are compared with.
func newFormers() (*concept.Normalizer, *words.Former, error) {
	normalizer, err := concept.Default()
	if err != nil {
		return nil, nil, err
	}
	former, err := words.Default()
	return normalizer, former, err
}
