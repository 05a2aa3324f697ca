package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/mapping"
	"charthand/queue"
	"charthand/sync"

	"github.com/google/go-cmp/cmp"
)

// memory is a FHIR server that holds what it is given, but for what it does not take.
type memory struct {
	mutex     stdsync.Mutex
	held      map[string]map[string]any // by "Type/id"
	found     map[string][]json.RawMessage
	refuses   func(resource string) int // a status, 0 where it takes it
	requests  int
	document  string
	changes   int // how often the document changes when it is read
	readFails error
}

func (m *memory) Read(_ context.Context, reference string) (json.RawMessage, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.readFails != nil {
		return nil, m.readFails
	}
	version := m.changes
	if m.changes > 0 {
		m.changes--
	}
	if !strings.Contains(m.document, "%") {
		return json.RawMessage(m.document), nil
	}
	return json.RawMessage(fmt.Sprintf(m.document, strings.TrimPrefix(reference, "DocumentReference/"), version)), nil
}

func (m *memory) Search(_ context.Context, query string, each func(client.Found) error) error {
	for prefix, resources := range m.found {
		if strings.HasPrefix(query, prefix) {
			for _, resource := range resources {
				if err := each(client.Found{Resource: resource}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *memory) put(resourceType string, resource any) (string, error) {
	encoded, err := fhir.Encode(resource)
	if err != nil {
		return "", err
	}
	if status := m.refuses(string(encoded)); status != 0 {
		return "", &client.StatusError{Status: status}
	}
	var tree map[string]any
	if err := json.Unmarshal(encoded, &tree); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s/%d", resourceType, len(m.held)+1)
	m.held[name] = tree
	return name, nil
}

func (m *memory) Create(_ context.Context, resourceType, _ string, resource any) (*client.Answer, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests++
	name, err := m.put(resourceType, resource)
	if err != nil {
		return nil, err
	}
	return &client.Answer{Status: 201, Header: http.Header{"Location": {"https://example.org/fhir/" + name + "/_history/1"}}}, nil
}

func (m *memory) Update(context.Context, string, string, any) (*client.Answer, error) {
	return nil, errors.New("nothing is updated here")
}

func (m *memory) AddMeta(context.Context, string, any) error { return nil }

func (m *memory) Transaction(_ context.Context, bundle *fhir.Bundle) (entries []client.Entry, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests++
	for _, entry := range bundle.Entry {
		encoded, err := fhir.Encode(entry.Resource)
		if err != nil {
			return nil, err
		}
		if status := m.refuses(string(encoded)); status != 0 {
			return nil, &client.StatusError{Status: status}
		}
	}
	ids := map[string]string{}
	for _, entry := range bundle.Entry {
		name, err := m.put(entry.Request.URL, entry.Resource)
		if err != nil {
			return nil, err
		}
		ids[entry.FullURL] = name
		entries = append(entries, client.Entry{Status: "201 Created", Location: name + "/_history/1"})
	}
	for _, entry := range entries { // a server makes its own references
		name := strings.TrimSuffix(entry.Location, "/_history/1")
		encoded, _ := json.Marshal(m.held[name])
		text := string(encoded)
		for url, id := range ids {
			text = strings.ReplaceAll(text, `"reference":"`+url+`"`, `"reference":"`+id+`"`)
		}
		var tree map[string]any
		_ = json.Unmarshal([]byte(text), &tree)
		m.held[name] = tree
	}
	return entries, nil
}

// result is an Extractor that always finds the same.
type result struct {
	bundle *fhir.Bundle
	err    error
}

func (r result) Extract(context.Context, *fhir.Document) (*extract.Result, error) {
	if r.err != nil {
		return nil, r.err
	}
	return &extract.Result{Made: &mapping.Made{Bundle: r.bundle, Outcome: &fhir.Outcome{}}}, nil
}

// bundle has a Device, conditions, a drug for the first of them, and a Provenance of all.
func bundle(conditions ...string) *fhir.Bundle {
	b := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction"}
	post := func(id, resourceType string, resource map[string]any) {
		resource["resourceType"] = resourceType
		b.Entry = append(b.Entry, fhir.Entry{FullURL: "urn:uuid:" + id, Resource: resource, Request: fhir.Request{Method: "POST", URL: resourceType, IfNoneExist: "identifier=" + id}})
	}
	post("device", "Device", map[string]any{})
	var targets []any
	reference := func(id string) map[string]any { return map[string]any{"reference": "urn:uuid:" + id} }
	post("drug", "MedicationStatement", map[string]any{"name": "drug", "reasonReference": []any{reference(conditions[0])}})
	targets = append(targets, reference("drug"))
	for _, condition := range conditions {
		post(condition, "Condition", map[string]any{"name": condition})
		targets = append(targets, reference(condition))
	}
	post("provenance", "Provenance", map[string]any{"target": targets, "agent": []any{map[string]any{"who": reference("device")}}})
	return b
}

func newMemory() *memory {
	return &memory{
		held: map[string]map[string]any{}, refuses: func(string) int { return 0 },
		document: `{"resourceType":"DocumentReference","id":"%s","meta":{"versionId":"%d"},"status":"current","content":[{"attachment":{"data":"YQ=="}}]}`,
	}
}

func newWorker(t *testing.T, m *memory, e sync.Extractor, transactions bool) *sync.Worker {
	t.Helper()
	w, err := sync.New(sync.Config{Server: m, Extractor: e, Transactions: transactions})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var job = queue.Job{Document: "DocumentReference/1", Source: "test"}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("c%02d", i))
	}
	return list
}

// A fact that the server does not take costs no other: the Provenance names those that are there, and references lead to them.
func TestRefusedFacts(t *testing.T) {
	refuse := func(status int, words ...string) func(string) int {
		return func(resource string) int {
			for _, word := range words {
				if strings.Contains(resource, `"name":"`+word+`"`) {
					return status
				}
			}
			return 0
		}
	}
	for name, test := range map[string]struct {
		refuses      func(string) int
		transactions bool
		facts        int // that are there
		reason       bool
		most         int // requests
		fails        string
	}{
		"none":                      {refuse(0), true, 21, true, 1, ""},
		"one":                       {refuse(422, "c07"), true, 20, true, 14, ""},
		"three":                     {refuse(400, "c01", "c10", "c19"), true, 18, true, 32, ""},
		"what another refers to":    {refuse(422, "c00"), true, 20, false, 14, ""},
		"the drug":                  {refuse(422, "drug"), true, 20, false, 14, ""},
		"one, without transactions": {refuse(422, "c07"), false, 20, true, 23, ""},
		"all, as for a missing patient": {func(resource string) int {
			if strings.Contains(resource, `"name":`) {
				return 400
			}
			return 0
		}, true, 0, false, 30, "takes none of the facts: Condition urn:uuid:c00: 400"},
		"somebody was faster": {refuse(412, "c07"), true, 0, false, 1, "somebody has changed"},
		"not allowed":         {refuse(403, "c07"), true, 0, false, 1, "the server answered 403"},
		"down":                {refuse(503, "c07"), true, 0, false, 1, "answered 503"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			m.refuses = test.refuses
			err := newWorker(t, m, result{bundle: bundle(names(20)...)}, test.transactions).Handle(t.Context(), job)
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Fatalf("got %v", err)
			}
			if client.IsTemporary(err) != (strings.Contains(test.fails, "503") || strings.Contains(test.fails, "403") || strings.Contains(test.fails, "somebody")) {
				t.Errorf("%v: temporary: %v", err, client.IsTemporary(err))
			}
			facts, targets, reason := 0, 0, false
			for at, resource := range m.held {
				switch resource["resourceType"] {
				case "Condition", "MedicationStatement":
					facts++
				case "Provenance":
					for _, target := range resource["target"].([]any) {
						if m.held[target.(map[string]any)["reference"].(string)] != nil {
							targets++
						}
					}
					if who := resource["agent"].([]any)[0].(map[string]any)["who"].(map[string]any)["reference"]; !strings.HasPrefix(fmt.Sprint(who), "Device/") {
						t.Errorf("%s was made by %v", at, who)
					}
				}
				if list, is := resource["reasonReference"].([]any); is {
					reason = strings.HasPrefix(list[0].(map[string]any)["reference"].(string), "Condition/")
				}
			}
			if facts != test.facts || test.fails == "" && targets != facts || reason != test.reason || m.requests > test.most {
				t.Errorf("%d facts, %d targets, reason %v, %d requests", facts, targets, reason, m.requests)
			}
		})
	}
}

