package when

import (
	"fmt"
	"strconv"
	"time"

	"charthand/nlp/text"
)

// clockAt reads "at 0830 hours", "@ 2032": four digits are a time there, not a year.
func (e *reading) clockAt() (Expression, bool) {
	if w := e.word(e.from); w != "at" && w != "@" || len(e.word(e.from+1)) != 4 {
		return Expression{}, false
	}
	clock, next := e.clock(e.from + 1)
	return Expression{Time: clock}, next == e.to
}

// year reads a year in four digits, or in two after an apostrophe, at token i; 0 for none.
func (e *reading) year(i int) int {
	word := e.word(i)
	if i >= e.to || e.text.Tokens[i].Kind != text.Number {
		return 0
	}
	n, err := strconv.Atoi(word)
	switch {
	case err != nil:
		return 0
	case len(word) == 4 && 1850 <= n && n <= 2150:
		return n
	case len(word) == 2 && e.apostrophe(i):
		return e.anchor.century(n)
	}
	return 0
}

// clock reads a time of day at token i, "hh:mm".
func (e *reading) clock(i int) (string, int) {
	switch e.word(i) {
	case "noon", "midday":
		return "12:00", i + 1
	case "midnight":
		return "00:00", i + 1
	}
	if i >= e.to || e.text.Tokens[i].Kind != text.Number {
		return "", i
	}
	digits := e.word(i)
	hour, err := strconv.Atoi(digits)
	if err != nil {
		return "", i
	}
	minute, next := 0, i+1
	bare := true
	switch {
	case e.word(next) == ":" && e.text.Joined(next) && next+1 < e.to && e.text.Joined(next+1):
		if minute, err = strconv.Atoi(e.word(next + 1)); err != nil {
			return "", i
		}
		next, bare = next+2, false
		if e.word(next) == ":" && e.text.Joined(next) {
			next += 2 // seconds
		}
	case len(digits) == 4:
		hour, minute, bare = hour/100, hour%100, false
	case len(digits) == 3:
		hour, minute = hour/100, hour%100
	}
	if hour > 24 {
		return "", i
	}
	switch half, after := e.half(next); {
	case half != "":
		hour %= 12
		if half == "pm" {
			hour += 12
		}
		next, bare = after, false
	case !bare && hour >= 1 && hour < 12 && e.has("afternoon", "evening", "tonight", "night", "noon"):
		hour += 12
	case e.word(next) == "h" || e.word(next) == "hours" || e.word(next) == "hrs":
		if !bare {
			next++
		}
	}
	if bare || hour > 24 || minute > 59 {
		return "", i
	}
	return fmt.Sprintf("%02d:%02d", hour%24, minute), next
}

// half reads "a.m.", "pm", "p".
func (e *reading) half(i int) (string, int) {
	switch e.word(i) {
	case "am", "pm":
		return e.word(i), e.skip(i+1, ".")
	case "a", "p":
		if e.word(i+1) == "." && e.word(i+2) == "m" {
			return e.word(i) + "m", e.skip(i+3, ".")
		}
		if e.text.Joined(i) {
			return e.word(i) + "m", i + 1
		}
	case "o":
		if e.word(i+2) == "clock" {
			return e.half(i + 3)
		}
	}
	return "", i
}

// clockAlone is a time of day without a day.
func (e *reading) clockAlone() (Expression, bool) {
	for i := e.from; i < e.to; i++ {
		if clock, next := e.clock(i); next > i {
			return Expression{Time: clock}, true
		}
	}
	return Expression{}, false
}

// timed adds a time of day among tokens [from, to) to a day.
func (e *reading) timed(d date, from, to int) Expression {
	for i := from; i < to; i++ {
		clock, next := e.clock(i)
		if next == i {
			continue
		}
		if e.anchor.Zone == nil {
			return Expression{DateTime: d.String(), Time: clock}
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", d.String()+"T"+clock, e.anchor.Zone)
		if err == nil {
			return Expression{DateTime: at.Format(time.RFC3339)}
		}
	}
	return Expression{DateTime: d.String()}
}
