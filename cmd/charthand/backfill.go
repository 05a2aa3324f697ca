package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/queue"

	"github.com/schollz/progressbar/v3"
)

type backfillCommand struct {
	FHIRBase string `name:"fhir-base" help:"The FHIR server." placeholder:"URL" env:"CHARTHAND_FHIR_BASE"`
	Config   string `help:"The site's own settings, a YAML file: how to show the server who asks." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_CONFIG"`
	dataFlags
	Since  string  `help:"Only documents that were changed since then, as FHIR has dates." placeholder:"TIME"`
	Query  string  `help:"Which documents." default:"DocumentReference?status=current" placeholder:"SEARCH"`
	Export bool    `help:"Have the server export its documents ($export), instead of searching page by page; --query is not looked at."`
	Rate   float64 `help:"Documents a second at the most that are put into the queue." default:"50" placeholder:"N"`
}

// Run implements the command: it puts the documents that a search finds into the queue. Run again after it was broken off, it goes on where it
// stopped.
func (c *backfillCommand) Run(ctx context.Context, s streams) error {
	if !strings.Contains(c.Query, "?") {
		return usageError{fmt.Errorf("--query: %q is no search such as DocumentReference?status=current", c.Query)}
	}
	if c.Rate <= 0 {
		return usageError{errors.New("--rate: expected more than nothing")}
	}
	fhirServer, in, err := subscriberFlags{FHIRBase: c.FHIRBase, Config: c.Config}.connect()
	if err != nil {
		return err
	}
	defer fhirServer.Close()
	q, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close()
	key := "backfill." + nameOfSearch(in.FHIRBase, c.Query, c.Since)
	from, err := q.State(ctx, key)
	if err != nil {
		return err
	}
	search := c.Query
	if !strings.HasSuffix(search, "?") {
		search += "&"
	}
	search += "_sort=_lastUpdated&_count=200"
	if since := max(from, c.Since); since != "" {
		search += "&_lastUpdated=ge" + url.QueryEscape(since)
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(s.err), progressbar.OptionSetDescription("documents"), progressbar.OptionShowCount(), progressbar.OptionShowIts())
	pace := time.NewTicker(time.Duration(float64(time.Second) / c.Rate))
	defer pace.Stop()
	added := 0
	each := func(raw json.RawMessage) error {
		head, err := fhir.ReadHead(raw)
		if err != nil || head.Name() == "" {
			return nil //nolint:nilerr // it has no name
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
		if err := c.add(ctx, q, queue.Job{Document: head.Name(), Version: head.Meta.VersionID, Source: "backfill"}); err != nil {
			return err
		}
		added++
		_ = bar.Add(1) // a bar that cannot be drawn is no failure
		if c.Export {
			return nil // its order is the server's: it cannot be gone on with
		}
		return q.Keep(ctx, key, head.Meta.LastUpdated)
	}
	if c.Export {
		err = fhirServer.Export(ctx, "DocumentReference,DiagnosticReport", c.Since, each)
	} else {
		err = fhirServer.Search(ctx, search, func(f client.Found) error {
			if f.Included {
				return nil
			}
			return each(f.Resource)
		})
	}
	fmt.Fprintln(s.err)
	if err != nil {
		return refusedBy(err)
	}
	// All of it was found: the next run begins anew.
	if err := q.Keep(ctx, key, ""); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%d documents put into the queue\n", added)
	return err
}

// add puts a job into the queue, and waits while that is full.
func (c *backfillCommand) add(ctx context.Context, q *queue.Queue, job queue.Job) error {
	for {
		err := q.Add(ctx, job)
		if !errors.Is(err, queue.ErrFull) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// nameOfSearch names a search, to keep how far it has come.
func nameOfSearch(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return hex.EncodeToString(sum[:8])
}
