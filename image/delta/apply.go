package delta

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"spaceos"
	"spaceos/image"
)

// Apply makes the layout name on the disk out of the old one and a delta of size
// bytes. want is the new image's manifest, as signed. The layout has its name
// when it is whole and on the disk; before that it grows in a hidden folder
// beside it, and if Apply ends early, the next one goes on with that folder. A
// delta that is damaged leaves nothing.
func Apply(disk Disk, name string, old *image.Layout, patch io.ReaderAt, size int64, want Blob) (*image.Image, error) {
	a, err := begin(old, patch, size, want)
	if err != nil {
		return nil, err
	}
	a.disk, a.staging = disk, "."+name+".part"
	img, err := a.layout()
	if errors.Is(err, ErrDamaged) {
		return nil, errors.Join(err, onDisk("remove what it made", disk.Remove(a.staging)))
	}
	if err == nil {
		err = errors.Join(disk.Rename(a.staging, name), disk.Sync("."))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return img, nil
}

// An applier makes blob after blob of the new image.
type applier struct {
	disk     Disk
	staging  string
	old      *image.Layout
	oldImage *image.Image
	oldBlobs []image.Descriptor
	patch    io.ReaderAt
	table    *table
	next     int   // entry of the table
	at       int64 // where its sections begin
	want     Blob
}

// begin looks whether delta, old image and what is wanted belong together.
func begin(old *image.Layout, patch io.ReaderAt, size int64, want Blob) (*applier, error) {
	t, err := readTable(patch, size)
	if err != nil {
		return nil, err
	}
	img, err := old.Image()
	if err != nil {
		return nil, err
	}
	switch {
	case t.old != img.Digest:
		return nil, fmt.Errorf("%w: it was made against %v, and this is %v", ErrBase, t.old, img.Digest)
	case t.new != want.Digest:
		return nil, fmt.Errorf("%w: it leads to %v, and %v is wanted", ErrDamaged, t.new, want.Digest)
	case want.Size < 0 || want.Size > image.MaxManifest:
		return nil, fmt.Errorf("%w: a manifest of %d bytes is wanted, and %d are allowed", ErrDamaged, want.Size, image.MaxManifest)
	}
	a := &applier{old: old, oldImage: img, oldBlobs: blobsOf(img), patch: patch, table: t, at: t.size, want: want}
	for _, e := range t.entries {
		if e.base >= len(a.oldBlobs) {
			return nil, fmt.Errorf("%w: it names blob %d of the old image, which has %d", ErrDamaged, e.base, len(a.oldBlobs))
		}
	}
	return a, nil
}

// layout makes all files of the new layout in the staging folder.
func (a *applier) layout() (*image.Image, error) {
	names, err := a.disk.Names(a.staging)
	if err != nil {
		return nil, onDisk("look at what an earlier run left", err)
	}
	left := map[string]bool{} // by an earlier run, and not looked at yet
	for _, n := range names {
		left[n] = true
	}
	img, err := a.manifests(left)
	if err != nil {
		return nil, err
	}
	for _, d := range blobsOf(img)[2:] {
		if err := a.blob(Blob{d.Digest, d.Size}, left); err != nil {
			return nil, err
		}
	}
	if err := a.frame(img, left); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if err := a.disk.Remove(name); err != nil {
			return nil, onDisk("remove what an earlier run left", err)
		}
	}
	return img, a.sync()
}

