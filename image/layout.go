package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"spaceos"
)

// Files of a layout (image-layout.md).
const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	blobFolder = "blobs/sha256/"
)

// layoutVersion is the only one there is.
const layoutVersion = "1.0.0"

// layoutText is the file that says so.
const layoutText = `{"imageLayoutVersion":"` + layoutVersion + `"}`

// store is where a layout's files lie: a folder or a tar. Names are those of
// the layout, with slashes.
type store interface {
	// open gives a plain file and its size; fs.ErrNotExist if there is none.
	open(name string) (io.ReaderAt, int64, io.Closer, error)
	// names is every file there is, in order.
	names() ([]string, error)
	io.Closer
}

// Layout is an OCI image layout that is open for reading.
type Layout struct {
	name  string
	store store
	index []entry
}

// Open opens a layout: a folder, or a tar of one (by what it is, not by its
// name). It reads the index and nothing else; close it after use.
func Open(path string) (*Layout, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, notThere(path, err)
	}
	var s store
	if info.IsDir() {
		s, err = openFolder(path)
	} else {
		s, err = openTarFile(path)
	}
	if err != nil {
		return nil, in(path, err)
	}
	return newLayout(path, s)
}

// OpenTar opens a layout in the form of a tar of size bytes; name is for errors.
func OpenTar(r io.ReaderAt, size int64, name string) (*Layout, error) {
	s, err := openTar(r, size)
	if err != nil {
		return nil, in(name, err)
	}
	return newLayout(name, s)
}

func notThere(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Layout: path, Reason: err, Text: "there is no such folder or tar: name a sealed image (spaceos seal makes one)"}
	}
	return &Error{Layout: path, Reason: err, Text: fmt.Sprintf("cannot be opened (%v)", reason(err))}
}

// reason is what the system said, without the names that it said it of.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func newLayout(name string, s store) (*Layout, error) {
	l := &Layout{name: name, store: s}
	if err := l.readIndex(); err != nil {
		s.Close()
		return nil, in(name, err)
	}
	return l, nil
}

// Close ends the use of the layout and of its blobs that are still open.
func (l *Layout) Close() error { return l.store.Close() }

// A Blob is some bytes of a layout whose digest was found right when it was
// opened. It reads from the layout's file, in place.
type Blob struct {
	*io.SectionReader
	closer io.Closer
}

// Close ends the use of the blob.
func (b *Blob) Close() error { return b.closer.Close() }

// Blob opens a blob of a digest and a size that something trusted names. It is
// read once to see that they hold.
func (l *Layout) Blob(d spaceos.Digest, size int64) (*Blob, error) {
	b, err := l.blob(d, size)
	return b, in(l.name, err)
}

func (l *Layout) blob(d spaceos.Digest, size int64) (*Blob, error) {
	name := blobName(d)
	r, have, closer, err := l.store.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bad(name, ErrMissing, "this blob is missing: copy the image again")
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	if have != size {
		closer.Close()
		return nil, bad(name, ErrSize, "this blob has %d bytes, and %d are claimed: copy the image again", have, size)
	}
	b := &Blob{io.NewSectionReader(r, 0, size), closer}
	if err := b.check(name, d); err != nil {
		closer.Close()
		return nil, err
	}
	return b, nil
}

// check reads the blob and compares its digest.
func (b *Blob) check(name string, want spaceos.Digest) error {
	h := sha256.New()
	if n, err := io.CopyBuffer(struct{ io.Writer }{h}, io.NewSectionReader(b, 0, b.Size()), make([]byte, 64<<10)); err != nil || n != b.Size() {
		return unreadable(name, errors.Join(err, fmt.Errorf("%d of %d bytes", n, b.Size())))
	}
	if got := spaceos.Digest(h.Sum(nil)); got != want {
		return bad(name, ErrDigest, "the bytes of this blob have the digest %v: it is damaged, so copy the image again", got)
	}
	return nil
}

func unreadable(name string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return bad(name, err, "cannot be read (%v)", reason(err))
}

// small reads a whole blob that is held in memory.
func (l *Layout) small(d spaceos.Digest, size int64) ([]byte, error) {
	if size > MaxManifest {
		return nil, bad(blobName(d), ErrLimit, "a manifest of %d bytes is claimed, and %d are allowed", size, MaxManifest)
	}
	b, err := l.blob(d, size)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(b, data); err != nil {
		return nil, unreadable(blobName(d), err)
	}
	if spaceos.DigestOf(data) != d { // it changed since it was checked
		return nil, bad(blobName(d), ErrDigest, "this blob changes while it is read")
	}
	return data, nil
}

// Manifest gives the bytes of a manifest or config of the layout.
func (l *Layout) Manifest(d spaceos.Digest, size int64) ([]byte, error) {
	data, err := l.small(d, size)
	return data, in(l.name, err)
}

// file reads a file of the layout that has no digest.
func (l *Layout) file(name string, limit int64) ([]byte, error) {
	r, size, closer, err := l.store.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bad(name, ErrNotLayout, "there is no such file, so this is no OCI image layout: name a sealed image (spaceos seal makes one)")
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer closer.Close()
	if size > limit {
		return nil, bad(name, ErrLimit, "it has %d bytes, and %d are allowed", size, limit)
	}
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); n < len(data) {
		return nil, unreadable(name, err)
	}
	return data, nil
}

// blobName is the file of a blob in a layout.
func blobName(d spaceos.Digest) string {
	return blobFolder + strings.TrimPrefix(d.String(), "sha256:")
}
