package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"charthand/extract"
	"charthand/mapping"
	"charthand/models"
	"charthand/nlp"
	"charthand/nlp/onnx"
	"charthand/note"
	"charthand/note/pdf"
)

// modelFlags are the flags of every command that runs the model.
type modelFlags struct {
	Model  string `help:"Folder of the model to run, in Hugging Face's layout with an ONNX graph; the one inside by default." placeholder:"DIR" type:"path" env:"CHARTHAND_MODEL"`
	Window int    `help:"Length of the windows that the model reads, in tokens; what the model folder says by default." placeholder:"N" env:"CHARTHAND_WINDOW"`
}

// languageFlag is the flag of the commands that make resources.
type languageFlag struct {
	AnyLanguage bool `help:"Extract notes too that are plainly in another language than the model's, with a warning." env:"CHARTHAND_ANY_LANGUAGE"`
}

// open opens the model.
func (f modelFlags) open() (*onnx.Model, error) {
	folder, name := models.Default(), "the model inside"
	if f.Model != "" {
		folder, name = os.DirFS(f.Model), "the model "+f.Model
	}
	model, err := onnx.Load(folder, 0)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s cannot be used:\n%w", name, err)}
	}
	return model, nil
}

// load opens the model and the stage that runs it.
func (f modelFlags) load() (*onnx.Model, *nlp.Recognizer, error) {
	model, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	recognizer, err := nlp.NewRecognizer(model, f.Window)
	if err != nil {
		return nil, nil, errors.Join(usageError{err}, model.Close())
	}
	return model, recognizer, nil
}

// understanding is the pipeline that notes go through: the model first.
func understanding(recognizer *nlp.Recognizer) (nlp.Pipeline, error) {
	stages, err := nlp.Understanding()
	return append(nlp.Pipeline{recognizer}, stages...), err
}

// newPDFReader makes what reads PDF. PDFium, compiled for this machine, is kept in the cache folder.
func newPDFReader() *pdf.Reader {
	folder := ""
	if cache, err := os.UserCacheDir(); err == nil {
		folder = filepath.Join(cache, "charthand", "pdfium")
	}
	return pdf.New(folder)
}

// opened is what the commands that extract work with.
type opened struct {
	model      *onnx.Model
	recognizer *nlp.Recognizer
	reader     *pdf.Reader
	in         *settings

	closing func() // of the settings
}

// openWith opens the model, what reads PDF, and the site's settings with what they name.
func (f modelFlags) openWith(site siteFlags, codes folderFlag) (*opened, error) {
	model, recognizer, err := f.load()
	if err != nil {
		return nil, err
	}
	in, closing, err := site.open(codes)
	if err != nil {
		model.Close()
		return nil, err
	}
	return &opened{model, recognizer, newPDFReader(), in, closing}, nil
}

func (o *opened) close() {
	o.closing()
	o.reader.Close()
	o.model.Close()
}

// inBackground runs something until it is stopped; stop waits for its end. It outlives the context: what has begun when a signal comes is finished in order.
func inBackground(ctx context.Context, run func(context.Context)) (stop func()) {
	inner, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(inner)
	}()
	return func() {
		end()
		<-done
	}
}

// newExtractor wires the line from document to Bundle. What the rules do not know of the model is said on standard error.
func newExtractor(s streams, o *opened, language languageFlag) (*extract.Extractor, error) {
	model, in := o.model, o.in
	types, _ := labelSchema(model.Labels)
	mapper, err := mapping.New(mapping.Config{
		Rules:     in.Mapping,
		Profile:   in.Profile,
		Write:     in.Write,
		Base:      strings.TrimSuffix(in.FHIRBase, "/"),
		Labels:    types,
		MinScores: model.Settings.Score.Minimum,
		Software:  mapping.Software{Version: in.softwareVersion(), Model: model.Settings.Name, ModelVersion: model.Settings.Version, ModelDigest: model.Digest},
	})
	if err != nil {
		return nil, err
	}
	switch unknown := strings.Join(mapper.Unknown, ", "); {
	case mapper.Schema == "":
		fmt.Fprintf(s.err, "charthand: warning: the rules know none of the model's labels (%s): nothing will be written; name them in a schema of your own (--config)\n", unknown)
	case unknown != "":
		fmt.Fprintf(s.err, "charthand: warning: the rules do not know these labels of the model: %s; they are counted, not written\n", unknown)
	}
	stages, err := understanding(o.recognizer)
	if err != nil {
		return nil, err
	}
	return &extract.Extractor{
		Pipeline: in.withCodes(append(nlp.Pipeline{nlp.CheckLanguage{Model: model.Settings.Language, Anyway: language.AnyLanguage}}, stages...)),
		Mapper:   mapper,
		Decoder:  note.Decoder{PDF: o.reader},
		Fetcher:  in.fetcher,
	}, nil
}
