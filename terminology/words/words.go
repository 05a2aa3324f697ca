// Package words brings the names of concepts, and what notes call them, into one form: words without regard to case, number, order,
// spelling and ending, with the words that mean the same made one. What means the same is data (words.yaml).
package words

import (
	_ "embed" // the default words
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/unicode/norm"
)

//go:embed words.yaml
var defaultWords []byte

// Version changes with the form that the words are given: an index that was made in another cannot be searched.
const Version = 1

// Word is one word of a name, in the form that names are compared by.
type Word struct {
	Text string
	// Raw is the word as it was written, in lower case without accents: misspellings are put right by it.
	Raw string
	// Optional marks what a name may have or lack: what stands in brackets, "unspecified".
	Optional bool
}

// Former brings names into form. It is read-only once made.
type Former struct {
	stop     map[string]bool
	optional map[string]bool
	same     map[string]string   // word → the one that stands for it
	phrases  map[string][]phrase // by their first word
	endings  [256][][2]string    // by their last letter
	keep     map[string]bool     // words whose endings stay
	numbers  map[string]string
	counted  map[string]bool // words that a number follows
}

// phrase is words that stand for others.
type phrase struct{ from, to []string }

// Default gives the Former of the words inside the binary.
func Default() (*Former, error) { return Read(defaultWords) }

// Read makes a Former of words in YAML; words.yaml is the example. An unknown key is an error.
func Read(data []byte) (*Former, error) {
	var file struct {
		Stop     []string          `yaml:"stop"`
		Optional []string          `yaml:"optional"`
		Keep     []string          `yaml:"keep"`
		Endings  []string          `yaml:"endings"`
		Numbers  map[string]string `yaml:"numbers"`
		Counted  []string          `yaml:"counted"`
		Same     []string          `yaml:"same"`
		Phrases  map[string]string `yaml:"phrases"`
	}
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("words: %s", yaml.FormatError(err, false, false))
	}
	f := &Former{stop: set(file.Stop), optional: map[string]bool{}, keep: set(file.Keep), counted: set(file.Counted), numbers: file.Numbers, same: map[string]string{}, phrases: map[string][]phrase{}}
	for _, ending := range file.Endings {
		from, to, _ := strings.Cut(ending, " ")
		if from == "" {
			return nil, fmt.Errorf("words: endings: %q is none", ending)
		}
		last := from[len(from)-1]
		f.endings[last] = append(f.endings[last], [2]string{from, to})
	}
	same := map[string]string{}
	for _, group := range file.Same {
		list := strings.Fields(group)
		if len(list) < 2 {
			return nil, fmt.Errorf("words: same: %q is one word", group)
		}
		for _, word := range list[1:] {
			stem := f.stem(word)
			if other, twice := same[stem]; twice && other != f.stem(list[0]) {
				return nil, fmt.Errorf("words: same: %q stands in two groups", word)
			}
			same[stem] = f.stem(list[0])
		}
	}
	f.same = same
	for _, word := range file.Optional {
		f.optional[f.one(word)] = true
	}
	for from, to := range file.Phrases {
		p := phrase{f.sequence(from), f.sequence(to)}
		if len(p.from) == 0 {
			return nil, fmt.Errorf("words: phrases: %q has no words", from)
		}
		f.phrases[p.from[0]] = append(f.phrases[p.from[0]], p)
	}
	for _, list := range f.phrases {
		slices.SortFunc(list, func(a, b phrase) int {
			if d := len(b.from) - len(a.from); d != 0 {
				return d
			}
			return slices.Compare(a.from, b.from)
		})
	}
	return f, nil
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, word := range list {
		m[word] = true
	}
	return m
}

// Plain gives a name in lower case, without accents and punctuation, with single blanks: two names that differ in nothing else are the
// same in so many words.
func Plain(name string) string {
	b := make([]byte, 0, len(name))
	gap := false
	for _, r := range fold(name) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && len(b) > 0 {
				b = append(b, ' ')
			}
			gap = false
			b = append(b, string(r)...)
		case r == '\'':
		case r == '%':
			b = append(b, " %"...)
			gap = true
		default:
			gap = true
		}
	}
	return string(b)
}

// joinedLetters are letters that Unicode does not take apart.
var joinedLetters = strings.NewReplacer("æ", "ae", "Æ", "ae", "œ", "oe", "Œ", "oe", "ß", "ss", "ø", "o", "Ø", "o", "ł", "l", "Ł", "l", "’", "'")

// fold gives a text in lower case and without accents.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r >= 0x80 && !unicode.IsLetter(r) && !unicode.IsDigit(r): // dashes, quotes, signs, blanks
			return ' '
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(joinedLetters.Replace(s)))
}

// Form gives the words of a name in their form, in its order; what is said not to be there begins with Denial.
func (f *Former) Form(name string) []Word {
	raw := f.split(name)
	out := make([]Word, 0, len(raw))
	denied := false // the next word is
	add := func(text, raw string, isOptional bool) {
		if text == without {
			denied = true
			return
		}
		if denied {
			text = Denial + text
		}
		denied = false
		out = append(out, Word{text, raw, isOptional})
	}
	for i := 0; i < len(raw); {
		if n, to := f.phraseAt(raw, i); n > 0 {
			for _, word := range to {
				add(word, "", f.optional[word] || raw[i].Optional)
			}
			i += n
			continue
		}
		switch word := raw[i]; {
		case word.Text == "or" && len(out) > 0: // "without obstruction or gangrene"
			denied = strings.HasPrefix(out[len(out)-1].Text, Denial)
		case !f.stop[word.Text]:
			add(word.Text, word.Raw, word.Optional || f.optional[word.Text])
		}
		i++
	}
	return out
}

