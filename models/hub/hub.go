// Package hub gets model folders from the Hugging Face hub, or a server that answers as it does, into a cache.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"charthand/nlp/onnx"
)

// Endpoint is where models come from unless told otherwise.
const Endpoint = "https://huggingface.co"

// The files of a repository that a model folder needs: what is there of these, and one of the graphs, or else of the weights.
var (
	companions = []string{
		"config.json", "charthand.json", "expected.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
	}
	// vocabularies are what a tokenizer is made from where there is no tokenizer.json: training/ needs them then.
	vocabularies = []string{"vocab.txt", "vocab.json", "merges.txt", "spm.model", "spiece.model", "sentencepiece.bpe.model"}
)

// ErrNotCached says that a model is not in the cache, and the client is not to ask the hub.
var ErrNotCached = errors.New("not in the cache")

// Progress is told how many bytes of a file are there.
type Progress func(file string, done, size int64)

// Client gets models. Its fields are set before it is used.
type Client struct {
	Endpoint string // without a slash at its end
	Token    string // for models that are not public; sent to the endpoint alone
	Folder   string // the cache
	Offline  bool   // answer from the cache alone
	HTTP     *http.Client
	Progress Progress
	Stall    time.Duration // how long a connection may bring nothing; 0 is a minute
}

// Model is a model folder in the cache.
type Model struct {
	Name     string // owner/name
	Commit   string
	Folder   string
	HasGraph bool // without one there are weights alone, which training/ turns into a graph
}

var (
	modelName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?$`)
	revisions = regexp.MustCompile(`^[\w][\w.-]*(?:/[\w][\w.-]*)*$`)
	commits   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// listing is what the hub says of a revision (GET /api/models/NAME/revision/REVISION?blobs=true).
type listing struct {
	Commit string `json:"sha"`
	Files  []file `json:"siblings"`
}

type file struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"` // the SHA-1 of a git blob, of files that are not in LFS
	LFS  *struct {
		SHA256 string `json:"sha256"`
	} `json:"lfs"`
}

// Pull gets a model at a revision (a branch, a tag or a commit). What is in the cache already is not fetched again, a file that was
// begun is gone on with, and every file is compared with its checksum.
func (c *Client) Pull(ctx context.Context, name, revision string) (*Model, error) {
	if !modelName.MatchString(name) || strings.Contains(name, "..") {
		return nil, fmt.Errorf("%q is not the name of a model (owner/name)", name)
	}
	if !revisions.MatchString(revision) || strings.Contains(revision, "..") {
		return nil, fmt.Errorf("%q is not a revision", revision)
	}
	if c.Offline {
		return c.cached(name, revision)
	}
	listed, err := c.list(ctx, name, revision)
	if err != nil {
		return nil, err
	}
	wanted, hasGraph, err := choose(listed.Files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	folder := filepath.Join(c.repository(name), listed.Commit)
	for _, f := range wanted {
		source := fmt.Sprintf("%s/%s/resolve/%s/%s", c.Endpoint, name, listed.Commit, f.Name)
		if err := c.fetch(ctx, source, f, filepath.Join(folder, filepath.FromSlash(f.Name))); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, f.Name, err)
		}
	}
	if err := c.remember(name, revision, listed.Commit); err != nil {
		return nil, err
	}
	return &Model{name, listed.Commit, folder, hasGraph}, nil
}

// list asks the hub for the files of a revision.
func (c *Client) list(ctx context.Context, name, revision string) (*listing, error) {
	response, err := c.get(ctx, fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", c.Endpoint, name, url.PathEscape(revision)), 0)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s at %s: %w", name, revision, refusal(response.StatusCode))
	}
	var l listing
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 16<<20)).Decode(&l); err != nil || !commits.MatchString(l.Commit) {
		return nil, fmt.Errorf("%s does not answer as a hub does", c.Endpoint)
	}
	return &l, nil
}

