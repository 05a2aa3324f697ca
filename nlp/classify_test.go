package nlp_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"charthand/fixtures"
	"charthand/nlp"
	"charthand/nlp/onnx"
)

const parityFolder = "testdata/parity"

// architectures are those that answers are recorded of.
var architectures = []string{"bert", "distilbert", "electra", "roberta", "albert", "deberta-v2"}

func loadParity(t *testing.T, architecture string) *onnx.Model {
	t.Helper()
	return fixtures.Model(t, os.DirFS(filepath.Join(parityFolder, architecture)), 0)
}

// charthand's answers are those of Hugging Face's pipeline, as training/charthand_training/parity.py recorded them.
func TestClassifyAnswersAsThePipeline(t *testing.T) {
	for _, architecture := range architectures {
		t.Run(architecture, func(t *testing.T) {
			recorded, err := os.ReadFile(filepath.Join(parityFolder, architecture, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			parity, err := nlp.CheckParity(context.Background(), loadParity(t, architecture), recorded)
			if err != nil {
				t.Fatal(err)
			}
			if parity.Texts < 20 || parity.Answers < 1000 {
				t.Errorf("only %d answers of %d texts were compared", parity.Answers, parity.Texts)
			}
			for _, difference := range parity.Differences {
				t.Error(difference)
			}
		})
	}
}

func TestParityNamesDifferences(t *testing.T) {
	model := loadParity(t, "bert")
	recorded := `{"transformers":"x","texts":[{"text":"severe pain","none":[{"entity":"B-Other","score":0.5,"index":1,"word":"severe","start":0,"end":6}],
		"simple":[],"first":[],"average":[],"max":[]}]}`
	parity, err := nlp.CheckParity(context.Background(), model, []byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	if len(parity.Differences) < 2 || !strings.HasPrefix(parity.Differences[0], "text 0, none: answer 0") {
		t.Errorf("differences: %q", parity.Differences)
	}
	for _, nonsense := range []string{"", "[]", `{"texts":[]}`, `{"texts":[{"text":"a"}]}`} {
		if _, err := nlp.CheckParity(context.Background(), model, []byte(nonsense)); err == nil {
			t.Errorf("%q is taken for recorded answers", nonsense)
		}
	}
}

// A text of many windows is read to its end: no token is answered twice, and the answers are in the order of the text.
func TestClassifyLongText(t *testing.T) {
	const sentence = "Admitted with severe chest pain, given aspirin. "
	for _, architecture := range architectures {
		model := loadParity(t, architecture)
		classifier, err := nlp.NewClassifier(model, 0, nlp.AggregateNone)
		if err != nil {
			t.Fatal(err)
		}
		indexes := map[int]bool{}
		long, err := classifier.Classify(context.Background(), strings.Repeat(sentence, 2000))
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		for _, c := range long {
			if indexes[c.Index] || c.Start < last {
				t.Fatalf("%s: token %d at %d:%d comes after %d", architecture, c.Index, c.Start, c.End, last)
			}
			indexes[c.Index], last = true, c.Start
		}
		if share := float64(last) / float64(2000*len(sentence)); share < 0.99 {
			t.Errorf("%s: nothing was found after %.2f of the text", architecture, share)
		}
	}
}

// What is said of a note does not depend on what is read beside it, whatever the architecture and however long the others are.
func TestAnswersDoNotDependOnNeighbours(t *testing.T) {
	texts := make([]string, 16)
	for i := range texts {
		texts[i] = strings.Repeat("Severe chest pain since 3 days; given aspirin 81 mg, no fever. ", 1+i*i) + strings.Repeat("x", i)
	}
	for _, architecture := range architectures {
		t.Run(architecture, func(t *testing.T) {
			classifier, err := nlp.NewClassifier(loadParity(t, architecture), 0, nlp.AggregateSimple)
			if err != nil {
				t.Fatal(err)
			}
			alone := make([][]nlp.Classified, len(texts))
			for i, text := range texts {
				if alone[i], err = classifier.Classify(context.Background(), text); err != nil {
					t.Fatal(err)
				}
			}
			var group sync.WaitGroup
			for i, text := range texts {
				group.Go(func() {
					beside, err := classifier.Classify(context.Background(), text)
					if err != nil || len(beside) == 0 || !slices.Equal(beside, alone[i]) {
						t.Errorf("text %d is answered otherwise beside others (%v)", i, err)
					}
				})
			}
			group.Wait()
		})
	}
}
