// Package wire is how a document of trust crosses the link: as the binary
// envelope, squeezed with an older version of it, which the spacecraft holds,
// as prefix. What both have in common (keys, key ids, entries) is not sent
// again; signatures are, since they are new and do not shrink. It trusts
// nothing: what comes out is a document for a trust.Verifier, or an error.
//
//	message, err := wire.Pack(doc, older)
//	doc, err := wire.Unpack(message, held)
package wire

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"spaceos"
	"spaceos/trust"
)

// A message is a byte that says whether a prefix is needed, the digest of that
// document (of its file form), and a zstd frame.
const (
	kindPlain  = 1
	kindPrefix = 2
)

// MaxMessage is the length of the longest message, in bytes: a document that
// does not shrink (RFC 8878: a block of at most 128 KiB, raw), and what stands
// before it.
const MaxMessage = trust.MaxDocument + 64

// window holds a document and its prefix.
const window = 2 * trust.MaxDocument

// ErrMessage is in the chain of every error about a message.
var ErrMessage = errors.New("no usable message")

// Pack squeezes a document. Older is what the receiver holds; nil is nothing.
func Pack(doc, older []byte) ([]byte, error) {
	if len(doc) > trust.MaxDocument {
		return nil, fmt.Errorf("%w: the document has %d bytes, and may have %d", ErrMessage, len(doc), trust.MaxDocument)
	}
	message := []byte{kindPlain}
	options := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(window)} // digests are checked, so no CRC
	if older != nil {
		e, err := trust.ParseEnvelope(older)
		if err != nil {
			return nil, fmt.Errorf("%w: the older version: %w", ErrMessage, err)
		}
		d, _ := e.Digest()
		message = append([]byte{kindPrefix}, d[:]...)
		options = append(options, zstd.WithEncoderDictRaw(0, older))
	}
	encoder, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return encoder.EncodeAll(doc, message), encoder.Close()
}

// Unpack gives the document, of at most trust.MaxDocument bytes. Held gives a
// document by the digest of its file form.
func Unpack(message []byte, held func(spaceos.Digest) ([]byte, error)) ([]byte, error) {
	if len(message) == 0 || len(message) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, and it may have 1 to %d", ErrMessage, len(message), MaxMessage)
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(trust.MaxDocument)}
	frame := message[1:]
	switch message[0] {
	case kindPlain:
	case kindPrefix:
		if len(frame) < len(spaceos.Digest{}) {
			return nil, fmt.Errorf("%w: it ends within the digest of its prefix", ErrMessage)
		}
		d := spaceos.Digest(frame)
		older, err := held(d)
		if err != nil {
			return nil, fmt.Errorf("%w: its prefix %v is not held: %w", ErrMessage, d, err)
		}
		frame, options = frame[len(d):], append(options, zstd.WithDecoderDictRaw(0, older))
	default:
		return nil, fmt.Errorf("%w: its first byte is %d, and should be %d or %d", ErrMessage, message[0], kindPlain, kindPrefix)
	}
	decoder, err := zstd.NewReader(nil, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	defer decoder.Close()
	doc, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(doc) > trust.MaxDocument {
		return nil, fmt.Errorf("%w: it grows to %d bytes, and a document may have %d", ErrMessage, len(doc), trust.MaxDocument)
	}
	return doc, nil
}
