// Package source reads code systems as their publishers ship them, and gives what they say as records of package index. Files may be
// compressed (gzip), in a ZIP archive or in a folder.
package source

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"charthand/terminology/index"
)

// Format is one kind of release: what files it has, and how they are read.
type Format struct {
	Kind   string
	Title  string
	System string // canonical URL; empty where the files or the user say it
	// Needed are the parts that a release cannot lack, by name.
	Needed []string
	parts  []part
	// refuse says why a file of this name is not taken for a part; empty where nothing speaks against it.
	refuse func(name string) string
	// drop leaves out files that are another's again.
	drop func([]File) []File
}

// part is one file of a release.
type part struct {
	name    string
	pattern *regexp.Regexp // of the base name, in lower case, without .gz
	read    func(ctx context.Context, in *Input, add Add) error
}

// Add takes one record.
type Add func(index.Record) error

// Formats are the kinds of release that can be read, by name.
var Formats = []*Format{icd10cm, icd10pcs, rxnorm, snomed, loinc, obo, tsv}

// Find gives the format of a name.
func Find(kind string) (*Format, error) {
	var names []string
	for _, f := range Formats {
		if f.Kind == kind {
			return f, nil
		}
		names = append(names, f.Kind)
	}
	return nil, fmt.Errorf("%q is none of %s", kind, strings.Join(names, ", "))
}

// Options are what a user says of a release.
type Options struct {
	// Language is the language reference set (SNOMED CT) whose names are taken.
	Language string
	// Columns give the columns of a TSV other names: "term" → "variant".
	Columns map[string]string
	// Kinds of mention that the concepts of a TSV or an ontology are of.
	Kinds index.Kinds
}

// Input is one file of a release while it is read.
type Input struct {
	*bufio.Reader
	Options
	// Name is the file's, as messages have it.
	Name string
	// Release is filled by the reader with what the file says of the release.
	*Release
	line int
}

// Release is what the files say of a release; it is empty where they do not.
type Release struct {
	System, Version, Title string
}

// say fills in what is not known yet.
func say(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// fault names the line that an error is in.
func (in *Input) fault(format string, values ...any) error {
	return fmt.Errorf("%s:%d: %s", in.Name, in.line, fmt.Sprintf(format, values...))
}

// maxLine bounds a line, in bytes.
const maxLine = 1 << 20

// next gives the next line without its end, io.EOF after the last. A last line without an end is a file that was cut off, if whole says so.
func (in *Input) next(whole bool) (string, error) {
	in.line++
	raw, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(raw)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine {
			raw, err = in.ReadSlice('\n')
			long = append(long, raw...)
		}
		if len(long) > maxLine {
			return "", in.fault("a line of more than %d bytes", maxLine)
		}
		raw = long
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", in.fault("%v", broken(err))
	}
	if err != nil {
		if len(raw) == 0 {
			return "", io.EOF
		}
		if whole {
			return "", in.fault("the file ends in the middle of a line: it was cut off")
		}
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// lines gives the lines that are left, as next does; an error is the last that it gives.
func (in *Input) lines(whole bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			line, err := in.next(whole)
			if errors.Is(err, io.EOF) || !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// broken says in words that a file ends too soon.
func broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends too soon: it was cut off")
	}
	return err
}

// columns cuts a line into as many columns as it must have.
func (in *Input) columns(line, separator string, count int) ([]string, error) {
	list := strings.Split(line, separator)
	if len(list) != count {
		return nil, in.fault("expected %d columns, found %d", count, len(list))
	}
	return list, nil
}

// File is one file of a release that was found.
type File struct {
	// Name is its path in the release, Part what it is.
	Name, Part string
	// Size is what is read of the disk, in bytes.
	Size int64
	open func() (io.ReadCloser, error)
	part *part
}

// Files finds the files of a release in files, folders and ZIP archives, in the order in which they are read. What lacks is an error.
func (f *Format) Files(paths []string) ([]File, error) {
	var found []File
	var refused []string
	add := func(name string, size int64, open func() (io.ReadCloser, error), alone bool) {
		base := strings.TrimSuffix(strings.ToLower(path.Base(filepath.ToSlash(name))), ".gz")
		if f.refuse != nil {
			if why := f.refuse(base); why != "" {
				refused = append(refused, name+": "+why)
				return
			}
		}
		for i := range f.parts {
			if p := &f.parts[i]; p.pattern.MatchString(base) || alone && len(f.parts) == 1 {
				found = append(found, File{name, p.name, size, open, p})
				return
			}
		}
	}
	for _, given := range paths {
		info, err := os.Stat(given)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			if given, err = filepath.EvalSymlinks(given); err != nil {
				return nil, err
			}
			err = filepath.WalkDir(given, func(name string, _ fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := os.Stat(name) // what a link leads to
				if err != nil || !info.Mode().IsRegular() {
					return err
				}
				return inFile(name, info.Size(), false, add)
			})
		} else {
			err = inFile(given, info.Size(), true, add)
		}
		if err != nil {
			return nil, err
		}
	}
	seen := map[string]int{} // two archives may have files of one name
	for i := range found {
		if seen[found[i].Name]++; seen[found[i].Name] > 1 {
			found[i].Name = fmt.Sprintf("%s (%d)", found[i].Name, seen[found[i].Name])
		}
	}
	if len(refused) > 0 && len(found) == 0 {
		return nil, errors.New(strings.Join(refused, "; "))
	}
	return f.order(found)
}

