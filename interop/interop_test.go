package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/interop"
	"charthand/mapping"

	"github.com/google/go-cmp/cmp"
)

// facts is an Extractor that finds a problem and the drug for it in every note.
type facts struct{}

func (facts) Extract(_ context.Context, document *fhir.Document) (*extract.Result, error) {
	entry := func(resourceType, id, condition string, resource tree) fhir.Entry {
		resource["resourceType"] = resourceType
		return fhir.Entry{FullURL: "urn:uuid:" + id, Resource: resource, Request: fhir.Request{Method: "POST", URL: resourceType, IfNoneExist: condition}}
	}
	identified := func(resourceType, id string, resource tree) fhir.Entry {
		resource["identifier"] = []any{tree{"system": "urn:test", "value": document.ID + "-" + id}}
		return entry(resourceType, id, "identifier=urn:test%7C"+document.ID+"-"+id, resource)
	}
	subject := tree{"reference": document.Subject.Reference}
	reference := func(id string) tree { return tree{"reference": "urn:uuid:" + id} }
	return &extract.Result{Made: &mapping.Made{Bundle: &fhir.Bundle{ResourceType: "Bundle", Type: "transaction", Entry: []fhir.Entry{
		identified("Device", "device", tree{}),
		identified("Condition", "problem", tree{"subject": subject, "code": tree{"text": "pneumonia"}}),
		identified("MedicationStatement", "drug", tree{"subject": subject, "status": "active", "reasonReference": []any{reference("problem")}}),
		entry("Provenance", "provenance", "entity="+document.Name(), tree{
			"target": []any{reference("problem"), reference("drug")}, "agent": []any{tree{"who": reference("device")}},
			"entity": []any{tree{"role": "source", "what": tree{"reference": document.Name()}}},
		}),
	}}}}, nil
}

// try runs all steps on a fake.
func try(t *testing.T, ctx context.Context, f *fake) *interop.Report {
	t.Helper()
	return tryAt(t, ctx, f, f.URL+"/fhir")
}

