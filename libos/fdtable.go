package libos

import (
	"golang.org/x/sys/unix"

	"spaceos/world"
)

// maxDescriptors bounds the table whatever RLIMIT_NOFILE says (Linux:
// sysctl_nr_open in fs/file.c).
const maxDescriptors = 1 << 20

// fileTable is what files_struct and fs_struct are in Linux: descriptors,
// working folder and umask of the process.
type fileTable struct {
	fds       []descriptor
	cwd       world.Handle
	cwdPath   string // as it was at chdir
	umask     uint32
	locks     lockTable
	scratch   int64       // bytes in /tmp, as the world last said
	listing   listingPage // of the folder that was last read
	opening   opening     // of the file that was last opened
	longPaths int         // bytes of descriptions' paths that are longer than shortPath
	epoch     uint64      // of the world, as it last said: world.Response
	pipes     uint64      // made so far
	pipeBytes int         // capacity of those that are open
}

// descriptor is one slot of the table; a nil file is a free one.
type descriptor struct {
	file    *openFile
	cloexec bool
}

// get gives the description behind fd, also one opened with O_PATH.
func (ft *fileTable) getAny(fd int) (*openFile, errno) {
	if fd < 0 || fd >= len(ft.fds) || ft.fds[fd].file == nil {
		return nil, unix.EBADF
	}
	return ft.fds[fd].file, 0
}

// get gives the description behind fd; one opened with O_PATH is EBADF, as
// fdget() of Linux has it.
func (ft *fileTable) get(fd int) (*openFile, errno) {
	f, e := ft.getAny(fd)
	if e == 0 && f.flags&unix.O_PATH != 0 {
		return nil, unix.EBADF
	}
	return f, e
}

// room finds the lowest free number from low on: EMFILE when RLIMIT_NOFILE
// leaves none. The number is free until something is installed.
func (p *Process) room(low int) (int, errno) {
	limit := p.descriptorLimit()
	for fd := low; fd < limit; fd++ {
		if fd >= len(p.files.fds) || p.files.fds[fd].file == nil {
			return fd, 0
		}
	}
	return -1, unix.EMFILE
}

func (p *Process) descriptorLimit() int {
	return int(min(p.limit(unix.RLIMIT_NOFILE), maxDescriptors))
}

// install puts a description, whose reference it takes over, at the free
// number fd.
func (p *Process) install(fd int, f *openFile, cloexec bool) {
	ft := &p.files
	if fd >= len(ft.fds) {
		grown := make([]descriptor, max(fd+1, min(2*len(ft.fds), maxDescriptors), 8))
		copy(grown, ft.fds)
		ft.fds = grown
	}
	ft.fds[fd] = descriptor{f, cloexec}
}

// add installs f at the lowest number from low on, or lets go of it.
func (p *Process) add(f *openFile, low int, cloexec bool) (uint64, errno) {
	fd, e := p.room(low)
	if e != 0 {
		f.release(p)
		return 0, e
	}
	p.install(fd, f, cloexec)
	return uint64(fd), 0
}

// drop closes fd, which is open.
func (p *Process) drop(fd int) {
	d := &p.files.fds[fd]
	f := d.file
	*d = descriptor{}
	p.files.locks.closed(f)
	f.release(p)
}

func sysClose(t *Thread, a args) (uint64, errno) {
	fd := a.fd(0)
	if _, e := t.p.files.getAny(fd); e != 0 {
		return 0, e
	}
	t.p.drop(fd)
	return 0, 0
}

// closeRangeUnshare and closeRangeCloexec are the flags of close_range(2).
const (
	closeRangeUnshare = 1 << 1
	closeRangeCloexec = 1 << 2
)

func sysCloseRange(t *Thread, a args) (uint64, errno) {
	first, last, flags := a.uint(0), a.uint(1), a.uint(2)
	if flags&^(closeRangeUnshare|closeRangeCloexec) != 0 || first > last {
		return 0, unix.EINVAL
	}
	fds := t.p.files.fds
	for fd := uint64(first); fd <= uint64(last) && fd < uint64(len(fds)); fd++ {
		switch {
		case fds[fd].file == nil:
		case flags&closeRangeCloexec != 0:
			fds[fd].cloexec = true
		default:
			t.p.drop(int(fd))
		}
	}
	return 0, 0
}

func sysDup(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.getAny(a.fd(0))
	if e != 0 {
		return 0, e
	}
	return t.p.add(f.retain(), 0, false)
}

func sysDup2(t *Thread, a args) (uint64, errno) {
	from, to := a.fd(0), a.fd(1)
	if from == to {
		_, e := t.p.files.getAny(from)
		return uint64(to), e
	}
	return t.p.dupTo(from, to, false)
}

func sysDup3(t *Thread, a args) (uint64, errno) {
	from, to, flags := a.fd(0), a.fd(1), a.int(2)
	if flags&^unix.O_CLOEXEC != 0 || from == to {
		return 0, unix.EINVAL
	}
	return t.p.dupTo(from, to, flags&unix.O_CLOEXEC != 0)
}

// dupTo is ksys_dup3 of fs/file.c: a number beyond the limit is EBADF.
func (p *Process) dupTo(from, to int, cloexec bool) (uint64, errno) {
	if to < 0 || to >= p.descriptorLimit() {
		return 0, unix.EBADF
	}
	f, e := p.files.getAny(from)
	if e != 0 {
		return 0, e
	}
	f.retain()
	if _, e := p.files.getAny(to); e == 0 {
		p.drop(to)
	}
	p.install(to, f, cloexec)
	return uint64(to), 0
}
