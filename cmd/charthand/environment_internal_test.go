package main

import (
	"strings"
	"testing"
)

// The environment counts before the file and flags before the environment; values are checked as those of a file are.
func TestSettingsInTheEnvironment(t *testing.T) {
	file := save(t, "site.yaml", "profile: us-core\nsync: {every: 5m, workers: 3}\nmapping: {aiLabel: tag}\n")
	for name, value := range map[string]string{
		"CHARTHAND_CONFIG": file, "CHARTHAND_PROFILE": "ips", "CHARTHAND_SYNC_EVERY": "90s", "CHARTHAND_SYNC_CRITERIA": "['DiagnosticReport?']",
		"CHARTHAND_MAPPING_CLAIM_AI_TRANSPARENCY": "true", "CHARTHAND_ACCESS_RATE_PER_SECOND": "2.5", "CHARTHAND_ACCESS_RATE_BURST": "5",
		"CHARTHAND_FHIR_AUTH_SMART_CLIENT_ID": "", "CHARTHAND_MAPPING_ON_BEHALF_OF": "Organization/0123",
	} {
		t.Setenv(name, value)
	}
	out, messages, code := program(t, "", "config", "print", "--write", "client-id")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	for _, want := range []string{
		"profile: ips\n", "write: client-id\n", "every: 90s\n", "workers: 3\n", "- DiagnosticReport?\n", "aiLabel: tag\n", "claimAITransparency: true\n", "perSecond: 2.5\n", "burst: 5\n", "smart: null\n",
		"onBehalfOf: Organization/0123\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if out, _, _ := program(t, "", "config", "print", "--profile", "r4"); !strings.Contains(out, "profile: r4\n") {
		t.Errorf("the flag does not count before the environment: %s", out)
	}
	t.Setenv("CHARTHAND_SYNC_EVREY", "1h")
	if _, messages, code := program(t, "", "config", "check"); code != exitDone || !strings.Contains(messages, "CHARTHAND_SYNC_EVREY in the environment is no setting") || strings.Contains(messages, "CHARTHAND_SYNC_EVERY") {
		t.Errorf("exit code %d: %s", code, messages)
	}
	for name, test := range map[string]struct{ value, want string }{
		"CHARTHAND_SYNC_WORKERS":    {"many", "CHARTHAND_SYNC_WORKERS: no value of sync.workers"},
		"CHARTHAND_MAPPING_SCHEMAS": {"{a: {b: {resorce: Condition}}}", "CHARTHAND_MAPPING_SCHEMAS: no value of mapping.schemas"},
		"CHARTHAND_SYNC_KEEP_DONE":  {"a week", `sync.keepDone: "a week" is no time`},
		"CHARTHAND_MAPPING_SCOPE":   {"ward", `scope: "ward" is none of`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, test.value)
			if _, messages, code := program(t, "", "config", "check"); code != exitUsage || !strings.Contains(messages, test.want) {
				t.Errorf("exit code %d: %s", code, messages)
			}
		})
	}
}
