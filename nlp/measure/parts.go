package measure

import (
	"encoding/json"
	"math/big"
	"strings"

	"charthand/nlp/text"
)

// counts are the powers of ten that UCUM units of cell counts carry.
var counts = map[string]bool{"3": true, "6": true, "9": true, "12": true}

// times multiplies a number by a power of ten.
func times(value json.Number, power string) json.Number {
	x, ok := new(big.Rat).SetString(string(value) + "e" + power)
	if !ok {
		return value
	}
	return Decimal(x)
}

// isMinus reports whether a token is a minus sign.
func isMinus(word string) bool { return word == "-" || word == "−" || word == "–" }

// signed reads a number that may have a minus before it.
func (p *parser) signed(i int) (json.Number, int) {
	if isMinus(p.word(i)) && i+1 < p.end && p.text.Joined(i+1) && (i == 0 || !p.text.Joined(i) || p.text.Tokens[i-1].Kind == text.Sign) {
		if value, next := NumberAt(p.text, i+1, p.end); next > i+1 && p.text.Tokens[i+1].Kind != text.Word {
			return "-" + value, next
		}
		return "", i
	}
	value, next := NumberAt(p.text, i, p.end)
	return value, next
}

// unit reads a unit; a capital that stands alone is a flag, not hours or liters.
func (p *parser) unit(i int) (string, int) {
	if i < p.end && !p.text.Joined(i) && (i+1 == len(p.text.Tokens) || !p.text.Joined(i+1) || p.text.Word(i+1) != "/") {
		switch p.text.Body[p.text.Tokens[i].Start:p.text.Tokens[i].End] {
		case "H", "A", "N", "HH", "LL", "U":
			return "", i
		case "L":
			if !p.liters(i) {
				return "", i
			}
		}
	}
	return p.reader.units.At(p.text, i, p.end)
}

// liters reports whether a capital L after a number is its unit: the number has decimals and stands in prose, not in a print-out
// with columns.
func (p *parser) liters(i int) bool {
	number := p.text.Tokens[i-1]
	start := int(number.Start)
	wide := start >= 2 && (strings.HasSuffix(p.text.Body[:start], "  ") || strings.HasSuffix(p.text.Body[:start], "\t"))
	return strings.Contains(p.text.Word(i-1), ".") && !wide
}

// joint reads a word between two numbers, and gives the token after it.
func (p *parser) joint(i int, words ...string) int {
	for _, word := range words {
		if p.word(i) == word {
			return i + 1
		}
	}
	return i
}

// The bounds within which two numbers with a slash between them are a blood pressure, in mm[Hg].
const (
	minSystolic, maxSystolic   = 50, 300
	minDiastolic, maxDiastolic = 15, 200
)

// pressure reads "120/80", "118 over 76", "104/61 (75)", "80/palp".
func (p *parser) pressure(i int) int {
	systolic, next := NumberAt(p.text, i, p.end)
	if next != i+1 || strings.Contains(string(systolic), ".") {
		return i
	}
	after := p.joint(next, "/", "over")
	if after == next {
		return i
	}
	if word := p.word(after); word == "palp" || word == "palpation" || word == "p" || word == "doppler" || word == "palpable" {
		p.component("8480-6", "systolic", systolic)
		return after + 1
	}
	diastolic, end := NumberAt(p.text, after, p.end)
	if end != after+1 || strings.Contains(string(diastolic), ".") {
		return i
	}
	mean, third := p.mean(end)
	if mean != "" && (less(mean, diastolic) || less(systolic, mean)) {
		mean, third = "", end
	}
	unit, afterUnit := p.unit(third)
	high, low := whole(systolic), whole(diastolic)
	bounds := minSystolic <= high && high <= maxSystolic && minDiastolic <= low && low <= maxDiastolic && low < high
	if !bounds && unit != "mm[Hg]" && (mean == "" || low >= high) || high < low {
		return i
	}
	p.component("8480-6", "systolic", systolic)
	p.component("8462-4", "diastolic", diastolic)
	if unit == "mm[Hg]" {
		third = afterUnit
		if mean == "" {
			mean, third = p.mean(third)
		}
	}
	if mean != "" {
		p.component("8478-0", "mean", mean)
	}
	return third
}

