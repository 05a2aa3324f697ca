package match

import (
	_ "embed" // the calibration
	"fmt"
	"math"

	"charthand/terminology/index"

	"github.com/goccy/go-yaml"
)

//go:embed calibration.yaml
var defaultCalibration []byte

// Calibration turns what is known of a match into how probable it is that it is right: a logistic regression over Vector (go run
// ./terminology/train).
type Calibration struct {
	Weights []float64 `yaml:"weights"`
	// Plain is how probable it is that a mention means the one concept that is called so in so many words.
	Plain float64 `yaml:"plain"`
	// Threshold is the probability from which on a coding is written.
	Threshold float64 `yaml:"threshold"`
}

// DefaultCalibration gives the calibration inside the binary.
func DefaultCalibration() (*Calibration, error) {
	c := &Calibration{}
	if err := yaml.UnmarshalWithOptions(defaultCalibration, c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("calibration: %s", yaml.FormatError(err, false, false))
	}
	if want := len((Candidate{}).Vector()); len(c.Weights) != want {
		return nil, fmt.Errorf("calibration: %d weights, expected %d", len(c.Weights), want)
	}
	return c, nil
}

// Vector is what the calibration looks at.
func (c Candidate) Vector() []float64 {
	f := c.Features
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return []float64{
		1, is(f.Plain), is(f.Exact), c.Score, c.Score * c.Score, is(f.Corrected), is(f.Otherwise == 1), is(f.Otherwise == 2),
		is(f.Type == index.Inclusion), is(f.Type == index.Related), math.Log(float64(max(1, f.Words))), math.Min(f.Gap, 0.3), is(f.Ties > 0), f.Rarest,
		is(f.Classes), is(f.Classes && f.Otherwise > 0), is(f.Classes && f.Exact),
	}
}

// Probability gives how probable it is that a match is right, 0 to 1.
func (c *Calibration) Probability(m Candidate) float64 {
	sum := 0.0
	for i, x := range m.Vector() {
		sum += c.Weights[i] * x
	}
	p := 1 / (1 + math.Exp(-sum))
	if m.IsPlain() {
		p = max(p, c.Plain)
	}
	if m.Features.Opposed || m.Features.Covered < minCovered {
		p = min(p, mostDoubtful)
	}
	return math.Round(1e4*p) / 1e4
}

// mostDoubtful is how probable a match can be at the most where one says what the other denies, or where the concept has less than minCovered of what
// was said, by weight: what it lacks may change what is meant.
const (
	mostDoubtful = 0.5
	minCovered   = 0.7
)

// minPlain is how long a mention has to be to mean a concept by its name alone, in bytes: shorter ones are mostly abbreviations.
const minPlain = 5

// IsPlain reports whether a concept alone is called what the mention says, in so many words.
func (c Candidate) IsPlain() bool {
	f := c.Features
	return f.Plain && f.Ties == 0 && f.Otherwise == 0 && f.Type <= index.Synonym && f.Letters >= minPlain
}
