package cds_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"charthand/cds"

	"github.com/google/go-cmp/cmp"
)

// TestCard: a whole card, as a client gets it.
func TestCard(t *testing.T) {
	resources := append(facts(t, "a", "2026-01-01T00:00:00Z", "Has gout. Possible asthma."), facts(t, "b", "2026-02-03T00:00:00Z", "Has gout.")...)
	cards := newFinder(t).Cards(t.Context(), call(t), resources, nil)
	encoded, err := json.MarshalIndent(cards, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `[
 {
  "uuid": "51ca9e14-37fe-50d4-b983-302205373d9c",
  "summary": "2 problems in notes, not on the problem list: gout, asthma",
  "detail": "- **gout**, in 2 notes, last on 2026-02-03\n- **asthma** (uncertain), in 1 note, last on 2026-01-01\n\nFound by software, and reviewed by nobody yet.\n",
  "indicator": "info",
  "source": {
   "label": "charthand",
   "url": "https://charthand.example"
  },
  "overrideReasons": [
   {
    "system": "urn:charthand:cds:override-reason",
    "code": "listed",
    "display": "It is on the list under another name"
   },
   {
    "system": "urn:charthand:cds:override-reason",
    "code": "misread",
    "display": "The notes do not say this"
   },
   {
    "system": "urn:charthand:cds:override-reason",
    "code": "over",
    "display": "It is not so any more"
   },
   {
    "system": "urn:charthand:cds:override-reason",
    "code": "minor",
    "display": "It does not belong on the list"
   }
  ],
  "links": [
   {
    "label": "Review in charthand",
    "url": "https://charthand.example/app/launch",
    "type": "smart",
    "appContext": "{\"documents\":[\"DocumentReference/b\",\"DocumentReference/a\"],\"facts\":[\"Condition/b-1\",\"Condition/a-1\",\"Condition/a-2\"]}"
   }
  ]
 }
]`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(encoded), "\n")); diff != "" {
		t.Error(diff)
	}
	again := newFinder(t).Cards(t.Context(), call(t), resources, nil)
	if again[0].UUID != cards[0].UUID {
		t.Error("the same call has another card")
	}
}

// TestMany: a card stays small.
func TestMany(t *testing.T) {
	base := facts(t, "a", "2026-01-01T00:00:00Z", "Has gout.")[1]
	var resources []json.RawMessage
	for i := range 20 {
		resources = append(resources, renamed(t, base, fmt.Sprint("f", i), fmt.Sprintf("disease of the %c kind", 'B'+i)))
	}
	card := newFinder(t).Cards(t.Context(), call(t), resources, nil)[0]
	if n := utf8.RuneCountInString(card.Summary); n >= 140 || !strings.HasPrefix(card.Summary, "20 problems") || !strings.HasSuffix(card.Summary, "…") {
		t.Errorf("%d characters: %s", n, card.Summary)
	}
	if strings.Count(card.Detail, "disease of the") != 10 || !strings.Contains(card.Detail, "\n- and 10 more\n") {
		t.Error(card.Detail)
	}
	var context struct{ Facts []string }
	if err := json.Unmarshal([]byte(card.Links[0].AppContext), &context); err != nil || len(context.Facts) != 10 {
		t.Errorf("%v: %s", err, card.Links[0].AppContext)
	}
}

// TestHostile: no name becomes more than words, in Markdown or as HTML.
func TestHostile(t *testing.T) {
	base := facts(t, "a", "2026-01-01T00:00:00Z", "Has gout.")[1]
	escaped := regexp.MustCompile(`\\[!-/:-@\[-\x60{-~]`)
	words := regexp.MustCompile(`^- \*\*(?:[\pL\pN ()]|&amp;|&lt;|&gt;)*\*\*, in 1 note, last on 2026-01-01\n\n`)
	summary := regexp.MustCompile(`^1 problem in notes, not on the problem list: [\pL\pN .,()/%+'-]*$`)
	for name, want := range map[string]string{
		"[x](javascript:alert(1))":               `\[x\]\(javascript\:alert\(1\)\)`,
		"<img src=x onerror=alert(1)>":           `&lt;img src\=x onerror\=alert\(1\)&gt;`,
		"a\n# heading\n- list":                   `a \# heading \- list`,
		"https://evil.example, www.evil.example": `https\:\/\/evil\.example\, www\.evil\.example`,
		"x@evil.example":                         `x(at)evil\.example`,
		"`code` *b* _i_ ~s~ | t | \\":            "\\`code\\` \\*b\\* \\_i\\_ \\~s\\~ \\| t \\| \\\\",
		"&lt;script&gt;":                         `&amp;lt\;script&amp;gt\;`,
		"ab\u202edc\u0007\u200be":                `abdce`,
	} {
		card := newFinder(t).Cards(t.Context(), call(t), []json.RawMessage{renamed(t, base, "f", name)}, nil)[0]
		if !strings.Contains(card.Detail, "**"+want+"**") || !words.MatchString(escaped.ReplaceAllString(card.Detail, "")) || !summary.MatchString(card.Summary) {
			t.Errorf("%q became %q and %q", name, card.Summary, card.Detail)
		}
	}
}

