package onnx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The files of a model folder, as Hugging Face's save_pretrained and ONNX exporters lay them out.
const (
	configFile    = "config.json"
	tokenizerFile = "tokenizer.json"
	settingsFile  = "charthand.json"
)

// GraphFiles are the names that exporters give a graph; the first that is there is run.
var GraphFiles = []string{
	"model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx", "model_int8.onnx", "onnx/model_int8.onnx",
}

// WeightFiles are weights that no graph goes with.
var WeightFiles = []string{"model.safetensors", "pytorch_model.bin"}

// Settings is how a model folder wants to be run: its charthand.json, which it may lack.
type Settings struct {
	// Name is what resources call the model; the folder's config may name it too.
	Name string `json:"name"`
	// Version is the model's own version.
	Version string `json:"version"`
	// Language is what the model reads (BCP 47, "en"); empty where nobody has said.
	Language string `json:"language"`
	Decode   struct {
		// Viterbi finds the most probable sequence of tags over whole words in which every I- follows its own kind;
		// without it each token takes its best tag, as the Hugging Face pipeline does.
		Viterbi bool `json:"viterbi"`
		// Minimum leaves out mentions whose tokens have a lower mean probability of the label: they cost more than they give.
		Minimum float64 `json:"minimum"`
	} `json:"decode"`
	Window struct {
		// Tokens is the length of a window, special tokens not counted; 0 is as long as the model allows.
		Tokens int `json:"tokens"`
		// Overlap is how many tokens neighbouring windows share where a text cannot be cut at the end of a sentence.
		Overlap int `json:"overlap"`
	} `json:"window"`
	// Score turns the mean probability of a mention's tokens, p, into the probability that the mention is right:
	// 1 / (1 + exp(-(Slope·logit(p) + Intercept))) (Platt 1999). Slope 0 leaves p as it is.
	Score struct {
		Slope     float64 `json:"slope"`
		Intercept float64 `json:"intercept"`
		// Minimum is, by label, the score from which on a mention is worth writing down.
		Minimum map[string]float64 `json:"minimum"`
	} `json:"score"`
}

// Model is a token classifier with its tokenizer. It is safe for concurrent use until it is closed.
type Model struct {
	*Tokenizer
	session *session
	// Labels are the model's output columns in order ("O", "B-Medication", …).
	Labels []string
	// MaxTokens is the longest window that the model takes, special tokens not counted.
	MaxTokens int
	Settings  Settings
	// Architecture is what the folder's config calls it ("bert", "deberta-v2"), Graph the file of its graph, Inputs what that takes.
	Architecture, Graph string
	Inputs              []string
	// Size is how many bytes the files have that were read.
	Size int64
	// Digest is the SHA-256 of all the files that were read, in hexadecimal: another answer comes from another digest.
	Digest string
	digest hash.Hash
}

// config is the part of config.json that is read here.
type config struct {
	ID2Label     map[string]string `json:"id2label"`
	MaxPositions int               `json:"max_position_embeddings"`
	ModelType    string            `json:"model_type"`
	NameOrPath   string            `json:"_name_or_path"`
}

// Load reads a model folder. workers is how many windows may run at once; 0 is one for each processor and one more, so that
// none is idle while an answer is being taken from another (a tenth more notes on two processors; `make bench` compares).
// Everything that is missing or does not fit comes back in one error.
func Load(folder fs.FS, workers int) (*Model, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0) + 1
	}
	m := &Model{digest: sha256.New()}
	var faults []error
	fault := func(file string, err error) { faults = append(faults, fmt.Errorf("%s: %w", file, err)) }

	if err := m.readConfig(folder); err != nil {
		fault(configFile, err)
	}
	if err := m.readSettings(folder); err != nil {
		fault(settingsFile, err)
	}
	if data, err := m.readFile(folder, tokenizerFile); err != nil {
		fault(tokenizerFile, missing(err))
	} else if m.Tokenizer, err = NewTokenizer(data); err != nil {
		fault(tokenizerFile, err)
	}
	file, graph, err := m.readGraph(folder)
	if err != nil {
		fault(file, err)
	} else if err := openLibrary(); err != nil {
		faults = append(faults, err)
	} else {
		m.Digest = hex.EncodeToString(m.digest.Sum(nil))
		if m.session, err = newSession(graph, workers); err != nil {
			fault(file, err)
		} else if err := m.probe(); err != nil {
			fault(file, err)
		} else {
			m.Graph, m.Inputs = file, m.session.inputs
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(append(faults, m.Close())...)
	}
	return m, nil
}

func (m *Model) readConfig(folder fs.FS) error {
	data, err := m.readFile(folder, configFile)
	if err != nil {
		return missing(err)
	}
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("not the JSON of a model: %w", err)
	}
	if len(c.ID2Label) == 0 {
		return errors.New("id2label is missing: it is no token classifier")
	}
	m.Labels = make([]string, len(c.ID2Label))
	given := make([]bool, len(c.ID2Label))
	var faults []error
	for key, label := range c.ID2Label {
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(m.Labels) {
			faults = append(faults, fmt.Errorf("id2label has the key %q, expected 0 to %d", key, len(m.Labels)-1))
			continue
		}
		m.Labels[i], given[i] = label, true
	}
	if missing := slices.Index(given, false); missing >= 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("id2label has no label %d", missing))
	}
	m.Architecture = c.ModelType
	m.Settings.Name = "unnamed"
	if c.NameOrPath != "" {
		m.Settings.Name = path.Base(c.NameOrPath) // often a folder of the machine that trained the model
	} else if c.ModelType != "" {
		m.Settings.Name = c.ModelType
	}
	m.MaxTokens = c.MaxPositions
	if slices.ContainsFunc([]string{"roberta", "camembert", "mpnet"}, func(kind string) bool { return strings.Contains(c.ModelType, kind) }) {
		m.MaxTokens -= 2 // their positions begin after the padding's
	}
	if m.MaxTokens <= 0 {
		m.MaxTokens = 512
	}
	return errors.Join(faults...)
}

