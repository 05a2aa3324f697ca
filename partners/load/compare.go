package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// rounds is how often two programs are compared: in short turns, so that both see the same machine, whatever else it does.
const rounds = 25

// compare prints what 16 clients get of one program and of another, and the processor time of an answer.
func compare(ctx context.Context, w io.Writer, binaries [2]string, documents [][]byte, duration time.Duration) error {
	var loads [2]*load
	for i, binary := range binaries {
		s, err := start(ctx, binary)
		if err != nil {
			return err
		}
		defer s.kill()
		loads[i] = &load{server: s, documents: documents}
		if _, err := loads[i].closed(ctx, 16, time.Second); err != nil { // the first requests are slower
			return err
		}
	}
	var ratios []float64
	var rates, used, answers [2]float64
	for round := range rounds {
		for turn := range 2 {
			i := (round + turn) % 2
			before, err := loads[i].server.used()
			if err != nil {
				return err
			}
			made, err := loads[i].closed(ctx, 16, duration/(2*rounds))
			if err != nil {
				return err
			}
			after, err := loads[i].server.used()
			if err != nil {
				return err
			}
			rates[i] = made.Answered
			used[i] += (after - before).Seconds() * 1000
			answers[i] += float64(made.answers)
		}
		ratios = append(ratios, rates[0]/rates[1])
	}
	slices.Sort(ratios)
	fmt.Fprintf(w, "answers a second, %s ÷ %s: median %.3f of %d pairs, quartiles %.3f and %.3f\n", binaries[0], binaries[1], ratios[rounds/2], rounds, ratios[rounds/4], ratios[3*rounds/4])
	fmt.Fprintf(w, "processor time of an answer: %.1f ms, %.1f ms\n", used[0]/answers[0], used[1]/answers[1])
	return nil
}
