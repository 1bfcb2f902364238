package hwkvm

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// An archive is an initramfs being written: cpio's format "newc" (Linux:
// Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w    *bufio.Writer
	seen map[string]bool // paths written, without the leading slash
	ino  int
	err  error // the first failure; later calls do nothing
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriter(w), seen: map[string]bool{}}
}

// entry writes one entry and its data, each padded to four bytes.
func (a *archive) entry(name string, mode uint32, data []byte) {
	if a.err != nil {
		return
	}
	a.ino++
	// Magic, inode, mode, uid, gid, links, mtime, size, device and rdev (major
	// and minor each), length of the name with its NUL, checksum.
	_, err := fmt.Fprintf(a.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	const header = 110
	pad := func(n int) string { return "\x00\x00\x00"[:(4-n%4)%4] }
	for _, s := range []string{name, "\x00", pad(header + len(name) + 1)} {
		if err == nil {
			_, err = a.w.WriteString(s)
		}
	}
	if err == nil {
		_, err = a.w.Write(data)
	}
	if err == nil {
		_, err = a.w.WriteString(pad(len(data)))
	}
	a.err = err
}

// Types of files in a mode (inode(7)).
const (
	typeFolder = 0o040000
	typeFile   = 0o100000
	typeLink   = 0o120000
)

// folder writes a folder and those above it.
func (a *archive) folder(name string) {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" || a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name, typeFolder|0o755, nil)
}

// file writes a file, once.
func (a *archive) file(name string, mode fs.FileMode, data []byte) {
	name = strings.Trim(path.Clean("/"+name), "/")
	if a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name, typeFile|uint32(mode.Perm()), data)
}

// link writes a symbolic link.
func (a *archive) link(name, target string) {
	name = strings.Trim(path.Clean("/"+name), "/")
	if a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name, typeLink|0o777, []byte(target))
}

// copy writes a file of this host, or a folder with all below it. What is
// neither file, folder nor link is an error.
func (a *archive) copy(name, from string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		to := path.Join(name, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			a.folder(to)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			a.link(to, target)
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			a.file(to, info.Mode(), data)
		default:
			return fmt.Errorf("hwkvm: %s is neither file, folder nor link", p)
		}
		return a.err
	})
}

// close writes the end.
func (a *archive) close() error {
	a.ino = -1 // the trailer's inode is 0
	a.entry("TRAILER!!!", 0, nil)
	if a.err != nil {
		return a.err
	}
	return a.w.Flush()
}
