// Command train learns nlp/relate/weights.json from the MODIFY relations of MACCROBAT, and prints how well reports are linked that a
// model has not learned from: five folds, by the number of the report.
//
//	go run ./nlp/relate/train ../shared/data/maccrobat nlp/relate/weights.json
//
// Without the second path it only prints the figure.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"charthand/nlp/relate"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: train MACCROBAT_FOLDER [WEIGHTS_JSON]")
		os.Exit(2)
	}
	out := ""
	if len(os.Args) == 3 {
		out = os.Args[2]
	}
	if err := run(os.Args[1], out); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

const folds = 5

func run(folder, out string) error {
	reports, err := read(folder)
	if err != nil {
		return err
	}
	right, found, gold := 0, 0, 0
	for fold := range folds {
		var learned, test []*report
		for i, r := range reports {
			if i%folds == fold {
				test = append(test, r)
			} else {
				learned = append(learned, r)
			}
		}
		linker := relate.New(learn(learned))
		for _, r := range test {
			for _, link := range linker.Link(r.text, r.text.Sentences(), r.mentions) {
				found++
				if slices.Contains(r.links, link) {
					right++
				}
			}
			gold += len(r.links)
		}
	}
	p, r := float64(right)/float64(found), float64(right)/float64(gold)
	fmt.Printf("MODIFY, %d reports, five folds: F1 %.3f (precision %.3f, recall %.3f of %d)\n", len(reports), 2*p*r/(p+r), p, r, gold)
	if out == "" {
		return nil
	}
	data, err := json.Marshal(learn(reports))
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644) //nolint:gosec // a file of the repository
}
