package libos

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// maxLocks bounds the locks that a process holds; what would add to it then is
// ENOLCK.
const maxLocks = 4096

// inode names a node of the world for locks.
type inode struct{ dev, number uint64 }

// lockTable holds the locks of fcntl(2) and flock(2). Nobody outside of the
// cell sees them; inside, descriptions can conflict with one another.
type lockTable struct {
	records []recordLock
	whole   []wholeLock
}

// recordLock is a lock on bytes [start, end] of a file. Its owner is a
// description (F_OFD_SETLK) or, if nil, the process.
type recordLock struct {
	ino        inode
	owner      *openFile
	exclusive  bool
	start, end int64
}

// wholeLock is a lock of flock(2).
type wholeLock struct {
	ino       inode
	owner     *openFile
	exclusive bool
}

// closed drops the process's record locks on a file, as closing any of its
// descriptors does (fcntl_locking(2), "Advisory record locking").
func (lt *lockTable) closed(f *openFile) {
	lt.records = slices.DeleteFunc(lt.records, func(l recordLock) bool { return l.owner == nil && l.ino == f.ino })
}

// forget drops the locks of a description that is gone.
func (lt *lockTable) forget(f *openFile) {
	lt.records = slices.DeleteFunc(lt.records, func(l recordLock) bool { return l.owner == f })
	lt.whole = slices.DeleteFunc(lt.whole, func(l wholeLock) bool { return l.owner == f })
}

// sysFlock is flock(2) (fs/locks.c).
func sysFlock(t *Thread, a args) (uint64, errno) {
	cmd := a.uint(1)
	op := cmd &^ unix.LOCK_NB
	if cmd&0x20 != 0 { // LOCK_MAND: obsolete, ignored (flock(2) of 5.17 on)
		return 0, 0
	}
	if op != unix.LOCK_SH && op != unix.LOCK_EX && op != unix.LOCK_UN {
		return 0, unix.EINVAL
	}
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	if op != unix.LOCK_UN && f.flags&unix.O_ACCMODE == unix.O_ACCMODE {
		return 0, unix.EBADF
	}
	lt := &t.p.files.locks
	isMine := func(l wholeLock) bool { return l.owner == f }
	if op == unix.LOCK_UN {
		lt.whole = slices.DeleteFunc(lt.whole, isMine)
		return 0, 0
	}
	want := wholeLock{f.ino, f, op == unix.LOCK_EX}
	if slices.Contains(lt.whole, want) {
		return 0, 0
	}
	lt.whole = slices.DeleteFunc(lt.whole, isMine) // a change of kind is not atomic
	for lt.flockConflict(want) {
		if cmd&unix.LOCK_NB != 0 {
			return 0, unix.EWOULDBLOCK
		}
		if _, e := t.wait(nil, -1); e != 0 {
			return 0, e
		}
	}
	if len(lt.whole) >= maxLocks {
		return 0, unix.ENOLCK
	}
	lt.whole = append(lt.whole, want)
	return 0, 0
}

func (lt *lockTable) flockConflict(w wholeLock) bool {
	return slices.ContainsFunc(lt.whole, func(l wholeLock) bool {
		return l.ino == w.ino && l.owner != w.owner && (l.exclusive || w.exclusive)
	})
}

// flockRequest is struct flock of include/uapi/asm-generic/fcntl.h.
type flockRequest struct {
	kind, whence int16
	start, len   int64
	pid          int32
}

const flockSize = 32

// recordLock serves F_GETLK, F_SETLK, F_SETLKW and their OFD forms.
func (t *Thread) recordLock(f *openFile, cmd uint32, addr uint64) (uint64, errno) {
	var raw [flockSize]byte
	if e := t.p.readStruct(addr, raw[:]); e != 0 {
		return 0, e
	}
	le := binary.LittleEndian
	r := flockRequest{
		kind: int16(le.Uint16(raw[0:])), whence: int16(le.Uint16(raw[2:])),
		start: int64(le.Uint64(raw[8:])), len: int64(le.Uint64(raw[16:])), pid: int32(le.Uint32(raw[24:])),
	}
	ofd := cmd == unix.F_OFD_GETLK || cmd == unix.F_OFD_SETLK || cmd == unix.F_OFD_SETLKW
	get := cmd == unix.F_GETLK || cmd == unix.F_OFD_GETLK
	if get && r.kind != unix.F_RDLCK && r.kind != unix.F_WRLCK && !(ofd && r.kind == unix.F_UNLCK) {
		return 0, unix.EINVAL
	}
	l, e := t.p.lockRange(f, r)
	if e != 0 {
		return 0, e
	}
	if !get && (r.kind == unix.F_RDLCK && !f.readable() || r.kind == unix.F_WRLCK && !f.writable()) {
		return 0, unix.EBADF
	}
	if ofd && r.pid != 0 {
		return 0, unix.EINVAL
	}
	if ofd {
		l.owner = f
	}
	if get {
		return 0, t.getLock(l, r.kind, addr, raw)
	}
	return 0, t.setLock(l, r.kind, cmd == unix.F_SETLKW || cmd == unix.F_OFD_SETLKW)
}