// refusal says what a status of the hub means.
func refusal(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return errors.New("the hub refuses it: is the name right? If the model is not public, set HF_TOKEN to a token that may read it")
	case http.StatusNotFound:
		return errors.New("the hub has no such model or revision")
	}
	return fmt.Errorf("the hub answers %d %s", status, http.StatusText(status))
}

// get asks for a resource, from a byte on.
func (c *Client) get(ctx context.Context, source string, from int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	client := *c.HTTP
	client.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		if len(before) >= 10 {
			return errors.New("the hub redirects without end")
		}
		if next.URL.Scheme != before[0].URL.Scheme || next.URL.Host != before[0].URL.Host {
			next.Header.Del("Authorization") // net/http keeps it for subdomains and other ports
		}
		return nil
	}
	return client.Do(request)
}

// choose picks the files that are needed of those that there are.
func choose(files []file) (wanted []file, hasGraph bool, err error) {
	byName := map[string]file{}
	for _, f := range files {
		byName[f.Name] = f
	}
	first := func(names []string) bool {
		for _, name := range names {
			if f, found := byName[name]; found {
				wanted = append(wanted, f)
				return true
			}
		}
		return false
	}
	for _, name := range companions {
		first([]string{name})
	}
	if _, found := byName["config.json"]; !found {
		return nil, false, errors.New("it has no config.json: it is no model of Transformers")
	}
	if hasGraph = first(onnx.GraphFiles); hasGraph {
		graph := wanted[len(wanted)-1].Name
		for _, ending := range []string{"_data", ".data"} {
			if _, found := byName[graph+ending]; found {
				return nil, false, fmt.Errorf("its %s keeps its weights in another file, which charthand does not read", graph)
			}
		}
		if _, found := byName["tokenizer.json"]; !found {
			return nil, false, errors.New("it has no tokenizer.json: save its tokenizer with a fast one of Transformers first")
		}
		return wanted, true, nil
	}
	for _, name := range vocabularies {
		first([]string{name})
	}
	if !first(onnx.WeightFiles) {
		return nil, false, errors.New("it has neither an ONNX graph nor weights")
	}
	return wanted, false, nil
}

// repository is the folder of all the revisions of a model.
func (c *Client) repository(name string) string {
	return filepath.Join(c.Folder, strings.ReplaceAll(name, "/", "--"))
}

// remember writes down which commit a revision is, once all its files are there.
func (c *Client) remember(name, revision, commit string) error {
	for _, ref := range []string{revision, commit} {
		path := filepath.Join(c.repository(name), "refs", url.PathEscape(ref))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path+partial, []byte(commit), 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+partial, path); err != nil {
			return err
		}
	}
	return nil
}

// cached finds a model that was pulled before.
func (c *Client) cached(name, revision string) (*Model, error) {
	commit, err := os.ReadFile(filepath.Join(c.repository(name), "refs", url.PathEscape(revision)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s at %s: %w", name, revision, ErrNotCached)
	}
	if err != nil {
		return nil, err
	}
	if !commits.Match(commit) {
		return nil, fmt.Errorf("%s at %s: the cache is damaged, pull it again: %w", name, revision, ErrNotCached)
	}
	return c.model(name, string(commit)), nil
}

func (c *Client) model(name, commit string) *Model {
	folder := filepath.Join(c.repository(name), commit)
	hasGraph := slices.ContainsFunc(onnx.GraphFiles, func(graph string) bool {
		_, err := fs.Stat(os.DirFS(folder), graph)
		return err == nil
	})
	return &Model{name, commit, folder, hasGraph}
}

// List gives the models that were pulled, whole ones alone, in the order of their names.
func (c *Client) List() ([]*Model, error) {
	refs, err := filepath.Glob(filepath.Join(c.Folder, "*", "refs", "*"))
	if err != nil {
		return nil, err
	}
	var models []*Model
	for _, ref := range refs {
		if commit := filepath.Base(ref); commits.MatchString(commit) {
			name := strings.Replace(filepath.Base(filepath.Dir(filepath.Dir(ref))), "--", "/", 1)
			models = append(models, c.model(name, commit))
		}
	}
	return models, nil
}
