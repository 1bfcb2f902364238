package spaceos

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Digest is the SHA-256 of some bytes; written "sha256:" and 64 hex digits, as
// in the OCI image specification.
type Digest [sha256.Size]byte

const digestPrefix = "sha256:"

// ErrDigest says that a text is no digest.
var ErrDigest = errors.New("not a digest of the form sha256: and 64 lower-case hex digits")

// DigestOf computes the digest of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads the written form, and only that one.
func ParseDigest(s string) (d Digest, err error) {
	hexed, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(hexed) != 2*len(d) || strings.ToLower(hexed) != hexed {
		return d, fmt.Errorf("%.80q is %w", s, ErrDigest)
	}
	if _, err := hex.Decode(d[:], []byte(hexed)); err != nil {
		return d, fmt.Errorf("%.80q is %w", s, ErrDigest)
	}
	return d, nil
}

// String is the written form.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// MarshalText gives the written form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the written form.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDigest(string(text))
	return err
}
