package mapping

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/nlp"
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
	// Profile is what the resources are to conform to; R4 by default.
	Profile Profile
	// Write is how the Bundle asks to be written; ConditionalCreate by default.
	Write WriteMode
	// Labels are the types of the model, as it spells them: they choose the schema of Rules. By default it is MACCROBAT's.
	Labels []string
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
	// Schema is the name of the schema of labels in use, empty where the rules know none of the model's labels; Unknown are the labels
	// that it does not know.
	Schema  string
	Unknown []string

	labels     map[string]LabelRule
	severities map[string]string // word → degree
	sides      map[string]string // word → side
	vitals     map[string]string // name of a test → name of a vital sign
	laboratory map[string]bool   // units
}

// New makes a Mapper.
func New(config Config) (*Mapper, error) {
	if config.Rules == nil {
		return nil, errors.New("mapping: no rules")
	}
	if s := config.Software; s.Version == "" || s.Model == "" || s.ModelDigest == "" {
		return nil, errors.New("mapping: the software is not named in full, and FHIR knows no empty strings")
	}
	if config.Profile == "" {
		config.Profile = R4
	}
	if config.Write == "" {
		config.Write = ConditionalCreate
	}
	if err := Validate(config.Profile, config.Write); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	m := &Mapper{config: config, severities: map[string]string{}, sides: map[string]string{}, vitals: map[string]string{}, laboratory: map[string]bool{}}
	m.Schema, m.labels = config.Rules.Schema(config.Labels)
	for _, label := range config.Labels {
		if _, known := m.labels[label]; !known {
			m.Unknown = append(m.Unknown, label)
		}
	}
	for degree, severity := range config.Rules.Severities {
		for _, word := range severity.Words {
			m.severities[word] = degree
		}
	}
	for side, names := range config.Rules.Sides {
		for _, name := range names {
			m.sides[name] = side
		}
	}
	for sign, vital := range config.Rules.VitalSigns {
		for _, name := range vital.Names {
			m.vitals[name] = sign
		}
	}
	for _, unit := range config.Rules.LaboratoryUnits {
		m.laboratory[unit] = true
	}
	return m, nil
}

// Validate says what is wrong with a profile and a way to write, by their names in the settings.
func Validate(profile Profile, write WriteMode) error {
	var faults []error
	if !slices.Contains(Profiles, profile) {
		faults = append(faults, fmt.Errorf("profile: %q is none of %v", profile, Profiles))
	}
	if !slices.Contains(WriteModes, write) {
		faults = append(faults, fmt.Errorf("write: %q is none of %v", write, WriteModes))
	}
	return errors.Join(faults...)
}

// Preliminary reports whether a document that is still being written is extracted too.
func (m *Mapper) Preliminary() bool { return m.config.Rules.Preliminary }

// fallbackMinScore is the minimum score of labels that neither the rules nor the model have one for.
const fallbackMinScore = 0.5

// tooUnsure gives the minimum score of a mention's label, and whether the mention is below it.
func (m *Mapper) tooUnsure(e nlp.Entity) (minimum float64, below bool) {
	minimum = fallbackMinScore
	if own := m.labels[e.Label].MinScore; own != nil {
		minimum = *own
	} else if models, ok := m.config.MinScores[e.Label]; ok {
		minimum = models
	}
	return minimum, e.Score < float32(minimum)
}

// note is what the makers of resources need to know of the document.
type note struct {
	document   *fhir.Document
	attachment fhir.Attachment
	doc        *nlp.Document
	source     source
}

// Made is what was made of one document.
type Made struct {
	Bundle  *fhir.Bundle
	Outcome *fhir.Outcome
	// Written counts the facts in the Bundle, by type; Left the mentions that are not in it, by "label: reason"; Conflicts the facts that the
	// note says both ways; Retracted the earlier facts that are taken back. None holds anything of the note.
	Written   Counts
	Left      map[string]int
	Conflicts int
	Retracted int
}

