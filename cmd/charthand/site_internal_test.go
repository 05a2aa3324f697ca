package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/fhir/client"
	"charthand/partners/hapi"
)

// site is a FHIR server with charthand beside it.
type site struct {
	t       *testing.T
	fhir    *hapi.Server
	client  *client.Client
	data    string
	address string // of charthand
	patient string
	stop    func()
}

// newSite starts a FHIR server, with a patient, and charthand beside it.
func newSite(t *testing.T, options ...string) *site {
	t.Helper()
	s := &site{t: t, fhir: hapi.Start(t, t.TempDir(), "0", options...), data: t.TempDir()}
	s.connect()
	s.patient = s.create("Patient", `{"resourceType":"Patient","name":[{"family":"Testpatient"}]}`)
	s.serve()
	return s
}

func (s *site) connect() {
	s.t.Helper()
	c, err := client.New(client.Config{Base: s.fhir.Base})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	s.client = c
}

// serve starts charthand serve in this process, until stop.
func (s *site) serve(more ...string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--fhir-base", s.fhir.Base, "--data", s.data}, more...), streams{strings.NewReader(""), io.Discard, io.MultiWriter(writer, &told)})
		writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	var before []string
	for s.address = ""; s.address == "" && lines.Scan(); {
		if _, rest, found := strings.Cut(lines.Text(), "serves on "); found {
			s.address, _, _ = strings.Cut(rest, ";")
		}
		before = append(before, lines.Text())
	}
	if s.address == "" {
		s.t.Fatalf("charthand does not serve: %q", before)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			scraped(s.address)
			cancel()
			if code := <-done; code != exitDone {
				s.t.Errorf("serve ended with %d", code)
			}
		})
	}
	s.t.Cleanup(s.stop)
}

// create creates a resource, and gives its "Type/id".
func (s *site) create(resourceType, resource string) string {
	s.t.Helper()
	answer, err := s.client.Create(s.t.Context(), resourceType, "", json.RawMessage(resource))
	if err != nil {
		s.t.Fatal(refusedBy(err))
	}
	return resourceType + "/" + idOf(answer)
}

// note is a DocumentReference of the patient.
func (s *site) note(text, more string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","status":"current","subject":{"reference":%q},%s"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`,
		s.patient, more, base64.StdEncoding.EncodeToString([]byte(text)))
}

// find counts what a search finds.
func (s *site) find(query string) (found []json.RawMessage) {
	s.t.Helper()
	err := s.client.Search(s.t.Context(), query, func(f client.Found) error { found = append(found, f.Resource); return nil })
	if err != nil {
		s.t.Fatal(refusedBy(err))
	}
	return found
}

// patience is how long the tests wait for what has to happen.
const patience = 2 * time.Minute

// eventually waits until a condition holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > patience {
			out, _, _ := s.charthand("queue", "list", "--data", s.data)
			s.t.Fatalf("not within %v: %s\n%s", patience, what, out)
		}
	}
}

// read waits until a document has been read, and gives how long that took.
func (s *site) read(document string) time.Duration {
	s.t.Helper()
	begun := time.Now()
	s.eventually(document+" read", func() bool { return len(s.find("Provenance?entity="+document)) > 0 })
	return time.Since(begun)
}

// audited asks charthand for what a document of the server says, and waits for the AuditEvent.
func (s *site) audited(document string) {
	s.t.Helper()
	raw, err := s.client.Read(s.t.Context(), document)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address+"/fhir/DocumentReference/$extract", bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("$extract: %d", answer.StatusCode)
	}
	s.eventually("AuditEvent of "+document, func() bool { return len(s.find("AuditEvent?entity="+document)) == 1 })
}

// facts gives what the server holds of the patient: "Type words status".
func (s *site) facts() (list []string) {
	s.t.Helper()
	for _, resourceType := range []string{"Condition", "MedicationStatement", "Procedure", "Observation"} {
		for _, raw := range s.find(resourceType + "?subject=" + s.patient) {
			var fact struct {
				Status             string
				Code               struct{ Text string }
				Medication         struct{ Text string } `json:"medicationCodeableConcept"`
				VerificationStatus struct{ Coding []struct{ Code string } }
			}
			if err := json.Unmarshal(raw, &fact); err != nil {
				s.t.Fatal(err)
			}
			status := fact.Status
			if len(fact.VerificationStatus.Coding) > 0 {
				status = fact.VerificationStatus.Coding[0].Code
			}
			list = append(list, strings.Join([]string{resourceType, strings.ToLower(fact.Code.Text + fact.Medication.Text), status}, " "))
		}
	}
	slices.Sort(list)
	return list
}

// charthand runs a command of the program.
func (s *site) charthand(args ...string) (out, messages string, code int) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(""), &stdout, io.MultiWriter(&stderr, &told)})
	return stdout.String(), stderr.String(), code
}

func (s *site) subscribe(name string, flags ...string) {
	s.t.Helper()
	out, messages, code := s.charthand(append([]string{"subscribe", "--fhir-base", s.fhir.Base, "--endpoint", s.address + "/hooks/" + name, "--data", s.data, "--wait"}, flags...)...)
	if code != exitDone || !strings.Contains(out, "active") {
		s.t.Fatalf("subscribe %q: exit code %d: %s%s", flags, code, out, messages)
	}
}

func (s *site) unsubscribe(name string) {
	s.t.Helper()
	if out, messages, code := s.charthand("unsubscribe", "--fhir-base", s.fhir.Base, "--name", name); code != exitDone || !strings.Contains(out, "deleted") {
		s.t.Fatalf("unsubscribe: exit code %d: %s%s", code, out, messages)
	}
}
