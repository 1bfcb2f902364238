// Package trust decides on board what may run: it reads documents after The
// Update Framework (specification 1.0), split between an offline repository
// and an online director as Uptane does. It makes no documents and has no
// clock, no files and no network: a Verifier is a state machine that takes
// bytes, a Store and a lower bound on time.
//
//	v, err := trust.New(store, "sat-7", floor)
//	_, err = v.Open(timestamp)      // a set, and what belongs to it
//	whole, err := v.Piece(document) // in any order, over days
//	lease, err := v.Admit(claim)    // signed, planned, within the charter?
package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/mldsa"

	"spaceos"
	"spaceos/canonical"
)

// MaxDocument is the length of the longest document, in bytes as it travels.
const MaxDocument = 64 << 10

// What a refusal is about; one of these is in the chain of each error.
var (
	ErrTooLarge   = errors.New("larger than what is taken")
	ErrForm       = errors.New("not in the form of a document")
	ErrType       = errors.New("a document of another type or role")
	ErrKeys       = errors.New("keys that cannot be used")
	ErrSignatures = errors.New("too few good signatures")
	ErrFolder     = errors.New("outside of the role's folder")
	ErrRollback   = errors.New("not newer than what is held")
	ErrExpired    = errors.New("expired")
	ErrMixed      = errors.New("documents that do not belong together")
	ErrUnnamed    = errors.New("named by no open set")
	ErrFull       = errors.New("no room beside the open sets")
	ErrSpacecraft = errors.New("for another spacecraft")
	ErrRefused    = errors.New("not granted")
	ErrRevoked    = errors.New("revoked")
	ErrStore      = errors.New("the store failed")
)

const (
	maxSignatures = 64
	maxPairs      = 16
	envelopeKind  = 1 // the first byte: version of the binary envelope
)

// An Envelope is a document as it travels and lies on board: byte 1, the
// number of signatures, each as a key id (32 bytes), a length (2, big endian)
// and so many bytes; then the signed part, as the bytes that were signed. It
// shares the bytes that it was read from.
type Envelope struct {
	Signatures []Signature
	Signed     []byte
}

// A Signature is one key's, by the TUF id of the key.
type Signature struct {
	Key spaceos.Digest
	Sig []byte
}

// ParseEnvelope takes a document apart. The signed part is not looked at.
func ParseEnvelope(doc []byte) (e Envelope, err error) {
	if len(doc) > MaxDocument {
		return e, fmt.Errorf("%d bytes are %w: a document has at most %d", len(doc), ErrTooLarge, MaxDocument)
	}
	if len(doc) < 2 || doc[0] != envelopeKind || doc[1] > maxSignatures {
		return e, fmt.Errorf("the first bytes are %w: they should be %d and at most %d signatures", ErrForm, envelopeKind, maxSignatures)
	}
	const head = sha256.Size + 2
	rest := doc[2:]
	for i := range int(doc[1]) {
		if len(rest) < head || len(rest)-head < int(binary.BigEndian.Uint16(rest[sha256.Size:])) {
			return e, fmt.Errorf("signature %d is %w: the bytes end within it", i, ErrForm)
		}
		end := head + int(binary.BigEndian.Uint16(rest[sha256.Size:]))
		s := Signature{spaceos.Digest(rest), rest[head:end]}
		if e.signature(s.Key) != nil {
			return e, fmt.Errorf("signature %d is %w: its key signs twice", i, ErrForm)
		}
		e.Signatures, rest = append(e.Signatures, s), rest[end:]
	}
	e.Signed = rest
	return e, nil
}

// Append appends the document's bytes.
func (e Envelope) Append(dst []byte) []byte {
	dst = append(dst, envelopeKind, byte(len(e.Signatures)))
	for _, s := range e.Signatures {
		dst = append(dst, s.Key[:]...)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s.Sig)))
		dst = append(dst, s.Sig...)
	}
	return append(dst, e.Signed...)
}

// size is the number of bytes that Append appends.
func (e Envelope) size() int {
	size := 2 + len(e.Signed)
	for _, s := range e.Signatures {
		size += len(s.Key) + 2 + len(s.Sig)
	}
	return size
}

// WriteFile writes the form that TUF has in files: canonical JSON.
func (e Envelope) WriteFile(w io.Writer) {
	_, _ = io.WriteString(w, `{"signatures":[`)
	for i, s := range e.Signatures {
		_, _ = fmt.Fprintf(w, `%.*s{"keyid":"%x","sig":"%x"}`, i, ",", s.Key[:], s.Sig)
	}
	_, _ = io.WriteString(w, `],"signed":`)
	_, _ = w.Write(e.Signed)
	_, _ = io.WriteString(w, "}")
}

