package hub_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/models/hub"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	name   = "someone/clinical-ner"
)

// server answers as the hub does: a listing with checksums, files behind a redirect to another host.
type server struct {
	files   map[string]string
	lfs     map[string]bool
	corrupt string // a file whose content is not what was announced
	breaks  int    // how often the connection breaks in the middle of a file
	token   string // that is asked for, "" for none

	mutex    sync.Mutex
	asked    []string // the files that were asked for, with the byte from which on
	storage  *httptest.Server
	endpoint *httptest.Server
}

func start(t *testing.T, s *server) *server {
	t.Helper()
	s.storage = httptest.NewServer(http.HandlerFunc(s.store))
	s.endpoint = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.storage.Close)
	t.Cleanup(s.endpoint.Close)
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	if s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/api/models/"+name+"/revision/main" && r.URL.Query().Get("blobs") == "true" {
		var siblings []map[string]any
		for path, content := range s.files {
			blob := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
			entry := map[string]any{"rfilename": path, "size": len(content), "blobId": hex.EncodeToString(blob[:])}
			if s.lfs[path] {
				sum := sha256.Sum256([]byte(content))
				entry["blobId"], entry["lfs"] = strings.Repeat("0", 40), map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(content)}
			}
			siblings = append(siblings, entry)
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings}); err != nil {
			panic(err)
		}
		return
	}
	path, found := strings.CutPrefix(r.URL.Path, "/"+name+"/resolve/"+commit+"/")
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	// Another host, as a browser sees it: 127.0.0.1 is not localhost.
	http.Redirect(w, r, strings.Replace(s.storage.URL, "127.0.0.1", "localhost", 1)+"/"+path, http.StatusFound)
}

func (s *server) store(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	content := s.files[path]
	if path == s.corrupt {
		content = strings.Repeat("?", len(content))
	}
	s.mutex.Lock()
	s.asked = append(s.asked, path+" "+r.Header.Get("Range")+r.Header.Get("Authorization"))
	breaks := s.breaks > 0 && len(content) > 1000
	if breaks {
		s.breaks--
	}
	s.mutex.Unlock()
	if !breaks {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
		return
	}
	broken := &breaking{ResponseWriter: w, left: 500}
	http.ServeContent(broken, r, "", time.Time{}, strings.NewReader(content))
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
	panic(http.ErrAbortHandler)
}

// breaking writes the beginning of an answer alone.
type breaking struct {
	http.ResponseWriter
	left int
}

// Write implements http.ResponseWriter.
func (b *breaking) Write(data []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("broken")
	}
	n, err := b.ResponseWriter.Write(data[:min(len(data), b.left)])
	b.left -= n
	return n, err
}

func client(t *testing.T, s *server) *hub.Client {
	t.Helper()
	return &hub.Client{Endpoint: s.endpoint.URL, Token: s.token, Folder: t.TempDir(), HTTP: s.endpoint.Client()}
}

func whole() *server {
	return &server{
		files: map[string]string{
			"config.json": "{}", "tokenizer.json": "{ }", "README.md": "not needed", "model.safetensors": "not needed",
			"onnx/model.onnx": strings.Repeat("graph", 1000), "onnx/model_quantized.onnx": "not needed",
		},
		lfs: map[string]bool{"onnx/model.onnx": true},
	}
}

func check(t *testing.T, s *server, m *hub.Model, paths ...string) {
	t.Helper()
	for _, path := range paths {
		got, err := os.ReadFile(filepath.Join(m.Folder, path))
		if err != nil || string(got) != s.files[path] {
			t.Errorf("%s: %d bytes, expected %d (%v)", path, len(got), len(s.files[path]), err)
		}
	}
	count := 0
	err := filepath.WalkDir(m.Folder, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			count++
		}
		return err
	})
	if err != nil || count != len(paths) {
		t.Errorf("%d files, expected %d (%v)", count, len(paths), err)
	}
}

func TestPull(t *testing.T) {
	s := start(t, whole())
	c := client(t, s)
	var told []int64
	c.Progress = func(_ string, done, _ int64) { told = append(told, done) }
	m, err := c.Pull(context.Background(), name, "main")
	if err != nil {
		t.Fatal(err)
	}
	if m.Commit != commit || !m.HasGraph || len(told) == 0 {
		t.Errorf("%+v, progress %v", m, told)
	}
	check(t, s, m, "config.json", "tokenizer.json", "onnx/model.onnx")

	// What is there is not fetched again; without the network the cache answers, by the revision and by the commit.
	asked := len(s.asked)
	if _, err := c.Pull(context.Background(), name, "main"); err != nil || len(s.asked) != asked {
		t.Errorf("asked again for %v (%v)", s.asked[asked:], err)
	}
	s.endpoint.Close()
	c.Offline = true
	for _, revision := range []string{"main", commit} {
		if again, err := c.Pull(context.Background(), name, revision); err != nil || again.Folder != m.Folder || !again.HasGraph {
			t.Errorf("offline: %+v (%v)", again, err)
		}
	}
	if _, err := c.Pull(context.Background(), name, "v2"); !errors.Is(err, hub.ErrNotCached) {
		t.Errorf("offline, another revision: %v", err)
	}
	if models, err := c.List(); err != nil || len(models) != 1 || models[0].Name != name || models[0].Commit != commit {
		t.Errorf("list: %v (%v)", models, err)
	}
}

