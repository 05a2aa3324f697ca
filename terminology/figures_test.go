package terminology_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"charthand/nlp"
	"charthand/terminology"
	"charthand/terminology/gold"
	"charthand/terminology/index"
	"charthand/terminology/source"
)

// The figures that the lookup has to reach, on what it was not tuned on.
const (
	ontologyRight   = 0.65
	ontologyPrecise = 0.93
	problemCategory = 0.85
	problemCode     = 0.65
	drugIngredient  = 0.95
)

// data gives the folder of the corpora and code systems, and skips the test where it is not there.
func data(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("CHARTHAND_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(folder, "terminology")); err != nil {
		t.Skip("the code systems are not there: set CHARTHAND_DATA to the folder that holds them")
	}
	return folder
}

// opened imports releases into a store of its own, and opens it.
func opened(t testing.TB, imports ...terminology.Import) *terminology.Local {
	t.Helper()
	store, err := terminology.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range imports {
		began := time.Now()
		meta, err := store.Add(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %s: %d concepts, %d names, %v", terminology.Short(meta.System), meta.Version, meta.Concepts, meta.Names, time.Since(began).Round(time.Millisecond))
	}
	local, err := store.Open(terminology.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	return local
}

// The releases that the figures are of.
func ontology(folder string) terminology.Import {
	return terminology.Import{Kind: "obo", Paths: []string{filepath.Join(folder, "terminology", "doid-2024-01.obo.gz")}}
}

func diagnoses(folder string) terminology.Import {
	return terminology.Import{Kind: "icd10cm", Paths: []string{filepath.Join(folder, "terminology")}}
}

func drugs(t testing.TB, folder string) terminology.Import {
	return terminology.Import{
		Kind: "tsv", Paths: []string{drugNames(t, folder)}, System: "urn:test:drugs",
		Options: source.Options{Kinds: index.Drug, Columns: map[string]string{"term": "variant", "code": "canonical"}},
	}
}

func describer(t testing.TB) *gold.Describer {
	t.Helper()
	d, err := gold.NewDescriber()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// atLeast fails the test where a share is below what it has to be.
func atLeast(t *testing.T, what string, n, of int, wanted float64) {
	t.Helper()
	share := float64(n) / float64(max(1, of))
	t.Logf("%s: %d of %d = %.3f (at least %.2f)", what, n, of, share, wanted)
	if share < wanted {
		t.Errorf("%s: %.3f is less than %.2f", what, share, wanted)
	}
}

// code looks one mention up.
func code(t testing.TB, local *terminology.Local, m nlp.Mention) []nlp.Coding {
	t.Helper()
	list, err := local.Code(context.Background(), []nlp.Mention{m})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// TestOntologyFigures looks up the diseases of abstracts in Disease Ontology: right is a concept whose own MeSH or OMIM identifier, or that
// of what stands right above where it has none, is the mention's.
func TestOntologyFigures(t *testing.T) {
	folder := data(t)
	local := opened(t, ontology(folder))
	x := local.Index(0)
	known := gold.Known(x)
	d := describer(t)
	for _, corpus := range []string{"ncbi-disease", "bc5cdr"} {
		mentions, err := d.Abstracts(context.Background(), filepath.Join(folder, corpus, "devel.pubtator.txt"))
		if err != nil {
			t.Fatal(err)
		}
		all, right, own, coded, precise, others, wrongly := 0, 0, 0, 0, 0, 0, 0
		for _, m := range mentions {
			list := code(t, local, m.Mention)
			isRight, isOwn, isCoded := false, false, false
			if len(list) > 0 {
				concept, _ := x.Find(list[0].Code)
				isOwn, isRight, isCoded = m.Means(gold.IDs(x, concept)), m.Means(gold.Near(x, concept)), list[0].Chosen
			}
			if !slices.ContainsFunc(m.IDs, func(id string) bool { return known[id] }) {
				others++
				if isCoded {
					wrongly++
				}
				continue
			}
			all++
			count := func(n *int, is bool) {
				if is {
					*n++
				}
			}
			count(&right, isRight)
			count(&own, isOwn)
			count(&coded, isCoded)
			count(&precise, isCoded && isRight)
		}
		atLeast(t, corpus+", first candidate", right, all, ontologyRight)
		t.Logf("%s, by its own identifiers alone: %d of %d = %.3f", corpus, own, all, float64(own)/float64(all))
		atLeast(t, corpus+", what is coded", precise, coded, ontologyPrecise)
		t.Logf("%s, mentions whose identifier the ontology does not have: %d, coded %d", corpus, others, wrongly)
	}
}

func TestProblemFigures(t *testing.T) {
	local := opened(t, diagnoses(data(t)))
	d := describer(t)
	for _, half := range []string{"tune", "kept"} {
		rows, err := gold.Table(filepath.Join("..", "fixtures", "terminology", "problems."+half+".tsv"))
		if err != nil {
			t.Fatal(err)
		}
		categories, category, codes, right, coded, precise := 0, 0, 0, 0, 0, 0
		for _, row := range rows {
			m, err := d.Phrase(context.Background(), row[0], "Disease_disorder")
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			list := code(t, local, m)
			if len(list) > 0 {
				found = list[0].Code
			}
			if row[1] != "-" {
				categories++
				if strings.HasPrefix(found, row[1]) {
					category++
				}
			}
			if row[2] == "-" {
				continue
			}
			codes++
			if found == row[2] {
				right++
			}
			if len(list) > 0 && list[0].Chosen {
				coded++
				if found == row[2] {
					precise++
				} else if os.Getenv("SHOW_WRONG") != "" && half == "tune" {
					fmt.Println("WRONG", row, list[0])
				}
			}
		}
		wantCategory, wantCode := problemCategory, problemCode
		atLeast(t, half+", category", category, categories, wantCategory)
		atLeast(t, half+", code", right, codes, wantCode)
		t.Logf("%s, what is coded: %d of %d right", half, precise, coded)
	}
}

func TestDrugFigures(t *testing.T) {
	local := opened(t, drugs(t, data(t)))
	d := describer(t)
	all, right := 0, 0
	for _, half := range []string{"tune", "kept"} {
		rows, err := gold.Table(filepath.Join("..", "fixtures", "terminology", "drugs."+half+".tsv"))
		if err != nil {
			t.Fatal(err)
		}
		here := 0
		for _, row := range rows {
			m, err := d.Phrase(context.Background(), row[0], "Medication")
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, list := range local.Drugs(0, m) {
				found = append(found, ingredients(local.Index(0).Code(list[0].Concept))...)
			}
			slices.Sort(found)
			if slices.Equal(slices.Compact(found), ingredients(row[1])) {
				here++
			}
		}
		atLeast(t, half+", ingredients", here, len(rows), drugIngredient)
		all, right = all+len(rows), right+here
	}
	atLeast(t, "ingredients", right, all, drugIngredient)
}

// salts are words of a drug's name that do not change its ingredient.
var salts = regexp.MustCompile(` (hydrochloride|hcl|sodium|potassium|fumarate|succinate|tartrate|besylate|maleate|mesylate|sulfate|calcium|acetate|citrate|bitartrate|bromide|medoxomil|proxetil|axetil|etexilate|hydrobromide|phosphate|carbonate)$`)

// joints stand between the ingredients of a name.
var joints = regexp.MustCompile(`, and |, | and |/| \+ `)

// ingredients gives the ingredients that a name of a drug lists, without their salts, sorted: the table has no concepts of ingredients.
func ingredients(name string) []string {
	list := joints.Split(name, -1)
	for i, one := range list {
		list[i] = salts.ReplaceAllString(strings.TrimSpace(one), "")
	}
	slices.Sort(list)
	return list
}

// drugNames gives the table of names of drugs without its few malformed lines, in a file of its own.
func drugNames(t testing.TB, folder string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, "terminology", "drug-variants.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(all)) {
		if strings.Count(line, "\t") == 6 {
			kept.WriteString(line)
		}
	}
	path := filepath.Join(t.TempDir(), "drugs.tsv")
	if err := os.WriteFile(path, []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSections: what happened once is past where a past history says it, and now where an assessment does.
func TestSections(t *testing.T) {
	local := opened(t, diagnoses(data(t)))
	for section, want := range map[string]string{"": "I21.9", "51848-0": "I21.9", "11348-0": "I25.2"} {
		list := code(t, local, nlp.Mention{Kind: nlp.KindProblem, Names: []string{"myocardial infarction", "MI"}, Section: section})
		if len(list) == 0 || list[0].Code != want {
			t.Errorf("section %q: %+v, want %s", section, list, want)
		}
	}
}