// Digest is the digest and the length of the file form: what other documents
// name this one by. The file form is not made for it.
func (e Envelope) Digest() (d spaceos.Digest, length int64) {
	sum := sha256.New()
	e.WriteFile(sum)
	length = int64(len(`{"signatures":[],"signed":}`)+len(e.Signed)) + int64(max(0, len(e.Signatures)-1))
	for _, s := range e.Signatures {
		length += int64(len(`{"keyid":"","sig":""}`) + 2*len(s.Key) + 2*len(s.Sig))
	}
	return spaceos.Digest(sum.Sum(nil)), length
}

func (e Envelope) signature(key spaceos.Digest) []byte {
	for _, s := range e.Signatures {
		if s.Key == key {
			return s.Sig
		}
	}
	return nil
}

// A pair is one hybrid key: two TUF keys, of which both must sign.
type pair struct {
	ed25519ID, mldsaID spaceos.Digest
	ed25519, mldsa     []byte
}

// A role is who may sign a document: so many of the pairs.
type role struct {
	pairs     []pair
	threshold int
}

func (r role) keys() (ids []spaceos.Digest) {
	for _, p := range r.pairs {
		ids = append(ids, p.ed25519ID, p.mldsaID)
	}
	return ids
}

// verify counts the pairs whose both halves signed.
func (r role) verify(e Envelope) error {
	good := 0
	for _, p := range r.pairs {
		if good < r.threshold && p.signed(e) {
			good++
		}
	}
	if r.threshold < 1 || good < r.threshold { // no role at all can sign nothing
		return fmt.Errorf("%w: %d of the %d pairs of keys that must sign", ErrSignatures, good, r.threshold)
	}
	return nil
}

// signed checks both halves; the second is after TAP 21.
func (p pair) signed(e Envelope) bool {
	if !ed25519.Verify(p.ed25519, e.Signed, e.signature(p.ed25519ID)) {
		return false
	}
	key, err := mldsa.NewPublicKey(mldsa.MLDSA65(), p.mldsa)
	sum := sha512.Sum512(e.Signed)
	return err == nil && mldsa.Verify(key, append([]byte("tuf\x01"), sum[:]...), e.signature(p.mldsaID), nil) == nil
}

// A key's public half in ML-DSA is a subject public key info in one line of
// PEM (RFC 9881, 4; securesystemslib reads it so): this, and 1,952 bytes.
const (
	mldsaInfo          = "\x30\x82\x07\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x82\x07\xa1\x00"
	pemBegin, pemEnd   = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
	schemeEd, schemeML = "ed25519", "ml-dsa-65/1"
)

// readKey reads a key object (TUF 4.2) of one scheme. Only one text stands for
// a key, so that a key has one id.
func readKey(keys *canonical.Fields, id, scheme, keytype string) (d spaceos.Digest, public []byte) {
	v := keys.Value(id)
	if keys.Err() != nil {
		return d, nil
	}
	k := keys.Inner("key", v)
	text := k.Object("keyval").Str("public")
	if k.Str("scheme") != scheme || k.Str("keytype") != keytype {
		k.Fail("scheme", "has %w: pairs of ed25519 and ml-dsa-65/1 can be", ErrKeys)
	}
	if d = spaceos.DigestOf(v.Bytes()); toHex(d) != id {
		k.Fail("id", "names %w: an id is the digest of the key object", ErrKeys)
	}
	if scheme == schemeEd {
		if public, _ = hex.DecodeString(text); len(public) != ed25519.PublicKeySize || strings.ToLower(text) != text {
			k.Fail("public", "has %w: 64 lower-case hex digits can be", ErrKeys)
		}
		return d, public
	}
	text, begins := strings.CutPrefix(text, pemBegin)
	text, ends := strings.CutSuffix(text, pemEnd)
	info, err := base64.StdEncoding.Strict().DecodeString(text)
	public, known := bytes.CutPrefix(info, []byte(mldsaInfo))
	if err != nil || !begins || !ends || !known || len(public) != mldsa.MLDSA65PublicKeySize {
		k.Fail("public", "has %w: an ML-DSA-65 key as one line of PEM can be", ErrKeys)
	}
	return d, public
}

// readRole reads key ids and threshold; keys is the table that they refer to.
func readRole(f, keys *canonical.Fields) (r role) {
	ids := f.Strings("keyids", 2*maxPairs)
	n := int(f.Int("threshold", 2, 2*maxPairs))
	if len(ids)%2 != 0 || n%2 != 0 || n > len(ids) {
		f.Fail("threshold", "has %w: %d keys with a threshold of %d are no pairs", ErrKeys, len(ids), n)
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			f.Fail("keyids", "has %w: one stands there twice", ErrKeys)
		}
	}
	for r.threshold = n / 2; len(ids) >= 2 && f.Err() == nil; ids = ids[2:] {
		var p pair
		p.ed25519ID, p.ed25519 = readKey(keys, ids[0], schemeEd, "ed25519")
		p.mldsaID, p.mldsa = readKey(keys, ids[1], schemeML, "ml-dsa")
		r.pairs = append(r.pairs, p)
	}
	return r
}
