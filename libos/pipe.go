package libos

import (
	"golang.org/x/sys/unix"

	"spaceos/world"
)

const (
	// pipeCapacity is PIPE_DEF_BUFFERS pages (include/linux/pipe_fs_i.h).
	pipeCapacity = 64 << 10
	// The capacities of all pipes count against two limits, as those of one
	// user do (pipe(7), pipe-user-pages-soft and -hard): beyond the first a new
	// pipe has a page, beyond the second there is none (ENFILE). What is in
	// pipes is memory of the host that --memory does not count.
	pipesSoft = 1 << 20
	pipesHard = 4 << 20
	// pipeAtomic is PIPE_BUF: writes up to this size are whole (pipe(7)).
	pipeAtomic = 4096
	// pipeDevice is st_dev of pipes; no device of the world has it.
	pipeDevice = 0xc
)

// pipe is a pipe inside the process: a ring of bytes.
type pipe struct {
	ring     []byte // of whole pages, as many as were needed since it was empty
	start    int
	length   int
	capacity int
	readers  int // descriptions that read
	writers  int
	number   uint64
	mode     uint32            // permissions
	times    [3]world.Timespec // access, modification, change
}

// pipeEnd is one description of a pipe.
type pipeEnd struct {
	pipe   *pipe
	writes bool
}

func sysPipe(t *Thread, a args) (uint64, errno) { return t.makePipe(a[0], 0) }

func sysPipe2(t *Thread, a args) (uint64, errno) { return t.makePipe(a[0], a.int(1)) }

// makePipe is do_pipe2() of fs/pipe.c.
func (t *Thread) makePipe(addr uint64, flags int32) (uint64, errno) {
	p := t.p
	if flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_DIRECT|unix.O_EXCL) != 0 {
		return 0, unix.EINVAL
	}
	if flags&unix.O_EXCL != 0 { // O_NOTIFICATION_PIPE
		return 0, unix.ENOPKG
	}
	cloexec, status := flags&unix.O_CLOEXEC != 0, flags&(unix.O_NONBLOCK|unix.O_DIRECT)
	first, e := p.room(0)
	if e != 0 {
		return 0, e
	}
	second, e := p.room(first + 1)
	if e != 0 {
		return 0, e
	}
	capacity := p.pipeRoom()
	if capacity == 0 {
		return 0, unix.ENFILE
	}
	if e := p.write32(addr, uint32(first), uint32(second)); e != 0 {
		return 0, e
	}
	now := p.cfg.Clock.Now()
	p.files.pipes++
	p.files.pipeBytes += capacity
	pp := &pipe{capacity: capacity, readers: 1, writers: 1, number: p.files.pipes, mode: 0o600, times: sameTimes(timespecOf(now))}
	ino := inode{pipeDevice, pp.number}
	p.install(first, &openFile{refs: 1, flags: unix.O_RDONLY | status, obj: &pipeEnd{pipe: pp}, mount: "pipe", ino: ino}, cloexec)
	p.install(second, &openFile{refs: 1, flags: unix.O_WRONLY | status, obj: &pipeEnd{pipe: pp, writes: true}, mount: "pipe", ino: ino}, cloexec)
	return 0, 0
}

// pipeRoom is the capacity that a new pipe gets; 0: there may be no more pipes
// (alloc_pipe_info of fs/pipe.c).
func (p *Process) pipeRoom() int {
	switch used := p.files.pipeBytes; {
	case used+pipeCapacity <= pipesSoft:
		return pipeCapacity
	case used+PageSize <= pipesHard:
		return PageSize
	}
	return 0
}

// await waits for another end to do something. With one thread nothing but a
// signal can end that, as on Linux.
func (e *pipeEnd) await(t *Thread, f *openFile) errno {
	if f.nonblocking() {
		return unix.EAGAIN
	}
	_, err := t.wait(nil, -1)
	return err
}

func (e *pipeEnd) read(t *Thread, f *openFile, b *buffers, _ int64) (int, errno) {
	if b.left == 0 {
		return 0, 0
	}
	pp := e.pipe
	for pp.length == 0 {
		if pp.writers == 0 {
			return 0, 0
		}
		if e := e.await(t, f); e != 0 {
			return 0, e
		}
	}
	total := 0
	for pp.length > 0 && b.left > 0 {
		n := b.put(pp.front())
		if n == 0 {
			return partial(total, unix.EFAULT)
		}
		pp.start = (pp.start + n) % len(pp.ring)
		pp.length -= n
		total += n
	}
	pp.shrink()
	return total, 0
}

