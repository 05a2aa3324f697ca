package terminology_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"charthand/nlp"
	"charthand/terminology"

	"github.com/google/go-cmp/cmp"
)

// chosen gives what would be written of a mention: "system code", with a star for what was mapped.
func chosen(t testing.TB, local *terminology.Local, m nlp.Mention) []string {
	t.Helper()
	var list []string
	for _, c := range code(t, local, m) {
		if c.Chosen {
			mapped := ""
			if c.Mapped {
				mapped = "*"
			}
			list = append(list, terminology.Short(c.System)+" "+c.Code+mapped)
		}
	}
	return list
}

// small opens some of the invented releases.
func small(t testing.TB, config terminology.Config, names ...string) *terminology.Local {
	t.Helper()
	store, _ := newStore(t)
	all := imports(t)
	for _, name := range names {
		add(t, store, all[name])
	}
	local, err := store.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	return local
}

// everything has a low threshold: what is measured elsewhere is not tested here.
var everything = terminology.Config{Threshold: 0.5, Maps: []string{"http://hl7.org/fhir/sid/icd-10-cm"}}

func TestCodes(t *testing.T) {
	all := []string{"snomed", "icd10cm", "rxnorm", "loinc", "icd10pcs", "doid"}
	for name, test := range map[string]struct {
		systems []string
		mention nlp.Mention
		want    []string
	}{
		"in so many words, with its map":         {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"Gonitis"}}, []string{"snomed 101", "icd10cm M11.1*"}},
		"a name without its tag":                 {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"inflammation of knee"}}, []string{"snomed 101", "icd10cm M11.1*"}},
		"another order and number":               {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"knees, inflammation"}}, []string{"snomed 101", "icd10cm M11.1*"}},
		"a map that depends on the patient":      {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonitis in pregnancy"}}, []string{"snomed 106"}},
		"a map to two codes together":            {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonitis of left knee"}}, []string{"snomed 105"}},
		"an inactive concept":                    {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gone disorder"}}, nil},
		"a withdrawn name":                       {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"withdrawn name"}}, nil},
		"a name of another language":             {[]string{"snomed"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"old texts"}}, nil},
		"a drug is no problem":                   {all, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"Fenestrin"}}, nil},
		"a drug":                                 {all, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"Fenestrin"}}, []string{"rxnorm 1", "snomed 102"}},
		"a problem is no drug":                   {all, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"gonitis"}}, nil},
		"a header leads to what is unspecified":  {[]string{"icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"simple gonitis"}}, []string{"icd10cm M11.10"}},
		"a side in the mention":                  {[]string{"icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"simple gonitis of left knee"}}, []string{"icd10cm M11.12"}},
		"a side elsewhere in the note":           {[]string{"icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"simple gonitis"}, Modifiers: []string{"right"}}, []string{"icd10cm M11.11"}},
		"the inclusion term of a header":         {[]string{"icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"plain knee inflammation"}}, []string{"icd10cm M11.10"}},
		"the alphabetic index":                   {[]string{"icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"water in knee"}}, []string{"icd10cm M11.9"}},
		"a synonym, with a cross-reference":      {[]string{"doid"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{`inflammation of "the" knee`}}, []string{"doid DOID:2", "icd10cm M11.9*"}},
		"cross-references into what is there":    {[]string{"doid", "snomed", "icd10cm"}, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonitis with effusion"}}, []string{"icd10cm M11.9"}},
		"a salt":                                 {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin sulfate"}}, []string{"rxnorm 2"}},
		"a brand":                                {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"Windowa"}}, []string{"rxnorm 3"}},
		"a strength":                             {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin 40 mg po daily"}}, []string{"rxnorm 4"}},
		"a strength elsewhere":                   {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin"}, Modifiers: []string{"40mg"}}, []string{"rxnorm 4"}},
		"a strength and a form":                  {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin 20 mg tabs bid"}}, []string{"rxnorm 7"}},
		"a brand with strength and form":         {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"Windowa 40 mg tablet"}}, []string{"rxnorm 6"}},
		"a strength that there is not":           {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin 33 mg tablet"}}, []string{"rxnorm 1"}},
		"a combination":                          {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"fenestrin-clavitan 40/5"}}, []string{"rxnorm 9"}},
		"a suppressed drug":                      {[]string{"rxnorm"}, nlp.Mention{Kind: nlp.KindDrug, Names: []string{"oldenin"}}, nil},
		"a test that is of several specimens":    {[]string{"loinc"}, nlp.Mention{Kind: nlp.KindTest, Names: []string{"fenestrin"}}, nil},
		"a test in a specimen":                   {[]string{"loinc"}, nlp.Mention{Kind: nlp.KindTest, Names: []string{"fenestrin in urine"}}, []string{"loinc 2-6"}},
		"the beginning of a code is not written": {[]string{"icd10pcs"}, nlp.Mention{Kind: nlp.KindProcedure, Names: []string{"gonoscopy right"}}, nil},
		"a procedure of the tables":              {[]string{"icd10pcs"}, nlp.Mention{Kind: nlp.KindProcedure, Names: []string{"inspection of left knee, endoscopic"}}, []string{"icd10pcs 0SJD4ZZ"}},
		"a procedure of SNOMED CT":               {all, nlp.Mention{Kind: nlp.KindProcedure, Names: []string{"knee endoscopy"}}, []string{"snomed 103"}},
		"what has nothing in common":             {all, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"zzz"}}, nil},
		"nothing but signs":                      {all, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"--- ( ) ''"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			local := small(t, everything, test.systems...)
			if diff := cmp.Diff(test.want, chosen(t, local, test.mention)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%+v", diff, code(t, local, test.mention))
			}
		})
	}
}

// TestAmbiguityIsKept: what may be two things is shown as both, and written as neither.
func TestAmbiguityIsKept(t *testing.T) {
	local := small(t, everything, "loinc")
	list := code(t, local, nlp.Mention{Kind: nlp.KindTest, Names: []string{"fenestrin"}})
	if len(list) != 2 || list[0].Chosen || list[1].Chosen {
		t.Errorf("got %+v", list)
	}
}

func TestThreshold(t *testing.T) {
	m := nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonitis of the knee"}}
	sure, strict := small(t, everything, "snomed"), small(t, terminology.Config{Threshold: 0.999}, "snomed")
	if list := chosen(t, strict, m); list != nil {
		t.Errorf("written above 0.999: %v", list)
	}
	list := code(t, sure, m)
	if len(list) == 0 || list[0].Score <= 0 || list[0].Score >= 1 {
		t.Errorf("got %+v", list)
	}
}

// TestMisspelling: what is an edit away is found, though it need not be sure enough to be written.
func TestMisspelling(t *testing.T) {
	local := small(t, everything, "snomed")
	if list := code(t, local, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonittis"}}); len(list) == 0 || list[0].Code != "101" {
		t.Errorf("got %+v", list)
	}
}

// TestMapsIntoWhatIsThere: a map into a system that is imported is written without being named, if the system has the code.
func TestMapsIntoWhatIsThere(t *testing.T) {
	local := small(t, terminology.Config{Threshold: 0.9}, "doid", "icd10cm")
	want := []string{"doid DOID:2", "icd10cm M11.9*"}
	if diff := cmp.Diff(want, chosen(t, local, nlp.Mention{Kind: nlp.KindProblem, Names: []string{`inflammation of "the" knee`}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMaps: cross-maps lead where a site wants them to.
func TestMaps(t *testing.T) {
	m := nlp.Mention{Kind: nlp.KindProblem, Names: []string{"gonitis"}}
	mesh := "http://terminology.hl7.org/CodeSystem/MSH"
	for name, test := range map[string]struct {
		maps []string
		want []string
	}{
		"by default":    {nil, []string{"doid DOID:2"}},
		"one":           {[]string{"http://hl7.org/fhir/sid/icd-10-cm"}, []string{"doid DOID:2", "icd10cm M11.9*"}},
		"another":       {[]string{mesh}, []string{"doid DOID:2", "terminology-hl7-org-codesystem-msh D000001*"}},
		"SNOMED CT too": {[]string{"http://snomed.info/sct"}, []string{"doid DOID:2", "snomed 101*"}},
	} {
		t.Run(name, func(t *testing.T) {
			local := small(t, terminology.Config{Threshold: 0.3, Maps: test.maps}, "doid")
			if diff := cmp.Diff(test.want, chosen(t, local, m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	local := small(t, everything, "snomed", "icd10cm", "rxnorm", "doid")
	mentions := []nlp.Mention{
		{Kind: nlp.KindProblem, Names: []string{"gonitis"}}, {Kind: nlp.KindDrug, Names: []string{"fenestrin 40 mg"}}, {Kind: nlp.KindProblem, Names: []string{"left simple gonittis"}},
	}
	want, err := local.Code(context.Background(), mentions)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				got, err := local.Code(context.Background(), mentions)
				if err != nil || !cmp.Equal(want, got) {
					t.Errorf("another answer: %v %v", got, err)
					return
				}
			}
		})
	}
	group.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := local.Code(ctx, mentions); err == nil {
		t.Error("a cancelled lookup goes on")
	}
}

// TestLongTexts: nothing that a note can hold as a mention takes long, or memory without bound.
func TestLongTexts(t *testing.T) {
	local := small(t, everything, "snomed", "icd10cm", "rxnorm", "loinc", "doid")
	for _, kind := range []nlp.Kind{nlp.KindProblem, nlp.KindDrug, nlp.KindTest} {
		for _, text := range []string{strings.Repeat("gonitis knee ", 5000), strings.Repeat("x", 100_000), strings.Repeat("(", 50_000), strings.Repeat("fenestrin/", 3000), strings.Repeat("without ", 5000), strings.Repeat("5mg", 9000)} {
			code(t, local, nlp.Mention{Kind: kind, Names: []string{text, text}})
		}
	}
}

func ExampleShort() {
	fmt.Println(terminology.Short("http://snomed.info/sct"), terminology.Short("urn:own"))
	// Output: snomed urn-own
}
