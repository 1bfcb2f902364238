package libos

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"
)

// copyChunk is how much sendfile and copy_file_range move at once.
const copyChunk = 128 << 10

// hostBuffer makes buffers of bytes that are not the guest's.
func (p *Process) hostBuffer(raw []byte) *buffers {
	return &buffers{p: p, local: raw, left: uint64(len(raw))}
}

// sysSendfile is sendfile(2) (do_sendfile of fs/read_write.c). A pipe gets a
// copy, where Linux has it hold the file's own pages: a file must not change
// before the pipe is read (sendfile(2), NOTES).
func sysSendfile(t *Thread, a args) (uint64, errno) {
	p := t.p
	if a[2] == 0 {
		return t.sendfile(a.fd(0), a.fd(1), nil, a[3])
	}
	var raw [8]byte
	if e := p.readStruct(a[2], raw[:]); e != 0 {
		return 0, e
	}
	off := int64(binary.LittleEndian.Uint64(raw[:]))
	n, e := t.sendfile(a.fd(0), a.fd(1), &off, a[3])
	if fault := p.writeWords(a[2], uint64(off)); fault != 0 {
		return 0, fault
	}
	return n, e
}

func (t *Thread) sendfile(out, in int, at *int64, count uint64) (uint64, errno) {
	var off int64
	if at != nil {
		off = *at
	}
	from, e := t.p.sendfileIn(in, at != nil)
	if e != 0 {
		return 0, e
	}
	if at == nil {
		off = from.position()
	}
	src := transfer{f: from, off: off, own: at == nil}
	if e := src.verifyAt(off, count); e != 0 {
		return 0, e
	}
	count = min(count, maxRWCount)
	to, e := t.p.files.get(out)
	if e != 0 {
		return 0, e
	}
	if !to.writable() {
		return 0, unix.EBADF
	}
	dst := transfer{f: to, off: to.position(), own: true, writes: true}
	if e := dst.verify(count); e != 0 {
		return 0, e
	}
	if count == 0 && from.isPipe() && to.isPipe() {
		return 0, 0 // splice_pipe_to_pipe() of nothing looks no further
	}
	if limit := min(from.maxBytes(), to.maxBytes()); off >= 0 && off > limit-int64(count) {
		if off >= limit {
			return 0, unix.EOVERFLOW
		}
		count = uint64(limit - off)
	}
	if end, ok := to.obj.(*pipeEnd); ok && end.pipe.readers == 0 {
		t.raise(int(unix.SIGPIPE)) // splice_file_to_pipe() asks for a reader before it looks at the file
		return 0, unix.EPIPE
	}
	switch {
	case count == 0 && (from.isDir() || from.isNull()):
		return 0, 0 // vfs_splice_read() looks at the length first
	case from.isDir() || !from.seekable() || from.isNull():
		return 0, unix.EINVAL
	case to.flags&unix.O_APPEND != 0 && !to.isPipe():
		return 0, unix.EINVAL
	}
	n, e := t.copyBytes(&src, &dst, count)
	if at != nil {
		*at = off + int64(n)
	}
	return uint64(n), e
}

// isNull says whether the file is /dev/null, which has no splice_read.
func (f *openFile) isNull() bool {
	switch obj := f.obj.(type) {
	case nullDevice:
		return true
	case *stream:
		return obj.null
	}
	return false
}

func (p *Process) sendfileIn(in int, at bool) (*openFile, errno) {
	f, e := p.files.get(in)
	switch {
	case e != 0:
		return nil, e
	case !f.readable():
		return nil, unix.EBADF
	case at && !f.seekable():
		return nil, unix.ESPIPE
	}
	return f, 0
}

// verifyAt is rw_verify_area() for a position that may be negative.
func (x *transfer) verifyAt(off int64, length uint64) errno {
	if off < 0 && off != anyOffset || off == anyOffset && !x.own {
		return unix.EINVAL
	}
	return x.verify(length)
}

