package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"charthand/server/web"
)

// mostCompressed bounds what the page loads, in bytes.
const mostCompressed = 300_000

func assets(t *testing.T) *web.Assets {
	t.Helper()
	a, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func files(t *testing.T) []string {
	t.Helper()
	var names []string
	if err := fs.WalkDir(os.DirFS("static"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

func get(a *web.Assets, name string, headers ...string) (*httptest.ResponseRecorder, bool) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	if path.Ext(name) == ".html" {
		a.Page(name, w, r)
		return w, true
	}
	return w, a.File(a.Version, name, w, r)
}

// Every file comes as it is and compressed, the same bytes, with its type and a tag for each form.
func TestForms(t *testing.T) {
	a := assets(t)
	types := map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	whole := 0
	for _, name := range files(t) {
		plain, found := get(a, name)
		zipped, _ := get(a, name, "Accept-Encoding", "br, gzip;q=0.9")
		if !found || plain.Header().Get("Content-Type") != types[path.Ext(name)] || plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v %v %v", name, found, plain.Header(), zipped.Header())
		}
		whole += zipped.Body.Len()
		reader, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if unzipped, err := io.ReadAll(reader); err != nil || !bytes.Equal(unzipped, plain.Body.Bytes()) {
			t.Errorf("%s: compressed it is something else", name)
		}
		tag := zipped.Header().Get("ETag")
		if again, _ := get(a, name, "Accept-Encoding", "gzip", "If-None-Match", `"x", W/`+tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 || tag == plain.Header().Get("ETag") {
			t.Errorf("%s: asked again: %d", name, again.Code)
		}
		if none, _ := get(a, name, "Accept-Encoding", "gzip;q=0"); none.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: compressed for somebody who does not take it", name)
		}
	}
	t.Logf("all files together: %d bytes compressed", whole)
	if whole > mostCompressed {
		t.Errorf("%d bytes compressed, more than %d", whole, mostCompressed)
	}
}

// Pages are asked for each time, what they load never changes.
func TestKept(t *testing.T) {
	a := assets(t)
	page, _ := get(a, "index.html")
	script, _ := get(a, "page.js")
	if got := page.Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the page: %s", got)
	}
	if got := script.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("a script: %s", got)
	}
	if a.File("another", "page.js", httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) {
		t.Error("another version is there")
	}
	if _, found := get(a, "../web.go"); found {
		t.Error("a file that is none of the page's is there")
	}
}

// Nothing that the policy forbids stands in what is served: no script or style in a page, no address elsewhere, nothing that reads markup.
func TestNothingInline(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+="|<script(>|[^>]*>[^<])|innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function`)
	elsewhere := regexp.MustCompile(`(src|href)="(https?:)?//|@import|\burl\(|from 'http|import\('`)
	for _, name := range files(t) {
		body, err := os.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []*regexp.Regexp{forbidden, elsewhere} {
			if found := rule.Find(body); found != nil {
				t.Errorf("%s has %q", name, found)
			}
		}
	}
	if !strings.Contains(web.Policy, "default-src 'none'") || strings.Contains(web.Policy, "unsafe") {
		t.Error(web.Policy)
	}
}
