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

// stopOf takes a stop of a child: 0 if it was not stopped, or somebody
// continued it.
func stopOf(pid int) unix.Signal {
	info, err := waitid(pid, unix.WSTOPPED|unix.WNOHANG)
	if err != nil || info.signo == 0 {
		return 0
	}
	return unix.Signal(info.status)
}

// childEnded says whether a child has ended, and leaves it to be reaped.
func childEnded(pid int) bool {
	info, err := waitid(pid, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG)
	return err != nil || info.signo != 0
}

// awaitEnd waits until a child has ended, and leaves it to be reaped.
func awaitEnd(pid int) { _, _ = waitid(pid, unix.WEXITED|unix.WNOWAIT) }

func waitid(pid, options int) (info childInfo, err error) {
	// Both types are the C type of that name, and of one size (above).
	p := (*unix.Siginfo)(unsafe.Pointer(&info))
	for {
		if err := unix.Waitid(unix.P_PID, pid, p, options, nil); err != unix.EINTR {
			return info, err
		}
	}
}
