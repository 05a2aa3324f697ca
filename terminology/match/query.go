package match

import (
	"slices"

	"charthand/terminology/index"
	"charthand/terminology/words"
)

// Query is a mention made ready to be looked up in any index. It belongs to one goroutine.
type Query struct {
	// Names are the mention's words, as they stand and written out.
	Names []string
	// Kinds are the kinds of concept that are meant.
	Kinds index.Kinds

	wordings  []wording
	modifiers []words.Word
	said      []string // the modifiers as they were said
}

// wording is one form of a mention.
type wording struct {
	plain     string
	formed    []words.Word
	key       uint32
	otherwise int // as Features has it
}

// Ask makes a query. Names are the mention's words, as they stand and written out; what else the mention may be called is added. Modifiers
// are words that stand elsewhere in the note: they choose among concepts, and count for nothing where none has them. section is the LOINC code of
// where the mention stands.
func Ask(former *words.Former, sayings *Sayings, names, modifiers []string, section string, kinds index.Kinds) *Query {
	q := &Query{Names: names, Kinds: kinds, said: modifiers}
	if meaning := sayings.In(section, names); meaning != "" { // there it means that, and not what it says
		q.Names = []string{meaning}
		names = q.Names
		section = ""
	}
	for _, name := range names {
		q.add(former, name, 0)
	}
	for i, name := range sayings.Otherwise(names, section) {
		q.add(former, name, min(2, i+1))
	}
	for _, modifier := range modifiers {
		q.modifiers = append(q.modifiers, former.Form(modifier)...)
	}
	return q
}

func (q *Query) add(former *words.Former, name string, otherwise int) {
	formed := former.Form(name)
	if len(formed) == 0 || slices.ContainsFunc(q.wordings, func(w wording) bool { return slices.Equal(w.formed, formed) }) {
		return
	}
	q.wordings = append(q.wordings, wording{plain: words.Plain(name), formed: formed, key: index.WordsKey(needed(formed)), otherwise: otherwise})
}
