package terminology_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charthand/terminology"
	"charthand/terminology/index"
	"charthand/terminology/source"
)

// release writes the files of an invented release into a folder, and gives the folder.
func release(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// zipped writes the files of a release into a ZIP archive.
func zipped(t testing.TB, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "release.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	for name, content := range files {
		w, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// tabbed makes the lines of a table: columns are cut at blanks of two or more.
func tabbed(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.Join(strings.Split(line, "  "), "\t"))
		b.WriteString("\n")
	}
	return b.String()
}

// The invented SNOMED CT: a disorder with what stands above it and a map, a drug, a procedure, an inactive concept, and names that the
// language does not accept.
var snomedFiles = map[string]string{
	"Snapshot/Terminology/sct2_Concept_Snapshot_XX_20300101.txt": tabbed(
		"id  effectiveTime  active  moduleId  definitionStatusId",
		"100  20300101  1  1  1", "101  20300101  1  1  1", "102  20300101  1  1  1", "103  20300101  1  1  1", "104  20300101  0  1  1", "105  20300101  1  1  1", "106  20300101  1  1  1"),
	"Snapshot/Terminology/sct2_Description_Snapshot-en_XX_20300101.txt": tabbed(
		"id  effectiveTime  active  moduleId  conceptId  languageCode  typeId  term  caseSignificanceId",
		"1  20300101  1  1  100  en  900000000000003001  Disorder of knee (disorder)  1",
		"2  20300101  1  1  100  en  900000000000013009  Knee disorder  1",
		"3  20300101  1  1  101  en  900000000000003001  Inflammation of knee (disorder)  1",
		"4  20300101  1  1  101  en  900000000000013009  Gonitis  1",
		"5  20300101  1  1  101  en  900000000000013009  Inflamed knee of old texts  1",
		"6  20300101  1  1  102  en  900000000000003001  Fenestrin (substance)  1",
		"7  20300101  1  1  102  en  900000000000013009  Fenestrin  1",
		"8  20300101  1  1  103  en  900000000000003001  Endoscopy of knee (procedure)  1",
		"9  20300101  1  1  103  en  900000000000013009  Knee endoscopy  1",
		"10  20300101  1  1  104  en  900000000000013009  Gone disorder  1",
		"11  20300101  1  1  105  en  900000000000003001  Left gonitis (disorder)  1",
		"12  20300101  1  1  105  en  900000000000013009  Gonitis of left knee  1",
		"13  20300101  0  1  101  en  900000000000013009  Withdrawn name  1",
		"14  20300101  1  1  106  en  900000000000003001  Pregnancy gonitis (disorder)  1",
		"15  20300101  1  1  106  en  900000000000013009  Gonitis in pregnancy  1"),
	"Snapshot/Refset/Language/der2_cRefset_LanguageSnapshot-en_XX_20300101.txt": tabbed(
		"id  effectiveTime  active  moduleId  refsetId  referencedComponentId  acceptabilityId",
		"a  20300101  1  1  900000000000509007  2  900000000000548007", "b  20300101  1  1  900000000000509007  4  900000000000548007",
		"c  20300101  1  1  900000000000508004  5  900000000000549004", "d  20300101  1  1  900000000000509007  7  900000000000548007",
		"e  20300101  1  1  900000000000509007  9  900000000000548007", "f  20300101  1  1  900000000000509007  12  900000000000548007",
		"g  20300101  1  1  900000000000509007  13  900000000000549004", "h  20300101  1  1  900000000000509007  15  900000000000548007"),
	"Snapshot/Terminology/sct2_Relationship_Snapshot_XX_20300101.txt": tabbed(
		"id  effectiveTime  active  moduleId  sourceId  destinationId  relationshipGroup  typeId  characteristicTypeId  modifierId",
		"1  20300101  1  1  101  100  0  116680003  1  1", "2  20300101  1  1  105  101  0  116680003  1  1", "3  20300101  1  1  101  103  0  363698007  1  1"),
	"Snapshot/Refset/Map/der2_iisssccRefset_ExtendedMapSnapshot_XX_20300101.txt": tabbed(
		"id  effectiveTime  active  moduleId  refsetId  referencedComponentId  mapGroup  mapPriority  mapRule  mapAdvice  mapTarget  correlationId  mapCategoryId",
		"1  20300101  1  1  6011000124106  101  1  1  TRUE  ALWAYS M11.1  M11.1  1  447637006",
		"2  20300101  1  1  6011000124106  106  1  1  IFA 248152002 | Female |  IF FEMALE O99  O99  1  447639009",
		"3  20300101  1  1  6011000124106  106  1  2  OTHERWISE TRUE  M11.1  M11.1  1  447637006",
		"4  20300101  1  1  6011000124106  105  1  1  TRUE  ALWAYS M11.1  M11.1  1  447637006",
		"5  20300101  1  1  6011000124106  105  2  1  TRUE  ALWAYS M11.9  M11.9  1  447637006"),
}

