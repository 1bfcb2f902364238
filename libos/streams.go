package libos

import (
	"golang.org/x/sys/unix"

	"spaceos/world"
)

// stream is a standard stream: a descriptor of the host that other processes
// share. Its status flags are never changed and no call on it blocks: what
// must wait waits in Thread.wait.
type stream struct {
	fd      int
	number  int // 0, 1 or 2
	regular bool
	tty     bool
	null    bool   // /dev/null, which never looks at a buffer
	mode    uint32 // type, and permissions as the guest last set them
	rdev    uint64
	times   [3]world.Timespec // access, modification, change, as the guest sees them
	noWait  bool              // the host takes RWF_NOWAIT for it
}

// streamDevice is st_dev of the standard streams: no device of the world has it.
const streamDevice = 0xd

// streamRest is what poll(2) guarantees a writable pipe takes (PIPE_BUF), for
// files of the host that do not know RWF_NOWAIT.
const streamRest = 4096

// openStream makes the description of a standard stream: nil if the host has
// it closed.
func (p *Process) openStream(number, host int) *openFile {
	flags, err := unix.FcntlInt(uintptr(host), unix.F_GETFL, 0)
	if host < 0 || err != nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(host, &st) != nil {
		return nil
	}
	now := p.cfg.Clock.Now()
	s := &stream{
		fd: host, number: number, noWait: true,
		mode:    st.Mode&unix.S_IFMT | 0o600,
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		rdev:    streamNumber(&st),
	}
	s.times = sameTimes(timespecOf(now))
	s.null = st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	_, err = unix.IoctlGetTermios(host, unix.TCGETS)
	s.tty = err == nil
	kept := int32(flags) & (unix.O_ACCMODE | unix.O_APPEND | openLarge)
	name := [3]string{"stdin", "stdout", "stderr"}[number]
	return &openFile{refs: 1, flags: kept, obj: s, mount: name}
}

// streamNumber is st_rdev of a stream: a terminal is always the first of its
// kind, the plain devices of memory keep their numbers.
func streamNumber(st *unix.Stat_t) uint64 {
	const memory, pts = 1, 136
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0
	}
	if unix.Major(st.Rdev) == memory {
		return st.Rdev
	}
	return unix.Mkdev(pts, 0)
}

func (s *stream) stat(p *Process, _ *openFile) (world.Stat, errno) {
	st := world.Stat{
		Dev: streamDevice, Ino: uint64(s.number) + 1,
		Mode: s.mode, Nlink: 1, Rdev: s.rdev, Blksize: PageSize,
		Atime: s.times[0], Mtime: s.times[1], Ctime: s.times[2],
	}
	if s.regular {
		var host unix.Stat_t
		if err := unix.Fstat(s.fd, &host); err != nil {
			return st, hostErrno(err)
		}
		st.Size, st.Blocks = host.Size, host.Blocks
		if p.cfg.Clock.Chosen() { // when blocks are given is the host's chance
			st.Blocks = (host.Size + PageSize - 1) / PageSize * (PageSize / 512)
		}
	}
	return st, 0
}

func (s *stream) ready(*openFile) (int16, int) {
	if s.regular || s.null {
		return always, -1
	}
	return 0, s.fd
}

func (s *stream) close(*Process, *openFile) {} // the host's, and not ours to close

func (s *stream) seek(p *Process, f *openFile, off int64, whence int32) (int64, errno) {
	if s.null {
		return nullDevice{}.seek(p, f, off, whence)
	}
	pos, err := unix.Seek(s.fd, off, int(whence))
	return pos, hostErrno(err)
}

// await waits until the stream is ready for the events, or says EAGAIN.
func (s *stream) await(t *Thread, f *openFile, events int16) errno {
	if f.nonblocking() {
		return unix.EAGAIN
	}
	for {
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: events}}
		n, e := t.wait(fds, -1)
		if e != 0 {
			return e
		}
		if n > 0 {
			return 0
		}
	}
}

