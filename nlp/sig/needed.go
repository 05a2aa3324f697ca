package sig

import (
	"encoding/json"
	"strings"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// route reads a route; the first that is named counts.
func (p *parser) route(i int) int {
	m, ok := p.routes.Longest(p.text, i, p.to)
	if !ok {
		return i
	}
	if w, isWhen := p.when.Longest(p.text, i, p.to); isWhen && w.To > m.To {
		return i
	}
	if f, isForm := p.forms.Longest(p.text, i, p.to); isForm && f.To > m.To {
		return i
	}
	switch p.text.Body[p.text.Tokens[i].Start:p.text.Tokens[m.To-1].End] {
	case "as", "it", "id", "As", "It", "Id", "top", "ad", "od", "os", "pr", "td", "ou", "au": // words as well: small letters count only after an amount
		if !p.step.dosed() || p.is(i, "as", "it", "id", "top") {
			return i
		}
	}
	concept := p.routeConcepts[m.ID]
	if p.step.route == nil || p.stronger(concept) {
		p.step.route = &concept
	}
	return m.To
}

// The codes of routes that another word overrides: what is inhaled "by mouth" is not swallowed, a nebulizer's solution is inhaled.
const (
	oral    = "26643006"
	inhaled = "447694001"
	topical = "6064005"
)

// stronger reports whether a route says more than the one that is there.
func (p *parser) stronger(c measure.CodeableConcept) bool {
	code, now := c.Coding[0].Code, p.step.route.Coding[0].Code
	return code != now && (now == oral && code == inhaled || now == topical && code != oral)
}

// prn reads "as needed" and its reason, before or after it.
func (p *parser) prn(i int) int {
	m, ok := p.asNeeded.Longest(p.text, i, p.to)
	if !ok {
		return i
	}
	p.step.asNeeded = true
	before := p.reason
	next := m.To
	if p.is(next, ".") && p.text.Joined(next) {
		next++
	}
	at := next
	if p.is(at, ",", ":", "-") {
		at++
	}
	led := false
	if r, ok := p.reasons.Longest(p.text, at, p.to); ok {
		at, led = r.To, true
	}
	if end := p.reasonEnd(at, led); end > at {
		p.step.reason = p.words(at, end)
		return end
	}
	if before > 0 && before < i && p.step.reason == "" {
		p.step.reason = p.words(before, i)
	}
	return next
}

// words gives tokens as text, in lower case and with single blanks.
func (p *parser) words(from, to int) string {
	return strings.Join(strings.Fields(p.text.Lower[p.text.Tokens[from].Start:p.text.Tokens[to-1].End]), " ")
}

// maxReason bounds the length of a reason, in tokens.
const maxReason = 12

// reasonEnd gives the token that a reason ends before.
func (p *parser) reasonEnd(from int, led bool) int {
	i := from
	for ; i < p.to && i-from < maxReason; i++ {
		if i > from && p.text.Tokens[i].Line != p.text.Tokens[i-1].Line {
			return i
		}
		if m, ok := p.ends.Longest(p.text, i, p.to); ok && m.To > i {
			return i
		}
		token := p.text.Tokens[i]
		switch {
		case token.Kind == text.Sign && strings.IndexByte(".;():[]", p.text.Body[token.Start]) >= 0:
			return i
		case token.Kind == text.Sign && p.text.Body[token.Start] == ',':
			if !p.goesOn(i + 1) {
				return i
			}
		case p.is(i, "x", "×") && i+1 < p.to && p.text.Tokens[i+1].Kind == text.Number:
			return i
		case p.is(i, "for") && i > from:
			if _, next := measure.NumberAt(p.text, i+1, p.to); next > i+1 || p.is(i+1, "up") {
				return i
			}
		case i == from && !led && p.element(i):
			return i
		case i > from && p.element(i) && !p.is(i, "in") && token.Kind == text.Word:
			return i
		}
	}
	return i
}

// goesOn reports whether a reason goes on after a comma.
func (p *parser) goesOn(i int) bool {
	if i >= p.to || p.text.Tokens[i].Kind != text.Word {
		return false
	}
	if _, ok := p.ends.Longest(p.text, i, p.to); ok {
		return false
	}
	return !p.element(i)
}

// element reports whether something else of a sig begins at a token.
func (p *parser) element(i int) bool {
	for _, l := range []*text.Lexicon{p.frequencies, p.when, p.then, p.asNeeded, p.once} {
		if _, ok := l.Longest(p.text, i, p.to); ok {
			return true
		}
	}
	if m, ok := p.routes.Longest(p.text, i, p.to); ok && (m.To > i+1 || p.text.Tokens[i].End-p.text.Tokens[i].Start > 2 || p.is(i, "po", "iv", "im", "sc", "sq", "sl")) {
		return true
	}
	if p.is(i, "q", "every") {
		_, next := measure.NumberAt(p.text, i+1, p.to)
		return next > i+1
	}
	return false
}

// maximum reads "max 4 g/day", "not to exceed 3 tabs in 24 hours", "no more than 3 days".
func (p *parser) maximum(i int) int {
	at := i
	switch {
	case p.is(i, "max", "maximum", "nte", "limit"):
		at++
	case p.is(i, "not") && p.is(i+1, "to") && p.is(i+2, "exceed"), p.is(i, "no") && p.is(i+1, "more") && p.is(i+2, "than"), p.is(i, "do") && p.is(i+1, "not") && p.is(i+2, "exceed"):
		at += 3
	case p.is(i, "not") && p.is(i+1, "more") && p.is(i+2, "than"):
		at += 3
	case p.is(i, "do") && p.is(i+1, "not") && p.is(i+2, "take") && p.is(i+3, "more") && p.is(i+4, "than"):
		at += 5
	case p.is(i, "up") && p.is(i+1, "to"):
		at += 2
	default:
		return i
	}
	daily := false
	for p.is(at, ".", "of", "to", "dose", "daily", "total", ":", "a", "is") {
		daily = daily || p.is(at, "daily")
		at++
	}
	low, _, next := p.number(at)
	if next == at {
		return i
	}
	unit, after := p.units.At(p.text, next, p.to)
	if m, ok := p.forms.Longest(p.text, p.adjectives(next), p.to); ok {
		unit, after = p.formCodes[m.ID], m.To
	}
	if unit == "d" || unit == "wk" {
		p.bounds(low, "", unit)
		return after
	}
	period, per, end := json.Number("1"), "", after
	switch {
	case strings.HasSuffix(unit, "/d"):
		unit, per = strings.TrimSuffix(unit, "/d"), "d"
	case strings.HasSuffix(unit, "/h"):
		unit, per = strings.TrimSuffix(unit, "/h"), "h"
	case strings.HasSuffix(unit, "/(24.h)"):
		unit, period, per = strings.TrimSuffix(unit, "/(24.h)"), "24", "h"
	case p.is(after, "/", "per", "in", "a", "each", "every", "within") || p.is(after, "daily"):
		end++
		if p.is(after, "daily") {
			per = "d"
			break
		}
		for p.is(end, "a", "any", "one", "the") && !p.is(end+1, "to") {
			end++
		}
		if n, _, afterNumber := p.number(end); afterNumber > end {
			period, end = n, afterNumber
		}
		per, end = p.timeUnit(end)
	}
	if per == "" && daily {
		per, end = "d", after
	}
	if per == "" || unit == "" {
		if p.is(i, "up") {
			return i
		}
		return after
	}
	p.step.max = &measure.Ratio{Numerator: measure.NewQuantity(low, international(unit)), Denominator: measure.NewQuantity(period, per)}
	return end
}
