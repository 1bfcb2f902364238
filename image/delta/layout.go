package delta

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"spaceos/image"
)

// ApplyTo is Apply to a folder of the system. If the layout is there already
// and is the one that is wanted, as after a power cut at the very end, that is
// well too.
func ApplyTo(name string, old *image.Layout, patch io.ReaderAt, size int64, want Blob) (_ *image.Image, err error) {
	name = filepath.Clean(name)
	switch _, err := os.Lstat(name); {
	case err == nil:
		return already(name, want)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	disk, err := OpenFolder(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	return Apply(disk, filepath.Base(name), old, patch, size, want)
}

// already looks at what stands where the new layout should.
func already(name string, want Blob) (*image.Image, error) {
	taken := &image.Error{Layout: name, Reason: image.ErrExists, Text: "this is there already: take another name, or remove it"}
	l, err := image.Open(name)
	if err != nil {
		return nil, taken
	}
	defer l.Close()
	if img, err := l.Image(); err != nil || img.Digest != want.Digest {
		return nil, taken
	}
	img, err := l.Verify()
	if err != nil {
		return nil, fmt.Errorf("it is there already, and not whole: %w", err)
	}
	return img, nil
}
