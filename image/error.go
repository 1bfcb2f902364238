package image

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// What can be wrong with a layout; an *Error wraps one of them.
var (
	ErrNotLayout = errors.New("not an OCI image layout")
	ErrNotImage  = errors.New("not a sealed image")
	ErrMalformed = errors.New("malformed")
	ErrName      = errors.New("a name that is not allowed")
	ErrKind      = errors.New("not a plain file")
	ErrDoubled   = errors.New("there twice")
	ErrMissing   = errors.New("missing")
	ErrExtra     = errors.New("named by nothing")
	ErrSize      = errors.New("of another size than claimed")
	ErrDigest    = errors.New("of another digest than claimed")
	ErrLimit     = errors.New("larger than a sealed image may be")
	ErrExists    = errors.New("there already")
)

// Error says what is wrong with which file of a layout, in a sentence.
type Error struct {
	Layout string // as it was given to Open; may be empty
	File   string // in the layout; empty for all of it
	Reason error  // one of the errors above, or of reading the file
	Text   string
}

func (e *Error) Error() string {
	text := e.Text
	if e.File != "" {
		text = plain(e.File) + ": " + text
	}
	if e.Layout != "" {
		text = e.Layout + ": " + text
	}
	return text
}

// plain is a name that a stranger gave, fit for a terminal.
func plain(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.100q", name)
	}
	return name
}

// Unwrap gives the reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }

// bad is the usual way to make an Error; Open's caller adds the layout.
func bad(file string, reason error, format string, a ...any) *Error {
	return &Error{File: file, Reason: reason, Text: fmt.Sprintf(format, a...)}
}

// in names the layout in an error that does not do so yet.
func in(layout string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Layout == "" {
		e.Layout = layout
	}
	return err
}