// What a document is decides whether its job is done, waits, or comes to nothing.
func TestDocuments(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*memory)
		err     error // of the extraction
		fails   string
		passing bool
	}{
		"done":                    {func(*memory) {}, nil, "", false},
		"skipped for its status":  {func(*memory) {}, fhir.Refuse(fhir.CodeBusinessRule, "DocumentReference.docStatus", "skipped: the document is preliminary"), "", false},
		"cannot be read":          {func(*memory) {}, fhir.Refuse(fhir.CodeNotSupported, "DocumentReference", "no text layer"), "no text layer", false},
		"its attachment is away":  {func(*memory) {}, fhir.Refuse(fhir.CodeTransient, "DocumentReference", "answered 503"), "answered 503", true},
		"a fault of ours":         {func(*memory) {}, errors.New("secret words of the note"), "could not be read: *errors.errorString", false},
		"not there":               {func(m *memory) { m.readFails = &client.StatusError{Status: 404} }, nil, "not on the server", false},
		"down":                    {func(m *memory) { m.readFails = client.ErrDown }, nil, "down", true},
		"another resource":        {func(m *memory) { m.document = `{"resourceType":"Patient","id":"%s","meta":{"versionId":"%d"}}` }, nil, "found Patient", false},
		"it changes once":         {func(m *memory) { m.changes = 1 }, nil, "", false},
		"it changes all the time": {func(m *memory) { m.changes = 1000 }, nil, "changes faster", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			test.change(m)
			err := newWorker(t, m, result{bundle("c"), test.err}, true).Handle(t.Context(), job)
			if (err == nil) != (test.fails == "") || err != nil && (!strings.Contains(err.Error(), test.fails) || strings.Contains(err.Error(), "secret")) || client.IsTemporary(err) != test.passing {
				t.Errorf("got %v", err)
			}
		})
	}
}

