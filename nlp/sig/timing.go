package sig

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// setFrequency sets how often; what was said first stays.
func (p *parser) setFrequency(frequency, frequencyMax int, period, periodMax json.Number, unit string) {
	r := &p.step.repeat
	if r.Frequency == 0 {
		r.Frequency, r.FrequencyMax, r.Period, r.PeriodMax, r.PeriodUnit = frequency, frequencyMax, period, periodMax, unit
	}
	p.step.timed = true
}

func whole(n json.Number) int {
	i, err := strconv.Atoi(string(n))
	if err != nil || i < 0 || i > 10_000 {
		return 0
	}
	return i
}

// frequency reads a frequency with a name: "BID", "every other day".
func (p *parser) frequency(i int) int {
	if both, ok := p.joined[p.word(i)]; ok {
		p.setFrequency(both.frequency, 0, "1", "", "d")
		p.addWhen(both.when)
		return i + 1
	}
	m, ok := p.frequencies.Longest(p.text, i, p.to)
	if !ok {
		return i
	}
	if set, isSet := p.daySets.Longest(p.text, i, p.to); isSet && set.To >= m.To {
		return i
	}
	if w, isWhen := p.when.Longest(p.text, i, p.to); isWhen && w.To > m.To {
		return i
	}
	rate := p.rates[m.ID]
	p.setFrequency(rate.frequency, rate.frequencyMax, json.Number(rate.period), "", rate.unit)
	return m.To
}

// every reads "q4-6h", "every 8 (eight) hours", "q6".
func (p *parser) every(i int) int {
	at := i
	switch {
	case p.is(i, "q", "every", "each"):
		at++
	default:
		return i
	}
	if p.is(at, ".") {
		at++
	}
	if p.is(i+1, "other") {
		if day, ok := p.days.Longest(p.text, i+2, p.to); ok {
			p.addDays(p.dayCodes[day.ID])
			p.setFrequency(1, 0, "2", "", "wk")
			return day.To
		}
		return i
	}
	if day, ok := p.days.Longest(p.text, at, p.to); ok && p.text.Word(i) != "q" {
		return p.weekday(day.From)
	}
	low, high, next := p.number(at)
	if next == at {
		return i
	}
	unit, after := p.timeUnit(next)
	if unit == "" {
		if p.text.Word(i) != "q" {
			return i
		}
		unit, after = "h", next
	}
	if after < p.to && p.is(after, ".") && p.text.Joined(after) {
		after++
	}
	p.setFrequency(1, 0, low, high, unit)
	return after
}

// times reads "3 times a day", "2-3 times weekly", "in 3 divided doses", "x 3 doses", "x3", "x7d".
func (p *parser) times(i int) int {
	if p.is(i, "x", "×", "times") {
		return p.multiplied(i)
	}
	at := i
	if p.is(i, "in") {
		at++
	}
	low, high, next := p.number(at)
	if next == at {
		return i
	}
	if p.is(next, "divided") || p.is(next, "equally") {
		if whole(low) == 0 {
			return i
		}
		p.step.repeat.Frequency = 0
		if m := &p.step.mass; !m.empty() && !strings.HasSuffix(m.unit, "/d") {
			m.unit += "/d" // what is divided is the dose of a day, not of each time
		}
		p.setFrequency(whole(low), whole(high), "1", "", "d")
		for p.is(next, "divided", "equally", "doses", "dose", "daily") {
			next++
		}
		return next
	}
	if at != i || !p.is(next, "times", "time", "x") {
		return i
	}
	after := next + 1
	if p.is(after, "a", "per", "each", "every", "/") {
		after++
	}
	var unit string
	switch {
	case p.is(after, "daily", "day", "d"):
		unit = "d"
	case p.is(after, "weekly", "week", "wk"):
		unit = "wk"
	case p.is(after, "monthly", "month"):
		unit = "mo"
	case p.is(after, "hourly", "hour", "h"):
		unit = "h"
	default:
		return i
	}
	if whole(low) == 0 {
		return i
	}
	p.setFrequency(whole(low), whole(high), "1", "", unit)
	return after + 1
}

