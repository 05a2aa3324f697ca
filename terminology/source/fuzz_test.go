package source_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"charthand/terminology/index"
	"charthand/terminology/source"
)

// names are one file name for each reader.
var names = []string{
	"icd10cm_order_2030.txt", "icd10cm_tabular_2030.xml", "icd10cm_index_2030.xml", "icd10pcs_tables_2030.xml", "icd10pcs_index_2030.xml", "RXNCONSO.RRF", "RXNREL.RRF", "RXNSAB.RRF",
	"sct2_Concept_Snapshot_XX_20300101.txt", "sct2_Description_Snapshot-en_XX_20300101.txt", "sct2_Relationship_Snapshot_XX_20300101.txt",
	"der2_cRefset_LanguageSnapshot-en_XX_20300101.txt", "der2_iisssccRefset_ExtendedMapSnapshot_XX_20300101.txt", "Loinc.csv", "small.obo", "own.tsv",
}

// FuzzRead gives each reader any bytes: it may refuse them, and may not do anything else that is bad.
func FuzzRead(f *testing.F) {
	for at, seed := range map[int]string{
		0: "00001 A00     0 Cholera                                                      Cholera\n", 1: "<x><diag><name>A</name><desc>b</desc></diag></x>",
		2: "<x><mainTerm><title>A<nemod>(b)</nemod></title><code>C</code></mainTerm></x>", 3: `<x><pcsTable><axis><label code="0">a</label></axis></pcsTable></x>`,
		5: "1|ENG||||||||||RXNORM|IN||x||N||\n", 8: "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n1\t1\t1\t1\t1\n", 13: "LOINC_NUM,COMPONENT,LONG_COMMON_NAME\n1-8,a,b\n",
		14: "ontology: doid\n\n[Term]\nid: A\nname: b\nsynonym: \"c\" EXACT []\n", 15: "term\tcode\na\tb\n",
	} {
		f.Add(at, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, at int, data []byte) {
		if len(data) > 1<<16 || at < 0 || at >= len(names) {
			t.Skip()
		}
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, names[at]), data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, format := range source.Formats {
			bare := *format
			bare.Needed = nil
			files, err := bare.Files([]string{folder})
			if err != nil {
				continue
			}
			for _, file := range files {
				var release source.Release
				_ = file.Read(context.Background(), source.Options{}, &release, nil, func(r index.Record) error {
					if r.Kind < index.IsConcept || r.Kind > index.IsOtherLanguage {
						t.Errorf("a record of no kind: %+v", r)
					}
					return nil
				})
			}
		}
	})
}
