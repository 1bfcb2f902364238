package libos

import (
	"math"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// hostFile is a regular file of the world: its bytes go between the host's
// descriptor and guest memory without a copy in between.
type hostFile struct {
	inWorld
	fd    int
	room  int64  // the size to which it may be written without asking, 0: none
	epoch uint64 // of the world, when it gave the room: room is void in another
}

// lent notes the room that came with an answer.
func (h *hostFile) lent(r world.Response) { h.room, h.epoch = r.Room, r.Epoch }

func (h *hostFile) close(*Process, *openFile) { unix.Close(h.fd) }

// size asks the host: other descriptions of the file may have changed it.
func (h *hostFile) size() (int64, errno) {
	var st unix.Stat_t
	if err := unix.Fstat(h.fd, &st); err != nil {
		return 0, hostErrno(err)
	}
	return st.Size, 0
}

func (h *hostFile) read(_ *Thread, _ *openFile, b *buffers, off int64) (int, errno) {
	if b.left > lookAhead {
		// Do not touch guest memory behind what the file can fill.
		size, e := h.size()
		if e != 0 {
			return 0, e
		}
		b.clip(uint64(max(size-off, 0)))
	}
	total := 0
	for b.left > 0 {
		list, want := b.pieces(gatherBytes)
		if want == 0 {
			if total == 0 && h.hasByte(off) {
				return 0, unix.EFAULT
			}
			break
		}
		n, e := hostRead(h.fd, list, off+int64(total), 0)
		if e != 0 {
			if total == 0 {
				return 0, e
			}
			break
		}
		b.advance(n)
		total += n
		if n < want {
			break
		}
	}
	return total, 0
}

// lookAhead is from how many bytes on a read asks for the file's size first.
const lookAhead = 64 << 10

// hasByte says whether the file reaches beyond off: a read at its end is 0 and
// never a fault.
func (h *hostFile) hasByte(off int64) bool {
	var one [1]byte
	n, _ := hostRead(h.fd, [][]byte{one[:]}, off, 0)
	return n > 0
}

func (h *hostFile) write(t *Thread, f *openFile, b *buffers, off int64) (int, errno) {
	if b.left == 0 {
		return 0, 0
	}
	if e := t.writeLimit(f, b, off); e != 0 {
		return 0, e
	}
	total := 0
	for b.left > 0 {
		list, want := b.pieces(gatherBytes)
		if want == 0 {
			return partial(total, unix.EFAULT)
		}
		room, e := h.grow(t.p, f, off+int64(total), want)
		if e != 0 {
			return partial(total, e)
		}
		n, e := hostWrite(h.fd, cut(list, room), off+int64(total), 0)
		if e != 0 {
			return partial(total, e)
		}
		b.advance(n)
		total += n
		if n < want {
			break
		}
	}
	return total, 0
}

// partial is what a transfer returns that ended by e after n bytes.
func partial(n int, e errno) (int, errno) {
	if n > 0 {
		return n, 0
	}
	return 0, e
}

// grow asks the world for room if [off, off+want) reaches behind the end, and
// gives how many of the bytes may be written: ENOSPC if none.
func (h *hostFile) grow(p *Process, f *openFile, off int64, want int) (int, errno) {
	size, e := h.size()
	if e != 0 {
		return 0, e
	}
	end := off + int64(want)
	if end <= size || end <= h.room && h.epoch == p.files.epoch {
		return want, 0
	}
	r := p.ask(world.Request{Op: world.OpGrow, Dir: f.handle, Offset: off, Size: end})
	h.lent(r)
	if r.Errno != 0 && !(r.Errno == unix.ENOSPC && size > off) {
		return 0, r.Errno
	}
	granted := max(r.Size, size)
	if granted >= end {
		return want, 0
	}
	if granted <= off {
		return 0, unix.ENOSPC
	}
	return int(granted - off), 0
}

// writeLimit is generic_write_check_limits() of fs/read_write.c: RLIMIT_FSIZE
// cuts a write, or ends it with SIGXFSZ and EFBIG; so does, without the signal,
// the size that the file system's files can have.
func (t *Thread) writeLimit(f *openFile, b *buffers, off int64) errno {
	limit := t.p.limit(unix.RLIMIT_FSIZE)
	if limit <= math.MaxInt64 {
		if uint64(off) >= limit {
			t.raise(int(unix.SIGXFSZ))
			return unix.EFBIG
		}
		b.clip(limit - uint64(off))
	}
	longest := f.maxBytes()
	if off >= longest {
		return unix.EFBIG
	}
	b.clip(uint64(longest - off))
	return 0
}

// maxFileSize is the s_maxbytes of the world's files but those in /tmp: ext4's
// with blocks of 4 KiB.
const maxFileSize = 1<<44 - PageSize

// maxBytes is s_maxbytes of where the file lies; MAX_LFS_FILESIZE for devices
// and pipes (include/linux/fs.h).
func (f *openFile) maxBytes() int64 {
	onDisk := f.mount != world.MountTmp.String() // tmpfs has no limit of its own
	if onDisk && (f.isRegular() || f.isDir()) {
		return maxFileSize
	}
	return math.MaxInt64
}

// cut gives the first n bytes of list.
func cut(list [][]byte, n int) [][]byte {
	for i := range list {
		if len(list[i]) >= n {
			list[i] = list[i][:n]
			return list[:i+1]
		}
		n -= len(list[i])
	}
	return list
}

// hostRead reads from a descriptor of the host at off, or at its position if
// off is -1.
func hostRead(fd int, list [][]byte, off int64, flags int) (int, errno) {
	for {
		n, err := unix.Preadv2(fd, list, off, flags)
		if err == unix.EINTR {
			continue
		}
		return max(n, 0), hostErrno(err)
	}
}

// hostWrite writes the same way.
func hostWrite(fd int, list [][]byte, off int64, flags int) (int, errno) {
	for {
		n, err := unix.Pwritev2(fd, list, off, flags)
		if err == unix.EINTR {
			continue
		}
		return max(n, 0), hostErrno(err)
	}
}

func (h *hostFile) seek(_ *Process, f *openFile, off int64, whence int32) (int64, errno) {
	size, e := h.size()
	if e != 0 {
		return 0, e
	}
	return seekIn(f, off, whence, size)
}
