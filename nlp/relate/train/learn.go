package main

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"charthand/nlp/relate"
	"charthand/nlp/text"
)

// What is learned how.
const (
	epochs       = 12
	rate         = 0.15 // of AdaGrad
	decay        = 2e-4 // L2, of each weight that a case touches
	minModifying = 0.05 // a label whose mentions modify others at least this often is asked
	minSeen      = 6    // a feature that is seen more seldom is left out
	maxWords     = 190  // words between two mentions that are told apart
	smallest     = 0.1  // a weight nearer to zero is left out
)

// aliases are the labels of n2c2 2018, and what they are nearest to.
var aliases = map[string]string{"Drug": "Medication", "Strength": "Dosage", "Form": "Administration", "Route": "Administration"}

// learn trains a model on reports.
func learn(reports []*report) relate.Weights {
	w := vocabulary(reports)
	cases, golds := gather(reports, relate.New(w))
	order := make([]int, len(cases))
	seen := map[relate.Feature]int{}
	for i := range cases {
		order[i] = i
		for _, c := range cases[i].Candidates {
			for _, f := range c.Features {
				seen[f]++
			}
		}
		for _, f := range cases[i].None {
			seen[f]++
		}
	}
	weights, squares, sums := map[relate.Feature]float64{}, map[relate.Feature]float64{}, map[relate.Feature]float64{}
	random := rand.New(rand.NewPCG(6, 6)) //nolint:gosec // an order that is the same each time
	for range epochs {
		random.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		for _, i := range order {
			step(&cases[i], golds[i], weights, squares, seen)
		}
		for f, weight := range weights {
			sums[f] += weight
		}
	}
	for _, f := range slices.SortedFunc(maps.Keys(sums), func(a, b relate.Feature) int { return slices.Compare(a[:], b[:]) }) {
		if mean := sums[f] / epochs; math.Abs(mean) >= smallest {
			w.Features = append(w.Features, [5]int{int(f[0]), int(f[1]), int(f[2]), int(f[3]), int(math.Round(1000 * mean))})
		}
	}
	return w
}

// step moves the weights towards what is right in one case: the gradient of the log likelihood over the candidates and none.
func step(c *relate.Case, gold map[int]bool, weights, squares map[relate.Feature]float64, seen map[relate.Feature]int) {
	options := [][]relate.Feature{c.None}
	right := []bool{true}
	for _, candidate := range c.Candidates {
		options = append(options, candidate.Features)
		right = append(right, gold[candidate.To])
		right[0] = right[0] && !gold[candidate.To]
	}
	scores := make([]float64, len(options))
	highest := math.Inf(-1)
	for i, features := range options {
		for _, f := range features {
			scores[i] += weights[f]
		}
		highest = max(highest, scores[i])
	}
	total, totalRight := 0.0, 0.0
	for i := range scores {
		scores[i] = math.Exp(scores[i] - highest)
		total += scores[i]
		if right[i] {
			totalRight += scores[i]
		}
	}
	for i, features := range options {
		gradient := scores[i] / total
		if right[i] {
			gradient -= scores[i] / totalRight
		}
		if math.Abs(gradient) < 1e-4 {
			continue
		}
		for _, f := range features {
			if seen[f] < minSeen {
				continue
			}
			g := gradient + decay*weights[f]
			squares[f] += g * g
			weights[f] -= rate * g / math.Sqrt(squares[f]+1e-6)
		}
	}
}

// gather lists the cases of all reports, and what is right in each.
func gather(reports []*report, l *relate.Linker) ([]relate.Case, []map[int]bool) {
	var cases []relate.Case
	var golds []map[int]bool
	for _, r := range reports {
		to := map[int]map[int]bool{}
		for _, link := range r.links {
			if to[link.From] == nil {
				to[link.From] = map[int]bool{}
			}
			to[link.From][link.To] = true
		}
		l.Cases(r.text, r.text.Sentences(), r.mentions, func(c *relate.Case) {
			kept := relate.Case{From: c.From, None: slices.Clone(c.None)}
			for _, candidate := range c.Candidates {
				kept.Candidates = append(kept.Candidates, relate.Candidate{To: candidate.To, Features: slices.Clone(candidate.Features)})
			}
			cases, golds = append(cases, kept), append(golds, to[c.From])
		})
	}
	return cases, golds
}

// vocabulary gives the labels, the frequent words between linked mentions, and the labels that modify.
func vocabulary(reports []*report) relate.Weights {
	labels, words, modifying := map[string]int{}, map[string]int{}, map[string]int{}
	for _, r := range reports {
		for _, m := range r.mentions {
			labels[m.Label]++
		}
		from := map[int]bool{}
		for _, link := range r.links {
			if !from[link.From] {
				modifying[r.mentions[link.From].Label]++
			}
			from[link.From] = true
		}
		for i := range r.text.Tokens {
			if r.text.Tokens[i].Kind == text.Word {
				words[r.text.Word(i)]++
			}
		}
	}
	w := relate.Weights{Labels: slices.Sorted(maps.Keys(labels)), Aliases: aliases}
	w.Words = slices.SortedFunc(maps.Keys(words), func(a, b string) int { return cmp.Or(words[b]-words[a], cmp.Compare(a, b)) })
	w.Words = w.Words[:min(len(w.Words), maxWords)]
	for _, label := range w.Labels {
		if float64(modifying[label]) >= minModifying*float64(labels[label]) {
			w.Modifiers = append(w.Modifiers, label)
		}
	}
	return w
}
