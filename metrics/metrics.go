// Package metrics counts what charthand does, for Prometheus: requests, documents, facts, what was left out, the model's time and the queue. No
// label holds anything of a note.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charthand/extract"
	"charthand/fhir"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are all counters of one process. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	documents      *prometheus.CounterVec
	extractSeconds prometheus.Histogram
	characters     prometheus.Counter
	facts          *prometheus.CounterVec
	entities       *prometheus.CounterVec
	left           *prometheus.CounterVec
	conflicts      prometheus.Counter
	retracted      prometheus.Counter
	audits         *prometheus.CounterVec
	feedback       *prometheus.CounterVec
}

// buckets of times, in seconds: a note takes tens of milliseconds, one beside many seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// New makes Metrics of a version of charthand with a model.
func New(version, model string) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "charthand_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "charthand_" + name, Help: help}, labels)
	}
	m := &Metrics{
		registry:       prometheus.NewRegistry(),
		requests:       counters("requests_total", "HTTP requests that were answered.", "route", "method", "status"),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "charthand_request_seconds", Help: "Time of HTTP requests.", Buckets: buckets}, []string{"route"}),
		documents:      counters("documents_total", "Documents by what came of them: extracted, refused or failed.", "result"),
		extractSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "charthand_extract_seconds", Help: "Time from a document to its Bundle.", Buckets: buckets}),
		characters:     counter("characters_total", "Characters of the texts that were extracted, Unicode code points."),
		facts:          counters("facts_total", "Facts in Bundles, by resource type.", "type"),
		entities:       counters("entities_total", "Mentions that were found, by the model's label.", "label"),
		left:           counters("mentions_left_total", "Mentions that became no fact, by the model's label.", "label"),
		conflicts:      counter("conflicts_total", "Facts that a note says both ways."),
		retracted:      counter("retracted_total", "Earlier facts that were taken back."),
		audits:         counters("audit_events_total", "AuditEvents for a FHIR server by what came of them: sent, refused or dropped.", "result"),
		feedback:       counters("cds_feedback_total", "Cards of CDS Hooks by what readers made of them: accepted or overridden.", "outcome"),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "charthand_info", Help: "The version of charthand and its model; always 1.", ConstLabels: prometheus.Labels{"version": version, "model": model}})
	info.Set(1)
	m.registry.MustRegister(info, m.requests, m.requestSeconds, m.documents, m.extractSeconds, m.characters, m.facts, m.entities, m.left, m.conflicts, m.retracted, m.audits, m.feedback,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Model is what is asked of a model: *onnx.Model answers.
type Model interface {
	// Busy is the time that it has run, added up over all windows.
	Busy() time.Duration
	// Workers is how many windows it reads at once at most, Running how many now.
	Workers() int
	Running() int
	// Read is how much it has read.
	Read() (windows, tokens int64)
}

// Model adds what a model says of itself.
func (m *Metrics) Model(model Model) {
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "charthand_model_seconds_total", Help: "Time that the model has run, added up over all windows."}, func() float64 { return model.Busy().Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "charthand_windows_total", Help: "Windows that the model has read, each in a run of its own."}, func() float64 {
			windows, _ := model.Read()
			return float64(windows)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "charthand_tokens_total", Help: "Tokens in these windows."}, func() float64 {
			_, tokens := model.Read()
			return float64(tokens)
		}),
		gauge("charthand_model_workers", "Windows that the model reads at once, at most.", model.Workers),
		gauge("charthand_model_running", "Windows that it reads now.", model.Running),
	)
}

// queueTime bounds how long a scrape waits for the queue.
const queueTime = 2 * time.Second

// Queue adds how many jobs wait, and how many came to nothing.
func (m *Metrics) Queue(depth func(ctx context.Context) (waiting, dead uint64, err error)) {
	m.registry.MustRegister(queue(depth))
}

// queue asks the queue at each scrape.
type queue func(ctx context.Context) (waiting, dead uint64, err error)

var (
	waitingJobs = prometheus.NewDesc("charthand_queue_jobs", "Jobs that wait in the queue.", nil, nil)
	deadJobs    = prometheus.NewDesc("charthand_dead_letters", "Jobs that came to nothing.", nil, nil)
)

// Describe implements prometheus.Collector.
func (queue) Describe(to chan<- *prometheus.Desc) {
	to <- waitingJobs
	to <- deadJobs
}

// Collect implements prometheus.Collector. While the queue does not answer there are no numbers: none is better than an old one.
func (q queue) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), queueTime)
	defer cancel()
	waiting, dead, err := q(ctx)
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(waitingJobs, prometheus.GaugeValue, float64(waiting))
	to <- prometheus.MustNewConstMetric(deadJobs, prometheus.GaugeValue, float64(dead))
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// methods are those that are told apart: a caller may send any word.
var methods = map[string]bool{http.MethodGet: true, http.MethodPost: true, http.MethodPut: true, http.MethodOptions: true, http.MethodHead: true}

// Request counts a request; route is the server's own pattern, not what the caller sent.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if !methods[method] {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
}

// Audit counts an AuditEvent by what came of it.
func (m *Metrics) Audit(result string) { m.audits.WithLabelValues(result).Inc() }

// Feedback counts what a reader has made of a card.
func (m *Metrics) Feedback(outcome string) { m.feedback.WithLabelValues(outcome).Inc() }

// Inner is what turns documents into Bundles: *extract.Extractor does.
type Inner interface {
	Fetch(ctx context.Context, document *fhir.Document) *fhir.Document
	Extract(ctx context.Context, document *fhir.Document) (*extract.Result, error)
}

// Extractor counts what an Extractor does.
type Extractor struct {
	Inner
	metrics *Metrics
}

// Extractor gives an Extractor that is counted.
func (m *Metrics) Extractor(inner Inner) *Extractor { return &Extractor{inner, m} }

// Extract implements Inner.
func (e *Extractor) Extract(ctx context.Context, document *fhir.Document) (*extract.Result, error) {
	began := time.Now()
	result, err := e.Inner.Extract(ctx, document)
	e.metrics.extracted(result, err, time.Since(began))
	return result, err
}

// extracted counts what came of a document.
func (m *Metrics) extracted(result *extract.Result, err error, took time.Duration) {
	var fault *fhir.Fault
	switch {
	case errors.As(err, &fault):
		m.documents.WithLabelValues("refused").Inc()
		return
	case err != nil:
		m.documents.WithLabelValues("failed").Inc()
		return
	}
	m.documents.WithLabelValues("extracted").Inc()
	m.extractSeconds.Observe(took.Seconds())
	m.characters.Add(float64(result.Characters))
	for resourceType, n := range result.Written {
		m.facts.WithLabelValues(string(resourceType)).Add(float64(n))
	}
	for label, n := range result.Found {
		m.entities.WithLabelValues(label).Add(float64(n))
	}
	for reason, n := range result.Left {
		label, _, _ := strings.Cut(reason, ": ")
		m.left.WithLabelValues(label).Add(float64(n))
	}
	m.conflicts.Add(float64(result.Conflicts))
	m.retracted.Add(float64(result.Retracted))
}
