package mapping

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"charthand/fhir"
	"charthand/nlp"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
)

// Software is what made the facts: it becomes the Device.
type Software struct {
	Version      string // of charthand
	Model        string // the model's name
	ModelVersion string // may be empty
	ModelDigest  string // SHA-256 of the model, hexadecimal
}

// Config is what a Mapper needs. Rules and Software are required.
type Config struct {
	Rules    *Rules
	Software Software
	// MinScores are the model's minimum scores by label: what counts where Rules have none.
	MinScores map[string]float64
	// Base is the FHIR server that document ids belong to; empty where none is known.
	Base string
	// Now gives the time of extraction; time.Now by default.
	Now func() time.Time
}

// Mapper makes Bundles. It is safe for concurrent use.
type Mapper struct {
	config Config
}

// New makes a Mapper.
func New(config Config) (*Mapper, error) {
	if config.Rules == nil {
		return nil, errors.New("mapping: no rules")
	}
	if s := config.Software; s.Version == "" || s.Model == "" || s.ModelDigest == "" {
		return nil, errors.New("mapping: the software is not named in full, and FHIR knows no empty strings")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Mapper{config}, nil
}

// fallbackMinScore is the minimum score of labels that neither the rules nor the model have one for.
const fallbackMinScore = 0.5

// tooUnsure gives the minimum score of a mention's label, and whether the mention is below it.
func (m *Mapper) tooUnsure(e nlp.Entity) (minimum float64, below bool) {
	minimum = fallbackMinScore
	if own := m.config.Rules.Labels[e.Label].MinScore; own != nil {
		minimum = *own
	} else if models, ok := m.config.MinScores[e.Label]; ok {
		minimum = models
	}
	return minimum, e.Score < float32(minimum)
}

// fact is one concept of one document on its way to a resource.
type fact struct {
	id       string // UUID
	resource ResourceType
	kind     AssertionKind
	words    string // the first mention as a person reads it
	value    string // the result as a person reads it; Observation only
	labels   []string
	score    float32 // the best mention's
	evidence []nlp.Span
	more     int // mentions beyond maxEvidence
}

// maxEvidence bounds the spans of evidence that one resource carries; a concept that a note repeats more often than this has
// been shown well enough, and what is left out is counted in the outcome.
const maxEvidence = 200

// Bundle makes one transaction Bundle of everything that is to be written of a document, with one conditional create for
// each fact, the Device that found them and the Provenance that ties them to the note. The outcome counts what was not
// written, and why. attachment is the one that the text was read from.
func (m *Mapper) Bundle(document *fhir.Document, attachment fhir.Attachment, d *nlp.Document) (*fhir.Bundle, *fhir.Outcome, error) {
	if document.Subject == nil {
		return nil, nil, fhir.Refuse(fhir.CodeRequired, document.Path+".subject",
			"the document names no subject that can be referred to from outside, and the resources need one")
	}
	outcome := &fhir.Outcome{}
	outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, document.Path+"."+attachment.Path,
		fmt.Sprintf("read %d of %d characters", d.Coverage.Read, d.Coverage.Characters))
	for _, remark := range d.Remarks {
		outcome.Add(fhir.SeverityWarning, fhir.CodeInformational, "", remark)
	}
	n := note{document: document, attachment: attachment, doc: d, source: m.sourceOf(document, d.Text.Body)}
	facts := m.facts(n, outcome)

	bundle := &fhir.Bundle{Type: &bcrpb.Bundle_TypeCode{Value: codes.BundleTypeCode_TRANSACTION}}
	device, deviceID := m.device()
	add(bundle, deviceID, "Device", m.byIdentifier(deviceID), device)
	targets := make([]*dtpb.Reference, 0, len(facts))
	seen := map[string]bool{}
	for _, f := range facts {
		if seen[f.id] {
			return nil, nil, fmt.Errorf("two facts with the identifier %s: a server would merge them", f.id)
		}
		seen[f.id] = true
		add(bundle, f.id, string(f.resource), m.byIdentifier(f.id), m.resource(n, f))
		targets = append(targets, fhir.Reference("urn:uuid:"+f.id))
	}
	if len(targets) == 0 {
		targets = append(targets, n.source.reference)
	}
	provenance, provenanceID, condition := m.provenance(n, deviceID, targets)
	add(bundle, provenanceID, "Provenance", condition, provenance)
	return bundle, outcome, nil
}

// note is what the makers of resources need to know of the document.
type note struct {
	document   *fhir.Document
	attachment fhir.Attachment
	doc        *nlp.Document
	source     source
}

// add appends a conditional create.
func add(b *fhir.Bundle, id, resourceType, condition string, r *fhir.Resource) {
	b.Entry = append(b.Entry, &bcrpb.Bundle_Entry{
		FullUrl:  fhir.URI("urn:uuid:" + id),
		Resource: r,
		Request: &bcrpb.Bundle_Entry_Request{
			Method:      &bcrpb.Bundle_Entry_Request_MethodCode{Value: codes.HTTPVerbCode_POST},
			Url:         fhir.URI(resourceType),
			IfNoneExist: fhir.String(condition),
		},
	})
}

