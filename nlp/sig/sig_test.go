package sig_test

import (
	"encoding/json"
	"testing"

	"charthand/nlp/sig"
	"charthand/nlp/text"
)

// The sets of fixtures/context/sig measure what is understood; this holds the form: FHIR's Dosage, a step each.
func TestRead(t *testing.T) {
	reader, err := sig.Default()
	if err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"500 mg PO BID x 7 days prn pain": `{"dosage":[{"text":"500 mg PO BID x 7 days prn pain","timing":{"repeat":{"boundsDuration":{"value":7,"unit":"d","system":"http://unitsofmeasure.org","code":"d"},"frequency":2,"period":1,"periodUnit":"d"}},` +
			`"asNeededCodeableConcept":{"text":"pain"},"route":{"coding":[{"system":"http://snomed.info/sct","code":"26643006","display":"Oral route"}]},` +
			`"doseAndRate":[{"doseQuantity":{"value":500,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]}]}`,
		"40 mg x3d then 20 mg x3d": `{"dosage":[{"sequence":1,"text":"40 mg x3d","timing":{"repeat":{"boundsDuration":{"value":3,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}}},` +
			`"doseAndRate":[{"doseQuantity":{"value":40,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]},` +
			`{"sequence":2,"text":"20 mg x3d","timing":{"repeat":{"boundsDuration":{"value":3,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}}},` +
			`"doseAndRate":[{"doseQuantity":{"value":20,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]}]}`,
		"5 units SC qAC and HS": `{"dosage":[{"text":"5 units SC qAC and HS","timing":{"repeat":{"when":["AC","HS"]}},"route":{"coding":[{"system":"http://snomed.info/sct","code":"34206005","display":"Subcutaneous route"}]},` +
			`"doseAndRate":[{"doseQuantity":{"value":5,"unit":"[iU]","system":"http://unitsofmeasure.org","code":"[iU]"}}]}]}`,
		"as directed": "null",
	} {
		x := text.New(words)
		got, err := json.Marshal(reader.Read(x, 0, len(x.Tokens)))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", words, got, want)
		}
	}
}
