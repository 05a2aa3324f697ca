// Package match finds the concepts of a code system that a mention names: at once where a name has the same words, else by the words that
// they share, weighed by how rare they are, misspelled ones among them.
package match

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"charthand/terminology/index"
	"charthand/terminology/words"
)

// Candidate is a concept that a mention may name.
type Candidate struct {
	Concept uint32
	Name    uint32 // that was found
	// Score is how much of the two is alike, 0 to 1.
	Score float64
	// Features are what the score's calibration looks at.
	Features Features
}

// Features are what is known of a match.
type Features struct {
	Plain     bool    // the same in so many words
	Exact     bool    // the same words in form
	Covered   float64 // of the mention's words, by weight
	Filled    float64 // of the name's words, by weight
	Dice      float64 // of the letter trigrams of both
	Corrected bool    // a misspelling was put right
	Opposed   bool    // the one says what the other excludes
	Wording   int     // which of the query's
	Otherwise int     // 0 for one of the mention's own names, 1 for what else it is called first, 2 for others
	Type      index.TermType
	Words     int     // of the mention
	Rarest    float64 // weight of the rarest word that matched, of the weight that the rarest of all has
	Letters   int     // of the mention, in bytes
	Gap       float64 // to the next concept's score
	Ties      int     // other concepts of the same score
	Classes   bool    // the system is a classification, whose concepts stand for those below them
}

// Finder finds concepts in one index. It is safe for concurrent use.
type Finder struct {
	x      *index.Index
	former *words.Former
	rules  *Rules
	pool   sync.Pool // *scratch
	has    index.Kinds
	// rarest is the weight of a word that no name has.
	rarest float64
	// classes says that some concepts stand for those below them.
	classes bool
	// levels says that there are drugs with their strengths.
	levels bool
	words  []wordFacts // by the number of the word
	totals []float32   // weight of all words of a name, by name
}

// wordFacts are what is known of a word of the index.
type wordFacts struct {
	weight   float32
	affirmed uint32 // the word that it denies, noWord for none
	group    uint8  // of Rules.Opposites, or number
}

// number is the group of numbers; noWord is no word's number.
const (
	number = maxGroups + 1
	noWord = math.MaxUint32
)

// NewFinder makes a Finder.
func NewFinder(x *index.Index, former *words.Former, rules *Rules) *Finder {
	f := &Finder{x: x, former: former, rules: rules, rarest: math.Log(2*float64(x.Names()) + 2), words: make([]wordFacts, x.Words()), totals: make([]float32, x.Names())}
	for id := range f.words {
		word := uint32(id)
		text := x.WordText(word)
		f.words[id] = wordFacts{weight: float32(f.weight(text, x.Frequency(word))), group: rules.group(text), affirmed: f.denied(text)}
	}
	for id := range f.totals {
		total := float32(0)
		x.NameWords(uint32(id), func(word uint32, isOptional bool) bool {
			total += f.weightIn(word, isOptional)
			return true
		})
		f.totals[id] = total
	}
	for concept := range uint32(x.Meta.Concepts) { //nolint:gosec // as above
		f.has |= x.KindsOf(concept)
		f.levels = f.levels || x.LevelOf(concept) == index.Component
		f.classes = f.classes || x.LevelOf(concept) == index.Header
	}
	f.pool.New = func() any {
		return &scratch{shared: make([]float32, x.Names()), best: map[uint32]Candidate{}}
	}
	return f
}

// Index is what is searched.
func (f *Finder) Index() *index.Index { return f.x }

// Has reports whether the index has concepts of some kinds.
func (f *Finder) Has(kinds index.Kinds) bool { return f.has&kinds != 0 }

// denied gives the word that a word denies, noWord where it denies none.
func (f *Finder) denied(text string) uint32 {
	if rest, is := strings.CutPrefix(text, words.Denial); is {
		if word, found := f.x.Word(rest); found {
			return word
		}
	}
	return noWord
}

// weight is the inverse document frequency of a word that some names have. Words that exclude others (“left”) are in many names and decide all
// the same.
func (f *Finder) weight(text string, frequency int) float64 {
	weight := math.Log(float64(f.x.Names()+1) / (float64(frequency) + 0.5))
	if group := f.rules.group(text); group > 0 && group != number {
		return max(f.rules.Deciding, weight)
	}
	return weight
}

// weightIn gives the weight of a word in a name.
func (f *Finder) weightIn(word uint32, isOptional bool) float32 {
	if isOptional {
		return f.words[word].weight * float32(f.rules.Optional)
	}
	return f.words[word].weight
}

// scratch is the memory of one search.
type scratch struct {
	shared  []float32 // weight of the shared words, by name; 0 but during a search
	touched []uint32  // names that share a word
	rank    []uint8   // of each of them, by what it shares
	names   []uint32
	top     []scored
	words   []asked
	denies  bool // one of them denies a word that names have
	near    []uint32
	best    map[uint32]Candidate
	most    float64 // the best score so far
	// ours and theirs are the letters of a mention and of a name.
	ours, theirs letters
}

