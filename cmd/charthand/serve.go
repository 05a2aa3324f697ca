package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"charthand/cds"
	"charthand/mapping"
	"charthand/metrics"
	"charthand/server"
	besides "charthand/sync"
	"charthand/tracing"
)

type serveCommand struct {
	modelFlags
	languageFlag
	siteFlags
	dataFlags
	secretFlag
	Open    bool          `help:"Let everybody in who reaches the address, instead of this machine alone or those that the settings name (access)." env:"CHARTHAND_OPEN"`
	Listen  string        `help:"Address to listen on." default:"localhost:8080" placeholder:"ADDR" env:"CHARTHAND_LISTEN"`
	Drain   time.Duration `help:"How long a shutdown waits for requests that were accepted." default:"30s" placeholder:"TIME" env:"CHARTHAND_DRAIN"`
	MaxBody int64         `help:"Largest request body, in bytes." default:"10485760" placeholder:"BYTES" env:"CHARTHAND_MAX_BODY"`
}

// Run implements the command.
func (c *serveCommand) Run(ctx context.Context, s streams) error {
	o, err := c.modelFlags.openWith(c.siteFlags, c.folderFlag)
	if err != nil {
		return err
	}
	defer o.close()
	in := o.in
	extractor, err := newExtractor(s, o, c.languageFlag)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(s.err, nil))
	stopTraces, err := tracing.Start(ctx, tracing.Config{Endpoint: in.Traces.Endpoint, Version: version, Logger: logger})
	if err != nil {
		return usageError{err}
	}
	defer stopTraces()
	counted := metrics.New(version, o.model.Settings.Name)
	counted.Model(o.model)
	config := server.Config{
		Extractor: counted.Extractor(extractor),
		Annotator: extractor,
		Observe:   counted.Request,
		Metrics:   counted.Handler(),
		Version:   version,
		MaxBody:   c.MaxBody,
		Drain:     c.Drain,
		Logger:    logger,
	}
	in.Access.Open = in.Access.Open || c.Open
	if err := in.Access.configure(&config); err != nil {
		return usageError{err}
	}
	if warning := in.Access.warning(c.Listen); warning != "" {
		fmt.Fprintln(s.err, "charthand:", warning)
	}
	scheme := "http"
	if config.TLS != nil {
		scheme = "https"
	}
	closeCDS, err := in.CDS.configure(&config, in.Mapping, in.fetcher, in.FHIRBase, scheme+"://"+c.Listen)
	defer closeCDS()
	if err != nil {
		return usageError{err}
	}
	if err := in.App.configure(&config, in.Access.Tokens); err != nil {
		return usageError{err}
	}
	config.CDS.Feedback = func(outcome cds.Outcome) { counted.Feedback(string(outcome)) }
	if in.FHIRBase != "" {
		stopBeside, err := c.beside(ctx, in, counted.Extractor(extractor), &config, counted)
		if err != nil {
			return err
		}
		defer stopBeside()
	}
	stopAudit, err := in.record(ctx, &config, counted)
	if err != nil {
		return err
	}
	defer stopAudit()
	service, err := server.New(config)
	if err != nil {
		return usageError{err}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return usageError{err}
	}
	// The first PDF need not wait until PDFium is compiled. Where that fails, the first PDF says so.
	defer inBackground(ctx, func(ctx context.Context) { _ = o.reader.Prepare(ctx) })()
	fmt.Fprintf(s.err, "charthand %s serves on %s://%s; stop it with Ctrl-C\n", version, scheme, listener.Addr())
	return service.Run(ctx, listener)
}

// beside starts the work beside the FHIR server, and gives what ends it and waits for it.
func (c *serveCommand) beside(ctx context.Context, in *settings, extractor besides.Extractor, config *server.Config, counted *metrics.Metrics) (stop func(), err error) {
	hookSecret, err := c.secretFlag.read()
	if err != nil {
		return nil, err
	}
	if in.Write == mapping.Post {
		return nil, usageError{fmt.Errorf("--write %s: what is tried again beside a FHIR server would be written twice; expected %s", mapping.Post, mapping.ConditionalCreate)}
	}
	keys, err := in.FHIRAuth.keys()
	if err != nil {
		return nil, usageError{err}
	}
	if keys != nil {
		if config.Keys, err = keys.Public(); err != nil {
			return nil, err
		}
	}
	b, err := newBeside(ctx, in, c.dataFlags, extractor, config.Logger)
	if err != nil {
		return nil, err
	}
	counted.Queue(b.queue.Depth)
	config.Hooks, config.Ready = b.hooks(hookSecret), b.queue.Writable
	return inBackground(ctx, b.run), nil
}
