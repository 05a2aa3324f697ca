package corpus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charthand/corpus"
	"charthand/fixtures"

	"github.com/google/go-cmp/cmp"
)

// write makes the files of a corpus; it gives their folder.
func write(t *testing.T, files map[string]string) string {
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

type mention struct{ Words, Label string }

// read reads a corpus of one document and gives its id, its mentions and the malformed lines.
func read(t *testing.T, format corpus.Format, path string) (id string, mentions []mention, faults []string, report *corpus.Report) {
	t.Helper()
	documents, report, err := corpus.Read(format, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) != 1 {
		t.Fatalf("%d documents", len(documents))
	}
	d := documents[0]
	for _, s := range d.Spans {
		mentions = append(mentions, mention{d.Text[s.Start:s.End], s.Label})
	}
	for _, f := range report.Faults {
		faults = append(faults, f.Error())
	}
	return d.ID, mentions, faults, report
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func TestBrat(t *testing.T) {
	folder := write(t, map[string]string{
		"note-1.txt": "Señora reports severe pain in chest and  arms.\r\nNo fever.",
		"note-1.ann": strings.Join([]string{
			"T1\tSign_symptom 22 26\tpain",
			"T2\tSign_symptom 15 26;36 39\tsevere pain and",     // discontinuous: from 15 to 39, and longer than T1
			"T3\tBiological_structure 40 45\t arms",             // with blanks at its end
			"E1\tSign_symptom:T1",                               // an event
			"T4\tSign_symptom 51 56\tfever",                     // CR counts
			"T5\tSign_symptom 51 99\tbeyond the text",           // malformed
			"T6 Sign_symptom 1 2",                               // malformed
			"T7\tSign_symptom 9 9\t",                            // malformed
			"T8\tSign_symptom 99999999999999999999999 999\twow", // malformed
			"T9\tSign_symptom 51 56\tcough",                     // other words
		}, "\n"),
		"unlabelled.txt": "No marks here.",
	})
	id, mentions, faults, report := read(t, corpus.Brat, folder)
	check(t, "id", "note-1", id)
	check(t, "mentions", []mention{{"severe pain in chest and", "Sign_symptom"}, {"arms", "Biological_structure"}, {"fever", "Sign_symptom"}}, mentions)
	const what = "not a text-bound annotation within the text"
	check(t, "faults", []string{"note-1.ann:6: " + what, "note-1.ann:7: " + what, "note-1.ann:8: " + what, "note-1.ann:9: " + what,
		"note-1.ann:10: the words are not at that place of the text"}, faults)
	check(t, "overlapping", 1, report.Overlapping)
	check(t, "discontinuous", 1, report.Discontinuous)
}

func TestCoNLL(t *testing.T) {
	for name, test := range map[string]struct {
		content, id string
		want        []mention
		faults      []string
	}{
		"as published": {
			"Severe\tO\nchest\tB-problem\npain\tI-problem\n\nfever\tI-problem\nché\tB-test\nx\tI-problem\n", "corpus",
			[]mention{{"chest pain", "problem"}, {"fever", "problem"}, {"ché", "test"}, {"x", "problem"}}, nil,
		},
		"with places": {
			"-DOCSTART-\tnote-7\nché\t0\t3\tB-test\npain\t6\t10\tI-test\n", "note-7", []mention{{"ché   pain", "test"}}, nil,
		},
		"without names": {"-DOCSTART-\tO\n\npain\tB-problem\n", "corpus", []mention{{"pain", "problem"}}, nil},
		"far away": {
			"x\t90000000000\t90000000001\tO\nx\t9223372036854775806\t9223372036854775807\tO\npain\tB-problem\n", "corpus", []mention{{"pain", "problem"}},
			[]string{"corpus.conll:1: not a token with its tag", "corpus.conll:2: not a token with its tag"},
		},
		"malformed": {
			"pain\tB-problem\nnonsense\npain\tQ-problem\npain\tB-\npain\t9\t10\tO\nchest\tpain\tO\n", "corpus", []mention{{"pain", "problem"}},
			[]string{
				"corpus.conll:2: not a token with its tag", "corpus.conll:3: not a token with its tag",
				"corpus.conll:4: not a token with its tag", "corpus.conll:5: not a token with its tag", "corpus.conll:6: not a token with its tag",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := write(t, map[string]string{"corpus.conll": test.content})
			id, mentions, faults, _ := read(t, corpus.CoNLL, filepath.Join(folder, "corpus.conll"))
			check(t, "id", test.id, id)
			check(t, "mentions", test.want, mentions)
			check(t, "faults", test.faults, faults)
		})
	}
}

func TestI2B2(t *testing.T) {
	const text = "Admission Date :\n2031-02-03\nHe denies  chest pain , and took Aspirin 81 mg for pain .\n"
	const concepts = "c=\"chest pain\" 3:2 3:3||t=\"problem\"\nc=\"aspirin\" 3:7 3:7||t=\"treatment\"\n" +
		"nonsense\nc=\"fever\" 3:2 3:2||t=\"problem\"\nc=\"pain\" 9:9 9:9||t=\"problem\"\nc=\"he\" 0:0 0:0||t=\"problem\"\n" +
		"c=\"pain\" 3:11 3:11||t=\"mood\"\n"
	for name, files := range map[string]map[string]string{
		"side by side":  {"record-1.txt": text, "record-1.con": concepts},
		"training part": {"beth/txt/record-1.txt": text, "beth/concept/record-1.con": concepts},
		"test part":     {"test_data/record-1.txt": text, "reference_standard/concepts/record-1.con": concepts},
	} {
		t.Run(name, func(t *testing.T) {
			id, mentions, faults, _ := read(t, corpus.I2B2, write(t, files))
			check(t, "id", "record-1", id)
			check(t, "mentions", []mention{{"chest pain", "problem"}, {"Aspirin", "treatment"}}, mentions)
			const elsewhere = "the words are not at that place of the text"
			check(t, "faults", []string{
				"record-1.con:3: not a line of i2b2 2010", "record-1.con:4: " + elsewhere, "record-1.con:5: " + elsewhere, "record-1.con:6: " + elsewhere,
				"record-1.con:7: not a concept type of i2b2 2010",
			}, faults)
		})
	}
}

// A token ends at any blank, also at one that is not ASCII.
func TestI2B2Blanks(t *testing.T) {
	folder := write(t, map[string]string{"r.txt": "Dose 5\u00a0mg daily\u2003fever\n", "r.con": "c=\"fever\" 1:4 1:4||t=\"problem\"\n"})
	_, mentions, faults, _ := read(t, corpus.I2B2, folder)
	check(t, "mentions", []mention{{"fever", "problem"}}, mentions)
	check(t, "faults", []string(nil), faults)
}

func TestPubTator(t *testing.T) {
	folder := write(t, map[string]string{"corpus.txt": strings.Join([]string{
		"12|t|Naloxone é reverses.",
		"12|a|In rats it falls.",
		"12\t0\t8\tNaloxone\tChemical\tD009270",
		"12\t24\t28\trats\tSpecies\t10116",
		"12\tCID\tD009270\tD003000",
		"12\t0\t8\tAspirin\tChemical\tD1",
		"99\t0\t8\tNaloxone\tChemical\tD1",
		"12\t0",
	}, "\n")})
	id, mentions, faults, _ := read(t, corpus.PubTator, filepath.Join(folder, "corpus.txt"))
	check(t, "id", "12", id)
	check(t, "mentions", []mention{{"Naloxone", "Chemical"}, {"rats", "Species"}}, mentions)
	check(t, "faults", []string{
		"corpus.txt:6: the mention is not at that place of the text", "corpus.txt:7: an annotation without its document", "corpus.txt:8: not a line of PubTator",
	}, faults)
}

func TestNothingToRead(t *testing.T) {
	folder := write(t, map[string]string{"a.txt": "A note.", "twice/1/a.txt": "", "twice/2/a.txt": "", "bad/a.txt": "\xff", "bad/a.ann": ""})
	for name, test := range map[string]struct {
		format corpus.Format
		path   string
	}{
		"no marks":       {corpus.Brat, folder},
		"no concepts":    {corpus.I2B2, folder},
		"same name":      {corpus.I2B2, filepath.Join(folder, "twice")},
		"no tokens":      {corpus.CoNLL, filepath.Join(folder, "a.txt")},
		"no documents":   {corpus.PubTator, filepath.Join(folder, "a.txt")},
		"no file":        {corpus.PubTator, filepath.Join(folder, "b.txt")},
		"not UTF-8":      {corpus.Brat, filepath.Join(folder, "bad")},
		"unknown format": {"word", folder},
	} {
		if _, _, err := corpus.Read(test.format, test.path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The readers here and those of training/ read the same corpora in the same way.
func TestRealCorpora(t *testing.T) {
	data := fixtures.Data()
	for _, test := range []struct {
		format           corpus.Format
		path             string
		documents, spans int
	}{
		{corpus.Brat, "maccrobat", 160, 19928},
		{corpus.Brat, "mtsamples-labelled", 88, 5306},
		{corpus.PubTator, "bc5cdr/train.pubtator.txt", 500, 9385},
		{corpus.PubTator, "ncbi-disease/train.pubtator.txt", 593, 5144},
	} {
		path := filepath.Join(data, test.path)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("the corpora are not at %s (CHARTHAND_DATA)", data)
		}
		documents, report, err := corpus.Read(test.format, path)
		if err != nil {
			t.Fatal(err)
		}
		if len(documents) != test.documents || report.Spans != test.spans {
			t.Errorf("%s: %d documents with %d spans, want %d with %d", test.path, len(documents), report.Spans, test.documents, test.spans)
		}
		for _, d := range documents {
			end := 0
			for _, s := range d.Spans {
				if s.Start < end || s.End <= s.Start || s.End > len(d.Text) {
					t.Fatalf("%s: span %+v out of order", d.ID, s)
				}
				end = s.End
			}
		}
	}
}

// Whatever a file holds, reading ends, and every span lies in its text.
func FuzzRead(f *testing.F) {
	f.Add("12|t|Naloxone\n12|a|x\n12\t0\t8\tNaloxone\tChemical\tD1\n")
	f.Add("-DOCSTART-\tn\nche\t0\t3\tB-test\nx\t4\t5\tI-test\n")
	f.Add("T1\tSign 0 4;5 6\tpain\n")
	f.Add("c=\"pain\" 1:0 1:0||t=\"problem\"\n")
	f.Fuzz(func(t *testing.T, content string) {
		folder := write(t, map[string]string{"n.txt": content, "n.ann": content, "n.con": content})
		for _, format := range []corpus.Format{corpus.Brat, corpus.I2B2, corpus.CoNLL, corpus.PubTator} {
			path := folder
			if format == corpus.CoNLL || format == corpus.PubTator {
				path = filepath.Join(folder, "n.txt")
			}
			documents, _, _ := corpus.Read(format, path)
			for _, d := range documents {
				for _, s := range d.Spans {
					if s.Start < 0 || s.Start >= s.End || s.End > len(d.Text) {
						t.Errorf("%s: span %+v of a text of %d bytes", format, s, len(d.Text))
					}
				}
			}
		}
	})
}
