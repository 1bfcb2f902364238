package libos

import (
	"math"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

func sysTruncate(t *Thread, a args) (uint64, errno) {
	size := a.offset(1)
	if size < 0 {
		return 0, unix.EINVAL
	}
	dir, name, e := t.p.pathAt(unix.AT_FDCWD, a[0])
	if e != 0 {
		return 0, e
	}
	if t.p.limit(unix.RLIMIT_FSIZE) < math.MaxInt64 {
		r := t.p.ask(world.Request{Op: world.OpStat, Dir: dir, Path: name})
		if r.Errno == 0 && r.Stat.Mode&unix.S_IFMT == unix.S_IFREG && t.tooLarge(size, r.Stat.Size) {
			return 0, unix.EFBIG
		}
	}
	return 0, t.p.ask(world.Request{Op: world.OpTruncate, Dir: dir, Path: name, Size: size}).Errno
}

// tooLarge is inode_newsize_ok() of fs/attr.c: growing beyond RLIMIT_FSIZE
// raises SIGXFSZ.
func (t *Thread) tooLarge(size, old int64) bool {
	if size <= old || uint64(size) <= t.p.limit(unix.RLIMIT_FSIZE) {
		return false
	}
	t.raise(int(unix.SIGXFSZ))
	return true
}

func sysFtruncate(t *Thread, a args) (uint64, errno) {
	size := a.offset(1)
	if size < 0 {
		return 0, unix.EINVAL
	}
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	if !f.writable() {
		return 0, unix.EINVAL
	}
	switch obj := f.obj.(type) {
	case *hostFile:
		old, e := obj.size()
		if e != 0 {
			return 0, e
		}
		if t.tooLarge(size, old) {
			return 0, unix.EFBIG
		}
		return 0, t.p.ask(world.Request{Op: world.OpTruncate, Dir: f.handle, Size: size}).Errno
	case *stream:
		if obj.regular {
			return 0, hostErrno(unix.Ftruncate(obj.fd, size))
		}
	}
	return 0, unix.EINVAL
}

// sysFallocate checks as vfs_fallocate() of fs/open.c does.
func sysFallocate(t *Thread, a args) (uint64, errno) {
	mode, off, length := a.uint(1), a.offset(2), a.offset(3)
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	if off < 0 || length <= 0 {
		return 0, unix.EINVAL
	}
	const keep, punch, zero = unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE
	const collapse, insert, unshare = unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE, unix.FALLOC_FL_UNSHARE_RANGE
	const writeZeroes = 0x80 // FALLOC_FL_WRITE_ZEROES, Linux 6.17
	switch mode {
	case 0, keep, punch | keep, zero, zero | keep, collapse, insert, unshare, writeZeroes:
	default:
		return 0, unix.EOPNOTSUPP
	}
	if !f.writable() {
		return 0, unix.EBADF
	}
	if s, ok := f.obj.(*stream); ok && s.regular {
		return 0, hostErrno(unix.Fallocate(s.fd, mode, off, length))
	}
	h, ok := f.obj.(*hostFile)
	switch {
	case f.isPipe():
		return 0, unix.ESPIPE
	case !ok:
		return 0, unix.ENODEV
	case off > f.maxBytes()-length:
		return 0, unix.EFBIG
	case mode == collapse || mode == insert || mode == unshare || mode == writeZeroes:
		return 0, unix.EOPNOTSUPP
	}
	if mode&keep == 0 {
		old, e := h.size()
		if e != 0 {
			return 0, e
		}
		if t.tooLarge(off+length, old) {
			return 0, unix.EFBIG
		}
	}
	return 0, t.p.ask(world.Request{Op: world.OpAllocate, Dir: f.handle, Flags: mode, Offset: off, Size: length}).Errno
}

// isPipe says whether the description is a pipe or FIFO.
func (f *openFile) isPipe() bool {
	if s, ok := f.obj.(*stream); ok {
		return s.mode&unix.S_IFMT == unix.S_IFIFO
	}
	_, ok := f.obj.(*pipeEnd)
	return ok
}

// isRegular says whether the description is a regular file.
func (f *openFile) isRegular() bool {
	switch obj := f.obj.(type) {
	case *hostFile, *textFile, *mapsFile:
		return true
	case *stream:
		return obj.regular
	}
	return false
}

// sysFsync serves fsync and fdatasync: EINVAL for what has nothing to write
// back (vfs_fsync_range).
func sysFsync(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	switch obj := f.obj.(type) {
	case *hostFile, *folder:
		return 0, t.p.ask(world.Request{Op: world.OpSync, Dir: f.handle}).Errno
	case *textFile:
		if !obj.proc {
			return 0, 0
		}
	case *stream:
		return 0, hostErrno(unix.Fsync(obj.fd))
	}
	return 0, unix.EINVAL
}

// sysSync makes what is open durable; errors are not told (sync(2)).
func sysSync(t *Thread, _ args) (uint64, errno) {
	for _, d := range t.p.files.fds {
		if d.file == nil || !d.file.writable() {
			continue
		}
		if _, ok := d.file.obj.(*hostFile); ok {
			t.p.ask(world.Request{Op: world.OpSync, Dir: d.file.handle})
		}
	}
	return 0, 0
}

func sysSyncfs(t *Thread, a args) (uint64, errno) {
	if _, e := t.p.files.get(a.fd(0)); e != 0 {
		return 0, e
	}
	return sysSync(t, a)
}

// sysSyncFileRange starts write-back, which the host does by itself; it makes
// nothing durable (sync_file_range(2), "Warning").
func sysSyncFileRange(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	off, length := a.offset(1), a.offset(2)
	if a.uint(3)&^7 != 0 || off < 0 || off+length < off {
		return 0, unix.EINVAL
	}
	if !f.isRegular() && !f.isDir() {
		return 0, unix.ESPIPE
	}
	return 0, 0
}

// sysFadvise64 checks and ignores advice (generic_fadvise of mm/fadvise.c).
func sysFadvise64(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	const last = 5 // POSIX_FADV_NOREUSE
	switch {
	case f.isPipe():
		return 0, unix.ESPIPE
	case a.offset(2) < 0 || a.uint(3) > last:
		return 0, unix.EINVAL
	}
	return 0, 0
}

func sysReadahead(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	switch {
	case e != 0:
		return 0, e
	case !f.readable():
		return 0, unix.EBADF
	case !f.isRegular() || a.offset(2) < 0:
		return 0, unix.EINVAL
	}
	return 0, 0
}
