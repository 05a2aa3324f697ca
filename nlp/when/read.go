package when

import (
	"encoding/json"
	"strconv"
	"time"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// reading is one expression on its way.
type reading struct {
	*Reader
	text     *text.Text
	from, to int // tokens
	anchor   Anchor
}

// Read reads the expression that stands at tokens [from, to).
func (r *Reader) Read(t *text.Text, from, to int, anchor Anchor) Expression {
	e := reading{r, t, from, to, anchor}
	for _, try := range []func() (Expression, bool){
		e.clockAt, e.dayNumber, e.fromEvent, e.decade, e.age, e.season, e.period, e.relative, e.duration, e.absolute, e.clockAlone,
	} {
		if found, ok := try(); ok {
			return found
		}
	}
	return Expression{}
}

func (e *reading) word(i int) string {
	if i >= e.from && i < e.to {
		return e.text.Word(i)
	}
	return ""
}

// skip passes over words, and gives the first token that is none of them.
func (e *reading) skip(i int, words ...string) int {
	for i < e.to {
		known := false
		for _, w := range words {
			known = known || e.text.Word(i) == w
		}
		if !known {
			return i
		}
		i++
	}
	return i
}

// has reports whether a word is among the expression's.
func (e *reading) has(words ...string) bool {
	for i := e.from; i < e.to; i++ {
		for _, w := range words {
			if e.text.Word(i) == w {
				return true
			}
		}
	}
	return false
}

// find gives the first phrase of a lexicon in the expression.
func (e *reading) find(l *text.Lexicon) (text.Match, bool) {
	for i := e.from; i < e.to; i++ {
		if m, ok := l.Longest(e.text, i, e.to); ok {
			return m, true
		}
	}
	return text.Match{}, false
}

// number reads a number or a range of two; "a" and "an" are one.
func (e *reading) number(i int) (low, high json.Number, next int) {
	if w := e.word(i); w == "a" || w == "an" {
		return "1", "", i + 1
	}
	if w := e.word(i); w == "couple" {
		return "2", "", e.skip(i+1, "of")
	}
	low, next = measure.NumberAt(e.text, i, e.to)
	if next == i {
		return "", "", i
	}
	if w := e.word(next); w == "-" || w == "–" || w == "to" || w == "or" {
		if second, after := measure.NumberAt(e.text, next+1, e.to); after > next+1 {
			return low, second, after
		}
	}
	return low, "", next
}

// unit reads a unit of time after a number, perhaps joined by a hyphen.
func (e *reading) unit(i int) (code string, next int) {
	if e.word(i) == "-" {
		i++
	}
	m, ok := e.units.Longest(e.text, i, e.to)
	if !ok {
		return "", i
	}
	return e.unitCodes[m.ID], m.To
}

// dayNumber reads "POD #2", "hospital day 3", "DOL 2".
func (e *reading) dayNumber() (Expression, bool) {
	less := 0
	m, ok := e.find(e.numbered)
	if !ok {
		if m, ok = e.find(e.counted); !ok {
			return Expression{}, false
		}
		less = 1
	}
	value, next := measure.NumberAt(e.text, e.skip(m.To, "#", "number", "no", ".", "-"), e.to)
	days, err := strconv.Atoi(string(value))
	if next == m.To || err != nil {
		if days = ordinals[e.word(m.From-1)]; days == 0 {
			return Expression{}, false
		}
	}
	return e.after(allEvents[m.ID], json.Number(strconv.Itoa(days-less)), "d"), true
}

// ordinals are the numbers of days in words ("the second postoperative day").
var ordinals = map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}

// after is a time from an event: a date where the event's day is known.
func (e *reading) after(event Event, value json.Number, unit string) Expression {
	if day, known := e.anchor.Events[event]; known && (unit == "d" || unit == "wk" || unit == "mo" || unit == "a") {
		n, err := strconv.Atoi(string(value))
		if err == nil {
			return e.shifted(day, n, unit)
		}
	}
	return Expression{After: quantity(value, unit), Event: event}
}

