// Package web is what browsers are shown: the page at / and the modules that show a note with what was found in it. Everything is inside the
// binary, nothing comes from elsewhere, and no script or style stands in a page itself.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed static
var static embed.FS

// Policy is the Content-Security-Policy of the pages: their own scripts, styles and answers, and nothing that writes markup.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ownAnswers is the part of the Policy that says whom scripts may ask.
const ownAnswers = "connect-src 'self'"

// contentTypes are those of the files by their ending; a file of another kind is a mistake that New reports.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// asset is one file, as it is and compressed.
type asset struct {
	contentType, tag string
	body, zipped     []byte
}

// Assets are the pages and what they load. They are read-only once made.
type Assets struct {
	files map[string]*asset
	// Version changes with any of the files: what is below /web/{Version}/ never does.
	Version string
}

// versionMark stands in the pages for the Version.
const versionMark = "{version}"

// New reads and compresses the files inside.
func New() (*Assets, error) {
	a := &Assets{files: map[string]*asset{}}
	whole := sha256.New()
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		kind, known := contentTypes[path.Ext(name)]
		if !known {
			return fmt.Errorf("web: %s: no content type for it", name)
		}
		whole.Write(body)
		a.files[strings.TrimPrefix(name, "static/")] = &asset{contentType: kind, body: body}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.Version = hex.EncodeToString(whole.Sum(nil))[:12]
	for name, file := range a.files {
		if path.Ext(name) == ".html" {
			file.body = bytes.ReplaceAll(file.body, []byte(versionMark), []byte(a.Version))
		}
		sum := sha256.Sum256(file.body)
		file.tag = hex.EncodeToString(sum[:8])
		var zipped bytes.Buffer
		writer, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.body); err != nil {
			return nil, err
		}
		if err := writer.Close(); err != nil {
			return nil, err
		}
		file.zipped = zipped.Bytes()
	}
	return a, nil
}

// Page serves one of the pages, and says how it may be used: kept by nobody without asking whether it is still the same. Its scripts may ask
// the servers of some origins ("https://fhir.example.org") beside its own.
func (a *Assets) Page(name string, w http.ResponseWriter, r *http.Request, origins ...string) {
	w.Header().Set("Content-Security-Policy", strings.Replace(Policy, ownAnswers, strings.Join(append([]string{ownAnswers}, origins...), " "), 1))
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-cache")
	a.serve(name, w, r)
}

// File serves what a page loads, by its name below a version; found says that there is such a file.
func (a *Assets) File(version, name string, w http.ResponseWriter, r *http.Request) (found bool) {
	if version != a.Version || a.files[name] == nil || path.Ext(name) == ".html" {
		return false
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	a.serve(name, w, r)
	return true
}

func (a *Assets) serve(name string, w http.ResponseWriter, r *http.Request) {
	file, header, body := a.files[name], w.Header(), a.files[name].body
	tag := file.tag
	header.Set("Content-Type", file.contentType)
	header.Set("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		body, tag = file.zipped, tag+"-gzip"
	}
	header.Set("ETag", `"`+tag+`"`)
	if slices.Contains(tagsOf(r.Header.Get("If-None-Match")), `"`+tag+`"`) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// tagsOf gives the entity tags of an If-None-Match header; weak ones compare like strong ones (RFC 9110, section 13.1.2).
func tagsOf(header string) []string {
	var tags []string
	for tag := range strings.SplitSeq(header, ",") {
		tags = append(tags, strings.TrimPrefix(strings.TrimSpace(tag), "W/"))
	}
	return tags
}

// acceptsGzip reports whether a client takes gzip (RFC 9110, section 12.5.3).
func acceptsGzip(headers []string) bool {
	for coding := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		_, quality, weighted := strings.Cut(weight, "=")
		q, err := strconv.ParseFloat(strings.TrimSpace(quality), 64)
		return !weighted || err == nil && q > 0
	}
	return false
}
