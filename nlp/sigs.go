package nlp

import (
	"context"
	"strings"

	"charthand/nlp/sig"
	"charthand/nlp/text"
)

// Sigs is the stage that reads how each drug is to be taken, from the words after its name. It fills Sig.
type Sigs struct {
	reader *sig.Reader
}

// newSigs makes the stage, with the words inside the binary.
func newSigs() (*Sigs, error) {
	reader, err := sig.Default()
	if err != nil {
		return nil, err
	}
	return &Sigs{reader}, nil
}

// Annotate implements Annotator.
func (s *Sigs) Annotate(_ context.Context, d *Document) error {
	before := map[int]int{} // drug → where the first of what modifies it begins, if that is before it
	for _, r := range d.Relations {
		from, to := d.Entities[r.From], d.Entities[r.To]
		if r.Kind != Modify || to.Kind != KindDrug || from.End > to.Start {
			continue
		}
		if at, known := before[r.To]; !known || from.Start < at {
			before[r.To] = from.Start
		}
	}
	for i := range d.Entities {
		e := &d.Entities[i]
		if e.Kind != KindDrug {
			continue
		}
		e.Sig = s.read(d, i)
		if at, led := before[i]; e.Sig == nil && led {
			covered := d.Words.Cover(e.Span)
			if from := d.Words.At(at); !s.isParted(d, i, from, covered.From) && d.sentence(from) == d.sentence(covered.From) && covered.From-from < maxSig {
				e.Sig = s.reader.Read(d.Words, from, covered.From)
			}
		}
	}
	return nil
}

// isParted reports whether a bracket or another drug stands among tokens [from, to) before drug i: they speak of something else.
func (s *Sigs) isParted(d *Document, i, from, to int) bool {
	if i > 0 && d.Entities[i-1].Kind == KindDrug && d.Entities[i-1].Start >= int(d.Words.Tokens[from].Start) {
		return true
	}
	for token := from; token < to; token++ {
		if word := d.Words.Word(token); word == "(" || word == ")" {
			return true
		}
	}
	return false
}

// read reads what follows mention i.
func (s *Sigs) read(d *Document, i int) *sig.Sig {
	covered := d.Words.Cover(d.Entities[i].Span)
	if covered.From == covered.To { // a mention of blanks
		return nil
	}
	if to := s.end(d, i, covered, d.sentence(covered.To-1)); covered.To < to {
		return s.reader.Read(d.Words, covered.To, to)
	}
	return nil
}

// sentence gives the sentence that a token stands in.
func (d *Document) sentence(token int) int { return text.RunAt(d.Sentences, token) }

// end gives the token before which the words about drug i end: the next drug, or what ends its sentence and is no part of a sig.
func (s *Sigs) end(d *Document, i int, covered text.Run, sentence int) int {
	from, to := covered.To, len(d.Words.Tokens)
	if sentence < len(d.Sentences) {
		to = d.Sentences[sentence].To
	}
	// A line of a list of drugs is cut at its full stops, but goes on.
	if s.isListed(d, i, covered.From) {
		for next := sentence + 1; next < len(d.Sentences) && next < sentence+4; next++ {
			run := d.Sentences[next]
			if d.Words.Tokens[run.From].Line != d.Words.Tokens[run.From-1].Line {
				break
			}
			to = run.To
		}
	}
	for j := i + 1; j < len(d.Entities) && (to >= len(d.Words.Tokens) || d.Entities[j].Start < int(d.Words.Tokens[to].Start)); j++ {
		if d.Entities[j].Kind == KindDrug && d.Entities[j].Start >= d.Entities[i].End {
			to = min(to, d.Words.At(d.Entities[j].Start))
			break
		}
	}
	to = min(to, from+maxSig)
	for i := from + 1; i < to; i++ {
		switch word := d.Words.Word(i); {
		case word == "," && d.Words.Word(i-1) == ".": // how dictated notes end a paragraph
			to = i
		case (word == "and" || word == "but" || word == "which") && i+1 < to && clauses[d.Words.Word(i+1)]:
			to = i
		}
	}
	for to > from && (trailing[d.Words.Word(to-1)] || d.Words.Tokens[to-1].Kind == text.Sign && (strings.IndexByte(",;-", d.Words.Body[d.Words.Tokens[to-1].Start]) >= 0 || s.finalStop(d.Words, from, to))) {
		to--
	}
	return to
}

// isListed reports whether drug i, which begins at a token, is an item of a list: the first word of its line, after a number or a bullet or
// under a heading of drugs.
func (s *Sigs) isListed(d *Document, i, at int) bool {
	t := d.Words
	for back := 1; back <= 3; back++ {
		if at-back < 0 || t.Tokens[at-back].Line != t.Tokens[at].Line {
			return back > 1 || inMedications(d, d.Entities[i].Section)
		}
		if t.Tokens[at-back].Kind == text.Word {
			return false
		}
	}
	return false
}

// clauses are words that begin another clause after "and": what follows is no part of a sig.
var clauses = map[string]bool{"it": true, "he": true, "she": true, "they": true, "was": true, "were": true, "has": true, "had": true, "is": true, "did": true, "this": true, "that": true, "his": true, "her": true, "the": true,
	"transferred": true, "discharged": true, "there": true}

// trailing are words that end no sig: what they belong to comes after it.
var trailing = map[string]bool{"and": true, "or": true, "from": true, "on": true, "not": true, "taking": true, "stop": true, "start": true, "continue": true, "hold": true, "restart": true, "(": true, "with": true, "to": true}

// finalStop reports whether the last of tokens [from, to) is a full stop that is no abbreviation's ("p.r.n.").
func (s *Sigs) finalStop(t *text.Text, from, to int) bool {
	return t.Word(to-1) == "." && (to-3 < from || t.Word(to-3) != ".")
}

// maxSig bounds the words about one drug, in tokens.
const maxSig = 80
