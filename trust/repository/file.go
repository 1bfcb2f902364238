package repository

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a whole file or none: under another name, down to the disk,
// then renamed. Without replace, a file of that name is an error.
func writeFile(path string, data []byte, mode fs.FileMode, replace bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if replace {
		err = os.Rename(f.Name(), path)
	} else {
		err = os.Link(f.Name(), path) // unlike a rename, it refuses to replace
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, reason(err))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes names durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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

// readFile reads a regular file of at most so many bytes.
func readFile(path string, most int64) (data []byte, mode fs.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("reading %s: it is not a regular file", path)
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, reason(err))
	}
	if int64(len(data)) > most {
		return nil, 0, fmt.Errorf("reading %s: it has more than the %d bytes that such a file may have", path, most)
	}
	return data, info.Mode(), nil
}
