package registry

import (
	"context"
	"errors"
	"io"
	"strings"

	"oras.land/oras-go/v2/errdef"

	"spaceos/image"
)

// Push sends the image of a layout: its blobs that the registry does not have,
// then its manifest, and nothing else that the layout holds. Without a tag in
// the reference, the tag is the image's version. A tag that names another image
// already is left alone unless force is set.
func (r *Remote) Push(ctx context.Context, l *image.Layout, force bool) (*image.Image, error) {
	img, err := l.Image()
	if err != nil {
		return nil, err
	}
	if !r.named() {
		r.repository.Reference.Reference = img.Manifest.Version
	}
	if err := r.mayTake(ctx, img, force); err != nil {
		return nil, err
	}
	moved := r.meter(img.Blobs())
	for _, d := range img.Blobs() {
		if d.Digest == img.Digest {
			continue
		}
		if err := r.send(ctx, l, d, moved); err != nil {
			return nil, r.explain(claimed(d), err)
		}
	}
	raw, err := l.Manifest(img.Digest, img.Size)
	if err != nil {
		return nil, err
	}
	err = r.repository.PushReference(ctx, foreign(img.Descriptor()), strings.NewReader(string(raw)), r.repository.Reference.Reference)
	if err != nil {
		return nil, r.explain("its manifest", err)
	}
	moved(len(raw))
	return img, r.holds(ctx, img)
}

// mayTake sees that the name in the registry is free, or this image's already.
func (r *Remote) mayTake(ctx context.Context, img *image.Image, force bool) error {
	name := r.repository.Reference.Reference
	if strings.HasPrefix(name, "sha256:") {
		if name != img.Digest.String() {
			return r.bad(ErrReference, "the image to be pushed has the digest %v: leave the digest out, or push the image that it names", img.Digest)
		}
		return nil
	}
	there, err := r.repository.Resolve(ctx, name)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return nil
	case err != nil:
		return r.explain("its manifest", err)
	case there.Digest.String() != img.Digest.String() && !force:
		return r.bad(ErrTaken, "this tag names another image already (%s): seal a new version, or move the tag with --force", there.Digest)
	}
	return nil
}

// send pushes one blob, unless the registry has it.
func (r *Remote) send(ctx context.Context, l *image.Layout, d image.Descriptor, moved func(n int)) error {
	ctx, f := r.watched(ctx, moved)
	defer f.watch.Stop()
	have, err := r.repository.Blobs().Exists(ctx, foreign(d))
	if err != nil {
		return stalled(ctx, err)
	}
	if have {
		moved(int(d.Size))
		return nil
	}
	blob, err := l.Blob(d.Digest, d.Size)
	if err != nil {
		return err
	}
	defer blob.Close()
	f.Reader = blob
	f.watch.Reset(r.stall)
	// Sent whole, the answer may take a while: the registry computes a digest.
	return stalled(ctx, r.repository.Blobs().Push(ctx, foreign(d), &lastRead{f, d.Size}))
}

// lastRead stops the watch when all bytes are on their way.
type lastRead struct {
	*flow
	left int64
}

func (l *lastRead) Read(p []byte) (int, error) {
	n, err := l.flow.Read(p)
	if l.left -= int64(n); l.left <= 0 || err == io.EOF {
		l.watch.Stop()
	}
	return n, err
}

// holds asks the registry what the name stands for now.
func (r *Remote) holds(ctx context.Context, img *image.Image) error {
	there, err := r.repository.Resolve(ctx, r.repository.Reference.Reference)
	if err != nil {
		return r.explain("its manifest", err)
	}
	if there.Digest.String() != img.Digest.String() {
		return r.bad(image.ErrDigest, "the registry has %s under this name after the push, and the image is %v: it changes images, or somebody else pushed too", there.Digest, img.Digest)
	}
	return nil
}
