package repository

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/mldsa"

	"spaceos/canonical"
)

// ErrKey is in the chain of every error about a key or the file of one.
var ErrKey = errors.New("no usable key")

// A Key is the secret half of a hybrid key: an Ed25519 key and an ML-DSA-65
// key that sign together. Keep it in a file by Save.
type Key struct {
	ed ed25519.PrivateKey
	ml *mldsa.PrivateKey

	file string // which LoadKey read, or empty
}

// NewKey makes a key out of the system's entropy.
func NewKey() (*Key, error) {
	var seeds [ed25519.SeedSize + mldsa.PrivateKeySize]byte
	if _, err := rand.Read(seeds[:]); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return keyOf(seeds[:ed25519.SeedSize], seeds[ed25519.SeedSize:])
}

// keyOf is the key of two seeds (RFC 8032, 5.1.5; FIPS 204, 3.6.3).
func keyOf(edSeed, mlSeed []byte) (*Key, error) {
	ml, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), mlSeed)
	if err != nil || len(edSeed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: its seeds are not of 32 bytes", ErrKey)
	}
	ed := ed25519.NewKeyFromSeed(edSeed)
	return &Key{ed: ed, ml: ml}, nil
}

// Public is the half that everyone may know.
func (k *Key) Public() PublicKey {
	return PublicKey{[32]byte(k.ed.Public().(ed25519.PublicKey)), [mldsa.MLDSA65PublicKeySize]byte(k.ml.PublicKey().Bytes())}
}

// sign signs the signed part of a document with both halves.
func (k *Key) sign(signed []byte) ([]signature, error) {
	ids := k.Public().IDs()
	ml, err := k.ml.SignDeterministic(hashed(signed), nil)
	if err != nil {
		return nil, fmt.Errorf("signing by ML-DSA-65: %w", err)
	}
	return []signature{{ids[0], ed25519.Sign(k.ed, signed)}, {ids[1], ml}}, nil
}

// hashed is what an "ml-dsa-65/1" key signs for some data (TAP 21).
func hashed(data []byte) []byte {
	sum := sha512.Sum512(data)
	return append([]byte("tuf\x01"), sum[:]...)
}

// A PublicKey is a pair of public keys, Ed25519 and ML-DSA-65. It is written
// into TUF documents as two keys, one after the other.
type PublicKey struct {
	Ed25519 [ed25519.PublicKeySize]byte
	MLDSA65 [mldsa.MLDSA65PublicKeySize]byte
}

// verify checks one half's signature.
func (p PublicKey) verify(half int, signed, sig []byte) bool {
	if half == 0 {
		return ed25519.Verify(p.Ed25519[:], signed, sig)
	}
	pk, err := mldsa.NewPublicKey(mldsa.MLDSA65(), p.MLDSA65[:])
	return err == nil && mldsa.Verify(pk, hashed(signed), sig, nil) == nil
}

// A subject public key info of ML-DSA-65 is this and 1,952 bytes (RFC 9881, 4).
const mldsaInfo = "\x30\x82\x07\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x82\x07\xa1\x00"

// PEM in one line: canonical JSON has no line ends in strings, and the PEM
// readers of other TUF clients need none (RFC 7468, 2, "should").
const pemBegin, pemEnd = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"

// objects are the two key objects of TUF (4.2; TAP 21 for the second).
func (p PublicKey) objects() [2]canonical.Value {
	info := append([]byte(mldsaInfo), p.MLDSA65[:]...)
	object := func(kind, scheme, public string) canonical.Value {
		return canonical.NewObject(
			canonical.Member{Name: "keytype", Value: canonical.NewString(kind)},
			canonical.Member{Name: "scheme", Value: canonical.NewString(scheme)},
			canonical.Member{Name: "keyval", Value: canonical.NewObject(
				canonical.Member{Name: "public", Value: canonical.NewString(public)})})
	}
	return [2]canonical.Value{
		object("ed25519", "ed25519", hex.EncodeToString(p.Ed25519[:])),
		object("ml-dsa", "ml-dsa-65/1", pemBegin+base64.StdEncoding.EncodeToString(info)+pemEnd),
	}
}

// IDs are the TUF key ids of both halves: the SHA-256 of the key objects, as
// hex digits.
func (p PublicKey) IDs() (ids [2]string) {
	for i, object := range p.objects() {
		sum := sha256.Sum256(object.Bytes())
		ids[i] = hex.EncodeToString(sum[:])
	}
	return ids
}

// Short names the key for people: the first 12 digits of its first id.
func (p PublicKey) Short() string { return p.IDs()[0][:12] }

// publicOf reads the two key objects of one pair.
func publicOf(ed, ml canonical.Value) (p PublicKey, err error) {
	public := func(v canonical.Value, kind, scheme string) string {
		f := v.Fields("key")
		f.Is("keytype", kind)
		f.Is("scheme", scheme)
		text := f.Object("keyval").Str("public")
		err = errors.Join(err, f.Done())
		return text
	}
	edText, mlText := public(ed, "ed25519", "ed25519"), public(ml, "ml-dsa", "ml-dsa-65/1")
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrKey, err)
	}
	edRaw, edErr := hex.DecodeString(edText)
	inner, begins := strings.CutPrefix(mlText, pemBegin)
	inner, ends := strings.CutSuffix(inner, pemEnd)
	info, mlErr := base64.StdEncoding.DecodeString(inner)
	raw, known := bytes.CutPrefix(info, []byte(mldsaInfo))
	if edErr != nil || len(edRaw) != len(p.Ed25519) || strings.ToLower(edText) != edText {
		return p, fmt.Errorf("%w: the Ed25519 half is not 64 lower-case hex digits", ErrKey)
	}
	if mlErr != nil || !begins || !ends || !known || len(raw) != len(p.MLDSA65) {
		return p, fmt.Errorf("%w: the ML-DSA half is not the PEM, in one line, of an ML-DSA-65 public key", ErrKey)
	}
	p = PublicKey{[32]byte(edRaw), [mldsa.MLDSA65PublicKeySize]byte(raw)}
	if p.objects()[1].Bytes() == nil || !bytes.Equal(p.objects()[1].Bytes(), ml.Bytes()) {
		return p, fmt.Errorf("%w: the ML-DSA half is not written in the one way", ErrKey)
	}
	return p, nil
}
