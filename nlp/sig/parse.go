package sig

import (
	"encoding/json"
	"strings"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// Read reads the sig that stands at tokens [from, to), nil where nothing of it is understood.
func (r *Reader) Read(t *text.Text, from, to int) *Sig {
	p := &parser{Reader: r, text: t, from: from, to: to}
	p.begin(from)
	for i := from; i < to; {
		i = p.next(i)
	}
	p.close(to)
	if len(p.steps) == 0 {
		return nil
	}
	if len(p.steps) > 1 {
		for i := range p.steps {
			p.steps[i].Sequence = i + 1
		}
	}
	return &Sig{Dosage: p.steps}
}

func (a amount) empty() bool { return a.low == "" }

// step is a Dosage on its way.
type step struct {
	start         int // token
	mass          amount
	count         amount // of forms: tablets, puffs
	strength      amount
	rate          amount
	form          string // a form was named without a number
	repeat        Repeat
	route         *measure.CodeableConcept
	asNeeded      bool
	reason        string
	max           *measure.Ratio
	timed, filled bool
}

// parser reads one sig.
type parser struct {
	*Reader
	text     *text.Text
	from, to int
	step     step
	steps    []Dosage
	named    []string // the days of the week of all steps
	reason   int      // the token after the last "for" that nothing has followed, 0 for none
}

func (p *parser) word(i int) string {
	if i >= p.from && i < p.to {
		return p.text.Word(i)
	}
	return ""
}

// is reports whether the word at a token is one of some.
func (p *parser) is(i int, words ...string) bool {
	word := p.word(i)
	for _, w := range words {
		if w == word && w != "" {
			return true
		}
	}
	return false
}

func (p *parser) begin(i int) { p.step = step{start: i} }

// close ends the step before token i, if it says anything.
func (p *parser) close(i int) {
	if p.step.filled {
		p.steps = append(p.steps, p.step.dosage(strings.TrimSpace(p.text.Body[p.text.Tokens[p.step.start].Start:p.text.Tokens[max(i-1, p.step.start)].End])))
	}
	p.begin(i)
}

// next reads what stands at token i, and gives the token after it.
func (p *parser) next(i int) int {
	if m, ok := p.then.Longest(p.text, i, p.to); ok {
		if p.step.timed || p.step.dosed() {
			p.close(i)
			p.step.start = m.To
		}
		return m.To
	}
	if m, ok := p.asides.Longest(p.text, i, p.to); ok {
		return p.pass(m.To)
	}
	for _, try := range []func(int) int{p.maximum, p.prn, p.over, p.course, p.times, p.every, p.onceOnly, p.offset, p.weekday, p.clock, p.frequency, p.route, p.eventTiming, p.amount} {
		if next := try(i); next > i {
			p.step.filled = true
			p.reason = 0
			return next
		}
	}
	if p.is(i, "for") {
		p.reason = i + 1
	}
	if m, ok := p.forms.Longest(p.text, i, p.to); ok && !p.step.mass.empty() && p.step.count.empty() {
		p.step.form = p.formCodes[m.ID]
		return m.To
	}
	return i + 1
}

// pass gives the token after what is no part of the sig: the next comma, bracket or full stop.
func (p *parser) pass(i int) int {
	for ; i < p.to; i++ {
		if p.text.Tokens[i].Kind == text.Sign && strings.IndexByte(",;.)", p.text.Body[p.text.Tokens[i].Start]) >= 0 {
			break
		}
	}
	return i
}

// dosed reports whether a step says how much.
func (s *step) dosed() bool { return !s.mass.empty() || !s.count.empty() || !s.rate.empty() }

// number reads a number or a range of two, with the same number again in brackets: "one (1)".
func (p *parser) number(i int) (low, high json.Number, next int) {
	if p.is(i, "a", "an") && i+1 < p.to {
		if p.is(i+1, "half", "quarter") {
			low, next = measure.NumberAt(p.text, i+1, p.to)
			return low, "", p.skipA(next)
		}
		if _, ok := p.forms.Longest(p.text, i+1, p.to); ok {
			return "1", "", i + 1
		}
		return "", "", i
	}
	low, next = measure.NumberAt(p.text, i, p.to)
	if next == i {
		return "", "", i
	}
	if p.is(next, "of") && p.is(next+1, "a", "an") {
		next += 2
	}
	next = p.skipA(next)
	next = p.repeated(next)
	if p.is(next, "-", "–", "to", "or") {
		if second, after := measure.NumberAt(p.text, next+1, p.to); after > next+1 {
			return low, second, p.repeated(after)
		}
	}
	return low, "", next
}

// skipA passes over the article in "half a tablet".
func (p *parser) skipA(i int) int {
	if i > p.from && p.is(i-1, "half", "quarter") && p.is(i, "a", "of", "an") {
		i++
		if p.is(i, "a") {
			i++
		}
	}
	return i
}

// repeated passes over a number in brackets.
func (p *parser) repeated(i int) int {
	if p.is(i, "(") && i+2 < p.to {
		if _, next := measure.NumberAt(p.text, i+1, p.to); next > i+1 && p.is(next, ")") {
			return next + 1
		}
	}
	return i
}

// timeUnit reads a unit of time.
func (p *parser) timeUnit(i int) (string, int) {
	if p.is(i, "-") {
		i++
	}
	if p.is(i, "night", "nights") {
		return "d", i + 1
	}
	unit, next := p.units.At(p.text, i, p.to)
	switch unit {
	case "s", "min", "h", "d", "wk", "mo", "a":
		return unit, p.bracketed(next)
	}
	return "", i
}

// bracketed passes over "(s)" of "hour(s)".
func (p *parser) bracketed(i int) int {
	if p.is(i, "(") && p.is(i+1, "s") && p.is(i+2, ")") {
		return i + 3
	}
	return i
}

func (a amount) quantity() *measure.Quantity { return measure.NewQuantity(a.low, a.unit) }

func (a amount) rangeOf() *measure.Range {
	return &measure.Range{Low: measure.NewQuantity(a.low, a.unit), High: measure.NewQuantity(a.high, a.unit)}
}

// dosage makes the Dosage of a step.
func (s *step) dosage(words string) Dosage {
	d := Dosage{Text: words, Route: s.route, MaxDosePerPeriod: s.max}
	dose, strength := s.mass, s.strength
	if !s.count.empty() {
		if dose.low != "" && dose.high == "" && strength.empty() && !isVolume(dose.unit) {
			strength = dose
		}
		dose = s.count
	}
	var both DoseAndRate
	if !dose.empty() {
		if dose.high == "" {
			both.DoseQuantity = dose.quantity()
		} else {
			both.DoseRange = dose.rangeOf()
		}
	}
	if !s.rate.empty() {
		if s.rate.high == "" {
			both.RateQuantity = s.rate.quantity()
		} else {
			both.RateRange = s.rate.rangeOf()
		}
	}
	if both != (DoseAndRate{}) {
		d.DoseAndRate = []DoseAndRate{both}
	}
	if !strength.empty() {
		d.Strength = strength.quantity()
	}
	if repeat := s.repeat.valid(); !repeat.empty() {
		d.Timing = &Timing{repeat}
	}
	if s.reason != "" {
		d.AsNeededCodeableConcept = &measure.CodeableConcept{Text: s.reason}
	} else {
		d.AsNeededBoolean = s.asNeeded
	}
	return d
}
