package libos

import (
	"golang.org/x/sys/unix"

	"spaceos/world"
)

// Events of poll(2) that package unix lacks (asm-generic/poll.h).
const (
	pollRdNorm = 0x40
	pollRdBand = 0x80
	pollWrNorm = 0x100
	pollWrBand = 0x200
)

// always is what poll(2) says of files and devices that are always ready
// (DEFAULT_POLLMASK of include/linux/poll.h).
const always = unix.POLLIN | unix.POLLOUT | pollRdNorm | pollWrNorm

// inWorld is the part of an object that the world answers for.
type inWorld struct{}

func (inWorld) stat(p *Process, f *openFile) (world.Stat, errno) {
	if o := &p.files.opening; o.of == f && o.call+1 == p.ordinal {
		return o.stat, 0
	}
	r := p.ask(world.Request{Op: world.OpStat, Dir: f.handle})
	return r.Stat, r.Errno
}
func (inWorld) ready(*openFile) (int16, int) { return always, -1 }
func (inWorld) close(*Process, *openFile)    {}

// textFile has its whole content in memory: KindText, and /proc/meminfo as it
// was when it was opened. Both are short.
type textFile struct {
	inWorld
	text string
	proc bool // made by a seq_file of Linux: no SEEK_END
}

func (x *textFile) read(_ *Thread, _ *openFile, b *buffers, off int64) (int, errno) {
	if off >= int64(len(x.text)) || b.left == 0 {
		return 0, 0
	}
	rest := x.text[off:]
	n := b.put([]byte(rest[:min(uint64(len(rest)), b.left)]))
	if n == 0 {
		return 0, unix.EFAULT
	}
	return n, 0
}

func (x *textFile) write(*Thread, *openFile, *buffers, int64) (int, errno) {
	return 0, unix.EIO // a file of /proc without write method (proc_reg_write)
}

func (x *textFile) seek(_ *Process, f *openFile, off int64, whence int32) (int64, errno) {
	if x.proc && whence != unix.SEEK_SET && whence != unix.SEEK_CUR {
		return 0, unix.EINVAL
	}
	return seekIn(f, off, whence, int64(len(x.text)))
}

// nullDevice is /dev/null (drivers/char/mem.c): it never touches the buffer.
type nullDevice struct{ inWorld }

func (nullDevice) read(*Thread, *openFile, *buffers, int64) (int, errno) { return 0, 0 }
func (nullDevice) write(_ *Thread, _ *openFile, b *buffers, _ int64) (int, errno) {
	return int(b.left), 0
}
func (nullDevice) seek(_ *Process, f *openFile, _ int64, _ int32) (int64, errno) {
	f.pos = 0
	return 0, 0
}

// zeroDevice is /dev/zero.
type zeroDevice struct{ nullDevice }

func (zeroDevice) read(_ *Thread, _ *openFile, b *buffers, _ int64) (int, errno) {
	return b.fill(func(piece []byte) { clear(piece) })
}

// randomDevice is /dev/urandom; what is written to it is taken as entropy,
// which the world's own does not need.
type randomDevice struct{ inWorld }

func (randomDevice) read(t *Thread, _ *openFile, b *buffers, _ int64) (int, errno) {
	return b.fill(func(piece []byte) { t.p.cfg.Entropy.Read(piece) })
}

func (randomDevice) write(_ *Thread, _ *openFile, b *buffers, _ int64) (int, errno) {
	total := 0
	for b.left > 0 {
		_, n := b.pieces(gatherBytes)
		if n == 0 {
			break
		}
		b.advance(n)
		total += n
	}
	if total == 0 && b.left > 0 {
		return 0, unix.EFAULT
	}
	return total, 0
}

func (randomDevice) seek(_ *Process, f *openFile, _ int64, _ int32) (int64, errno) {
	return f.pos, 0 // noop_llseek
}

// fill has every piece of the buffers filled.
func (b *buffers) fill(with func(piece []byte)) (int, errno) {
	total := 0
	for b.left > 0 {
		list, n := b.pieces(gatherBytes)
		if n == 0 {
			break
		}
		for _, piece := range list {
			with(piece)
		}
		b.advance(n)
		total += n
	}
	if total == 0 && b.left > 0 {
		return 0, unix.EFAULT
	}
	return total, 0
}