func (m *Model) readSettings(folder fs.FS) error {
	data, err := m.readFile(folder, settingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m.Settings); err != nil {
		return err
	}
	if w := m.Settings.Window; w.Tokens < 0 || w.Overlap < 0 || (w.Tokens > 0 && w.Overlap >= w.Tokens) {
		return fmt.Errorf("a window of %d tokens cannot overlap by %d", w.Tokens, w.Overlap)
	}
	if least := m.Settings.Decode.Minimum; least < 0 || least > 1 {
		return fmt.Errorf("decode.minimum is %g, not between 0 and 1", least)
	}
	if s := m.Settings.Score; s.Slope < 0 {
		return fmt.Errorf("score.slope is %g: a surer mention would score less", s.Slope)
	}
	for label, least := range m.Settings.Score.Minimum {
		if least < 0 || least > 1 {
			return fmt.Errorf("score.minimum.%s is %g, not between 0 and 1", label, least)
		}
	}
	return nil
}

// readFile reads a file of the folder into the digest.
func (m *Model) readFile(folder fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(folder, name)
	if err == nil {
		fmt.Fprintf(m.digest, "%s %d\n", name, len(data))
		m.digest.Write(data)
		m.Size += int64(len(data))
	}
	return data, err
}

func (m *Model) readGraph(folder fs.FS) (name string, graph []byte, err error) {
	for _, name = range GraphFiles {
		graph, err = m.readFile(folder, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return name, graph, err
		}
	}
	for _, weights := range WeightFiles {
		if _, err := fs.Stat(folder, weights); err == nil {
			return GraphFiles[0], nil, fmt.Errorf("missing: there is %s, of which `python -m charthand_training export DIR --fp32 --out DIR` in training/ makes one", weights)
		}
	}
	return GraphFiles[0], nil, fmt.Errorf("missing (nor is there %s)", strings.Join(GraphFiles[1:], ", "))
}

// missing shortens what the file system says of a file that is not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing")
	}
	return err
}

// probe runs the smallest windows, so that labels that do not fit the output, and tokens that the graph has no place for, are
// found before the first note.
func (m *Model) probe() error {
	if m.Labels == nil {
		return nil // already a fault
	}
	ids := []int64{0}
	if m.Tokenizer != nil {
		m.MaxTokens -= len(m.prefix) + len(m.suffix)
		if around := slices.Concat(m.prefix, m.suffix); len(around) > 0 {
			ids = around
		}
	}
	window := func(to []int64) []int64 { return append(to, ids...) }
	got := 0
	if err := m.session.run(context.Background(), window, func(logits []float32) { got = len(logits) / len(ids) }); err != nil {
		return err
	}
	if got != len(m.Labels) {
		return fmt.Errorf("the output has %d labels, %s names %d", got, configFile, len(m.Labels))
	}
	m.session.columns = got
	if m.Tokenizer == nil {
		return nil
	}
	last := int64(m.native.VocabSize()) - 1
	ids = append(slices.Clone(ids), last)
	if err := m.session.run(context.Background(), window, func([]float32) {}); err != nil {
		return fmt.Errorf("%s has tokens up to %d, which the graph does not take: %w", tokenizerFile, last, err)
	}
	return nil
}

// Logits computes, for each token of a window, the model's logit for each label, and lets use see them: len(tokens) rows of
// len(Labels), which are gone when use returns. Special tokens are added around the window and taken away again. The logits
// are the same whatever else runs at the time.
func (m *Model) Logits(ctx context.Context, tokens []Token, use func(rows []float32)) error {
	if len(tokens) == 0 {
		return nil
	}
	if len(tokens) > m.MaxTokens {
		return fmt.Errorf("a window of %d tokens is longer than the model's %d", len(tokens), m.MaxTokens)
	}
	fill := func(ids []int64) []int64 {
		ids = append(ids, m.prefix...)
		for _, t := range tokens {
			ids = append(ids, t.ID)
		}
		return append(ids, m.suffix...)
	}
	first := len(m.prefix) * len(m.Labels)
	return m.session.run(ctx, fill, func(logits []float32) { use(logits[first : first+len(tokens)*len(m.Labels)]) })
}

// Prefix is how many special tokens the model sees before a text's own.
func (m *Model) Prefix() int { return len(m.prefix) }

// Workers is how many windows run at once.
func (m *Model) Workers() int { return cap(m.session.slots) }

// Busy is the time spent inside the runtime since the model was loaded, added up over all windows.
func (m *Model) Busy() time.Duration { return time.Duration(m.session.busy.Load()) }

// Running is how many windows run now.
func (m *Model) Running() int { return cap(m.session.slots) - len(m.session.slots) }

// Read is how many windows, and tokens in them, were given to the runtime since the model was loaded. Windows are not filled up to a common length and
// each is a run of its own, so that tokens by windows is how full a run is.
func (m *Model) Read() (windows, tokens int64) {
	return m.session.windows.Load(), m.session.tokens.Load()
}

// Close frees the native memory. The caller sees to it that nothing runs any more.
func (m *Model) Close() error {
	var faults []error
	if m.Tokenizer != nil {
		faults = append(faults, m.Tokenizer.Close())
	}
	if m.session != nil {
		faults = append(faults, m.session.close())
	}
	return errors.Join(faults...)
}
