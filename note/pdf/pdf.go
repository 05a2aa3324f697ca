// Package pdf reads the text layer of PDF documents with PDFium, which runs as WebAssembly: what a document makes it do stays inside a
// sandbox without files, network or output, with bounds on memory and time.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"charthand/note"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Bounds on the reading of one document.
const (
	// MaxMemory is what PDFium may use beside the document itself, in bytes.
	MaxMemory = 64 << 20
	// MaxPages is the largest number of pages that is read.
	MaxPages = 2000

	// A document gets some time, and some more for each page: a page takes about five milliseconds.
	timePerDocument = 1500 * time.Millisecond
	timePerPage     = 20 * time.Millisecond
	maxTime         = 15 * time.Second

	wasmPage = 64 << 10
)

// Reader reads PDF. It is safe for concurrent use; what is more than its processors waits. PDFium is compiled for this machine at the first
// document, which takes some seconds; what was compiled is kept in a folder, and then a start takes a fraction of a second.
type Reader struct {
	cacheDir string

	mutex  sync.Mutex
	pool   pdfium.Pool
	cache  wazero.CompilationCache
	closed bool
}

// New makes a Reader. cacheDir is where the compiled PDFium is kept; it is made with mode 0700. Where it is empty or cannot be used, nothing
// is kept.
func New(cacheDir string) *Reader { return &Reader{cacheDir: cacheDir} }

// Close frees what the Reader holds. No document may be under way.
func (r *Reader) Close() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.closed = true
	if r.pool == nil {
		return nil
	}
	err := r.pool.Close()
	r.pool = nil
	if r.cache != nil {
		err = errors.Join(err, r.cache.Close(context.Background()))
	}
	return err
}

// Prepare compiles PDFium if that has not been done, so that the first document need not wait for it.
func (r *Reader) Prepare() error {
	_, err := r.instances()
	return err
}

// instances starts PDFium.
func (r *Reader) instances() (pdfium.Pool, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case r.closed:
		return nil, errors.New("pdf: the reader is closed")
	case r.pool != nil:
		return r.pool, nil
	}
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(MaxMemory / wasmPage).
		WithCloseOnContextDone(true)
	if r.cacheDir != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(r.cacheDir); err == nil {
			r.cache = cache
			config = config.WithCompilationCache(cache)
		}
	}
	pool, err := webassembly.Init(webassembly.Config{
		Context:       experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0)),
		MaxTotal:      max(1, min(4, runtime.GOMAXPROCS(0))),
		FSConfig:      wazero.NewFSConfig(), // no files
		RuntimeConfig: config,
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("pdf: PDFium cannot be started: %w", err)
	}
	r.pool = pool
	return pool, nil
}

// errTime ends the work on a document that takes too long.
var errTime = errors.New("too slow")

// ReadPDF implements note.PDFReader.
func (r *Reader) ReadPDF(ctx context.Context, data []byte) (pages [][]string, err error) {
	pool, err := r.instances()
	if err != nil {
		return nil, err
	}
	instance, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("pdf: %w", err)
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := time.AfterFunc(timePerDocument, func() { cancel(errTime) })
	defer clock.Stop()
	// PDFium knows no context: it is stopped from outside, and its instance is lost with that.
	killed := make(chan struct{})
	stop := context.AfterFunc(limited, func() {
		defer close(killed)
		_ = instance.Kill()
	})
	pages, err = readDocument(instance, data, func(pages int) {
		clock.Reset(min(maxTime, timePerDocument+time.Duration(pages)*timePerPage))
	})
	if stop() {
		_ = instance.Close() // the document's memory goes with the instance
	} else {
		<-killed
		if context.Cause(limited) == errTime { //nolint:errorlint // it is the cause itself
			return nil, fmt.Errorf("%w: the PDF takes longer to read than a document may", note.ErrTooLong)
		}
		return nil, ctx.Err()
	}
	return pages, err
}

// readDocument reads all pages; counted is told how many there are.
func readDocument(instance pdfium.Pdfium, data []byte, counted func(pages int)) ([][]string, error) {
	opened, err := instance.OpenDocument(&requests.OpenDocument{FileReader: bytes.NewReader(data), FileReaderSize: int64(len(data))})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword):
		return nil, fmt.Errorf("%w: the PDF needs a password", note.ErrEncrypted)
	case errors.Is(err, pdfiumerrors.ErrSecurity):
		return nil, fmt.Errorf("%w: in a way that is not known", note.ErrEncrypted)
	case err != nil:
		return nil, fmt.Errorf("%w: it is no PDF that can be opened", note.ErrDamaged)
	}
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	switch {
	case err != nil || count.PageCount == 0:
		return nil, fmt.Errorf("%w: the PDF has no pages", note.ErrDamaged)
	case count.PageCount > MaxPages:
		return nil, fmt.Errorf("%w: the PDF has %d pages, %d are the most that is read", note.ErrTooLong, count.PageCount, MaxPages)
	}
	counted(count.PageCount)
	pages := make([][]string, count.PageCount)
	length := 0
	for i := range pages {
		fragments, err := readPage(instance, requests.Page{ByIndex: &requests.PageByIndex{Document: opened.Document, Index: i}})
		if err != nil {
			return nil, fmt.Errorf("%w: page %d cannot be read", note.ErrDamaged, i+1)
		}
		for _, f := range fragments {
			length += len(f.text)
		}
		if length > 4*note.MaxCharacters {
			return nil, fmt.Errorf("%w: the PDF has more than %d characters", note.ErrTooLong, note.MaxCharacters)
		}
		pages[i] = layOut(fragments)
	}
	return pages, nil
}
