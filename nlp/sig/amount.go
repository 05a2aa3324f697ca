package sig

import (
	"encoding/json"
	"math/big"
	"strings"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// amount is a quantity, or a range of two, with its unit.
type amount struct {
	low, high json.Number
	unit      string
}

// amount reads how much is given, how strong it is or how fast.
func (p *parser) amount(i int) int {
	low, high, next := p.number(i)
	if next == i {
		return i
	}
	if m, ok := p.forms.Longest(p.text, p.adjectives(next), p.to); ok {
		return p.counted(amount{low, high, p.formCodes[m.ID]}, i, m.To)
	}
	if after := p.ofStrength(amount{low, high, ""}, i, next); after > next {
		return after
	}
	unit, after := p.units.At(p.text, next, p.to)
	if unit == "" {
		return i
	}
	switch unit {
	case "s", "min", "h", "d", "wk", "mo", "a", "[degF]", "Cel", "mm[Hg]", "/min", "cm", "m", "[in_i]", "[ft_i]", "[oz_av]", "[lb_av]", "kg", "deg":
		return i
	}
	unit = international(unit)
	quantity := amount{low, high, unit}
	if p.is(after, "/") && p.text.Joined(after) { // "400 mg/5 mL"
		if per, end := measure.NumberAt(p.text, after+1, p.to); end > after+1 {
			if volume, last := p.units.At(p.text, end, p.to); volume != "" {
				p.step.strength = amount{quotient(low, per), "", unit + "/" + volume}
				return last
			}
		}
	}
	return p.measured(quantity, i, after)
}

// international gives units of a drug their code: "units" of insulin are international units, not those of enzymes.
func international(unit string) string {
	if unit == "U" {
		return "[iU]"
	}
	if rest, per := strings.CutPrefix(unit, "U/"); per {
		return "[iU]/" + rest
	}
	return unit
}

// ofStrength reads what follows a number of forms: "one [325 mg tablet]", "2 [of the 5 mg tablets]", "2 [x 500 mg tablets]".
func (p *parser) ofStrength(count amount, from, i int) int {
	at := i
	for p.is(at, "of", "the", "x", "a") {
		at++
	}
	strength, next := measure.NumberAt(p.text, at, p.to)
	if next == at {
		return i
	}
	unit, after := p.units.At(p.text, next, p.to)
	if unit == "" || isVolume(unit) {
		return i
	}
	m, ok := p.forms.Longest(p.text, p.adjectives(after), p.to)
	if !ok {
		return i
	}
	p.again(from, p.step.count)
	count.unit = p.formCodes[m.ID]
	p.step.count, p.step.strength = count, amount{strength, "", unit}
	return m.To
}

// adjectives passes over the word between a number and a form: "1 DS tab", "2 chewable tablets".
func (p *parser) adjectives(i int) int {
	for skip := range 3 {
		if _, ok := p.forms.Longest(p.text, i+skip, p.to); ok {
			return i + skip
		}
		if i+skip >= p.to || p.text.Tokens[i+skip].Kind != text.Word {
			break
		}
		if unit, next := p.units.At(p.text, i+skip, p.to); unit != "" && next > i+skip && unit != "d" {
			break
		}
	}
	return i
}

// counted takes in a number of tablets, puffs, drops.
func (p *parser) counted(count amount, i, next int) int {
	if count.unit == "{dose}" {
		if n := whole(count.low); n > 0 && count.high == "" {
			p.step.repeat.Count = n
			p.step.timed = true
		}
		return next
	}
	p.again(i, p.step.count)
	if p.step.count.empty() {
		p.step.count = count
	}
	return next
}

// again begins a new step where a dose is named and the step has one already, and says when.
func (p *parser) again(i int, had amount) {
	if p.step.timed && (!had.empty() || p.step.dosed() && p.step.form == "") {
		if p.step.strength.empty() && p.step.count.empty() && !p.step.mass.empty() && had.empty() {
			return // "50 mg daily, 1 tab"
		}
		p.close(i)
	}
}

// measured takes in a mass, a volume, a strength or a rate.
func (p *parser) measured(quantity amount, i, next int) int {
	perWeight := strings.Contains(quantity.unit, "/kg")
	switch {
	case strings.HasSuffix(quantity.unit, "/h") || strings.HasSuffix(quantity.unit, "/min"):
		if m, ok := p.forms.Longest(p.text, next, p.to); ok {
			p.step.strength, p.step.form = quantity, p.formCodes[m.ID]
			return m.To
		}
		p.again(i, p.step.rate)
		if !p.step.rate.empty() || p.step.dosed() && p.step.timed {
			p.close(i)
		}
		p.step.rate = quantity
		return next
	case strings.HasSuffix(quantity.unit, "/d") && !perWeight:
		quantity.unit = strings.TrimSuffix(quantity.unit, "/d")
		if !p.divided(next) {
			p.setFrequency(1, 0, "1", "", "d")
		}
	case quantity.unit == "%" || quantity.unit == "mg/mL" || strings.HasSuffix(quantity.unit, "/mL"):
		p.step.strength = quantity
		return next
	case quantity.unit == "{dose}":
		return next
	}
	quantity.unit = strings.TrimSuffix(quantity.unit, "/{dose}")
	if p.is(next, "/") && p.is(next+1, "dose") {
		next += 2
	}
	if p.is(next, "total") || p.is(next, "each") && p.step.strength.empty() && p.inBrackets(i) {
		if p.is(next, "each") {
			p.step.strength = quantity
		}
		return next + 1
	}
	if !p.step.count.empty() && p.inBrackets(i) {
		if p.step.strength.empty() {
			p.step.strength = quantity
		}
		return next
	}
	if p.diluent(i) {
		return next
	}
	p.again(i, p.step.mass)
	if !p.step.mass.empty() && p.step.count.empty() && p.step.form != "" && p.step.strength.empty() && isVolume(quantity.unit) {
		p.step.strength = p.step.mass
	}
	p.step.mass = quantity
	return next
}

func isVolume(unit string) bool { return unit == "mL" || unit == "L" }

// divided reports whether "in 3 divided doses" follows.
func (p *parser) divided(i int) bool {
	for j := i; j < min(i+6, p.to); j++ {
		if p.is(j, "divided") {
			return true
		}
	}
	return false
}

// inBrackets reports whether token i stands right after an opening bracket.
func (p *parser) inBrackets(i int) bool { return p.is(i-1, "(", "[") }

// diluent reports whether an amount is that of the fluid that a drug is given in.
func (p *parser) diluent(i int) bool {
	return (p.is(i-1, "in") || p.is(i-1, "with")) && p.step.dosed()
}

// quotient divides two numbers.
func quotient(a, b json.Number) json.Number {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	if !okX || !okY || y.Sign() == 0 {
		return a
	}
	return measure.Decimal(x.Quo(x, y))
}
