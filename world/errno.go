package world

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

type errno = syscall.Errno

// errnoOf turns a host error into what the guest is told. The host process
// running out of descriptors is not the guest's own limit: ENFILE.
func errnoOf(err error) errno {
	if err == nil {
		return 0
	}
	var e errno
	if !errors.As(err, &e) {
		return unix.EIO
	}
	if e == unix.EMFILE {
		return unix.ENFILE
	}
	return e
}

// retry repeats a host call that a signal interrupted: Go's own preemption
// signals must never show up in the guest.
func retry(call func() error) errno {
	for {
		if e := errnoOf(call()); e != unix.EINTR {
			return e
		}
	}
}
