package nlp

import (
	"context"
	"fmt"
	"strings"
)

// Coding is a concept of a code system that a mention may mean.
type Coding struct {
	System  string // canonical URL
	Version string // empty where it is not known
	Code    string
	Display string
	// Score is how probable it is that the mention means the concept, 0 to 1.
	Score float64
	// Chosen says that it is sure enough to be written: at most one of each system.
	Chosen bool
	// Leaf says that the code may be written: it is no heading of a classification.
	Leaf bool
	// Mapped says that it was not found by the mention's words, but corresponds to a concept that was.
	Mapped bool
}

// Mention is a mention as a Coder sees it.
type Mention struct {
	Kind Kind
	// Names are what the mention is called: written out, as it stands, and with what the note itself defines written out. The first is never
	// empty.
	Names []string
	// Modifiers are what the note says of it elsewhere in the sentence: side, site, severity, strength, form.
	Modifiers []string
	// Section is the LOINC code of the section, empty for none.
	Section string
}

// Coder gives mentions their codes. It may be called from several goroutines at once.
type Coder interface {
	// Code gives what each of some mentions may mean, the best first. The lists are as many as the mentions.
	Code(ctx context.Context, mentions []Mention) ([][]Coding, error)
}

// Code is the stage that gives concepts their codes. It fills Codings. What the Coder cannot be asked is a remark, not an error: a note
// without codes is better than none.
type Code struct{ Coder Coder }

// coded are the kinds of mention that have codes.
var coded = map[Kind]bool{KindProblem: true, KindFamily: true, KindDrug: true, KindProcedure: true, KindTest: true}

// maxModifiers bounds the words that say more about a mention.
const maxModifiers = 6

// Annotate implements Annotator.
func (c Code) Annotate(ctx context.Context, d *Document) error {
	modifiers := map[int][]string{}
	for _, r := range d.Relations {
		if r.Kind == Modify && d.Entities[r.From].Kind == KindModifier && len(modifiers[r.To]) < maxModifiers && !d.Apart(d.Entities[r.From], d.Entities[r.To]) {
			modifiers[r.To] = append(modifiers[r.To], d.Mention(d.Entities[r.From]))
		}
	}
	var mentions []Mention
	var owners [][]int // the entities that are meant
	known := map[string]int{}
	for i, e := range d.Entities {
		if !coded[e.Kind] {
			continue
		}
		m := d.Described(i)
		m.Modifiers = append(m.Modifiers, modifiers[i]...)
		key := fmt.Sprintf("%d\x1f%s\x1f%s\x1f%s", m.Kind, strings.Join(m.Names, "\x1e"), strings.Join(m.Modifiers, "\x1e"), m.Section)
		at, found := known[key]
		if !found {
			at = len(mentions)
			known[key] = at
			mentions, owners = append(mentions, m), append(owners, nil)
		}
		owners[at] = append(owners[at], i)
	}
	if len(mentions) == 0 {
		return nil
	}
	codings, err := c.Coder.Code(ctx, mentions)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		d.Remarks = append(d.Remarks, "codes are missing: "+err.Error())
	}
	for at, list := range codings {
		for _, i := range owners[at] {
			d.Entities[i].Codings = list
		}
	}
	return nil
}

// Described gives an entity as a Coder sees it, without what modifies it.
func (d *Document) Described(entity int) Mention {
	e := d.Entities[entity]
	m := Mention{Kind: e.Kind}
	if e.Section >= 0 && e.Section < len(d.Sections) {
		m.Section = d.Sections[e.Section].Code
	}
	said := d.Mention(e)
	for _, name := range []string{e.Normal, said, d.spelledOut(said)} {
		if name != "" && (len(m.Names) == 0 || name != m.Names[0] && name != m.Names[len(m.Names)-1]) {
			m.Names = append(m.Names, name)
		}
	}
	if s := e.Sig; s != nil {
		for _, dosage := range s.Dosage {
			if q := dosage.Strength; q != nil {
				m.Modifiers = append(m.Modifiers, q.Value.String()+" "+q.Unit)
			}
		}
	}
	return m
}

// spelledOut writes out, in a mention, the acronyms that the note defines.
func (d *Document) spelledOut(said string) string {
	if len(d.defined) == 0 {
		return said
	}
	parts := strings.Fields(said)
	for i, part := range parts {
		if long := d.defined[strings.Trim(part, ",;.()")]; long != "" {
			parts[i] = long
		}
	}
	return strings.Join(parts, " ")
}