// lockRange is flock64_to_posix_lock() of fs/locks.c.
func (p *Process) lockRange(f *openFile, r flockRequest) (recordLock, errno) {
	l := recordLock{ino: f.ino, exclusive: r.kind == unix.F_WRLCK}
	switch r.whence {
	case unix.SEEK_SET:
	case unix.SEEK_CUR:
		l.start = f.pos
	case unix.SEEK_END:
		st, e := f.obj.stat(p, f)
		if e != 0 {
			return l, e
		}
		l.start = st.Size
	default:
		return l, unix.EINVAL
	}
	if r.start > math.MaxInt64-l.start {
		return l, unix.EOVERFLOW
	}
	l.start += r.start
	if l.start < 0 {
		return l, unix.EINVAL
	}
	switch {
	case r.len > 0:
		if r.len-1 > math.MaxInt64-l.start {
			return l, unix.EOVERFLOW
		}
		l.end = l.start + r.len - 1
	case r.len < 0:
		if l.start+r.len < 0 {
			return l, unix.EINVAL
		}
		l.end = l.start - 1
		l.start += r.len
	default:
		l.end = math.MaxInt64
	}
	if r.kind != unix.F_RDLCK && r.kind != unix.F_WRLCK && r.kind != unix.F_UNLCK {
		return l, unix.EINVAL
	}
	return l, 0
}

// conflict finds a lock that keeps w from being taken.
func (lt *lockTable) conflict(w recordLock) *recordLock {
	return lt.find(w, func(l recordLock) bool { return l.owner != w.owner && (l.exclusive || w.exclusive) })
}

// own finds a lock of w's own: what F_UNLCK asks for (posix_test_locks_conflict()
// of fs/locks.c).
func (lt *lockTable) own(w recordLock) *recordLock {
	return lt.find(w, func(l recordLock) bool { return l.owner == w.owner })
}

// find gives the first lock that shares bytes with w and is meant.
func (lt *lockTable) find(w recordLock, meant func(recordLock) bool) *recordLock {
	for i, l := range lt.records {
		if l.ino == w.ino && l.start <= w.end && w.start <= l.end && meant(l) {
			return &lt.records[i]
		}
	}
	return nil
}

// getLock writes back the lock that is in the way or asked for, or F_UNLCK.
func (t *Thread) getLock(w recordLock, kind int16, addr uint64, raw [flockSize]byte) errno {
	le := binary.LittleEndian
	find := t.p.files.locks.conflict
	if kind == unix.F_UNLCK {
		find = t.p.files.locks.own
	}
	l := find(w)
	if l == nil {
		le.PutUint16(raw[0:], unix.F_UNLCK)
		return t.p.writeStruct(addr, raw[:])
	}
	found, pid, length := uint16(unix.F_RDLCK), uint32(guestPID), uint64(0)
	if l.exclusive {
		found = unix.F_WRLCK
	}
	if l.owner != nil {
		pid = math.MaxUint32 // -1: owned by a description
	}
	if l.end != math.MaxInt64 {
		length = uint64(l.end - l.start + 1)
	}
	le.PutUint16(raw[0:], found)
	le.PutUint16(raw[2:], unix.SEEK_SET)
	le.PutUint64(raw[8:], uint64(l.start))
	le.PutUint64(raw[16:], length)
	le.PutUint32(raw[24:], pid)
	return t.p.writeStruct(addr, raw[:])
}

// setLock takes or gives back a lock; locks of one owner replace each other
// where they overlap.
func (t *Thread) setLock(w recordLock, kind int16, wait bool) errno {
	lt := &t.p.files.locks
	for kind != unix.F_UNLCK && lt.conflict(w) != nil {
		if !wait {
			return unix.EAGAIN
		}
		if _, e := t.wait(nil, -1); e != 0 {
			return e
		}
	}
	kept := lt.with(w, kind != unix.F_UNLCK)
	if len(kept) > maxLocks && len(kept) > len(lt.records) {
		return unix.ENOLCK // also for giving back the middle of a lock, which leaves two
	}
	lt.records = kept
	return 0
}

// with gives the locks with w taken or given back. The order shows in F_GETLK:
// an owner's locks on a file stand together by their starts, those that touch
// and are of a kind are one, and who comes last stands last
// (posix_lock_inode() of fs/locks.c).
func (lt *lockTable) with(w recordLock, take bool) []recordLock {
	isMine := func(l recordLock) bool { return l.ino == w.ino && l.owner == w.owner }
	first := slices.IndexFunc(lt.records, isMine)
	if first < 0 {
		first = len(lt.records)
	}
	var mine, after []recordLock
	for _, l := range lt.records[first:] {
		switch {
		case !isMine(l):
			after = append(after, l)
		case take && l.exclusive == w.exclusive && l.end >= w.start-1 && l.start-1 <= w.end:
			w.start, w.end = min(w.start, l.start), max(w.end, l.end)
		default:
			mine = append(mine, l.without(w)...)
		}
	}
	if take {
		at, _ := slices.BinarySearchFunc(mine, w.start, func(l recordLock, start int64) int { return cmp.Compare(l.start, start) })
		mine = slices.Insert(mine, at, w)
	}
	return slices.Concat(lt.records[:first], mine, after)
}

// without gives what of a lock lies outside of w.
func (l recordLock) without(w recordLock) []recordLock {
	var parts []recordLock
	if l.start < w.start {
		left := l
		left.end = min(l.end, w.start-1)
		parts = append(parts, left)
	}
	if l.end > w.end {
		right := l
		right.start = max(l.start, w.end+1)
		parts = append(parts, right)
	}
	return parts
}
