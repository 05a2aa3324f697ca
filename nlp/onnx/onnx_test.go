package onnx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"charthand/fixtures"
	"charthand/models"
	"charthand/nlp/onnx"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(models.Default(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t testing.TB) *onnx.Model {
	t.Helper()
	return fixtures.Model(t, models.Default(), 0)
}

// words gives the words that tokens stand for, from the first piece to the last, so that a test reads what was tokenized.
func words(text string, tokens []onnx.Token) []string {
	var found []string
	start := 0
	for i, token := range tokens {
		if !token.Continues {
			start = token.Start
		}
		if i+1 == len(tokens) || !tokens[i+1].Continues {
			found = append(found, text[start:token.End])
		}
	}
	return found
}

// Offsets are bytes of the text as it was given, whatever stands in it.
func TestEncodeOffsets(t *testing.T) {
	model := load(t)
	for _, test := range []struct {
		text string
		want string // the words, joined by |
	}{
		{"Chest pain.", "Chest|pain|."},
		{"Ménière’s disease – 37 °C", "Ménière|’|s|disease|–|37|°C"},
		{"a\x00b chest", "a\x00b|chest"},
		{"chest\x00pain after\x00\x00NUL", "chest\x00pain|after\x00\x00NUL"},
		{"大丈夫 ok", "大|丈|夫|ok"},
		{"a\r\n\tb  c", "a|b|c"},
		{"환자는 통증", "환자는|통증"},
		{"রোগীর ব্যথা", "রোগীর|ব্যথা"},
		{"hydroxychloroquine", "hydroxychloroquine"},
		{"[PAD] text", "[PAD]|text"},
		{" ", ""},
		{"", ""},
	} {
		tokens, err := model.Encode(test.text)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if got := strings.Join(words(test.text, tokens), "|"); got != test.want {
			t.Errorf("%q: got %s, want %s", test.text, got, test.want)
		}
	}
}

func TestEncodeRefusesInvalidUTF8(t *testing.T) {
	model := load(t)
	for _, text := range []string{"a\xff", "\xed\xa0\x80", "ab\xc3"} {
		if _, err := model.Encode(text); !errors.Is(err, onnx.ErrInvalidUTF8) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// A tokenizer.json may carry the padding and truncation of its training: neither applies.
func TestEncodeWithoutPaddingAndTruncation(t *testing.T) {
	var tokenizer map[string]json.RawMessage
	if err := json.Unmarshal(file(t, "tokenizer.json"), &tokenizer); err != nil {
		t.Fatal(err)
	}
	tokenizer["truncation"] = json.RawMessage(`{"direction":"Right","max_length":8,"strategy":"LongestFirst","stride":0}`)
	tokenizer["padding"] = json.RawMessage(`{"strategy":{"Fixed":64},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"}`)
	data, err := json.Marshal(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	limited, err := onnx.NewTokenizer(data)
	if err != nil {
		t.Fatal(err)
	}
	defer limited.Close()
	for _, n := range []int{1, 20, 100} {
		tokens, err := limited.Encode(strings.Repeat("pain ", n))
		if err != nil {
			t.Fatal(err)
		}
		if len(tokens) != n {
			t.Errorf("%d words gave %d tokens", n, len(tokens))
		}
	}
}

// A graph is found under the names that exporters give it.
func TestLoadFindsTheGraph(t *testing.T) {
	for _, name := range []string{"onnx/model.onnx", "onnx/model_quantized.onnx"} {
		folder := fstest.MapFS{name: &fstest.MapFile{Data: file(t, "model.onnx")}}
		for _, other := range []string{"config.json", "tokenizer.json"} {
			folder[other] = &fstest.MapFile{Data: file(t, other)}
		}
		model, err := onnx.Load(folder, 1)
		if err != nil {
			t.Fatal(err)
		}
		if model.Graph != name {
			t.Errorf("%s was run", model.Graph)
		}
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What a model folder lacks or what does not fit is refused at load, all of it in one message.
func TestLoadFaults(t *testing.T) {
	config := string(file(t, "config.json"))
	whole := func() fstest.MapFS {
		folder := fstest.MapFS{}
		for _, name := range []string{"config.json", "tokenizer.json", "model.onnx", "charthand.json"} {
			folder[name] = &fstest.MapFile{Data: file(t, name)}
		}
		return folder
	}
	for name, test := range map[string]struct {
		change func(fstest.MapFS)
		want   []string
	}{
		"empty folder": {
			func(f fstest.MapFS) { clear(f) },
			[]string{"config.json: missing", "tokenizer.json: missing", "model.onnx: missing (nor is there onnx/model.onnx,"},
		},
		"weights alone": {
			func(f fstest.MapFS) {
				f["model.safetensors"] = f["model.onnx"]
				delete(f, "model.onnx")
			},
			[]string{"model.onnx: missing: there is model.safetensors, of which `python -m charthand_training export"},
		},
		"two faults at once": {
			func(f fstest.MapFS) {
				delete(f, "tokenizer.json")
				f["model.onnx"].Data = f["model.onnx"].Data[:1000]
			},
			[]string{"tokenizer.json: missing", "model.onnx: not an ONNX graph that this runtime can read"},
		},
		"labels unlike the output": {
			func(f fstest.MapFS) {
				f["config.json"].Data = []byte(`{"id2label":{"0":"O","1":"B-X","2":"I-X"},"max_position_embeddings":512}`)
			},
			[]string{"model.onnx: the output has 83 labels, config.json names 3"},
		},
		"no labels": {
			func(f fstest.MapFS) { f["config.json"].Data = []byte(`{"model_type":"bert"}`) },
			[]string{"config.json: id2label is missing: it is no token classifier"},
		},
		"holes in the labels": {
			func(f fstest.MapFS) {
				f["config.json"].Data = []byte(strings.Replace(config, `"7": "`, `"700": "`, 1))
			},
			[]string{`config.json: id2label has the key "700", expected 0 to 82`},
		},
		"a label twice": {
			func(f fstest.MapFS) {
				f["config.json"].Data = []byte(strings.Replace(config, `"7": "`, `"08": "`, 1))
			},
			[]string{`config.json: id2label has no label 7`},
		},
		"no tokenizer and other labels": {
			func(f fstest.MapFS) {
				delete(f, "tokenizer.json")
				f["config.json"].Data = []byte(`{"id2label":{"0":"O"}}`)
			},
			[]string{"tokenizer.json: missing", "the output has 83 labels, config.json names 1"},
		},
		"config not JSON":       {func(f fstest.MapFS) { f["config.json"].Data = []byte("nope") }, []string{"config.json: not the JSON of a model"}},
		"tokenizer not JSON":    {func(f fstest.MapFS) { f["tokenizer.json"].Data = []byte("[]") }, []string{"tokenizer.json: not a JSON object"}},
		"unknown setting":       {func(f fstest.MapFS) { f["charthand.json"].Data = []byte(`{"wimdow":{}}`) }, []string{"charthand.json:", "wimdow"}},
		"impossible decoding":   {func(f fstest.MapFS) { f["charthand.json"].Data = []byte(`{"decode":{"minimum":2}}`) }, []string{"decode.minimum is 2"}},
		"falling scores":        {func(f fstest.MapFS) { f["charthand.json"].Data = []byte(`{"score":{"slope":-1}}`) }, []string{"score.slope is -1"}},
		"impossible minimum":    {func(f fstest.MapFS) { f["charthand.json"].Data = []byte(`{"score":{"minimum":{"Date":1.5}}}`) }, []string{"score.minimum.Date"}},
		"overlap over a window": {func(f fstest.MapFS) { f["charthand.json"].Data = []byte(`{"window":{"tokens":10,"overlap":10}}`) }, []string{"cannot overlap by 10"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := whole()
			test.change(folder)
			model, err := onnx.Load(folder, 1)
			if err == nil {
				model.Close()
				t.Fatal("loaded")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
		})
	}
}

// A graph that cannot be run on notes is refused when it is loaded, with the reason.
func TestLoadRefusesGraphs(t *testing.T) {
	const folder = "../testdata/parity/bert"
	for name, test := range map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"no logits": {
			func(f fstest.MapFS) {
				f["model.onnx"].Data = bytes.ReplaceAll(f["model.onnx"].Data, []byte("logits"), []byte("states"))
			},
			`the graph has no output "logits": it is no token classifier`,
		},
		"an input that charthand does not give": {
			func(f fstest.MapFS) {
				f["model.onnx"].Data = bytes.ReplaceAll(f["model.onnx"].Data, []byte("token_type_ids"), []byte("speaker_of_ids"))
			},
			`the graph needs an input "speaker_of_ids", which charthand does not give`,
		},
		"no text": {
			func(f fstest.MapFS) {
				f["model.onnx"].Data = bytes.ReplaceAll(f["model.onnx"].Data, []byte("input_ids"), []byte("inputs_it"))
			},
			`the graph has no input "input_ids"`,
		},
		"another model's tokenizer": {
			func(f fstest.MapFS) { f["tokenizer.json"].Data = file(t, "tokenizer.json") },
			"tokenizer.json has tokens up to 30521, which the graph does not take",
		},
		"cut off": {
			func(f fstest.MapFS) { f["model.onnx"].Data = f["model.onnx"].Data[:len(f["model.onnx"].Data)/2] },
			"not an ONNX graph that this runtime can read",
		},
		"empty": {func(f fstest.MapFS) { f["model.onnx"].Data = nil }, "not an ONNX graph that this runtime can read"},
	} {
		t.Run(name, func(t *testing.T) {
			model := fstest.MapFS{}
			for _, name := range []string{"config.json", "tokenizer.json", "model.onnx"} {
				data, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil {
					t.Fatal(err)
				}
				model[name] = &fstest.MapFile{Data: data}
			}
			test.change(model)
			loaded, err := onnx.Load(model, 1)
			if err == nil {
				loaded.Close()
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q in:\n%v", test.want, err)
			}
		})
	}
}

func logitsOf(model *onnx.Model, tokens []onnx.Token) (logits []float32, err error) {
	err = model.Logits(context.Background(), tokens, func(rows []float32) { logits = slices.Clone(rows) })
	return logits, err
}

// A window gives the same logits alone as beside others, at the same time and before and after.
func TestLogitsDoNotDependOnNeighbours(t *testing.T) {
	model := load(t)
	texts := []string{
		"Patient with chest pain and shortness of breath.", "ok", "Started on metformin 500 mg twice daily for type 2 diabetes.",
		strings.Repeat("The echocardiogram was normal. ", 15),
	}
	var tokens [][]onnx.Token
	var alone [][]float32
	for _, text := range texts {
		encoded, err := model.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		logits, err := logitsOf(model, encoded)
		if err != nil {
			t.Fatal(err)
		}
		if len(logits) != len(encoded)*len(model.Labels) {
			t.Fatalf("%d logits for %d tokens", len(logits), len(encoded))
		}
		tokens, alone = append(tokens, encoded), append(alone, logits)
	}
	var group sync.WaitGroup
	for round := range 16 {
		group.Go(func() {
			i := round % len(texts)
			logits, err := logitsOf(model, tokens[i])
			if err != nil || !slices.Equal(logits, alone[i]) {
				t.Errorf("text %d gave other logits beside others (%v)", i, err)
			}
		})
	}
	group.Wait()
}

func TestLogitsLimits(t *testing.T) {
	model := load(t)
	tokens, err := model.Encode(strings.Repeat("pain ", model.MaxTokens+1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logitsOf(model, tokens); err == nil || !strings.Contains(err.Error(), "longer than the model's 510") {
		t.Errorf("a window that is too long: %v", err)
	}
	if _, err := logitsOf(model, tokens[:model.MaxTokens]); err != nil {
		t.Errorf("the longest window: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := model.Logits(cancelled, tokens[:1], func([]float32) { t.Error("there are logits") }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

// A call whose context ends while native code runs costs no more than the operation that was under way.
func TestLogitsAreBrokenOff(t *testing.T) {
	model := load(t)
	tokens, err := model.Encode(strings.Repeat("pain ", model.MaxTokens))
	if err != nil {
		t.Fatal(err)
	}
	shortest := func(timeout time.Duration, want error) time.Duration {
		least := time.Hour
		for range 5 {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			before := model.Busy()
			if err := model.Logits(ctx, tokens, func([]float32) {}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			cancel()
			least = min(least, model.Busy()-before)
		}
		return least
	}
	whole := shortest(time.Hour, nil)
	brokenOff := shortest(whole/20, context.DeadlineExceeded)
	if brokenOff > whole/2 {
		t.Errorf("broken off it took %s, whole %s", brokenOff, whole)
	}
	if _, err := logitsOf(model, tokens); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func FuzzEncode(f *testing.F) {
	model := fixtures.Model(f, models.Default(), 1)
	f.Add("Ménière’s disease\x00 – 37 °C 🙂")
	f.Add("a\xff[SEP]\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			t.Skip("over the size cap")
		}
		tokens, err := model.Encode(text)
		if err != nil {
			if !errors.Is(err, onnx.ErrInvalidUTF8) {
				t.Error(err)
			}
			return
		}
		last := 0
		for _, token := range tokens {
			if token.Start < last || token.End < token.Start || token.End > len(text) {
				t.Errorf("token at %d:%d after %d in %d bytes", token.Start, token.End, last, len(text))
			}
			last = token.End
		}
	})
}
