package delta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Windows of the streams: how far back a compressed stream may refer, which is
// memory that applying needs. Powers of two (RFC 8878, 3.1.1.1.2).
const (
	textWindow = 1 << 20 // whole files and what is new in them
	listWindow = 1 << 17 // lists of numbers
)

// maxPrefix is how large an old file may be to serve as a prefix, which is held
// in memory; a text of configuration, not a program.
const maxPrefix = 1 << 20

// A squeezer compresses. It keeps what it needs for the next time, which is
// tens of megabytes: making a delta is for the ground.
type squeezer struct{ encoders map[int]*zstd.Encoder } // by window

func newSqueezer() *squeezer { return &squeezer{map[int]*zstd.Encoder{}} }

// squeeze compresses data into one frame; nothing, into nothing. The same data
// give the same frame.
func (s *squeezer) squeeze(data []byte, window int) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if s.encoders[window] == nil {
		enc, err := newEncoder(window)
		if err != nil {
			return nil, err
		}
		s.encoders[window] = enc
	}
	return s.encoders[window].EncodeAll(data, nil), nil
}

// after compresses data into one frame that refers to a prefix.
func (s *squeezer) after(prefix, data []byte) ([]byte, error) {
	if len(data) == 0 || len(prefix) == 0 {
		return s.squeeze(data, textWindow)
	}
	enc, err := newEncoder(textWindow, zstd.WithEncoderDictRaw(0, prefix))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil), nil
}

func newEncoder(window int, more ...zstd.EOption) (*zstd.Encoder, error) {
	enc, err := zstd.NewWriter(nil, append([]zstd.EOption{
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), // the file's digest is checked
		zstd.WithWindowSize(window),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("start the compressor: %w", err)
	}
	return enc, nil
}

// A stream is a compressed section of a delta, read piece by piece. Everything
// that is wrong with it is ErrDamaged.
type stream struct {
	dec  *zstd.Decoder
	buf  []byte
	r, w int // what of buf is read and not used yet
	end  error
}

// unsqueeze opens a section. A frame that asks for a greater window than this
// section may have is refused before memory is set aside for it.
func unsqueeze(section io.Reader, window int, prefix []byte) (*stream, error) {
	options := []zstd.DOption{
		zstd.WithDecoderConcurrency(1), // no goroutines
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(window)),
		zstd.IgnoreChecksum(true),
	}
	if len(prefix) > 0 {
		options = append(options, zstd.WithDecoderDictRaw(0, prefix))
	}
	dec, err := zstd.NewReader(section, options...)
	if err != nil {
		return nil, damaged(err)
	}
	return &stream{dec: dec, buf: make([]byte, 4<<10)}, nil
}

func (s *stream) close() { s.dec.Close() }

// fill reads on. It wants the buffer used up.
func (s *stream) fill() error {
	for s.end == nil && s.r == s.w {
		s.r = 0
		s.w, s.end = s.dec.Read(s.buf)
	}
	if s.r < s.w {
		return nil
	}
	return s.end
}

// ReadByte is for numbers. At the end it is io.EOF.
func (s *stream) ReadByte() (byte, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	s.r++
	return s.buf[s.r-1], nil
}

// Read reads at most what is there at once.
func (s *stream) Read(p []byte) (int, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(p, s.buf[s.r:s.w])
	s.r += n
	return n, nil
}

// done wants the end of the stream here.
func (s *stream) done() error {
	_, err := s.ReadByte()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%w: a section goes on where the file ends", ErrDamaged)
	}
	return damaged(err)
}

// number reads an unsigned number.
func (s *stream) number() (uint64, error) {
	n, err := binary.ReadUvarint(s)
	if err != nil {
		return 0, damaged(err)
	}
	return n, nil
}

// signed reads a signed number.
func (s *stream) signed() (int64, error) {
	n, err := binary.ReadVarint(s)
	if err != nil {
		return 0, damaged(err)
	}
	return n, nil
}
