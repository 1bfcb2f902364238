package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// Unpack writes the files of an image to a folder that it makes, as /app shows
// them: nobody may write to them, and the program can be executed. On an error
// nothing is left.
func (l *Layout) Unpack(img *Image, folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return &Error{Layout: folder, Reason: err, Text: fmt.Sprintf("this folder cannot be made (%v)", reason(err))}
	}
	err := l.unpack(img, folder)
	if err != nil {
		err = errors.Join(in(l.name, err), os.RemoveAll(folder))
	}
	return err
}

func (l *Layout) unpack(img *Image, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range img.Files {
		if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
			return unreadable(filepath.Join(folder, f.Path), err)
		}
		if err := l.unpackFile(f, root); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layout) unpackFile(f File, root *os.Root) error {
	b, err := l.blob(f.Digest, f.Size)
	if err != nil {
		return err
	}
	defer b.Close()
	mode := os.FileMode(0o444)
	if f.Executable {
		mode = 0o555
	}
	out, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, b)
	return errors.Join(err, out.Close())
}
