package registry

import (
	"fmt"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"

	"spaceos/image"
)

// Options are how a registry is spoken to.
type Options struct {
	// PlainHTTP allows HTTP without TLS. A registry on this computer is spoken
	// to without TLS in any case.
	PlainHTTP bool
	// Progress is called as bytes of blobs move, with the sum so far and the
	// sum in all; nil for none.
	Progress func(done, total int64)
}

// Remote is one repository of a registry, and a tag or a digest in it.
type Remote struct {
	repository *remote.Repository
	progress   func(done, total int64)
	stall      time.Duration
}

// Open takes a reference apart: HOST[:PORT]/NAME[:TAG], or with @sha256:... in
// place of the tag. It asks nothing of the registry yet.
func Open(reference string, o Options) (*Remote, error) {
	parsed, err := registry.ParseReference(reference)
	if err != nil || strings.Contains(reference, "://") {
		return nil, &Error{printable(reference), ErrReference, "this is no reference to an image in a registry: write HOST/NAME:TAG, as registry.example/acme/hello:1.0.0"}
	}
	plain := o.PlainHTTP || isLoopback(parsed.Host())
	client, err := newClient(plain, o)
	if err != nil {
		return nil, err
	}
	return &Remote{
		repository: &remote.Repository{
			Client: client, Reference: parsed, PlainHTTP: plain,
			// The only kind of manifest that is understood here. An index is
			// named so that a registry gives it for what it is.
			ManifestMediaTypes: []string{image.TypeManifest, image.TypeIndex},
			MaxMetadataBytes:   image.MaxManifest, ReferrerListMaxPages: 16, TagListMaxPages: 16,
			// Many registries do not delete; an old list of referrers harms nobody.
			SkipReferrersGC: true,
		},
		progress: o.Progress,
		stall:    stallTime,
	}, nil
}

func (r *Remote) String() string { return r.repository.Reference.String() }

func (r *Remote) host() string { return r.repository.Reference.Registry }

// named says whether the reference has a tag or a digest.
func (r *Remote) named() bool { return r.repository.Reference.Reference != "" }

// meter counts bytes for Progress.
func (r *Remote) meter(blobs []image.Descriptor) func(n int) {
	var done, total int64
	for _, d := range blobs {
		total += d.Size
	}
	return func(n int) {
		if done += int64(n); r.progress != nil {
			r.progress(done, total)
		}
	}
}

// claimed is a descriptor as people read it.
func claimed(d image.Descriptor) string { return fmt.Sprintf("blob %v", d.Digest) }
