package libos

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// settable are the status flags that F_SETFL changes (SETFL_MASK of fs/fcntl.c).
const settable = unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECT | unix.O_NOATIME | unix.O_ASYNC

// dupfdQuery is F_DUPFD_QUERY (include/uapi/linux/fcntl.h).
const dupfdQuery = 1027

// sysFcntl is fcntl(2) (do_fcntl of fs/fcntl.c). What the world has no use for
// (leases, notification, seals, owners) is EINVAL.
func sysFcntl(t *Thread, a args) (uint64, errno) {
	p, fd, cmd, arg := t.p, a.fd(0), a.uint(1), a[2]
	f, e := p.files.getAny(fd)
	if e != 0 {
		return 0, e
	}
	if f.flags&unix.O_PATH != 0 {
		switch cmd { // check_fcntl_cmd()
		case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, dupfdQuery, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL:
		default:
			return 0, unix.EBADF
		}
	}
	d := &p.files.fds[fd]
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		if uint64(uint32(arg)) >= uint64(p.descriptorLimit()) {
			return 0, unix.EINVAL
		}
		return p.add(f.retain(), int(uint32(arg)), cmd == unix.F_DUPFD_CLOEXEC)
	case dupfdQuery: // f_dupfd_query()
		other, e := p.files.getAny(int(int32(arg)))
		if e == 0 && other == f {
			return 1, 0
		}
		return 0, e
	case unix.F_GETFD:
		if d.cloexec {
			return unix.FD_CLOEXEC, 0
		}
		return 0, 0
	case unix.F_SETFD:
		d.cloexec = arg&unix.FD_CLOEXEC != 0
		return 0, 0
	case unix.F_GETFL:
		return uint64(uint32(f.flags)), 0
	case unix.F_SETFL:
		f.flags = f.flags&^settable | int32(arg)&settable
		return 0, 0
	case unix.F_GETPIPE_SZ:
		return f.pipeSize()
	case unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW:
		return t.recordLock(f, cmd, arg)
	}
	return 0, unix.EINVAL
}

// Requests of ioctl(2) that package unix lacks (asm-generic/ioctls.h).
const (
	fiGetBsz = 2
	fioNbio  = 0x5421
	fioNclex = 0x5450
	fioClex  = 0x5451
)

// sysIoctl is ioctl(2): the requests of do_vfs_ioctl (fs/ioctl.c) that the
// world has, and reading a terminal's settings; else ENOTTY.
func sysIoctl(t *Thread, a args) (uint64, errno) {
	p, fd, arg := t.p, a.fd(0), a[2]
	f, e := p.files.get(fd)
	if e != 0 {
		return 0, e
	}
	switch a.uint(1) {
	case fioClex:
		p.files.fds[fd].cloexec = true
		return 0, 0
	case fioNclex:
		p.files.fds[fd].cloexec = false
		return 0, 0
	case fioNbio:
		return 0, p.setNonblocking(f, arg)
	case fiGetBsz:
		return 0, p.write32(arg, PageSize)
	case unix.TIOCINQ: // FIONREAD
		return 0, p.available(f, arg)
	case unix.TCGETS, unix.TIOCGWINSZ:
		if s, ok := f.obj.(*stream); ok && s.tty {
			return 0, p.terminal(s, a.uint(1), arg)
		}
	}
	return 0, unix.ENOTTY
}

func (p *Process) setNonblocking(f *openFile, arg uint64) errno {
	var on [4]byte
	if e := p.readStruct(arg, on[:]); e != 0 {
		return e
	}
	if binary.LittleEndian.Uint32(on[:]) != 0 {
		f.flags |= unix.O_NONBLOCK
	} else {
		f.flags &^= unix.O_NONBLOCK
	}
	return 0
}

// available answers FIONREAD: bytes to the end of a file, or in a pipe.
func (p *Process) available(f *openFile, arg uint64) errno {
	switch obj := f.obj.(type) {
	case *hostFile:
		size, e := obj.size()
		if e != 0 {
			return e
		}
		return p.write32(arg, uint32(size-f.pos))
	case *textFile:
		if obj.proc {
			return unix.ENOTTY
		}
		return p.write32(arg, uint32(int64(len(obj.text))-f.pos))
	case *pipeEnd:
		return p.write32(arg, uint32(obj.pipe.length))
	case *stream:
		n, err := unix.IoctlGetInt(obj.fd, unix.TIOCINQ)
		if err != nil {
			return hostErrno(err)
		}
		return p.write32(arg, uint32(n))
	}
	return unix.ENOTTY
}

// terminal reads the settings or the size of the host's terminal. The kernel's
// struct termios is the first 36 bytes of the C library's.
func (p *Process) terminal(s *stream, request uint32, arg uint64) errno {
	if request == unix.TIOCGWINSZ {
		w, err := unix.IoctlGetWinsize(s.fd, unix.TIOCGWINSZ)
		if err != nil {
			return hostErrno(err)
		}
		return p.writeStruct(arg, binary.LittleEndian.AppendUint64(nil,
			uint64(w.Row)|uint64(w.Col)<<16|uint64(w.Xpixel)<<32|uint64(w.Ypixel)<<48))
	}
	m, err := unix.IoctlGetTermios(s.fd, unix.TCGETS)
	if err != nil {
		return hostErrno(err)
	}
	raw := make([]byte, 0, 36)
	for _, word := range [4]uint32{m.Iflag, m.Oflag, m.Cflag, m.Lflag} {
		raw = binary.LittleEndian.AppendUint32(raw, word)
	}
	raw = append(raw, m.Line)
	return p.writeStruct(arg, append(raw, m.Cc[:]...))
}
