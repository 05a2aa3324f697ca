package deploy_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// expressions parses PromQL.
var expressions = parser.NewParser(parser.Options{})

// metrics gives the names that an expression selects; what a histogram adds to its name is taken off.
func metrics(t *testing.T, expression string) []string {
	t.Helper()
	parsed, err := expressions.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return nil
	}
	var names []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, is := node.(*parser.VectorSelector); is {
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name == model.MetricNameLabel {
					names = append(names, regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(matcher.Value, ""))
				}
			}
		}
		return nil
	})
	return names
}

// documented gives the metrics of docs/metrics.md.
func documented(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(charthand_[a-z_]+)").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		names = append(names, row[1])
	}
	if len(names) == 0 {
		t.Fatal("docs/metrics.md has no table of metrics")
	}
	return names
}

// checkKnown fails the test where a metric is neither charthand's own nor one that every Go process has.
func checkKnown(t *testing.T, used map[string]bool) {
	t.Helper()
	known := append(documented(t), "up", "go_memstats_sys_bytes", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds")
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !slices.Contains(known, name) {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
	}
}

// rules reads alerts.yaml as Prometheus does.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("prometheus/alerts.yaml", false, model.LegacyValidation, expressions, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) != 1 {
		t.Fatal("prometheus/alerts.yaml has not one group")
	}
	return groups.Groups[0].Rules
}

func TestAlerts(t *testing.T) {
	used := map[string]bool{}
	operation := read(t, "../docs/operation.md")
	for _, rule := range rules(t) {
		for _, annotation := range []string{"summary", "description", "action"} {
			if rule.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", rule.Alert, annotation)
			}
		}
		if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s has the severity %q", rule.Alert, severity)
		}
		if !strings.Contains(operation, "| `"+rule.Alert+"` |") {
			t.Errorf("%s is not in docs/operation.md", rule.Alert)
		}
		for _, name := range metrics(t, rule.Expr) {
			used[name] = true
		}
	}
	checkKnown(t, used)
}

// dashboard is what this test looks at of a Grafana dashboard.
type dashboard struct {
	Panels []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ H, W, X, Y int }
		FieldConfig struct {
			Defaults struct{ Unit string }
		}
		Targets []struct {
			RefID, Expr string
			Datasource  struct{ Type, UID string }
		}
	}
	Templating struct {
		List []struct{ Name, Type, Query, Definition any }
	}
}

func TestDashboard(t *testing.T) {
	var board dashboard
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ids, titles := map[int]bool{}, map[string]bool{}
	taken := map[[2]int]string{}
	for _, panel := range board.Panels {
		if panel.ID == 0 || ids[panel.ID] || panel.Title == "" || titles[panel.Title] {
			t.Errorf("the panel %d, %q, has no id or title of its own", panel.ID, panel.Title)
		}
		ids[panel.ID], titles[panel.Title] = true, true
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beyond the edge", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		if panel.FieldConfig.Defaults.Unit == "" || panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("%q lacks its unit, its description or what it shows", panel.Title)
		}
		for _, target := range panel.Targets {
			if target.Datasource.Type != "prometheus" || target.Datasource.UID != "${datasource}" {
				t.Errorf("%q is not of the data source that is chosen", panel.Title)
			}
			for _, name := range metrics(t, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")) {
				used[name] = true
			}
		}
	}
	variables := map[any]bool{}
	for _, variable := range board.Templating.List {
		variables[variable.Name] = true
	}
	if want := map[any]bool{"datasource": true, "job": true, "instance": true}; !maps.Equal(variables, want) {
		t.Errorf("the variables are %v", variables)
	}
	checkKnown(t, used)
	for _, name := range documented(t) {
		if !used[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}
