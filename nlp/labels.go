package nlp

import (
	"context"
	_ "embed" // the default labels
	"fmt"
	"strings"

	"charthand/nlp/concept"

	"github.com/goccy/go-yaml"
)

//go:embed labels.yaml
var defaultLabels []byte

// Kind is what a mention is, whatever the model's schema calls it.
type Kind uint8

// The kinds of mention. A label that labels.yaml does not name is a problem.
const (
	KindProblem Kind = iota
	KindFamily       // a problem of relatives
	KindDrug
	KindProcedure
	KindTest
	KindResult      // of a test
	KindMeasurement // a result that names its test by its label ("Height")
	KindTime
	KindDuration
	KindEvent
	KindModifier // says more about others
	kindTreatment
)

// labels gives each label, in lower case, its kind.
type labels map[string]Kind

// defaultKinds gives the labels inside the binary.
func defaultKinds() (labels, error) {
	var file struct {
		Problem     []string `yaml:"problem"`
		Family      []string `yaml:"family"`
		Drug        []string `yaml:"drug"`
		Procedure   []string `yaml:"procedure"`
		Treatment   []string `yaml:"treatment"`
		Test        []string `yaml:"test"`
		Result      []string `yaml:"result"`
		Measurement []string `yaml:"measurement"`
		Time        []string `yaml:"time"`
		Duration    []string `yaml:"duration"`
		Event       []string `yaml:"event"`
		Modifier    []string `yaml:"modifier"`
	}
	if err := yaml.UnmarshalWithOptions(defaultLabels, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("labels: %s", yaml.FormatError(err, false, false))
	}
	all := labels{}
	for kind, named := range map[Kind][]string{
		KindProblem: file.Problem, KindFamily: file.Family, KindDrug: file.Drug, KindProcedure: file.Procedure, kindTreatment: file.Treatment, KindTest: file.Test,
		KindResult: file.Result, KindMeasurement: file.Measurement, KindTime: file.Time, KindDuration: file.Duration, KindEvent: file.Event, KindModifier: file.Modifier,
	} {
		for _, label := range named {
			label = strings.ToLower(label)
			if _, twice := all[label]; twice {
				return nil, fmt.Errorf("labels: %s is named twice", label)
			}
			all[label] = kind
		}
	}
	return all, nil
}

// Kinds is the stage that says what each mention is. A treatment (i2b2 2010) is a drug or a procedure: its words, its section and
// what follows it tell. It fills Kind.
type Kinds struct {
	labels labels
	sigs   *Sigs
	drugs  *concept.Drugs
}

// newKinds makes the stage, with the labels and the names of drugs inside the binary.
func newKinds(sigs *Sigs) (*Kinds, error) {
	labels, err := defaultKinds()
	if err != nil {
		return nil, err
	}
	drugs, err := concept.DefaultDrugs()
	if err != nil {
		return nil, err
	}
	return &Kinds{labels, sigs, drugs}, nil
}

// Annotate implements Annotator.
func (k *Kinds) Annotate(_ context.Context, d *Document) error {
	treatments := false
	for i := range d.Entities {
		d.Entities[i].Kind = k.labels[strings.ToLower(d.Entities[i].Label)]
		treatments = treatments || d.Entities[i].Kind == kindTreatment
	}
	if !treatments {
		return nil
	}
	for i := range d.Entities {
		if e := &d.Entities[i]; e.Kind == kindTreatment {
			e.Kind = KindProcedure
			if k.drugs.Named(d.Words, e.Span) || inMedications(d, e.Section) || k.dosed(d, i) {
				e.Kind = KindDrug
			}
		}
	}
	return nil
}

// medications are the sections that list drugs (LOINC).
var medications = map[string]bool{"10160-0": true, "42346-7": true, "10183-2": true, "29549-3": true}

// inMedications reports whether a section lists drugs.
func inMedications(d *Document, section int) bool {
	return section >= 0 && section < len(d.Sections) && medications[d.Sections[section].Code]
}

// dosed reports whether a dose, route or frequency follows mention i.
func (k *Kinds) dosed(d *Document, i int) bool {
	s := k.sigs.read(d, i)
	if s == nil {
		return false
	}
	for _, dosage := range s.Dosage {
		if dosage.Route != nil || len(dosage.DoseAndRate) > 0 || dosage.Strength != nil || dosage.AsNeededBoolean {
			return true
		}
	}
	return false
}
