package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"spaceos"
	"spaceos/image"
)

// Pull fetches the image that the reference names, and nothing else, into the
// layout that create begins when it has seen what the image is. The image's
// digest is the one in the reference if it has one; a tag is whatever the
// registry says that it is. On an error nothing is left.
func (r *Remote) Pull(ctx context.Context, create func(*image.Image) (*image.Writer, error)) (img *image.Image, err error) {
	img, raw, config, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	w, err := create(img)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	moved := r.meter(img.Blobs())
	for _, d := range img.Blobs() {
		switch d.Digest {
		case img.Digest:
			moved(len(raw))
			err = w.Put(bytes.NewReader(raw), d)
		case img.Config.Digest:
			moved(len(config))
			err = w.Put(bytes.NewReader(config), d)
		default:
			err = r.fetch(ctx, d, moved, func(from io.Reader) error { return w.Put(from, d) })
		}
		if err != nil {
			return nil, r.explain(claimed(d), err)
		}
	}
	return img, w.Commit(image.Named{Descriptor: img.Descriptor(), ArtifactType: image.TypePayload, Ref: img.Name()})
}

// Look reads the image that the reference names, without its files.
func (r *Remote) Look(ctx context.Context) (*image.Image, error) {
	img, _, _, err := r.look(ctx)
	return img, err
}

func (r *Remote) look(ctx context.Context) (img *image.Image, raw, config []byte, err error) {
	if !r.named() {
		return nil, nil, nil, r.bad(ErrReference, "the reference has no tag: say which version, as %s:1.0.0", r)
	}
	d, raw, err := r.manifest(ctx, r.repository.Reference.Reference)
	if err != nil {
		return nil, nil, nil, err
	}
	parts, err := partsOf(raw)
	if err != nil || parts.ArtifactType != image.TypePayload {
		return nil, nil, nil, r.bad(image.ErrNotImage, "this is no sealed image (its artifactType is %q): spaceos push puts one there", printable(parts.ArtifactType))
	}
	if parts.Config.Size < 0 || parts.Config.Size > image.MaxManifest {
		return nil, nil, nil, r.bad(image.ErrLimit, "its config claims %d bytes, and %d are allowed", parts.Config.Size, image.MaxManifest)
	}
	if config, err = r.small(ctx, parts.Config); err != nil {
		return nil, nil, nil, err
	}
	if img, err = image.Decode(raw, config); err != nil {
		return nil, nil, nil, r.explain("its manifest", err)
	}
	if img.Digest != d {
		return nil, nil, nil, r.bad(image.ErrDigest, "the manifest that came has the digest %v, and %v was asked for: it was not kept", img.Digest, d)
	}
	return img, raw, config, nil
}

// parts is as much of an OCI manifest of any tool as says what to fetch next.
type parts struct {
	ArtifactType string               `json:"artifactType"`
	Config       ocispec.Descriptor   `json:"config"`
	Layers       []ocispec.Descriptor `json:"layers"`
	Subject      *ocispec.Descriptor  `json:"subject"`
}

// partsOf reads a manifest of at most image.MaxManifest bytes.
func partsOf(raw []byte) (p parts, err error) {
	err = json.Unmarshal(raw, &p)
	return p, err
}

// manifest fetches a manifest by tag or digest and checks its kind, size and
// digest.
func (r *Remote) manifest(ctx context.Context, name string) (spaceos.Digest, []byte, error) {
	var none spaceos.Digest
	ctx, f := r.watched(ctx, func(int) {})
	defer f.watch.Stop()
	d, body, err := r.repository.FetchReference(ctx, name)
	if err != nil {
		return none, nil, r.explain("its manifest", stalled(ctx, err))
	}
	defer body.Close()
	if d.MediaType != image.TypeManifest {
		return none, nil, r.bad(image.ErrNotImage, "this is no sealed image: what the registry has there is %q", printable(d.MediaType))
	}
	if d.Size > image.MaxManifest {
		return none, nil, r.bad(image.ErrLimit, "its manifest claims %d bytes, and %d are allowed", d.Size, image.MaxManifest)
	}
	want, err := spaceos.ParseDigest(d.Digest.String())
	if err != nil {
		return none, nil, r.bad(image.ErrDigest, "the registry names it by a digest that cannot be checked (%v)", err)
	}
	f.Reader = io.LimitReader(body, d.Size+1)
	raw, err := io.ReadAll(f)
	if err != nil {
		return none, nil, r.explain("its manifest", stalled(ctx, err))
	}
	if got := spaceos.DigestOf(raw); got != want || int64(len(raw)) != d.Size {
		return none, nil, r.bad(image.ErrDigest, "its manifest came with %d bytes and the digest %v, and %d and %v are claimed: it was not kept", len(raw), got, d.Size, want)
	}
	return want, raw, nil
}

// small fetches a blob that is held in memory; its size was checked.
func (r *Remote) small(ctx context.Context, d ocispec.Descriptor) (data []byte, err error) {
	digest, err := spaceos.ParseDigest(d.Digest.String())
	if err != nil {
		return nil, r.bad(image.ErrDigest, "it names a blob by a digest that cannot be checked (%v)", err)
	}
	want := image.Descriptor{MediaType: d.MediaType, Digest: digest, Size: d.Size}
	err = r.fetch(ctx, want, func(int) {}, func(from io.Reader) error {
		data, err = content.ReadAll(from, d)
		return err
	})
	return data, r.explain(claimed(want), err)
}

// fetch opens a blob and hands it to take, which checks it.
func (r *Remote) fetch(ctx context.Context, d image.Descriptor, moved func(n int), take func(io.Reader) error) error {
	ctx, f := r.watched(ctx, moved)
	defer f.watch.Stop()
	body, err := r.repository.Blobs().Fetch(ctx, foreign(d))
	if err != nil {
		return stalled(ctx, err)
	}
	f.Reader = body
	return errors.Join(stalled(ctx, take(f)), body.Close())
}

// stalled puts the reason why a request was ended in place of its end.
func stalled(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrStalled) {
		return context.Cause(ctx)
	}
	return err
}

// foreign is a descriptor as oras-go writes it.
func foreign(d image.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.MediaType, Digest: digest.Digest(d.Digest.String()), Size: d.Size}
}
