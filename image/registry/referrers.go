package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"

	"spaceos"
	"spaceos/canonical"
	"spaceos/image"
)

// maxReferrers is how many documents an image may have here.
const maxReferrers = 256

// maxDocument is the size of the greatest attached document, and of all that
// are fetched of one image, in bytes.
const maxDocument = 16 << 20

// emptyConfig is what a manifest without a config names (image-spec, manifest.md,
// "Guidance for an Empty Descriptor").
const emptyConfig = "{}"

// Attach attaches a document to an image that is in the registry already, as a
// manifest of its own which names the image as its subject. The image does not
// change, nor does its digest. Registries that list referrers are told by the
// manifest itself; for others the list is kept under a tag
// (distribution-spec, "Referrers Tag Schema"). The same document attached
// twice is there once.
func (r *Remote) Attach(ctx context.Context, to *image.Image, mediaType, title string, document []byte) error {
	blobs := r.repository.Blobs()
	config := describe(ocispec.MediaTypeEmptyJSON, []byte(emptyConfig))
	body := describe(mediaType, document)
	raw, err := referrer(to.Descriptor(), config, body, title)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		d    image.Descriptor
		data []byte
	}{{config, []byte(emptyConfig)}, {body, document}} {
		have, err := blobs.Exists(ctx, foreign(part.d))
		if err == nil && !have {
			err = blobs.Push(ctx, foreign(part.d), bytes.NewReader(part.data))
		}
		if err != nil {
			return r.explain(title, err)
		}
	}
	d := foreign(describe(image.TypeManifest, raw))
	d.ArtifactType = mediaType
	return r.explain(title, r.repository.Manifests().Push(ctx, d, bytes.NewReader(raw)))
}

// Attached fetches the documents of a media type that were attached to an
// image, in the order in which the registry lists them. Anybody who may push to
// the repository can attach one. The list says of what kind each is, but not
// every registry gets that right, so the manifests are asked.
func (r *Remote) Attached(ctx context.Context, to *image.Image, mediaType string) (documents [][]byte, err error) {
	list, err := registry.Referrers(ctx, r.repository, foreign(to.Descriptor()), "")
	if err != nil {
		return nil, r.explain("what refers to it", err)
	}
	if len(list) > maxReferrers {
		return nil, r.bad(image.ErrLimit, "%d documents refer to this image, and %d are allowed", len(list), maxReferrers)
	}
	left := int64(maxDocument)
	for _, d := range list {
		p, err := r.attached(ctx, d, to)
		if err != nil {
			return nil, err
		}
		if p.ArtifactType != mediaType {
			continue
		}
		if len(p.Layers) != 1 || p.Layers[0].Size < 0 || p.Layers[0].Size > maxDocument {
			return nil, r.bad(image.ErrLimit, "%s should name one document of at most %d bytes, and does not", d.Digest, maxDocument)
		}
		if left -= p.Layers[0].Size; left < 0 {
			return nil, r.bad(image.ErrLimit, "the documents that are attached to this image have more than %d bytes in all", maxDocument)
		}
		document, err := r.small(ctx, p.Layers[0])
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// attached reads a manifest that the registry lists as a referrer.
func (r *Remote) attached(ctx context.Context, d ocispec.Descriptor, to *image.Image) (p parts, err error) {
	if d.MediaType != image.TypeManifest {
		return p, nil // an index, a signature of another tool: not ours
	}
	_, raw, err := r.manifest(ctx, d.Digest.String())
	if err != nil {
		return p, err
	}
	p, err = partsOf(raw)
	if err != nil || p.Subject == nil || p.Subject.Digest != foreign(to.Descriptor()).Digest {
		return p, r.bad(image.ErrMalformed, "the registry lists %s as referring to this image, and it does not", d.Digest)
	}
	return p, nil
}

func describe(mediaType string, data []byte) image.Descriptor {
	return image.Descriptor{MediaType: mediaType, Digest: spaceos.DigestOf(data), Size: int64(len(data))}
}

// referrer is the manifest of an attached document. Nothing in it is from a
// clock, so that one document has one digest.
func referrer(subject, config, body image.Descriptor, title string) ([]byte, error) {
	text := canonical.NewString
	descriptor := func(d image.Descriptor, more ...canonical.Member) canonical.Value {
		return canonical.NewObject(append(more,
			canonical.Member{Name: "mediaType", Value: text(d.MediaType)},
			canonical.Member{Name: "digest", Value: text(d.Digest.String())},
			canonical.Member{Name: "size", Value: canonical.NewInt(d.Size)})...)
	}
	titled := canonical.Member{Name: "annotations", Value: canonical.NewObject(
		canonical.Member{Name: ocispec.AnnotationTitle, Value: text(title)})}
	raw, err := canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "schemaVersion", Value: canonical.NewInt(2)},
		canonical.Member{Name: "mediaType", Value: text(image.TypeManifest)},
		canonical.Member{Name: "artifactType", Value: text(body.MediaType)},
		canonical.Member{Name: "config", Value: descriptor(config)},
		canonical.Member{Name: "layers", Value: canonical.NewArray(descriptor(body, titled))},
		canonical.Member{Name: "subject", Value: descriptor(subject)},
	))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the manifest of %s cannot be written", title), err)
	}
	return raw, nil
}
