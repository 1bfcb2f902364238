package world

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Messages between Client and Server: one a datagram of a SOCK_SEQPACKET
// socket, fields in the order of the structures, integers little-endian,
// strings with their length in 16 bits (an entry's name: in 8) before them.
const (
	requestMax  = 16 << 10 // bytes of an encoded request
	responseMax = 64 << 10 // bytes of an encoded response
	textMax     = 8 << 10  // bytes of Response.Text
)

// ErrMessage says that a message between the two sides of the world is not
// one: the side that sent it is broken or hostile, and the connection is of no
// further use.
var ErrMessage = errors.New("a message on the world's socket is malformed: the connection is closed")

func put64(b []byte, values ...int64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func put32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func putString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

func putBools(b []byte, values ...bool) []byte {
	bits := byte(0)
	for i, v := range values {
		if v {
			bits |= 1 << i
		}
	}
	return append(b, bits)
}

// appendRequest encodes a request. Paths that are too long are the sender's
// to refuse.
func appendRequest(b []byte, r *Request) []byte {
	b = append(b, byte(r.Op))
	b = put32(b, uint32(r.Dir), uint32(r.Dir2), r.Flags, r.Mode)
	b = put64(b, r.Offset, r.Size, r.Scratch, r.Uptime)
	for _, t := range r.Times {
		b = putBools(b, t.Omit, t.Now)
		b = put64(b, t.Sec, t.Nsec)
	}
	b = putString(b, r.Path)
	return putString(b, r.Path2)
}

// A decoder takes fields off a message; the first one that is wrong makes it
// bad, and everything after that reads as zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return make([]byte, min(n, 8))
	}
	field := d.b[:n]
	d.b = d.b[n:]
	return field
}

func (d *decoder) u8() byte    { return d.take(1)[0] }
func (d *decoder) u16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }
func (d *decoder) i64() int64  { return int64(d.u64()) }

func (d *decoder) bools(n int) (bits byte) {
	bits = d.u8()
	d.bad = d.bad || bits>>n != 0
	return bits
}

func (d *decoder) str(length, max int) string {
	if length > max || length > len(d.b) {
		d.bad = true
	}
	if d.bad {
		return ""
	}
	s := string(d.take(length))
	d.bad = strings.IndexByte(s, 0) >= 0 && max < textMax
	return s
}

func (d *decoder) path() string { return d.str(int(d.u16()), PathMax-1) }

func (d *decoder) err() error {
	if d.bad || len(d.b) != 0 {
		return ErrMessage
	}
	return nil
}

func decodeRequest(msg []byte) (Request, error) {
	d := &decoder{b: msg, bad: len(msg) > requestMax}
	var r Request
	r.Op = Op(d.u8())
	d.bad = d.bad || r.Op == OpInvalid || r.Op > OpCreate
	r.Dir, r.Dir2 = Handle(d.u32()), Handle(d.u32())
	r.Flags, r.Mode = d.u32(), d.u32()
	r.Offset, r.Size, r.Scratch, r.Uptime = d.i64(), d.i64(), d.i64(), d.i64()
	for i := range r.Times {
		bits := d.bools(2)
		r.Times[i] = Time{Omit: bits&1 != 0, Now: bits&2 != 0, Sec: d.i64(), Nsec: d.i64()}
	}
	r.Path = d.path()
	r.Path2 = d.path()
	if err := d.err(); err != nil {
		return Request{}, err
	}
	return r, nil
}

// appendResponse encodes a response. The descriptor itself travels beside it.
func appendResponse(b []byte, r *Response) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(r.Errno))
	b = append(b, byte(r.Kind))
	b = putBools(b, r.FD >= 0, r.Statfs.ReadOnly)
	b = put32(b, uint32(r.Handle))
	b = put64(b, r.Size, r.Scratch, r.Room, int64(r.Epoch))
	b = appendStat(b, &r.Stat)
	fs := &r.Statfs
	b = put64(b, fs.Type, fs.Bsize, int64(fs.Blocks), int64(fs.Bfree), int64(fs.Files), int64(fs.Ffree))
	b = putString(b, r.Text)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Entries)))
	for _, e := range r.Entries {
		b = put64(b, int64(e.Ino))
		b = append(b, byte(e.Kind), byte(len(e.Name)))
		b = append(b, e.Name...)
	}
	return b
}

func appendStat(b []byte, st *Stat) []byte {
	b = put64(b, int64(st.Dev), int64(st.Ino), int64(st.Rdev), st.Size, st.Blocks)
	b = put32(b, st.Mode, st.Nlink, uint32(st.Blksize))
	for _, t := range []Timespec{st.Atime, st.Mtime, st.Ctime} {
		b = put64(b, t.Sec, t.Nsec)
	}
	return append(b, byte(st.Mount))
}

func (d *decoder) kind() Kind {
	k := Kind(d.u8())
	d.bad = d.bad || k > KindLink
	return k
}

func (d *decoder) stat() (st Stat) {
	st.Dev, st.Ino, st.Rdev, st.Size, st.Blocks = d.u64(), d.u64(), d.u64(), d.i64(), d.i64()
	st.Mode, st.Nlink, st.Blksize = d.u32(), d.u32(), int32(d.u32())
	for _, t := range []*Timespec{&st.Atime, &st.Mtime, &st.Ctime} {
		*t = Timespec{d.i64(), d.i64()}
	}
	st.Mount = Mount(d.u8())
	d.bad = d.bad || st.Mount >= mounts
	return st
}

// decodeResponse decodes all but the descriptor: FD is 0 when one must have
// come along, and -1 otherwise.
func decodeResponse(msg []byte) (Response, error) {
	d := &decoder{b: msg, bad: len(msg) > responseMax}
	var r Response
	r.Errno = errno(d.u16())
	r.Kind = d.kind()
	bits := d.bools(2)
	if bits&1 == 0 {
		r.FD = -1
	}
	r.Handle = Handle(d.u32())
	r.Size, r.Scratch, r.Room, r.Epoch = d.i64(), d.i64(), d.i64(), d.u64()
	r.Stat = d.stat()
	r.Statfs = Statfs{ReadOnly: bits&2 != 0, Type: d.i64(), Bsize: d.i64(),
		Blocks: d.u64(), Bfree: d.u64(), Files: d.u64(), Ffree: d.u64()}
	r.Text = d.str(int(d.u16()), textMax)
	count := int(d.u16())
	if count*10 > len(d.b) { // an entry without a name
		d.bad = true
	}
	for i := 0; i < count && !d.bad; i++ {
		e := Entry{Ino: d.u64(), Kind: d.kind()}
		e.Name = d.str(int(d.u8()), NameMax)
		r.Entries = append(r.Entries, e)
	}
	if err := d.err(); err != nil {
		return Response{Errno: unix.EIO, FD: -1}, err
	}
	return r, nil
}