// The invented ICD-10-CM.
var diagnosisFiles = map[string]string{
	"icd10cm_order_2030.txt": orderLines(
		"M11     0 Gonitis", "M111    0 Simple gonitis", "M1110   1 Simple gonitis, unspecified knee", "M1111   1 Simple gonitis, right knee", "M1112   1 Simple gonitis, left knee",
		"M119    1 Gonitis with effusion"),
	"icd10cm_tabular_2030.xml": `<?xml version="1.0"?><ICD10CM.tabular><version>2030</version><chapter><section><diag><name>M11</name><desc>Gonitis</desc>
		<diag><name>M11.1</name><desc>Simple gonitis</desc><inclusionTerm><note>Plain knee inflammation NOS</note></inclusionTerm></diag>
		<diag><name>M11.9</name><desc>Gonitis with effusion</desc></diag></diag></section></chapter></ICD10CM.tabular>`,
	"icd10cm_index_2030.xml": `<?xml version="1.0"?><ICD10CM.index><version>2030</version><letter><title>W</title><mainTerm><title>Water<nemod>(clear)</nemod></title>
		<term level="1"><title>in knee</title><code>M11.9</code></term><term level="1"><title>nowhere</title><code>Q00.0</code></term></mainTerm></letter></ICD10CM.index>`,
}

// orderLines makes the lines of an order file.
func orderLines(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		code, title := line[:8], line[10:]
		number := []byte("00000")
		number[4], number[3] = byte('0'+(i+1)%10), byte('0'+(i+1)/10)
		b.WriteString(string(number) + " " + code + line[8:9] + " " + title + strings.Repeat(" ", 61-len(title)) + title + "\n")
	}
	return b.String()
}

