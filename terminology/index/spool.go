package index

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Spool keeps the records of an import on disk until all sources are read. What is read of each source is kept whole, so that an import
// that was broken off goes on with the next one. It belongs to one goroutine.
type Spool struct {
	file    *os.File
	w       *bufio.Writer
	journal string
	done    []Source
	// Records counts what was added.
	Records int
}

// Source is one file that was read.
type Source struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	End    int64  `json:"end"` // of its records in the spool, bytes
	Count  int    `json:"count"`
	// System, Version and Title are what the file says of its release.
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Title   string `json:"title,omitempty"`
}

// OpenSpool opens the spool at a path, with the sources that are in it already, or makes it.
func OpenSpool(path string) (*Spool, error) {
	s := &Spool{journal: path + ".json"}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s.file = file
	if data, err := os.ReadFile(s.journal); err == nil {
		if json.Unmarshal(data, &s.done) != nil {
			s.done = nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, file.Close())
	}
	if err := s.rewind(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// rewind drops the records of what was not read to its end.
func (s *Spool) rewind() error {
	end := int64(0)
	s.Records = 0
	if n := len(s.done); n > 0 {
		end = s.done[n-1].End
	}
	for _, source := range s.done {
		s.Records += source.Count
	}
	if info, err := s.file.Stat(); err != nil {
		return err
	} else if info.Size() < end { // the journal came further than the records
		s.done, s.Records, end = nil, 0, 0
	}
	if err := s.file.Truncate(end); err != nil {
		return err
	}
	if _, err := s.file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	s.w = bufio.NewWriterSize(s.file, 1<<18)
	return nil
}

// Keep drops what is not among the first sources of an import, in its order: a file that is gone, and all that was read after it.
func (s *Spool) Keep(names []string) error {
	for i, source := range s.done {
		if i >= len(names) || source.Name != names[i] {
			s.done = s.done[:i]
			return errors.Join(s.write(), s.rewind())
		}
	}
	return nil
}

// Has reports whether a source is in the spool, just as it is now. One that has changed since takes what was read after it along.
func (s *Spool) Has(name string, size int64, sum string) (bool, error) {
	at := slices.IndexFunc(s.done, func(d Source) bool { return d.Name == name })
	if at < 0 {
		return false, nil
	}
	if s.done[at].Size == size && s.done[at].SHA256 == sum {
		return true, nil
	}
	s.done = s.done[:at]
	return false, errors.Join(s.write(), s.rewind())
}

// Add adds a record.
func (s *Spool) Add(r Record) error {
	s.Records++
	return r.write(s.w)
}

// Done says that a source was read to its end. Its End and Count are filled in.
func (s *Spool) Done(source Source) error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	end, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	source.End, source.Count = end, s.Records
	for _, earlier := range s.done {
		source.Count -= earlier.Count
	}
	s.done = append(s.done, source)
	return s.write()
}

// write writes the journal.
func (s *Spool) write() error {
	data, err := json.Marshal(s.done)
	if err != nil {
		return err
	}
	return writeFile(s.journal, data)
}

// writeFile puts a small file in the place of what was there, whole or not at all.
func writeFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Sources are the files that are in the spool.
func (s *Spool) Sources() []Source { return slices.Clone(s.done) }

// each calls a function with every record, in order.
func (s *Spool) each(take func(*Record) error) error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(s.file, 1<<18)
	var r Record
	var buffer []byte
	for {
		var err error
		if buffer, err = r.read(in, buffer); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("%s: %w", filepath.Base(s.file.Name()), err)
		}
		if err := take(&r); err != nil {
			return err
		}
	}
}

// Close closes the spool and keeps what is in it.
func (s *Spool) Close() error { return s.file.Close() }

// Remove takes the spool away.
func (s *Spool) Remove() error {
	err := errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	if gone := os.Remove(s.journal); !errors.Is(gone, fs.ErrNotExist) { // none was read to its end
		err = errors.Join(err, gone)
	}
	return err
}

// Sum gives the SHA-256 of what a reader gives, hexadecimal, and how many bytes that is.
func Sum(in io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, in)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
