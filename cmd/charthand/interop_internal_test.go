package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"charthand/fhir/client"
	"charthand/interop"
	"charthand/partners/hapi"
)

// A server on another machine is written to only where somebody says so.
func TestInteropAsks(t *testing.T) {
	var out, messages bytes.Buffer
	args := []string{"interop", "--fhir-base", "https://fhir.example.org/r4", "--data", t.TempDir()}
	if code := run(t.Context(), args, streams{strings.NewReader("yes\n"), &out, &messages}); code != exitUsage || !strings.Contains(messages.String(), "--yes") || out.Len() > 0 {
		t.Errorf("without a terminal: exit code %d: %s%s", code, &out, &messages)
	}
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "yes please\n": false} {
		var question bytes.Buffer
		err := ask(strings.NewReader(answer), &question, "https://fhir.example.org/r4", "run1", map[string]int{"Provenance": 1, "Condition": 4})
		if (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
		for _, words := range []string{"https://fhir.example.org/r4", "1 Patient", "1 DocumentReference", "4 Condition, 1 Provenance", "HTEST", interop.System + "|run1", "deleted"} {
			if !strings.Contains(question.String(), words) {
				t.Errorf("the question does not say %q: %s", words, &question)
			}
		}
	}
}

func TestInteropNeedsAServer(t *testing.T) {
	var out, messages bytes.Buffer
	if code := run(t.Context(), []string{"interop", "--data", t.TempDir()}, streams{strings.NewReader(""), &out, &messages}); code != exitUsage || !strings.Contains(messages.String(), "--fhir-base") {
		t.Errorf("exit code %d: %s%s", code, &out, &messages)
	}
}

// counts gives how many resources of each type a server has.
func counts(t *testing.T, base string) map[string]int {
	t.Helper()
	c, err := client.New(client.Config{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var statement struct {
		Rest []struct{ Resource []struct{ Type string } }
	}
	get := func(path string, into any) {
		t.Helper()
		answer, err := c.Do(t.Context(), http.MethodGet, path, http.Header{"Cache-Control": {"no-cache"}}, nil)
		if err != nil {
			t.Fatal(path, refusedBy(err))
		}
		if err := json.Unmarshal(answer.Body, into); err != nil {
			t.Fatal(err)
		}
	}
	get("metadata", &statement)
	found := map[string]int{}
	for _, resource := range statement.Rest[0].Resource {
		var bundle struct{ Total *int }
		get(resource.Type+"?_summary=count", &bundle)
		if bundle.Total == nil {
			t.Fatalf("no total of %s", resource.Type)
		}
		found[resource.Type] = *bundle.Total
	}
	return found
}

// tryInterop runs the command, and gives its report. The server is to have no more resources of any type than before.
func tryInterop(t *testing.T, base string, before map[string]int, more ...string) *interop.Report {
	t.Helper()
	var out, messages bytes.Buffer
	code := run(t.Context(), append([]string{"interop", "--json", "--fhir-base", base, "--data", t.TempDir()}, more...), streams{strings.NewReader(""), &out, &messages})
	if code != exitDone || messages.Len() > 0 {
		t.Errorf("exit code %d: %s", code, &messages)
	}
	report := &interop.Report{}
	decoder := json.NewDecoder(bytes.NewReader(out.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(report); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	if report.Verdict != interop.Passed || len(report.Left) > 0 {
		t.Errorf("%s", &out)
	}
	after := counts(t, base)
	if len(after) < 100 {
		t.Errorf("only %d types are counted", len(after))
	}
	for resourceType, n := range after {
		if n != before[resourceType] {
			t.Errorf("%d %s, before %d", n, resourceType, before[resourceType])
		}
	}
	return report
}

// notOK names the steps that are not ok.
func notOK(report *interop.Report) (list []string) {
	for _, step := range report.Steps {
		if step.Status != interop.OK {
			list = append(list, string(step.Status)+" "+step.Name)
		}
	}
	return list
}

// Against HAPI's server all steps pass, and nothing is left behind.
func TestInteropOnHAPI(t *testing.T) {
	t.Parallel() // a server starts on one core
	server := hapi.Start(t, t.TempDir(), "0")
	report := tryInterop(t, server.Base, counts(t, server.Base), "--topic", topic)
	if want := []string{"skipped single writes"}; !slices.Equal(notOK(report), want) {
		t.Errorf("got %q, want %q", notOK(report), want)
	}
}

// Of what a server does not do it is said, and the rest goes on.
func TestInteropOnLimitedHAPI(t *testing.T) {
	t.Parallel()
	server := hapi.Start(t, t.TempDir(), "0", "--no-transactions", "--no-conditional-update", "--no-subscriptions")
	report := tryInterop(t, server.Base, nil, "--topic", topic) // there is nothing before
	want := []string{
		"unsupported transaction", "unsupported conditional update", "unsupported subscription", "unsupported topic subscription",
		"skipped notification", "skipped topic notification",
	}
	if !slices.Equal(notOK(report), want) {
		t.Errorf("got %q, want %q", notOK(report), want)
	}
}
