package libos

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// pollEntry is one descriptor that poll or select watches.
type pollEntry struct {
	file    *openFile // nil: not open
	events  int16
	revents int16
	skip    bool // a negative number in poll(2), or nothing more can come
	exact   bool // select(2): errors and hang-ups count only if events has them
}

// found keeps of what holds what the caller is told.
func (x *pollEntry) found(events int16) {
	x.revents = events & x.events
	if !x.exact {
		x.revents |= events & (unix.POLLERR | unix.POLLHUP)
	}
}

// pollFor watches until something is ready, the timeout (negative: none) is
// over or a signal arrives, and returns how many are ready. This is do_poll()
// of fs/select.c.
func (t *Thread) pollFor(list []pollEntry, timeout time.Duration) (int, errno) {
	end := t.p.cfg.Clock.Uptime() + timeout
	for {
		ready, host := pollOnce(list)
		if ready > 0 || timeout == 0 {
			n, e := pollHost(list, host)
			if ready += n; ready == 0 && e == 0 && t.signalled() {
				e = errRestartNoHandler // also where nothing was waited for
			}
			return ready, e
		}
		left := time.Duration(-1)
		if timeout > 0 {
			left = max(end-t.p.cfg.Clock.Uptime(), 0)
		}
		n, e := t.wait(host.fds, left)
		switch {
		case e == errRestart:
			return 0, errRestartNoHandler
		case e != 0:
			return 0, e
		case n > 0:
			if n = host.take(list); n > 0 {
				return n, 0
			}
		case timeout > 0:
			timeout = 0 // look a last time
		}
	}
}

// hostFDs are the descriptors of the host among those that are watched.
type hostFDs struct {
	fds   []unix.PollFd
	index []int // entry of the list
}

// take copies what the host found to the entries, and counts them.
func (h *hostFDs) take(list []pollEntry) int {
	n := 0
	for i, fd := range h.fds {
		x := &list[h.index[i]]
		x.found(fd.Revents)
		if x.revents != 0 {
			n++
		} else if fd.Revents != 0 {
			x.skip = true // hung up, and asked only for other events
		}
	}
	return n
}

// pollOnce asks our own objects, and collects the host's descriptors.
func pollOnce(list []pollEntry) (ready int, host hostFDs) {
	for i := range list {
		x := &list[i]
		x.revents = 0
		switch {
		case x.skip:
			continue
		case x.file == nil:
			x.revents = unix.POLLNVAL
		default:
			events, fd := x.file.obj.ready(x.file)
			if fd >= 0 {
				host.fds = append(host.fds, unix.PollFd{Fd: int32(fd), Events: x.events})
				host.index = append(host.index, i)
				continue
			}
			x.found(events)
		}
		if x.revents != 0 {
			ready++
		}
	}
	return ready, host
}

// pollHost asks the host without waiting.
func pollHost(list []pollEntry, host hostFDs) (int, errno) {
	if len(host.fds) == 0 {
		return 0, 0
	}
	for {
		_, err := unix.Ppoll(host.fds, &unix.Timespec{}, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, hostErrno(err)
		}
		return host.take(list), 0
	}
}

const pollfdSize = 8

func sysPoll(t *Thread, a args) (uint64, errno) {
	timeout := time.Duration(-1)
	if ms := a.int(2); ms >= 0 {
		timeout = time.Duration(ms) * time.Millisecond
	}
	return t.poll2(a[0], a.uint(1), timeout)
}

// poll2 is do_sys_poll() of fs/select.c.
func (t *Thread) poll2(addr uint64, count uint32, timeout time.Duration) (uint64, errno) {
	p := t.p
	if uint64(count) > p.limit(unix.RLIMIT_NOFILE) || count > maxDescriptors {
		return 0, unix.EINVAL
	}
	raw := make([]byte, int(count)*pollfdSize)
	if e := p.readStruct(addr, raw); e != 0 {
		return 0, e
	}
	list := make([]pollEntry, count)
	for i := range list {
		fd := int(int32(binary.LittleEndian.Uint32(raw[i*pollfdSize:])))
		x := pollEntry{events: int16(binary.LittleEndian.Uint16(raw[i*pollfdSize+4:])), skip: fd < 0}
		if !x.skip {
			x.file, _ = p.files.get(fd)
		}
		list[i] = x
	}
	n, e := t.pollFor(list, timeout)
	if !accessOK(addr, uint64(len(raw))) { // of no entries
		return 0, unix.EFAULT
	}
	for i := range list {
		binary.LittleEndian.PutUint16(raw[i*pollfdSize+6:], uint16(list[i].revents))
		at := addr + uint64(i*pollfdSize+6)
		if fault := p.writeStruct(at, raw[i*pollfdSize+6:(i+1)*pollfdSize]); fault != 0 {
			return 0, fault
		}
	}
	return uint64(n), e
}

// deadline is the timeout of ppoll, select and pselect6, whose rest is written
// back (poll_select_finish).
type deadline struct {
	addr    uint64
	timeout time.Duration // -1: none
	begin   time.Duration // uptime
	micro   bool          // struct timeval
}

// newDeadline reads a struct timespec or timeval: EFAULT, EINVAL.
func (t *Thread) newDeadline(addr uint64, micro bool) (deadline, errno) {
	d := deadline{addr: addr, timeout: -1, micro: micro, begin: t.p.cfg.Clock.Uptime()}
	if addr == 0 {
		return d, 0
	}
	words, e := t.p.readWords(addr, 2)
	if e != 0 {
		return d, e
	}
	sec, nsec := int64(words[0]), int64(words[1])
	if micro {
		// kern_select() of fs/select.c carries over before it checks.
		sec, nsec = sec+nsec/1_000_000, nsec%1_000_000*1000
	}
	if sec < 0 || nsec < 0 || nsec >= int64(time.Second) {
		return d, unix.EINVAL
	}
	const century = 100 * 365 * 24 * 3600 // what Duration can hold
	d.timeout = time.Duration(min(sec, century))*time.Second + time.Duration(nsec)
	return d, 0
}

// finish writes the rest back. A fault there is not told, but a call cannot be
// made again then.
func (d *deadline) finish(t *Thread, n uint64, e errno) (uint64, errno) {
	if d.timeout <= 0 {
		return n, e
	}
	left := max(d.begin+d.timeout-t.p.cfg.Clock.Uptime(), 0)
	sec, part := uint64(left/time.Second), uint64(left%time.Second)
	if d.micro {
		part /= 1000
	}
	if t.p.writeWords(d.addr, sec, part) != 0 && e == errRestartNoHandler {
		e = unix.EINTR
	}
	return n, e
}

// withMask runs a wait with another signal mask (set_user_sigmask).
func (t *Thread) withMask(addr, size uint64, call func() (uint64, errno)) (uint64, errno) {
	if addr == 0 {
		return call()
	}
	if size != 8 {
		return 0, unix.EINVAL
	}
	words, e := t.p.readWords(addr, 1)
	if e != 0 {
		return 0, e
	}
	t.waitWith(sigSet(words[0]))
	n, e := call()
	if e != errRestartNoHandler && e != unix.EINTR {
		t.mask, t.saved = *t.saved, nil // no signal ended it, so none is delivered with this mask
	}
	return n, e
}

func sysPpoll(t *Thread, a args) (uint64, errno) {
	d, e := t.newDeadline(a[2], false)
	if e != 0 {
		return 0, e
	}
	return t.withMask(a[3], a[4], func() (uint64, errno) {
		n, e := t.poll2(a[0], a.uint(1), d.timeout)
		return d.finish(t, n, e)
	})
}
