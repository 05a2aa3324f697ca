package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"charthand/fhir"
	"charthand/fhir/client"
	"charthand/queue"
	"charthand/server"
	besides "charthand/sync"
)

// folderFlag says where charthand keeps its data.
type folderFlag struct {
	Data string `help:"Folder of the queue and of the code systems; charthand in the XDG data folder by default." placeholder:"DIR" type:"path" env:"CHARTHAND_DATA_DIR"`
}

// folder gives the data folder.
func (f folderFlag) folder() (string, error) {
	if f.Data != "" {
		return f.Data, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usageError{fmt.Errorf("--data: there is no data folder: %w", err)}
	}
	return filepath.Join(cmp.Or(os.Getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share")), "charthand"), nil
}

// dataFlags say where the queue is.
type dataFlags struct {
	folderFlag
	NATSURL string `name:"nats-url" help:"An existing NATS cluster with JetStream for the queue, instead of the one inside." placeholder:"URL" env:"CHARTHAND_NATS_URL"`
}

// open opens the queue.
func (f dataFlags) open(ctx context.Context) (*queue.Queue, error) {
	return f.openWith(ctx, queue.Config{})
}

// openWith opens the queue, with limits of its own.
func (f dataFlags) openWith(ctx context.Context, config queue.Config) (*queue.Queue, error) {
	config.URL = f.NATSURL
	if config.URL == "" {
		var err error
		if config.Dir, err = f.folder(); err != nil {
			return nil, err
		}
	}
	q, err := queue.Open(ctx, config)
	if err != nil {
		return nil, usageError{err}
	}
	return q, nil
}

// secretFlag says what notifications have to carry.
type secretFlag struct {
	SecretFile string `help:"File with the secret that the FHIR server sends with each notification; CHARTHAND_HOOK_SECRET by default." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_SECRET_FILE"`
}

// hookSecretVariable is the environment variable with the secret.
const hookSecretVariable = "CHARTHAND_HOOK_SECRET"

func (f secretFlag) read() (string, error) {
	if f.SecretFile == "" {
		return os.Getenv(hookSecretVariable), nil
	}
	value, err := secret(f.SecretFile)
	if err != nil {
		return "", usageError{fmt.Errorf("--secret-file: %w", err)}
	}
	return value, nil
}

// syncSettings are a site's for the work beside a FHIR server.
type syncSettings struct {
	// Criteria are the searches that find documents.
	Criteria []string `yaml:"criteria"`
	// Workers is how many documents are worked on at once.
	Workers int `yaml:"workers"`
	// Tag marks documents that have been read, on the server; none by default.
	Tag *besides.Tag `yaml:"tag"`
	// KeepDone is how long it is remembered that a document was read, KeepDead how long one that came to nothing is.
	KeepDone string `yaml:"keepDone"`
	KeepDead string `yaml:"keepDead"`
	// Every is the time between two searches for what no notification has told of.
	Every string `yaml:"every"`
}

const defaultEvery = time.Minute

// check says which search is none, and whether anybody works.
func (c syncSettings) check() error {
	if c.Workers < 0 {
		return fmt.Errorf("sync.workers: %d is no number of workers", c.Workers)
	}
	for _, criteria := range c.Criteria {
		if resourceType, _, is := strings.Cut(criteria, "?"); !is || !fhir.IsDocument(resourceType) {
			return fmt.Errorf("sync.criteria: %q is no search such as DocumentReference?status=current", criteria)
		}
	}
	return nil
}

// duration reads a setting, 0 where it is not set.
func duration(name, value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("sync.%s: %q is no time such as 60s", name, value)
	}
	return d, nil
}

// times reads the times of the settings.
func (c syncSettings) times() (every, keepDone, keepDead time.Duration, err error) {
	every, errEvery := duration("every", c.Every)
	keepDone, errDone := duration("keepDone", c.KeepDone)
	keepDead, errDead := duration("keepDead", c.KeepDead)
	return cmp.Or(every, defaultEvery), keepDone, keepDead, errors.Join(errEvery, errDone, errDead)
}

// beside is the work beside a FHIR server.
type beside struct {
	queue   *queue.Queue
	worker  *besides.Worker
	workers int
	every   time.Duration
	logger  *slog.Logger
}

// newBeside opens the queue and makes the workers.
func newBeside(ctx context.Context, in *settings, data dataFlags, extractor besides.Extractor, logger *slog.Logger) (*beside, error) {
	every, keepDone, keepDead, err := in.Sync.times()
	if err != nil {
		return nil, usageError{err}
	}
	q, err := data.openWith(ctx, queue.Config{KeepDone: keepDone, KeepDead: keepDead, Own: true})
	if err != nil {
		return nil, err
	}
	b := &beside{queue: q, workers: cmp.Or(in.Sync.Workers, runtime.GOMAXPROCS(0)), every: every, logger: logger}
	transactions, events := capabilities(ctx, in.fetcher)
	b.worker, err = besides.New(besides.Config{
		Server: in.fetcher, Extractor: extractor, Queue: q, Criteria: in.Sync.Criteria, Tag: in.Sync.Tag, Transactions: transactions, Events: events, Logger: logger,
	})
	if err != nil {
		q.Close()
		return nil, err
	}
	return b, nil
}

// capabilities asks the server whether it does transactions, and whether it tells of missed events; one that does not answer is taken to do the
// first.
func capabilities(ctx context.Context, fhirServer *client.Client) (transactions, events bool) {
	raw, err := fhirServer.Read(ctx, "metadata")
	var statement struct {
		Rest []struct {
			Mode        string `json:"mode"`
			Interaction []struct {
				Code string `json:"code"`
			} `json:"interaction"`
			Resource []struct {
				Type      string `json:"type"`
				Operation []struct {
					Name string `json:"name"`
				} `json:"operation"`
			} `json:"resource"`
		} `json:"rest"`
	}
	if err != nil || json.Unmarshal(raw, &statement) != nil {
		return true, false
	}
	for _, rest := range statement.Rest {
		for _, interaction := range rest.Interaction {
			transactions = transactions || rest.Mode == "server" && interaction.Code == "transaction"
		}
		for _, resource := range rest.Resource {
			for _, operation := range resource.Operation {
				events = events || resource.Type == "Subscription" && strings.TrimPrefix(operation.Name, "$") == "events"
			}
		}
	}
	return transactions, events
}

// run works until the context ends, and closes the queue.
func (b *beside) run(ctx context.Context) {
	defer b.queue.Close()
	var group sync.WaitGroup
	group.Go(func() { _ = b.queue.Run(ctx, b.workers, b.worker.Handle) })
	group.Go(func() { b.catchUp(ctx) })
	group.Wait()
}

// catchUp asks for a catch-up at the start and from time to time: a notification that did not arrive is never repeated by some servers.
func (b *beside) catchUp(ctx context.Context) {
	wait := time.Duration(0)
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if !begun {
			err := b.worker.Begin(ctx)
			if err != nil && ctx.Err() == nil { // the server may be down; its time of now is wanted all the same
				b.logger.Error("the search for new documents cannot begin", "reason", err.Error())
			}
			if wait = min(b.every, 5*time.Second); client.IsTemporary(err) {
				continue
			}
			begun = err == nil // the searches that can be made are made
		}
		wait = b.every
		if err := b.queue.Add(ctx, queue.Job{CatchUp: true, Source: besides.Timer}); err != nil && ctx.Err() == nil {
			b.logger.Error("catch-up not stored", "full", errors.Is(err, queue.ErrFull))
		}
	}
}

// hooks gives what takes notifications.
func (b *beside) hooks(secret string) *server.Hooks {
	return &server.Hooks{Jobs: b.queue, Secret: secret}
}
