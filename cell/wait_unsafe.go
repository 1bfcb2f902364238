package cell

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// childInfo is siginfo_t as waitid(2) fills it: unix.Siginfo does not name the
// fields behind Code.
type childInfo struct {
	signo, errno, code, _ int32
	pid, uid, status      int32
	_                     [100]byte
}

const (
	_ = uint(unsafe.Sizeof(childInfo{}) - unsafe.Sizeof(unix.Siginfo{}))
	_ = uint(unsafe.Sizeof(unix.Siginfo{}) - unsafe.Sizeof(childInfo{}))
)

const childStopped = 5 // CLD_STOPPED of Linux's include/uapi/asm-generic/siginfo.h

// awaitChange waits until a child was stopped, and says by which signal, or
// has ended: 0. A child that has ended is left to be reaped.
func awaitChange(pid int) (unix.Signal, error) {
	for {
		info, err := waitid(pid, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT)
		if err != nil || info.code != childStopped {
			return 0, err
		}
		// Taken by a call that cannot take the end, should it come now.
		info, err = waitid(pid, unix.WSTOPPED|unix.WNOHANG)
		if err != nil || info.signo != 0 {
			return unix.Signal(info.status), err
		} // else somebody continued it
	}
}

func waitid(pid, options int) (info childInfo, err error) {
	// Both types are the C type of that name, and of one size (above).
	p := (*unix.Siginfo)(unsafe.Pointer(&info))
	for {
		if err := unix.Waitid(unix.P_PID, pid, p, options, nil); err != unix.EINTR {
			return info, err
		}
	}
}
