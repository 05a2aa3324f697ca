package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
	"charthand/metrics"

	"github.com/google/go-cmp/cmp"
)

// inner extracts nothing, and gives what a test says.
type inner struct {
	result *extract.Result
	err    error
}

func (inner) Fetch(_ context.Context, document *fhir.Document) *fhir.Document { return document }
func (i inner) Extract(context.Context, *fhir.Document) (*extract.Result, error) {
	return i.result, i.err
}

// model has read a little.
type model struct{}

func (model) Busy() time.Duration           { return 1500 * time.Millisecond }
func (model) Workers() int                  { return 2 }
func (model) Running() int                  { return 1 }
func (model) Read() (windows, tokens int64) { return 7, 900 }

// scrape gives the lines of charthand's own numbers.
func scrape(t *testing.T, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "charthand_") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// filled is Metrics that have counted one of everything.
func filled() *metrics.Metrics {
	m := metrics.New("1.2.3", "a model")
	m.Model(model{})
	m.Audit("sent")
	m.Feedback("accepted")
	m.Queue(func(context.Context) (waiting, dead uint64, err error) { return 3, 1, nil })
	m.Request("/fhir/metadata", http.MethodGet, 200, time.Millisecond)
	m.Request("none", "PROPFIND\nx", 404, time.Millisecond)
	made := &mapping.Made{Written: mapping.Counts{mapping.Condition: 2}, Left: map[string]int{"Severity: not a fact of its own": 4}, Conflicts: 1, Retracted: 1}
	_, _ = m.Extractor(inner{result: &extract.Result{Made: made, Characters: 700, Found: map[string]int{"Severity": 4, "Sign_symptom": 2}}}).Extract(context.Background(), nil)
	_, _ = m.Extractor(inner{err: fhir.Refuse(fhir.CodeValue, "x", "y")}).Extract(context.Background(), nil)
	_, _ = m.Extractor(inner{err: errors.New("x")}).Extract(context.Background(), nil)
	return m
}

func TestMetrics(t *testing.T) {
	lines := scrape(t, filled())
	for _, want := range []string{
		`charthand_info{model="a model",version="1.2.3"} 1`, `charthand_requests_total{method="GET",route="/fhir/metadata",status="200"} 1`, `charthand_requests_total{method="other",route="none",status="404"} 1`,
		`charthand_documents_total{result="extracted"} 1`, `charthand_documents_total{result="refused"} 1`, `charthand_documents_total{result="failed"} 1`, `charthand_characters_total 700`,
		`charthand_facts_total{type="Condition"} 2`, `charthand_mentions_left_total{label="Severity"} 4`, `charthand_entities_total{label="Sign_symptom"} 2`, `charthand_windows_total 7`, `charthand_audit_events_total{result="sent"} 1`, `charthand_tokens_total 900`, `charthand_model_running 1`, `charthand_conflicts_total 1`, `charthand_retracted_total 1`, `charthand_extract_seconds_count 1`,
		`charthand_model_seconds_total 1.5`, `charthand_model_workers 2`, `charthand_queue_jobs 3`, `charthand_dead_letters 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s", want)
		}
	}
}

// While the queue does not answer there are no numbers of it, and all others.
func TestQueueThatDoesNotAnswer(t *testing.T) {
	m := metrics.New("1", "m")
	m.Queue(func(context.Context) (waiting, dead uint64, err error) { return 0, 0, errors.New("down") })
	lines := scrape(t, m)
	if len(lines) == 0 || slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "queue") }) {
		t.Errorf("got %q", lines)
	}
}

// TestDocumented: every metric is in docs/metrics.md, and every one there exists.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, exported []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(charthand_[a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1])
	}
	for _, line := range scrape(t, filled()) {
		name := line[:strings.IndexAny(line, "{ ")]
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, part)
		}
		if !slices.Contains(exported, name) {
			exported = append(exported, name)
		}
	}
	slices.Sort(documented)
	slices.Sort(exported)
	if diff := cmp.Diff(documented, exported); diff != "" {
		t.Errorf("(-documented +exported):\n%s", diff)
	}
}
