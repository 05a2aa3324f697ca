package terminology

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"charthand/terminology/index"
	"charthand/terminology/source"
)

// Import says what is imported.
type Import struct {
	Kind  string   // of source.Formats
	Paths []string // files, folders and ZIP archives
	// System, Version and Title stand in for what the files do not say.
	System, Version, Title string
	// Replace lets another version take the place of the one that is there.
	Replace bool
	source.Options
	// Progress is told how many bytes of how many were read; nil where nobody looks.
	Progress func(read, total int64)
	// Building is told when all is read; nil where nobody looks.
	Building func()
}

// Add imports a release into the store. What was there of the system stays as it is until the new index is whole; an import that is broken
// off goes on where it was the next time, at the file that it was in.
func (s *Store) Add(ctx context.Context, in Import) (meta *index.Meta, err error) {
	format, err := source.Find(in.Kind)
	if err != nil {
		return nil, err
	}
	files, err := format.Files(in.Paths)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	spool, err := index.OpenSpool(filepath.Join(s.folder, "import-"+in.key()+".records"))
	if err != nil {
		return nil, err
	}
	if err := in.read(ctx, files, spool); err != nil {
		if errors.Is(err, context.Canceled) { // it goes on the next time
			return nil, errors.Join(err, spool.Close())
		}
		return nil, errors.Join(err, spool.Remove())
	}
	defer func() { err = errors.Join(err, spool.Remove()) }()
	told := index.Meta{Kind: in.Kind, System: in.System, Version: in.Version, Title: in.Title, Imported: time.Now().UTC().Truncate(time.Second)}
	for _, file := range spool.Sources() {
		told.System, told.Title = cmp.Or(told.System, file.System), cmp.Or(told.Title, file.Title)
		if file.Version != "" && told.Version != "" && file.Version != told.Version && in.Version == "" {
			return nil, fmt.Errorf("the files are of two versions, %s and %s (%s): import one release, or name its version", told.Version, file.Version, file.Name)
		}
		told.Version = cmp.Or(told.Version, file.Version)
	}
	told.System = cmp.Or(told.System, format.System)
	told.Title = cmp.Or(told.Title, format.Title)
	if told.System == "" {
		return nil, errors.New("the files do not say which code system this is: name its URL (--system)")
	}
	told.Version = cmp.Or(told.Version, "unknown")
	if err := s.mayTakePlace(told, spool.Sources(), in.Replace); err != nil {
		return nil, err
	}
	if in.Building != nil {
		in.Building()
	}
	meta, err = index.Build(s.path(told.System), spool, told, s.former)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Kind, err)
	}
	return meta, nil
}

// mayTakePlace refuses a release where another version of its system is there.
func (s *Store) mayTakePlace(told index.Meta, sources []index.Source, replace bool) error {
	here, err := index.Open(s.path(told.System))
	switch {
	case errors.Is(err, fs.ErrNotExist) || replace || err != nil: // one that cannot be read may be written over
		return nil //nolint:nilerr // see there
	case here.Meta.System != told.System:
		err = fmt.Errorf("%s has the name %s already: it stays as it is; --replace puts the new one in its place", here.Meta.System, Short(told.System))
	case here.Meta.Version != told.Version:
		err = fmt.Errorf("%s is there in version %s, this is %s: it stays as it is; --replace puts the new one in its place", told.System, here.Meta.Version, told.Version)
	case !sameSums(here.Meta.Sources, sources):
		err = fmt.Errorf("%s is there in version %s, made of other files: it stays as it is; --replace puts the new one in its place", told.System, told.Version)
	}
	return errors.Join(err, here.Close())
}

// sameSums reports whether two lists are of files with the same bytes.
func sameSums(a, b []index.Source) bool {
	return slices.EqualFunc(a, b, func(x, y index.Source) bool { return x.SHA256 == y.SHA256 })
}

// read reads all files that are not in the spool.
func (in *Import) read(ctx context.Context, files []source.File, spool *index.Spool) error {
	total, passed := int64(0), int64(0)
	for _, file := range files {
		total += file.Size
	}
	progress := func(n int) {
		passed += int64(n)
		if in.Progress != nil {
			in.Progress(min(passed, total), total)
		}
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name)
	}
	if err := spool.Keep(names); err != nil {
		return err
	}
	for _, file := range files {
		opened, err := file.Open()
		if err != nil {
			return err
		}
		sum, size, err := index.Sum(opened)
		if err := errors.Join(err, opened.Close()); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		has, err := spool.Has(file.Name, size, sum)
		if err != nil {
			return err
		}
		if has {
			progress(int(file.Size))
			continue
		}
		var release source.Release
		if err := file.Read(ctx, in.Options, &release, progress, spool.Add); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		if err := spool.Done(index.Source{Name: file.Name, Size: size, SHA256: sum, System: release.System, Version: release.Version, Title: release.Title}); err != nil {
			return err
		}
	}
	return nil
}

// key names what is imported, so that an import that was broken off finds its records.
func (in *Import) key() string {
	h := sha256.New()
	fmt.Fprintln(h, in.Kind, in.System, in.Language, in.Kinds, in.Columns)
	for _, path := range in.Paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			absolute = path
		}
		fmt.Fprintln(h, absolute)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// notInName is what a file name does not have.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// shortNames are the file names of well-known systems; others are called by their URL.
var shortNames = map[string]string{
	source.ICD10CM: "icd10cm", source.ICD10PCS: "icd10pcs", source.RxNorm: "rxnorm", source.SNOMED: "snomed", source.LOINC: "loinc",
	"http://purl.obolibrary.org/obo/doid.owl": "doid", "http://human-phenotype-ontology.org": "hp",
}

// Short gives the short name of a system.
func Short(system string) string {
	if name := shortNames[system]; name != "" {
		return name
	}
	_, rest, _ := strings.Cut(strings.ToLower(system), "://")
	return strings.Trim(notInName.ReplaceAllString(cmp.Or(rest, strings.ToLower(system)), "-"), "-")
}

// path is where the index of a system is.
func (s *Store) path(system string) string {
	return filepath.Join(s.folder, Short(system)+extension)
}

// extension is that of an index.
const extension = ".index"

// List gives the indexes of the store by their short names, and what is wrong with those that cannot be used.
func (s *Store) List() (metas []index.Meta, faults []error, err error) {
	names, err := s.names()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		x, err := index.Open(filepath.Join(s.folder, name+extension))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		metas = append(metas, x.Meta)
		if err := x.Close(); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(metas, func(a, b index.Meta) int { return strings.Compare(Short(a.System), Short(b.System)) })
	return metas, faults, nil
}

// Remove takes an index away, by its short name or its system.
func (s *Store) Remove(name string) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	path := s.path(name)
	if !strings.Contains(name, ":") {
		path = filepath.Join(s.folder, notInName.ReplaceAllString(name, "-")+extension)
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no code system %q is there", name)
	} else if err != nil {
		return err
	}
	return nil
}