// found keeps the jobs and the watermarks of a catch-up.
type found struct {
	jobs  []string
	state map[string]string
	fails error
}

func (f *found) Add(_ context.Context, job queue.Job) error {
	f.jobs = append(f.jobs, job.Document+"|"+job.Version)
	return f.fails
}
func (f *found) State(_ context.Context, name string) (string, error) { return f.state[name], nil }
func (f *found) Keep(_ context.Context, name, value string) error {
	f.state[name] = value
	return nil
}

// A catch-up goes on from where the last has come to, and no further than what it has stored.
func TestCatchUp(t *testing.T) {
	m := newMemory()
	at := func(id, time string) json.RawMessage {
		return json.RawMessage(`{"resourceType":"DocumentReference","id":"` + id + `","meta":{"versionId":"1","lastUpdated":"` + time + `"}}`)
	}
	m.found = map[string][]json.RawMessage{"DocumentReference?_sort=-_lastUpdated&_count=1": {at("old", "2026-01-01T10:00:00.500+01:00")}}
	q := &found{state: map[string]string{}}
	w, err := sync.New(sync.Config{Server: m, Extractor: result{}, Queue: q, Criteria: []string{"DocumentReference?"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(t.Context()); err != nil || len(q.jobs) > 0 {
		t.Fatalf("%v, %q", err, q.jobs)
	}
	since := "DocumentReference?_lastUpdated=ge2026-01-01T08%3A59%3A00Z&"
	m.found[since] = []json.RawMessage{at("a", "2026-01-01T09:00:01Z"), at("b", "2026-01-01T09:00:02.25Z")}
	q.fails = queue.ErrFull
	if err := w.Handle(t.Context(), queue.Job{CatchUp: true}); !client.IsTemporary(err) {
		t.Errorf("a full queue: %v", err)
	}
	q.fails, q.jobs = nil, nil
	if err := w.Handle(t.Context(), queue.Job{CatchUp: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"DocumentReference/a|1", "DocumentReference/b|1"}, q.jobs); diff != "" {
		t.Error(diff)
	}
	// What lies within the overlap is found again, and is no news; a search that began before the job was asked for is none of it.
	m.found = map[string][]json.RawMessage{"DocumentReference?_lastUpdated=ge2026-01-01T08%3A59%3A02Z&": {at("a", "2026-01-01T09:00:01Z"), at("b", "2026-01-01T09:00:02.25Z")}}
	for _, added := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(time.Hour)} {
		if err := w.Handle(t.Context(), queue.Job{CatchUp: true, Added: added}); err != nil || len(q.jobs) != 2 {
			t.Errorf("%v, %q", err, q.jobs)
		}
	}
	if diff := cmp.Diff(map[string]string{"watermark.DocumentReference_": "2026-01-01T09:00:02.25Z"}, q.state); diff != "" {
		t.Error(diff)
	}
}

// One document is worked on by one at a time, others meanwhile.
func TestOneAtATime(t *testing.T) {
	m := newMemory()
	var mutex stdsync.Mutex
	working, most := 0, 0
	w := newWorker(t, m, counting{func(delta int) {
		mutex.Lock()
		defer mutex.Unlock()
		working += delta
		most = max(most, working)
	}}, true)
	var group stdsync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := w.Handle(t.Context(), job); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if most != 1 {
		t.Errorf("%d at once", most)
	}
	if !slices.Contains([]int{0}, working) {
		t.Errorf("%d still at work", working)
	}
}

type counting struct{ count func(int) }

func (c counting) Extract(context.Context, *fhir.Document) (*extract.Result, error) {
	c.count(1)
	defer c.count(-1)
	return &extract.Result{Made: &mapping.Made{Outcome: &fhir.Outcome{}}}, nil
}
