package sbom

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"spaceos/image"
)

// headerSize is how far into a file its licence is looked for, in bytes.
const headerSize = 4 << 10

// spdxTag is how a file says its own licence (REUSE specification 3.3, "SPDX
// comment header"). What follows the expression on its line ends a comment.
var spdxTag = regexp.MustCompile(`SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+() -]*[A-Za-z0-9.+)])`)

// licenceOf is what a file says itself; else what NAME.license beside it
// in the image says, for files that have no comments; else what the manifest
// declares for all of the image.
func (b *builder) licenceOf(f image.File, content io.ReaderAt) ([]license, error) {
	if found := licenceIn(content); found != "" {
		return declared(found), nil
	}
	for _, beside := range b.image.Files {
		if beside.Path != f.Path+".license" {
			continue
		}
		blob, err := b.layout.Blob(beside.Digest, beside.Size)
		if err != nil {
			return nil, err
		}
		defer blob.Close()
		if found := licenceIn(blob); found != "" {
			return declared(found), nil
		}
	}
	return declared(b.image.Manifest.Licence), nil
}

// licenceIn looks for a tag in the beginning of a text.
func licenceIn(content io.ReaderAt) string {
	header := make([]byte, headerSize)
	n, _ := content.ReadAt(header, 0) // a short file ends early
	header = header[:n]
	if bytes.IndexByte(header, 0) >= 0 {
		return "" // no text
	}
	m := spdxTag.FindSubmatch(header)
	if m == nil {
		return ""
	}
	return strings.TrimSpace(string(m[1]))
}
