package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSmoke takes the real program through all stages in a few seconds: the figures are there and add up; how good they are is not asked.
func TestSmoke(t *testing.T) {
	const binary = "../../bin/charthand"
	if _, err := os.Stat(binary); err != nil {
		t.Skip("make build first")
	}
	f := flags{binary: binary, documents: "../../fixtures/documents", longest: 10_000, duration: 9 * time.Second,
		out: filepath.Join(t.TempDir(), "out", "load.json"), plot: filepath.Join(t.TempDir(), "load.svg")}
	if err := run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.out)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Stages) != len(shares) || r.Crashes != 0 || r.IdleRSS <= 0 || r.PeakRSS < r.IdleRSS {
		t.Errorf("%d stages, %d crashes, %d bytes idle, %d at most", len(r.Stages), r.Crashes, r.IdleRSS, r.PeakRSS)
	}
	for _, s := range append(r.Stages, r.Unloaded, r.Sixteen) {
		if s.Answered <= 0 || s.Answered > s.Offered || s.P50 <= 0 || s.P50 > s.P95 || s.P95 > s.P99 || s.Errors != 0 || s.Unguided != 0 {
			t.Errorf("a stage that does not add up: %+v", s)
		}
	}
	if plotted, err := os.ReadFile(f.plot); err != nil || len(plotted) < 1000 {
		t.Errorf("a plot of %d bytes: %v", len(plotted), err)
	}
}
