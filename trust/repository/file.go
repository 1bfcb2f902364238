package repository

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A folder is where files are read and written: never outside of it, whatever
// links somebody put there.
type folder struct{ dir string }

// in opens the folder for fn, and says of an error which file it is about.
func (f folder) in(doing, name string, fn func(*os.Root) error) error {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return fmt.Errorf("%s %s: %w", doing, filepath.Join(f.dir, name), reason(err))
	}
	defer root.Close()
	if err := fn(root); err != nil {
		return fmt.Errorf("%s %s: %w", doing, filepath.Join(f.dir, name), reason(err))
	}
	return nil
}

// write writes a whole file or none: under another name, down to the disk,
// then renamed. Without replace, a file of that name is an error.
func (f folder) write(name string, data []byte, mode fs.FileMode, replace bool) error {
	return f.in("writing", name, func(root *os.Root) error {
		parent := filepath.Dir(name)
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
		temporary := filepath.Join(parent, ".new-"+rand.Text())
		w, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer root.Remove(temporary)
		_, err = w.Write(data)
		if err := errors.Join(err, w.Chmod(mode), w.Sync(), w.Close()); err != nil {
			return err
		}
		if replace {
			err = root.Rename(temporary, name)
		} else {
			err = root.Link(temporary, name) // unlike a rename, it refuses to replace
		}
		if err != nil {
			return err
		}
		return syncFolder(root, parent)
	})
}

// syncFolder makes names durable.
func syncFolder(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read reads a regular file of at most so many bytes.
func (f folder) read(name string, most int64) (data []byte, err error) {
	err = f.in("reading", name, func(root *os.Root) error {
		r, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		data, _, err = readRegular(r, most)
		return err
	})
	return data, err
}

// has says whether something of a name is there.
func (f folder) has(name string) (there bool, err error) {
	err = f.in("looking at", name, func(root *os.Root) error {
		_, err := root.Lstat(name)
		if there = err == nil; errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return there, err
}

// names lists a folder within this one.
func (f folder) names(sub string) (names []string, err error) {
	err = f.in("listing", sub, func(root *os.Root) error {
		d, err := root.Open(sub)
		if err != nil {
			return err
		}
		defer d.Close()
		names, err = d.Readdirnames(maxFiles + 1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && len(names) > maxFiles {
			err = fmt.Errorf("it holds more than %d files", maxFiles)
		}
		return err
	})
	return names, err
}

// maxFiles bounds how many files a folder of the repository may hold.
const maxFiles = 1 << 17

// remove takes a file away, if it is there.
func (f folder) remove(name string) error {
	return f.in("removing", name, func(root *os.Root) error {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// readFile reads a regular file of the user's.
func readFile(path string, most int64) (data []byte, mode fs.FileMode, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		defer f.Close()
		data, mode, err = readRegular(f, most)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, reason(err))
	}
	return data, mode, nil
}

func readRegular(f *os.File, most int64) (data []byte, mode fs.FileMode, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a regular file")
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it has more than the %d bytes that such a file may have", most)
	}
	return data, info.Mode(), err
}

// reason is an error of the file system without the paths in it.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
