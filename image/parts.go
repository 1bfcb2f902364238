package image

import "spaceos"

// For who makes a layout without a Writer, as a spacecraft does that gets it in
// pieces: where its blobs lie, which blob comes after the OCI manifest, and its
// other files.

// BlobName is the file of a blob in a layout.
func BlobName(d spaceos.Digest) string { return blobName(d) }

// ConfigOf is the config that an OCI manifest of a sealed image names.
func ConfigOf(ociManifest []byte) (Descriptor, error) { return configOf(ociManifest) }

// Frame is the files of a layout with one image that are no blobs, by name, as
// Writer makes them.
func Frame(img *Image) (map[string][]byte, error) {
	index, err := indexOf([]Named{{Descriptor: img.Descriptor(), ArtifactType: TypePayload, Ref: img.Name()}})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{layoutFile: []byte(layoutText), indexFile: index}, nil
}
