package subscription_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charthand/fhir/subscription"
	"charthand/fixtures"

	"github.com/google/go-cmp/cmp"
)

// What Inferno has as examples is read or refused as the names say; what is not as the guide has it is read, and the fault is named: HAPI's
// own notifications have the same.
func TestInfernosExamples(t *testing.T) {
	folder := filepath.Join(fixtures.Data(), "fhir", "subscriptions-inferno")
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Skip("the examples are not there: set CHARTHAND_DATA to the folder that holds them")
	}
	const topic, admission = "http://fhirserver.org/topics/patient-admission", "Encounter/86009987-eabe-42bf-8c02-b112b18cb616"
	asString := []string{"the number of events is given as a string"}
	notification := func(kind subscription.Kind, status string, events int64, numbers []int64, focus []string, more ...string) *subscription.Notification {
		return &subscription.Notification{
			Kind: kind, Subscription: "Subscription/123", Topic: topic, Status: status, Events: events, Numbers: numbers, Focus: focus, Faults: append(asString[:1:1], more...),
		}
	}
	loose := notification(subscription.Event, "active", 1, []int64{1}, nil, "the first entry has no request, which a history has")
	loose.Subscription = "Subscription/admission"
	want := map[string]*subscription.Notification{
		"handshake_bundle_example.json":                         notification(subscription.Handshake, "requested", 0, nil, nil),
		"heartbeat_bundle_example.json":                         notification(subscription.Heartbeat, "active", 2, nil, nil),
		"empty_notification_bundle_example.json":                notification(subscription.Event, "active", 1, []int64{1}, nil),
		"id_only_notification_bundle_example.json":              notification(subscription.Event, "active", 1, []int64{1}, []string{admission}),
		"full_resource_notification_bundle_example.json":        notification(subscription.Event, "active", 1, []int64{1}, []string{admission}),
		"empty_notification_bundle_non_conformant_example.json": loose,
		"subscription_status_example.json":                      nil, // an answer to $status
		"capability_statement_example.json":                     nil,
		"subscription_resource_example.json":                    nil,
		"Subscription_empty.json":                               nil,
		"Subscription_full-resource.json":                       nil,
		"Subscription_id-only.json":                             nil,
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		expected, listed := want[name]
		if !listed {
			t.Errorf("%s is not expected", name)
			continue
		}
		got, err := subscription.Read(data)
		if (expected == nil) != errors.Is(err, subscription.ErrNoNotification) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want *subscription.Notification
	}{
		"R5": {
			`{"resourceType":"Bundle","type":"subscription-notification","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"SubscriptionStatus","status":"active","type":"event-notification",
				"eventsSinceSubscriptionStart":"310","notificationEvent":[{"eventNumber":"309","focus":{"reference":"https://example.org/fhir/DocumentReference/1"}},{"eventNumber":310}],
				"subscription":{"reference":"https://example.org/fhir/Subscription/2"},"topic":"http://example.org/t"}},
				{"fullUrl":"https://example.org/fhir/DocumentReference/1","resource":{"resourceType":"DocumentReference","id":"1","meta":{"versionId":"4"}}}]}`,
			&subscription.Notification{Kind: subscription.Event, Subscription: "Subscription/2", Topic: "http://example.org/t", Status: "active", Events: 310, Numbers: []int64{309, 310}, Focus: []string{"DocumentReference/1/_history/4"}},
		},
		"as HAPI writes it": {
			`{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"subscription","valueReference":{"reference":"Subscription/7"}},
				{"name":"topic","valueCanonical":"http://example.org/t"},{"name":"status","valueCode":"active"},{"name":"type","valueCode":"event-notification"},
				{"name":"events-since-subscription-start","valueString":"3"},{"name":"notification-event","part":[{"name":"event-number","valueString":"3"},{"name":"timestamp","valueDate":"2026-01-01"},
				{"name":"focus","valueReference":{"reference":"DocumentReference/9/_history/2"}}]}]}},{"fullUrl":"DocumentReference/9","request":{"method":"PUT","url":"DocumentReference/9"}}]}`,
			&subscription.Notification{
				Kind: subscription.Event, Subscription: "Subscription/7", Topic: "http://example.org/t", Status: "active", Events: 3, Numbers: []int64{3}, Focus: []string{"DocumentReference/9/_history/2"},
				Faults: []string{"the number of events is given as a string", "the first entry has no request, which a history has"},
			},
		},
		"a Bundle of another type": {`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Parameters"}}]}`, nil},
		"no status":                {`{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Patient"}}]}`, nil},
		"no entries":               {`{"resourceType":"Bundle","type":"history"}`, nil},
		"no kind":                  {`{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"type","valueCode":"party"}]}}]}`, nil},
		"not JSON":                 {`<Bundle/>`, nil},
	} {
		got, err := subscription.Read([]byte(test.in))
		if (test.want == nil) != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"type","valueCode":"heartbeat"}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := subscription.Read(data); err == nil && (n.Kind == "" || n.Events < -1) {
			t.Errorf("%+v", n)
		}
	})
}

func TestResource(t *testing.T) {
	request := subscription.Request{
		Type: subscription.Topic, Payload: subscription.ID, Criteria: "DocumentReference?status=current", TopicURL: "http://example.org/t",
		Endpoint: "https://hooks.example.org/hooks/main", Name: "main", Secret: "s3cret",
	}
	if err := request.Validate(); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(request.Resource())
	if err != nil {
		t.Fatal(err)
	}
	const guide = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
	want := `{"resourceType":"Subscription","meta":{"profile":["` + guide + `subscription"]},"status":"requested","reason":"charthand reads clinical notes: main","criteria":"http://example.org/t",` +
		`"_criteria":{"extension":[{"url":"` + guide + `filter-criteria","valueString":"DocumentReference?status=current"}]},"channel":{"extension":[{"url":"` + guide + `heartbeat-period","valueUnsignedInt":60}],` +
		`"type":"rest-hook","endpoint":"https://hooks.example.org/hooks/main","payload":"application/fhir+json","_payload":{"extension":[{"url":"` + guide + `payload-content","valueCode":"id-only"}]},` +
		`"header":["X-Charthand-Secret: s3cret"]}}`
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Error(diff)
	}
	plain := subscription.Request{Type: subscription.R4, Payload: subscription.Empty, Criteria: "DocumentReference?", Endpoint: "http://localhost/hooks/a", Name: "a"}
	if encoded, err = json.Marshal(plain.Resource()); err != nil || strings.Contains(string(encoded), "payload") || strings.Contains(string(encoded), "header") {
		t.Errorf("%s, %v", encoded, err)
	}
	for fault, change := range map[string]func(*subscription.Request){
		"endpoint:": func(r *subscription.Request) { r.Endpoint = "hooks/main" },
		"kind:":     func(r *subscription.Request) { r.Type = "r6" },
		"payload:":  func(r *subscription.Request) { r.Type, r.TopicURL = subscription.R4, "" },
		"topic:":    func(r *subscription.Request) { r.TopicURL = "" },
		"criteria:": func(r *subscription.Request) { r.Criteria = "notes" },
	} {
		changed := request
		change(&changed)
		if err := changed.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s got %v", fault, err)
		}
	}
}
