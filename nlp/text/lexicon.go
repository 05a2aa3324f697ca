package text

import (
	"errors"
	"fmt"
	"strings"
)

// Lexicon finds phrases: an automaton over tokens, made once. A search takes time linear in the text, whatever it holds,
// since no phrase is longer than a fixed number of tokens. It is read-only once made.
type Lexicon struct {
	steps map[step]int32
	// ends[s] is the phrase that ends in state s, or -1.
	ends []int32
	// first holds the words that a phrase begins with, by their hashes; beginnings has a bit for each, by the hash's lowest bits, which
	// turns most words away at once.
	first      map[uint64]int32
	beginnings [1 << 9]uint64
}

// step is a transition of the automaton: a state and the hash of the next word. 64 bits from a random seed tell words apart.
type step struct {
	word  uint64
	state int32
}

// Match is a phrase found: tokens [From, To), and the number that it was added with.
type Match struct{ From, To, ID int }

// maxPhrase bounds the length of a phrase in tokens.
const maxPhrase = 16

// maxSpellings bounds how many phrases one pattern may stand for.
const maxSpellings = 20_000

// NewLexicon makes an empty Lexicon.
func NewLexicon() *Lexicon {
	return &Lexicon{steps: map[step]int32{}, ends: []int32{-1}, first: map[uint64]int32{}}
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
			at := step{t.Tokens[i].hash, state}
			next, known := l.steps[at]
			if !known {
				next = int32(len(l.ends)) //nolint:gosec // a few thousand states
				l.steps[at] = next
				l.ends = append(l.ends, -1)
			}
			if i == 0 {
				l.first[at.word] = next
				l.beginnings[at.word>>6&511] |= 1 << (at.word & 63)
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
	state, known := l.first[word]
	if !known {
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
		next, known := l.steps[step{t.Tokens[i].hash, state}]
		if !known {
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