// order puts the files in the order of the parts, and says what lacks.
func (f *Format) order(found []File) ([]File, error) {
	at := func(file File) int {
		return slices.IndexFunc(f.parts, func(p part) bool { return p.name == file.Part })
	}
	if f.drop != nil {
		found = f.drop(found)
	}
	slices.SortStableFunc(found, func(a, b File) int { return at(a) - at(b) })
	var lacking []string
	for _, need := range f.Needed {
		if !slices.ContainsFunc(found, func(file File) bool { return slices.Contains(strings.Split(need, "|"), file.Part) }) {
			lacking = append(lacking, strings.ReplaceAll(need, "|", " or "))
		}
	}
	if len(lacking) > 0 {
		return nil, fmt.Errorf("no %s was found for %s (%s)", strings.Join(lacking, ", no "), f.Kind, f.Title)
	}
	return found, nil
}

// inFile adds a file, or what is in it where it is a ZIP archive.
func inFile(name string, size int64, alone bool, add func(string, int64, func() (io.ReadCloser, error), bool)) error {
	if !strings.HasSuffix(strings.ToLower(name), ".zip") {
		add(name, size, func() (io.ReadCloser, error) { return os.Open(name) }, alone)
		return nil
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, broken(err))
	}
	defer func() { _ = archive.Close() }() // it was only read
	for _, member := range archive.File {
		if member.FileInfo().IsDir() {
			continue
		}
		add(filepath.Base(name)+"/"+member.Name, int64(member.UncompressedSize64), func() (io.ReadCloser, error) { //nolint:gosec // a size
			again, err := zip.OpenReader(name)
			if err != nil {
				return nil, err
			}
			in, err := again.Open(member.Name)
			if err != nil {
				return nil, errors.Join(err, again.Close())
			}
			return both{in, again}, nil
		}, false)
	}
	return nil
}

// both closes two things.
type both struct {
	io.ReadCloser
	archive io.Closer
}

// Close implements io.Closer.
func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.archive.Close()) }

// Open opens a file for its checksum: its bytes as they are.
func (f File) Open() (io.ReadCloser, error) { return f.open() }

// Read reads the file, and gives what it says. passed is told of bytes that were read of the disk; it may be nil.
func (f File) Read(ctx context.Context, options Options, release *Release, passed func(int), add Add) (err error) {
	file, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var in io.Reader = counted{file, passed, ctx}
	buffered := bufio.NewReaderSize(in, 1<<16)
	if head, _ := buffered.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, broken(err))
		}
		buffered = bufio.NewReaderSize(unzipped, 1<<16)
	}
	if head, _ := buffered.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3)
	}
	return f.part.read(ctx, &Input{Reader: buffered, Options: options, Name: filepath.Base(f.Name), Release: release}, add)
}

// counted tells how much was read, and ends where its context does.
type counted struct {
	io.Reader
	passed func(int)
	ctx    context.Context //nolint:containedctx // of one call of Read
}

// Read implements io.Reader.
func (c counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.Reader.Read(p)
	if c.passed != nil {
		c.passed(n)
	}
	return n, err
}

// concept, term and above make records.
func concept(code string, kinds index.Kinds, level index.Level) index.Record {
	return index.Record{Kind: index.IsConcept, Code: code, Kinds: kinds, Level: level}
}

func term(code string, kind index.TermType, text string) index.Record {
	return index.Record{Kind: index.IsTerm, Code: code, Type: kind, Text: text}
}

func above(code, parent string) index.Record {
	return index.Record{Kind: index.IsParent, Code: code, Target: parent}
}

func maps(code, system, target string) index.Record {
	return index.Record{Kind: index.IsMap, Code: code, System: system, Target: target}
}

// all adds records until one fails.
func (add Add) all(records ...index.Record) error {
	for _, r := range records {
		if err := add(r); err != nil {
			return err
		}
	}
	return nil
}
