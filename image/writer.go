package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"spaceos"
)

// Writer makes a layout. It is filled under a temporary name beside its place
// and gets its own name when it is whole and on the disk, so that nobody ever
// sees a part of one.
//
//	w, err := image.Create("hello.oci", false)
//	defer w.Abort()
//	d, err := w.Add(program)
//	err = w.Commit(...)
type Writer struct {
	path    string
	staging string // the temporary folder
	lock    *os.File
	force   bool
	blobs   map[spaceos.Digest]int64
}

// Named is a line of an index: a manifest, and its name if it has one.
type Named struct {
	Descriptor
	ArtifactType string
	Ref          string // as NAME:VERSION
}

// Create begins a layout that will stand at path: a tar if it ends in ".tar",
// else a folder. What is there already is an error; with force it is replaced,
// if it is a layout.
func Create(path string, force bool) (*Writer, error) {
	path = filepath.Clean(path)
	w := &Writer{path: path, force: force, blobs: map[spaceos.Digest]int64{}}
	if err := w.mayStand(); err != nil {
		return nil, err
	}
	if err := w.stage(); err != nil {
		return nil, errors.Join(w.failed(err), w.Abort())
	}
	return w, nil
}

// stage makes the temporary folder. It is locked while its process lives, so
// that folders whose process was killed are known, and removed.
func (w *Writer) stage() (err error) {
	dir, prefix := filepath.Dir(w.path), "."+filepath.Base(w.path)+".part-"
	removeStale(dir, prefix)
	if w.staging, err = os.MkdirTemp(dir, prefix); err != nil {
		return err
	}
	if w.lock, err = os.Open(w.staging); err != nil {
		return err
	}
	if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return os.MkdirAll(w.at(blobFolder), 0o755)
}

// removeStale removes what killed processes left. What cannot be removed does
// no harm.
func removeStale(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.IsDir() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(f.Name())
		}
		f.Close()
	}
}

func (w *Writer) failed(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Layout: w.path, Reason: err, Text: fmt.Sprintf("cannot be written (%v)", reason(err))}
}

// mayStand looks at what stands at the path now.
func (w *Writer) mayStand() error {
	info, err := os.Lstat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return w.failed(err)
	}
	if !w.force {
		return &Error{Layout: w.path, Reason: ErrExists, Text: "this is there already: take another name, or replace it with --force"}
	}
	if info.IsDir() == w.isTar() {
		return &Error{Layout: w.path, Reason: ErrExists, Text: fmt.Sprintf("this is %s, and a layout as a %s cannot take its place: take another name", kind(info.Mode()), w.form())}
	}
	old, err := Open(w.path)
	if err != nil {
		return &Error{Layout: w.path, Reason: ErrExists, Text: "this is no image, and --force replaces images alone: remove it, or take another name"}
	}
	return w.failed(old.Close())
}

func (w *Writer) isTar() bool { return strings.HasSuffix(w.path, ".tar") }

func (w *Writer) form() string {
	if w.isTar() {
		return "tar"
	}
	return "folder"
}

// at is a file of the layout that is being made.
func (w *Writer) at(name string) string {
	return filepath.Join(w.staging, "layout", filepath.FromSlash(name))
}

// Add stores all of r as a blob and says what it came to.
func (w *Writer) Add(r io.Reader) (Descriptor, error) {
	temp := filepath.Join(w.staging, "blob")
	d, err := w.copy(temp, r)
	if err != nil {
		return d, err
	}
	if _, have := w.blobs[d.Digest]; have {
		return d, w.failed(os.Remove(temp))
	}
	w.blobs[d.Digest] = d.Size
	return d, w.failed(os.Rename(temp, w.at(blobName(d.Digest))))
}

// Put stores a blob that must be what want says; else nothing is stored.
func (w *Writer) Put(r io.Reader, want Descriptor) error {
	temp := filepath.Join(w.staging, "blob")
	d, err := w.copy(temp, io.LimitReader(r, want.Size+1))
	switch {
	case err != nil:
		return err
	case d.Size != want.Size:
		return bad(blobName(want.Digest), ErrSize, "%d bytes came, and %d are claimed", d.Size, want.Size)
	case d.Digest != want.Digest:
		return bad(blobName(want.Digest), ErrDigest, "the bytes that came have the digest %v", d.Digest)
	}
	w.blobs[d.Digest] = d.Size
	return w.failed(os.Rename(temp, w.at(blobName(d.Digest))))
}

// copy writes all of r to a file that is on the disk after it.
func (w *Writer) copy(path string, r io.Reader) (d Descriptor, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return d, w.failed(err)
	}
	h := sha256.New()
	d.Size, err = io.Copy(io.MultiWriter(f, h), io.LimitReader(r, MaxSize+1))
	h.Sum(d.Digest[:0])
	if err == nil && d.Size > MaxSize {
		err = bad("", ErrLimit, "more than %d bytes", int64(MaxSize))
	}
	return d, errors.Join(err, f.Sync(), f.Close())
}
