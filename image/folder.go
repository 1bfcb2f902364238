package image

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// folder is a layout as a folder. Links are not followed: a layout that is
// copied, packed or pushed shall be what was looked at.
type folder struct{ root *os.Root }

func openFolder(path string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, notThere(path, err)
	}
	return &folder{root}, nil
}

func (f *folder) Close() error { return f.root.Close() }

// look says what lies at a name that is reached through plain folders.
func (f *folder) look(name string) (fs.FileInfo, error) {
	for i, c := range name {
		if c == '/' {
			if info, err := f.root.Lstat(name[:i]); err != nil {
				return nil, err
			} else if !info.IsDir() {
				return nil, odd(name[:i], info.Mode(), "folder")
			}
		}
	}
	return f.root.Lstat(name)
}

// open gives a plain file.
func (f *folder) open(name string) (io.ReaderAt, int64, io.Closer, error) {
	before, err := f.look(name)
	if err != nil {
		return nil, 0, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, nil, odd(name, before.Mode(), "file")
	}
	// It may be something else by now: do not wait for a pipe's other end.
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, nil, err
	}
	info, err := file.Stat()
	if err != nil || !os.SameFile(before, info) {
		file.Close()
		return nil, 0, nil, bad(name, ErrKind, "this file changes while it is opened")
	}
	return file, info.Size(), file, nil
}

// names walks the folder without following links.
func (f *folder) names() (names []string, err error) {
	found := -1 // but for the folder itself
	err = fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		found++
		switch {
		case err != nil:
			return unreadable(name, err)
		case found > maxEntries:
			return bad("", ErrLimit, "there are more than %d files and folders in it", maxEntries)
		case d.IsDir() && strings.Count(name, "/") == maxDepth:
			return bad(name, ErrLimit, "this folder lies deeper than anything in a layout")
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return odd(name, d.Type(), "file")
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

func odd(name string, mode fs.FileMode, want string) error {
	return bad(name, ErrKind, "this is %s, and a plain %s should be here", kind(mode), want)
}

// kind is a word for what is no plain file.
func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	case mode.IsRegular():
		return "a file"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return fmt.Sprintf("neither file nor folder (%s)", strings.TrimRight(mode.String(), "-rwx"))
}
