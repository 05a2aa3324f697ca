package measure

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"charthand/nlp/text"
)

// words are numbers written out; those below a hundred add up ("twenty-five").
var words = map[string]int64{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
	"fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}

var fractions = map[string]string{"½": "0.5", "¼": "0.25", "¾": "0.75", "half": "0.5", "quarter": "0.25"}

// NumberAt reads the number at token i, in digits, words or fractions, and gives the token after it; i itself where there is none.
func NumberAt(t *text.Text, i, limit int) (value json.Number, next int) {
	if i >= limit {
		return "", i
	}
	switch word := t.Word(i); {
	case t.Tokens[i].Kind == text.Number:
		value, next := digits(t, i, limit)
		if decimals, end := spoken(t, next, limit); end > next && !strings.Contains(string(value), ".") {
			return value + json.Number("."+decimals), end
		}
		if next < limit && t.Word(next) == "million" && (next+1 == limit || t.Word(next+1) != "/") {
			return times(value, "6"), next + 1
		}
		return value, next
	case word == "." && i+1 < limit && t.Joined(i+1) && t.Tokens[i+1].Kind == text.Number && !strings.ContainsAny(t.Word(i+1), ".,"):
		return json.Number("0." + t.Word(i+1)), i + 2
	case word == "point" && i+1 < limit:
		if decimals, next := spoken(t, i, limit); next > i {
			return json.Number("0." + decimals), next
		}
	case fractions[word] != "":
		return fraction(t, i, limit)
	default:
		if n, next := written(t, i, limit); next > i {
			if decimals, end := spoken(t, next, limit); end > next {
				return json.Number(n.Num().String() + "." + decimals), end
			}
			return withFraction(t, n, next, limit)
		}
	}
	return "", i
}

// spoken reads "point" at token i and the digits after it, each a word: "point zero five" is "05".
func spoken(t *text.Text, i, limit int) (decimals string, next int) {
	if i >= limit || t.Word(i) != "point" {
		return "", i
	}
	next = i + 1
	for next < limit && len(decimals) < 6 {
		n, ok := words[t.Word(next)]
		if !ok || n > 9 {
			break
		}
		decimals += strconv.FormatInt(n, 10)
		next++
	}
	if decimals == "" {
		return "", i
	}
	return decimals, next
}

// digits reads a number in digits, a fraction ("1/2") and a mixed number ("1 1/2", "1½").
func digits(t *text.Text, i, limit int) (json.Number, int) {
	value, next := json.Number(strings.ReplaceAll(t.Word(i), ",", "")), i+1
	if trimmed := strings.TrimLeft(string(value), "0"); trimmed != string(value) {
		if trimmed == "" || trimmed[0] == '.' {
			trimmed = "0" + trimmed
		}
		value = json.Number(trimmed)
	}
	if numerator, denominator, after := slash(t, i, limit); after > i && small(numerator, denominator) {
		return divide("0", numerator, denominator), after
	}
	if next < limit && fractions[t.Word(next)] != "" && t.Tokens[next].Kind == text.Sign {
		return plus(value, fractions[t.Word(next)]), next + 1
	}
	if numerator, denominator, after := slash(t, next, limit); after > next && small(numerator, denominator) {
		return divide(string(value), numerator, denominator), after
	}
	if next+1 < limit && t.Word(next) == "-" && t.Joined(next) {
		if numerator, denominator, after := slash(t, next+1, limit); after > next+1 && small(numerator, denominator) && denominator != "10" {
			return divide(string(value), numerator, denominator), after // "1-1/2"
		}
	}
	return value, next
}

// slash reads two whole numbers with a slash between them.
func slash(t *text.Text, i, limit int) (numerator, denominator string, next int) {
	if i+2 < limit && t.Tokens[i].Kind == text.Number && t.Word(i+1) == "/" && t.Tokens[i+2].Kind == text.Number && t.Joined(i+1) && t.Joined(i+2) {
		return t.Word(i), t.Word(i + 2), i + 3
	}
	return "", "", i
}

// small reports whether a fraction is one that tablets are cut into, rather than a score or a pressure.
func small(numerator, denominator string) bool {
	switch denominator {
	case "2", "3", "4":
		return len(numerator) == 1 && numerator > "0" && numerator < denominator
	}
	return false
}

func divide(whole, numerator, denominator string) json.Number {
	r, _ := new(big.Rat).SetString(numerator + "/" + denominator)
	w, _ := new(big.Rat).SetString(whole)
	return Decimal(r.Add(r, w))
}

func plus(a json.Number, b string) json.Number {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(b)
	if !okX || !okY {
		return a
	}
	return Decimal(x.Add(x, y))
}

// Decimal writes a rational number with at most six decimals and no zeros at the end.
func Decimal(r *big.Rat) json.Number {
	s := r.FloatString(6)
	return json.Number(strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

// maxWritten bounds a number in words.
const maxWritten = 1_000_000

// written reads a number in words.
func written(t *text.Text, i, limit int) (*big.Rat, int) {
	if _, begins := words[t.Word(i)]; !begins {
		return nil, i
	}
	total, part, next := int64(0), int64(0), i
	for next < limit {
		word := t.Word(next)
		if word == "-" && next > i && next+1 < limit && t.Joined(next) && t.Joined(next+1) {
			if n, ok := words[t.Word(next+1)]; ok && n < 10 && part%10 == 0 && part > 0 {
				part += n
				next += 2
				continue
			}
			break
		}
		n, ok := words[word]
		switch {
		case ok && (part == 0 || part%10 == 0 && n < 10 || part%100 == 0):
			part += n
		case total > maxWritten || part > maxWritten:
			return big.NewRat(total+part, 1), next
		case word == "hundred" && next > i:
			part = max(part, 1) * 100
		case word == "thousand" && next > i:
			total, part = total+max(part, 1)*1000, 0
		case word == "and" && next > i && (t.Word(next-1) == "hundred" || t.Word(next-1) == "thousand") && next+1 < limit:
			if _, more := words[t.Word(next+1)]; !more {
				return big.NewRat(total+part, 1), next
			}
		default:
			return big.NewRat(total+part, 1), next
		}
		next++
	}
	return big.NewRat(total+part, 1), next
}

// withFraction goes on after a number in words: "one and a half", "one-half", "twelve and a half", "three-quarters".
func withFraction(t *text.Text, n *big.Rat, next, limit int) (json.Number, int) {
	at := next
	if at < limit && (t.Word(at) == "and" || t.Word(at) == "-") {
		at++
	}
	joined := at > next && t.Word(next) == "-"
	if at < limit && (t.Word(at) == "a" || t.Word(at) == "one") && at > next && !joined {
		at++
		if at < limit && t.Word(at) == "-" {
			at++
		}
	}
	if at < limit {
		if part := fractions[strings.TrimSuffix(t.Word(at), "s")]; part != "" && t.Tokens[at].Kind == text.Word {
			p, _ := new(big.Rat).SetString(part)
			if at == next || joined {
				return Decimal(p.Mul(p, n)), at + 1
			}
			return Decimal(p.Add(p, n)), at + 1
		}
	}
	return Decimal(n), next
}

// fraction reads "half", "½", "half a", "quarter".
func fraction(t *text.Text, i, limit int) (json.Number, int) {
	return json.Number(fractions[t.Word(i)]), min(i+1, limit)
}
