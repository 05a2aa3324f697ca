package sync_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"charthand/fhir/client"
	"charthand/queue"
	"charthand/sync"

	"github.com/google/go-cmp/cmp"
)

// A fact that somebody has changed meanwhile is no refused one, also where the server takes no transactions; what was written before has its
// Provenance.
func TestConflictInParts(t *testing.T) {
	m := newMemory()
	m.refuses = func(resource string) int {
		if strings.Contains(resource, `"name":"c07"`) {
			return 412
		}
		return 0
	}
	err := newWorker(t, m, result{bundle: bundle(names(20)...)}, false).Handle(t.Context(), job)
	if !client.IsTemporary(err) || !strings.Contains(err.Error(), "somebody has changed") {
		t.Errorf("got %v", err)
	}
	targets, facts := 0, 0
	for _, resource := range m.held {
		switch resource["resourceType"] {
		case "Provenance":
			targets += len(resource["target"].([]any))
		case "Condition", "MedicationStatement":
			facts++
		}
	}
	if facts != 7 || targets != facts { // c00 to c06; drugs come last
		t.Errorf("%d facts, %d targets", facts, targets)
	}
}

// A job that fails while others succeed comes to nothing in the end; one that fails where the server fails for all waits for as long as it takes.
func TestTries(t *testing.T) {
	for name, test := range map[string]struct {
		status   int
		others   bool
		ends     bool
		attempts int
	}{
		"a server that is down":          {503, false, false, 50},
		"one Bundle that it cannot take": {500, true, true, 50},
		"not allowed for one":            {403, true, true, 50},
		"not allowed at all":             {403, false, false, 50},
		"never what it was":              {412, false, true, 50},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			w := newWorker(t, m, result{bundle: bundle("c")}, true)
			other := queue.Job{Document: "DocumentReference/2", Source: "test"}
			var err error
			for range test.attempts {
				m.refuses = func(string) int { return test.status }
				if err = w.Handle(t.Context(), job); !client.IsTemporary(err) {
					break
				}
				m.refuses = func(string) int { return 0 }
				if test.others {
					if err := w.Handle(t.Context(), other); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err == nil || client.IsTemporary(err) == test.ends {
				t.Errorf("in the end: %v", err)
			}
		})
	}
}

// A note that another one replaces does not speak any more; one that comes to be replaced while it is written is told of to the other.
func TestReplacedMeanwhile(t *testing.T) {
	replacing := func(status string) json.RawMessage {
		return json.RawMessage(`{"resourceType":"DocumentReference","id":"2","meta":{"versionId":"1"},"status":"` + status +
			`","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}}],"content":[{"attachment":{"data":"YQ=="}}]}`)
	}
	const query = "DocumentReference?relatesto=DocumentReference%2F1"
	for name, test := range map[string]struct {
		before, after json.RawMessage
		facts         int
		jobs          []string
	}{
		"not at all":                {nil, nil, 2, nil},
		"before":                    {replacing("current"), replacing("current"), 0, nil},
		"by one that says nothing":  {replacing("entered-in-error"), replacing("entered-in-error"), 2, nil},
		"while it is being written": {nil, replacing("current"), 2, []string{"DocumentReference/2|"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, q := newMemory(), &found{state: map[string]string{}}
			set := func(to json.RawMessage) {
				m.found = map[string][]json.RawMessage{}
				if to != nil {
					m.found[query] = []json.RawMessage{to}
				}
			}
			set(test.before)
			m.refuses = func(string) int { set(test.after); return 0 }
			w, err := sync.New(sync.Config{Server: m, Extractor: result{bundle: bundle("c")}, Queue: q, Transactions: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Handle(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if facts := max(0, len(m.held)-2); facts != test.facts {
				t.Errorf("%d facts", facts)
			}
			if diff := cmp.Diff(test.jobs, q.jobs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A report of values holds no note, and is no failure; a search that fails costs no other.
func TestWhatHoldsNoNote(t *testing.T) {
	m, q := newMemory(), &found{state: map[string]string{}}
	m.document = `{"resourceType":"DiagnosticReport","id":"1","meta":{"versionId":"1"},"status":"final","code":{"text":"x"}}`
	w := newWorker(t, m, result{err: context.DeadlineExceeded}, true)
	if err := w.Handle(t.Context(), queue.Job{Document: "DiagnosticReport/1"}); err != nil {
		t.Errorf("a report without a note: %v", err)
	}
	m.found = map[string][]json.RawMessage{"DocumentReference?_sort": nil}
	w, err := sync.New(sync.Config{Server: forbidding{m}, Extractor: result{}, Queue: q})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), "DiagnosticReport") || q.state["watermark.DocumentReference_"] == "" {
		t.Errorf("%v, %q", err, q.state)
	}
}

// forbidding is a server that does not let one look for reports.
type forbidding struct{ *memory }

func (f forbidding) Search(ctx context.Context, query string, each func(client.Found) error) error {
	if strings.HasPrefix(query, "DiagnosticReport") {
		return &client.StatusError{Status: 403}
	}
	return f.memory.Search(ctx, query, each)
}

// Missed events are asked for where the server can tell of them, and searched for where it does not tell of all.
func TestMissedEvents(t *testing.T) {
	const two = `{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"subscription","valueReference":{"reference":"Subscription/7"}},
		{"name":"type","valueCode":"query-event"},{"name":"notification-event","part":[{"name":"event-number","valueString":"5"},{"name":"focus","valueReference":{"reference":"DocumentReference/1/_history/2"}}]},
		{"name":"notification-event","part":[{"name":"event-number","valueString":"6"},{"name":"focus","valueReference":{"reference":"Patient/1"}}]}]}}]}`
	for name, test := range map[string]struct {
		can    bool
		answer string
		last   int64
		jobs   []string
	}{
		"told":                   {true, two, 6, []string{"DocumentReference/1|2"}},
		"not all of them":        {true, two, 7, []string{"DocumentReference/9|1"}},
		"nothing":                {true, `{}`, 6, []string{"DocumentReference/9|1"}},
		"a server that does not": {false, two, 6, []string{"DocumentReference/9|1"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, q := newMemory(), &found{state: map[string]string{"watermark.DocumentReference_": "2026-01-01T09:00:00Z"}}
			m.document = test.answer
			m.found = map[string][]json.RawMessage{"DocumentReference?_lastUpdated": {json.RawMessage(`{"resourceType":"DocumentReference","id":"9","meta":{"versionId":"1","lastUpdated":"2026-01-01T09:00:01Z"}}`)}}
			w, err := sync.New(sync.Config{Server: m, Extractor: result{}, Queue: q, Criteria: []string{"DocumentReference?"}, Events: test.can})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Handle(t.Context(), queue.Job{CatchUp: true, Added: time.Now(), Subscription: "Subscription/7", First: 5, Last: test.last}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.jobs, q.jobs); diff != "" {
				t.Error(diff)
			}
		})
	}
}