// maxShift bounds how far a day is moved, in years.
const maxShift = 200

// shifted is a day moved by a number of units, as exact as the unit: weeks are the seven days around.
func (e *reading) shifted(day time.Time, n int, unit string) Expression {
	if years := map[string]int{"d": 366, "wk": 53, "mo": 12, "a": 1, "h": 8784, "min": 527_040}[unit]; years == 0 || n/years > maxShift || n/years < -maxShift {
		return Expression{}
	}
	switch unit {
	case "d":
		return Expression{DateTime: day.AddDate(0, 0, n).Format(dayForm)}
	case "wk":
		middle := day.AddDate(0, 0, 7*n)
		return Expression{Period: &Period{middle.AddDate(0, 0, -3).Format(dayForm), middle.AddDate(0, 0, 3).Format(dayForm)}}
	case "mo":
		return Expression{DateTime: time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC).Format(monthForm)}
	case "a":
		return Expression{DateTime: time.Date(day.Year()+n, 1, 1, 0, 0, 0, 0, time.UTC).Format(yearForm)}
	case "h", "min":
		step := time.Duration(n) * time.Hour
		if unit == "min" {
			step = time.Duration(n) * time.Minute
		}
		if e.anchor.Zone == nil {
			return Expression{} // the hour is not known, so the day may be another
		}
		return Expression{DateTime: e.anchor.Date.Add(step).Format(time.RFC3339)}
	}
	return Expression{}
}

// fromEvent reads "3 days after discharge", "2 weeks before surgery", "the night before surgery", "on the day of surgery".
func (e *reading) fromEvent() (Expression, bool) {
	for i := e.from; i < e.to; i++ {
		var sign int
		next := i + 1
		switch e.word(i) {
		case "after", "following", "post", "postoperatively":
			sign = 1
		case "before", "preceding", "pre":
			sign = -1
		case "prior":
			sign, next = -1, e.skip(i+1, "to")
		case "of":
			sign = 2
		default:
			continue
		}
		m, ok := e.events.Longest(e.text, next, e.to)
		if !ok {
			m, ok = e.events.Longest(e.text, e.skip(next, "the", "her", "his", "this", "-"), e.to)
		}
		if !ok {
			continue
		}
		event := allEvents[m.ID]
		if sign == 2 {
			if e.has("day", "morning", "night", "evening") {
				return e.after(event, "0", "d"), true
			}
			continue
		}
		at := e.skip(e.from, "on", "for", "about", "the", "approximately", "until", "up", "to")
		value, _, after := e.number(at)
		if unit, end := e.unit(after); after > at && end <= i && unit != "" {
			if sign < 0 {
				value = "-" + value
			}
			return e.after(event, value, unit), true
		}
		if e.has("day", "night", "morning", "evening") {
			return e.after(event, json.Number(strconv.Itoa(sign)), "d"), true
		}
	}
	return Expression{}, false
}

// decade reads "the 1990s", "the '80s".
func (e *reading) decade() (Expression, bool) {
	for i := e.from; i < e.to; i++ {
		if tens := tens[e.word(i)]; tens > 0 && e.has("her", "his", "their") {
			return Expression{AgeRange: &measure.Range{Low: quantity(json.Number(strconv.Itoa(tens)), "a"), High: quantity(json.Number(strconv.Itoa(tens+9)), "a")}}, true
		}
		plural := e.word(i+1) == "s" || e.word(i+1) == "'" && e.word(i+2) == "s"
		if e.text.Tokens[i].Kind != text.Number || !plural || !e.text.Joined(i+1) {
			continue
		}
		digits := e.word(i)
		year, err := strconv.Atoi(digits)
		if err != nil || year%10 != 0 {
			continue
		}
		if year >= 10 && len(digits) == 2 && e.has("her", "his", "their", "my", "your") || len(digits) == 2 && e.has("mid", "early", "late") && !e.apostrophe(i) {
			return Expression{AgeRange: &measure.Range{Low: quantity(json.Number(strconv.Itoa(year)), "a"), High: quantity(json.Number(strconv.Itoa(year+9)), "a")}}, true
		}
		if len(digits) == 2 {
			year = e.anchor.century(year)
		}
		if year >= minYear && year <= maxYear {
			return Expression{Period: &Period{strconv.Itoa(year), strconv.Itoa(year + 9)}}, true
		}
	}
	return Expression{}, false
}