// byIdentifier is the search that finds a resource by charthand's identifier.
func (m *Mapper) byIdentifier(id string) string {
	return "identifier=" + url.QueryEscape(m.config.Rules.IdentifierSystem+"|urn:uuid:"+id)
}

// facts decides what becomes of each mention, in the order of the text, and counts the rest.
func (m *Mapper) facts(n note, outcome *fhir.Outcome) []*fact {
	d := n.doc
	left := counter{}
	values, written := map[int][]int{}, map[int]bool{} // test → its results; results that are in an Observation
	for _, r := range d.Relations {
		value := d.Entities[r.From]
		if _, below := m.tooUnsure(value); r.Kind == nlp.Modify && m.config.Rules.Labels[value.Label].Value && !below {
			values[r.To] = append(values[r.To], r.From)
		}
	}
	var facts []*fact
	known := map[string]*fact{}
	for i, e := range d.Entities {
		rule, listed := m.config.Rules.Labels[e.Label]
		switch {
		case !listed:
			left.add(e.Label, "no rule for this label")
			continue
		case rule.Value:
			continue // with its test
		case rule.Modifier:
			left.add(e.Label, "says more about other facts, none of its own")
			continue
		}
		if minimum, below := m.tooUnsure(e); below {
			left.add(e.Label, fmt.Sprintf("score below %g", minimum))
			continue
		}
		kind := kindOf(e.Assertion)
		resource, results := rule.Resource, []int{-1}
		if rule.WithValue != "" && len(values[i]) > 0 {
			resource, results = rule.WithValue, values[i]
		}
		if _, meant := m.config.Rules.Statuses[resource][kind]; !meant {
			left.add(e.Label, "nothing is written of what is "+string(kind))
			continue
		}
		for _, result := range results {
			f := &fact{resource: resource, kind: kind, words: words(d.Mention(e)), labels: []string{e.Label}, score: e.Score, evidence: []nlp.Span{e.Span}}
			normal := ""
			if result >= 0 {
				value := d.Entities[result]
				written[result] = true
				f.value, normal = words(d.Mention(value)), value.Normal
				f.evidence = append(f.evidence, value.Span)
			}
			// The label is no part of the identity: two labels that make one resource of the same words are one fact.
			f.id = key(n.source.identity, string(resource), e.Normal, string(nlp.Patient), normal).String()
			if earlier := known[f.id]; earlier != nil {
				earlier.merge(f)
				continue
			}
			known[f.id] = f
			facts = append(facts, f)
		}
	}
	for i, e := range d.Entities {
		if !m.config.Rules.Labels[e.Label].Value || written[i] {
			continue
		}
		if minimum, below := m.tooUnsure(e); below {
			left.add(e.Label, fmt.Sprintf("score below %g", minimum))
		} else {
			left.add(e.Label, "no test is written that it is the result of")
		}
	}
	for _, f := range facts {
		if f.more > 0 {
			outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s urn:uuid:%s: %d more mentions than the %d that it names", f.resource, f.id, f.more, maxEvidence))
		}
	}
	left.report(outcome)
	return facts
}

// merge takes in another mention of the same concept. The strongest assertion is written.
func (f *fact) merge(other *fact) {
	if slices.Index(kindsByStrength, other.kind) < slices.Index(kindsByStrength, f.kind) {
		f.kind = other.kind
	}
	f.score = max(f.score, other.score)
	for _, span := range other.evidence {
		switch {
		case len(f.evidence) == maxEvidence:
			f.more++
		case !slices.Contains(f.evidence, span):
			f.evidence = append(f.evidence, span)
		}
	}
	for _, label := range other.labels {
		if !slices.Contains(f.labels, label) {
			f.labels = append(f.labels, label)
		}
	}
}

// words gives a mention as one line of readable text: FHIR strings hold no control characters.
func words(mention string) string {
	return strings.Join(strings.FieldsFunc(mention, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// counter counts mentions that became nothing, by label and reason.
type counter map[[2]string]int

func (c counter) add(label, reason string) { c[[2]string{label, reason}]++ }

func (c counter) report(outcome *fhir.Outcome) {
	order := slices.SortedFunc(maps.Keys(c), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, k := range order {
		outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s: %d not written: %s", k[0], c[k], k[1]))
	}
}

// Count counts the facts of a Bundle by resource type.
func Count(b *fhir.Bundle) map[ResourceType]int {
	counts := map[ResourceType]int{}
	for _, entry := range b.GetEntry() {
		resourceType := ResourceType(entry.GetRequest().GetUrl().GetValue())
		if _, fact := statusCodes[resourceType]; fact {
			counts[resourceType]++
		}
	}
	return counts
}
