package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"charthand/fhir"
	"charthand/partners/hapi"
)

const topic = "http://example.org/topics/documents"

// Notifications of every kind end in the right resources on the server, once.
func TestNotificationsOfHAPI(t *testing.T) {
	s := newSite(t)
	for i, flags := range [][]string{
		{"--kind", "r4", "--payload", "full"}, {"--kind", "r4", "--payload", "empty"},
		{"--kind", "topic", "--topic", topic, "--payload", "full"}, {"--kind", "topic", "--topic", topic, "--payload", "id"}, {"--kind", "topic", "--topic", topic, "--payload", "empty"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			s.patient = s.create("Patient", `{"resourceType":"Patient"}`)
			name := fmt.Sprintf("hook-%d", i)
			s.subscribe(name, flags...)
			took := s.read(s.create("DocumentReference", s.note("Admitted with pneumonia. Started on ceftriaxone.", "")))
			want := []string{"Condition pneumonia unconfirmed", "MedicationStatement ceftriaxone active"}
			if got := s.facts(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			t.Logf("read after %v", took.Round(time.Millisecond))
			s.unsubscribe(name)
		})
	}
	t.Run("cards", func(t *testing.T) { cardsOnHAPI(t, s) })
	t.Run("reviews", func(t *testing.T) { reviewsOnHAPI(t, s) })
}

// verification is what says that a person has confirmed a fact ("Type/id").
func verification(fact string) string {
	return fmt.Sprintf(`{"resourceType":"Provenance","target":[{"reference":%q}],"recorded":"2026-11-30T12:00:00Z","agent":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/provenance-participant-type","code":"verifier"}]},"who":{"display":"Dr. Test"}}]}`, fact)
}

// What happens to a note happens to its facts, and what a person has decided stays.
func TestLifeOnHAPI(t *testing.T) {
	s := newSite(t)
	s.subscribe("life", "--kind", "r4", "--payload", "full", "--criteria", "DocumentReference?")
	document := s.create("DocumentReference", s.note("Has pneumonia. Has gout. Takes lisinopril. Takes warfarin.", ""))
	s.read(document)
	const confirmed = "MedicationStatement warfarin active"
	want := []string{"Condition gout unconfirmed", "Condition pneumonia unconfirmed", "MedicationStatement lisinopril active", confirmed}
	if got := s.facts(); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	// A person confirms the gout, with a system that drops identifiers that it does not know.
	for _, raw := range s.find("Condition?subject=" + s.patient) {
		if !bytes.Contains(raw, []byte(`"gout"`)) {
			continue
		}
		var condition map[string]any
		if err := json.Unmarshal(raw, &condition); err != nil {
			t.Fatal(err)
		}
		condition["verificationStatus"] = map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}}}
		delete(condition, "identifier")
		if _, err := s.client.Update(t.Context(), "Condition/"+condition["id"].(string), "", condition); err != nil {
			t.Fatal(refusedBy(err))
		}
	}
	// And the warfarin, by a Provenance alone.
	for _, raw := range s.find("MedicationStatement?subject=" + s.patient) {
		if bytes.Contains(raw, []byte(`"warfarin"`)) {
			s.create("Provenance", verification(fhir.NameOf(raw)))
		}
	}
	// And a site labels the lisinopril.
	labelled := func() []json.RawMessage {
		return s.find("MedicationStatement?subject=" + s.patient + "&_tag=" + url.QueryEscape("https://example.org/labels|restricted"))
	}
	for _, raw := range s.find("MedicationStatement?subject=" + s.patient) {
		if bytes.Contains(raw, []byte(`"lisinopril"`)) {
			label := map[string]any{"tag": []any{map[string]any{"system": "https://example.org/labels", "code": "restricted"}}}
			if err := s.client.AddMeta(t.Context(), fhir.NameOf(raw), label); err != nil {
				t.Fatal(refusedBy(err))
			}
		}
	}
	put := func(resource string) {
		t.Helper()
		id := strings.TrimPrefix(document, "DocumentReference/")
		if _, err := s.client.Update(t.Context(), document, "", json.RawMessage(strings.Replace(resource, `{"resourceType"`, `{"id":"`+id+`","resourceType"`, 1))); err != nil {
			t.Fatal(refusedBy(err))
		}
	}
	becomes := func(want ...string) {
		t.Helper()
		s.eventually(fmt.Sprintf("%q, at last %q", want, s.facts()), func() bool { return slices.Equal(s.facts(), want) })
	}
	// Amended: the pneumonia is not said any more; asthma is.
	put(s.note("Has asthma. Has gout. Takes lisinopril.", `"docStatus":"amended",`))
	becomes("Condition asthma unconfirmed", "Condition gout confirmed", "Condition pneumonia entered-in-error", "MedicationStatement lisinopril active", confirmed)
	if n := len(labelled()); n != 1 {
		t.Errorf("%d statements are labelled", n)
	}
	// Withdrawn: all that is charthand's is taken back.
	put(strings.Replace(s.note("Has asthma. Takes lisinopril.", ""), `"current"`, `"entered-in-error"`, 1))
	becomes("Condition asthma entered-in-error", "Condition gout confirmed", "Condition pneumonia entered-in-error", "MedicationStatement lisinopril entered-in-error", confirmed)
	// Replaced: the new note speaks for the old one, also where that is told of again.
	s.patient = s.create("Patient", `{"resourceType":"Patient"}`)
	old := s.create("DocumentReference", s.note("Has gout. Has asthma.", ""))
	s.read(old)
	s.create("DocumentReference", s.note("Has gout.", `"relatesTo":[{"code":"replaces","target":{"reference":"`+old+`"}}],`))
	becomes("Condition asthma entered-in-error", "Condition gout unconfirmed")
	document = old
	put(s.note("Has gout. Has asthma. Has pneumonia.", ""))
	s.eventually("an empty queue", func() bool {
		out, _, _ := s.charthand("queue", "list", "--data", s.data)
		return !strings.Contains(out, old)
	})
	becomes("Condition asthma entered-in-error", "Condition gout unconfirmed")
}