// Denial begins the form of a word that is said not to be there: "without aura" is one word.
const Denial = "!"

// without is the word that denies the next one, in form.
const without = "without"

// phraseAt gives the longest phrase that begins at a word: how many words it has, and those that stand for it.
func (f *Former) phraseAt(raw []Word, at int) (int, []string) {
	for _, p := range f.phrases[raw[at].Text] {
		if at+len(p.from) > len(raw) {
			continue
		}
		matches := true
		for i, word := range p.from {
			if raw[at+i].Text != word || raw[at+i].Optional != raw[at].Optional {
				matches = false
				break
			}
		}
		if matches {
			return len(p.from), p.to
		}
	}
	return 0, nil
}

// sequence gives the words of a phrase in form, stop words and all.
func (f *Former) sequence(name string) []string {
	var list []string
	for _, word := range f.split(name) {
		list = append(list, word.Text)
	}
	return list
}

// split cuts a name into words, each in form, and marks those in brackets.
func (f *Former) split(name string) []Word {
	s := fold(name)
	out := make([]Word, 0, 8)
	depth := 0
	previous := ""
	add := func(word string) {
		formed := f.number(word, previous)
		previous = word
		if rest, negated := strings.CutPrefix(formed, "non"); negated && len(rest) >= 5 && !f.keep[formed] {
			out = append(out, Word{Text: without, Optional: depth > 0})
			formed = rest
		}
		out = append(out, Word{f.one(formed), formed, depth > 0})
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '(' || c == '[':
			depth++
			i++
		case c == ')' || c == ']':
			depth = max(0, depth-1)
			i++
		case isWord(c):
			start := i
			digit := isDigit(c)
			for i < len(s) && (isWord(s[i]) || s[i] == '\'' && i+1 < len(s) && isWord(s[i+1])) && isDigit(s[i]) == digit || i < len(s) && digit && s[i] == '.' && i+1 < len(s) && isDigit(s[i+1]) {
				i++
			}
			word := s[start:i]
			if at := strings.IndexByte(word, '\''); at > 0 { // "Crohn's", "o'clock"
				if word[at:] == "'s" {
					word = word[:at]
				} else {
					word = strings.ReplaceAll(word, "'", "")
				}
			}
			add(word)
		case c == '%':
			add("%")
			i++
		default:
			i++
		}
	}
	if depth > 0 || len(out) > 0 && !slices.ContainsFunc(out, func(w Word) bool { return !w.Optional }) {
		for i := range out { // an open bracket, or nothing but what is in brackets
			out[i].Optional = false
		}
	}
	return out
}

func isWord(c byte) bool  { return 'a' <= c && c <= 'z' || isDigit(c) || c >= 0x80 }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number gives a number in digits: "II", "two"; a single letter is one only after a word that numbers follow ("type I").
func (f *Former) number(word, previous string) string {
	digits, known := f.numbers[word]
	if !known || len(word) == 1 && !f.counted[previous] {
		return word
	}
	return digits
}

// one gives the form of one word.
func (f *Former) one(word string) string {
	stem := f.stem(word)
	if same, found := f.same[stem]; found {
		return same
	}
	return stem
}

// minStem is the shortest that is left of a word without its ending, in bytes.
const minStem = 3

// stem gives a word in American spelling and without its ending.
func (f *Former) stem(word string) string {
	if len(word) < 4 || isDigit(word[0]) || f.keep[word] {
		return word
	}
	word = american(word)
	if len(word) > 3 && word[len(word)-1] == 's' && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && !strings.HasSuffix(word, "is") {
		switch {
		case strings.HasSuffix(word, "ies") && len(word) > 5:
			word = word[:len(word)-3] + "y"
		case strings.HasSuffix(word, "ses") || strings.HasSuffix(word, "xes") || strings.HasSuffix(word, "ches") || strings.HasSuffix(word, "shes"):
			word = word[:len(word)-2]
		default:
			word = word[:len(word)-1]
		}
	}
	for _, ending := range f.endings[word[len(word)-1]] {
		if rest, found := strings.CutSuffix(word, ending[0]); found && len(rest)+len(ending[1]) >= minStem && len(rest) >= 2 {
			return rest + ending[1]
		}
	}
	return word
}

// american gives the American spelling. It need not be right, only the same for both: "ae" is "e" in all words.
func american(word string) string {
	if strings.Contains(word, "ae") || strings.Contains(word, "oe") {
		word = strings.ReplaceAll(strings.ReplaceAll(word, "ae", "e"), "oe", "e")
	}
	if strings.Contains(word, "sulph") {
		word = strings.ReplaceAll(word, "sulph", "sulf")
	}
	if strings.Contains(word, "our") && len(word) > 4 { // tumour, colour, hypervapour
		word = strings.Replace(word, "our", "or", 1)
	}
	if strings.HasSuffix(word, "ise") || strings.HasSuffix(word, "ised") {
		word = strings.Replace(word, "ise", "ize", 1)
	}
	if rest, found := strings.CutSuffix(word, "tre"); found {
		word = rest + "ter"
	}
	if rest, found := strings.CutSuffix(word, "fibre"); found {
		word = rest + "fiber"
	}
	if strings.Contains(word, "leuko") {
		word = strings.ReplaceAll(word, "leuko", "leuco")
	}
	return word
}
