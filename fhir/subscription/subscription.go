package subscription

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Type is a kind of subscription.
type Type string

// The types.
const (
	R4    Type = "r4"    // a search that R4 servers watch
	Topic Type = "topic" // a topic that the server knows, as the backport guide has it
)

// Payload is what a notification carries.
type Payload string

// The payloads.
const (
	Full  Payload = "full"  // the resource
	ID    Payload = "id"    // its name
	Empty Payload = "empty" // nothing: what is new has to be searched for
)

// Canonicals of the backport guide.
const (
	backportProfile  = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription"
	payloadContent   = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
	filterCriteria   = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"
	heartbeatPeriod  = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-heartbeat-period"
	heartbeatSeconds = 60
	fhirJSON         = "application/fhir+json"
)

// SecretHeader is the header of notifications that carries the secret that subscriber and server share.
const SecretHeader = "X-Charthand-Secret"

// Request is what a Subscription asks for.
type Request struct {
	Type    Type
	Payload Payload
	// Criteria is the search of R4, or the filter of a topic ("DocumentReference?status=current").
	Criteria string
	// TopicURL is the canonical of the topic.
	TopicURL string
	// Endpoint is where notifications go: the hook's address.
	Endpoint string
	// Name tells this Subscription from others of the same subscriber.
	Name string
	// Secret is sent with each notification; empty for none.
	Secret string
}

// Validate says what is wrong with a request.
func (r Request) Validate() error {
	var faults []error
	if endpoint, err := url.Parse(r.Endpoint); err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		faults = append(faults, fmt.Errorf("endpoint: %q is no http address", r.Endpoint))
	}
	switch r.Type {
	case R4:
		if r.Payload == ID {
			faults = append(faults, errors.New("payload: R4's subscriptions have no payload of ids; take full or empty, or a topic"))
		}
		if r.TopicURL != "" {
			faults = append(faults, errors.New("topic: R4's subscriptions have criteria, no topic"))
		}
	case Topic:
		if r.TopicURL == "" {
			faults = append(faults, errors.New("topic: the canonical of a topic is needed"))
		}
	default:
		faults = append(faults, fmt.Errorf("kind: %q is none of r4, topic", r.Type))
	}
	switch r.Payload {
	case Full, ID, Empty:
	default:
		faults = append(faults, fmt.Errorf("payload: %q is none of full, id, empty", r.Payload))
	}
	if !strings.Contains(r.Criteria, "?") {
		faults = append(faults, fmt.Errorf("criteria: %q is no search such as DocumentReference?status=current", r.Criteria))
	}
	return errors.Join(faults...)
}

type extension struct {
	URL         string `json:"url"`
	ValueCode   string `json:"valueCode,omitempty"`
	ValueString string `json:"valueString,omitempty"`
	ValueUint   int    `json:"valueUnsignedInt,omitempty"`
}

type extended struct {
	Extension []extension `json:"extension"`
}

// Resource is an R4 Subscription.
type Resource struct {
	ResourceType string    `json:"resourceType"`
	ID           string    `json:"id,omitempty"`
	Meta         *meta     `json:"meta,omitempty"`
	Status       string    `json:"status"`
	Reason       string    `json:"reason"`
	Criteria     string    `json:"criteria"`
	CriteriaMore *extended `json:"_criteria,omitempty"`
	Error        string    `json:"error,omitempty"`
	Channel      channel   `json:"channel"`
}

type meta struct {
	Profile []string `json:"profile,omitempty"`
}

type channel struct {
	Extension   []extension `json:"extension,omitempty"`
	Type        string      `json:"type"`
	Endpoint    string      `json:"endpoint"`
	Payload     string      `json:"payload,omitempty"`
	PayloadMore *extended   `json:"_payload,omitempty"`
	Header      []string    `json:"header,omitempty"`
}

// Resource makes the Subscription that asks for it.
func (r Request) Resource() *Resource {
	made := &Resource{
		ResourceType: "Subscription", Status: "requested", Reason: reason(r.Name), Criteria: r.Criteria,
		Channel: channel{Type: "rest-hook", Endpoint: r.Endpoint},
	}
	if r.Secret != "" {
		made.Channel.Header = []string{SecretHeader + ": " + r.Secret}
	}
	if r.Payload != Empty || r.Type == Topic {
		made.Channel.Payload = fhirJSON
	}
	if r.Type == Topic {
		made.Meta = &meta{[]string{backportProfile}}
		made.Criteria = r.TopicURL
		made.CriteriaMore = &extended{[]extension{{URL: filterCriteria, ValueString: r.Criteria}}}
		made.Channel.Extension = []extension{{URL: heartbeatPeriod, ValueUint: heartbeatSeconds}}
		content := map[Payload]string{Full: "full-resource", ID: "id-only", Empty: "empty"}[r.Payload]
		made.Channel.PayloadMore = &extended{[]extension{{URL: payloadContent, ValueCode: content}}}
	}
	return made
}

// reason names a Subscription so that it is found again: R4's has no identifier.
func reason(name string) string { return "charthand reads clinical notes: " + name }

// Is reports whether a Subscription is the one of a name and an endpoint.
func (s *Resource) Is(name, endpoint string) bool {
	return s.Reason == reason(name) || endpoint != "" && s.Channel.Endpoint == endpoint
}
