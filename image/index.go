package image

import (
	"fmt"

	"spaceos"
)

// Descriptor names some bytes (descriptor.md).
type Descriptor struct {
	MediaType string
	Digest    spaceos.Digest
	Size      int64 // in bytes
}

// entry is one line of the index.
type entry struct {
	Descriptor
	ref string // its name, empty if it has none
}

// readIndex reads oci-layout and index.json. Both may have been written by any
// tool, so members that are unknown are left alone.
func (l *Layout) readIndex() error {
	data, err := l.file(layoutFile, maxLayoutFile)
	if err != nil {
		return err
	}
	o, err := parseObject(data)
	if err != nil {
		return bad(layoutFile, ErrMalformed, "%v", err)
	}
	if v, err := o.text("imageLayoutVersion"); err != nil || v != layoutVersion {
		return bad(layoutFile, ErrNotLayout, "the version of the layout is %.40q, and %s is what can be read", v, layoutVersion)
	}
	if data, err = l.file(indexFile, maxIndex); err != nil {
		return err
	}
	l.index, err = parseIndex(data)
	return err
}

func parseIndex(data []byte) ([]entry, error) {
	o, err := parseObject(data)
	if err != nil {
		return nil, bad(indexFile, ErrMalformed, "%v", err)
	}
	if v, err := o.number("schemaVersion"); err != nil || v != 2 {
		return nil, bad(indexFile, ErrMalformed, "schemaVersion is not 2")
	}
	if t, err := o.text("mediaType"); err != nil || t != "" && t != TypeIndex {
		return nil, bad(indexFile, ErrMalformed, "mediaType is %.80q, not %s", t, TypeIndex)
	}
	list, err := o.list("manifests")
	if err != nil {
		return nil, bad(indexFile, ErrMalformed, "%v", err)
	}
	if len(list) > maxManifests {
		return nil, bad(indexFile, ErrLimit, "it names %d manifests, and %d are allowed", len(list), maxManifests)
	}
	entries := make([]entry, 0, len(list))
	for i, o := range list {
		e, err := parseEntry(o)
		if err != nil {
			return nil, bad(indexFile, ErrMalformed, "manifest %d of the list: %v", i+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func parseEntry(o object) (e entry, err error) {
	if e.Descriptor, err = parseDescriptor(o); err != nil {
		return e, err
	}
	if e.MediaType != TypeManifest {
		return e, fmt.Errorf("its mediaType is %.80q, and only %s can be read", e.MediaType, TypeManifest)
	}
	annotations, err := o.strings("annotations")
	e.ref = annotations[keyRefName]
	return e, err
}

// parseDescriptor reads a descriptor in JSON of any form.
func parseDescriptor(o object) (d Descriptor, err error) {
	if d.MediaType, err = o.text("mediaType"); err != nil {
		return d, err
	}
	if d.Size, err = o.number("size"); err != nil {
		return d, err
	}
	digest, err := o.text("digest")
	if err != nil {
		return d, err
	}
	d.Digest, err = spaceos.ParseDigest(digest)
	return d, err
}
