package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"charthand/fhir/client"
	"charthand/server/access"

	"github.com/google/go-cmp/cmp"
)

// auditServer takes AuditEvents as a test says.
type auditServer struct {
	answer func(n int, event string) error

	mutex  sync.Mutex
	events []string // those that were taken
	asked  int
}

func (s *auditServer) Create(ctx context.Context, resourceType, _ string, resource any) (*client.Answer, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if resourceType != "AuditEvent" {
		return nil, errors.New("no AuditEvent")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.asked++
	event := string(resource.(json.RawMessage))
	if err := s.answer(s.asked, event); err != nil {
		return nil, err
	}
	s.events = append(s.events, event)
	return &client.Answer{Status: http.StatusCreated}, nil
}

var seen = access.Record{
	Request: "r-1", Caller: "key ward", Address: "10.0.0.7", Action: "POST /fhir/DocumentReference/$extract", Documents: []string{"DocumentReference/42"}, Status: http.StatusOK, Began: now,
}

// written is what is told of records, after a run over them.
func written(t *testing.T, s *auditServer, own bool, waiting int, during func(r *access.Recorder)) (endings map[access.Ending]int) {
	t.Helper()
	endings = map[access.Ending]int{}
	var mutex sync.Mutex // it is told by who records, and by who writes
	r := access.NewRecorder(access.RecorderConfig{Server: s, Own: own, Waiting: waiting, Observe: func(e access.Ending) {
		mutex.Lock()
		defer mutex.Unlock()
		endings[e]++
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	during(r)
	synctest.Wait()
	cancel()
	<-done
	return endings
}

func TestRecorder(t *testing.T) {
	refused := func(status int) error { return &client.StatusError{Status: status} }
	for name, test := range map[string]struct {
		answer func(n int, event string) error
		during func(r *access.Recorder)
		want   map[access.Ending]int
		asked  int
	}{
		"taken": {func(int, string) error { return nil }, func(r *access.Recorder) { r.Record(seen); r.Record(seen) }, map[access.Ending]int{access.Sent: 2}, 2},
		"a server that is down for an hour": {func(int, string) error {
			if time.Since(epoch) < time.Hour {
				return refused(http.StatusBadGateway)
			}
			return nil
		}, func(r *access.Recorder) { r.Record(seen); time.Sleep(2 * time.Hour) }, map[access.Ending]int{access.Sent: 1}, 0},
		"a document that is not on the server": {func(_ int, event string) error {
			if !cmp.Equal(referred(event), []string{""}) {
				return refused(http.StatusUnprocessableEntity)
			}
			return nil
		}, func(r *access.Recorder) { r.Record(seen) }, map[access.Ending]int{access.Sent: 1}, 2},
		"a server that fails over one of them": {func(_ int, event string) error {
			if strings.Contains(event, "bad-1") {
				return refused(http.StatusInternalServerError)
			}
			return nil
		}, func(r *access.Recorder) {
			bad := seen
			bad.Request = "bad-1"
			r.Record(bad)
			r.Record(seen)
			time.Sleep(time.Hour)
		}, map[access.Ending]int{access.Refused: 1, access.Sent: 1}, 11},
		"unknown callers leave places for others": {func(int, string) error {
			if time.Since(epoch) < time.Hour {
				return refused(http.StatusBadGateway)
			}
			return nil
		}, func(r *access.Recorder) {
			unknown := seen
			unknown.Status = http.StatusUnauthorized
			for range 3 { // one is tried, one waits
				r.Record(unknown)
				synctest.Wait()
			}
			r.Record(seen)
			r.Record(seen)
			time.Sleep(2 * time.Hour)
		}, map[access.Ending]int{access.Dropped: 1, access.Sent: 4}, 0},
		"refused":       {func(int, string) error { return refused(http.StatusForbidden) }, func(r *access.Recorder) { r.Record(seen) }, map[access.Ending]int{access.Refused: 1}, 2},
		"down for good": {func(int, string) error { return refused(http.StatusBadGateway) }, func(r *access.Recorder) { r.Record(seen); r.Record(seen) }, map[access.Ending]int{access.Dropped: 2}, 0},
		"too many": {func(int, string) error { return refused(http.StatusBadGateway) }, func(r *access.Recorder) {
			for range 9 {
				r.Record(seen)
				synctest.Wait()
			}
		}, map[access.Ending]int{access.Dropped: 9}, 0}, // five that had no place, and those that waited at the end
		"what waits at the end is written": {func(n int, _ string) error {
			if n == 1 {
				return refused(http.StatusBadGateway)
			}
			return nil
		}, func(r *access.Recorder) { r.Record(seen); r.Record(seen); r.Record(seen) }, map[access.Ending]int{access.Sent: 3}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &auditServer{answer: test.answer}
				if diff := cmp.Diff(test.want, written(t, s, true, 3, test.during)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if test.asked != 0 && s.asked != test.asked {
					t.Errorf("asked %d times, want %d", s.asked, test.asked)
				}
			})
		})
	}
}

// TestElsewhere: a server that documents are not on is not told that it has them.
func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &auditServer{answer: func(int, string) error { return nil }}
		written(t, s, false, 3, func(r *access.Recorder) { r.Record(seen) })
		if len(s.events) != 1 || !cmp.Equal(referred(s.events[0]), []string{""}) || !strings.Contains(s.events[0], `"value":"DocumentReference/42"`) {
			t.Errorf("%s", s.events)
		}
	})
}

// epoch is when time begins in a synctest bubble.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// referred gives the references of the documents of an AuditEvent.
func referred(event string) (references []string) {
	var e struct {
		Entity []struct {
			What struct{ Type, Reference string }
		}
	}
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		return []string{err.Error()}
	}
	for _, entity := range e.Entity[1:] {
		references = append(references, entity.What.Reference)
	}
	return references
}

func TestAuditEvent(t *testing.T) {
	var got struct {
		ResourceType, Action, Outcome, Recorded string
		Agent                                   []struct {
			Requestor bool
			Who       struct{ Display string }
			Network   struct{ Address string }
		}
		Entity []struct {
			What struct {
				Reference  string
				Identifier struct{ Value string }
			}
		}
	}
	for name, want := range map[bool]string{true: `{"reference":"Patient/1"}`, false: `{"identifier":{"value":"Patient/1"},"type":"Patient"}`} {
		if event := string((access.Record{Patient: "Patient/1"}).AuditEvent(name)); !strings.Contains(event, want) {
			t.Errorf("no %s in %s", want, event)
		}
	}
	for status, outcome := range map[int]string{200: "0", 401: "4", 429: "4", 500: "8"} {
		record := seen
		record.Status = status
		if err := json.Unmarshal(record.AuditEvent(true), &got); err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprint(got.ResourceType, got.Action, got.Outcome, got.Recorded, got.Agent, got.Entity)
		want := "AuditEventE" + outcome + "2026-11-30T12:00:00Z[{true {key ward} {10.0.0.7}} {false {charthand} {}}] [{{ {r-1}}} {{DocumentReference/42 {}}}]"
		if said != want {
			t.Errorf("%d: got %s, want %s", status, said, want)
		}
	}
}