func (s *stream) read(t *Thread, f *openFile, b *buffers, off int64) (int, errno) {
	if s.regular {
		return s.readRegular(b, off)
	}
	if b.left == 0 || s.null {
		return 0, 0
	}
	waited := false
	for {
		if !s.noWait && !waited {
			if e := s.await(t, f, unix.POLLIN); e != 0 {
				return 0, e
			}
			waited = true
		}
		list, want := b.pieces(lookAhead)
		if want == 0 {
			return 0, unix.EFAULT
		}
		n, e := s.tryRead(list)
		switch e {
		case unix.EOPNOTSUPP:
			s.noWait = false
		case unix.EAGAIN:
			if e := s.await(t, f, unix.POLLIN); e != 0 {
				return 0, e
			}
			waited = true
		default:
			return n, e
		}
	}
}

func (s *stream) tryRead(list [][]byte) (int, errno) {
	if s.noWait {
		return hostRead(s.fd, list, anyOffset, rwfNowait)
	}
	return hostRead(s.fd, list, anyOffset, 0)
}

func (s *stream) readRegular(b *buffers, off int64) (int, errno) {
	total := 0
	for b.left > 0 {
		list, want := b.pieces(lookAhead)
		if want == 0 {
			if total == 0 && s.hasByte(off) {
				return 0, unix.EFAULT
			}
			break
		}
		n, e := hostRead(s.fd, list, off, 0)
		if e != 0 {
			return partial(total, e)
		}
		b.advance(n)
		total += n
		if off != anyOffset {
			off += int64(n)
		}
		if n < want {
			break
		}
	}
	return total, 0
}

// hasByte says whether a stream that is a file has more to read: at its end a
// read is 0 and never a fault.
func (s *stream) hasByte(off int64) bool {
	if off == anyOffset {
		off, _ = unix.Seek(s.fd, 0, unix.SEEK_CUR)
	}
	return (&hostFile{fd: s.fd}).hasByte(off)
}

// write writes everything, as a blocking write(2) on a pipe does; without
// blocking (O_NONBLOCK) what the reader has room for.
func (s *stream) write(t *Thread, f *openFile, b *buffers, off int64) (int, errno) {
	flags := 0
	if s.null || b.left == 0 {
		return int(b.left), 0
	}
	if s.regular {
		if e := s.limit(t, f, b, off); e != 0 {
			return 0, e
		}
		if f.flags&unix.O_APPEND != 0 {
			flags = rwfAppend
		}
	}
	total := 0
	for b.left > 0 {
		list, want := b.pieces(lookAhead)
		if want == 0 {
			return partial(total, unix.EFAULT)
		}
		n, e := s.tryWrite(list, off, flags)
		switch e {
		case 0:
			b.advance(n)
			total += n
			if off != anyOffset {
				off += int64(n)
			}
		case unix.EOPNOTSUPP:
			s.noWait = false
			e = s.awaitRoom(t, f, total)
		case unix.EAGAIN:
			e = s.awaitRoom(t, f, total)
		case unix.EPIPE:
			e = t.brokenPipe()
		}
		if e != 0 {
			return partial(total, e)
		}
		if !s.noWait && b.left > 0 && !s.regular {
			if e := s.awaitRoom(t, f, total); e != 0 {
				return partial(total, e)
			}
		}
	}
	return total, 0
}

// limit applies RLIMIT_FSIZE to a stream that is a file.
func (s *stream) limit(t *Thread, f *openFile, b *buffers, off int64) errno {
	if off == anyOffset {
		pos, err := unix.Seek(s.fd, 0, unix.SEEK_CUR)
		if err != nil {
			return hostErrno(err)
		}
		off = pos
	}
	return t.writeLimit(f, b, off)
}

// awaitRoom waits until the stream takes bytes; a call that has moved some
// ends there if it may not wait.
func (s *stream) awaitRoom(t *Thread, f *openFile, moved int) errno {
	if moved > 0 && f.nonblocking() {
		return unix.EAGAIN
	}
	return s.await(t, f, unix.POLLOUT)
}

func (s *stream) tryWrite(list [][]byte, off int64, flags int) (int, errno) {
	switch {
	case s.regular:
		return hostWrite(s.fd, list, off, flags)
	case s.noWait:
		return hostWrite(s.fd, list, anyOffset, rwfNowait)
	}
	return hostWrite(s.fd, cut(list, streamRest), anyOffset, 0)
}
