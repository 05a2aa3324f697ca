package nlp_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"charthand/fixtures"
	"charthand/models"
	"charthand/nlp"
	"charthand/note"

	"github.com/google/go-cmp/cmp"
)

// marked makes a document of a text in which each mention stands as [Label words].
func marked(t *testing.T, text string) *nlp.Document {
	t.Helper()
	var body strings.Builder
	var entities []nlp.Entity
	for {
		before, rest, found := strings.Cut(text, "[")
		body.WriteString(before)
		if !found {
			return &nlp.Document{Text: note.NewText(body.String()), Entities: entities}
		}
		inside, after, _ := strings.Cut(rest, "]")
		label, words, _ := strings.Cut(inside, " ")
		start := body.Len()
		body.WriteString(words)
		entities = append(entities, nlp.Entity{Span: nlp.Span{Start: start, End: body.Len()}, Label: label})
		text = after
	}
}

// stages are made once for all tests.
var stages = sync.OnceValues(nlp.Understanding)

func understand(t *testing.T, d *nlp.Document) {
	t.Helper()
	stages, err := stages()
	if err != nil {
		t.Fatal(err)
	}
	if err := stages.Annotate(context.Background(), d); err != nil {
		t.Fatal(err)
	}
}

// Mentions of one concept are one whatever their case, number and abbreviation; what a note defines counts in it.
func TestGroup(t *testing.T) {
	d := marked(t, "[Sign_symptom Chest  pain], then [Disease_disorder pulmonary embolism] ([Disease_disorder PE]); [Sign_symptom chest\npains.] again, [Medication nausea]? "+
		"[Disease_disorder HTN] and [Disease_disorder hypertension]. [Sign_symptom CP] today. [Disease_disorder PE] on CT. [Diagnostic_procedure Ms] [Disease_disorder MS]")
	understand(t, d)
	var got []string
	for _, e := range d.Entities {
		got = append(got, e.Normal)
	}
	want := []string{"chest pain", "pulmonary embolism", "pulmonary embolism", "chest pain", "nausea", "hypertension", "hypertension", "chest pain", "pulmonary embolism", "ms", "multiple sclerosis"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]int{{0, 3, 7}, {1, 2, 8}, {4}, {5, 6}, {9}, {10}}, d.Groups); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(d.Relations, nlp.Relation{Kind: nlp.Identical, From: 2, To: 1}) {
		t.Errorf("PE is not said to be the pulmonary embolism before it: %v", d.Relations)
	}
}

// Whatever a text holds, mentions are exact slices of it, in order, and all of it is read.
func TestRecognizerOnOddTexts(t *testing.T) {
	model := fixtures.Model(t, models.Default(), 0)
	recognizer, err := nlp.NewRecognizer(model, 0)
	if err != nil {
		t.Fatal(err)
	}
	sentence := "The patient reported severe chest pain and was given aspirin 325 mg. "
	for name, test := range map[string]struct {
		text string
		want int // mentions at the least
	}{
		"plain":                   {sentence, 3},
		"NUL bytes":               {"Severe chest\x00pain.\x00\x00 Given aspirin.", 2},
		"invalid UTF-8":           {"Severe chest pain \xff\xfe Given aspirin \xed\xa0\x80.", 2},
		"emoji and accents":       {"🙂 Ménière’s disease, e\u0301 – chest pain 👍🏽", 1},
		"CRLF":                    {strings.ReplaceAll(sentence+"\n"+sentence, "\n", "\r\n"), 6},
		"a word of a megabyte":    {strings.Repeat("x", 1<<20), 0},
		"a line without a space":  {strings.Repeat("pain,nausea,", 3500), 100},
		"Hangul":                  {strings.Repeat("환자는 심한 흉통을 호소했다. ", 100), 0},
		"Bengali":                 {strings.Repeat("রোগীর বুকে ব্যথা ছিল। ", 100), 0},
		"Tamil":                   {strings.Repeat("நோயாளிக்கு மார்பு வலி ", 100), 0},
		"a line without an end":   {strings.Repeat("severe chest pain and ", 1600), 1000},
		"many lines":              {strings.Repeat(sentence+"\n", 200), 600},
		"only blanks":             {" \t\r\n ", 0},
		"special tokens as words": {"[CLS] chest pain [SEP] aspirin [PAD]", 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := &nlp.Document{Text: note.NewText(test.text)}
			if err := recognizer.Annotate(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			last := 0
			for _, e := range d.Entities {
				if e.Start < last || e.End <= e.Start || e.End > len(d.Text.Body) || !utf8.ValidString(d.Mention(e)) {
					t.Fatalf("mention at %d:%d after %d", e.Start, e.End, last)
				}
				last = e.End
			}
			if len(d.Entities) < test.want {
				t.Errorf("%d mentions, expected at least %d", len(d.Entities), test.want)
			}
			if d.Coverage.Read != d.Coverage.Characters || d.Coverage.Characters != utf8.RuneCountInString(d.Text.Body) {
				t.Errorf("coverage %+v of %d characters", d.Coverage, utf8.RuneCountInString(d.Text.Body))
			}
		})
	}
}

// A mention at the edge of two windows comes out once and whole.
func TestRecognizerAcrossWindows(t *testing.T) {
	model := fixtures.Model(t, models.Default(), 0)
	read := func(window int, text string) map[string]int {
		recognizer, err := nlp.NewRecognizer(model, window)
		if err != nil {
			t.Fatal(err)
		}
		d := &nlp.Document{Text: note.NewText(text)}
		if err := recognizer.Annotate(context.Background(), d); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, e := range d.Entities {
			count[d.Mention(e)]++
		}
		return count
	}
	// One endless sentence, so that windows overlap, moved along word by word: what is found is what one long window finds.
	const said = "he had shortness of breath and had coronary artery disease and "
	for shift := range 12 {
		text := strings.Repeat("and then ", shift) + strings.Repeat(said, 4)
		want := read(126, text)
		if want["shortness of breath"] != 4 || want["coronary artery disease"] != 4 {
			t.Fatalf("shift %d: %v in one window", shift, want)
		}
		if diff := cmp.Diff(want, read(40, text)); diff != "" {
			t.Errorf("shift %d: %s", shift, diff)
		}
	}
}

func TestNewRecognizerWindow(t *testing.T) {
	model := fixtures.Model(t, models.Default(), 1)
	for _, window := range []int{-1, 5, 511} {
		if _, err := nlp.NewRecognizer(model, window); err == nil {
			t.Errorf("a window of %d tokens was accepted", window)
		}
	}
}
