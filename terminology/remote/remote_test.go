package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/fhir/client"
	"charthand/nlp"
	"charthand/terminology/remote"

	"github.com/google/go-cmp/cmp"
)

const (
	icd10cm = "http://hl7.org/fhir/sid/icd-10-cm"
	knees   = "http://example.org/cs/knees"
)

// server is a terminology server of three concepts. It answers batches as servers do, and keeps what it was asked.
type server struct {
	mutex   sync.Mutex
	batches int
	asked   []string
	down    bool
	refuse  string // requests that have this in them are refused
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.batches++
	if s.down {
		http.Error(w, "{}", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		http.Error(w, "{}", http.StatusMethodNotAllowed)
		return
	}
	var bundle struct {
		Entry []struct{ Request struct{ URL string } }
	}
	if err := json.NewDecoder(r.Body).Decode(&bundle); err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	var entries []string
	for _, e := range bundle.Entry {
		s.asked = append(s.asked, e.Request.URL)
		status, resource := "200 OK", s.answer(e.Request.URL)
		if s.refuse != "" && strings.Contains(e.Request.URL, s.refuse) {
			status, resource = "500 Internal Server Error", "null"
		}
		entries = append(entries, `{"resource":`+resource+`,"response":{"status":"`+status+`"}}`)
	}
	_, _ = w.Write([]byte(`{"resourceType":"Bundle","type":"batch-response","entry":[` + strings.Join(entries, ",") + `]}`))
}

func (s *server) answer(request string) string {
	operation, rest, _ := strings.Cut(request, "?")
	query, _ := url.ParseQuery(rest)
	switch operation {
	case "ValueSet/$expand":
		if query.Get("url") != "http://example.org/vs/knees" {
			return `{"resourceType":"ValueSet","expansion":{}}`
		}
		return `{"resourceType":"ValueSet","expansion":{"contains":[
			{"system":"` + knees + `","code":"A","display":"Gonitis","designation":[{"value":"Inflammation of knee"}]},
			{"abstract":true,"display":"Knees","contains":[{"system":"` + knees + `","code":"B","display":"Gonitis with effusion"}]},
			{"system":"` + knees + `","code":"C","display":"Gonitis of old books","inactive":true},
			{"system":"` + knees + `","code":"D","display":"Gone gonitis"}]}}`
	case "CodeSystem/$validate-code":
		if query.Get("code") == "D" {
			return `{"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":false}]}`
		}
		return `{"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":true}]}`
	case "ConceptMap/$translate":
		switch query.Get("code") {
		case "A":
			return `{"resourceType":"Parameters","parameter":[{"name":"match","part":[{"name":"equivalence","valueCode":"wider"},{"name":"concept","valueCoding":{"system":"` + icd10cm + `","code":"M11.1"}}]},
				{"name":"match","part":[{"name":"equivalence","valueCode":"narrower"},{"name":"concept","valueCoding":{"system":"` + icd10cm + `","code":"M11.11"}}]}]}`
		case "B":
			return `{"resourceType":"Parameters","parameter":[{"name":"match","part":[{"name":"equivalence","valueCode":"equal"},{"name":"concept","valueCoding":{"system":"` + icd10cm + `","code":"M11.2"}}]},
				{"name":"match","part":[{"name":"equivalence","valueCode":"equal"},{"name":"concept","valueCoding":{"system":"` + icd10cm + `","code":"M11.3"}}]}]}`
		}
	}
	return `{"resourceType":"Parameters"}`
}

func coder(t *testing.T, s *server, change func(*remote.Config)) *remote.Coder {
	t.Helper()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	asking, err := client.New(client.Config{Base: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asking.Close)
	config := remote.Config{Server: asking, ValueSets: map[nlp.Kind]string{nlp.KindProblem: "http://example.org/vs/knees", nlp.KindTest: "http://example.org/vs/none"}, Targets: []string{icd10cm}}
	if change != nil {
		change(&config)
	}
	c, err := remote.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func problem(name string) nlp.Mention {
	return nlp.Mention{Kind: nlp.KindProblem, Names: []string{name}}
}

// chosen gives the codes that would be written, a star for what was mapped.
func chosen(list []nlp.Coding) []string {
	var out []string
	for _, c := range list {
		if c.Chosen {
			star := ""
			if c.Mapped {
				star = "*"
			}
			out = append(out, c.Code+star)
		}
	}
	return out
}

func TestCodes(t *testing.T) {
	s := &server{}
	c := coder(t, s, nil)
	got, err := c.Code(context.Background(), []nlp.Mention{
		problem("gonitis"), problem("inflammation of the knee"), problem("gonitis with effusion"), problem("gonitis of old books"), problem("gone gonitis"), problem("quinsy"),
		{Kind: nlp.KindTest, Names: []string{"gonitis"}}, {Kind: nlp.KindDrug, Names: []string{"gonitis"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var codes [][]string
	for _, list := range got {
		codes = append(codes, chosen(list))
	}
	want := [][]string{{"A", "M11.1*"}, {"A", "M11.1*"}, {"B"}, nil, nil, nil, nil, nil}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("(-want +got):\n%s\n%+v", diff, got)
	}
	if s.batches != 2 {
		t.Errorf("%d batches, not one to look up and one to check", s.batches)
	}
	if _, err := c.Code(context.Background(), []nlp.Mention{problem("gonitis"), problem("gone gonitis")}); err != nil || s.batches != 2 {
		t.Errorf("what is known was asked again: %d batches, %v", s.batches, err)
	}
}

func TestAnswersAreKeptForAWhile(t *testing.T) {
	s := &server{}
	now := time.Unix(0, 0)
	c := coder(t, s, func(config *remote.Config) {
		config.Keep, config.Now = time.Minute, func() time.Time { return now }
	})
	for _, step := range []struct {
		after   time.Duration
		batches int
	}{{0, 2}, {50 * time.Second, 2}, {2 * time.Minute, 4}} {
		now = time.Unix(0, 0).Add(step.after)
		if _, err := c.Code(context.Background(), []nlp.Mention{problem("gonitis")}); err != nil {
			t.Fatal(err)
		}
		if s.batches != step.batches {
			t.Errorf("after %v: %d batches, want %d", step.after, s.batches, step.batches)
		}
	}
}

func TestFailures(t *testing.T) {
	s := &server{refuse: "validate-code"}
	c := coder(t, s, nil)
	got, err := c.Code(context.Background(), []nlp.Mention{problem("gonitis")})
	if err != nil || chosen(got[0]) != nil || len(got[0]) == 0 {
		t.Errorf("what was not checked is written: %v %+v", err, got)
	}
	s = &server{refuse: "expand"}
	c = coder(t, s, nil)
	if _, err := c.Code(context.Background(), []nlp.Mention{problem("gonitis")}); err == nil || !strings.Contains(err.Error(), "it refused 1 of 1 requests") || strings.Contains(err.Error(), "gonitis") {
		t.Errorf("got %v", err)
	}
	s = &server{down: true}
	c = coder(t, s, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = c.Code(ctx, []nlp.Mention{problem("gonitis")})
	if err == nil || !strings.Contains(err.Error(), "the terminology server: it answered 503") {
		t.Errorf("got %v", err)
	}
	for range 3 { // until nothing is asked of it
		if _, err := c.Code(ctx, []nlp.Mention{problem("gonitis")}); err == nil {
			t.Error("a server that is down has answered")
		}
	}
	before := s.batches
	if _, err = c.Code(ctx, []nlp.Mention{problem("gonitis")}); err == nil || s.batches != before {
		t.Errorf("a server that is down is asked: %v", err)
	}
	done, stop := context.WithCancel(context.Background())
	stop()
	if _, err := coder(t, &server{}, nil).Code(done, []nlp.Mention{problem("gonitis")}); !errors.Is(err, context.Canceled) && err == nil {
		t.Errorf("got %v", err)
	}
}

// TestManyMentions: many mentions go in batches of a bounded size, and what is kept is bounded.
func TestManyMentions(t *testing.T) {
	s := &server{}
	c := coder(t, s, func(config *remote.Config) { config.Kept = 200 })
	var mentions []nlp.Mention
	for i := range 120 {
		mentions = append(mentions, problem("gonitis number "+strings.Repeat("x", i)))
	}
	if _, err := c.Code(context.Background(), mentions); err != nil {
		t.Fatal(err)
	}
	if s.batches < 3 || s.batches > 8 {
		t.Errorf("%d batches", s.batches)
	}
}
