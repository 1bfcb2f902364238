package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
)

// tarStore is a layout as a tar. Its entries are found once; blobs are read
// where they lie, and nothing is unpacked.
type tarStore struct {
	r     io.ReaderAt
	files map[string]*io.SectionReader
	close func() error
}

func openTarFile(path string) (*tarStore, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, notThere(path, err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, notThere(path, err)
	}
	if !info.Mode().IsRegular() {
		file.Close()
		return nil, bad("", ErrNotLayout, "this is %s: name a folder or a tar", kind(info.Mode()))
	}
	s, err := openTar(file, info.Size())
	if err != nil {
		file.Close()
		return nil, err
	}
	s.close = file.Close
	return s, nil
}

// compressed are beginnings of files that people take for a tar.
var compressed = []struct{ magic, name string }{
	{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"PK\x03\x04", "zip"},
}

func openTar(r io.ReaderAt, size int64) (*tarStore, error) {
	magic := make([]byte, 6)
	n, _ := r.ReadAt(magic[:min(6, max(size, 0))], 0) // what cannot be read is found below
	for _, c := range compressed {
		if bytes.HasPrefix(magic[:n], []byte(c.magic)) {
			return nil, bad("", ErrNotLayout, "this is compressed (%s), and images are not: unpack it first", c.name)
		}
	}
	s := &tarStore{r: r, files: map[string]*io.SectionReader{}, close: func() error { return nil }}
	at := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(at)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return s, s.ends(at)
		}
		if err != nil {
			return nil, notTar(err, n)
		}
		if n == maxEntries {
			return nil, bad("", ErrLimit, "this tar has more than %d entries", maxEntries)
		}
		// The reader stands at the entry's first byte: it reads whole blocks.
		off, _ := at.Seek(0, io.SeekCurrent) // cannot fail
		if err := s.add(h, off, size); err != nil {
			return nil, err
		}
	}
}

func notTar(err error, entries int) error {
	if entries == 0 && errors.Is(err, tar.ErrHeader) {
		return bad("", ErrNotLayout, "this is no tar: name a sealed image (spaceos seal makes one)")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return bad("", ErrMalformed, "this tar is cut short within entry %d: copy it again", entries+1)
	}
	return bad("", ErrMalformed, "this tar is damaged at entry %d (%v): copy it again", entries+1, err)
}

// add takes one entry.
func (s *tarStore) add(h *tar.Header, off, size int64) error {
	name, err := tarName(h)
	if err != nil {
		return err
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return sparse(name)
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir:
		return nil
	case tar.TypeGNUSparse:
		return sparse(name)
	default:
		return bad(name, ErrKind, "this entry is %s, and a layout holds plain files alone", tarKind(h.Typeflag))
	}
	if h.Size > size-off {
		return bad(name, ErrSize, "this entry claims %d bytes, and the tar ends %d bytes behind its beginning: copy it again", h.Size, size-off)
	}
	if s.files[name] != nil {
		return bad(name, ErrDoubled, "this entry is there twice")
	}
	s.files[name] = io.NewSectionReader(s.r, off, h.Size)
	return nil
}

func sparse(name string) error {
	return bad(name, ErrKind, "this entry is a sparse file, whose bytes are not those of the tar: pack it without --sparse")
}

// tarName is an entry's name as a layout names it; tar programs put ./ before it
// and a slash behind folders.
func tarName(h *tar.Header) (string, error) {
	name := strings.TrimPrefix(h.Name, "./")
	if h.Typeflag == tar.TypeDir {
		name = cmp.Or(strings.TrimSuffix(name, "/"), ".")
	}
	if !fs.ValidPath(name) {
		return "", bad(fmt.Sprintf("%.100q", h.Name), ErrName, "this entry's name leads out of the layout, or is not clean")
	}
	return name, nil
}

func tarKind(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a named pipe"
	}
	return fmt.Sprintf("of the kind %q", flag)
}

// maxPadding is how many zeros end a tar at most: programs fill the last record,
// of 10 KiB or as their option says.
const maxPadding = 1 << 20

// ends sees that only padding follows: programs that read on behind a tar's end
// would find another layout there.
func (s *tarStore) ends(at *io.SectionReader) error {
	off, _ := at.Seek(0, io.SeekCurrent) // cannot fail
	if rest := at.Size() - off; rest > maxPadding {
		return bad("", ErrMalformed, "%d bytes follow the end of this tar", rest)
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := at.Read(buf)
		if i := slices.IndexFunc(buf[:n], func(b byte) bool { return b != 0 }); i >= 0 {
			return bad("", ErrMalformed, "something follows the end of this tar")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return unreadable("", err)
		}
	}
}

func (s *tarStore) Close() error { return s.close() }

func (s *tarStore) open(name string) (io.ReaderAt, int64, io.Closer, error) {
	f := s.files[name]
	if f == nil {
		return nil, 0, nil, fs.ErrNotExist
	}
	return f, f.Size(), io.NopCloser(nil), nil
}

func (s *tarStore) names() ([]string, error) {
	return slices.Sorted(maps.Keys(s.files)), nil
}
