package world

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"

	"golang.org/x/sys/unix"
)

// NewEntropy gives the world's random bytes: the host's, or with a seed a
// stream that is the same for the same seed on every machine: ChaCha8 (as in
// math/rand/v2) keyed with the SHA-256 of the seed's eight bytes, little-endian.
// A seeded stream is for repeatable runs, not for secrets. It is not safe for
// use by several goroutines at once.
func NewEntropy(seed *uint64) io.Reader {
	if seed == nil {
		return hostEntropy{}
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], *seed)
	return mathrand.NewChaCha8(sha256.Sum256(b[:]))
}

// hostEntropy is getrandom(2): what crypto/rand reads, without the generators
// that it brings along and every start of a cell would pay for.
type hostEntropy struct{}

func (hostEntropy) Read(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := unix.Getrandom(p[done:], 0)
		if err != nil && err != unix.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return len(p), nil
}