// frame makes the files of the layout that are no blobs.
func (a *applier) frame(img *image.Image, left map[string]bool) error {
	files, err := image.Frame(img)
	if err != nil {
		return damaged(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		delete(left, path.Join(a.staging, name))
		delete(left, path.Join(a.staging, name)+partial)
		want := Blob{spaceos.DigestOf(files[name]), int64(len(files[name]))}
		if err := a.file(name, want, held{newSection(bytes.NewReader(files[name]), 0, want.Size)}); err != nil {
			return err
		}
	}
	return nil
}

// manifests makes the two documents from which all other blobs follow.
func (a *applier) manifests(left map[string]bool) (*image.Image, error) {
	if err := a.blob(a.want, left); err != nil {
		return nil, err
	}
	manifest, err := a.read(a.want)
	if err != nil {
		return nil, err
	}
	d, err := image.ConfigOf(manifest)
	if err != nil {
		return nil, damaged(err)
	}
	if err := a.blob(Blob{d.Digest, d.Size}, left); err != nil {
		return nil, err
	}
	config, err := a.read(Blob{d.Digest, d.Size})
	if err != nil {
		return nil, err
	}
	img, err := image.Decode(manifest, config)
	if err != nil {
		return nil, damaged(err)
	}
	return img, a.fits(img)
}

// blob makes the next blob of the table, unless an earlier run has.
func (a *applier) blob(want Blob, left map[string]bool) error {
	e := a.table.entries[a.next]
	at := a.at
	a.next, a.at = a.next+1, a.at+e.size()
	name := image.BlobName(want.Digest)
	full := path.Join(a.staging, name)
	if left[full] {
		delete(left, full)
		if ok, err := a.whole(full, want); ok || err != nil {
			return err
		}
	}
	delete(left, full+partial)
	src, closeBase, err := a.source(e, at, want)
	if err != nil {
		return err
	}
	err = errors.Join(a.file(name, want, src), closeBase())
	src.close()
	return err
}

// source opens what an entry, whose sections begin at a place, makes a blob of.
func (a *applier) source(e entry, at int64, want Blob) (source, func() error, error) {
	sections := make([]section, len(e.lengths))
	for i, n := range e.lengths {
		sections[i] = newSection(a.patch, at, n)
		at += n
	}
	if e.method == Plain {
		src, err := openSource(e.method, sections, nil, 0, want.Size)
		return src, func() error { return nil }, err
	}
	d, err := a.base(e, want)
	if err != nil {
		return nil, nil, err
	}
	base, err := a.old.Blob(d.Digest, d.Size) // read once: it is what it was
	if err != nil {
		return nil, nil, err
	}
	src, err := openSource(e.method, sections, base, d.Size, want.Size)
	if err != nil {
		return nil, nil, errors.Join(err, base.Close())
	}
	return src, base.Close, nil
}

// base is the old blob that an entry refers to.
func (a *applier) base(e entry, want Blob) (image.Descriptor, error) {
	if e.method != Held {
		return a.oldBlobs[e.base], nil
	}
	for _, d := range a.oldBlobs {
		if d.Digest == want.Digest && d.Size == want.Size {
			return d, nil
		}
	}
	return image.Descriptor{}, fmt.Errorf("%w: it takes %v for held, and the old image has no such blob", ErrDamaged, want.Digest)
}

// partial ends the name of a file that is being made.
const partial = ".part"

// file makes a file of the layout and gives it its name when it is whole.
func (a *applier) file(name string, want Blob, src source) error {
	full := path.Join(a.staging, name)
	f, err := a.disk.Open(full + partial)
	if err != nil {
		return onDisk("write", err)
	}
	if want.Size > Checkpoint { // checkpoints are worth nothing in a file without a name
		err = a.sync()
	}
	if err == nil {
		err = makeBlob(f, src, want)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return onDisk("write", errors.Join(a.disk.Rename(full+partial, full), a.disk.Sync(path.Dir(full))))
}

// sync keeps all names of the layout.
func (a *applier) sync() error {
	blobs := path.Join(a.staging, path.Dir(image.BlobName(a.want.Digest)))
	return onDisk("write", errors.Join(a.disk.Sync(blobs), a.disk.Sync(path.Dir(blobs)), a.disk.Sync(a.staging), a.disk.Sync(".")))
}

// whole says whether a file of an earlier run is the blob.
func (a *applier) whole(full string, want Blob) (bool, error) {
	f, err := a.disk.Open(full)
	if err != nil {
		return false, onDisk("read what an earlier run left", err)
	}
	defer f.Close()
	if size, err := f.Size(); err != nil || size != want.Size {
		return false, errors.Join(onDisk("read what an earlier run left", err), a.disk.Remove(full))
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, io.NewSectionReader(f, 0, want.Size), make([]byte, 32<<10)); err != nil {
		return false, onDisk("read what an earlier run left", err)
	}
	if spaceos.Digest(h.Sum(nil)) != want.Digest {
		return false, onDisk("remove what an earlier run left", a.disk.Remove(full))
	}
	return true, nil
}

// read is a small blob that was made.
func (a *applier) read(b Blob) (data []byte, err error) {
	f, err := a.disk.Open(path.Join(a.staging, image.BlobName(b.Digest)))
	if err != nil {
		return nil, onDisk("read", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data = make([]byte, b.Size)
	if n, err := f.ReadAt(data, 0); n < len(data) {
		return nil, onDisk("read", err)
	}
	return data, nil
}
