package pdf

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
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

// workerVariable is the environment variable that makes this program a worker: it reads PDF documents from its standard input and writes what
// they say to its standard output. Its value is the cache folder.
const workerVariable = "CHARTHAND_PDF_WORKER"

// A program that has this package in it can be a worker, whatever else it is.
func init() {
	if cacheDir, is := os.LookupEnv(workerVariable); is {
		// A signal that a terminal or a supervisor sends to all is the parent's to follow: the worker ends with its input.
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		os.Exit(work(strings.TrimSuffix(cacheDir, "/"), os.Stdin, os.Stdout))
	}
}

// answer is what a worker says: once that it is ready, then for each document how many pages there are, and what they say or why that cannot
// be told.
type answer struct {
	Count int
	Pages [][]string
	Kind  string // of the error, empty for none
	Why   string // more of it
}

// kinds are the errors that a worker can name.
var kinds = map[string]error{"damaged": note.ErrDamaged, "encrypted": note.ErrEncrypted, "long": note.ErrTooLong}

// refusal is an error with its kind.
type refusal struct{ kind, why string }

func (r refusal) Error() string { return r.kind + r.why }

// writeDocument writes a document with its length before it.
func writeDocument(w io.Writer, data []byte) error {
	if err := binary.Write(w, binary.BigEndian, uint32(len(data))); err != nil { //nolint:gosec // note.MaxBytes at the most
		return err
	}
	_, err := w.Write(data)
	return err
}

// work reads documents until there are no more.
func work(cacheDir string, in io.Reader, out io.Writer) (status int) {
	pool, err := start(cacheDir)
	if err != nil {
		return 1
	}
	debug.FreeOSMemory() // compiling took much
	answers := json.NewEncoder(out)
	if answers.Encode(answer{}) != nil {
		return 1
	}
	documents := make(chan []byte)
	go readDocuments(in, documents)
	for data := range documents {
		var last answer
		told := false
		last.Pages, err = readDocument(pool, data, func(pages int) {
			told = true
			_ = answers.Encode(answer{Count: pages})
		})
		if refused := (refusal{}); errors.As(err, &refused) {
			last.Kind, last.Why = refused.kind, refused.why
		} else if err != nil {
			last.Kind = "damaged"
		}
		if !told && answers.Encode(answer{}) != nil || answers.Encode(last) != nil {
			return 1
		}
	}
	return 0
}

// readDocuments gives the documents that come in. When there are no more the program ends at once, whatever it is doing: nobody waits for it.
func readDocuments(in io.Reader, documents chan<- []byte) {
	for {
		var size uint32
		if binary.Read(in, binary.BigEndian, &size) != nil || size > note.MaxBytes {
			os.Exit(0)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(in, data); err != nil {
			os.Exit(1)
		}
		documents <- data
	}
}

const wasmPage = 64 << 10

// start starts PDFium. A cache that cannot be used, damaged or not writable, is done without, and a damaged one removed.
func start(cacheDir string) (pdfium.Pool, error) {
	pool, err := startWith(cacheDir)
	if err != nil && cacheDir != "" {
		_ = os.RemoveAll(cacheDir)
		pool, err = startWith("")
	}
	return pool, err
}

func startWith(cacheDir string) (pdfium.Pool, error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(MaxMemory / wasmPage)
	if cacheDir != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(cacheDir); err == nil {
			config = config.WithCompilationCache(cache)
		}
	}
	return webassembly.Init(webassembly.Config{
		Context:       experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0)),
		MaxTotal:      1,
		FSConfig:      wazero.NewFSConfig(), // no files
		RuntimeConfig: config,
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
}

// readDocument reads all pages in an instance of PDFium of their own, whose memory goes with it; counted is told how many there are.
func readDocument(pool pdfium.Pool, data []byte, counted func(pages int)) ([][]string, error) {
	instance, err := pool.GetInstance(time.Minute)
	if err != nil {
		return nil, err
	}
	defer func() { _ = instance.Close() }()
	opened, err := instance.OpenDocument(&requests.OpenDocument{FileReader: bytes.NewReader(data), FileReaderSize: int64(len(data))})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword):
		return nil, refusal{"encrypted", ": the PDF needs a password"}
	case errors.Is(err, pdfiumerrors.ErrSecurity):
		return nil, refusal{"encrypted", ": in a way that is not known"}
	case err != nil:
		return nil, refusal{"damaged", ": it is no PDF that can be opened"}
	}
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	switch {
	case err != nil || count.PageCount == 0:
		return nil, refusal{"damaged", ": the PDF has no pages"}
	case count.PageCount > MaxPages:
		return nil, refusal{"long", fmt.Sprintf(": the PDF has %d pages, %d are the most that is read", count.PageCount, MaxPages)}
	}
	counted(count.PageCount)
	pages := make([][]string, count.PageCount)
	length := 0
	for i := range pages {
		fragments, err := readPage(instance, requests.Page{ByIndex: &requests.PageByIndex{Document: opened.Document, Index: i}})
		if err != nil {
			return nil, refusal{"damaged", fmt.Sprintf(": page %d cannot be read", i+1)}
		}
		for _, f := range fragments {
			length += len(f.text)
		}
		if length > 4*note.MaxCharacters {
			return nil, refusal{"long", fmt.Sprintf(": the PDF has more than %d characters", note.MaxCharacters)}
		}
		pages[i] = layOut(fragments)
	}
	return pages, nil
}
