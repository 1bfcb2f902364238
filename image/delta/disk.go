package delta

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// Disk is the folder in which a new layout is made, so that a spacecraft's
// store, or a disk whose power fails, can stand in its place. Names have
// slashes. What Open, Rename and Remove did to names is kept over a power cut
// when Sync has returned for the folder that the names are in.
type Disk interface {
	// Open opens a file for reading and writing; it makes one that is missing,
	// and the folders above it.
	Open(name string) (File, error)
	// Names is the files below a folder, none if there is no such folder.
	Names(folder string) ([]string, error)
	// Rename gives a file or folder another name; a file may take the place of
	// another file.
	Rename(from, to string) error
	// Remove removes a file or folder and all below it; none is fine.
	Remove(name string) error
	Sync(folder string) error
}

// File is an open file of a Disk.
type File interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	// Sync returns when what was written is kept over a power cut.
	Sync() error
	Close() error
}

// Folder is a Disk that is a folder of the system.
type Folder struct{ root *os.Root }

// OpenFolder opens a folder that exists.
func OpenFolder(name string) (*Folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Folder{root}, nil
}

// Close ends its use.
func (f *Folder) Close() error { return f.root.Close() }

// Open opens a file; it and its folders belong to the user.
func (f *Folder) Open(name string) (File, error) {
	if err := f.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return systemFile{file}, nil
}

// Names lists plain files and whatever else is there, but folders.
func (f *Folder) Names(folder string) (names []string, err error) {
	err = fs.WalkDir(f.root.FS(), folder, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return names, err
}

// Rename is rename(2).
func (f *Folder) Rename(from, to string) error { return f.root.Rename(from, to) }

// Remove is os.Root's RemoveAll.
func (f *Folder) Remove(name string) error { return f.root.RemoveAll(name) }

// Sync is fsync of a folder.
func (f *Folder) Sync(folder string) error {
	d, err := f.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type systemFile struct{ *os.File }

func (f systemFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
