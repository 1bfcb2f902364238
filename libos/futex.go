package libos

import (
	"encoding/binary"
	"math"
	"syscall"
	"time"
)

// Operations of futex(2) (include/uapi/linux/futex.h).
const (
	futexWait       = 0
	futexWake       = 1
	futexRequeue    = 3
	futexCmpRequeue = 4
	futexWaitBitset = 9
	futexWakeBitset = 10

	futexPrivate  = 128
	futexRealtime = 256
)

// sysFutex is futex(2) for a process of one thread: a wait that nobody can end
// but the clock, and wakes that find nobody. Operations on priority-inheriting
// locks do not exist.
func sysFutex(t *Thread, a args) (uint64, errno) {
	op := a.uint(1)
	command := op &^ (futexPrivate | futexRealtime)
	timeout := time.Duration(-1)
	if a[3] != 0 && (command == futexWait || command == futexWaitBitset) {
		d, e := t.p.readTimespec(a[3])
		if e != 0 {
			return 0, e
		}
		timeout = t.futexTimeout(d, command, op)
	}
	if op&futexRealtime != 0 && command != futexWaitBitset {
		return 0, syscall.ENOSYS
	}
	bits := a.uint(5)
	switch command {
	case futexWait:
		bits = math.MaxUint32
		fallthrough
	case futexWaitBitset:
		return 0, t.futexWait(a, bits, op, timeout)
	case futexWake:
		bits = math.MaxUint32
		fallthrough
	case futexWakeBitset:
		if bits == 0 {
			return 0, syscall.EINVAL
		}
		return 0, t.p.futexKey(a[0], op&futexPrivate == 0)
	case futexRequeue, futexCmpRequeue:
		return 0, t.futexRequeue(a, command, op)
	}
	return 0, syscall.ENOSYS
}

// futexTimeout makes a relative time of an absolute one.
func (t *Thread) futexTimeout(d time.Duration, command, op uint32) time.Duration {
	if command == futexWait {
		return d
	}
	kind := clockUptime
	if op&futexRealtime != 0 {
		kind = clockWall
	}
	return max(d-t.p.read(kind, 1), 0)
}

// futexKey checks an address as get_futex_key does: one that may be shared
// must be there, and writable unless it is a file's.
func (p *Process) futexKey(addr uint64, shared bool) errno {
	if addr%4 != 0 {
		return syscall.EINVAL
	}
	if !accessOK(addr, 4) || shared && p.span(addr, 4, ProtRead) == nil {
		return syscall.EFAULT
	}
	if r := p.mem.regions.at(addr); shared && r.file == nil && !r.permits(ProtWrite) {
		return syscall.EFAULT
	}
	return 0
}

func (t *Thread) futexWait(a args, bits, op uint32, timeout time.Duration) errno {
	if bits == 0 {
		return syscall.EINVAL
	}
	if e := t.p.futexKey(a[0], op&futexPrivate == 0); e != 0 {
		return e
	}
	var word [4]byte
	if e := t.p.readStruct(a[0], word[:]); e != 0 {
		return e
	}
	if binary.LittleEndian.Uint32(word[:]) != a.uint(2) {
		return syscall.EAGAIN
	}
	_, e := t.wait(nil, timeout)
	switch {
	case e == 0:
		return syscall.ETIMEDOUT
	case timeout >= 0:
		return noHandler(e)
	}
	return e
}

func (t *Thread) futexRequeue(a args, command, op uint32) errno {
	if a.int(2) < 0 || a.int(3) < 0 {
		return syscall.EINVAL
	}
	shared := op&futexPrivate == 0
	for _, addr := range []uint64{a[0], a[4]} {
		if e := t.p.futexKey(addr, shared); e != 0 {
			return e
		}
	}
	if command == futexRequeue {
		return 0
	}
	var word [4]byte
	if e := t.p.readStruct(a[0], word[:]); e != 0 {
		return e
	}
	if binary.LittleEndian.Uint32(word[:]) != a.uint(5) {
		return syscall.EAGAIN
	}
	return 0
}
