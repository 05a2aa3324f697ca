// Command hugot times hugot (a Go library for the pipelines of Hugging Face) on notes: {"id","text"} lines on standard input,
// {"seconds","mentions"} on standard output. The time to load the model does not count. training/charthand_training/peers.py
// builds and runs it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/knights-analytics/hugot"
	"github.com/knights-analytics/hugot/options"
	"github.com/knights-analytics/hugot/pipelines"
)

var (
	model   = flag.String("model", "", "folder of the model")
	library = flag.String("library", "", "folder with libonnxruntime.so")
	chunk   = flag.Int("chunk", 480, "code points that are read at once: hugot leaves out what is beyond the model's length")
	batch   = flag.Int("batch", 8, "chunks in a batch")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "hugot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	session, err := hugot.NewORTSession(ctx, options.WithOnnxLibraryPath(*library))
	if err != nil {
		return err
	}
	defer session.Destroy()
	pipeline, err := hugot.NewPipeline(session, hugot.TokenClassificationConfig{
		ModelPath:    *model,
		OnnxFilename: "model.onnx",
		Name:         "notes",
		Options:      []hugot.TokenClassificationOption{pipelines.WithSimpleAggregation()},
	})
	if err != nil {
		return err
	}
	var chunks []string
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var note struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &note); err != nil {
			return err
		}
		for text := []rune(note.Text); len(text) > 0; {
			n := min(*chunk, len(text))
			chunks = append(chunks, string(text[:n]))
			text = text[n:]
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	began, mentions := time.Now(), 0
	for len(chunks) > 0 {
		n := min(*batch, len(chunks))
		answer, err := pipeline.RunPipeline(ctx, chunks[:n])
		if err != nil {
			return err
		}
		for _, entities := range answer.Entities {
			mentions += len(entities)
		}
		chunks = chunks[n:]
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": time.Since(began).Seconds(), "mentions": float64(mentions)})
}
