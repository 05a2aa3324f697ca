package terminology_test

import (
	"context"
	"strings"
	"testing"

	"charthand/nlp"
	"charthand/terminology"
	"charthand/terminology/source"
)

// TestWrongCodesAreNotWritten: what a mention denies, does not say or says otherwise is not written of it, in ICD-10-CM as it is published.
func TestWrongCodesAreNotWritten(t *testing.T) {
	local := opened(t, diagnoses(data(t)))
	d := describer(t)
	for phrase, wrong := range map[string]string{
		"COPD w/o exacerbation":                       "J44.1",
		"mild persistent asthma without exacerbation": "J45.31",
		"T1DM without ketoacidosis":                   "E10.10",
		"DM2 w/o neuropathy":                          "E11.4",
		"HIV without AIDS":                            "B20",
		"hypertensive heart disease without failure":  "I11.0",
		"laceration of hand without foreign body":     "S61.411",
		"migraine":                      "G43.001",
		"migraine without aura":         "G43.001",
		"chronic migraine without aura": "G43.701",
		"juvenile myoclonic epilepsy":   "G40.B01",
		"epilepsy":                      "G40.901",
		"pregnancy":                     "Z33.2",
		"pregnant":                      "Z33.2",
		"hepatitis A":                   "K75.9",
		"CKD stage 3":                   "N18.31",
		"hyprtension":                   "I95",
		"hyprkalemia":                   "E87.",
		"otitis media":                  "H66.93",
		"hearing loss":                  "H91.93",
		"no pneumonia":                  "J18.9",
	} {
		m, err := d.Phrase(context.Background(), phrase, "Disease_disorder")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range code(t, local, m) {
			if c.Chosen && strings.HasPrefix(c.Code, wrong) {
				t.Errorf("%s: %s %s is written (%.2f)", phrase, c.Code, c.Display, c.Score)
			}
		}
	}
	for phrase, right := range map[string]string{
		"migraine without aura": "G43.009", "CKD stage 3": "N18.30", "otitis media": "H66.90", "acute–on–chronic systolic heart failure": "I50.23", "hearing loss": "H91.90",
	} {
		m, err := d.Phrase(context.Background(), phrase, "Disease_disorder")
		if err != nil {
			t.Fatal(err)
		}
		if list := code(t, local, m); len(list) == 0 || list[0].Code != right {
			t.Errorf("%s: %+v, want %s", phrase, list, right)
		}
	}
	left := code(t, local, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"laceration of hand without foreign body"}, Modifiers: []string{"left"}})
	if left[0].Code != "S61.412A" {
		t.Errorf("a side said elsewhere: %+v", left)
	}
}

// salted is an RxNorm with what is easily taken for one another.
var salted = map[string]string{
	"RXNCONSO.RRF": rrf(18, drug("1", "IN", "fenestrin"), drug("2", "PIN", "fenestrin tartrate"), drug("3", "PIN", "fenestrin succinate"), drug("4", "SCDC", "fenestrin tartrate 25 MG"),
		drug("5", "SCDC", "fenestrin succinate 25 MG"), drug("6", "IN", "clavitan"), drug("7", "SCDC", "clavitan 2 MG/ML"), drug("8", "IN", "doloxin"), drug("9", "SCDC", "doloxin 1 MG"),
		drug("10", "SCDC", "doloxin 5000 UNT")),
}

// TestWrongDrugsAreNotWritten: neither a salt, nor a concentration, nor a dose by weight that nobody has said; and no half of a combination.
func TestWrongDrugsAreNotWritten(t *testing.T) {
	store, _ := newStore(t)
	add(t, store, terminology.Import{Kind: "rxnorm", Paths: []string{release(t, salted)}})
	local, err := store.Open(everything)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	for line, want := range map[string]string{
		"fenestrin 25 mg": "1", "fenestrin tartrate 25 mg": "4", "clavitan 2 mg IV": "6", "doloxin 1 mg/kg": "8", "doloxin 1 mg": "9", "doloxin 5,000 units": "10",
		"fenestrin-unknownine 25/5": "", "fenestrin/clavitan": "", "fenestrin-yfgn": "1",
	} {
		got := ""
		for _, c := range code(t, local, nlp.Mention{Kind: nlp.KindDrug, Names: []string{line}}) {
			if c.Chosen {
				got += c.Code
			}
		}
		if got != want {
			t.Errorf("%s: %q is written, want %q", line, got, want)
		}
	}
}

