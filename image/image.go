package image

import (
	"cmp"
	"fmt"
	"strings"

	"spaceos"
	"spaceos/manifest"
)

// Image is a sealed image that was read: what it is called, what it asks for,
// and which files it has.
type Image struct {
	Digest   spaceos.Digest // of the OCI manifest; this names the image
	Size     int64          // of the OCI manifest, in bytes
	Config   Descriptor     // of the payload's manifest
	Manifest manifest.Manifest
	Files    []File // in the order of their paths
}

// File is one file of an image.
type File struct {
	Path       string // below /app
	Digest     spaceos.Digest
	Size       int64 // in bytes
	Executable bool  // mode 0555, else 0444
}

// Mode is the file's mode as chmod takes it.
func (f File) Mode() string {
	if f.Executable {
		return modeExecutable
	}
	return modeData
}

// Name is NAME:VERSION, as people and registries write it.
func (i *Image) Name() string { return i.Manifest.Name + ":" + i.Manifest.Version }

// Bytes is the sum of the files' sizes.
func (i *Image) Bytes() (sum spaceos.Bytes) {
	for _, f := range i.Files {
		sum += spaceos.Bytes(f.Size)
	}
	return sum
}

// Blobs is every blob of the image once, the OCI manifest last: who copies them
// in this order never has a manifest whose parts are missing.
func (i *Image) Blobs() []Descriptor {
	blobs := []Descriptor{i.Config}
	seen := map[Descriptor]bool{}
	for _, f := range i.Files {
		// Two claims of its size for one digest are two lines: one is wrong.
		if d := (Descriptor{TypeFile, f.Digest, f.Size}); !seen[d] {
			seen[d] = true
			blobs = append(blobs, d)
		}
	}
	return append(blobs, i.Descriptor())
}

// Descriptor is that of the OCI manifest.
func (i *Image) Descriptor() Descriptor { return Descriptor{TypeManifest, i.Digest, i.Size} }

// Image reads the one sealed image that the layout holds. What else its index
// names (as an SBOM that refers to the image) is left alone.
func (l *Layout) Image() (*Image, error) {
	img, err := l.image()
	return img, in(l.name, err)
}

func (l *Layout) image() (*Image, error) {
	var found *entry
	var raw []byte
	var others []string
	for i, e := range l.index {
		if found != nil && e.Digest == found.Digest { // under a second name
			continue
		}
		data, err := l.small(e.Digest, e.Size)
		if err != nil {
			return nil, err
		}
		kind, err := artifactType(data)
		if err != nil {
			return nil, bad(blobName(e.Digest), ErrMalformed, "%v", err)
		}
		switch {
		case kind != TypePayload:
			others = append(others, kind)
		case found != nil:
			return nil, bad(indexFile, ErrNotImage, "it names two sealed images (%.80q, %.80q), and one is what a layout may hold: copy one of them into a layout of its own", found.ref, e.ref)
		default:
			found, raw = &l.index[i], data
		}
	}
	if found == nil {
		return nil, bad(indexFile, ErrNotImage, "%s", noImage(others))
	}
	return l.decode(raw, found.Descriptor)
}

// noImage says what is there instead of an image.
func noImage(others []string) string {
	if len(others) == 0 {
		return "it names no manifest, so there is no image in this layout"
	}
	for i, kind := range others {
		others[i] = cmp.Or(kind, "a container's image")
	}
	others = others[:min(len(others), 3)]
	return fmt.Sprintf("it names no sealed image but %s: make one with spaceos seal", plain(strings.Join(others, ", ")))
}

// decode reads an image whose OCI manifest is at hand.
func (l *Layout) decode(raw []byte, d Descriptor) (*Image, error) {
	config, err := configOf(raw)
	if err != nil {
		return nil, bad(blobName(d.Digest), ErrMalformed, "%v", err)
	}
	data, err := l.small(config.Digest, config.Size)
	if err != nil {
		return nil, err
	}
	return Decode(raw, data)
}
