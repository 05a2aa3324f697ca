package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"charthand/models/hub"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Variables of the environment that Hugging Face's own tools know.
const (
	endpointVariable = "HF_ENDPOINT"
	tokenVariable    = "HF_TOKEN"
)

// hubClient makes a client over the cache folder.
func hubClient() (*hub.Client, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, usageError{err}
	}
	endpoint := strings.TrimRight(os.Getenv(endpointVariable), "/")
	if endpoint == "" {
		endpoint = hub.Endpoint
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, TLSHandshakeTimeout: time.Minute}
	return &hub.Client{
		Endpoint: endpoint,
		Token:    os.Getenv(tokenVariable),
		Folder:   filepath.Join(cache, "charthand", "hub"),
		HTTP:     &http.Client{Transport: transport},
	}, nil
}

type modelPullCommand struct {
	Name     string `arg:"" help:"owner/name of the model."`
	Revision string `help:"Branch, tag or commit." default:"main"`
	Offline  bool   `help:"Answer from the cache alone."`
}

// Help is what kong prints below the usage.
func (c *modelPullCommand) Help() string {
	return "The hub is " + hub.Endpoint + ", or what " + endpointVariable + " says; " + tokenVariable + " is a token for models that are not public."
}

// Run implements the command.
func (c *modelPullCommand) Run(ctx context.Context, s streams) error {
	client, err := hubClient()
	if err != nil {
		return err
	}
	client.Offline = c.Offline
	client.Progress = progress(s.err)
	model, err := client.Pull(ctx, c.Name, c.Revision)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, model.Folder)
	if !model.HasGraph {
		fmt.Fprintf(s.err, "charthand: it has weights alone, of which `python -m charthand_training export %s --fp32 --out FOLDER` in training/ makes a folder that can be run\n", model.Folder)
		return errInput
	}
	return nil
}

// progress shows a bar for each file in turn, on a terminal; elsewhere it names the files alone.
func progress(out io.Writer) hub.Progress {
	if file, ok := out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		last := ""
		return func(file string, _, size int64) {
			if file != last {
				last = file
				fmt.Fprintf(out, "%s (%d bytes)\n", file, size)
			}
		}
	}
	var bar *progressbar.ProgressBar
	var current string
	return func(file string, done, size int64) {
		if file != current {
			current = file
			bar = progressbar.NewOptions64(size,
				progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(file), progressbar.OptionShowBytes(true),
				progressbar.OptionThrottle(time.Second/10), progressbar.OptionOnCompletion(func() { fmt.Fprintln(out) }))
		}
		_ = bar.Set64(done) // a bar that cannot be drawn is no reason to stop
	}
}

type modelListCommand struct{}

// Run implements the command.
func (c *modelListCommand) Run(_ context.Context, s streams) error {
	client, err := hubClient()
	if err != nil {
		return err
	}
	pulled, err := client.List()
	if err != nil {
		return err
	}
	inside, err := modelFlags{}.open()
	if err != nil {
		return err
	}
	defer inside.Close()
	fmt.Fprintf(s.out, "%s %s\t(inside)\n", inside.Settings.Name, inside.Settings.Version)
	for _, m := range pulled {
		note := ""
		if !m.HasGraph {
			note = "\t(weights alone: see model pull)"
		}
		fmt.Fprintf(s.out, "%s@%s\t%s%s\n", m.Name, m.Commit[:12], m.Folder, note)
	}
	return nil
}
