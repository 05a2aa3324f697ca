package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gitBlob is the name that git gives a file, which is the hub's checksum of it.
func gitBlob(data []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...))
	return hex.EncodeToString(sum[:])
}

// The whole way of a user's model: pulled from a hub, listed, checked, run.
func TestModelPull(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	names := []string{"config.json", "tokenizer.json", "expected.json", "model.onnx"}
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/models/someone/tiny/") {
			files := make([]string, 0, len(names))
			for _, name := range names {
				data, err := os.ReadFile(filepath.Join(bertFolder, name))
				if err != nil {
					panic(err)
				}
				files = append(files, fmt.Sprintf(`{"rfilename":%q,"size":%d,"blobId":%q}`, name, len(data), gitBlob(data)))
			}
			fmt.Fprintf(w, `{"sha":%q,"siblings":[%s]}`, commit, strings.Join(files, ","))
			return
		}
		http.StripPrefix("/someone/tiny/resolve/"+commit+"/", http.FileServer(http.Dir(bertFolder))).ServeHTTP(w, r)
	}))
	defer hub.Close()
	t.Setenv(endpointVariable, hub.URL+"/")
	t.Setenv(tokenVariable, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())

	if _, messages, code := program(t, "", "model", "pull", "someone/tiny", "--offline"); code != exitFailed || !strings.Contains(messages, "not in the cache") {
		t.Errorf("before it was pulled: exit code %d: %s", code, messages)
	}
	folder, messages, code := program(t, "", "model", "pull", "someone/tiny")
	if code != exitDone || !strings.Contains(messages, "model.onnx") {
		t.Fatalf("exit code %d: %s", code, messages)
	}
	folder = strings.TrimSpace(folder)
	if out, _, _ := program(t, "", "model", "list"); !strings.Contains(out, "(inside)") || !strings.Contains(out, "someone/tiny@0123456789ab\t"+folder) {
		t.Errorf("list: %s", out)
	}
	if out, messages, code := program(t, "", "model", "check", folder); code != exitDone || !strings.Contains(out, ": 0 texts") {
		t.Errorf("check: exit code %d: %s%s", code, out, messages)
	}
	if out, messages, code := program(t, "Severe pain.", "ner", "--model", folder); code != exitDone || !strings.Contains(out, "entity_group") {
		t.Errorf("ner: exit code %d: %s%s", code, out, messages)
	}
	if _, messages, code := program(t, "", "model", "pull", "someone/else"); code != exitFailed || !strings.Contains(messages, "someone/else") {
		t.Errorf("another model: exit code %d: %s", code, messages)
	}
}
