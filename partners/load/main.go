// Command load asks bin/charthand for more than it can do: how fast it answers unloaded, how much it can answer, and what becomes of both while
// requests come ever faster, up to three times as many. See docs/load.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

// shares are the stages: how many requests come, as a share of what the server can answer.
var shares = []float64{0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3}

type flags struct {
	binary, other, documents, out, plot, from string
	duration                                  time.Duration
	longest                                   int
}

func main() {
	var f flags
	flag.StringVar(&f.binary, "binary", "../../bin/charthand", "the program")
	flag.StringVar(&f.other, "compare", "", "another build of the program, to compare what 16 clients get of both instead of measuring one")
	flag.StringVar(&f.documents, "documents", "../../fixtures/documents", "folder with DocumentReferences in JSON")
	flag.IntVar(&f.longest, "longest", 10_000, "documents of more bytes are left out; 0 for none: where one in twenty is much longer than the others, it alone is the p95")
	flag.StringVar(&f.out, "out", "../../out/load.json", "file for the figures")
	flag.StringVar(&f.plot, "plot", "", "file for the plot, SVG or PNG; none by default")
	flag.StringVar(&f.from, "from", "", "file with the figures of an earlier run, to plot and sum up those instead of measuring")
	flag.DurationVar(&f.duration, "duration", 5*time.Minute, "of all stages together")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run measures, and writes what was measured.
func run(ctx context.Context, f flags) error {
	if f.from != "" {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		var r report
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%s: %w", f.from, err)
		}
		return r.show(f.plot)
	}
	documents, err := read(f.documents, f.longest)
	if err != nil {
		return err
	}
	if f.other != "" {
		return compare(ctx, os.Stdout, [2]string{f.binary, f.other}, documents, f.duration)
	}
	report, err := measure(ctx, f.binary, documents, f.duration)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.out), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(f.out, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return report.show(f.plot)
}

// show sums a report up, and plots it where a file is named.
func (r *report) show(plot string) error {
	r.summarise(os.Stdout)
	if plot == "" {
		return nil
	}
	return r.drawing(plot)
}

// read gives the documents of a folder that are not too long.
func read(folder string, longest int) (documents [][]byte, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if longest == 0 || len(data) <= longest {
			documents = append(documents, data)
		}
	}
	if len(documents) == 0 {
		return nil, errors.New("no documents in " + folder)
	}
	return documents, nil
}

// measure starts the server, takes it through all stages, and stops it.
func measure(ctx context.Context, binary string, documents [][]byte, duration time.Duration) (*report, error) {
	s, err := start(ctx, binary)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	r := &report{Processors: runtime.NumCPU(), Documents: len(documents)}
	if r.IdleRSS, err = s.rss(); err != nil {
		return nil, err
	}
	l := &load{server: s, documents: documents}
	part := max(duration/10, time.Second)
	if _, err := l.closed(ctx, 1, part/4); err != nil { // the first requests are slower
		return nil, err
	}
	if r.Unloaded, err = l.closed(ctx, 1, part); err != nil {
		return nil, err
	}
	if r.Sixteen, err = l.closed(ctx, 16, part); err != nil {
		return nil, err
	}
	fmt.Printf("unloaded p50 %.0f ms, p95 %.0f ms; 16 clients %.1f/s; %.0f MB idle\n", r.Unloaded.P50, r.Unloaded.P95, r.Sixteen.Answered, mb(r.IdleRSS))
	heading(os.Stdout)
	for _, share := range shares {
		stage, err := l.open(ctx, share, share*r.Sixteen.Answered, duration/time.Duration(len(shares)))
		if err != nil {
			return nil, err
		}
		r.Stages = append(r.Stages, stage)
		stage.print(os.Stdout)
	}
	if r.PeakRSS, err = s.peak(); err != nil {
		return nil, err
	}
	if err := s.stop(); err != nil {
		r.Crashes = 1
		fmt.Fprintln(os.Stderr, "load: the server ended with", err)
	}
	return r, nil
}
