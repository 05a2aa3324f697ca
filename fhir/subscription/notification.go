// Package subscription reads what FHIR servers send to a subscriber, and makes the Subscriptions that ask for it: R4's own, and topic-based
// ones of the Subscriptions R5 Backport guide 1.1.0, also as R4B and R5 have them.
package subscription

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"charthand/fhir"
)

// Kind is what a notification is sent for.
type Kind string

// The kinds (http://hl7.org/fhir/subscription-notification-type).
const (
	Handshake   Kind = "handshake"
	Heartbeat   Kind = "heartbeat"
	Event       Kind = "event-notification"
	QueryStatus Kind = "query-status"
	QueryEvent  Kind = "query-event"
)

// Notification is what a server tells of a subscription.
type Notification struct {
	Kind Kind
	// Subscription is the "Subscription/id" that it is of, Topic the canonical of its topic; either may be empty.
	Subscription, Topic string
	// Status is the subscription's: "requested", "active", "error", "off".
	Status string
	// Events is how many events the server has counted since the subscription began, -1 where it does not say.
	Events int64
	// Numbers are those of the events that are told of; empty where the server does not number them.
	Numbers []int64
	// Focus are the resources that the events are about, as "Type/id" with the version where it is known ("Type/id/_history/3"), without
	// duplicates; empty with a payload that names none.
	Focus []string
	// Faults are where the notification is not as the guide has it. It was read all the same.
	Faults []string
}

// ErrNoNotification is the error for what is no notification. It holds nothing of it.
var ErrNoNotification = errors.New("not a notification: expected a history or subscription-notification Bundle whose first entry is the status of a subscription")

// maxEvents bounds the events of one notification.
const maxEvents = 10_000

// bundle is what is read of a notification.
type bundle struct {
	ResourceType string `json:"resourceType"`
	Type         string `json:"type"`
	Entry        []struct {
		FullURL  string          `json:"fullUrl"`
		Resource json.RawMessage `json:"resource"`
		Request  *struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		} `json:"request"`
	} `json:"entry"`
}

// Read reads a notification: the Bundles of the backport guide, with a Parameters resource as R4 has it or a SubscriptionStatus as R4B and R5
// have it, and what servers make of them.
func Read(data []byte) (*Notification, error) {
	var b bundle
	if json.Unmarshal(data, &b) != nil || b.ResourceType != "Bundle" || b.Type != "history" && b.Type != "subscription-notification" || len(b.Entry) == 0 {
		return nil, ErrNoNotification
	}
	n := &Notification{Events: -1}
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	_ = json.Unmarshal(b.Entry[0].Resource, &head) // what is no object has no type
	var err error
	switch head.ResourceType {
	case "Parameters":
		err = n.fromParameters(b.Entry[0].Resource)
	case "SubscriptionStatus":
		err = n.fromStatus(b.Entry[0].Resource)
	default:
		err = ErrNoNotification
	}
	if err != nil {
		return nil, err
	}
	if b.Type == "history" && b.Entry[0].Request == nil {
		n.Faults = append(n.Faults, "the first entry has no request, which a history has")
	}
	for _, entry := range b.Entry[1:] {
		n.add(nameOf(entry.Resource))
		if entry.Request != nil {
			n.add(entry.Request.URL)
		}
		n.add(entry.FullURL)
	}
	if len(n.Focus) > maxEvents || len(n.Numbers) > maxEvents {
		return nil, ErrNoNotification
	}
	return n, nil
}

// nameOf gives the "Type/id" of a resource, with its version where it has one; empty for what is none.
func nameOf(resource json.RawMessage) string {
	head, err := fhir.ReadHead(resource)
	name := head.Name()
	if err != nil || name == "" {
		return ""
	}
	if head.Meta.VersionID != "" {
		name += "/_history/" + head.Meta.VersionID
	}
	return name
}

// add notes what an event is about, once. Of two names of one resource the one with a version counts.
func (n *Notification) add(reference string) {
	local := fhir.LocalReference(reference)
	if local == "" {
		return
	}
	name := local
	if _, version, versioned := strings.Cut(reference, "/_history/"); versioned {
		name += "/_history/" + version
	}
	for i, known := range n.Focus {
		if known == name || known == local || strings.HasPrefix(known, local+"/_history/") {
			if known == local {
				n.Focus[i] = name
			}
			return
		}
	}
	n.Focus = append(n.Focus, name)
}