// multiplied reads what follows a multiplication sign: a course, a number of doses.
func (p *parser) multiplied(i int) int {
	low, high, next := p.number(i + 1)
	if next == i+1 {
		return i
	}
	if unit, after := p.timeUnit(next); unit != "" {
		p.bounds(low, high, unit)
		return after
	}
	if p.is(next, "more") {
		next++
	}
	if m, ok := p.forms.Longest(p.text, next, p.to); ok && p.formCodes[m.ID] == "{dose}" {
		next = m.To
	}
	if n := whole(low); n > 0 {
		p.step.repeat.Count, p.step.repeat.CountMax = n, whole(high)
		p.step.timed = true
		return next
	}
	return i
}

func (p *parser) bounds(low, high json.Number, unit string) {
	p.step.timed = true
	r := &p.step.repeat
	if r.BoundsDuration != nil || r.BoundsRange != nil {
		return
	}
	if high == "" {
		r.BoundsDuration = measure.NewQuantity(low, unit)
		return
	}
	r.BoundsRange = &measure.Range{Low: measure.NewQuantity(low, unit), High: measure.NewQuantity(high, unit)}
}

// course reads "for 10 days", "10-day course", "for up to 3 days", "on day 1", "days 2-5", "week 1:".
func (p *parser) course(i int) int {
	if p.is(i, "for") {
		at := i + 1
		for p.is(at, "up", "to", "a", "total", "of", "the", "next", "another", "no", "more", "than", "at", "least", "additional", "first", "about", "maximum") && !p.is(at+1, "dose") {
			at++
		}
		low, high, next := p.number(at)
		if next == at {
			return i
		}
		for p.is(next, "more", "additional", "further", "total") {
			next++
		}
		if unit, after := p.timeUnit(next); unit != "" {
			p.bounds(low, high, unit)
			return after
		}
		if m, ok := p.forms.Longest(p.text, next, p.to); ok && p.formCodes[m.ID] == "{dose}" && whole(low) > 0 {
			p.step.repeat.Count, p.step.repeat.CountMax, p.step.timed = whole(low), whole(high), true
			return m.To
		}
		return i
	}
	if p.is(i, "day", "days", "week", "weeks") && p.text.Tokens[i].Kind == text.Word {
		low, high, next := p.number(i + 1)
		if next == i+1 {
			return i
		}
		unit := "d"
		if strings.HasPrefix(p.text.Word(i), "week") {
			unit = "wk"
		}
		n := 1
		if high != "" {
			n = whole(high) - whole(low) + 1
		}
		if n < 1 {
			return i
		}
		if p.is(next, ":") && p.step.dosed() && p.step.timed {
			p.close(i) // "week 2: 20 mg daily"
		}
		p.bounds(json.Number(strconv.Itoa(n)), "", unit)
		return next
	}
	low, high, next := p.number(i)
	if next == i {
		return i
	}
	unit, after := p.timeUnit(next)
	if unit != "" && (p.is(after, "course", "supply", "total", "regimen", "taper") || p.is(after, "treatment") && p.is(after+1, "course")) {
		p.bounds(low, high, unit)
		return after + 1
	}
	return i
}

// onceOnly reads "once", "stat", "x1", "stop after 10 doses".
func (p *parser) onceOnly(i int) int {
	if p.is(i, "stop") && p.is(i+1, "after") {
		if low, _, next := p.number(i + 2); next > i+2 && whole(low) > 0 {
			if m, ok := p.forms.Longest(p.text, next, p.to); ok && p.formCodes[m.ID] == "{dose}" {
				p.step.repeat.Count, p.step.timed = whole(low), true
				return m.To
			}
		}
	}
	m, ok := p.once.Longest(p.text, i, p.to)
	if !ok {
		return i
	}
	if f, isFrequency := p.frequencies.Longest(p.text, i, p.to); isFrequency && f.To > m.To {
		return i
	}
	if p.is(i, "now") && !p.step.dosed() {
		return i // "now on"
	}
	p.step.repeat.Count, p.step.timed = 1, true
	return m.To
}