// mean reads the mean pressure after the two others: "(75)", "/27", "MAP 75".
func (p *parser) mean(i int) (json.Number, int) {
	at := i
	switch p.word(at) {
	case "(", ",":
		at = p.joint(at+1, "map", "mean")
		if p.word(i) == "," && at == i+1 {
			return "", i
		}
	case "/", "map", "mean":
		at++
	default:
		return "", i
	}
	value, next := NumberAt(p.text, at, p.end)
	if next == at {
		return "", i
	}
	return value, p.joint(next, ")")
}

func (p *parser) component(code, name string, value json.Number) {
	p.value.Component = append(p.value.Component, Component{
		Code:     CodeableConcept{Coding: []Coding{{System: "http://loinc.org", Code: code}}, Text: name},
		Quantity: &Quantity{Value: value, Comparator: p.comparator, Unit: "mm[Hg]", System: UCUM, Code: "mm[Hg]"},
	})
}

// less reports whether one number is less than another.
func less(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) < 0
}

// whole gives a whole number, -1 where it is none.
func whole(n json.Number) int64 {
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return i
}

// dimensions reads "3.2 x 2.1 cm": there is no datatype for a size in several directions, so it stays in words.
func (p *parser) dimensions(start, next int) int {
	at, n := next, 0
	for {
		_, afterUnit := p.unit(at)
		after := p.joint(afterUnit, "x", "×", "by")
		if after == afterUnit {
			break
		}
		value, end := NumberAt(p.text, after, p.end)
		if end == after || value == "10" {
			return next
		}
		at, n = end, n+1
	}
	if n == 0 {
		return next
	}
	if _, after := p.unit(at); after > at {
		at = after
	}
	p.value.String = p.text.Lower[p.text.Tokens[start].Start:p.text.Tokens[at-1].End]
	return at
}

// twoUnits reads feet with inches and pounds with ounces, as the smaller unit.
func (p *parser) twoUnits(value json.Number, next int) int {
	first, at := p.unit(next)
	if first == "" && (p.word(next) == "'" || p.word(next) == "’" || p.word(next) == "′") {
		first, at = "[ft_i]", next+1
	}
	var per int64
	var second string
	switch first {
	case "[ft_i]":
		per, second = 12, "[in_i]"
	case "[lb_av]":
		per, second = 16, "[oz_av]"
	default:
		return next
	}
	at = p.joint(at, ",", "and", "-")
	more, end := NumberAt(p.text, at, p.end)
	if end == at {
		return next
	}
	unit, after := p.unit(end)
	if unit != second && (unit != "" || second != "[in_i]") {
		return next
	}
	if unit == "" {
		after = p.joint(end, "'", "’", "″", "”")
		after = p.joint(after, "'", "’")
	}
	a, okA := new(big.Rat).SetString(string(value))
	b, okB := new(big.Rat).SetString(string(more))
	if !okA || !okB {
		return next
	}
	a.Mul(a, big.NewRat(per, 1)).Add(a, b)
	p.value.Quantity = NewQuantity(Decimal(a), second)
	p.value.Quantity.Comparator = p.comparator
	return after
}

// ratio reads "1:160", "5/5", "8 out of 10".
func (p *parser) ratio(value json.Number, next int) int {
	at := p.joint(next, ":", "/")
	if at == next && p.word(next) == "out" && p.word(next+1) == "of" {
		at = next + 2
	}
	if at == next {
		return next
	}
	second, end := NumberAt(p.text, at, p.end)
	if end == at {
		return next
	}
	p.value.Ratio = &Ratio{Numerator: NewQuantity(value, ""), Denominator: NewQuantity(second, "")}
	p.value.Ratio.Numerator.Comparator = p.comparator
	return end
}

