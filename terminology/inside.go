package terminology

import (
	"strings"

	"charthand/nlp"
	"charthand/terminology/index"
	"charthand/terminology/words"
)

// Named is a code that is inside the binary, with its names. What stands in a name as a choice ("(a|b)") is no name to be found by.
type Named struct {
	System, Code, Display string
	Kinds                 index.Kinds
	Names                 []string
}

// inside are the codes inside the binary, by their names in plain form.
type inside map[string][]Named

func newInside(list []Named) inside {
	byName := inside{}
	for _, one := range list {
		seen := map[string]bool{}
		for _, name := range append([]string{one.Display}, one.Names...) {
			if strings.ContainsAny(name, "(|[") {
				continue
			}
			if plain := words.Plain(name); plain != "" && !seen[plain] {
				seen[plain] = true
				byName[plain] = append(byName[plain], one)
			}
		}
	}
	return byName
}

// code gives what is inside under one of a mention's names.
func (in inside) code(m nlp.Mention, kinds index.Kinds) []nlp.Coding {
	for _, name := range m.Names {
		var list []nlp.Coding
		for _, one := range in[words.Plain(name)] {
			if one.Kinds&kinds != 0 {
				list = append(list, nlp.Coding{System: one.System, Code: one.Code, Display: one.Display, Score: 1})
			}
		}
		if len(list) > 0 {
			list[0].Chosen = len(list) == 1
			return list
		}
	}
	return nil
}
