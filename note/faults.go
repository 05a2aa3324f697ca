package note

import (
	"fmt"
	"slices"
	"strings"
)

// faults are what is not well-formed in an XML document (XML 1.0; Namespaces in XML 1.0).
type faults struct {
	bound     map[string]int // the prefixes that are bound where the reader stands
	unbound   []string       // prefixes that were used without
	roots     int
	firstRoot string
	outside   int // texts outside of the root
	crossed   int // end tags that do not close the innermost element
	unclosed  int // elements without an end
	undefined int // character references that XML does not define
}

// maxPrefixes bounds how many prefixes are told apart.
const maxPrefixes = 16

// begin looks at a start tag, and gives the prefixes that it binds.
func (f *faults) begin(spelled string, attributes map[string]string, root bool) (declares []string) {
	if root {
		if f.roots++; f.roots == 1 {
			f.firstRoot = spelled[strings.IndexByte(spelled, ':')+1:]
		}
	}
	for key := range attributes {
		if prefix, is := strings.CutPrefix(key, "xmlns:"); is && (f.bound[prefix] > 0 || len(f.bound) < maxPrefixes*maxPrefixes) {
			f.bound[prefix]++
			declares = append(declares, prefix)
		}
	}
	f.use(spelled)
	for key := range attributes {
		f.use(key)
	}
	return declares
}

// use notes the prefix of a name.
func (f *faults) use(name string) {
	prefix, _, qualified := strings.Cut(name, ":")
	prefix = strings.ToLower(prefix)
	if !qualified || f.bound[prefix] > 0 || len(f.unbound) >= maxPrefixes || !isWord(prefix) {
		return
	}
	for _, known := range f.unbound {
		if known == prefix {
			return
		}
	}
	f.unbound = append(f.unbound, strings.Clone(prefix))
}

// isWord reports whether a prefix is one of those that may be named in a message: short, of letters and digits.
func isWord(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 16
}

// end takes back the prefixes of an element that ends.
func (f *faults) end(declares []string) {
	for _, prefix := range declares {
		if f.bound[prefix]--; f.bound[prefix] == 0 {
			delete(f.bound, prefix)
		}
	}
}

// remarks names the faults, without anything of the text.
func (f *faults) remarks() (remarks []string) {
	add := func(format string, arguments ...any) {
		remarks = append(remarks, "not well-formed XML: "+fmt.Sprintf(format, arguments...))
	}
	if len(f.unbound) > 0 {
		add("no namespace is bound to the prefix %s", strings.Join(slices.Sorted(slices.Values(f.unbound)), ", "))
	}
	if f.roots > 1 {
		add("%d root elements", f.roots)
	}
	if f.outside > 0 {
		add("text outside of the root element")
	}
	if f.crossed > 0 {
		add("%d end tags that do not match", f.crossed)
	}
	if f.unclosed > 0 {
		add("%d elements without an end: the document may be cut off", f.unclosed)
	}
	if f.undefined > 0 {
		add("%d character references that are not defined", f.undefined)
	}
	if f.roots > 0 && f.firstRoot != "ClinicalDocument" {
		remarks = append(remarks, "a fragment: the root element is not ClinicalDocument")
	}
	return remarks
}
