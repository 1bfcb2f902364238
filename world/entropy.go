package world

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
)

// NewEntropy gives the world's random bytes: the host's, or with a seed a
// stream that is the same for the same seed on every machine: ChaCha8 (as in
// math/rand/v2) keyed with the SHA-256 of the seed's eight bytes, little-endian.
// A seeded stream is for repeatable runs, not for secrets. It is not safe for
// use by several goroutines at once.
func NewEntropy(seed *uint64) io.Reader {
	if seed == nil {
		return rand.Reader
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], *seed)
	return mathrand.NewChaCha8(sha256.Sum256(b[:]))
}
