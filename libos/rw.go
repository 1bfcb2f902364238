package libos

import (
	"math"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// anyOffset says that a call uses and moves the description's own position.
const anyOffset = -1

// Flags of preadv2(2) and pwritev2(2) (include/uapi/linux/fs.h).
const (
	rwfHipri     = 0x01
	rwfDsync     = 0x02
	rwfSync      = 0x04
	rwfNowait    = 0x08
	rwfAppend    = 0x10
	rwfNoappend  = 0x20
	rwfAtomic    = 0x40
	rwfDontcache = 0x80
	rwfNosignal  = 0x100
	rwfKnown     = 0x1ff
)

// transfer is one call of the read or write family under way.
type transfer struct {
	f      *openFile
	off    int64
	own    bool // at the description's own position
	flags  int32
	writes bool
}

// begin finds the description and checks mode and position as ksys_read,
// ksys_pread64 and vfs_read of fs/read_write.c do.
func (t *Thread) begin(fd int, off int64, own, writes bool) (transfer, errno) {
	x := transfer{off: off, own: own, writes: writes}
	if !own && off < 0 {
		return x, unix.EINVAL
	}
	f, e := t.p.files.get(fd)
	if e != 0 {
		return x, e
	}
	x.f = f
	if !own && !f.seekable() {
		return x, unix.ESPIPE
	}
	if writes && !f.writable() || !writes && !f.readable() {
		return x, unix.EBADF
	}
	if own {
		x.off = f.position()
	}
	return x, 0
}

// position is where a call without an offset starts: anyOffset for a standard
// stream, whose position the host keeps.
func (f *openFile) position() int64 {
	if _, ok := f.obj.(*stream); ok {
		return anyOffset
	}
	return f.pos
}

// moved sets the position after n bytes were moved at x.off.
func (x *transfer) moved(n int) {
	if x.own && x.off != anyOffset && x.f.seekable() {
		x.f.pos = x.off + int64(n)
	}
}

// verify is rw_verify_area(): the length is a number, and the end of the
// transfer too.
func (x *transfer) verify(length uint64) errno {
	if int64(length) < 0 {
		return unix.EINVAL
	}
	if x.f.seekable() && x.off >= 0 && uint64(x.off)+length > math.MaxInt64 {
		return unix.EINVAL
	}
	return 0
}

// run moves the bytes, the position and the counters.
func (x *transfer) run(t *Thread, b *buffers) (uint64, errno) {
	f := x.f
	if x.writes {
		n, e := x.write(t, b)
		if e != 0 {
			return 0, e
		}
		t.p.countWritten(f.mount, n)
		return uint64(n), 0
	}
	n, e := f.obj.read(t, f, b, x.off)
	if e != 0 {
		return 0, e
	}
	x.moved(n)
	t.p.countRead(f.mount, n)
	return uint64(n), 0
}

// write writes at the position, or at the end with O_APPEND or RWF_APPEND:
// then also pwrite(2) appends (BUGS in its manual page).
func (x *transfer) write(t *Thread, b *buffers) (int, errno) {
	f := x.f
	if b.left == 0 {
		return f.obj.write(t, f, b, x.off)
	}
	appends := f.flags&unix.O_APPEND != 0 && x.flags&rwfNoappend == 0 || x.flags&rwfAppend != 0
	if h, ok := f.obj.(*hostFile); ok && appends {
		size, e := h.size()
		if e != 0 {
			return 0, e
		}
		x.off = size
	}
	n, e := f.obj.write(t, f, b, x.off)
	if e != 0 {
		return 0, e
	}
	x.moved(n)
	if _, ok := f.obj.(*hostFile); ok && x.flags&(rwfDsync|rwfSync) != 0 {
		e = t.p.ask(world.Request{Op: world.OpSync, Dir: f.handle}).Errno
	}
	return n, e
}

// plain serves read, write, pread64 and pwrite64.
func (t *Thread) plain(a args, off int64, own, writes bool) (uint64, errno) {
	x, e := t.begin(a.fd(0), off, own, writes)
	if e != 0 {
		return 0, e
	}
	addr, length := a[1], a[2]
	if !accessOK(addr, length) {
		return 0, unix.EFAULT
	}
	if e := x.verify(length); e != 0 {
		return 0, e
	}
	return x.run(t, t.p.buffer(addr, length, x.access()))
}

// access is what the transfer does to guest memory.
func (x *transfer) access() Prot {
	if x.writes {
		return ProtRead
	}
	return ProtWrite
}

// vector serves the calls with an iovec.
func (t *Thread) vector(a args, off int64, own, writes bool, flags int32) (uint64, errno) {
	x, e := t.begin(a.fd(0), off, own, writes)
	if e != 0 {
		return 0, e
	}
	b, e := t.p.importIovec(a[1], a[2], x.access())
	if e != 0 {
		return 0, e
	}
	if b.left == 0 {
		return 0, 0
	}
	if e := x.verify(b.left); e != 0 {
		return 0, e
	}
	if e := x.setFlags(flags); e != 0 {
		return 0, e
	}
	if flags&rwfNowait != 0 && !x.f.nonblocking() {
		x.f.flags |= unix.O_NONBLOCK // nothing waits, so nobody sees it
		defer func() { x.f.flags &^= unix.O_NONBLOCK }()
	}
	t.noSIGPIPE = flags&rwfNosignal != 0
	defer func() { t.noSIGPIPE = false }()
	return x.run(t, b)
}

// brokenPipe is what happens to a writer whom nobody reads.
func (t *Thread) brokenPipe() errno {
	if !t.noSIGPIPE {
		t.raise(int(unix.SIGPIPE))
	}
	return unix.EPIPE
}

// setFlags checks the RWF_ flags (kiocb_set_rw_flags in include/linux/fs.h).
func (x *transfer) setFlags(flags int32) errno {
	if flags == 0 {
		return 0
	}
	if x.f.isDir() {
		if flags&^rwfHipri != 0 {
			return unix.EOPNOTSUPP
		}
		return 0
	}
	if flags&^rwfKnown != 0 {
		return unix.EOPNOTSUPP
	}
	if flags&rwfAppend != 0 && flags&rwfNoappend != 0 {
		return unix.EINVAL
	}
	_, host := x.f.obj.(*hostFile)
	host = host && x.f.mount != world.MountTmp.String() // tmpfs has neither (mm/shmem.c)
	_, inPipe := x.f.obj.(*pipeEnd)
	if flags&rwfNowait != 0 && !host && !inPipe || flags&rwfDontcache != 0 && !host || flags&rwfAtomic != 0 {
		return unix.EOPNOTSUPP // FMODE_NOWAIT, FOP_DONTCACHE, FMODE_CAN_ATOMIC_WRITE
	}
	x.flags = flags
	return 0
}

func sysRead(t *Thread, a args) (uint64, errno)    { return t.plain(a, 0, true, false) }
func sysWrite(t *Thread, a args) (uint64, errno)   { return t.plain(a, 0, true, true) }
func sysPread64(t *Thread, a args) (uint64, errno) { return t.plain(a, a.offset(3), false, false) }
func sysPwrite64(t *Thread, a args) (uint64, errno) {
	return t.plain(a, a.offset(3), false, true)
}
func sysReadv(t *Thread, a args) (uint64, errno)  { return t.vector(a, 0, true, false, 0) }
func sysWritev(t *Thread, a args) (uint64, errno) { return t.vector(a, 0, true, true, 0) }

// The high half of the offset (a[4]) is not used on 64-bit Linux:
// pos_from_hilo shifts it out.
func sysPreadv(t *Thread, a args) (uint64, errno) {
	return t.vector(a, a.offset(3), false, false, 0)
}
func sysPwritev(t *Thread, a args) (uint64, errno) {
	return t.vector(a, a.offset(3), false, true, 0)
}
func sysPreadv2(t *Thread, a args) (uint64, errno) {
	return t.vector(a, a.offset(3), a.offset(3) == anyOffset, false, a.int(5))
}
func sysPwritev2(t *Thread, a args) (uint64, errno) {
	return t.vector(a, a.offset(3), a.offset(3) == anyOffset, true, a.int(5))
}

func sysLseek(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	whence := a.uint(2)
	if whence > unix.SEEK_HOLE {
		return 0, unix.EINVAL
	}
	s, ok := f.obj.(seeker)
	if !ok || !f.seekable() {
		return 0, unix.ESPIPE
	}
	pos, e := s.seek(t.p, f, a.offset(1), int32(whence))
	return uint64(pos), e
}

// seekIn answers lseek for a file of a known size (generic_file_llseek_size in
// fs/read_write.c): all of it is data, with a hole at its end.
func seekIn(f *openFile, off int64, whence int32, size int64) (int64, errno) {
	switch whence {
	case unix.SEEK_CUR:
		off += f.pos
	case unix.SEEK_END:
		off += size
	case unix.SEEK_DATA, unix.SEEK_HOLE:
		if uint64(off) >= uint64(size) {
			return 0, unix.ENXIO
		}
		if whence == unix.SEEK_HOLE {
			off = size
		}
	}
	if off < 0 || off > f.maxBytes() {
		return 0, unix.EINVAL
	}
	f.pos = off
	return off, 0
}
