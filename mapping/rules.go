// Package mapping turns what a note says into FHIR: which mention becomes which resource, with which status, identity and
// evidence, in one transaction Bundle.
package mapping

import (
	_ "embed" // the default rules
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"charthand/nlp"

	"github.com/goccy/go-yaml"
	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
)

//go:embed rules.yaml
var defaultRules []byte

// ResourceType is a FHIR resource type that a mention can become.
type ResourceType string

// The resource types that are written.
const (
	Condition           ResourceType = "Condition"
	MedicationStatement ResourceType = "MedicationStatement"
	Procedure           ResourceType = "Procedure"
	Observation         ResourceType = "Observation"
)

// AILabel is how a resource is marked as made by a machine.
type AILabel string

// The ways to mark a resource.
const (
	LabelSecurity AILabel = "security"
	LabelTag      AILabel = "tag"
	LabelOff      AILabel = "off"
)

// AssertionKind is an assertion as the status table knows it: one of several flags that decides.
type AssertionKind string

// The kinds of assertion, strongest first: of two mentions of one concept the stronger kind is written.
const (
	KindPresent      AssertionKind = "present"
	KindHistorical   AssertionKind = "historical"
	KindUncertain    AssertionKind = "uncertain"
	KindRuledOut     AssertionKind = "ruledOut"
	KindNegated      AssertionKind = "negated"
	KindPlanned      AssertionKind = "planned"
	KindHypothetical AssertionKind = "hypothetical"
	KindFamily       AssertionKind = "family"
	KindUnjudged     AssertionKind = "unjudged"
)

var kindsByStrength = []AssertionKind{KindPresent, KindHistorical, KindUncertain, KindRuledOut, KindNegated, KindPlanned, KindHypothetical, KindFamily, KindUnjudged}

// kindOf decides in the order experiencer, negation, temporality, certainty.
func kindOf(a nlp.Assertion) AssertionKind {
	switch {
	case a.Experiencer == nlp.Unjudged:
		return KindUnjudged
	case a.Experiencer != nlp.Patient:
		return KindFamily
	case a.RuledOut:
		return KindRuledOut
	case a.Negated:
		return KindNegated
	case a.Hypothetical:
		return KindHypothetical
	case a.Planned:
		return KindPlanned
	case a.Historical:
		return KindHistorical
	case a.Uncertain:
		return KindUncertain
	}
	return KindPresent
}

// LabelRule says what a label becomes.
type LabelRule struct {
	Resource  ResourceType `yaml:"resource"`
	WithValue ResourceType `yaml:"withValue"` // instead of Resource where a value is linked
	MinScore  *float64     `yaml:"minScore"`  // nil leaves it to the model
	Modifier  bool         `yaml:"modifier"`
	Value     bool         `yaml:"value"` // the result of a test
}

// Status is what an assertion means for one resource type. A Condition has the latter two, the others the first.
type Status struct {
	Status             string `yaml:"status"`
	VerificationStatus string `yaml:"verificationStatus"`
	ClinicalStatus     string `yaml:"clinicalStatus"`
}

// Rules is everything that a site can set of the mapping; rules.yaml documents it. It is read-only after ReadRules.
type Rules struct {
	IdentifierSystem string                                    `yaml:"identifierSystem"`
	Namespace        string                                    `yaml:"namespace"`
	AILabel          AILabel                                   `yaml:"aiLabel"`
	Labels           map[string]LabelRule                      `yaml:"labels"`
	Statuses         map[ResourceType]map[AssertionKind]Status `yaml:"statuses"`
}

// DefaultRules gives the rules inside the binary.
func DefaultRules() (*Rules, error) { return ReadRules(defaultRules) }

// ReadRules reads rules in YAML. Every fault comes back in one error.
func ReadRules(data []byte) (*Rules, error) {
	rules := &Rules{}
	if err := yaml.UnmarshalWithOptions(data, rules, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("mapping rules: %s", yaml.FormatError(err, false, false))
	}
	if err := rules.validate(); err != nil {
		return nil, fmt.Errorf("mapping rules: %w", err)
	}
	return rules, nil
}

func (r *Rules) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !strings.Contains(r.IdentifierSystem, ":") {
		fault("identifierSystem: not a URI")
	}
	if !strings.Contains(r.Namespace, ":") {
		fault("namespace: not a URI")
	}
	if !slices.Contains([]AILabel{LabelSecurity, LabelTag, LabelOff}, r.AILabel) {
		fault("aiLabel: %q is none of security, tag, off", r.AILabel)
	}
	for _, label := range slices.Sorted(maps.Keys(r.Labels)) {
		rule := r.Labels[label]
		ways := 0
		for _, way := range []bool{rule.Modifier, rule.Value, rule.Resource != ""} {
			if way {
				ways++
			}
		}
		if ways != 1 {
			fault("labels.%s: needs one of resource, value: true and modifier: true", label)
		}
		if rule.Resource == Observation {
			fault("labels.%s: an Observation needs a value: say withValue: Observation", label)
		}
		if s := rule.MinScore; s != nil && !(*s >= 0 && *s <= 1) {
			fault("labels.%s.minScore: %g is not between 0 and 1", label, *s)
		}
		for _, resource := range []ResourceType{rule.Resource, rule.WithValue} {
			if _, known := statusCodes[resource]; resource != "" && !known {
				fault("labels.%s: %q is not a resource type that is written", label, resource)
			} else if resource != "" && len(r.Statuses[resource]) == 0 {
				fault("statuses.%s: missing, but labels.%s needs it", resource, label)
			}
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(r.Statuses)) {
		known, ok := statusCodes[resource]
		if !ok {
			fault("statuses.%s: not a resource type that is written", resource)
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(r.Statuses[resource])) {
			at := fmt.Sprintf("statuses.%s.%s", resource, kind)
			status := r.Statuses[resource][kind]
			if !slices.Contains(kindsByStrength, kind) || kind == KindUnjudged {
				fault("%s: not an assertion", at)
			}
			if resource == Condition {
				if status.Status != "" || !slices.Contains(verificationStatuses, status.VerificationStatus) ||
					(status.ClinicalStatus != "" && !slices.Contains(clinicalStatuses, status.ClinicalStatus)) {
					fault("%s: needs a verificationStatus and perhaps a clinicalStatus of FHIR's value sets", at)
				}
			} else if code := known[enumName(status.Status)]; code == 0 || status.VerificationStatus+status.ClinicalStatus != "" {
				fault("%s: needs a status of FHIR's value set for %s", at, resource)
			}
		}
	}
	return errors.Join(faults...)
}

// statusCodes are the codes of each type's required status value set, as the protocol buffers name them.
var statusCodes = map[ResourceType]map[string]int32{
	Condition:           {},
	MedicationStatement: codes.MedicationStatementStatusCodes_Value_value,
	Procedure:           codes.EventStatusCode_Value_value,
	Observation:         codes.ObservationStatusCode_Value_value,
}

var (
	verificationStatuses = []string{"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"}
	clinicalStatuses     = []string{"active", "recurrence", "relapse", "inactive", "remission", "resolved"}
)

// enumName turns a FHIR code into its name in the protocol buffers.
func enumName(code string) string { return strings.ToUpper(strings.ReplaceAll(code, "-", "_")) }
