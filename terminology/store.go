// Package terminology gives mentions their codes: from code systems that a site has imported (index, source, match), and from a FHIR
// terminology server (remote). A Store is the folder of what was imported; a Coder implements nlp.Coder with it.
package terminology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"charthand/terminology/words"

	"golang.org/x/sys/unix"
)

// Store is the folder of the indexes.
type Store struct {
	folder string
	former *words.Former
}

// NewStore gives the store in a folder, which need not be there.
func NewStore(folder string) (*Store, error) {
	former, err := words.Default()
	if err != nil {
		return nil, err
	}
	return &Store{folder, former}, nil
}

// lock keeps other processes from changing the store.
func (s *Store) lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being changed by another charthand", s.folder), f.Close())
	}
	return func() { f.Close() }, nil
}
