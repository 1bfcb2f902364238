// Package image reads and writes sealed images: what a tenant ships. A sealed
// image is an OCI image layout (a folder, or a tar of it) that holds a payload's
// manifest as config and one uncompressed blob for each of its files. Compression
// happens on the link and in tables of sizes, so that a newer compressor never
// changes a digest.
//
//	layout, err := image.Open("hello.oci") // or hello.tar
//	img, err := layout.Image()             // its manifest, limits and files
//	blob, err := layout.Blob(img.Files[0].Digest, img.Files[0].Size)
//
// Whoever made it, a layout is read as a stranger's: sizes and names are checked
// before anything is held in memory, a blob's digest before anyone gets its
// bytes, and nothing outside of the layout is ever opened. What is wrong is an
// *Error that names the file. Who made it is a question for package trust, how
// it travels one for image/delta and image/registry.
//
// Specifications: OCI image-spec v1.1.1 (image-layout.md, manifest.md,
// image-index.md, annotations.md).
package image
