package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// differences are what a server made of a resource.
type differences struct {
	// Lost and Changed are elements that are not any more what was sent.
	Lost, Changed []string
	// Added are elements that were not sent, Normalised those that are written otherwise and mean the same.
	Added, Normalised []string
}

// isFaithful reports whether all that was sent is still there.
func (d *differences) isFaithful() bool { return len(d.Lost)+len(d.Changed) == 0 }

// lines says them one by one, each after the name of the resource; what was only added is given in one line.
func (d *differences) lines(name string) (list []string) {
	for _, of := range []struct {
		what string
		list []string
	}{{"lost", d.Lost}, {"changed", d.Changed}, {"normalised", d.Normalised}} {
		for _, one := range of.list {
			list = append(list, name+": "+of.what+" "+one)
		}
	}
	if len(d.Added) > 0 {
		list = append(list, name+": added "+strings.Join(slices.Sorted(slices.Values(d.Added)), ", "))
	}
	return list
}

// comparison compares what was sent with what is there.
type comparison struct {
	differences
	// base is the server's address, with a slash at the end; names are the "Type/id" of what the fullUrls of a Bundle mean.
	base  string
	names map[string]string
}

// compare says what a server made of a resource. Both are trees of JSON whose numbers are json.Number.
func compare(base string, names map[string]string, sent, found map[string]any) *differences {
	c := &comparison{base: strings.TrimSuffix(base, "/") + "/", names: names}
	c.object("", sent, found)
	return &c.differences
}

// ofServer are the elements that are the server's to write.
var ofServer = map[string]bool{"id": true, "meta.versionId": true, "meta.lastUpdated": true, "meta.source": true}

func (c *comparison) object(path string, sent, found map[string]any) {
	at := func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		there, is := found[key]
		switch place := at(key); {
		case place == "text":
			c.narrative(sent[key], there)
		case is:
			c.value(place, sent[key], there)
		case strings.HasSuffix(path, "attachment") && key == "data" && found["url"] != nil:
			c.Normalised = append(c.Normalised, place+": moved to "+path+".url")
		default:
			c.Lost = append(c.Lost, place)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if _, was := sent[key]; !was {
			c.added(at(key), found[key])
		}
	}
}

// added names what was added; of meta, which every server writes, its elements.
func (c *comparison) added(place string, value any) {
	if meta, is := value.(map[string]any); is && place == "meta" {
		for _, key := range slices.Sorted(maps.Keys(meta)) {
			c.Added = append(c.Added, "meta."+key)
		}
		return
	}
	c.Added = append(c.Added, place)
}

// narrative compares texts: a server may write its own, or write the same XHTML otherwise.
func (c *comparison) narrative(sent, found any) {
	switch {
	case found == nil:
		c.Lost = append(c.Lost, "text")
	case string(encode(sent)) != string(encode(found)):
		c.Normalised = append(c.Normalised, "text: the server wrote its own narrative")
	}
}

func (c *comparison) value(place string, sent, found any) {
	switch sent := sent.(type) {
	case map[string]any:
		if found, is := found.(map[string]any); is {
			c.object(place, sent, found)
			return
		}
	case []any:
		if found, is := found.([]any); is {
			c.list(place, sent, found)
			return
		}
	case string:
		if found, is := found.(string); is {
			c.string(place, sent, found)
			return
		}
	case json.Number:
		if found, is := found.(json.Number); is {
			c.number(place, sent, found)
			return
		}
	}
	if string(encode(sent)) != string(encode(found)) && !ofServer[place] {
		c.change(place, sent, found)
	}
}

func (c *comparison) change(place string, sent, found any) {
	c.Changed = append(c.Changed, fmt.Sprintf("%s: sent %s, found %s", place, clip(encode(sent)), clip(encode(found))))
}

// list compares lists: in their order, or as sets where that is all that differs.
func (c *comparison) list(place string, sent, found []any) {
	if len(sent) == len(found) {
		if sorted(sent) == sorted(found) && string(encode(sent)) != string(encode(found)) {
			c.Normalised = append(c.Normalised, place+": in another order")
			return
		}
		for i := range sent {
			c.value(fmt.Sprintf("%s[%d]", place, i), sent[i], found[i])
		}
		return
	}
	// Some were lost or added: which, tells their words.
	rest := slices.Clone(found)
	for i, element := range sent {
		held := slices.IndexFunc(rest, func(other any) bool {
			one := comparison{base: c.base, names: c.names}
			one.value(place, element, other)
			return one.isFaithful()
		})
		if held < 0 {
			c.Lost = append(c.Lost, fmt.Sprintf("%s[%d] %s", place, i, clip(encode(element))))
			continue
		}
		rest = slices.Delete(rest, held, held+1)
	}
	for _, element := range rest {
		c.Added = append(c.Added, fmt.Sprintf("%s %s", place, clip(encode(element))))
	}
}

// string compares strings, among them references and times.
func (c *comparison) string(place, sent, found string) {
	if sent == found || ofServer[place] {
		return
	}
	normalised := func(how string) { c.Normalised = append(c.Normalised, place+": "+how) }
	isReference := strings.HasSuffix(place, "reference") || strings.HasSuffix(place, "Reference")
	within := strings.TrimPrefix(found, c.base)
	switch plain, _, _ := strings.Cut(sent, "/_history/"); {
	case isReference && c.names[sent] != "" && (c.names[sent] == within):
		return // what the entries of a Bundle mean by each other is for the server to say
	case isReference && strings.TrimPrefix(sent, c.base) == within:
		normalised("relative and absolute")
	case isReference && strings.TrimPrefix(plain, c.base) == within:
		normalised("the version of the reference is gone")
	case isSameTime(sent, found):
		normalised(fmt.Sprintf("%s as %s", sent, found))
	default:
		c.change(place, sent, found)
	}
}

func isSameTime(one, other string) bool {
	a, err := time.Parse(time.RFC3339Nano, one)
	if err != nil {
		return false
	}
	b, err := time.Parse(time.RFC3339Nano, other)
	return err == nil && a.Equal(b)
}

// number compares numbers: FHIR's decimals have a precision, which servers may lose.
func (c *comparison) number(place string, sent, found json.Number) {
	if sent == found {
		return
	}
	a, aIs := new(big.Rat).SetString(sent.String())
	b, bIs := new(big.Rat).SetString(found.String())
	if aIs && bIs && a.Cmp(b) == 0 {
		c.Normalised = append(c.Normalised, fmt.Sprintf("%s: %s as %s", place, sent, found))
		return
	}
	c.change(place, sent, found)
}

// sorted gives the elements of a list in an order of their own, encoded.
func sorted(list []any) string {
	encoded := make([]string, len(list))
	for i, element := range list {
		encoded[i] = string(encode(element))
	}
	slices.Sort(encoded)
	return strings.Join(encoded, "\n")
}

// clip keeps the beginning of a long value.
func clip(value []byte) string {
	const most = 80
	runes := []rune(string(value))
	if len(runes) <= most {
		return string(value)
	}
	return string(runes[:most]) + "…"
}
