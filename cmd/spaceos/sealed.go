package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spaceos"
	"spaceos/image"
	"spaceos/libos"
	"spaceos/manifest"
	"spaceos/world"
)

// sealed is an image that is run.
type sealed struct {
	manifest manifest.Manifest // its limits become those that hold
	own      spaceos.Limits    // the image's, before flags lowered them
	lowered  map[string]string // flag by limit
	digest   spaceos.Digest
	files    []world.SealedFile
	closers  []io.Closer
}

// openSealed opens an image and finds every byte of its files right.
func openSealed(path string) (*sealed, error) {
	layout, err := image.Open(path)
	if err != nil {
		return nil, err
	}
	s := &sealed{closers: []io.Closer{layout}}
	if err := s.read(layout); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sealed) read(layout *image.Layout) error {
	img, err := layout.Image()
	if err != nil {
		return err
	}
	s.manifest, s.digest = img.Manifest, img.Digest
	for _, f := range img.Files {
		blob, err := layout.Blob(f.Digest, f.Size)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, blob)
		file, err := s.file(blob, f.Digest)
		if err != nil {
			return fmt.Errorf("%s of the image cannot be read: %w", f.Path, err)
		}
		s.files = append(s.files, world.SealedFile{Path: f.Path, File: file, Executable: f.Executable})
	}
	return nil
}

// file is a file of the host with a blob's bytes and no others: the blob itself
// in a folder, if nobody else may write to it while it runs; for others, and
// those inside of a tar, a copy, which has no name and is gone when it is closed.
func (s *sealed) file(blob *image.Blob, want spaceos.Digest) (*os.File, error) {
	outer, from, size := blob.Outer()
	if f, ok := outer.(*os.File); ok && from == 0 {
		if info, err := f.Stat(); err == nil && info.Size() == size && ours(info) {
			return f, nil
		}
	}
	copied, err := unnamed()
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, copied)
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(copied, h), io.NewSectionReader(blob, 0, size)); err != nil {
		return nil, err
	}
	if spaceos.Digest(h.Sum(nil)) != want {
		return nil, errors.New("the blob changes while it is read")
	}
	return copied, nil
}

// ours says whether the user who runs this, and root, are the only ones who may
// change a file: its digest still holds when the cell reads it.
func ours(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == uint32(os.Geteuid()) || st.Uid == 0) && info.Mode().Perm()&0o022 == 0
}

// unnamed makes a temporary file that no kill leaves behind.
func unnamed() (*os.File, error) {
	dir := os.TempDir()
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return f, nil
	}
	if f, err = os.CreateTemp(dir, "spaceos-*"); err == nil { // a file system without O_TMPFILE
		err = os.Remove(f.Name())
	}
	return f, err
}

func (s *sealed) close() {
	for _, c := range s.closers {
		_ = c.Close() // they were read, not written
	}
}

// seal makes the Spec what the image asks for. Flags may lower its limits, and
// add nothing.
func (f *runFlags) seal(s *sealed) error {
	m := &s.manifest
	for _, flag := range []string{"app", "env"} {
		if f.given(flag) {
			return fmt.Errorf("--%s: a sealed image has its own; seal another to change it", flag)
		}
	}
	if len(f.spec.Args) > 0 {
		flag, _, _ := strings.Cut(strings.TrimPrefix(f.spec.Args[0], "--"), "=")
		if strings.HasPrefix(f.spec.Args[0], "--") && f.known(flag) {
			return fmt.Errorf("--%s stands behind the image: flags of run stand before it, as in spaceos run --%[1]s ... IMAGE", flag)
		}
		return fmt.Errorf("%q: a sealed image has its own arguments; seal another to change them", f.spec.Args[0])
	}
	l := &m.Limits
	s.own, s.lowered = *l, map[string]string{}
	if err := errors.Join(
		lower(f, s, "memory", "memory", f.spec.Memory, &l.Memory),
		lower(f, s, "out-limit", "products", f.spec.OutBytes, &l.Products),
		lower(f, s, "data-limit", "data", f.spec.DataBytes, &l.Data),
		lower(f, s, "cpu-time", "cpu-time", f.spec.CPUTime, &l.CPUTime),
		lower(f, s, "timeout", "wall-time", f.spec.Timeout, &l.WallTime),
	); err != nil {
		return err
	}
	return f.fromManifest(s)
}

// lower puts a flag's value in place of a limit.
func lower[T spaceos.Bytes | time.Duration](f *runFlags, s *sealed, flag, limit string, given T, into *T) error {
	switch {
	case !f.given(flag) || given == *into:
	case given > *into:
		return fmt.Errorf("--%s: %v is more than the image's own limit of %v for %s: a flag can only lower it", flag, given, *into, limit)
	default:
		*into, s.lowered[limit] = given, flag
	}
	return nil
}

func (f *runFlags) fromManifest(s *sealed) (err error) {
	m, spec := &s.manifest, &f.spec
	spec.Program, spec.Args, spec.Env, spec.Sealed = m.Program, m.Args, m.Environment(), s.files
	spec.Memory, spec.CPUTime, spec.Timeout = m.Limits.Memory, m.Limits.CPUTime, m.Limits.WallTime
	spec.OutBytes, spec.DataBytes, spec.TmpBytes = m.Limits.Products, m.Limits.Data, min(m.Limits.Scratch, m.Limits.Memory)
	spec.Subjects, err = libos.Only(m.Subjects)
	return err
}