func TestPullWeightsAlone(t *testing.T) {
	s := start(t, &server{files: map[string]string{"config.json": "{}", "spm.model": "pieces", "model.safetensors": "weights"}})
	m, err := client(t, s).Pull(context.Background(), name, "main")
	if err != nil {
		t.Fatal(err)
	}
	if m.HasGraph {
		t.Error("a graph is said to be there")
	}
	check(t, s, m, "config.json", "spm.model", "model.safetensors")
}

func TestPullGoesOn(t *testing.T) {
	s := whole()
	s.breaks = 3
	start(t, s)
	c := client(t, s)
	m, err := c.Pull(context.Background(), name, "main")
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, m, "config.json", "tokenizer.json", "onnx/model.onnx")
	ranges := strings.Join(s.asked, "\n")
	for _, from := range []string{"bytes=500-", "bytes=1000-", "bytes=1500-"} {
		if !strings.Contains(ranges, "onnx/model.onnx "+from) {
			t.Errorf("%s was not asked for:\n%s", from, ranges)
		}
	}

	// A process that ended leaves a part behind.
	if err := os.Remove(filepath.Join(m.Folder, "onnx/model.onnx")); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(m.Folder, "onnx/model.onnx.part")
	if err := os.WriteFile(part, []byte(s.files["onnx/model.onnx"][:1234]), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err = c.Pull(context.Background(), name, "main"); err != nil {
		t.Fatal(err)
	}
	check(t, s, m, "config.json", "tokenizer.json", "onnx/model.onnx")
	if last := s.asked[len(s.asked)-1]; last != "onnx/model.onnx bytes=1234-" {
		t.Errorf("asked for %s", last)
	}
}

// Servers that do not keep to what they announced are given up, not asked for ever.
func TestPullEnds(t *testing.T) {
	for what, answer := range map[string]http.HandlerFunc{
		"it ended after 9 of": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusPartialContent)
				return
			}
			fmt.Fprint(w, "too short")
		},
		"does not go on":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
		"the hub answers 500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"bytes came, the hub anno": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("too long", 1000)) },
		"context canceled":         func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		s := start(t, &server{files: map[string]string{"config.json": strings.Repeat("{}", 500), "model.safetensors": "weights"}})
		s.storage.Config.Handler = answer
		c := client(t, s)
		if what == "context canceled" {
			c.Stall = 200 * time.Millisecond // the others answer, however slow the machine is
		}
		if what == "does not go on" {
			part := filepath.Join(c.Folder, "someone--clinical-ner", commit, "config.json.part")
			if err := errors.Join(os.MkdirAll(filepath.Dir(part), 0o700), os.WriteFile(part, []byte("{}"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.Pull(context.Background(), name, "main")
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPullRefusesFolders(t *testing.T) {
	for path, want := range map[string]string{"onnx/model.onnx_data": "another file", "tokenizer.json": "no tokenizer.json", "config.json": "no config.json"} {
		s := whole()
		if _, there := s.files[path]; there {
			delete(s.files, path)
		} else {
			s.files[path] = "weights"
		}
		if _, err := client(t, start(t, s)).Pull(context.Background(), name, "main"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPullRefusesWhatIsNotAsAnnounced(t *testing.T) {
	for _, path := range []string{"onnx/model.onnx", "config.json"} {
		s := whole()
		s.corrupt = path
		start(t, s)
		c := client(t, s)
		if _, err := c.Pull(context.Background(), name, "main"); err == nil || !strings.Contains(err.Error(), path+": its checksum") {
			t.Errorf("%s: %v", path, err)
		}
		left, err := filepath.Glob(filepath.Join(c.Folder, "*", commit, path+"*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
		c.Offline = true
		if _, err := c.Pull(context.Background(), name, "main"); !errors.Is(err, hub.ErrNotCached) {
			t.Errorf("%s is in the cache: %v", path, err)
		}
	}
}

func TestPullWithToken(t *testing.T) {
	s := whole()
	s.token = "secret-1"
	start(t, s)
	c := client(t, s)
	if _, err := c.Pull(context.Background(), name, "main"); err != nil {
		t.Error(err)
	}
	for _, asked := range s.asked {
		if strings.Contains(asked, "secret-1") {
			t.Errorf("the token went to another host: %s", asked)
		}
	}
	c.Token = ""
	if _, err := c.Pull(context.Background(), name, "main"); err == nil || !strings.Contains(err.Error(), "HF_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

func TestPullFaults(t *testing.T) {
	s := start(t, whole())
	c := client(t, s)
	for _, test := range []struct{ name, revision, want string }{
		{"someone/nothing", "main", "no such model"},
		{"../../etc", "main", "not the name of a model"},
		{"a/b/c", "main", "not the name of a model"},
		{name, "../main", "not a revision"},
		{name, "", "not a revision"},
	} {
		if _, err := c.Pull(context.Background(), test.name, test.revision); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s at %s: %v, expected %q", test.name, test.revision, err, test.want)
		}
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer other.Close()
	c.Endpoint = other.URL
	if _, err := c.Pull(context.Background(), name, "main"); err == nil || !strings.Contains(err.Error(), "does not answer as a hub") {
		t.Errorf("no hub: %v", err)
	}
	delete(s.files, "config.json")
	c.Endpoint = s.endpoint.URL
	if _, err := c.Pull(context.Background(), name, "main"); err == nil || !strings.Contains(err.Error(), "no config.json") {
		t.Errorf("no model: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Pull(ctx, name, "main"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
