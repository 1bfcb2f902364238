package libos

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errRestart says that a signal ended a wait before anything was done: the
// call is made again once the signal is dealt with, unless a handler without
// SA_RESTART ran (ERESTARTSYS). The guest never sees it.
const errRestart errno = 512

// errRestartNoHandler is the same for calls that any handler ends with EINTR,
// such as poll and nanosleep (ERESTARTNOHAND).
const errRestartNoHandler errno = 514

// wait sleeps until one of fds is ready, timeout is over (negative: never) or
// a signal for this thread arrives (errRestart), and returns how many are
// ready. Other threads run meanwhile. On a frozen clock a timeout passes at
// once if nothing is ready.
func (t *Thread) wait(fds []unix.PollFd, timeout time.Duration) (int, errno) {
	polled := append(fds[:len(fds):len(fds)], unix.PollFd{Fd: int32(t.wake), Events: unix.POLLIN})
	frozen, ends := t.p.cfg.Clock.Frozen(), timeout >= 0
	deadline := time.Now().Add(timeout)
	for {
		if t.p.end != nil || t.signalled() {
			return 0, errRestart
		}
		left := timeout // of a frozen clock: what passed is taken off
		if ends && !frozen {
			left = max(time.Until(deadline), 0)
		}
		next, timer := t.p.untilTimer(true)
		timer = timer && (!ends || next < left)
		n, e := t.poll(polled, pollLimit(frozen, ends, timer, left, next))
		copy(fds, polled)
		switch {
		case e != 0:
			return 0, e
		case n > 0:
			return n, 0
		case frozen && timer:
			t.p.cfg.Clock.Sleep(next)
			timeout -= next
		case frozen && ends:
			t.p.cfg.Clock.Sleep(left)
			return 0, 0
		case ends && time.Until(deadline) <= 0 && !t.actionable() && t.p.end == nil:
			return 0, 0
		}
	}
}

// pollLimit is how long the host may wait: until the wait or the timer ends
// that is due first, on a frozen clock not at all, without either for ever.
func pollLimit(frozen, ends, timer bool, left, next time.Duration) time.Duration {
	switch {
	case frozen && (ends || timer):
		return 0
	case timer:
		return next
	case ends:
		return left
	}
	return -time.Nanosecond
}

// poll is one ppoll of the host, without the process's lock. The last of fds is
// the wake-up, which does not count.
func (t *Thread) poll(fds []unix.PollFd, limit time.Duration) (int, errno) {
	var ts *unix.Timespec
	if limit >= 0 {
		spec := unix.NsecToTimespec(int64(limit))
		ts = &spec
	}
	t.p.mu.Unlock()
	begin := time.Now()
	n, err := unix.Ppoll(fds, ts, nil)
	t.waited += time.Since(begin)
	t.p.mu.Lock()
	if err != nil {
		if errors.Is(err, syscall.EINTR) {
			return 0, 0 // a signal of the Go runtime
		}
		e, _ := err.(syscall.Errno)
		return 0, e
	}
	if fds[len(fds)-1].Revents != 0 {
		var count [8]byte
		unix.Read(t.wake, count[:]) // not blocking; empties the counter
		n--
	}
	return n, 0
}

// newWake makes the descriptor that ends a wait.
func newWake() (int, error) {
	return unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
}

// wakeUp makes the thread leave its wait and look again.
func (t *Thread) wakeUp() {
	unix.Write(t.wake, binary.LittleEndian.AppendUint64(nil, 1))
}
