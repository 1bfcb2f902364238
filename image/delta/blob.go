package delta

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"spaceos"
)

// Checkpoint is after how many bytes of output the output is synced: what a
// power cut can cost.
const Checkpoint = 256 << 10

// Blob is what a delta must lead to, by what was signed.
type Blob struct {
	Digest spaceos.Digest
	Size   int64 // in bytes
}

// A source gives the bytes of a new file.
type source interface {
	io.Reader
	done() error // wants the end
	close()
}

// held is a file that the old image has.
type held struct{ section }

func (held) done() error { return nil }
func (held) close()      {}

// openSource starts making a file of size bytes. base is the old blob that the
// method refers to, nil for Plain.
func openSource(m Method, sections []section, base io.ReaderAt, baseSize, size int64) (source, error) {
	switch m {
	case Held:
		return held{newSection(base, 0, size)}, nil
	case Plain:
		return unsqueeze(sections[0], textWindow, nil)
	case Prefixed:
		if baseSize > maxPrefix {
			return nil, fmt.Errorf("%w: it has a prefix of %d bytes, and %d are allowed", ErrDamaged, baseSize, maxPrefix)
		}
		prefix := make([]byte, baseSize)
		if n, err := base.ReadAt(prefix, 0); n < len(prefix) {
			return nil, onDisk("read the old file", err)
		}
		return unsqueeze(sections[0], textWindow, prefix)
	default:
		return newMatched(sections, base, baseSize, size)
	}
}

// An output is the file that a blob is made in. It is compared with what an
// earlier run left in it, and written from where they differ on: so all that is
// known about that run is what it left, and nothing can be believed wrongly.
type output struct {
	file    File
	have    int64 // bytes that an earlier run left
	at      int64 // of the file, where buf begins
	buf     []byte
	compare []byte
}

func newOutput(file File) (*output, error) {
	have, err := file.Size()
	if err != nil {
		return nil, onDisk("look at what an earlier run left", err)
	}
	return &output{file: file, have: have, buf: make([]byte, 0, Checkpoint)}, nil
}

// Write makes a checkpoint whenever so much has come.
func (o *output) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), Checkpoint-len(o.buf))
		o.buf, rest = append(o.buf, rest[:n]...), rest[n:]
		if len(o.buf) == Checkpoint {
			if err := o.checkpoint(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// checkpoint puts the buffer on the disk, unless it is there.
func (o *output) checkpoint() error {
	there, err := o.there()
	if err != nil || there {
		o.at, o.buf = o.at+int64(len(o.buf)), o.buf[:0]
		return err
	}
	_, err = o.file.WriteAt(o.buf, o.at)
	o.at, o.buf = o.at+int64(len(o.buf)), o.buf[:0]
	if err == nil {
		err = o.file.Sync()
	}
	return onDisk("write", err)
}

// there says whether an earlier run left what is in the buffer.
func (o *output) there() (bool, error) {
	if o.have < o.at+int64(len(o.buf)) {
		return false, nil
	}
	if o.compare == nil {
		o.compare = make([]byte, Checkpoint)
	}
	was := o.compare[:len(o.buf)]
	if n, err := o.file.ReadAt(was, o.at); n < len(was) {
		return false, onDisk("read what an earlier run left", err)
	}
	return bytes.Equal(was, o.buf), nil
}

// finish puts the rest on the disk and cuts off what lies behind it.
func (o *output) finish() error {
	if err := o.checkpoint(); err != nil {
		return err
	}
	if o.have > o.at {
		if err := o.file.Truncate(o.at); err != nil {
			return onDisk("write", err)
		}
	}
	// Also what an earlier run left may not be on the disk yet.
	return onDisk("write", o.file.Sync())
}

// makeBlob makes a blob in a file from its source. When it returns without an
// error, the file is the blob, and on the disk.
func makeBlob(file File, src source, want Blob) error {
	out, err := newOutput(file)
	if err != nil {
		return err
	}
	digest := sha256.New()
	buf := make([]byte, 32<<10)
	for left := want.Size; left > 0; {
		n, err := src.Read(buf[:min(left, int64(len(buf)))])
		digest.Write(buf[:n])
		if _, err := out.Write(buf[:n]); err != nil {
			return err
		}
		if left -= int64(n); left > 0 && err != nil {
			return damaged(err)
		}
	}
	if err := src.done(); err != nil {
		return err
	}
	if got := spaceos.Digest(digest.Sum(nil)); got != want.Digest {
		return fmt.Errorf("%w: it makes %v of a blob that should be %v", ErrDamaged, got, want.Digest)
	}
	return out.finish()
}
