// Package pdf reads the text layer of PDF documents with PDFium, which runs as WebAssembly in a process of its own: what a document makes it
// do stays inside a sandbox without files, network or output, with a bound on memory, and is ended when it takes too long.
package pdf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"charthand/note"
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

	// startTime is how long a process may take to begin: at the first start on a machine it compiles PDFium.
	startTime = 2 * time.Minute
	// exitTime is how long a process may take to end by itself.
	exitTime = 100 * time.Millisecond
	// idleTime is how long a process waits for the next document before it is ended.
	idleTime = time.Minute
)

// Reader reads PDF. It is safe for concurrent use; what is more than it has processes for waits. PDFium is compiled for this machine at the
// first document, which takes some seconds; what was compiled is kept in a folder, and then a process begins in a fraction of a second.
type Reader struct {
	cacheDir string
	places   chan struct{} // one for each process that may be there
	starting chan struct{} // holds a place while a process begins: the first compiles for all
	closed   chan struct{}

	mutex sync.Mutex
	idle  []*process
}

// New makes a Reader. cacheDir is where the compiled PDFium is kept; it is made with mode 0700. Where it is empty or cannot be used, nothing
// is kept.
func New(cacheDir string) *Reader {
	return &Reader{
		cacheDir: cacheDir, places: make(chan struct{}, max(1, min(4, runtime.GOMAXPROCS(0)))),
		starting: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

// Close ends the processes. It waits for the documents that are under way; no other may come. It is called once.
func (r *Reader) Close() {
	close(r.closed)
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, p := range r.idle {
		p.end()
	}
	r.idle = nil
}

// enter takes a place.
func (r *Reader) enter(ctx context.Context) error {
	select {
	case <-r.closed:
		return errClosed
	default:
	}
	select {
	case r.places <- struct{}{}:
		return nil
	case <-r.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Reader) leave() { <-r.places }

// Prepare begins a process, so that the first document need not wait for one.
func (r *Reader) Prepare(ctx context.Context) error {
	if err := r.enter(ctx); err != nil {
		return err
	}
	defer r.leave()
	p := r.takeIdle()
	if p == nil {
		var err error
		if p, err = r.begin(ctx); err != nil {
			return err
		}
	}
	r.giveBack(p)
	return nil
}

var errClosed = errors.New("pdf: the reader is closed")

// takeIdle gives a process that is idle, nil where none is; the caller holds a place.
func (r *Reader) takeIdle() *process {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(r.idle) > 0 {
		p := r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
		if p.timer.Stop() {
			return p
		}
		// Its time was over just now: expire waits for the lock, and finds it gone.
		p.end()
	}
	return nil
}

// begin begins a process, one at a time.
func (r *Reader) begin(ctx context.Context) (*process, error) {
	select {
	case r.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.starting }()
	return begin(ctx, r.cacheDir)
}

// giveBack keeps a process for the next document.
func (r *Reader) giveBack(p *process) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p.timer = time.AfterFunc(idleTime, func() { r.expire(p) })
	r.idle = append(r.idle, p)
}

// expire ends a process that has been idle for long.
func (r *Reader) expire(p *process) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for i, idle := range r.idle {
		if idle == p {
			r.idle = append(r.idle[:i], r.idle[i+1:]...)
			p.end()
			return
		}
	}
}

// ReadPDF implements note.PDFReader.
func (r *Reader) ReadPDF(ctx context.Context, data []byte) ([][]string, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	defer r.leave()
	if p := r.takeIdle(); p != nil {
		pages, err := r.readWith(ctx, p, data)
		if !errors.Is(err, errGone) {
			return pages, err
		}
		// It had ended before it was asked: that says nothing of the document.
	}
	p, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	return r.readWith(ctx, p, data)
}

// readWith has a process read a document, and keeps it if it lives.
func (r *Reader) readWith(ctx context.Context, p *process, data []byte) ([][]string, error) {
	pages, err := p.read(ctx, data)
	if !p.ended {
		r.giveBack(p)
	}
	return pages, err
}

// process is a process that reads one document after the other.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	timer   *time.Timer // of its idleness
	ended   bool
	// wasKilled says that a signal ended it that was not sent here.
	wasKilled bool
}

// thisProgram gives the program that runs, also where its file was replaced or taken away meanwhile.
func thisProgram() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}

// begin starts this program once more, to be a worker, and waits until it is ready.
func begin(ctx context.Context, cacheDir string) (*process, error) {
	program, err := thisProgram()
	if err != nil {
		return nil, fmt.Errorf("pdf: no process can be started: %w", err)
	}
	p := &process{command: exec.Command(program)} //nolint:gosec,noctx // this program; it outlives the request
	p.command.Env = append(os.Environ(), workerVariable+"="+cacheDir+"/")
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("pdf: no process can be started: %w", err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pdf: no process can be started: %w", err)
	}
	p.out = json.NewDecoder(out)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("pdf: no process can be started: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err = p.within(limited, func() error {
		var ready answer
		return p.out.Decode(&ready)
	})
	if err != nil {
		p.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New("pdf: PDFium cannot be started")
	}
	return p, nil
}

// end ends the process and waits until it is gone.
func (p *process) end() {
	if p.ended {
		return
	}
	p.ended = true
	_ = p.in.Close()
	patience := time.AfterFunc(exitTime, func() { _ = p.command.Process.Kill() })
	_ = p.command.Wait() // what it says of how it ended is looked at here
	ours := !patience.Stop()
	status, known := p.command.ProcessState.Sys().(syscall.WaitStatus)
	p.wasKilled = known && status.Signaled() && !ours
}

// within talks with the process, which is killed when a context ends; the error is the context's cause then.
func (p *process) within(ctx context.Context, talk func() error) error {
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		_ = p.command.Process.Kill()
	})
	err := talk()
	if !stop() {
		<-killed
		return context.Cause(ctx)
	}
	return err
}

// errGone says that a process ended without an answer, for a reason that is not the document's: a signal.
var errGone = errors.New("pdf: the process that reads it was ended")

// errTime ends the work on a document that takes too long.
var errTime = fmt.Errorf("%w: the PDF takes longer to read than a document may", note.ErrTooLong)

// read has a document read. A process that does not come to an answer is ended.
func (p *process) read(ctx context.Context, data []byte) (pages [][]string, err error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := time.AfterFunc(timePerDocument, func() { cancel(errTime) })
	defer clock.Stop()
	var last answer
	err = p.within(limited, func() error {
		if err := writeDocument(p.in, data); err != nil {
			return err
		}
		var first answer
		if err := p.out.Decode(&first); err != nil {
			return err
		}
		clock.Reset(min(maxTime, timePerDocument+time.Duration(first.Count)*timePerPage))
		return p.out.Decode(&last)
	})
	switch {
	case ctx.Err() != nil:
		p.end()
		return nil, ctx.Err()
	case errors.Is(err, errTime):
		p.end()
		return nil, err
	case err != nil:
		if p.end(); p.wasKilled {
			return nil, errGone
		}
		return nil, fmt.Errorf("%w: the PDF cannot be read", note.ErrDamaged)
	case last.Kind != "":
		return nil, fmt.Errorf("%w%s", kinds[last.Kind], last.Why)
	}
	return last.Pages, nil
}
