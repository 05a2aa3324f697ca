package measure_test

import (
	"encoding/json"
	"strings"
	"testing"

	"charthand/nlp/measure"
	"charthand/nlp/text"
)

// The result stands in double square brackets; what is expected is the JSON that an Observation would hold of it.
func TestValue(t *testing.T) {
	reader, err := measure.Default()
	if err != nil {
		t.Fatal(err)
	}
	quantity := func(value, unit string) string {
		return `"valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}`
	}
	flag := func(code string) string {
		return `"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"` + code + `"}]}]`
	}
	for marked, want := range map[string]string{
		"Hgb [[10.20 g/dL]] (L)":       "{" + quantity("10.20", "g/dL") + "," + flag("L") + "}",
		"K [[5.1 mmol/L (3.5-5.0)]]":   "{" + quantity("5.1", "mmol/L") + `,"referenceRange":[{"low":{"value":3.5},"high":{"value":5.0}}]}`,
		"HIV [[2.3 x 10^5 copies/mL]]": "{" + quantity("230000", "{copies}/mL") + "}",
		"WBC [[11.2 x10(3)/uL]]":       "{" + quantity("11.2", "10*3/uL") + "}",
		"TnI [[<0.01]]":                `{"valueQuantity":{"value":0.01,"comparator":"\u003c"}}`,
		"EF [[50-55%]]":                `{"valueRange":{"low":{"value":50,"unit":"%","system":"http://unitsofmeasure.org","code":"%"},"high":{"value":55,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}}`,
		"ANA [[1:160]]":                `{"valueRatio":{"numerator":{"value":1},"denominator":{"value":160}}}`,
		"Ht [[5'10\"]]":                "{" + quantity("70", "[in_i]") + "}",
		"BE [[-3]]":                    `{"valueQuantity":{"value":-3}}`,
		"Cx: [[No growth]]":            `{"valueString":"no growth"}`,
		"RPR [[Nonreactive]]":          `{"valueString":"nonreactive",` + flag("NEG") + "}",
		"mass [[3 x 2 cm]]":            `{"valueString":"3 x 2 cm"}`,
		"x [[00.0]]":                   `{"valueQuantity":{"value":0.0}}`,
	} {
		before, rest, _ := strings.Cut(marked, "[[")
		inside, after, _ := strings.Cut(rest, "]]")
		x := text.New(before + inside + after)
		words := x.Cover(text.Span{Start: len(before), End: len(before) + len(inside)})
		got, err := json.Marshal(reader.Value(x, words.From, words.To))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", marked, got, want)
		}
	}
	x := text.New("BP 120/80 (93)")
	v := reader.Value(x, 1, len(x.Tokens))
	var parts []string
	for _, c := range v.Component {
		parts = append(parts, c.Code.Coding[0].Code+"="+c.Quantity.Value.String()+c.Quantity.Code)
	}
	if got := strings.Join(parts, " "); got != "8480-6=120mm[Hg] 8462-4=80mm[Hg] 8478-0=93mm[Hg]" {
		t.Error(got)
	}
}

func TestNumberAt(t *testing.T) {
	for words, want := range map[string]string{
		"12,500": "12500", ".5": "0.5", "1 1/2": "1.5", "½": "0.5", "2½": "2.5", "one-half": "0.5", "twelve and a half": "12.5", "two hundred and fifty": "250",
		"point five": "0.5", "three-quarters": "0.75", "2.4 million": "2400000", "twenty-five": "25", "fever": "",
	} {
		x := text.New(words)
		got, next := measure.NumberAt(x, 0, len(x.Tokens))
		if got.String() != want || (want != "") != (next == len(x.Tokens)) {
			t.Errorf("%s: %q up to token %d of %d, want %q", words, got, next, len(x.Tokens), want)
		}
	}
}

func TestReadFaults(t *testing.T) {
	if _, err := measure.ReadUnits([]byte("base: { mg: [\"(a\"] }\nwhole: { x: [\"[b\"] }")); err == nil || !strings.Contains(err.Error(), "(a") || !strings.Contains(err.Error(), "[b") {
		t.Errorf("both patterns should be named: %v", err)
	}
}
