package world

import "golang.org/x/sys/unix"

// hostFile is an open file of the host, or with O_PATH also a link.
type hostFile struct {
	mount *mount
	desc  int
	key   hostKey
	in    *inode
	how   openHow
	lent  bool // the mount's loans know it
}

func (o *hostFile) fd() int {
	if o.how.pathOnly {
		return -1
	}
	return o.desc
}

func (o *hostFile) node() (node, errno) {
	var st unix.Stat_t
	if e := errnoOf(unix.Fstat(o.desc, &st)); e != 0 {
		return node{}, e
	}
	n, shown := o.mount.hostNode(&st, o.desc, "")
	if !shown {
		return node{}, unix.ENOENT
	}
	return n, 0
}

func (o *hostFile) text() string {
	buf := make([]byte, PathMax)
	if n, err := unix.Readlinkat(o.desc, "", buf); err == nil {
		return string(buf[:n])
	}
	return ""
}

func (o *hostFile) size() (int64, errno) {
	var st unix.Stat_t
	e := errnoOf(unix.Fstat(o.desc, &st))
	return st.Size, e
}

func (o *hostFile) writable() bool { return o.how.write() && !o.how.pathOnly }

func (o *hostFile) truncate(size int64) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	if !o.writable() || size < 0 {
		return unix.EINVAL
	}
	before, e := o.size()
	if e != 0 {
		return e
	}
	if e := o.in.body.need(before, size); e != 0 {
		return e
	}
	if e := retry(func() error { return unix.Ftruncate(o.desc, size) }); e != 0 {
		return e
	}
	o.in.body.set(size)
	return 0
}

func (o *hostFile) grow(from, want int64) (int64, errno) {
	if !o.writable() {
		return 0, unix.EBADF
	}
	size, e := o.size()
	if e != 0 {
		return 0, e
	}
	return o.in.body.grow(size, from, want)
}

func (o *hostFile) allocate(mode uint32, offset, length int64) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	if e := checkAllocate(mode, offset, length); e != 0 {
		return e
	}
	if !o.writable() {
		return unix.EBADF
	}
	return allocate(o.desc, &o.in.body, mode, offset, length)
}

// checkAllocate is what fallocate(2) refuses before it looks at the file
// (Linux, fs/open.c: vfs_fallocate).
func checkAllocate(mode uint32, offset, length int64) errno {
	const keep = unix.FALLOC_FL_KEEP_SIZE
	if offset < 0 || length <= 0 {
		return unix.EINVAL
	}
	switch mode {
	case 0, keep, unix.FALLOC_FL_PUNCH_HOLE | keep, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | keep:
		return 0
	}
	return unix.EOPNOTSUPP
}

// allocate is fallocate(2). Space inside the file is the quota's already;
// space behind its end counts as if the file were that long.
func allocate(fd int, b *body, mode uint32, offset, length int64) errno {
	if offset+length < 0 || offset+length > b.mount.maxFile() {
		return unix.EFBIG
	}
	if mode&unix.FALLOC_FL_PUNCH_HOLE == 0 {
		var st unix.Stat_t
		if e := errnoOf(unix.Fstat(fd, &st)); e != 0 {
			return e
		}
		if e := b.need(st.Size, max(st.Size, offset+length)); e != 0 {
			return e
		}
	}
	return retry(func() error { return unix.Fallocate(fd, mode, offset, length) })
}

func (o *hostFile) chmod(mode uint32) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	return o.mount.stamped(o.key, unix.Fchmod(o.desc, mode&01777))
}

func (o *hostFile) utimens(times [2]unix.Timespec) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	return o.mount.dated(o.key, times, unix.UtimesNanoAt(unix.AT_FDCWD, procPath(o.desc), times[:], 0))
}

func (o *hostFile) access(mode uint32) errno {
	return errnoOf(unix.Faccessat(unix.AT_FDCWD, procPath(o.desc), mode, unix.AT_EACCESS))
}

func (o *hostFile) sync() errno {
	return retry(func() error { return unix.Fsync(o.desc) })
}

func (o *hostFile) close() {
	n, e := o.node()
	unix.Close(o.desc)
	o.repay(n.stat.Size, e)
	if o.in.opens--; o.in.opens > 0 {
		return
	}
	switch {
	case o.in.nameless || e == 0 && n.stat.Nlink == 0:
		o.mount.srv.forget(o.key)
	case o.in.counted && e == 0:
		o.in.body.set(held(&n.stat))
	}
}
