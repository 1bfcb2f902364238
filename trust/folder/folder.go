// Package folder keeps what a trust.Verifier holds in a folder: a file for
// each document, and one for the state. A file appears whole or not at all,
// also when the power is cut: it is written under another name, down to the
// disk, and renamed. It knows nothing of what is in the files, and is not for
// two processes at once.
//
//	store, err := folder.Open("/var/lib/spaceos/trust")
//	v, err := trust.New(store, "sat-7", floor)
package folder

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// maxFile is the size of the largest file that is read.
const maxFile = 1 << 20

// temporary is the name of a file that is being written.
const temporary = "new.tmp"

// A Store is a trust.Store in a folder.
type Store struct{ root *os.Root }

// Open opens a folder that exists. It removes what a power cut left half
// written.
func Open(path string) (*Store, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	if err := root.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, root.Close())
	}
	return &Store{root}, nil
}

// Close closes the folder.
func (s *Store) Close() error { return s.root.Close() }

// Get reads a file.
func (s *Store) Get(name string) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", name, maxFile)
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, err
}

// Put writes a file. When it returns without error, the file is on the disk.
func (s *Store) Put(name string, data []byte) error {
	f, err := s.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.root.Rename(temporary, name); err != nil {
		return err
	}
	return s.sync()
}

// sync makes names durable.
func (s *Store) sync() error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Sweep removes all files but some.
func (s *Store) Sweep(keep func(name string) bool) error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	removed := false
	for _, name := range names {
		if keep(name) {
			continue
		}
		if err := s.root.Remove(name); err != nil {
			return err
		}
		removed = true
	}
	if removed {
		return s.sync()
	}
	return nil
}
