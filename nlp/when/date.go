package when

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// date is a day, a month (day 0), a year (month 0), or a month and day without a year (year 0).
type date struct{ year, month, day int }

// The years that notes speak of.
const (
	minYear = 1800
	maxYear = 2200
)

// valid reports whether there is such a day.
func (d date) valid() bool {
	if d.year == 0 && d.month == 0 || d.year != 0 && (d.year < minYear || d.year > maxYear) {
		return false
	}
	if d.month == 0 {
		return d.day == 0
	}
	if d.month < 1 || d.month > 12 {
		return false
	}
	if d.day == 0 {
		return true
	}
	year := d.year
	if year == 0 {
		year = 2000 // a leap year: 2/29 may be one
	}
	t := time.Date(year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
	return int(t.Month()) == d.month && t.Day() == d.day
}

// String gives FHIR's form, as exact as the date is.
func (d date) String() string {
	switch {
	case d.month == 0:
		return fmt.Sprintf("%04d", d.year)
	case d.day == 0:
		return fmt.Sprintf("%04d-%02d", d.year, d.month)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

func dayOf(t time.Time) date { return date{t.Year(), int(t.Month()), t.Day()} }

// first gives the first day of what the date names.
func (d date) first() time.Time {
	return time.Date(d.year, time.Month(max(d.month, 1)), max(d.day, 1), 0, 0, 0, 0, time.UTC)
}

// dated gives a month and day, or a month, its year: the last one up to a day, or the first one from it on. 2/29 is looked for in a
// leap year.
func (d date) dated(from time.Time, future bool) date {
	step := -1
	if future {
		step = 1
	}
	for year, tries := from.Year(), 0; tries < 10; year, tries = year+step, tries+1 {
		dated := date{year, d.month, d.day}
		if !dated.valid() {
			continue
		}
		this := dated.first()
		if d.day == 0 {
			month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
			if future && !this.Before(month) || !future && !this.After(month) {
				return dated
			}
			continue
		}
		if future && !this.Before(from) || !future && !this.After(from) {
			return dated
		}
	}
	return date{}
}

// century gives a year of two digits its century: the last such year up to the year after the note's, or up to 2040 where the
// note's date is unknown.
func (a Anchor) century(year int) int {
	last := 2040
	if a.known() {
		last = a.Date.Year() + 1
	}
	if year += 2000; year > last {
		year -= 100
	}
	return year
}

// numeric reads a date in digits at the beginning of a text and gives its length in bytes, 0 for none: "03/14/2024", "3-14-24",
// "2024-03-14", "5.19.2018", "3/2009", "3/14". Months come first unless that cannot be.
func (a Anchor) numeric(s string) (date, int) {
	var numbers [3]int
	var widths [3]int
	sign := byte(0)
	at, n := 0, 0
	for n < 3 {
		start := at
		for at < len(s) && '0' <= s[at] && s[at] <= '9' && at-start < 5 {
			at++
		}
		if at == start {
			break
		}
		numbers[n], _ = strconv.Atoi(s[start:at])
		widths[n] = at - start
		n++
		if n == 3 || at+1 >= len(s) || strings.IndexByte("/-.", s[at]) < 0 || sign != 0 && s[at] != sign || s[at+1] < '0' || s[at+1] > '9' {
			break
		}
		sign = s[at]
		at++
	}
	if at < len(s) && '0' <= s[at] && s[at] <= '9' {
		return date{}, 0
	}
	switch {
	case n == 3 && widths[0] == 4 && widths[1] <= 2 && widths[2] <= 2:
		return date{numbers[0], numbers[1], numbers[2]}, at
	case n == 3 && widths[0] <= 2 && widths[1] <= 2 && (widths[2] == 4 || widths[2] == 2):
		d := date{numbers[2], numbers[0], numbers[1]}
		if widths[2] == 2 {
			d.year = a.century(d.year)
		}
		if d.month > 12 && d.day <= 12 {
			d.month, d.day = d.day, d.month
		}
		return d, at
	case n == 2 && widths[0] == 4 && widths[1] == 2 && sign == '-' && numbers[1] <= 12:
		return date{numbers[0], numbers[1], 0}, at
	case n == 2 && widths[0] <= 2 && widths[1] == 4 && sign != '.':
		return date{numbers[1], numbers[0], 0}, at
	case n == 2 && widths[0] <= 2 && widths[1] <= 2 && sign != '.':
		if numbers[1] > 31 {
			return date{a.century(numbers[1]), numbers[0], 0}, at
		}
		if numbers[0] > 12 && numbers[1] <= 12 {
			return date{0, numbers[1], numbers[0]}, at
		}
		return date{0, numbers[0], numbers[1]}, at
	}
	return date{}, 0
}
