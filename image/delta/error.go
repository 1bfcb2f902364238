package delta

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrDamaged says that a delta is not one, was changed on its way, or leads to
	// other bytes than the signed metadata want. It does not help to go on.
	ErrDamaged = errors.New("the delta is damaged")
	// ErrBase says that a delta was made against another image than the one given.
	ErrBase = errors.New("the delta is for another image")
	// ErrTooLarge says that a file is too large for making a delta of it.
	ErrTooLarge = errors.New("too large for a delta")
)

// A diskError is a failure to read or write that says nothing of the delta:
// what was done stays, and applying goes on where it was.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// onDisk marks an error of the disk.
func onDisk(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &diskError{fmt.Errorf("%s: %w", doing, err)}
}

// damaged makes an error of a decoder one of the delta, unless it comes from
// the disk that the delta lies on.
func damaged(err error) error {
	var disk *diskError
	if errors.As(err, &disk) || errors.Is(err, ErrDamaged) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	return fmt.Errorf("%w: %v", ErrDamaged, err)
}

// A section reads a part of a file on the disk.
type section struct{ *io.SectionReader }

func newSection(file io.ReaderAt, at, length int64) section {
	return section{io.NewSectionReader(file, at, length)}
}

func (s section) Read(p []byte) (int, error) {
	n, err := s.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		err = onDisk("read", err)
	}
	return n, err
}
