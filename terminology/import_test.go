package terminology_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charthand/terminology"
	"charthand/terminology/index"

	"github.com/google/go-cmp/cmp"
)

// add imports a release, and fails the test where that fails.
func add(t testing.TB, store *terminology.Store, in terminology.Import) *index.Meta {
	t.Helper()
	meta, err := store.Add(context.Background(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Kind, err)
	}
	return meta
}

func newStore(t testing.TB) (store *terminology.Store, folder string) {
	t.Helper()
	folder = t.TempDir()
	store, err := terminology.NewStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	return store, folder
}

// said is what a release says of itself, once it is imported.
type said struct {
	System, Version, Title string
	Concepts, Names        int
	Nameless               int
}

func TestImport(t *testing.T) {
	want := map[string]said{
		"snomed":   {"http://snomed.info/sct", "20300101", "SNOMED CT", 6, 12, 1},
		"icd10cm":  {"http://hl7.org/fhir/sid/icd-10-cm", "2030", "ICD-10-CM", 6, 11, 1},
		"rxnorm":   {"http://www.nlm.nih.gov/research/umls/rxnorm", "01012030", "RxNorm", 10, 11, 0},
		"loinc":    {"http://loinc.org", "2.76", "LOINC", 2, 10, 0},
		"icd10pcs": {"http://www.cms.gov/Medicare/Coding/ICD10", "2030", "ICD-10-PCS", 5, 6, 0},
		"doid":     {"http://purl.obolibrary.org/obo/doid.owl", "2030-01-01", "Disease Ontology", 2, 4, 0},
		"own":      {"urn:own", "1", "a table of names and codes", 2, 2, 0},
	}
	store, _ := newStore(t)
	for name, in := range imports(t) {
		meta := add(t, store, in)
		got := said{meta.System, meta.Version, meta.Title, meta.Concepts, meta.Names, meta.Nameless}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(meta.Sources) == 0 || len(meta.Sources[0].SHA256) != 64 {
			t.Errorf("%s: its sources are not told: %+v", name, meta.Sources)
		}
	}
	list, faults, err := store.List()
	if err != nil || len(faults) > 0 || len(list) != len(want) {
		t.Errorf("listed %d, faults %v, %v", len(list), faults, err)
	}
	if err := store.Remove("snomed"); err != nil {
		t.Error(err)
	}
	if err := store.Remove("urn:own"); err != nil {
		t.Error(err)
	}
	if err := store.Remove("snomed"); err == nil {
		t.Error("what is not there was removed")
	}
	if list, _, _ := store.List(); len(list) != len(want)-2 {
		t.Errorf("%d are left", len(list))
	}
}

// without gives files with one changed.
func with(files map[string]string, name string, change func(string) string) map[string]string {
	changed := maps.Clone(files)
	for at := range files {
		if strings.Contains(at, name) {
			changed[at] = change(files[at])
		}
	}
	return changed
}

