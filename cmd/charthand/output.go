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
	if !o.direct {
		os.Remove(o.file.Name())
	}
}

// newEncoder writes JSON for machines: one value a line, with the characters of a note as they are.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
