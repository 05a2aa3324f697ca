package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// outputFile is a file that appears under its name only when it is whole. What is no ordinary file (a pipe, a device) is
// written to as it is.
type outputFile struct {
	io.Writer
	path   string
	file   *os.File
	buffer *bufio.Writer
	direct bool
	// kept says that what was written stays beside the path where it is not committed, to be gone on with.
	kept bool
}

// openOutput begins a file; without a path everything goes to the fallback.
func openOutput(path string, fallback io.Writer) (*outputFile, error) {
	if path == "" {
		return &outputFile{Writer: fallback}, nil
	}
	o := &outputFile{path: path}
	if found, err := os.Stat(path); err == nil {
		if found.IsDir() {
			return nil, &os.PathError{Op: "write", Path: path, Err: errors.New("is a directory")}
		}
		o.direct = !found.Mode().IsRegular()
		if target, err := filepath.EvalSymlinks(path); err == nil {
			o.path = target // what a link points to is replaced, not the link
		}
	} else if target, err := os.Readlink(path); err == nil {
		if o.path = target; !filepath.IsAbs(target) {
			o.path = filepath.Join(filepath.Dir(path), target)
		}
	}
	var err error
	if o.direct {
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		o.file, err = os.CreateTemp(filepath.Dir(o.path), ".charthand-*")
	}
	if err != nil {
		return nil, err
	}
	o.buffer = bufio.NewWriter(o.file)
	o.Writer = o.buffer
	return o, nil
}

// partial is where a file that is kept is until it is whole.
func partial(path string) string { return path + ".part" }

// resumeOutput begins a file, or goes on with the first bytes of one that was not committed.
func resumeOutput(path string, from int64) (*outputFile, error) {
	file, err := os.OpenFile(partial(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(from); err != nil {
		file.Close()
		return nil, err
	}
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		file.Close()
		return nil, err
	}
	buffer := bufio.NewWriter(file)
	return &outputFile{Writer: buffer, path: path, file: file, buffer: buffer, kept: true}, nil
}

// sync writes through to the disk what was written so far, and gives its length; 0 of what is no file of its own.
func (o *outputFile) sync() (int64, error) {
	if o.file == nil || o.direct {
		return 0, nil
	}
	if err := errors.Join(o.buffer.Flush(), o.file.Sync()); err != nil {
		return 0, err
	}
	return o.file.Seek(0, io.SeekCurrent)
}

// commit makes the file whole.
func (o *outputFile) commit() error {
	if o.file == nil {
		return nil
	}
	err := errors.Join(o.buffer.Flush(), o.file.Close())
	if err == nil && !o.direct {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err == nil {
		o.file = nil
	}
	return err
}

// abandon removes what was not committed.
func (o *outputFile) abandon() {
	if o.file == nil {
		return
	}
	o.file.Close()
	if !o.direct && !o.kept {
		os.Remove(o.file.Name())
	}
}

// newEncoder writes JSON for machines: one value a line, with the characters of a note as they are.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