// value is a parameter's value in whatever type it is given: servers write numbers as strings, and times as dates.
type value struct {
	Reference *fhir.Reference `json:"valueReference"`
	Canonical string          `json:"valueCanonical"`
	URI       string          `json:"valueUri"`
	Code      string          `json:"valueCode"`
	String    string          `json:"valueString"`
	Unsigned  json.Number     `json:"valueUnsignedInt"`
	Positive  json.Number     `json:"valuePositiveInt"`
	Integer   json.Number     `json:"valueInteger"`
	Decimal   json.Number     `json:"valueDecimal"`
	Long      any             `json:"valueInteger64"`
}

func (v value) text() string {
	for _, s := range []string{v.Code, v.Canonical, v.URI, v.String} {
		if s != "" {
			return s
		}
	}
	return ""
}

// number gives the value as a number, -1 where it is none.
func (v value) number() int64 {
	long, _ := v.Long.(string)
	for _, s := range []string{v.Unsigned.String(), v.Positive.String(), v.Integer.String(), v.Decimal.String(), long, v.String} {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	if f, is := v.Long.(float64); is && f >= 0 {
		return int64(f)
	}
	return -1
}

func (v value) reference() string {
	if v.Reference != nil {
		return v.Reference.Reference
	}
	return v.text()
}

// fromParameters reads R4's form (backport-subscription-status-r4).
func (n *Notification) fromParameters(resource json.RawMessage) error {
	type part struct {
		Name string `json:"name"`
		value
	}
	var status struct {
		Parameter []struct {
			part
			Part []part `json:"part"`
		} `json:"parameter"`
	}
	if json.Unmarshal(resource, &status) != nil {
		return ErrNoNotification
	}
	for _, p := range status.Parameter {
		switch p.Name {
		case "subscription":
			n.Subscription = fhir.LocalReference(p.reference())
		case "topic":
			n.Topic = p.text()
		case "status":
			n.Status = p.text()
		case "type":
			n.Kind = Kind(p.text())
		case "events-since-subscription-start":
			n.Events = p.number()
			if p.String != "" {
				n.Faults = append(n.Faults, "the number of events is given as a string")
			}
		case "notification-event":
			for _, of := range p.Part {
				switch of.Name {
				case "event-number":
					n.number(of.number())
				case "focus":
					n.add(of.reference())
				}
			}
		}
	}
	return n.check()
}

func (n *Notification) number(number int64) {
	if number >= 0 {
		n.Numbers = append(n.Numbers, number)
	}
}

// fromStatus reads R4B's and R5's form (SubscriptionStatus).
func (n *Notification) fromStatus(resource json.RawMessage) error {
	var status struct {
		Status       string         `json:"status"`
		Type         string         `json:"type"`
		Events       any            `json:"eventsSinceSubscriptionStart"`
		Subscription fhir.Reference `json:"subscription"`
		Topic        string         `json:"topic"`
		Event        []struct {
			Number any            `json:"eventNumber"`
			Focus  fhir.Reference `json:"focus"`
		} `json:"notificationEvent"`
	}
	if json.Unmarshal(resource, &status) != nil {
		return ErrNoNotification
	}
	n.Kind, n.Status, n.Topic = Kind(status.Type), status.Status, status.Topic
	n.Subscription = fhir.LocalReference(status.Subscription.Reference)
	n.Events = anyNumber(status.Events)
	for _, event := range status.Event {
		n.number(anyNumber(event.Number))
		n.add(event.Focus.Reference)
	}
	return n.check()
}

// anyNumber gives a JSON number, or a string of digits as R5's integer64 is, -1 for anything else.
func anyNumber(v any) int64 {
	text, _ := v.(string)
	return value{String: text, Long: v}.number()
}

// check refuses what is of no kind that is known.
func (n *Notification) check() error {
	switch n.Kind {
	case Handshake, Heartbeat, Event, QueryStatus, QueryEvent:
		return nil
	}
	return ErrNoNotification
}