// Bundle makes one transaction Bundle of everything that is to be written of a document: an entry for each fact, the Device that found
// them and the Provenance that ties them to the note. Where earlier facts of the document are known, it changes those that only charthand
// has written, takes back what is no longer said, and leaves alone what anybody else has touched. The outcome counts what was not
// written, and why. attachment is the one that the text was read from; prior may be nil.
func (m *Mapper) Bundle(ctx context.Context, document *fhir.Document, attachment fhir.Attachment, d *nlp.Document, prior PriorFacts) (*Made, error) {
	if document.Subject == nil {
		return nil, fhir.Refuse(fhir.CodeRequired, document.Path+".subject",
			"the document names no subject that can be referred to from outside, and the resources need one")
	}
	outcome := &fhir.Outcome{}
	outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, document.Path+"."+attachment.Path,
		fmt.Sprintf("read %d of %d characters", d.Coverage.Read, d.Coverage.Characters))
	for _, remark := range d.Remarks {
		outcome.Add(fhir.SeverityWarning, fhir.CodeInformational, "", remark)
	}
	chain := []*fhir.Document{document}
	if prior != nil {
		var err error
		if chain, err = prior.Chain(ctx, document); err != nil {
			return nil, fmt.Errorf("the documents that it replaces: %w", err)
		}
	}
	n := note{document: document, attachment: attachment, doc: d, source: m.sourceOf(chain, d.Text.Body)}
	lived := &fhir.Outcome{} // what became of earlier facts
	known, err := m.earlier(ctx, chain, prior, lived)
	if err != nil {
		return nil, err
	}
	r := newReader(m, n)
	facts := r.facts()
	alike := r.recognize(facts, known)
	w := newWriter(r, facts, known)

	bundle := &fhir.Bundle{ResourceType: "Bundle", Type: "transaction"}
	device, deviceID := m.device()
	m.add(bundle, "Device", deviceID, m.byIdentifier(deviceID), device, &device.Header)
	targets := make([]fhir.Reference, 0, len(facts))
	seen := make(map[string]bool, len(facts))
	for _, f := range facts {
		if seen[f.id] {
			return nil, fmt.Errorf("two facts with the identifier %s: a server would merge them", f.id)
		}
		seen[f.id] = true
	}
	resources := w.resources(facts, known)
	written := Counts{}
	// What is written beside facts of an earlier run is told of by a Provenance of its own: that run's is not changed any more.
	var fresh []string
	for i, f := range facts {
		earlier, held := known[f.id]
		if held && !earlier.Ours {
			why := "left as it is: somebody else has changed or reviewed it"
			switch {
			case earlier.Deleted:
				why = "not written again: somebody has deleted it"
			case alike[f.id]:
				why = "left as it is, and nothing is written beside it: somebody else has changed or reviewed what is now read in other words"
			}
			lived.Add(fhir.SeverityInformation, fhir.CodeBusinessRule, "", earlier.name()+": "+why)
			continue
		}
		made := resources[i]
		header := &made.Common().Header
		_, unchanged := w.elsewhere[f.id]
		switch {
		case !held:
			m.add(bundle, string(f.resource), f.id, m.byIdentifier(f.id), made, header)
			if len(known) > 0 {
				fresh = append(fresh, f.id)
			}
		case unchanged:
			lived.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s/%s: unchanged", earlier.Type, earlier.ID))
			targets = append(targets, fhir.Reference{Reference: earlier.Type + "/" + earlier.ID})
			continue
		default:
			revised, err := revise(earlier, made)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", earlier.name(), err)
			}
			update(bundle, f.id, earlier, revised)
		}
		written[f.resource]++
		targets = append(targets, fhir.Reference{Reference: "urn:uuid:" + f.id})
	}
	retracted := retract(bundle, m.config.Rules.Namespace, known, seen, lived)
	if len(targets) == 0 {
		targets = append(targets, *n.source.reference)
	}
	activity := operationCreate
	if len(known) > 0 || document.Replaces != nil {
		activity = operationUpdate
	}
	m.addProvenance(bundle, n.source, activity, deviceID, targets, fresh...)
	if len(retracted) > 0 {
		m.addProvenance(bundle, n.source, operationNullify, deviceID, retracted)
	}
	made := &Made{Bundle: bundle, Outcome: outcome, Written: written, Left: map[string]int{}, Retracted: len(retracted)}
	for _, f := range facts {
		if earlier, ok := known[f.id]; ok && !earlier.Ours {
			continue
		}
		if f.conflict() != "" {
			made.Conflicts++
		}
	}
	for _, count := range made.Written.list() {
		outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", count+" written")
	}
	for k, n := range r.left {
		made.Left[k[0]+": "+k[1]] = n
	}
	r.report(facts, outcome)
	outcome.Issues = append(outcome.Issues, lived.Issues...)
	return made, nil
}

// Counts are numbers of facts by resource type.
type Counts map[ResourceType]int

// String says the counts, in the order of ResourceTypes.
func (c Counts) String() string { return strings.Join(c.list(), ", ") }

func (c Counts) list() []string {
	var list []string
	for _, resourceType := range ResourceTypes {
		if n := c[resourceType]; n > 0 {
			list = append(list, fmt.Sprintf("%s: %d", resourceType, n))
		}
	}
	return list
}

// counter counts mentions that became nothing, by label and reason.
type counter map[[2]string]int

func (c counter) add(label, reason string) {
	if label == "" {
		label = "Allergy" // what the model has not marked
	}
	c[[2]string{label, reason}]++
}

func (c counter) report(outcome *fhir.Outcome) {
	order := slices.SortedFunc(maps.Keys(c), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, k := range order {
		outcome.Add(fhir.SeverityInformation, fhir.CodeInformational, "", fmt.Sprintf("%s: %d not written: %s", k[0], c[k], k[1]))
	}
}
