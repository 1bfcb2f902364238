package libos

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	// maxRWCount is the most that one call moves (MAX_RW_COUNT of
	// include/linux/fs.h).
	maxRWCount = 0x7ffff000
	// maxIovecs is UIO_MAXIOV of include/uapi/linux/uio.h.
	maxIovecs = 1024
	iovecSize = 16
	// gatherBytes and gatherPieces bound what is handed to the host at once.
	gatherBytes  = 1 << 20
	gatherPieces = 256
)

// accessOK is Linux's access_ok(): the range lies in the user's half. What is
// mapped there shows when it is touched.
func accessOK(addr, length uint64) bool {
	end := addr + length
	return end >= addr && end <= taskSize
}

// iovec is one buffer in guest memory.
type iovec struct {
	addr, length uint64
}

// buffers are the bytes of the guest that one call reads or writes, taken from
// the front. Nothing is touched before pieces asks for it.
type buffers struct {
	p      *Process
	access Prot // what the call does to the memory: ProtWrite for read(2)
	vec    []iovec
	local  []byte // instead of guest memory
	left   uint64
}

// buffer makes buffers of one piece; access_ok was checked.
func (p *Process) buffer(addr, length uint64, access Prot) *buffers {
	length = min(length, maxRWCount)
	return &buffers{p: p, access: access, vec: []iovec{{addr, length}}, left: length}
}

// importIovec copies and checks an iovec array as import_iovec() of
// lib/iov_iter.c does: EINVAL for a count or length out of range, EFAULT for
// an array or a buffer outside the user's half; a sum above MAX_RW_COUNT is
// cut there.
func (p *Process) importIovec(addr, count uint64, access Prot) (*buffers, errno) {
	b := &buffers{p: p, access: access}
	count = uint64(uint32(count)) // nr_segs is an unsigned int
	if count == 0 {
		return b, 0
	}
	if count > maxIovecs {
		return nil, unix.EINVAL
	}
	raw := make([]byte, count*iovecSize)
	if !accessOK(addr, uint64(len(raw))) {
		return nil, unix.EFAULT
	}
	got := p.copyIn(raw, addr)
	b.vec = make([]iovec, count)
	for i := range b.vec { // Linux checks each as it copies it
		if (i+1)*iovecSize > got {
			return nil, unix.EFAULT
		}
		v := iovec{binary.LittleEndian.Uint64(raw[i*iovecSize:]), binary.LittleEndian.Uint64(raw[i*iovecSize+8:])}
		if int64(v.length) < 0 {
			return nil, unix.EINVAL
		}
		b.vec[i] = v
	}
	for i := range b.vec {
		v := &b.vec[i]
		if count == 1 { // import_ubuf() cuts before it checks
			v.length = min(v.length, maxRWCount)
		}
		if !accessOK(v.addr, v.length) {
			return nil, unix.EFAULT
		}
		v.length = min(v.length, maxRWCount-b.left)
		b.left += v.length
	}
	return b, 0
}

// pieces gives the next bytes of guest memory, at most limit of them, in as
// many pieces as they lie in, and their sum. A sum of 0 is a fault (or nothing
// left). They are valid while the process does not wait.
func (b *buffers) pieces(limit int) (list [][]byte, sum int) {
	limit = min(limit, gatherBytes)
	if b.local != nil {
		n := min(limit, len(b.local), int(b.left))
		if n == 0 {
			return nil, 0
		}
		return [][]byte{b.local[:n:n]}, n
	}
	for _, v := range b.vec {
		for v.length > 0 {
			if sum == limit || len(list) == gatherPieces {
				return list, sum
			}
			s := b.p.span(v.addr, min(v.length, uint64(limit-sum)), b.access)
			if len(s) == 0 {
				return list, sum
			}
			list = append(list, s)
			sum += len(s)
			v.addr += uint64(len(s))
			v.length -= uint64(len(s))
		}
	}
	return list, sum
}

// advance takes n bytes from the front.
func (b *buffers) advance(n int) {
	rest := uint64(n)
	b.left -= rest
	if b.local != nil {
		b.local = b.local[n:]
		return
	}
	for rest > 0 {
		v := &b.vec[0]
		m := min(rest, v.length)
		v.addr += m
		v.length -= m
		rest -= m
		if v.length == 0 {
			b.vec = b.vec[1:]
		}
	}
}

// clip leaves at most n bytes.
func (b *buffers) clip(n uint64) {
	if n >= b.left {
		return
	}
	b.left = n
	for i := range b.vec {
		b.vec[i].length = min(b.vec[i].length, n)
		n -= b.vec[i].length
	}
}

// put writes src to the front of the buffers: bytes written, fewer at a fault
// or when the buffers are full.
func (b *buffers) put(src []byte) int {
	total := 0
	for total < len(src) && b.left > 0 {
		list, n := b.pieces(len(src) - total)
		if n == 0 {
			break
		}
		for _, piece := range list {
			total += copy(piece, src[total:])
		}
		b.advance(n)
	}
	return total
}

// take reads from the front of the buffers into dst.
func (b *buffers) take(dst []byte) int {
	total := 0
	for total < len(dst) && b.left > 0 {
		list, n := b.pieces(len(dst) - total)
		if n == 0 {
			break
		}
		for _, piece := range list {
			total += copy(dst[total:], piece)
		}
		b.advance(n)
	}
	return total
}
