package interop

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is how a step ended.
type Status string

// The ways in which steps end.
const (
	// OK says that the server did what was expected.
	OK Status = "ok"
	// Failed says that it did not do what it claims, or lost or changed what it was given.
	Failed Status = "failed"
	// Unsupported says that the server does not claim it: it was not tried.
	Unsupported Status = "unsupported"
	// Skipped says that it was not tried for another reason.
	Skipped Status = "skipped"
)

// Verdict is what is said of a whole run.
type Verdict string

// The verdicts.
const (
	// Passed says that no step failed.
	Passed Verdict = "passed"
	// NotPassed says that a step failed, or that the run was broken off.
	NotPassed Verdict = "failed"
)

// Report is what a run found. It holds nothing of a note but of the one that the run wrote.
type Report struct {
	// Charthand is the version of charthand, Run what marks all that the run wrote.
	Charthand string `json:"charthand"`
	Run       string `json:"run"`
	// Base is the server's address, Software and FHIRVersion what it says of itself, empty where it does not say.
	Base        string    `json:"base"`
	Software    string    `json:"software,omitempty"`
	FHIRVersion string    `json:"fhirVersion,omitempty"`
	Begun       time.Time `json:"begun"`
	// Milliseconds is how long the run took.
	Milliseconds int64 `json:"ms"`
	// Steps are all steps, in their order; each run has the same.
	Steps []Step `json:"steps"`
	// Left are the addresses of what could not be removed, or may be there; empty where nothing is left.
	Left    []string `json:"left"`
	Verdict Verdict  `json:"verdict"`
}

// Step is one thing that was tried.
type Step struct {
	Name     string `json:"name"`
	Status   Status `json:"status"`
	Expected string `json:"expected"`
	// Found is what came of it, or why it was not tried.
	Found string `json:"found"`
	// Details are the single differences and remarks, one sentence each.
	Details []string `json:"details,omitempty"`
	// Answers are the server's refusals, with its own words.
	Answers []Answer `json:"answers,omitempty"`
	// Milliseconds is how long it took.
	Milliseconds int64 `json:"ms"`
}

// Answer is one refusal of the server.
type Answer struct {
	// Status is that of HTTP.
	Status int `json:"status"`
	// Issues are those of its OperationOutcome; empty where it gave none.
	Issues []Issue `json:"issues,omitempty"`
}

// Issue is an issue of an OperationOutcome.
type Issue struct {
	Severity    string   `json:"severity,omitempty"`
	Code        string   `json:"code,omitempty"`
	Text        string   `json:"text,omitempty"` // details.text
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

// maxWords bounds what is shown of one thing that the server says, in characters; JSON has all of it.
const maxWords = 400

// WriteTo writes a step as text: a line, and below it what is not as expected.
func (s Step) WriteTo(out io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s  %-19s %6d ms  %s\n", s.Status, s.Name, s.Milliseconds, shorten(s.Found))
	const indent = "             "
	if s.Status == Failed {
		fmt.Fprintf(&b, "%sexpected: %s\n", indent, s.Expected)
	}
	for _, detail := range s.Details {
		fmt.Fprintf(&b, "%s- %s\n", indent, shorten(detail))
	}
	for _, answer := range s.Answers {
		fmt.Fprintf(&b, "%sthe server answered %d\n", indent, answer.Status)
		for _, issue := range answer.Issues {
			words := strings.TrimSpace(strings.Join([]string{issue.Severity, issue.Code, issue.Text, issue.Diagnostics, strings.Join(issue.Expression, ", ")}, " "))
			fmt.Fprintf(&b, "%s  %s\n", indent, shorten(words))
		}
	}
	n, err := io.WriteString(out, b.String())
	return int64(n), err
}

// shorten keeps what is shown on one line, and that line within reason. What a server says may hold anything.
func shorten(words string) string {
	runes := []rune(strings.Join(strings.Fields(words), " "))
	for i, r := range runes {
		if r < ' ' || r == 0x7f { // it could steer a terminal
			runes[i] = '?'
		}
	}
	if len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return string(runes)
}

// WriteTo writes the end of the report as text: what is left, and the verdict.
func (r *Report) WriteTo(out io.Writer) (int64, error) {
	var b strings.Builder
	counts := map[Status]int{}
	for _, step := range r.Steps {
		counts[step.Status]++
	}
	b.WriteByte('\n')
	if len(r.Left) > 0 {
		fmt.Fprintf(&b, "left on the server; all of it is marked with the tag %s|%s:\n", System, r.Run)
		for _, address := range r.Left {
			fmt.Fprintf(&b, "  %s\n", shorten(address))
		}
	}
	fmt.Fprintf(&b, "%s: %d ok, %d failed, %d unsupported, %d skipped, in %.1f s\n",
		r.Verdict, counts[OK], counts[Failed], counts[Unsupported], counts[Skipped], float64(r.Milliseconds)/1000)
	n, err := io.WriteString(out, b.String())
	return int64(n), err
}
