package match

import (
	"cmp"
	"slices"

	"charthand/terminology/index"
)

// gather adds the names that share words with a query to those that are compared: the likeliest of those that have its rarest words.
func (f *Finder) gather(s *scratch, kinds index.Kinds) {
	type list struct {
		id        uint32
		frequency int
		weight    float32
	}
	lists := make([]list, 0, maxAsked)
	missing := float32(0)
	for i := range s.words {
		a := &s.words[i]
		if a.modifier {
			continue
		}
		missing += float32(a.weight)
		for at := range a.n {
			lists = append(lists, list{a.ids[at], f.x.Frequency(a.ids[at]), float32(a.weight * a.sureness[at])})
		}
	}
	slices.SortFunc(lists, func(a, b list) int { return cmp.Or(a.frequency-b.frequency, cmp.Compare(a.id, b.id)) })
	s.touched = s.touched[:0]
	room := maxPostings
	for i, l := range lists {
		if l.frequency > room && i > 0 && len(s.touched) > 0 {
			break
		}
		left := 4 * maxPostings // of one list alone
		f.x.With(l.id, func(name uint32) bool {
			if s.shared[name] == 0 {
				s.touched = append(s.touched, name)
			}
			s.shared[name] += l.weight
			left--
			return left > 0
		})
		room -= l.frequency
	}
	// The best by what they share; the words that were not looked up are counted when names are compared.
	const buckets = 256
	var counts [buckets]int
	s.rank = s.rank[:0]
	for _, name := range s.touched {
		shared := s.shared[name]
		s.shared[name] = 0
		whole := max(f.totals[name], shared)
		rank := uint8(min(buckets-1, shared/(missing+float32(f.rules.More)*(whole-shared))*(buckets-1)))
		s.rank = append(s.rank, rank)
		counts[rank]++
	}
	least, n := buckets-1, 0
	for ; least > 0; least-- {
		if n += counts[least]; n >= maxCompared {
			break
		}
	}
	compared := 0
	for i, name := range s.touched {
		if at := int(s.rank[i]); at < least || at == least && compared >= 2*maxCompared {
			continue
		}
		if f.x.KindsOf(f.x.NameConcept(name))&kinds == 0 || slices.Contains(s.names, name) {
			continue
		}
		compared++
		score, features := f.compare(s, name)
		s.top = append(s.top, scored{name, score, features})
	}
}

// compare gives how much of a query and a name is alike (Tversky 1977, with words weighed).
func (f *Finder) compare(s *scratch, name uint32) (float64, Features) {
	var features Features
	var met uint32 // bits of s.words
	shared, more := 0.0, 0.0
	filled, all := 0.0, 0.0
	exact, contradicts := true, false
	unsure := 0.0 // of what is shared, what a misspelling takes off
	var extra opposed
	f.x.NameWords(name, func(word uint32, isOptional bool) bool {
		facts := &f.words[word]
		for i := range s.words {
			if !s.denies && facts.affirmed == noWord {
				break
			}
			a := &s.words[i]
			contradicts = contradicts || a.affirmed == word || facts.affirmed != noWord && a.is(facts.affirmed) >= 0
		}
		weight := -1.0
		for i := range s.words {
			a := &s.words[i]
			at := a.is(word)
			if at < 0 {
				continue
			}
			if met&(1<<i) == 0 {
				met |= 1 << i
				sure := a.sureness[at]
				weight = a.weight * sure
				if !a.modifier {
					unsure += a.weight * (1 - sure)
				}
				features.Corrected = features.Corrected || sure < 1
				features.Rarest = max(features.Rarest, weight)
			}
			break
		}
		own := float64(f.weightIn(word, isOptional))
		all += own
		if weight >= 0 {
			filled += own
			return true
		}
		exact = exact && isOptional
		extra.add(facts.group)
		more += own
		return true
	})
	missing, asked := 0.0, 0.0
	var left opposed
	for i := range s.words {
		a := &s.words[i]
		weight := a.weight
		if a.optional {
			weight *= f.rules.Optional
		}
		isMet := met&(1<<i) != 0
		if isMet {
			shared += weight
		}
		if a.modifier {
			continue
		}
		asked += weight
		if isMet {
			continue
		}
		exact = exact && a.optional
		left.add(a.group)
		missing += weight
	}
	if shared == 0 {
		return 0, features
	}
	features.Exact = exact && !features.Corrected
	features.Covered, features.Filled = 1-missing/max(asked, 1e-9), filled/max(all, 1e-9)
	score := (shared - unsure) / (shared + f.rules.Missing*missing + f.rules.More*more)
	if contradicts || left.against(extra) {
		features.Opposed = true
		score *= f.rules.Opposed
	}
	return score, features
}
