package sig

import (
	"fmt"
	"slices"
	"strconv"

	"charthand/nlp/text"
)

// weekday reads days of the week, singly, in lists and in sets.
func (p *parser) weekday(i int) int {
	at := i
	if p.is(at, "on", "every", "each") {
		at++
	}
	if m, ok := p.otherDays.Longest(p.text, at, p.to); ok && len(p.named) > 0 {
		for _, day := range week {
			if !slices.Contains(p.named, day) {
				p.step.repeat.DayOfWeek = append(p.step.repeat.DayOfWeek, day)
			}
		}
		p.step.timed = true
		return m.To
	}
	if m, ok := p.daySets.Longest(p.text, at, p.to); ok {
		p.addDays(p.sets[m.ID]...)
		return m.To
	}
	first, ok := p.days.Longest(p.text, at, p.to)
	if !ok {
		return i
	}
	p.addDays(p.dayCodes[first.ID])
	next := first.To
	for {
		after := next
		for p.is(after, ",", "/", "and", "&", "-", "–", ".") {
			after++
		}
		m, ok := p.days.Longest(p.text, after, p.to)
		if !ok {
			return next
		}
		if between := p.word(next); after == next+1 && (between == "-" || between == "–") {
			p.addDays(daysBetween(p.dayCodes[first.ID], p.dayCodes[m.ID])...)
		}
		p.addDays(p.dayCodes[m.ID])
		first, next = m, m.To
	}
}

// week is the days of a week, by FHIR's codes.
var week = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// daysBetween gives the days after one and before another.
func daysBetween(first, last string) []string {
	from, to := slices.Index(week, first)+1, slices.Index(week, last)
	if from > to { // over the week's end
		return append(slices.Clone(week[from:]), week[:to]...)
	}
	return week[from:to]
}

func (p *parser) addDays(days ...string) {
	for _, day := range days {
		if !slices.Contains(p.step.repeat.DayOfWeek, day) {
			p.step.repeat.DayOfWeek = append(p.step.repeat.DayOfWeek, day)
		}
		p.named = append(p.named, day)
	}
	p.step.timed = true
}

// clock reads times of day: "at 8am and 8 pm", "@ 0800 & 1400".
func (p *parser) clock(i int) int {
	at, led := i, false
	if p.is(at, "at", "@") {
		at, led = at+1, true
	}
	if (p.is(at, "and", "&", ",", "/")) && len(p.step.repeat.TimeOfDay) > 0 {
		at, led = at+1, true
		if p.is(at, "and", "at", "@") {
			at++
		}
	}
	if at >= p.to || p.text.Tokens[at].Kind != text.Number {
		return i
	}
	hour, err := strconv.Atoi(p.word(at))
	digits := len(p.word(at))
	if err != nil {
		return i
	}
	minute, next := 0, at+1
	listed := digits == 4 && (p.is(at-1, "(", "/", ",") || p.is(next, "/")) && p.step.timed || digits == 4 && p.is(next, "/") && len(p.word(next+1)) == 4
	sure := digits == 4 && (led || listed)
	if digits == 4 {
		hour, minute = hour/100, hour%100
	}
	if p.is(next, ":") && p.text.Joined(next) && next+1 < p.to && p.text.Joined(next+1) {
		if minute, err = strconv.Atoi(p.word(next + 1)); err != nil {
			return i
		}
		next, sure = next+2, true
	}
	if digits == 3 && !sure {
		hour, minute = hour/100, hour%100
	}
	if hour > 23 {
		return i
	}
	if half, after := p.half(next); half != 0 {
		hour %= 12
		if half == 'p' {
			hour += 12
		}
		next, sure = after, true
	}
	if !sure || hour > 23 || minute > 59 {
		return i
	}
	clock := fmt.Sprintf("%02d:%02d:00", hour, minute)
	p.step.repeat.TimeOfDay = append(p.step.repeat.TimeOfDay, clock)
	p.step.timed = true
	return next
}

// half reads "am", "p.m." or a joined "p" at token i: its first letter, 0 for none, and the token after it.
func (p *parser) half(i int) (byte, int) {
	switch word := p.word(i); word {
	case "am", "pm":
		return word[0], i + 1
	case "a", "p":
		if p.is(i+1, ".") && p.is(i+2, "m") {
			if p.is(i+3, ".") && p.text.Joined(i+3) {
				return word[0], i + 4
			}
			return word[0], i + 3
		}
		if p.text.Joined(i) {
			return word[0], i + 1
		}
	}
	return 0, i
}