// over reads "over 30 minutes".
func (p *parser) over(i int) int {
	if !p.is(i, "over") {
		return i
	}
	at := i + 1
	if p.is(at, "the") || p.is(at, "about") {
		at++
	}
	low, high, next := p.number(at)
	if next == at {
		return i
	}
	unit, after := p.timeUnit(next)
	if unit == "" {
		return i
	}
	r := &p.step.repeat
	r.Duration, r.DurationMax, r.DurationUnit = low, high, unit
	p.step.timed = true
	return after
}

// offset reads "30 minutes before breakfast".
func (p *parser) offset(i int) int {
	low, high, next := p.number(i)
	if next == i && p.is(i, "a", "an") {
		low, next = "1", i+1
	}
	if next == i {
		return i
	}
	if p.is(next, "a", "an") {
		next++ // "half an hour"
	}
	unit, after := p.timeUnit(next)
	if unit != "min" && unit != "h" {
		return i
	}
	lexicon, codes := p.before, p.beforeCodes
	switch {
	case p.is(after, "before"):
		after++
	case p.is(after, "prior") && p.is(after+1, "to"):
		after += 2
	case p.is(after, "after", "following"):
		lexicon, codes = p.after, p.afterCodes
		after++
	default:
		if w, ok := p.when.Longest(p.text, after, p.to); ok && (p.whenCodes[w.ID] == "AC" || p.whenCodes[w.ID] == "PC" || p.whenCodes[w.ID] == "HS") {
			p.setOffset(low, unit)
			return p.eventTiming(after)
		}
		return i
	}
	m, ok := lexicon.Longest(p.text, after, p.to)
	if !ok || high != "" {
		return i
	}
	p.setOffset(low, unit)
	p.addWhen(codes[m.ID])
	return m.To
}

// setOffset sets an offset, in whole minutes.
func (p *parser) setOffset(value json.Number, unit string) {
	minutes, err := value.Float64()
	if err != nil || minutes < 0 || minutes > 24*60 {
		return
	}
	if unit == "h" {
		minutes *= 60
	}
	p.step.repeat.Offset = int(minutes)
}

func (p *parser) addWhen(code string) {
	if !slices.Contains(p.step.repeat.When, code) {
		p.step.repeat.When = append(p.step.repeat.When, code)
	}
	p.step.timed = true
}

// eventTiming reads "at bedtime", "with meals", "qAC and HS", "before breakfast, lunch and dinner".
func (p *parser) eventTiming(i int) int {
	at := i
	if n := len(p.step.repeat.When); n > 0 {
		for p.is(at, "and", "&", ",") {
			at++
		}
		if at > i {
			if next := p.meal(p.step.repeat.When[n-1], at); next > at {
				return next
			}
		}
	}
	m, ok := p.when.Longest(p.text, at, p.to)
	if !ok {
		if p.is(i, "qachs", "achs", "acqhs") {
			p.addWhen("AC")
			p.addWhen("HS")
			return i + 1
		}
		return i
	}
	p.addWhen(p.whenCodes[m.ID])
	return m.To
}

// meal reads one more meal after the code of another: before it, after it or with it, as that one.
func (p *parser) meal(code string, i int) int {
	side, rest := code[:1], code[1:]
	if code[0] == 'A' || code[0] == 'P' {
		if len(code) != 3 {
			return i
		}
		side, rest = code[:2], code[2:]
	}
	if rest != "M" && rest != "D" && rest != "V" || side != "AC" && side != "PC" && side != "C" {
		return i
	}
	m, ok := p.before.Longest(p.text, i, p.to)
	if !ok || len(p.beforeCodes[m.ID]) != 3 {
		return i
	}
	p.addWhen(side + p.beforeCodes[m.ID][2:])
	return m.To
}
