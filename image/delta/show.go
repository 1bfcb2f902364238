package delta

import (
	"errors"
	"fmt"
	"io"

	"spaceos"
	"spaceos/image"
)

// Unsigned is what a delta says that it leads to, for people who try one out
// without signed metadata. Its length is that of the manifest that it makes,
// which is made in memory for it; nobody vouches for either.
func Unsigned(old *image.Layout, patch io.ReaderAt, size int64) (Blob, error) {
	a, manifest, err := unsigned(old, patch, size)
	if err != nil {
		return Blob{}, err
	}
	return Blob{a.table.new, int64(len(manifest))}, nil
}

func unsigned(old *image.Layout, patch io.ReaderAt, size int64) (*applier, []byte, error) {
	t, err := readTable(patch, size)
	if err != nil {
		return nil, nil, err
	}
	a, err := begin(old, patch, size, Blob{Digest: t.new})
	if err != nil {
		return nil, nil, err
	}
	if m := t.entries[0].method; m == Matched {
		return nil, nil, fmt.Errorf("%w: an image's own manifest cannot be %v", ErrDamaged, m)
	}
	manifest, err := a.take(Blob{Digest: t.new, Size: a.oldImage.Size}, image.MaxManifest)
	return a, manifest, err
}

// take makes the next blob in memory: of at most so many bytes.
func (a *applier) take(want Blob, most int64) (data []byte, err error) {
	e := a.table.entries[a.next]
	src, closeBase, err := a.source(e, a.at, want)
	if err != nil {
		return nil, err
	}
	defer func() { src.close(); err = errors.Join(err, closeBase()) }()
	a.next, a.at = a.next+1, a.at+e.size()
	if e.method == Matched {
		most = want.Size // it must not be asked for more
	}
	if data, err = io.ReadAll(io.LimitReader(src, most)); err != nil {
		return nil, damaged(err)
	}
	if err := src.done(); err != nil {
		return nil, err
	}
	if got := spaceos.DigestOf(data); got != want.Digest {
		return nil, fmt.Errorf("%w: it makes %v of a blob that should be %v", ErrDamaged, got, want.Digest)
	}
	return data, nil
}

// Show says what is in a delta, by the names of the images' files. It makes
// their manifests in memory and reads no more.
func Show(old *image.Layout, patch io.ReaderAt, size int64) (*Report, *image.Image, error) {
	a, manifest, err := unsigned(old, patch, size)
	if err != nil {
		return nil, nil, err
	}
	d, err := image.ConfigOf(manifest)
	if err != nil {
		return nil, nil, damaged(err)
	}
	config, err := a.take(Blob{d.Digest, d.Size}, d.Size)
	if err != nil {
		return nil, nil, err
	}
	img, err := image.Decode(manifest, config)
	if err != nil {
		return nil, nil, damaged(err)
	}
	if err := a.fits(img); err != nil {
		return nil, nil, err
	}
	return a.table.report(a.oldImage, img), img, nil
}

// fits says whether the table is one of this image.
func (a *applier) fits(img *image.Image) error {
	if n := len(blobsOf(img)); n != len(a.table.entries) {
		return fmt.Errorf("%w: it has %d blobs, and the image %d", ErrDamaged, len(a.table.entries), n)
	}
	return nil
}