// scored is a name while names are compared.
type scored struct {
	name  uint32
	score float64
	Features
}

// asked is one word of a query.
type asked struct {
	text     string
	raw      string
	weight   float64
	optional bool
	modifier bool
	above    bool             // it is said by the concept whose children are looked at
	group    uint8            // of Rules.Opposites
	affirmed uint32           // the word that it denies, noWord for none
	ids      [maxNear]uint32  // of the index; several where it is misspelled
	sureness [maxNear]float64 // of each
	n        int
}

// is gives which of the words of the index that it may be a word is, -1 for none.
func (a *asked) is(word uint32) int {
	for i := range a.n {
		if a.ids[i] == word {
			return i
		}
	}
	return -1
}

// The bounds of a search.
const (
	// maxPostings is how many names are looked at for the words that they share with a mention.
	maxPostings = 3000
	// maxCompared is how many names are compared with a mention word by word, maxLettered those whose letters are.
	maxCompared = 32
	maxLettered = 8
	// maxAsked is how many words of a mention are looked at.
	maxAsked = 24
	// maxNear is how many words are tried for a misspelled one.
	maxNear = 3
)

// Find gives the concepts that a mention may name, the best first, at most n.
func (f *Finder) Find(q *Query, n int) []Candidate {
	s := f.pool.Get().(*scratch)
	defer f.pool.Put(s)
	clear(s.best)
	s.most = 0
	for i := range q.wordings {
		if f.wording(s, q, i) && i == 0 && len(q.modifiers) == 0 {
			break // in so many words: no other form of it says it better
		}
	}
	list := make([]Candidate, 0, len(s.best))
	for _, c := range s.best {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(f.x.LevelOf(a.Concept), f.x.LevelOf(b.Concept)), cmp.Compare(a.Concept, b.Concept))
	})
	list = list[:min(n+1, len(list))]
	for i := range list {
		c := &list[i]
		c.Features.Gap = c.Score
		if i+1 < len(list) {
			c.Features.Gap = c.Score - list[i+1].Score
		}
		if c.Features.Gap == 0 || i > 0 && list[i-1].Score == c.Score {
			c.Features.Ties = 1
		}
		if i+1 < len(list) && c.Features.Corrected && list[i+1].Features.Corrected && c.Features.Gap < f.rules.Doubtful {
			c.Features.Ties = 1 // “hyprkalemia” is misspelled of two
		}
	}
	return list[:min(n, len(list))]
}

// wording looks one form of the mention up; it reports whether a name is the same in so many words.
func (f *Finder) wording(s *scratch, q *Query, at int) bool {
	w := &q.wordings[at]
	s.names = f.x.Plain(index.PlainKey(w.plain), s.names[:0])
	isPlain := len(s.names)
	s.names = f.x.Exact(w.key, s.names)
	f.ask(s, q, w.formed)
	s.top = s.top[:0]
	sure := false
	for i, name := range s.names {
		if f.x.KindsOf(f.x.NameConcept(name))&q.Kinds == 0 || slices.Contains(s.names[:i], name) {
			continue
		}
		score, features := f.compare(s, name)
		s.top = append(s.top, scored{name, score, features})
		sure = sure || i < isPlain && words.Plain(f.x.Name(name)) == w.plain
	}
	// What is said otherwise is not looked for by likeness where the mention is found already.
	if (!sure || len(q.modifiers) > 0) && (w.otherwise == 0 || s.most < f.rules.Found) {
		f.gather(s, q.Kinds)
	}
	s.ours.set(w.plain)
	for range maxLettered {
		t := s.likeliest(f.rules.Floor)
		if t == nil {
			break
		}
		t.Wording, t.Words, t.Otherwise, t.Classes = at, len(w.formed), w.otherwise, f.classes
		named := words.Plain(f.x.Name(t.name))
		t.Type, t.Letters = f.x.NameType(t.name), len(w.plain)
		t.Rarest /= f.rarest
		if t.Plain = named == w.plain; t.Plain {
			t.Dice = 1
		} else {
			s.theirs.set(named)
			t.Dice = dice(&s.ours, &s.theirs)
		}
		score := f.rules.final(t.score, t.Features)
		s.most = max(s.most, score)
		concept := f.x.NameConcept(t.name)
		if known, found := s.best[concept]; !found || score > known.Score {
			s.best[concept] = Candidate{Concept: concept, Name: t.name, Score: score, Features: t.Features}
		}
		t.score = 0
	}
	return sure
}

// likeliest gives the name of the highest score above a floor, nil for none.
func (s *scratch) likeliest(floor float64) *scored {
	var best *scored
	for i := range s.top {
		if t := &s.top[i]; t.score > floor && (best == nil || t.score > best.score || t.score == best.score && t.name < best.name) {
			best = t
		}
	}
	return best
}
