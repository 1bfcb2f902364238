package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"spaceos/image"
)

// What can be wrong with a registry; an *Error wraps one of them, or an error of
// package image, or of the network.
var (
	ErrReference = errors.New("not a reference")
	ErrNotFound  = errors.New("not in the registry")
	ErrDenied    = errors.New("not allowed by the registry")
	ErrTaken     = errors.New("taken by another image")
	ErrRedirect  = errors.New("sent elsewhere")
	ErrStalled   = errors.New("no answer for too long")
)

// Error says what is wrong with which image in a registry, in a sentence.
type Error struct {
	Reference string
	Reason    error
	Text      string
}

func (e *Error) Error() string { return e.Reference + ": " + e.Text }

// Unwrap gives the reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }

func (r *Remote) bad(reason error, format string, a ...any) error {
	return &Error{r.String(), reason, fmt.Sprintf(format, a...)}
}

// explain makes a sentence of what oras-go or the network said while doing
// something.
func (r *Remote) explain(doing string, err error) error {
	var known *Error
	var layout *image.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.As(err, &layout) {
		if layout.Layout != "" {
			return err
		}
		return &Error{r.String(), err, fmt.Sprintf("what came is not the image (%v): it was not kept", layout)}
	}
	var answer *errcode.ErrorResponse
	var host *net.OpError
	switch {
	case errors.Is(err, ErrRedirect), errors.Is(err, ErrStalled):
		return r.bad(err, "%s: %v", doing, inner(err))
	case errors.Is(err, context.Canceled):
		return r.bad(err, "%s: interrupted", doing)
	case errors.Is(err, errdef.ErrNotFound):
		return r.bad(ErrNotFound, "%s: the registry does not have it: check name and tag", doing)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return r.bad(ErrDenied, "%s: the registry wants a name and a password: log in with docker login %s", doing, r.host())
	case errors.As(err, &answer):
		return r.answered(doing, answer)
	case errors.As(err, &host) && host.Op == "dial":
		return r.bad(err, "%s: the registry cannot be reached (%v): check its name, and that it runs", doing, host.Err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return r.bad(err, "%s: the registry speaks plain HTTP, which anyone on the way can read and change: allow it with --plain-http", doing)
	}
	return r.bad(err, "%s: %v", doing, inner(err))
}

// answered makes a sentence of a registry's answer.
func (r *Remote) answered(doing string, answer *errcode.ErrorResponse) error {
	said := http.StatusText(answer.StatusCode)
	if len(answer.Errors) > 0 {
		said = printable(answer.Errors.Error())
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return r.bad(ErrDenied, "%s: the registry refuses (%s): log in with docker login %s, or ask who runs it", doing, said, r.host())
	case http.StatusNotFound:
		return r.bad(ErrNotFound, "%s: the registry does not have it (%s): check name and tag", doing, said)
	}
	return r.bad(answer, "%s: the registry answers %d (%s): try again, or ask who runs it", doing, answer.StatusCode, said)
}

// inner leaves out what the HTTP client says of its request, which is long and
// holds addresses with tokens in them.
func inner(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return printable(err.Error())
}

// printable keeps a stranger's words to one short line.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 300 {
		s = s[:300] + "..."
	}
	return s
}