// TestReleasesThatLookAlike: what a second import must not do silently.
func TestReleasesThatLookAlike(t *testing.T) {
	ctx := context.Background()
	store, _ := newStore(t)
	first := imports(t)["icd10cm"]
	add(t, store, first)
	add(t, store, first) // the same again is no harm
	fewer := with(diagnosisFiles, "order", func(s string) string { return strings.Join(strings.SplitAfter(s, "\n")[:3], "") })
	if _, err := store.Add(ctx, terminology.Import{Kind: "icd10cm", Paths: []string{release(t, fewer)}}); err == nil || !strings.Contains(err.Error(), "made of other files: it stays as it is") {
		t.Errorf("other files of the same version: %v", err)
	}
	if _, err := store.Add(ctx, terminology.Import{Kind: "tsv", Paths: []string{release(t, tableFiles)}, System: "https://a/b"}); err != nil {
		t.Error(err)
	}
	if _, err := store.Add(ctx, terminology.Import{Kind: "tsv", Paths: []string{release(t, tableFiles)}, System: "http://a/b"}); err == nil || !strings.Contains(err.Error(), "has the name a-b already") {
		t.Errorf("another system of the same short name: %v", err)
	}
	// CMS ships addenda beside the order file; NLM the prescribable drugs inside all drugs.
	extra := with(diagnosisFiles, "order", func(s string) string { return s })
	extra["icd10cm_order_addenda_2030.txt"] = "Add: something else\n"
	store, _ = newStore(t)
	add(t, store, terminology.Import{Kind: "icd10cm", Paths: []string{zipped(t, extra)}})
	both := map[string]string{"prescribe/rrf/RXNCONSO.RRF": drugFiles["rrf/RXNCONSO.RRF"]}
	for name, content := range drugFiles {
		both[name] = content
	}
	if meta := add(t, store, terminology.Import{Kind: "rxnorm", Paths: []string{zipped(t, both)}}); meta.Names != 11 {
		t.Errorf("%d names: they were read twice", meta.Names)
	}
	if meta := add(t, store, terminology.Import{Kind: "tsv", System: "urn:two", Paths: []string{zipped(t, map[string]string{"t.tsv": "term\tcode\na one\tA\n"}), zipped(t, map[string]string{"t.tsv": "term\tcode\nb two\tB\n"})}}); meta.Concepts != 2 {
		t.Errorf("%d concepts of two archives with files of one name", meta.Concepts)
	}
	if _, err := store.Add(ctx, terminology.Import{Kind: "snomed", Paths: []string{zipped(t, snomedFiles)}, Options: source.Options{Language: "999"}}); err == nil || !strings.Contains(err.Error(), "the release has the language reference sets 900000000000509007") {
		t.Errorf("a language that there is not: %v", err)
	}
	unknown := with(ontologyFiles, "small", func(s string) string { return strings.Replace(s, "ontology: doid", "ontology: mine", 1) })
	if _, err := store.Add(ctx, terminology.Import{Kind: "obo", Paths: []string{release(t, unknown)}, System: "urn:mine"}); err == nil || !strings.Contains(err.Error(), "say it (--of problem") {
		t.Errorf("an ontology of nobody knows what: %v", err)
	}
	alone := map[string]string{"icd10cm_tabular_2030.xml": `<x><version>2030</version><diag><name>S52</name><desc>Fracture of it</desc><sevenChrDef><extension char="A">initial</extension></sevenChrDef>
		<diag><name>S52.1</name><desc>Fracture of its upper end</desc></diag></diag></x>`}
	store, _ = newStore(t)
	add(t, store, terminology.Import{Kind: "icd10cm", Paths: []string{release(t, alone)}})
	local, err := store.Open(everything)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if got := chosen(t, local, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"fracture of its upper end"}}); got != nil {
		t.Errorf("a code without its seventh character is written: %v", got)
	}
}