// copyBytes moves up to count bytes from one file to another: what it moved
// when something ends it, the errno if that is nothing.
func (t *Thread) copyBytes(src, dst *transfer, count uint64) (int, errno) {
	buf := make([]byte, min(count, copyChunk))
	total := 0
	for uint64(total) < count {
		want := min(count-uint64(total), copyChunk)
		b := t.p.hostBuffer(buf[:want])
		got, e := src.f.obj.read(t, src.f, b, src.off)
		if e != 0 {
			return partial(total, e)
		}
		if got == 0 {
			break
		}
		wrote, e := dst.write(t, t.p.hostBuffer(buf[:got]))
		if e != 0 {
			return partial(total, e)
		}
		t.p.countRead(src.f.mount, wrote)
		t.p.countWritten(dst.f.mount, wrote)
		src.moved(wrote)
		src.advance(wrote)
		dst.advance(wrote)
		total += wrote
		if wrote < got {
			break
		}
	}
	return total, 0
}

// advance goes on behind n bytes that were moved.
func (x *transfer) advance(n int) {
	if x.off != anyOffset {
		x.off += int64(n)
	}
}

// sysCopyFileRange is copy_file_range(2) (fs/read_write.c). Between mounts it
// is EXDEV, as between file systems.
func sysCopyFileRange(t *Thread, a args) (uint64, errno) {
	p, length := t.p, a[4]
	in, e := p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	out, e := p.files.get(a.fd(2))
	if e != 0 {
		return 0, e
	}
	src, e := p.copyEnd(in, a[1], false)
	if e != 0 {
		return 0, e
	}
	dst, e := p.copyEnd(out, a[3], true)
	if e != 0 {
		return 0, e
	}
	if a.uint(5) != 0 {
		return 0, unix.EINVAL
	}
	n, e := t.copyRange(&src, &dst, length)
	if e != 0 || n == 0 {
		return 0, e
	}
	for i, x := range [2]transfer{src, dst} {
		if at := a[1+2*i]; at != 0 {
			if e := p.writeWords(at, uint64(x.off)); e != 0 {
				return 0, e
			}
		}
	}
	return uint64(n), 0
}

// copyEnd is one side of copy_file_range: at its own position, or at one that
// the guest names.
func (p *Process) copyEnd(f *openFile, at uint64, writes bool) (transfer, errno) {
	if at == 0 {
		return transfer{f: f, off: f.position(), own: true, writes: writes}, 0
	}
	words, e := p.readWords(at, 1)
	if e != 0 {
		return transfer{}, e
	}
	return transfer{f: f, off: int64(words[0]), writes: writes}, 0
}

// copyRange is vfs_copy_file_range() with generic_copy_file_checks().
func (t *Thread) copyRange(src, dst *transfer, length uint64) (int, errno) {
	in, out := src.f, dst.f
	switch {
	case in.isDir() || out.isDir():
		return 0, unix.EISDIR
	case !in.isRegular() || !out.isRegular():
		return 0, unix.EINVAL
	case !in.readable() || !out.writable() || out.flags&unix.O_APPEND != 0:
		return 0, unix.EBADF
	case in.ino.dev != out.ino.dev:
		return 0, unix.EXDEV
	}
	from, okIn := in.obj.(*hostFile)
	_, okOut := out.obj.(*hostFile)
	if !okIn || !okOut {
		return 0, unix.EXDEV
	}
	if overflows(src.off, length) || overflows(dst.off, length) {
		return 0, unix.EOVERFLOW
	}
	size, e := from.size()
	if e != 0 {
		return 0, e
	}
	if src.off >= size {
		length = 0
	} else if src.off >= 0 {
		length = min(length, uint64(size-src.off))
	}
	room := &buffers{left: length}
	if e := t.writeLimit(out, room, dst.off); e != 0 {
		return 0, e
	}
	length = room.left
	if in.ino == out.ino && src.off < dst.off+int64(length) && dst.off < src.off+int64(length) {
		return 0, unix.EINVAL
	}
	if src.off < 0 || dst.off < 0 {
		return 0, unix.EINVAL
	}
	return t.copyBytes(src, dst, min(length, maxRWCount))
}

// overflows says whether off+length wraps as loff_t + uint64 do in the kernel.
func overflows(off int64, length uint64) bool {
	return uint64(off)+length < uint64(off) || length > math.MaxInt64 && off < 0
}