// rrf makes lines of RRF with so many columns, of which some are filled.
func rrf(count int, rows ...map[int]string) string {
	var b strings.Builder
	for _, row := range rows {
		for i := range count {
			b.WriteString(row[i] + "|")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func drug(id, kind, name string) map[int]string {
	return map[int]string{0: id, 1: "ENG", 11: "RXNORM", 12: kind, 14: name, 16: "N"}
}

// The invented RxNorm: a drug with a salt and a brand, a combination, and what is suppressed.
var drugFiles = map[string]string{
	"rrf/RXNSAB.RRF": rrf(25, map[int]string{3: "RXNORM", 6: "01012030"}),
	"rrf/RXNCONSO.RRF": rrf(18, drug("1", "IN", "fenestrin"), drug("2", "PIN", "fenestrin sulfate"), drug("3", "BN", "Windowa"), drug("4", "SCDC", "fenestrin 40 MG"),
		drug("5", "SCD", "fenestrin 40 MG Oral Tablet"), drug("6", "SBD", "fenestrin 40 MG Oral Tablet [Windowa]"), drug("7", "SCD", "fenestrin 20 MG Oral Tablet"),
		drug("8", "IN", "clavitan"), drug("9", "MIN", "clavitan / fenestrin"), drug("10", "SCD", "fenestrin 40 MG / clavitan 5 MG Oral Tablet"),
		map[int]string{0: "11", 1: "ENG", 11: "RXNORM", 12: "IN", 14: "oldenin", 16: "O"}, map[int]string{0: "1", 1: "ENG", 11: "ATC", 12: "IN", 13: "Z01AA01", 14: "fenestrin", 16: "N"}),
	"rrf/RXNREL.RRF": rrf(16, map[int]string{0: "1", 2: "CUI", 4: "4", 7: "has_ingredient", 10: "RXNORM"}, map[int]string{0: "1", 2: "CUI", 4: "3", 7: "tradename_of", 10: "RXNORM"}),
}

var testFiles = map[string]string{"LoincTable/Loinc.csv": `"LOINC_NUM","COMPONENT","PROPERTY","STATUS","SHORTNAME","CONSUMER_NAME","LONG_COMMON_NAME","DisplayName","VersionLastChanged"
"1-8","Fenestrin","MCnc","ACTIVE","Fenestrin SerPl","Fenestrin, Blood","Fenestrin [Mass/volume] in Serum or Plasma","Fenestrin [Mass/Vol]","2.9"
"2-6","Fenestrin","MCnc","ACTIVE","Fenestrin Ur","Fenestrin, Urine","Fenestrin [Mass/volume] in Urine","Fenestrin (U) [Mass/Vol]","2.76"
"3-4","Vitriol","MCnc","DEPRECATED","Vitriol SerPl","","Vitriol in Serum","","2.8"
`}

var procedureFiles = map[string]string{
	"icd10pcs_tables_2030.xml": `<?xml version="1.0"?><ICD10PCS.tabular><version>2030</version><pcsTable>
		<axis pos="1"><title>Section</title><label code="0">Medical</label></axis><axis pos="2"><title>Body System</title><label code="S">Knees</label></axis>
		<axis pos="3"><title>Operation</title><label code="J">Inspection</label></axis>
		<pcsRow codes="2"><axis pos="4"><title>Body Part</title><label code="C">Knee, Right</label><label code="D">Knee, Left</label></axis>
		<axis pos="5"><title>Approach</title><label code="4">Endoscopic</label></axis><axis pos="6"><title>Device</title><label code="Z">No Device</label></axis>
		<axis pos="7"><title>Qualifier</title><label code="Z">No Qualifier</label></axis></pcsRow></pcsTable></ICD10PCS.tabular>`,
	"icd10pcs_index_2030.xml": `<?xml version="1.0"?><ICD10PCS.index><version>2030</version><letter><title>G</title><mainTerm><title>Gonoscopy</title>
		<term level="1"><title>right</title><see>Inspection, Knee<codes>0SJC</codes></see></term></mainTerm></letter></ICD10PCS.index>`,
}

var ontologyFiles = map[string]string{"small.obo": `format-version: 1.2
data-version: releases/2030-01-01/doid.obo
ontology: doid

[Term]
id: DOID:1
name: knee disease

[Term]
id: DOID:2
name: gonitis
synonym: "inflammation of \"the\" knee" EXACT []
synonym: "knee trouble" BROAD []
xref: ICD10CM:M11.9
xref: SNOMEDCT_US_2030_01_01:101
xref: MESH:D000001
is_a: DOID:1 ! knee disease

[Term]
id: DOID:3
name: gone disease
is_obsolete: true

[Typedef]
id: part_of
name: part of
`}

var tableFiles = map[string]string{"own.tsv": "term\tcode\tdisplay\tkind\tmap\nwindow knee\tK-1\tKnee window\tproblem\thttp://hl7.org/fhir/sid/icd-10-cm|M11.9\nwindowin\tK-2\tWindowin\tdrug\t\n"}

// imports are the invented releases.
func imports(t testing.TB) map[string]terminology.Import {
	t.Helper()
	return map[string]terminology.Import{
		"snomed":   {Kind: "snomed", Paths: []string{zipped(t, snomedFiles)}},
		"icd10cm":  {Kind: "icd10cm", Paths: []string{release(t, diagnosisFiles)}},
		"rxnorm":   {Kind: "rxnorm", Paths: []string{release(t, drugFiles)}},
		"loinc":    {Kind: "loinc", Paths: []string{release(t, testFiles)}},
		"icd10pcs": {Kind: "icd10pcs", Paths: []string{release(t, procedureFiles)}},
		"doid":     {Kind: "obo", Paths: []string{release(t, ontologyFiles)}},
		"own":      {Kind: "tsv", Paths: []string{release(t, tableFiles)}, System: "urn:own", Version: "1", Options: source.Options{Kinds: index.Any}},
	}
}
