package when

import (
	"strconv"
	"strings"
	"time"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// date reads a date at token i: in digits, with the month's name, or a year. next is i where there is none.
func (e *reading) date(i int) (d date, next int) {
	i = e.skip(i, "early", "mid", "late", "the", "of", "about", "around", "-", ",")
	if i >= e.to {
		return date{}, i
	}
	if e.text.Tokens[i].Kind == text.Number {
		return e.dateOfNumber(i)
	}
	if m, ok := e.months.Longest(e.text, i, e.to); ok {
		return e.afterMonth(m)
	}
	if w := e.word(i); w == "'" || w == "’" || w == "‘" {
		if year := e.year(i + 1); year > 0 {
			return date{year, 0, 0}, i + 2
		}
	}
	return date{}, i
}

// dateOfNumber reads a date that begins with a number: "3/14/2024", "14 March 2024", "21FEB2019", "2009".
func (e *reading) dateOfNumber(i int) (date, int) {
	start := int(e.text.Tokens[i].Start)
	end := int(e.text.Tokens[e.to-1].End)
	if d, length := e.anchor.numeric(e.text.Body[start:end]); length > int(e.text.Tokens[i].End)-start {
		return d, e.text.At(start+length-1) + 1
	}
	if digits := e.word(i); len(digits) == 8 {
		if t, err := time.Parse("20060102", digits); err == nil {
			return dayOf(t), i + 1
		}
	}
	if day, err := strconv.Atoi(e.word(i)); err == nil && day >= 1 && day <= 31 {
		at := e.skip(i+1, "st", "nd", "rd", "th", "of", "-")
		if m, ok := e.months.Longest(e.text, at, e.to); ok {
			d := date{0, m.ID + 1, day}
			next := e.skip(m.To, ",", "of", "-", "'", "’")
			year := e.year(next)
			if short, err := strconv.Atoi(e.word(next)); year == 0 && err == nil && len(e.word(next)) == 2 && e.word(next-1) == "-" {
				year = e.anchor.century(short) // "06-NOV-17"
			}
			if year > 0 {
				d.year = year
				return d, next + 1
			}
			return d, m.To
		}
	}
	if year := e.year(i); year > 0 {
		return date{year, 0, 0}, i + 1
	}
	return date{}, i
}

// afterMonth reads what follows a month's name: a day, a year, both or neither.
func (e *reading) afterMonth(m text.Match) (date, int) {
	d, next := date{0, m.ID + 1, 0}, m.To
	at := e.skip(next, "of", ",", ".", "'", "’", "-")
	if year := e.year(at); year > 0 {
		d.year = year
		return d, at + 1
	}
	at = e.skip(next, ".", "the")
	if at >= e.to || e.text.Tokens[at].Kind != text.Number || at+1 < e.to && e.word(at+1) == ":" && e.text.Joined(at+1) {
		return d, next
	}
	day, err := strconv.Atoi(e.word(at))
	if err != nil || day < 1 || day > 31 {
		return d, next
	}
	d.day, next = day, e.skip(at+1, "st", "nd", "rd", "th")
	at = e.skip(next, ",", "of", "'", "’")
	if year := e.year(at); year > 0 {
		d.year, next = year, at+1
	}
	return d, next
}

// dated gives a date its year where it has none, by the note's. ok is false where there is no such date or no way to know it.
func (e *reading) dated(d date) (date, bool) {
	if !d.valid() {
		return d, false
	}
	if d.year == 0 {
		if !e.anchor.known() {
			return d, false
		}
		if d = d.dated(e.anchor.day(), e.anchor.Future); d.year == 0 {
			return d, false
		}
	}
	return d, true
}

// absolute reads a date with or without a time of day.
func (e *reading) absolute() (Expression, bool) {
	for i := e.from; i < e.to; i++ {
		d, next := e.date(i)
		if next == i || d == (date{}) {
			continue
		}
		if d.year == 0 && d.month > 0 && e.has("last", "past") && e.anchor.known() && d.day == 0 && d.month == int(e.anchor.Date.Month()) {
			d.year = e.anchor.Date.Year() - 1
		}
		d, ok := e.dated(d)
		if !ok {
			return Expression{}, true
		}
		if d.day == 0 {
			return Expression{DateTime: d.String()}, true
		}
		if found := e.timed(d, next, e.to); found.DateTime != d.String() || found.Time != "" {
			return found, true
		}
		return e.timed(d, e.from, i), true
	}
	return Expression{}, false
}

// period reads "from 3/1 to 3/5", "since 2009", "until May 2020", "8/2015 - present".
func (e *reading) period() (Expression, bool) {
	at := e.skip(e.from, "from", "between", "during", "in", "on")
	first := e.word(e.from)
	switch first {
	case "since", "starting", "beginning":
		found, ok := e.part(e.from+1, e.to)
		if !ok {
			return Expression{}, first == "since"
		}
		return Expression{Period: &Period{Start: found.start()}}, found.start() != ""
	case "until", "through", "till", "thru", "til", "by":
		e.anchor.Future = true
		found, ok := e.part(e.from+1, e.to)
		if !ok {
			return Expression{}, false
		}
		return Expression{Period: &Period{End: found.end()}}, found.end() != ""
	}
	start, next := e.date(at)
	if next == at || start == (date{}) {
		return Expression{}, false
	}
	joint := next
	switch e.word(next) {
	case "to", "-", "–", "—", "through", "until", "thru", "till":
		joint++
	case "and":
		if first == "between" {
			joint++
		}
	}
	if joint == next {
		return Expression{}, false
	}
	joint = e.skip(joint, "the")
	if w := e.word(joint); w == "present" || w == "now" || w == "current" || w == "today" {
		d, ok := e.dated(start)
		return Expression{Period: &Period{Start: d.String()}}, ok
	}
	end, after := e.date(joint)
	if n, err := strconv.Atoi(e.word(joint)); (after == joint || end.month == 0 && end.year == 0) && err == nil && start.day > 0 && n >= 1 && n <= 31 {
		end = date{start.year, start.month, n} // "Nov 4-11"
	} else if after == joint || end == (date{}) {
		return Expression{}, false
	}
	return e.between(start, end)
}

// between makes a period of two dates; one without a year has the other's, or the note's.
func (e *reading) between(start, end date) (Expression, bool) {
	if start.year == 0 && end.year != 0 {
		start = start.dated(end.first().AddDate(0, boolInt(end.day == 0), 0), false)
	}
	if end.year == 0 && start.year != 0 {
		end = end.dated(start.first(), true)
	}
	end, okEnd := e.dated(end)
	if start.year == 0 && okEnd {
		start = start.dated(end.first(), false)
	}
	start, okStart := e.dated(start)
	if !okStart || !okEnd {
		return Expression{}, true
	}
	return Expression{Period: &Period{start.String(), end.String()}}, true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// part reads an expression inside another ("since" yesterday).
func (e *reading) part(from, to int) (Expression, bool) {
	if from >= to {
		return Expression{}, false
	}
	inner := reading{e.Reader, e.text, from, to, e.anchor}
	for _, try := range []func() (Expression, bool){inner.decade, inner.season, inner.relative, inner.absolute} {
		if found, ok := try(); ok {
			return found, found != Expression{}
		}
	}
	return Expression{}, false
}

// start gives the first day, month or year of an expression, end its last.
func (x Expression) start() string {
	if x.Period != nil {
		return x.Period.Start
	}
	return x.DateTime
}

func (x Expression) end() string {
	if x.Period != nil {
		return x.Period.End
	}
	return x.DateTime
}

// relative reads what is told from the note's date: "3 days ago", "in 2 weeks", "last month", "on Tuesday", "yesterday at 9 p.m.".
func (e *reading) relative() (Expression, bool) {
	if found, ok := e.ago(); ok {
		return found, true
	}
	if found, ok := e.calendarUnit(); ok {
		return found, true
	}
	if m, ok := e.find(e.days); ok {
		if !e.anchor.known() {
			return Expression{}, true
		}
		day := dayOf(e.anchor.day().AddDate(0, 0, e.offsets[m.ID]))
		if found := e.timed(day, m.To, e.to); found.DateTime != day.String() || found.Time != "" {
			return found, true
		}
		return e.timed(day, e.from, m.From), true
	}
	m, ok := e.find(e.weekdays)
	if !ok {
		return Expression{}, false
	}
	if d, next := e.date(m.To); next > m.To && d.valid() && d.day > 0 || e.dateBefore(m.From) {
		return Expression{}, false // "Monday, March 4"
	}
	if !e.anchor.known() {
		return Expression{}, true
	}
	day := e.anchor.day()
	step := -1
	if e.has("next", "coming", "upcoming") || e.has("this") && !e.has("past", "last") || e.anchor.Future && !e.has("last", "past", "previous") {
		step = 1
	}
	for day = day.AddDate(0, 0, step); int(day.Weekday()) != m.ID; day = day.AddDate(0, 0, step) {
		continue
	}
	return e.timed(dayOf(day), m.To, e.to), true
}

// dateBefore reports whether a date stands before a token.
func (e *reading) dateBefore(i int) bool {
	for j := e.from; j < i; j++ {
		if d, next := e.date(j); next > j && next <= i && d.day > 0 {
			return true
		}
	}
	return false
}

// ago reads "3 days ago", "2 days from now", "in 2 weeks".
func (e *reading) ago() (Expression, bool) {
	at := e.skip(e.from, "about", "approximately", "around", "roughly", "over", "the", "just", "almost", "nearly", "some")
	sign := 0
	if e.word(at) == "in" || e.word(at) == "within" {
		at, sign = e.skip(at+1, "about", "approximately", "another"), 1
	}
	value, high, next := e.number(at)
	if next == at {
		return Expression{}, false
	}
	unit, after := e.unit(next)
	if unit == "" {
		return Expression{}, false
	}
	switch words := e.rest(after); {
	case strings.HasPrefix(words, "ago"), words == "back", words == "earlier", words == "prior", words == "before", words == "previously":
		sign = -1
	case strings.HasPrefix(words, "from now"), strings.HasPrefix(words, "from today"), words == "later" && sign == 0, words == "hence":
		sign = 1
	case sign == 0 || words != "" && words != "'" && words != "time" && words != "' time" && words != "'s time":
		return Expression{}, false
	}
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || !e.anchor.known() || high != "" && unit == "d" {
		return Expression{}, true
	}
	if n != float64(int(n)) {
		return Expression{}, true
	}
	return e.shifted(e.anchor.day(), sign*int(n), unit), true
}

// rest gives the words from token i on.
func (e *reading) rest(i int) string {
	if i >= e.to {
		return ""
	}
	return strings.Join(strings.Fields(e.text.Lower[e.text.Tokens[i].Start:e.text.Tokens[e.to-1].End]), " ")
}

// calendarUnit reads "last week", "next month", "earlier this year".
func (e *reading) calendarUnit() (Expression, bool) {
	for i := e.from; i+1 < e.to; i++ {
		step := 0
		switch e.word(i) {
		case "last", "previous", "past", "prior":
			if w := e.word(e.from); w == "over" || w == "for" || w == "during" || w == "in" || w == "within" || w == "throughout" {
				continue // a duration
			}
			step = -1
		case "next", "coming", "following":
			step = 1
		case "this":
		default:
			continue
		}
		m, ok := e.units.Longest(e.text, i+1, e.to)
		if !ok || m.To < e.to && e.rest(m.To) != "" && e.word(m.To) != "'" && e.word(m.To) != "'s" {
			continue
		}
		if i > e.from && e.text.Tokens[i-1].Kind == text.Number {
			continue
		}
		if w := e.word(i + 1); strings.HasSuffix(w, "s") && w != "s" {
			continue // "the last weeks"
		}
		if !e.anchor.known() {
			return Expression{}, true
		}
		day := e.anchor.day()
		switch e.unitCodes[m.ID] {
		case "wk":
			monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7+7*step)
			return Expression{Period: &Period{monday.Format(dayForm), monday.AddDate(0, 0, 6).Format(dayForm)}}, true
		case "mo":
			return Expression{DateTime: time.Date(day.Year(), day.Month()+time.Month(step), 1, 0, 0, 0, 0, time.UTC).Format(monthForm)}, true
		case "a":
			return Expression{DateTime: strconv.Itoa(day.Year() + step)}, true
		}
	}
	return Expression{}, false
}

// duration reads "for 3 weeks", "x 2 days", "3-day history", "over the past 2-3 days".
func (e *reading) duration() (Expression, bool) {
	at := e.skip(e.from, "for", "x", "×", "over", "the", "past", "last", "previous", "a", "about", "approximately", "during", "of", "lasting", "in", "within", "prior", "an", "another", "additional", "total", "nearly", "almost", "at", "least", "some", "up", "to", "preceding", "throughout", "per")
	if at > e.from && (e.text.Word(at-1) == "a" || e.text.Word(at-1) == "an") && at < e.to && e.text.Tokens[at].Kind == text.Word {
		if _, next := measure.NumberAt(e.text, at, e.to); next == at {
			at--
		}
	}
	low, high, next := e.number(at)
	if next == at {
		// "over the past week"
		if m, ok := e.units.Longest(e.text, at, e.to); ok && at > e.from && m.To == e.to {
			return Expression{Duration: quantity("1", e.unitCodes[m.ID])}, true
		}
		return Expression{}, false
	}
	unit, after := e.unit(next)
	if unit == "" || after < e.to && e.word(after) == "/" {
		return Expression{}, false
	}
	if high != "" {
		return Expression{DurationRange: &measure.Range{Low: quantity(low, unit), High: quantity(high, unit)}}, true
	}
	return Expression{Duration: quantity(low, unit)}, true
}
