package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	ort "github.com/yalue/onnxruntime_go"
)

// Names of the graph's inputs that charthand can give, and of the output that it reads.
const (
	inputIDs     = "input_ids"
	inputMask    = "attention_mask"
	inputTypeIDs = "token_type_ids"
	outputLogits = "logits"
)

// session is a loaded graph. Each Run gives one window alone, without padding: with weights quantised to int8 the scale of
// the activations is taken over the whole batch, and a neighbour would change the answer.
type session struct {
	native *ort.DynamicAdvancedSession
	inputs []string
	// slots bounds how many windows run at once; each holds the tensors' data of the window that has it.
	slots chan *buffers
	// columns is how many labels the output has, 0 until the first run has told.
	columns int
	// busy is the time spent inside the runtime, in nanoseconds, added up over all windows.
	busy atomic.Int64
	// windows and tokens are what has been read, the tokens with the special ones.
	windows, tokens atomic.Int64
}

// buffers are what the inputs of one window are read from and its logits are written to; they grow to the longest that was seen.
type buffers struct {
	ids, ones, zeros []int64
	logits           []float32
}

// of gives the data of an input.
func (b *buffers) of(input string, window []int64) []int64 {
	switch input {
	case inputMask:
		for len(b.ones) < len(window) {
			b.ones = append(b.ones, 1)
		}
		return b.ones[:len(window)]
	case inputTypeIDs:
		for len(b.zeros) < len(window) {
			b.zeros = append(b.zeros, 0)
		}
		return b.zeros[:len(window)]
	}
	return window
}

// newSession loads a graph and checks what it takes and gives; all that does not fit comes back in one error.
func newSession(graph []byte, workers int) (*session, error) {
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(graph)
	if err != nil {
		return nil, fmt.Errorf("not an ONNX graph that this runtime can read: %w", err)
	}
	s := &session{slots: make(chan *buffers, workers)}
	for range workers {
		s.slots <- &buffers{}
	}
	var faults []error
	for _, input := range inputs {
		if !slices.Contains([]string{inputIDs, inputMask, inputTypeIDs}, input.Name) {
			faults = append(faults, fmt.Errorf("the graph needs an input %q, which charthand does not give", input.Name))
		}
		if input.DataType != ort.TensorElementDataTypeInt64 {
			faults = append(faults, fmt.Errorf("the graph's input %q is %s, expected int64", input.Name, input.DataType))
		}
		s.inputs = append(s.inputs, input.Name)
	}
	if !slices.Contains(s.inputs, inputIDs) {
		faults = append(faults, fmt.Errorf("the graph has no input %q", inputIDs))
	}
	found := slices.IndexFunc(outputs, func(o ort.InputOutputInfo) bool { return o.Name == outputLogits })
	switch {
	case found < 0:
		faults = append(faults, fmt.Errorf("the graph has no output %q: it is no token classifier", outputLogits))
	case len(outputs[found].Dimensions) != 3:
		faults = append(faults, fmt.Errorf("the graph's output %q has %d dimensions, expected 3 (batch, tokens, labels)", outputLogits, len(outputs[found].Dimensions)))
	case outputs[found].DataType != ort.TensorElementDataTypeFloat:
		faults = append(faults, fmt.Errorf("the graph's output %q is %s, expected float32", outputLogits, outputs[found].DataType))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}

	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	// One thread a window and several windows at once: the windows are small, so threads inside one would mostly wait.
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return nil, err
	}
	s.native, err = ort.NewDynamicAdvancedSessionWithONNXData(graph, s.inputs, []string{outputLogits}, options)
	if err != nil {
		return nil, fmt.Errorf("the graph does not load: %w", err)
	}
	return s, nil
}

// run computes the logits of one window, row by row (tokens × labels), special tokens included, and lets use see them:
// the next window overwrites them. fill appends the window's tokens. It waits for a free slot until the context
// ends; native code that runs then is broken off between two operations of the graph, and waited for.
func (s *session) run(ctx context.Context, fill func(ids []int64) []int64, use func(logits []float32)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var slot *buffers
	select {
	case slot = <-s.slots:
		defer func() { s.slots <- slot }()
	case <-ctx.Done():
		return ctx.Err()
	}
	slot.ids = fill(slot.ids[:0])
	ids := slot.ids
	shape := ort.NewShape(1, int64(len(ids)))
	values := make([]ort.Value, 0, len(s.inputs)+1)
	defer func() {
		for _, v := range values {
			v.Destroy()
		}
	}()
	for _, name := range s.inputs {
		tensor, err := ort.NewTensor(shape, slot.of(name, ids))
		if err != nil {
			return err
		}
		values = append(values, tensor)
	}
	outputs := []ort.Value{nil} // the runtime makes what is not given
	if s.columns > 0 {
		slot.logits = slices.Grow(slot.logits[:0], len(ids)*s.columns)[:len(ids)*s.columns]
		tensor, err := ort.NewTensor(ort.NewShape(1, int64(len(ids)), int64(s.columns)), slot.logits)
		if err != nil {
			return err
		}
		outputs[0] = tensor
	}
	err := s.runNative(ctx, values, outputs)
	if outputs[0] != nil {
		values = append(values, outputs[0])
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the model failed on a window of %d tokens: %w", len(ids), err)
	}
	logits, ok := outputs[0].(*ort.Tensor[float32])
	if !ok || len(logits.GetData())%len(ids) != 0 {
		return fmt.Errorf("the model's answer to a window of %d tokens has the shape %v", len(ids), outputs[0].GetShape())
	}
	use(logits.GetData())
	return nil
}

// runNative runs the graph, and breaks it off when the context ends. It returns when native code has.
func (s *session) runNative(ctx context.Context, inputs, outputs []ort.Value) (err error) {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	terminated := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { terminated <- options.Terminate() })
	defer func() {
		if !stop() {
			err = errors.Join(err, <-terminated) // it uses the options
		}
		err = errors.Join(err, options.Destroy())
	}()
	began := time.Now()
	defer func() { s.busy.Add(int64(time.Since(began))) }()
	s.windows.Add(1)
	s.tokens.Add(inputs[0].GetShape()[1])
	return s.native.RunWithOptions(inputs, outputs, options)
}

func (s *session) close() error { return s.native.Destroy() }