// front is what can be read without wrapping.
func (pp *pipe) front() []byte {
	return pp.ring[pp.start:min(pp.start+pp.length, len(pp.ring))]
}

// back is where the next of n bytes can be written without wrapping; there is
// room for them.
func (pp *pipe) back(n int) []byte {
	if need := (pp.length + n + PageSize - 1) &^ (PageSize - 1); need > len(pp.ring) {
		grown := make([]byte, min(max(need, 2*len(pp.ring)), pp.capacity))
		first := copy(grown, pp.front())
		copy(grown[first:], pp.ring[:pp.length-first])
		pp.ring, pp.start = grown, 0
	}
	end := (pp.start + pp.length) % len(pp.ring)
	return pp.ring[end:min(end+n, len(pp.ring))]
}

// shrink gives memory back when nothing is in the pipe; a page may stay.
func (pp *pipe) shrink() {
	if pp.length == 0 && len(pp.ring) > PageSize {
		pp.ring, pp.start = nil, 0
	}
}

func (e *pipeEnd) write(t *Thread, f *openFile, b *buffers, _ int64) (int, errno) {
	pp := e.pipe
	total := 0
	for b.left > 0 {
		if pp.readers == 0 {
			return partial(total, t.brokenPipe())
		}
		room := pp.capacity - pp.length
		if room == 0 || total == 0 && b.left <= pipeAtomic && uint64(room) < b.left {
			if e := e.await(t, f); e != 0 {
				return partial(total, e)
			}
			continue
		}
		n := min(room, int(min(b.left, PageSize)))
		if !pp.fill(b, n) {
			pp.shrink()
			return partial(total, unix.EFAULT)
		}
		total += n
	}
	return total, 0
}

// fill takes n bytes, for which there is room, or none where the guest's memory
// ends before: a pipe takes whole pages of a write (anon_pipe_write of
// fs/pipe.c).
func (pp *pipe) fill(b *buffers, n int) bool {
	before := pp.length
	for n > 0 {
		got := b.take(pp.back(n))
		if got == 0 {
			pp.length = before
			return false
		}
		pp.length += got
		n -= got
	}
	return true
}

func (e *pipeEnd) stat(*Process, *openFile) (world.Stat, errno) {
	pp := e.pipe
	return world.Stat{
		Dev: pipeDevice, Ino: pp.number, Mode: unix.S_IFIFO | pp.mode, Nlink: 1, Blksize: PageSize,
		Atime: pp.times[0], Mtime: pp.times[1], Ctime: pp.times[2],
	}, 0
}

// ready is pipe_poll() of fs/pipe.c.
func (e *pipeEnd) ready(*openFile) (events int16, host int) {
	pp := e.pipe
	if e.writes {
		if pp.capacity-pp.length >= pipeAtomic {
			events |= unix.POLLOUT | pollWrNorm
		}
		if pp.readers == 0 {
			events |= unix.POLLERR
		}
		return events, -1
	}
	if pp.length > 0 {
		events |= unix.POLLIN | pollRdNorm
	}
	if pp.writers == 0 {
		events |= unix.POLLHUP
	}
	return events, -1
}

func (e *pipeEnd) close(p *Process, _ *openFile) {
	pp := e.pipe
	if e.writes {
		pp.writers--
	} else {
		pp.readers--
	}
	if pp.readers == 0 { // nobody will see what is in it
		pp.ring = nil
	}
	if pp.readers+pp.writers == 0 {
		p.files.pipeBytes -= pp.capacity
	}
}

// pipeSize answers F_GETPIPE_SZ; what is no pipe is EBADF (pipe_fcntl).
func (f *openFile) pipeSize() (uint64, errno) {
	switch obj := f.obj.(type) {
	case *pipeEnd:
		return uint64(obj.pipe.capacity), 0
	case *stream:
		n, err := unix.FcntlInt(uintptr(obj.fd), unix.F_GETPIPE_SZ, 0)
		return uint64(n), hostErrno(err)
	}
	return 0, unix.EBADF
}