// TestReviewed: what a person has decided is not shown again, however they have said so.
func TestReviewed(t *testing.T) {
	const provenance = `{"resourceType":"Provenance","id":"p","target":[{"reference":"%s"}],"recorded":"2026-03-01T00:00:00Z","agent":[{"type":{"coding":[{"code":"verifier"}]},"who":{"reference":"Practitioner/1"}}]}`
	later := facts(t, "b", "2026-02-01T00:00:00Z", "Has gout. Takes warfarin daily.")
	for name, test := range map[string]struct {
		fact   string // which is changed
		change string
		review bool // by a Provenance alone
		want   string
	}{
		"nothing":                {"Condition", `{}`, false, "1 problem in notes, not on the problem list: gout; 1 medication in notes, not on the medication list: warfarin"},
		"a problem confirmed":    {"Condition", `{"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]}}`, false, "1 medication in notes, not on the medication list: warfarin"},
		"a problem refuted":      {"Condition", `{"clinicalStatus":null,"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"refuted"}]}}`, false, "1 medication in notes, not on the medication list: warfarin"},
		"a problem in error":     {"Condition", `{"clinicalStatus":null,"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"entered-in-error"}]}}`, false, "1 problem in notes, not on the problem list: gout; 1 medication in notes, not on the medication list: warfarin"},
		"a problem renamed":      {"Condition", `{"code":{"text":"gouty arthritis"}}`, false, "1 problem in notes, not on the problem list: gout; 1 medication in notes, not on the medication list: warfarin"},
		"a medication confirmed": {"MedicationStatement", `{}`, true, "1 problem in notes, not on the problem list: gout"},
	} {
		t.Run(name, func(t *testing.T) {
			resources := append([]json.RawMessage{}, later...)
			var server fake
			for _, raw := range facts(t, "a", "2026-01-01T00:00:00Z", "Has gout. Takes warfarin daily.") {
				var head struct{ ResourceType, ID string }
				_ = json.Unmarshal(raw, &head)
				if head.ResourceType == test.fact {
					raw = with(t, raw, test.change)
					if test.review {
						server = fake{"Provenance?": {json.RawMessage(fmt.Sprintf(provenance, head.ResourceType+"/"+head.ID))}}
					}
				}
				resources = append(resources, raw)
			}
			var got []string
			var asked cds.Server
			if server != nil {
				asked = server
			}
			for _, card := range newFinder(t).Cards(t.Context(), call(t), resources, asked) {
				got = append(got, card.Summary)
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestCodes: codes of one system decide of problems, and names where there are none.
func TestCodes(t *testing.T) {
	base := facts(t, "a", "2026-01-01T00:00:00Z", "Has gout.")[1]
	const icd, snomed = `{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}`, `{"system":"http://snomed.info/sct","code":%q}`
	code := func(text string, codings ...string) string {
		return fmt.Sprintf(`{"coding":[%s],"text":%q}`, strings.Join(codings, ","), text)
	}
	for name, test := range map[string]struct {
		found, listed string
		lacks         bool
	}{
		"the same code":          {code("podagra", fmt.Sprintf(icd, "M10.9")), code("Gout, unspecified", fmt.Sprintf(icd, "M10.9")), false},
		"another of its codes":   {code("podagra", fmt.Sprintf(icd, "M10.9"), fmt.Sprintf(snomed, "90560007")), code("Gout", fmt.Sprintf(snomed, "90560007")), false},
		"another code":           {code("gout", fmt.Sprintf(icd, "M10.9")), code("gout", fmt.Sprintf(icd, "M1A.9")), true},
		"codes of other systems": {code("gout", fmt.Sprintf(icd, "M10.9")), code("Gout", fmt.Sprintf(snomed, "90560007")), false},
		"no code on the list":    {code("gout", fmt.Sprintf(icd, "M10.9")), code("Gout"), false},
		"other words":            {code("gout"), code("podagra"), true},
	} {
		resources := []json.RawMessage{
			recoded(t, base, "f", test.found),
			json.RawMessage(`{"resourceType":"Condition","id":"l","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"code":"active"}]},"code":` + test.listed + `}`),
		}
		if lacks := len(newFinder(t).Cards(t.Context(), call(t), resources, nil)) > 0; lacks != test.lacks {
			t.Errorf("%s: lacks %v", name, lacks)
		}
	}
}