// span reads the second number of a result that is a range, 0 where there is none.
func (p *parser) span(low json.Number, unit string, i int) int {
	at := i
	switch word := p.word(i); {
	case word == "to" || word == "-" || word == "–" || word == "—":
		at++
	case word == "and" && p.between:
		at++
	default:
		return 0
	}
	high, next := NumberAt(p.text, at, p.end)
	if next == at {
		return 0
	}
	second, after := p.unit(next)
	if second == "" {
		second = unit
	}
	if less(high, low) { // "from 12 to 9": the later one counts
		p.flag = "D"
		p.value.Quantity = NewQuantity(high, second)
		return after
	}
	p.value.Range = &Range{Low: NewQuantity(low, second), High: NewQuantity(high, second)}
	return after
}

// power reads "x 10^3", "x10(9)", "x10E3": the power, empty where there is none.
func (p *parser) power(i int) (power string, next int) {
	at := p.joint(i, "x", "×", "*")
	if p.word(at) != "10" {
		return "", i
	}
	at++
	bracket := p.word(at) == "("
	after := p.joint(at, "^", "(", "e", "*")
	if after == at {
		return "", i
	}
	after = p.joint(after, "*")
	if word := p.word(after); after >= p.end || p.text.Tokens[after].Kind != text.Number || len(word) > 2 {
		return "", i
	}
	power, next = p.word(after), after+1
	if bracket {
		next = p.joint(next, ")")
	}
	return power, next
}

// after reads the flag and the reference range right after the result.
func (p *parser) after(i int) {
	limit := min(len(p.text.Tokens), i+16)
	if i >= limit || p.text.Tokens[i].Line != p.text.Tokens[i-1].Line {
		return
	}
	if next := p.flagAfter(i, limit); next > i {
		i = next
	}
	p.bracketed(i, limit)
}

// flagAfter reads a flag that stands alone or in brackets after a result.
func (p *parser) flagAfter(i, limit int) int {
	if p.flag != "" || len(p.value.Component) > 0 {
		return i
	}
	at := i
	open := p.text.Word(at)
	bracket := open == "(" || open == "["
	if bracket {
		at++
	}
	if at >= limit {
		return i
	}
	if word := p.text.Body[p.text.Tokens[at].Start:p.text.Tokens[at].End]; !bracket && (len(word) > 2 || word != strings.ToUpper(word)) {
		return i
	}
	next := p.flagAt(at, limit)
	if next == at {
		return i
	}
	if bracket {
		if next >= limit || p.text.Word(next) != ")" && p.text.Word(next) != "]" {
			p.flag = ""
			return i
		}
		return next + 1
	}
	return next
}

// bracketed reads a reference range in brackets at token i, and gives the token after it.
func (p *parser) bracketed(i, limit int) int {
	if i >= limit || p.text.Word(i) != "(" && p.text.Word(i) != "[" {
		return i
	}
	end := p.end
	defer func() { p.end = end }()
	p.end = limit
	at := i + 1
	for at < limit {
		m, ok := p.reader.reference.Longest(p.text, at, limit)
		if !ok {
			break
		}
		at = m.To
	}
	low, next := p.signed(at)
	if next == at {
		return i
	}
	_, next = p.unit(next)
	to := p.joint(next, "-", "–", "—", "to")
	if to == next {
		return i
	}
	high, next := p.signed(to)
	if next == to {
		return i
	}
	_, next = p.unit(next)
	if word := p.word(next); word != ")" && word != "]" || len(p.value.ReferenceRange) > 0 || less(high, low) {
		return i
	}
	p.value.ReferenceRange = []Range{{Low: NewQuantity(low, ""), High: NewQuantity(high, "")}}
	return next + 1
}
