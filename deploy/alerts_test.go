package deploy_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/template"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"go.yaml.in/yaml/v3"
)

// ruleTests is a file of promtool test rules, as far as alerts_test.yaml uses it. promtool itself is no library, and Prometheus' package of rules needs
// four times as much to be fetched as everything else here: what both do is done here with Prometheus' own engine and templates.
type ruleTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string
		Interval    model.Duration
		InputSeries []struct{ Series, Values string } `yaml:"input_series"`
		Alerts      []struct {
			EvalTime  model.Duration `yaml:"eval_time"`
			Alertname string
			Expected  []alert `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// alert is one that fires.
type alert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// sample is a number at a time in milliseconds.
type sample struct {
	chunks.Sample
	at    int64
	value float64
}

func (s sample) T() int64                 { return s.at }
func (s sample) ST() int64                { return 0 }
func (s sample) F() float64               { return s.value }
func (s sample) Type() chunkenc.ValueType { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample      { return s }

// series are what Prometheus has scraped in a test.
type series []storage.Series

func (all series) queryable() storage.Queryable {
	selected := func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		set := &selection{}
		for _, one := range all {
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.Labels().Get(m.Name)) }) {
				set.left = append(set.left, one)
			}
		}
		return set
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: selected}}
}

// selection implements storage.SeriesSet.
type selection struct {
	at   storage.Series
	left []storage.Series
}

// Next implements storage.SeriesSet.
func (s *selection) Next() bool {
	if len(s.left) == 0 {
		return false
	}
	s.at, s.left = s.left[0], s.left[1:]
	return true
}

// At implements storage.SeriesSet.
func (s *selection) At() storage.Series { return s.at }

// Err implements storage.SeriesSet.
func (*selection) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (*selection) Warnings() annotations.Annotations { return nil }

// firing gives the alerts of a rule that fire at a time, having looked at it every step from the beginning as Prometheus does.
func firing(t *testing.T, rule rulefmt.Rule, query template.QueryFunc, at, step time.Duration) []alert {
	t.Helper()
	since := map[string]time.Duration{}
	var alerts []alert
	for now := time.Duration(0); now <= at; now += step {
		vector, err := query(t.Context(), rule.Expr, time.UnixMilli(now.Milliseconds()))
		if err != nil {
			t.Fatalf("%s: %v", rule.Alert, err)
		}
		active := map[string]time.Duration{}
		alerts = nil
		for _, one := range vector {
			metric := one.Metric.String()
			begun, is := since[metric]
			if !is {
				begun = now
			}
			active[metric] = begun
			if now-begun < time.Duration(rule.For) {
				continue
			}
			data := template.AlertTemplateData(one.Metric.Map(), nil, "", one)
			a := alert{Labels: one.Metric.DropReserved(func(name string) bool { return name == model.MetricNameLabel }).Map(), Annotations: map[string]string{}}
			maps.Copy(a.Labels, rule.Labels)
			for name, text := range rule.Annotations {
				const variables = "{{$labels := .Labels}}{{$value := .Value}}"
				expander := template.NewTemplateExpander(t.Context(), variables+text, rule.Alert, data, model.Time(now.Milliseconds()), query, nil, nil)
				if a.Annotations[name], err = expander.Expand(); err != nil {
					t.Errorf("%s, %s: %v", rule.Alert, name, err)
				}
			}
			alerts = append(alerts, a)
		}
		since = active
	}
	slices.SortFunc(alerts, func(a, b alert) int { return cmp.Compare(a.Labels["instance"], b.Labels["instance"]) })
	return alerts
}

func TestAlertsFire(t *testing.T) {
	var file ruleTests
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts_test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	byName := map[string]rulefmt.Rule{}
	for _, rule := range rules(t) {
		byName[rule.Alert] = rule
	}
	fired := map[string]bool{}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: expressions})
	for _, test := range file.Tests {
		var scraped series
		for _, input := range test.InputSeries {
			metric, values, err := expressions.ParseSeriesDesc(input.Series + " " + input.Values)
			if err != nil {
				t.Fatalf("%s: %s: %v", test.Name, input.Series, err)
			}
			var samples []chunks.Sample
			for i, value := range values {
				if !value.Omitted {
					samples = append(samples, sample{at: int64(i) * time.Duration(test.Interval).Milliseconds(), value: value.Value})
				}
			}
			scraped = append(scraped, storage.NewListSeries(metric, samples))
		}
		query := func(ctx context.Context, expression string, at time.Time) (promql.Vector, error) {
			asked, err := engine.NewInstantQuery(ctx, scraped.queryable(), nil, expression, at)
			if err != nil {
				return nil, err
			}
			return asked.Exec(ctx).Vector()
		}
		for _, expected := range test.Alerts {
			rule, is := byName[expected.Alertname]
			if !is {
				t.Fatalf("%s: there is no alert %s", test.Name, expected.Alertname)
			}
			got := firing(t, rule, query, time.Duration(expected.EvalTime), time.Duration(file.EvaluationInterval))
			if diff := gocmp.Diff(expected.Expected, got); diff != "" {
				t.Errorf("%s: %s at %s (-want +got):\n%s", test.Name, rule.Alert, expected.EvalTime, diff)
			}
			fired[rule.Alert] = fired[rule.Alert] || len(got) > 0
		}
	}
	for name := range byName {
		if !fired[name] {
			t.Errorf("%s fires in no test", name)
		}
	}
}
