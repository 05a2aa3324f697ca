package text

import (
	"errors"
	"fmt"
	"strings"
)

// Lexicon finds phrases: an automaton over tokens, made once. A search takes time linear in the text, whatever it holds,
// since no phrase is longer than a fixed number of tokens. It is read-only once made.
type Lexicon struct {
	steps steps
	// ends[s] is the phrase that ends in state s, or -1.
	ends []int32
	// beginnings has a bit for each word that a phrase begins with, by the lowest bits of its hash, which turns most words away at once.
	beginnings [1 << 9]uint64
}

// steps are the transitions of the automaton: from a state, by the hash of the next word, to another. It is a hash table with linear
// probing, half of it empty. 64 bits from a random seed tell words apart.
type steps struct {
	keys []uint64 // 0 where a place is empty
	next []int32
	size int
}

// stepKey mixes a state into the hash of a word.
func stepKey(state int32, word uint64) uint64 {
	return (word ^ uint64(state+1)*0x9E3779B97F4A7C15) | 1 //nolint:gosec // states are not negative
}

// get gives the state that a step leads to, 0 where there is none: no step leads back to the first state.
func (s *steps) get(key uint64) int32 {
	mask := uint64(len(s.keys) - 1) //nolint:gosec // a length
	for i := key >> 8 & mask; s.keys[i] != 0; i = (i + 1) & mask {
		if s.keys[i] == key {
			return s.next[i]
		}
	}
	return 0
}

// put adds a step that is not there yet.
func (s *steps) put(key uint64, next int32) {
	if 2*(s.size+1) > len(s.keys) {
		old := *s
		s.keys, s.next, s.size = make([]uint64, 4*len(old.keys)), make([]int32, 4*len(old.keys)), 0
		for i, k := range old.keys {
			if k != 0 {
				s.put(k, old.next[i])
			}
		}
	}
	mask := uint64(len(s.keys) - 1) //nolint:gosec // a length
	i := key >> 8 & mask
	for s.keys[i] != 0 {
		i = (i + 1) & mask
	}
	s.keys[i], s.next[i] = key, next
	s.size++
}

// Match is a phrase found: tokens [From, To), and the number that it was added with.
type Match struct{ From, To, ID int }

// maxPhrase bounds the length of a phrase in tokens.
const maxPhrase = 16

// maxSpellings bounds how many phrases one pattern may stand for.
const maxSpellings = 20_000

// NewLexicon makes an empty Lexicon.
func NewLexicon() *Lexicon {
	return &Lexicon{steps: steps{keys: make([]uint64, 16), next: make([]int32, 16)}, ends: []int32{-1}}
}

// ErrKnown says that a pattern adds nothing: each of its phrases is there already, for another number perhaps.
var ErrKnown = errors.New("each of its phrases is there already")

// Add adds the phrases that a pattern stands for. A pattern is a phrase with choices: (a|b) is one of them, [a|b] one of them
// or none ("no [clear|definite] evidence [of]"); a backslash goes before a bracket that is meant itself. A phrase that is there already keeps the number that it has.
func (l *Lexicon) Add(pattern string, id int) error {
	phrases, err := spellings(pattern)
	if err != nil {
		return err
	}
	added := false
	for _, phrase := range phrases {
		t := New(phrase)
		if len(t.Tokens) == 0 || len(t.Tokens) > maxPhrase {
			return fmt.Errorf("%q: a phrase has 1 to %d words", pattern, maxPhrase)
		}
		state := int32(0)
		for i := range t.Tokens {
			word := t.Tokens[i].hash
			next := l.steps.get(stepKey(state, word))
			if next == 0 {
				next = int32(len(l.ends)) //nolint:gosec // some ten thousand states
				l.steps.put(stepKey(state, word), next)
				l.ends = append(l.ends, -1)
			}
			if i == 0 {
				l.beginnings[word>>6&511] |= 1 << (word & 63)
			}
			state = next
		}
		if l.ends[state] < 0 {
			l.ends[state] = int32(id) //nolint:gosec // as above
			added = true
		}
	}
	if !added {
		return fmt.Errorf("%q: %w", pattern, ErrKnown)
	}
	return nil
}

// Longest gives the longest phrase that begins at token from and ends before token limit.
func (l *Lexicon) Longest(t *Text, from, limit int) (Match, bool) {
	if from >= limit {
		return Match{}, false
	}
	word := t.Tokens[from].hash
	if l.beginnings[word>>6&511]&(1<<(word&63)) == 0 {
		return Match{}, false
	}
	state := l.steps.get(stepKey(0, word))
	if state == 0 {
		return Match{}, false
	}
	found := Match{ID: -1}
	for i := from + 1; ; i++ {
		if id := l.ends[state]; id >= 0 {
			found = Match{from, i, int(id)}
		}
		if i >= limit {
			break
		}
		next := l.steps.get(stepKey(state, t.Tokens[i].hash))
		if next == 0 {
			break
		}
		state = next
	}
	return found, found.ID >= 0
}

// Find calls a function with each phrase among tokens [from, limit): at each place the longest, none inside another.
func (l *Lexicon) Find(t *Text, from, limit int, found func(Match)) {
	for i := from; i < limit; i++ {
		if m, ok := l.Longest(t, i, limit); ok {
			found(m)
			i = m.To - 1
		}
	}
}

// spellings gives the phrases that a pattern stands for. A backslash makes the sign after it an ordinary one.
func spellings(pattern string) ([]string, error) {
	rest, phrases := pattern, []string{""}
	literal := func(part string) {
		for i := range phrases {
			phrases[i] += part
		}
	}
	for rest != "" {
		at := strings.IndexAny(rest, `([\`)
		if at < 0 {
			at = len(rest)
		}
		literal(rest[:at])
		if rest = rest[at:]; rest == "" {
			break
		}
		if rest[0] == '\\' {
			if rest = rest[1:]; rest == "" {
				return nil, fmt.Errorf("%q: nothing follows the backslash", pattern)
			}
			literal(rest[:1])
			rest = rest[1:]
			continue
		}
		closing := map[byte]string{'(': ")", '[': "]"}[rest[0]]
		inside, after, closed := strings.Cut(rest[1:], closing)
		if !closed || strings.ContainsAny(inside, "([") {
			return nil, fmt.Errorf("%q: brackets are closed and do not nest", pattern)
		}
		choices := strings.Split(inside, "|")
		if rest[0] == '[' {
			choices = append(choices, "")
		}
		next := make([]string, 0, len(phrases)*len(choices))
		for _, phrase := range phrases {
			for _, choice := range choices {
				next = append(next, phrase+choice)
			}
		}
		if len(next) > maxSpellings {
			return nil, errors.New(pattern + ": too many choices")
		}
		phrases, rest = next, after
	}
	return phrases, nil
}
