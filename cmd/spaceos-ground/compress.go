package main

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"spaceos"
	"spaceos/image"
)

// compressed is what the blobs of an image come to when each is compressed by
// itself with zstd at its best: what a first upload sends.
func compressed(l *image.Layout, img *image.Image) (sum spaceos.Bytes, err error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, enc.Close()) }()
	for _, d := range img.Blobs() {
		n, err := compressedBlob(enc, l, d)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func compressedBlob(enc *zstd.Encoder, l *image.Layout, d image.Descriptor) (spaceos.Bytes, error) {
	b, err := l.Blob(d.Digest, d.Size)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	var n counter
	enc.Reset(&n)
	if _, err := io.Copy(enc, b); err != nil {
		return 0, err
	}
	return spaceos.Bytes(n), enc.Close()
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
