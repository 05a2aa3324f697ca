package client

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// How long a bulk export may take, and how long the first and the longest wait between two questions after it are.
const (
	exportTime  = 24 * time.Hour
	exportPause = time.Second
	maxPause    = time.Minute
	maxFile     = 4 << 30
)

// Export has the server export all resources of some types that were changed since a time (Bulk Data Access 2.0), and calls a function with each; an
// empty since means all.
func (c *Client) Export(ctx context.Context, types, since string, each func(json.RawMessage) error) error {
	query := "$export?_type=" + url.QueryEscape(types)
	if since != "" {
		query += "&_since=" + url.QueryEscape(since)
	}
	begun, err := c.Do(ctx, http.MethodGet, query, http.Header{"Prefer": {"respond-async"}}, nil)
	if err != nil {
		return err
	}
	status := begun.Header.Get("Content-Location")
	if begun.Status != http.StatusAccepted || status == "" {
		return failure{"the server does not say where its export is", false}
	}
	files, err := c.awaitExport(ctx, status)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := c.exported(ctx, file, each); err != nil {
			return err
		}
	}
	// It is read: the server may forget it. That it does not is no failure.
	_, _ = c.Do(ctx, http.MethodDelete, status, nil, nil)
	return nil
}

// awaitExport waits until an export is there, and gives the addresses of its files.
func (c *Client) awaitExport(ctx context.Context, status string) (files []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, exportTime)
	defer cancel()
	for pause := exportPause; ; {
		answer, err := c.Do(ctx, http.MethodGet, status, http.Header{}, nil)
		if err != nil {
			return nil, err
		}
		if answer.Status == http.StatusOK {
			var manifest struct {
				Output []struct {
					URL string `json:"url"`
				} `json:"output"`
				Error []json.RawMessage `json:"error"`
			}
			if json.Unmarshal(answer.Body, &manifest) != nil {
				return nil, failure{"the export's manifest cannot be read", false}
			}
			for _, output := range manifest.Output {
				files = append(files, output.URL)
			}
			return files, nil
		}
		// Small exports are there soon, whatever the server says; after a while what it says counts.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(pause, cmp.Or(retryAfter(answer.Header), maxPause), maxPause)):
		}
		pause *= 2
	}
}

// maxExportLine bounds a resource of an export, in bytes.
const maxExportLine = 64 << 20

// exported reads a file of an export, line by line. A file that is not the server's is read without what shows the server who asks.
func (c *Client) exported(ctx context.Context, file string, each func(json.RawMessage) error) error {
	target, err := c.resolve(file)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return refusal{"its url is none"}
	}
	request.Header.Set("Accept", "application/fhir+ndjson, application/ndjson;q=0.9, */*;q=0.1")
	if c.config.Auth != nil && c.isBase(target) {
		if err := c.config.Auth.Authorize(ctx, request); err != nil {
			return err
		}
	}
	long := *c.http
	long.Timeout = 0 // a file is as long as it is; the context ends it
	answer, err := long.Do(request)
	if err != nil {
		return c.explain(ctx, target, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &StatusError{Status: answer.StatusCode}
	}
	lines := bufio.NewScanner(http.MaxBytesReader(nil, answer.Body, maxFile))
	lines.Buffer(nil, maxExportLine)
	for lines.Scan() {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := each(bytes.Clone(line)); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return failure{fmt.Sprintf("a resource of the export has more than %d bytes", maxExportLine), false}
		}
		return c.explain(ctx, target, err)
	}
	return nil
}