func TestBadReleases(t *testing.T) {
	cut := func(s string) string { return s[:len(s)-9] }
	column := func(s string) string { return strings.Replace(s, "\t1\t1\t", "\t1\t", 1) }
	squeezed := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.String()[:b.Len()-12]
	}
	renamed := func(files map[string]string, from, to string) map[string]string {
		changed := map[string]string{}
		for name, content := range files {
			changed[strings.ReplaceAll(name, from, to)] = content
		}
		return changed
	}
	for name, test := range map[string]struct {
		kind  string
		files map[string]string
		want  string
	}{
		"a cut off description file": {"snomed", with(snomedFiles, "Description", cut), "sct2_Description_Snapshot-en_XX_20300101.txt:16: the file ends in the middle of a line"},
		"a column less":              {"snomed", with(snomedFiles, "Concept", column), "sct2_Concept_Snapshot_XX_20300101.txt:2: expected 5 columns, found 4"},
		"other columns":              {"snomed", with(snomedFiles, "Concept", func(s string) string { return strings.Replace(s, "active", "alive", 1) }), `:1: column 3 is called "alive", expected "active"`},
		"a delta":                    {"snomed", renamed(snomedFiles, "Snapshot", "Delta"), "a delta has only what has changed: import the snapshot"},
		"a full release":             {"snomed", renamed(snomedFiles, "Snapshot", "Full"), "a full release has every version: import the snapshot"},
		"a delta that is called a snapshot": {"snomed", with(snomedFiles, "Concept", func(s string) string {
			return strings.Join(strings.SplitAfter(s, "\n")[:2], "")
		}), "it is not whole (a delta is no snapshot)"},
		"no descriptions":         {"snomed", map[string]string{"sct2_Concept_Snapshot_XX_20300101.txt": snomedFiles["Snapshot/Terminology/sct2_Concept_Snapshot_XX_20300101.txt"]}, "no descriptions was found for snomed"},
		"a cut off order file":    {"icd10cm", with(diagnosisFiles, "order", func(s string) string { return s[:len(s)-30] }), "icd10cm_order_2030.txt:6: the file ends in the middle of a line"},
		"a line of it missing":    {"icd10cm", with(diagnosisFiles, "order", func(s string) string { return strings.Replace(s, "00003", "00004", 1) }), "icd10cm_order_2030.txt:3: expected number 3, found 4"},
		"cut off XML":             {"icd10cm", with(diagnosisFiles, "tabular", cut), "icd10cm_tabular_2030.xml:"},
		"two editions":            {"icd10cm", with(diagnosisFiles, "tabular", func(s string) string { return strings.Replace(s, "2030", "2031", 1) }), "the files are of two versions, 2030 and 2031"},
		"XML of something else":   {"icd10cm", map[string]string{"icd10cm_tabular_2030.xml": "<html></html>"}, "no diag element"},
		"a cut off RRF":           {"rxnorm", with(drugFiles, "CONSO", func(s string) string { return s[:len(s)-3] + "\n" }), "RXNCONSO.RRF:12: a line that does not end in |"},
		"an RRF of other columns": {"rxnorm", with(drugFiles, "CONSO", func(s string) string { return strings.Replace(s, "|", "||", 1) }), "RXNCONSO.RRF:1: expected 18 columns, found 19"},
		"a cut off LOINC":         {"loinc", with(testFiles, "Loinc", func(s string) string { return s[:strings.Index(s, "2-6")+2] }), "Loinc.csv:"},
		"a short row of LOINC":    {"loinc", with(testFiles, "Loinc", func(s string) string { return strings.Replace(s, `"2-6",`, "", 1) }), "Loinc.csv:3: the number of columns is not that of the first line"},
		"another CSV":             {"loinc", map[string]string{"Loinc.csv": "a,b\n1,2\n"}, "Loinc.csv:1: no column is called LOINC_NUM"},
		"a table that is broken":  {"icd10pcs", with(procedureFiles, "tables", func(s string) string { return strings.Replace(s, `<axis pos="7">`, `<x pos="7">`, 1) }), "icd10pcs_tables_2030.xml:"},
		"a cut off ontology":      {"obo", with(ontologyFiles, "small", func(s string) string { return s[:strings.Index(s, "is_a")+3] }), "small.obo:"},
		"no ontology":             {"obo", map[string]string{"small.obo": "format-version: 1.2\n"}, "no [Term] was found"},
		"a cut off gzip":          {"obo", map[string]string{"small.obo.gz": squeezed(ontologyFiles["small.obo"])}, "the file ends too soon"},
		"a TSV of other columns":  {"tsv", map[string]string{"own.tsv": "name\tcode\nx\ty\n"}, `own.tsv:1: no column is called "term"; there are name, code`},
		"a TSV with a tab more":   {"tsv", map[string]string{"own.tsv": "term\tcode\nx\ty\tz\n"}, "own.tsv:2: expected 2 columns, found 3"},
		"an empty file":           {"tsv", map[string]string{"own.tsv": ""}, "own.tsv:1: the file is empty"},
		"nothing of the kind":     {"rxnorm", map[string]string{"readme.txt": "x"}, "no RXNCONSO.RRF was found for rxnorm"},
		"a ZIP that is cut off":   {"snomed", map[string]string{"release.zip": "PK\x03\x04 half"}, "release.zip:"},
	} {
		t.Run(name, func(t *testing.T) {
			store, folder := newStore(t)
			all := imports(t)
			before := all[map[string]string{"obo": "doid", "tsv": "own"}[test.kind]]
			if before.Kind == "" {
				before = all[test.kind]
			}
			meta := add(t, store, before)
			in := terminology.Import{Kind: test.kind, Paths: []string{release(t, test.files)}, System: before.System, Replace: true}
			_, err := store.Add(context.Background(), in)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			list, faults, err := store.List()
			if err != nil || len(faults) > 0 || len(list) != 1 || list[0].Version != meta.Version || !list[0].Imported.Equal(meta.Imported) {
				t.Errorf("the earlier index is not as it was: %+v, %v, %v", list, faults, err)
			}
			left, _ := filepath.Glob(filepath.Join(folder, "*"))
			if len(left) != 2 { // the index and the lock
				t.Errorf("files are left: %v", left)
			}
		})
	}
}