// tens are the decades of a life in words.
var tens = map[string]int{"twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70, "eighties": 80, "nineties": 90}

// apostrophe reports whether an apostrophe stands right before a token.
func (e *reading) apostrophe(i int) bool {
	if i == 0 || !e.text.Joined(i) {
		return false
	}
	w := e.text.Word(i - 1)
	return w == "'" || w == "’" || w == "‘"
}

// age reads "39-year-old", "72 y/o", "at age 12", "aged 79", "at 61".
func (e *reading) age() (Expression, bool) {
	at := e.skip(e.from, "at", "@", "the", "age", "aged", "of", "ages", "when", "he", "she", "was", "since", "by", "from", "around", "about")
	low, high, next := e.number(at)
	if next == at || e.text.Word(at) == "a" {
		return Expression{}, false
	}
	said := e.has("age", "aged", "ages", "old")
	unit, after := e.unit(next)
	if e.word(next) == "y" && e.word(next+1) == "/" || e.word(next) == "yo" || e.word(next) == "y" || e.word(next) == "yof" || e.word(next) == "yom" || e.word(next) == "m" && e.word(next+2) == "o" || e.word(next) == "mo" && e.has("old") || e.word(next) == "wo" || e.word(next) == "do" {
		said = true
		switch e.word(next) {
		case "mo", "m":
			unit = "mo"
		case "wo":
			unit = "wk"
		case "do":
			unit = "d"
		default:
			unit = "a"
		}
		after = e.to
	}
	// "at 61", "at 11 months": an age by itself, but "at 2032" is a time.
	bare := (e.word(e.from) == "at" || e.word(e.from) == "@") && (unit == "" && next == e.to && len(low) <= 2 && e.text.Tokens[at].Kind == text.Number || unit != "" && unit != "h" && unit != "min" && unit != "s" && after == e.to)
	if !said && !bare {
		return Expression{}, false
	}
	if unit == "" {
		unit = "a"
	}
	if high != "" {
		return Expression{AgeRange: &measure.Range{Low: quantity(low, unit), High: quantity(high, unit)}}, true
	}
	return Expression{Age: quantity(low, unit)}, true
}

// season reads "last summer", "Fall 2018", "winter of 2015-2016".
func (e *reading) season() (Expression, bool) {
	m, ok := e.find(e.seasons)
	if !ok {
		return Expression{}, false
	}
	month := firstMonth[e.seasonNames[m.ID]]
	span := func(year int) Expression {
		start := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
		return Expression{Period: &Period{start.Format(dayForm), start.AddDate(0, 3, -1).Format(dayForm)}}
	}
	for i := e.from; i < e.to; i++ {
		if year := e.year(i); year > 0 {
			return span(year), true
		}
	}
	if !e.anchor.known() {
		return Expression{}, true
	}
	year, day := e.anchor.Date.Year(), e.anchor.day()
	start := func(year int) time.Time { return time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC) }
	switch {
	case e.has("next", "coming"):
		for !start(year).After(day) {
			year++
		}
	case e.has("last", "past", "previous"):
		for !start(year).AddDate(0, 3, 0).Before(day) {
			year--
		}
	default:
		for start(year).After(day) {
			year--
		}
	}
	return span(year), true
}