// A note that nothing can be made of is a dead letter with its reason, and the others go on; hooks want their secret.
func TestDeadLettersAndSecretsOnHAPI(t *testing.T) {
	s := newSite(t)
	s.stop()
	t.Setenv(hookSecretVariable, "of both sides")
	s.serve()
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	s.create("DocumentReference", strings.Replace(s.note("Has gout.", ""), `"subject":{"reference":"`+s.patient+`"},`, "", 1))
	s.read(s.create("DocumentReference", s.note("Has asthma.", "")))
	s.eventually("a dead letter", func() bool {
		out, _, _ := s.charthand("queue", "list", "--data", s.data)
		return strings.Contains(out, "dead") && strings.Contains(out, "names no subject")
	})
	if out, messages, code := s.charthand("queue", "drop", "--all", "--data", s.data); code != exitDone || strings.Count(out, "dropped") != 1 {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	for secret, want := range map[string]int{"": http.StatusUnauthorized, "another": http.StatusUnauthorized, "of both sides": http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address+"/hooks/main", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Charthand-Secret", secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("secret %q: status %d", secret, response.StatusCode)
		}
	}
}

// What no notification tells of is found: what came while charthand was away, and what was there before.
func TestCatchUpAndBackfillOnHAPI(t *testing.T) {
	s := newSite(t)
	before := s.create("DocumentReference", s.note("Has gout.", ""))
	s.subscribe("main", "--kind", "r4", "--payload", "empty") // the time from which nothing is missed
	s.stop()
	away := s.create("DocumentReference", s.note("Has asthma.", ""))
	s.serve()
	s.read(away)
	out, messages, code := s.charthand("backfill", "--fhir-base", s.fhir.Base, "--data", s.data)
	if code != exitDone || !strings.Contains(out, "2 documents") {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	s.read(before)
	// The server's export names the same documents; read again, they say nothing new.
	out, messages, code = s.charthand("backfill", "--fhir-base", s.fhir.Base, "--data", s.data, "--export")
	if code != exitDone || !strings.Contains(out, "2 documents") {
		t.Errorf("exit code %d: %s%s", code, out, messages)
	}
	s.eventually("an empty queue", func() bool {
		out, _, _ := s.charthand("queue", "list", "--data", s.data)
		return !strings.Contains(out, "DocumentReference")
	})
	if got, want := s.facts(), []string{"Condition asthma unconfirmed", "Condition gout unconfirmed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A server without transactions gets each resource by itself, and the same facts.
func TestHAPIWithoutTransactions(t *testing.T) {
	s := newSite(t, "--no-transactions")
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	s.read(s.create("DocumentReference", s.note("Has pneumonia. Ceftriaxone 1 g IV daily for pneumonia.", "")))
	if got, want := s.facts(), []string{"Condition pneumonia unconfirmed", "MedicationStatement ceftriaxone active"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An outage of a minute loses nothing, doubles nothing, and makes no storm of requests.
func TestOutageOfHAPI(t *testing.T) {
	s := newSite(t)
	folder := t.TempDir()
	s.fhir.Stop()
	s.stop()
	s.fhir = hapi.Start(t, folder, "0")
	s.connect()
	s.patient = s.create("Patient", `{"resourceType":"Patient"}`)
	// charthand asks by way of a proxy, which counts.
	target, err := url.Parse(strings.TrimSuffix(s.fhir.Base, "/fhir"))
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			asked.Add(1)
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0),
	})
	defer proxy.Close()
	direct := s.fhir.Base
	s.fhir.Base = proxy.URL + "/fhir"
	s.serve()
	s.fhir.Base = direct
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	s.read(s.create("DocumentReference", s.note("Has gout.", "")))
	port := s.fhir.Port()
	var documents []string
	for range 10 {
		documents = append(documents, s.create("DocumentReference", s.note("Has asthma.", "")))
	}
	s.fhir.Kill() // in the middle of it
	before := asked.Load()
	const outage = time.Minute
	time.Sleep(outage)
	during := asked.Load() - before
	t.Logf("%d requests in an outage of %v", during, outage)
	if during > 60 {
		t.Errorf("%d requests in an outage of %v", during, outage)
	}
	s.fhir = hapi.Start(t, folder, port)
	s.connect()
	for _, document := range documents {
		s.read(document)
	}
	want := slices.Repeat([]string{"Condition asthma unconfirmed"}, 10)
	if got := s.facts(); !slices.Equal(got, append(want, "Condition gout unconfirmed")) {
		t.Errorf("got %q", got)
	}
}

// Notifications that come twice, late, or out of order change nothing: what is read is the newest version.
func TestOrderOnHAPI(t *testing.T) {
	s := newSite(t)
	document := s.create("DocumentReference", s.note("Has gout.", ""))
	first := s.find("DocumentReference?_id=" + strings.TrimPrefix(document, "DocumentReference/"))[0]
	id := strings.TrimPrefix(document, "DocumentReference/")
	second := strings.Replace(s.note("Has asthma.", ""), `{"resourceType"`, `{"id":"`+id+`","resourceType"`, 1)
	if _, err := s.client.Update(t.Context(), document, "", json.RawMessage(second)); err != nil {
		t.Fatal(refusedBy(err))
	}
	for _, version := range []string{"2", "1", "2", "1", "1"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.address+"/hooks/main/"+document, bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-Match", `W/"`+version+`"`)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("status %d", response.StatusCode)
		}
	}
	s.read(document)
	s.eventually("an empty queue", func() bool {
		out, _, _ := s.charthand("queue", "list", "--data", s.data)
		return !strings.Contains(out, "DocumentReference")
	})
	// The first version may have been read before the second came; then it was taken back.
	got := slices.DeleteFunc(s.facts(), func(fact string) bool { return strings.HasSuffix(fact, "entered-in-error") })
	if want := []string{"Condition asthma unconfirmed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// From the notification to the facts it takes less than two seconds for nineteen of twenty notes of 2,000 characters.
func TestLatencyOnHAPI(t *testing.T) {
	s := newSite(t)
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	text := strings.Repeat("The patient was seen in clinic and was well. ", 42) + "Has pneumonia. Takes lisinopril 10 mg daily. No chest pain."
	s.read(s.create("DocumentReference", s.note(text, "")))
	var took []time.Duration
	for range 20 {
		took = append(took, s.read(s.create("DocumentReference", s.note(text, ""))))
	}
	slices.Sort(took)
	t.Logf("%d characters: p50 %v, p95 %v", len(text), took[10].Round(time.Millisecond), took[18].Round(time.Millisecond))
	if took[18] > 2*time.Second {
		t.Errorf("p95 is %v", took[18])
	}
}

// process is charthand as a program of its own.
func (s *site) process(address string) *exec.Cmd {
	s.t.Helper()
	command := exec.Command(filepath.Join("..", "..", "bin", "charthand"), "serve", "--listen", address, "--fhir-base", s.fhir.Base, "--data", s.data)
	if err := command.Start(); err != nil {
		s.t.Fatalf("%v: make build makes it", err)
	}
	s.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// Killed at random moments, charthand loses no note and writes no fact twice.
func TestKilledBesideHAPI(t *testing.T) {
	notes, kills := 60, 6
	if os.Getenv("CHARTHAND_SOAK") != "" {
		notes, kills = 500, 20
	}
	s := newSite(t)
	address := strings.TrimPrefix(s.address, "http://")
	s.subscribe("main", "--kind", "r4", "--payload", "full")
	s.stop()
	running := s.process(address)
	var documents []string
	killed := 0
	for i := range notes {
		documents = append(documents, s.create("DocumentReference", s.note("Has gout. Takes lisinopril.", "")))
		if (i+1)*kills/notes > killed {
			killed++
			time.Sleep(rand.N(500 * time.Millisecond)) // any moment will do
			if err := running.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = running.Wait()
			running = s.process(address)
		}
	}
	begun := time.Now()
	for _, document := range documents {
		s.read(document)
	}
	t.Logf("%d notes, killed %d times, all read %v after the last", notes, killed, time.Since(begun).Round(time.Millisecond))
	want := append(slices.Repeat([]string{"Condition gout unconfirmed"}, notes), slices.Repeat([]string{"MedicationStatement lisinopril active"}, notes)...)
	if got := s.facts(); !slices.Equal(got, want) {
		t.Errorf("%d facts of %d notes: %.300q", len(got), notes, got)
	}
	for _, document := range documents {
		if n := len(s.find("Provenance?entity=" + document)); n != 1 {
			t.Errorf("%s has %d Provenances", document, n)
		}
	}
}
