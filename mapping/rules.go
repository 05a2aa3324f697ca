// Package mapping turns what a note says into FHIR: which mention becomes which resource, with which status, identity and
// evidence, in one transaction Bundle. The contract is rules.yaml; docs/fhir.md explains what is written.
package mapping

import (
	_ "embed" // the default rules
	"fmt"
	"strings"

	"charthand/mapping/resource"
	"charthand/nlp"
	"charthand/nlp/allergy"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var defaultRules []byte

// ResourceType is a FHIR resource type that a mention can become.
type ResourceType string

// The resource types that are written.
const (
	Condition           ResourceType = "Condition"
	AllergyIntolerance  ResourceType = "AllergyIntolerance"
	MedicationStatement ResourceType = "MedicationStatement"
	Procedure           ResourceType = "Procedure"
	Observation         ResourceType = "Observation"
	FamilyMemberHistory ResourceType = "FamilyMemberHistory"
	ServiceRequest      ResourceType = "ServiceRequest"
)

// ResourceTypes are those that are written, in the order in which counts name them.
var ResourceTypes = []ResourceType{Condition, AllergyIntolerance, MedicationStatement, Procedure, Observation, FamilyMemberHistory, ServiceRequest}

// AILabel is how a resource is marked as made by a machine.
type AILabel string

// The ways to mark a resource.
const (
	LabelSecurity AILabel = "security"
	LabelTag      AILabel = "tag"
	LabelOff      AILabel = "off"
)

// Confidence is how the model's confidence is written.
type Confidence string

// The ways to write it.
const (
	ConfidenceOwn            Confidence = "own"
	ConfidenceAITransparency Confidence = "ai-transparency"
	ConfidenceOff            Confidence = "off"
)

// Scope is what a fact belongs to.
type Scope string

// The scopes.
const (
	ScopeDocument Scope = "document" // one concept in one document
	ScopePatient  Scope = "patient"  // one concept in all of a patient's
)

// AssertionKind is an assertion as the status table knows it: one of several flags that decides.
type AssertionKind string

// The kinds of assertion.
const (
	KindPresent      AssertionKind = "present"
	KindGiven        AssertionKind = "given" // of a drug: it was given once
	KindHistorical   AssertionKind = "historical"
	KindResolved     AssertionKind = "resolved"
	KindUncertain    AssertionKind = "uncertain"
	KindRuledOut     AssertionKind = "ruledOut"
	KindNegated      AssertionKind = "negated"
	KindPlanned      AssertionKind = "planned"
	KindHypothetical AssertionKind = "hypothetical"
	KindFamily       AssertionKind = "family"
	KindFamilyOther  AssertionKind = "familyOther"
	KindUnjudged     AssertionKind = "unjudged"
)

// judgedKinds are all but KindUnjudged, of which nothing is ever written.
var judgedKinds = []AssertionKind{
	KindPresent, KindGiven, KindHistorical, KindResolved, KindUncertain, KindRuledOut, KindNegated, KindPlanned, KindHypothetical, KindFamily, KindFamilyOther,
}

// kindOf decides in the order experiencer, negation, temporality, certainty.
func kindOf(a nlp.Assertion) AssertionKind {
	switch {
	case a.Experiencer == nlp.Unjudged:
		return KindUnjudged
	case a.Experiencer != nlp.Patient && (a.Negated || a.RuledOut || a.Uncertain || a.Hypothetical || a.Planned):
		return KindFamilyOther
	case a.Experiencer != nlp.Patient:
		return KindFamily
	case a.RuledOut:
		return KindRuledOut
	case a.Negated:
		return KindNegated
	case a.Hypothetical:
		return KindHypothetical
	case a.Resolved: // a drug that a plan stops is stopped
		return KindResolved
	case a.Planned:
		return KindPlanned
	case a.Historical:
		return KindHistorical
	case a.Uncertain:
		return KindUncertain
	}
	return KindPresent
}

// affirms reports whether a kind says that something is or was there, denies whether it says that it is not.
func (k AssertionKind) affirms() bool {
	return k == KindPresent || k == KindGiven || k == KindHistorical || k == KindResolved || k == KindUncertain
}

func (k AssertionKind) denies() bool { return k == KindRuledOut || k == KindNegated }

// Part is what a mention is to another's resource.
type Part string

// The parts.
const (
	PartValue    Part = "value"
	PartBodySite Part = "bodySite"
	PartSeverity Part = "severity"
	PartTime     Part = "time"
	PartOther    Part = "other"
)

// LabelRule says what a label becomes.
type LabelRule struct {
	Resource  ResourceType `yaml:"resource,omitempty"`
	Drug      ResourceType `yaml:"drug,omitempty"`      // instead of Resource for a drug, where the label has procedures too
	WithValue ResourceType `yaml:"withValue,omitempty"` // instead of Resource where a value is linked
	Family    ResourceType `yaml:"family,omitempty"`    // of a relative's
	Planned   ResourceType `yaml:"planned,omitempty"`   // instead of Resource for what is planned
	Measures  string       `yaml:"measures,omitempty"`  // the vital sign that it is the value of
	MinScore  *float64     `yaml:"minScore,omitempty"`  // nil leaves it to the model
	Part      Part         `yaml:"part,omitempty"`
}

// Status is what an assertion means for one resource type. A Condition and an AllergyIntolerance have the latter two, the others the first.
type Status struct {
	Status             string `yaml:"status,omitempty"`
	VerificationStatus string `yaml:"verificationStatus,omitempty"`
	ClinicalStatus     string `yaml:"clinicalStatus,omitempty"`
}

// ConditionCategory says which sections (LOINC) make which category of a Condition.
type ConditionCategory struct {
	ProblemListItem    []string `yaml:"problem-list-item"`
	EncounterDiagnosis []string `yaml:"encounter-diagnosis"`
	USCore             string   `yaml:"usCore"` // of what has none of these
}

// Severity is a degree of severity, with the words that say it.
type Severity struct {
	Code  resource.Code `yaml:"code"`
	Words []string      `yaml:"words"`
}

// VitalSign is a vital sign: how tests name it, and what its profiles want.
type VitalSign struct {
	Names      []string        `yaml:"names"` // in normal form
	Codes      []resource.Code `yaml:"codes"`
	Components []string        `yaml:"components"` // LOINC codes that all have to be there
	Units      []string        `yaml:"units"`      // UCUM
	R4         string          `yaml:"r4"`         // canonical URLs of its profiles
	USCore     string          `yaml:"usCore"`
}

// NoAllergy is what is written of a statement that there is no allergy.
type NoAllergy struct {
	Code resource.Code `yaml:"code"`
	IPS  resource.Code `yaml:"ips"`
}

// Given says how a note tells a drug that was given once from one that is taken.
type Given struct {
	Verbs    []string `yaml:"verbs"`
	Sections []string `yaml:"sections"` // LOINC
}

// FamilyWords are the words that tell a relative from the problem in a mention that names both.
type FamilyWords struct {
	Relatives []string `yaml:"relatives"`
	Leading   []string `yaml:"leading"` // before the problem
	Denying   []string `yaml:"denying"`
	// Qualifying are words that may stand before a relative.
	Qualifying []string `yaml:"qualifying"`
}

// Rules is everything that a site can set of the mapping; rules.yaml documents it. It is read-only once read.
type Rules struct {
	IdentifierSystem  string                                    `yaml:"identifierSystem"`
	Namespace         string                                    `yaml:"namespace"`
	Scope             Scope                                     `yaml:"scope"`
	AILabel           AILabel                                   `yaml:"aiLabel"`
	Confidence        Confidence                                `yaml:"confidence"`
	ClaimAI           bool                                      `yaml:"claimAITransparency"`
	OnBehalfOf        string                                    `yaml:"onBehalfOf"`
	Preliminary       bool                                      `yaml:"preliminary"`
	Strength          []AssertionKind                           `yaml:"strength"`
	Support           float64                                   `yaml:"support"`
	Schemas           map[string]map[string]LabelRule           `yaml:"schemas"`
	Statuses          map[ResourceType]map[AssertionKind]Status `yaml:"statuses"`
	ConditionCategory ConditionCategory                         `yaml:"conditionCategory"`
	Severities        map[string]Severity                       `yaml:"severities"` // mild, moderate, severe
	AgeOfPerson       []string                                  `yaml:"ageOfPerson"`
	Lasting           []string                                  `yaml:"lasting"`
	Given             Given                                     `yaml:"given"`
	FamilyWords       FamilyWords                               `yaml:"familyWords"`
	Trailing          []string                                  `yaml:"trailing"`
	Examined          []string                                  `yaml:"examined"`
	NoDoseUnits       []string                                  `yaml:"noDoseUnits"` // UCUM
	Sides             map[string][]string                       `yaml:"sides"`       // left, right, bilateral
	VitalSigns        map[string]VitalSign                      `yaml:"vitalSigns"`
	LaboratoryUnits   []string                                  `yaml:"laboratoryUnits"`
	NoAllergies       map[allergy.Category]NoAllergy            `yaml:"noAllergies"`
	Relatives         map[nlp.Experiencer]string                `yaml:"relatives"`
	NotCodedWith      map[ResourceType][]string                 `yaml:"notCodedWith"` // code systems
}

// DefaultRules gives the rules inside the binary.
func DefaultRules() (*Rules, error) { return ReadRules(nil) }

// ReadRules gives the rules inside the binary with a site's own parts in their place, in YAML; nil for none. Maps are merged key by key,
// null takes a key out, and anything else takes the place of what was there. Every fault comes back in one error.
func ReadRules(site []byte) (*Rules, error) {
	merged := defaultRules
	if len(site) > 0 {
		// By itself first, so that an unknown key is named by its line in the site's own file.
		if err := yaml.UnmarshalWithOptions(site, &Rules{}, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("mapping rules: %s", yaml.FormatError(err, false, false))
		}
		var base, own map[string]any
		if err := yaml.Unmarshal(defaultRules, &base); err != nil {
			return nil, fmt.Errorf("mapping rules: %w", err)
		}
		if err := yaml.Unmarshal(site, &own); err != nil {
			return nil, fmt.Errorf("mapping rules: %s", yaml.FormatError(err, false, false))
		}
		merge(base, own)
		var err error
		if merged, err = yaml.Marshal(base); err != nil {
			return nil, fmt.Errorf("mapping rules: %w", err)
		}
	}
	rules := &Rules{}
	if err := yaml.UnmarshalWithOptions(merged, rules, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("mapping rules: %s", yaml.FormatError(err, false, false))
	}
	if err := rules.validate(); err != nil {
		return nil, fmt.Errorf("mapping rules: %w", err)
	}
	return rules, nil
}

// merge puts a site's values into the base.
func merge(base, own map[string]any) {
	for key, value := range own {
		inner, isMap := value.(map[string]any)
		below, wasMap := base[key].(map[string]any)
		switch {
		case value == nil:
			delete(base, key)
		case isMap && wasMap:
			merge(below, inner)
		default:
			base[key] = value
		}
	}
}

// Schema gives the name of the schema that knows most of a model's labels, with its rules by the model's own spelling; the labels that it
// does not know have none. Without labels it is MACCROBAT's, the schema of the model inside.
func (r *Rules) Schema(labels []string) (name string, rules map[string]LabelRule) {
	const fallback = "maccrobat"
	most := 0
	for candidate, known := range r.Schemas {
		folded := make(map[string]LabelRule, len(known))
		for label, rule := range known {
			folded[strings.ToLower(label)] = rule
		}
		found := map[string]LabelRule{}
		for _, label := range labels {
			if rule, ok := folded[strings.ToLower(label)]; ok {
				found[label] = rule
			}
		}
		if len(found) > most || len(found) == most && most > 0 && candidate < name {
			name, rules, most = candidate, found, len(found)
		}
	}
	if len(labels) == 0 {
		return fallback, r.Schemas[fallback]
	}
	return name, rules
}