// tryAt runs them as on a server with another address.
func tryAt(t *testing.T, ctx context.Context, f *fake, base string) *interop.Report {
	t.Helper()
	c, err := client.New(client.Config{Base: f.URL + "/fhir", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return interop.Run(ctx, interop.Config{
		Server: c.WritingOnce(), Extractor: facts{}, Base: base, Run: "run1", Version: "test", Settle: 300 * time.Millisecond, Notify: 5 * time.Second,
	})
}

// others gives the steps that are not ok, with their status.
func others(report *interop.Report) map[string]interop.Status {
	found := map[string]interop.Status{}
	for _, step := range report.Steps {
		if step.Status != interop.OK {
			found[step.Name] = step.Status
		}
	}
	return found
}

func text(t *testing.T, report *interop.Report) string {
	t.Helper()
	var b bytes.Buffer
	for _, step := range report.Steps {
		if _, err := step.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := report.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type statuses = map[string]interop.Status

// What a server does not claim is said and not tried, and the rest goes on; nothing is left.
func TestClaims(t *testing.T) {
	for name, test := range map[string]struct {
		limit func(*fake)
		want  statuses
	}{
		"all":             {func(*fake) {}, statuses{"single writes": interop.Skipped}},
		"no transactions": {func(f *fake) { f.transactions = false }, statuses{"transaction": interop.Unsupported}},
		"no conditional update": {func(f *fake) { f.conditional = false }, statuses{
			"single writes": interop.Skipped, "conditional update": interop.Unsupported,
		}},
		"no subscriptions": {func(f *fake) { f.subscriptions = false }, statuses{
			"single writes": interop.Skipped, "subscription": interop.Unsupported, "topic subscription": interop.Unsupported,
			"notification": interop.Skipped, "topic notification": interop.Skipped,
		}},
		"no topic": {func(f *fake) { f.topic = "" }, statuses{
			"single writes": interop.Skipped, "topic subscription": interop.Unsupported, "topic notification": interop.Skipped,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			test.limit(f)
			report := try(t, t.Context(), f)
			if diff := cmp.Diff(test.want, others(report)); diff != "" || report.Verdict != interop.Passed {
				t.Errorf("%s: %s\n%s", report.Verdict, diff, text(t, report))
			}
			if left := f.left(); left != nil || len(report.Left) > 0 {
				t.Errorf("left: %q, said: %q", left, report.Left)
			}
		})
	}
}

// A write that is refused, or has no answer, is made once; what was written is removed all the same, in an order that the server allows.
func TestFaults(t *testing.T) {
	isWrite := func(method, target, want string) bool { return method+" "+target == want }
	for name, test := range map[string]struct {
		write  string // the write that goes wrong
		status int    // its answer; 0 for none, though it was done
		want   string // the step that fails
	}{
		"patient refused":        {"POST Patient", 403, "patient"},
		"patient, too many":      {"POST Patient", 429, "patient"},
		"patient, down":          {"POST Patient", 503, "patient"},
		"patient, no answer":     {"POST Patient", 0, "patient"},
		"document refused":       {"POST DocumentReference", 422, "document"},
		"document, no answer":    {"POST DocumentReference", 0, "document"},
		"transaction refused":    {"POST ", 400, "transaction"},
		"transaction, timeout":   {"POST ", 408, "transaction"},
		"transaction, no answer": {"POST ", 0, "transaction"},
		"subscription refused":   {"POST Subscription", 400, "subscription"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if test.want == "subscription" {
				f.topic = "" // the other would be refused too
			}
			if test.status != 0 {
				f.refuse = func(method, target string) int {
					if isWrite(method, target, test.write) {
						return test.status
					}
					return 0
				}
			} else {
				f.hangUp = func(method, target string) bool { return isWrite(method, target, test.write) }
			}
			report := try(t, t.Context(), f)
			failed := []string{}
			for _, step := range report.Steps {
				if step.Status == interop.Failed {
					failed = append(failed, step.Name)
				}
				if test.status >= 400 && step.Name == test.want {
					want := []interop.Answer{{Status: test.status, Issues: []interop.Issue{{Severity: "error", Code: "processing", Diagnostics: "refused by the fake: POST"}}}}
					if diff := cmp.Diff(want, step.Answers); diff != "" {
						t.Error(diff)
					}
				}
			}
			if !slices.Equal(failed, []string{test.want}) || report.Verdict != interop.NotPassed {
				t.Errorf("%s, failed: %q\n%s", report.Verdict, failed, text(t, report))
			}
			if n := len(slices.DeleteFunc(slices.Clone(f.requests), func(made string) bool { return made != test.write })); n != 1 {
				t.Errorf("%d requests %q", n, test.write)
			}
			if left := f.left(); left != nil || len(report.Left) > 0 {
				t.Errorf("left: %q, said: %q", left, report.Left)
			}
		})
	}
}

// Wherever a run is broken off, what it wrote is removed, and the rest is not tried.
func TestInterrupted(t *testing.T) {
	for _, at := range []string{"POST Patient", "POST DocumentReference", "POST ", "GET Condition/", "POST Subscription", "PUT DocumentReference/"} {
		t.Run(at, func(t *testing.T) {
			f := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.done = func(method, target string) {
				if made := method + " " + target; made == at || strings.HasSuffix(at, "/") && strings.HasPrefix(made, at) {
					cancel()
				}
			}
			report := try(t, ctx, f)
			if left := f.left(); left != nil || len(report.Left) > 0 || report.Verdict != interop.NotPassed {
				t.Errorf("%s, left: %q, said: %q\n%s", report.Verdict, left, report.Left, text(t, report))
			}
			for _, step := range report.Steps[len(report.Steps)-3:] {
				if want := map[string]interop.Status{"topic notification": interop.Skipped, "remove": interop.OK, "gone": interop.OK}[step.Name]; step.Status != want {
					t.Errorf("%s is %s", step.Name, step.Status)
				}
			}
		})
	}
}

// What cannot be removed is named with its address, and asked for once.
func TestLeft(t *testing.T) {
	f := newFake(t)
	f.refuse = func(method, target string) int {
		if method == http.MethodDelete && strings.HasPrefix(target, "Condition/") {
			return 403
		}
		return 0
	}
	report := try(t, t.Context(), f)
	left := f.left()
	// The patient stays because of the problem; the rest goes.
	if len(left) != 2 || !strings.HasPrefix(left[0], "Condition/") || !strings.HasPrefix(left[1], "Patient/") {
		t.Fatalf("left: %q", left)
	}
	if diff := cmp.Diff([]string{f.URL + "/fhir/" + left[0], f.URL + "/fhir/" + left[1]}, report.Left); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(statuses{"single writes": interop.Skipped, "remove": interop.Failed, "gone": interop.Failed}, others(report)); diff != "" {
		t.Error(diff)
	}
	if n := f.count("DELETE Condition/"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A server on another machine is not waited for, and is given an address that means nothing; its Subscriptions are gone before anything happens.
func TestElsewhere(t *testing.T) {
	f := newFake(t)
	var endpoints []any
	f.change = func(sent tree) {
		if channel, is := sent["channel"].(tree); is {
			endpoints = append(endpoints, channel["endpoint"])
		}
		if sent["docStatus"] == "amended" {
			for name := range f.held {
				if strings.HasPrefix(name, "Subscription/") && f.held[name] != nil {
					t.Errorf("%s is still there", name)
				}
			}
		}
	}
	report := tryAt(t, t.Context(), f, "https://fhir.example.org/r4")
	want := statuses{"single writes": interop.Skipped, "notification": interop.Skipped, "topic notification": interop.Skipped}
	if diff := cmp.Diff(want, others(report)); diff != "" {
		t.Errorf("%s\n%s", diff, text(t, report))
	}
	if diff := cmp.Diff([]any{"https://charthand.invalid/r4", "https://charthand.invalid/topic"}, endpoints); diff != "" {
		t.Error(diff)
	}
	if left := f.left(); left != nil {
		t.Errorf("left: %q", left)
	}
}

// What the server loses or changes fails, what it adds or writes otherwise does not.
func TestComparison(t *testing.T) {
	for name, test := range map[string]struct {
		change func(tree)
		status interop.Status
		detail string
	}{
		"added":      {func(p tree) { p["language"] = "en" }, interop.OK, "Patient: added id, language, meta.versionId"},
		"narrative":  {func(p tree) { p["text"] = tree{"status": "generated", "div": "<div>other</div>"} }, interop.OK, "Patient: normalised text: the server wrote its own narrative"},
		"lost":       {func(p tree) { delete(p, "extension") }, interop.Failed, "Patient: lost extension"},
		"lost tag":   {func(p tree) { delete(p["meta"].(tree), "tag") }, interop.Failed, "Patient: lost meta.tag"},
		"changed":    {func(p tree) { p["birthDate"] = "1950" }, interop.Failed, `Patient: changed birthDate: sent "1950-01-01", found "1950"`},
		"lost given": {func(p tree) { delete(p["name"].([]any)[0].(tree), "given") }, interop.Failed, "Patient: lost name[0].given"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.change = func(sent tree) {
				if sent["resourceType"] == "Patient" {
					test.change(sent)
				}
			}
			report := try(t, t.Context(), f)
			step := report.Steps[2]
			if step.Name != "patient" || step.Status != test.status || !slices.Contains(step.Details, test.detail) {
				t.Errorf("got %s %q", step.Status, step.Details)
			}
			if left := f.left(); left != nil {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// A server that does not look at what is asked for is never taken at its word: what others wrote stays.
func TestOthersStay(t *testing.T) {
	f := newFake(t)
	f.held["Patient/other"], f.order = []tree{{"resourceType": "Patient", "id": "other"}}, []string{"Patient/other"}
	f.held["Condition/other"] = []tree{{"resourceType": "Condition", "id": "other"}}
	f.order = append(f.order, "Condition/other")
	f.ignoresSearches = true
	report := try(t, t.Context(), f)
	if diff := cmp.Diff([]string{"Condition/other", "Patient/other"}, f.left()); diff != "" {
		t.Error(diff)
	}
	if len(f.held["Patient/other"]) != 1 || others(report)["search"] != interop.Failed || others(report)["conditional update"] != interop.Skipped {
		t.Errorf("%s", text(t, report))
	}
}

// The report as JSON has the fields that the docs name, and no others.
func TestReport(t *testing.T) {
	f := newFake(t)
	f.topic = ""
	report := try(t, t.Context(), f)
	encoded, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Charthand, Run, Base, Software, FHIRVersion string
		Begun                                       time.Time
		MS                                          int64
		Steps                                       []struct {
			Name, Status, Expected, Found string
			Details                       []string
			Answers                       []json.RawMessage
			MS                            int64
		}
		Left    []string
		Verdict string
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	if read.Run != "run1" || read.Software != "fake" || read.FHIRVersion != "4.0.1" || len(read.Steps) != 20 || read.Left == nil || read.Verdict != "passed" {
		t.Errorf("got %s", encoded)
	}
	for _, step := range read.Steps {
		if step.Name == "" || step.Expected == "" || step.Found == "" {
			t.Errorf("got %+v", step)
		}
	}
	if strings.Contains(string(encoded), "bronchoscopy") {
		t.Error("the report holds the note")
	}
}