func TestAnotherVersionIsRefused(t *testing.T) {
	store, _ := newStore(t)
	add(t, store, imports(t)["doid"])
	next := terminology.Import{Kind: "obo", Paths: []string{release(t, with(ontologyFiles, "small", func(s string) string { return strings.Replace(s, "2030-01-01", "2031-01-01", 1) }))}}
	_, err := store.Add(context.Background(), next)
	if err == nil || !strings.Contains(err.Error(), "is there in version 2030-01-01, this is 2031-01-01: it stays as it is") {
		t.Fatalf("got %v", err)
	}
	if list, _, _ := store.List(); list[0].Version != "2030-01-01" {
		t.Errorf("version %s is there", list[0].Version)
	}
	next.Replace = true
	add(t, store, next)
	if list, _, _ := store.List(); len(list) != 1 || list[0].Version != "2031-01-01" {
		t.Errorf("it was not replaced: %+v", list)
	}
}

// TestBrokenOff breaks an import off while it reads its second file; the next goes on there.
func TestBrokenOff(t *testing.T) {
	store, folder := newStore(t)
	in := imports(t)["icd10cm"]
	ctx, cancel := context.WithCancel(context.Background())
	first := int64(len(diagnosisFiles["icd10cm_order_2030.txt"]))
	in.Progress = func(read, _ int64) {
		if read > first {
			cancel()
		}
	}
	if _, err := store.Add(ctx, in); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	journals, _ := filepath.Glob(filepath.Join(folder, "import-*.records.json"))
	if len(journals) != 1 {
		t.Fatalf("no journal: %v", journals)
	}
	if journal, _ := os.ReadFile(journals[0]); !bytes.Contains(journal, []byte("icd10cm_order_2030.txt")) || bytes.Contains(journal, []byte("tabular")) {
		t.Errorf("the journal says %s", journal)
	}
	var steps []int64
	in.Progress = func(read, _ int64) { steps = append(steps, read) }
	meta := add(t, store, in)
	if steps[0] != first {
		t.Errorf("it began at %d, not at %d", steps[0], first)
	}
	if meta.Concepts != 6 || meta.Names != 11 {
		t.Errorf("%d concepts, %d names", meta.Concepts, meta.Names)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "import-*")); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestDamagedIndex(t *testing.T) {
	store, folder := newStore(t)
	add(t, store, imports(t)["doid"])
	path := filepath.Join(folder, "doid.index")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{"cut off": whole[:len(whole)/2], "empty": nil, "a byte changed": slices.Concat([]byte{whole[0] ^ 1}, whole[1:])} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(terminology.Config{}); !errors.Is(err, index.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, faults, _ := store.List(); len(faults) != 1 {
			t.Errorf("%s: the list does not say it", name)
		}
	}
	add(t, store, imports(t)["doid"]) // it may be imported again
	if _, err := store.Open(terminology.Config{Systems: []string{"snomed"}}); err == nil || !strings.Contains(err.Error(), `no code system "snomed" was imported; there are: doid`) {
		t.Errorf("got %v", err)
	}
}
