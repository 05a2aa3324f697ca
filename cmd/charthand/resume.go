package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"charthand/mapping"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// journal says how far a run of extract has come; it stands beside the output until that is whole. It holds nothing of a note.
type journal struct {
	path string
	// Inputs are the files, with their sizes and times: of others the output would be another.
	Inputs []journalInput `json:"inputs"`
	// Finished is how many documents and refusals are done with, Bundles and Outcomes how long what was written of them is, in bytes.
	Finished  int            `json:"finished"`
	Bundles   int64          `json:"bundles"`
	Outcomes  int64          `json:"outcomes"`
	Failed    bool           `json:"failed"`
	Documents int            `json:"documents"`
	Refused   int            `json:"refused"`
	Conflicts int            `json:"conflicts"`
	Retracted int            `json:"retracted"`
	Written   mapping.Counts `json:"written"`
	Left      map[string]int `json:"left"`

	last time.Time // when it was kept
}

type journalInput struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
}

// keepEvery is how much work is done again at the most after a run was broken off.
const keepEvery = 2 * time.Second

// open opens the outputs, where an earlier run left off if the command says so.
func (r *extraction) open(c *extractCommand) (bundles, outcomes *outputFile, err error) {
	if c.Resume && c.Out == "" {
		return nil, nil, errors.New("--resume goes with --out")
	}
	if !c.Resume {
		if bundles, err = openOutput(c.Out, r.out); err != nil {
			return nil, nil, err
		}
		if outcomes, err = openOutput(c.Outcome, io.Discard); err != nil {
			bundles.abandon()
			return nil, nil, err
		}
		r.watch()
		return bundles, outcomes, nil
	}
	j := &journal{path: c.Out + ".resume"}
	for _, name := range c.Files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return nil, nil, fmt.Errorf("--resume: %s is no file that stays as it is", name)
		}
		j.Inputs = append(j.Inputs, journalInput{name, info.Size(), info.ModTime().UTC()})
	}
	if err := j.read(); err != nil {
		return nil, nil, err
	}
	r.journal, r.skip = j, j.Finished
	r.failed, r.documents, r.refused, r.conflicts, r.retracted = j.Failed, j.Documents, j.Refused, j.Conflicts, j.Retracted
	for resourceType, n := range j.Written {
		r.written[resourceType] = n
	}
	for reason, n := range j.Left {
		r.left[reason] = n
	}
	if j.Finished > 0 {
		fmt.Fprintf(r.err, "charthand: going on after %d documents\n", j.Finished)
	}
	if bundles, err = resumeOutput(c.Out, j.Bundles); err != nil {
		return nil, nil, err
	}
	if c.Outcome == "" {
		outcomes, err = openOutput("", io.Discard)
	} else {
		outcomes, err = resumeOutput(c.Outcome, j.Outcomes)
	}
	if err != nil {
		bundles.abandon()
		return nil, nil, err
	}
	r.watch()
	return bundles, outcomes, nil
}

// watch shows how many documents are done, where somebody sees it.
func (r *extraction) watch() {
	if file, is := r.err.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		r.progress = progressbar.NewOptions(-1, progressbar.OptionSetWriter(r.err), progressbar.OptionSetDescription("documents"),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
}

// read takes over what an earlier run has kept, if it was of the same inputs.
func (j *journal) read() error {
	data, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var earlier journal
	if err := json.Unmarshal(data, &earlier); err != nil {
		return fmt.Errorf("--resume: %s cannot be read; remove it to begin anew", j.path)
	}
	if len(earlier.Inputs) != len(j.Inputs) {
		return fmt.Errorf("--resume: the run that was broken off had other inputs; remove %s to begin anew", j.path)
	}
	for i, in := range earlier.Inputs {
		if in.Name != j.Inputs[i].Name || in.Size != j.Inputs[i].Size || !in.Changed.Equal(j.Inputs[i].Changed) {
			return fmt.Errorf("--resume: %s is not what it was; remove %s to begin anew", j.Inputs[i].Name, j.path)
		}
	}
	earlier.path = j.path
	*j = earlier
	return nil
}

// add gives work to the order, unless an earlier run has done it.
func (r *extraction) add(work func() (finish func() error)) error {
	r.added++
	if r.added <= r.skip {
		return nil
	}
	return r.order.add(func() func() error {
		finish := work()
		return func() error {
			if err := finish(); err != nil {
				return err
			}
			return r.done()
		}
	})
}

// done counts what is done with, and keeps how far the run has come from time to time.
func (r *extraction) done() error {
	r.finished++
	if r.progress != nil {
		_ = r.progress.Add(1) // a bar that cannot be drawn is no failure
	}
	if r.journal == nil || time.Since(r.journal.last) < keepEvery {
		return nil
	}
	return r.journal.keep(r)
}

// keep writes down how far a run has come, after what it has written is on the disk.
func (j *journal) keep(r *extraction) (err error) {
	if j == nil {
		return nil
	}
	if j.Bundles, err = r.bundles.sync(); err != nil {
		return err
	}
	if j.Outcomes, err = r.outcomes.sync(); err != nil {
		return err
	}
	j.Finished += r.finished
	r.finished = 0
	j.Failed, j.Documents, j.Refused, j.Conflicts, j.Retracted = r.failed, r.documents, r.refused, r.conflicts, r.retracted
	j.Written, j.Left, j.last = r.written, r.left, time.Now()
	encoded, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := os.WriteFile(j.path+".new", encoded, 0o600); err != nil {
		return err
	}
	return os.Rename(j.path+".new", j.path)
}

// remove forgets a run that is whole.
func (j *journal) remove() error {
	if j == nil {
		return nil
	}
	if err := os.Remove(j.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
