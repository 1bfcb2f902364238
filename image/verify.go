package image

import (
	"fmt"
)

// Verify reads all of a layout: the image, every byte of its files, and
// whatever else its index names. Nothing may be missing, and nothing be there
// that nothing names, so that what was looked at is what travels. It says
// nothing of who made the image: package trust does.
func (l *Layout) Verify() (*Image, error) {
	img, err := l.verify()
	return img, in(l.name, err)
}

func (l *Layout) verify() (*Image, error) {
	img, err := l.image()
	if err != nil {
		return nil, err
	}
	known := sizes{layoutFile: 0, indexFile: 0}
	for _, d := range img.Blobs() {
		if err := l.verifyBlob(d, known); err != nil {
			return nil, err
		}
	}
	for _, e := range l.index {
		if e.Digest == img.Digest {
			continue
		}
		if err := l.verifyOther(e.Descriptor, known); err != nil {
			return nil, err
		}
	}
	names, err := l.store.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, named := known[name]; !named {
			return nil, bad(name, ErrExtra, "nothing in this layout names this file: remove it")
		}
	}
	return img, nil
}

// sizes are those of the files that were read.
type sizes map[string]int64

// verifyBlob reads a blob, once, however often it is named.
func (l *Layout) verifyBlob(d Descriptor, known sizes) error {
	if size, read := known[blobName(d.Digest)]; read && size == d.Size {
		return nil
	}
	b, err := l.blob(d.Digest, d.Size)
	if err != nil {
		return err
	}
	known[blobName(d.Digest)] = d.Size
	return b.Close()
}

// verifyOther reads what a manifest of another kind names, as the SBOM of an
// image. Its form is its own tool's.
func (l *Layout) verifyOther(d Descriptor, known sizes) error {
	raw, err := l.small(d.Digest, d.Size)
	if err != nil {
		return err
	}
	known[blobName(d.Digest)] = d.Size
	parts, err := partsOf(raw)
	if err != nil {
		return bad(blobName(d.Digest), ErrMalformed, "%v", err)
	}
	for _, d := range parts {
		if err := l.verifyBlob(d, known); err != nil {
			return err
		}
	}
	return nil
}

// partsOf is the config and the layers of an OCI manifest of any form.
func partsOf(raw []byte) ([]Descriptor, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	list, err := o.list("layers")
	if err != nil {
		return nil, err
	}
	if config, ok := o["config"].(object); ok {
		list = append(list, config)
	}
	if len(list) > MaxFiles {
		return nil, fmt.Errorf("it names %d blobs, and %d are allowed", len(list), MaxFiles)
	}
	parts := make([]Descriptor, len(list))
	for i, o := range list {
		if parts[i], err = parseDescriptor(o); err != nil {
			return nil, fmt.Errorf("blob %d that it names: %w", i+1, err)
		}
	}
	return parts, nil
}

// Other is what a layout holds beside its image.
type Other struct {
	Descriptor
	ArtifactType string
	Raw          []byte // the manifest, in the form of its tool
}

// Others are the manifests of the layout that are no sealed image, such as an
// SBOM that refers to one.
func (l *Layout) Others() (others []Other, err error) {
	for _, e := range l.index {
		raw, err := l.small(e.Digest, e.Size)
		if err != nil {
			return nil, in(l.name, err)
		}
		kind, err := artifactType(raw)
		if err != nil {
			return nil, in(l.name, bad(blobName(e.Digest), ErrMalformed, "%v", err))
		}
		if kind != TypePayload {
			others = append(others, Other{e.Descriptor, kind, raw})
		}
	}
	return others, nil
}
