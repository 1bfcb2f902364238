package libos

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// folder is an open folder. The world keeps its listing as it was when it was
// read from the start, so that removing names meanwhile hides none of the
// others.
type folder struct{ inWorld }

// listingPage is a page of the listing of one folder: the last that the process
// asked for, as a page is many times what a descriptor may cost the host.
type listingPage struct {
	of      *openFile
	entries []world.Entry
	first   int64 // position of entries[0]
	end     int64 // behind the last of the folder; 0: not known
}

// close lets go of the page, if it is this folder's.
func (*folder) close(p *Process, f *openFile) {
	if p.files.listing.of == f {
		p.files.listing = listingPage{}
	}
}

func (*folder) read(*Thread, *openFile, *buffers, int64) (int, errno)  { return 0, unix.EISDIR }
func (*folder) write(*Thread, *openFile, *buffers, int64) (int, errno) { return 0, unix.EISDIR }

// seek moves the cursor of getdents64; a folder has no end to seek from.
func (*folder) seek(_ *Process, f *openFile, off int64, whence int32) (int64, errno) {
	switch whence {
	case unix.SEEK_CUR:
		off += f.pos
	case unix.SEEK_SET:
	default:
		return 0, unix.EINVAL
	}
	if off < 0 {
		return 0, unix.EINVAL
	}
	f.pos = off
	return off, 0
}

// entries gives the listing from the cursor on, as far as it is here; none at
// the end. A read from the start lists the folder anew; one at the end needs to
// ask only when the folder may have been removed since (request).
func (p *Process) entries(f *openFile) ([]world.Entry, errno) {
	l := &p.files.listing
	if l.of == f && f.pos >= l.end && l.end > 0 {
		return nil, 0
	}
	if l.of != f || f.pos == 0 || f.pos < l.first || f.pos >= l.first+int64(len(l.entries)) {
		r := p.ask(world.Request{Op: world.OpList, Dir: f.handle, Offset: f.pos})
		if r.Errno != 0 {
			return nil, r.Errno
		}
		*l = listingPage{f, r.Entries, f.pos, r.Size}
	}
	return l.entries[f.pos-l.first:], 0
}

// direntType is d_type of an entry.
func direntType(k world.Kind) byte {
	switch k {
	case world.KindDir:
		return unix.DT_DIR
	case world.KindLink:
		return unix.DT_LNK
	case world.KindNull, world.KindZero, world.KindRandom:
		return unix.DT_CHR
	}
	return unix.DT_REG
}

// dirent64 is struct linux_dirent64 (include/linux/dirent.h).
func dirent64(e *world.Entry, next int64) []byte {
	const header = 19
	raw := make([]byte, (header+len(e.Name)+1+7)&^7)
	binary.LittleEndian.PutUint64(raw[0:], e.Ino)
	binary.LittleEndian.PutUint64(raw[8:], uint64(next))
	binary.LittleEndian.PutUint16(raw[16:], uint16(len(raw)))
	raw[18] = direntType(e.Kind)
	copy(raw[header:], e.Name)
	return raw
}

// direntOld is struct linux_dirent of fs/readdir.c: the type is its last byte.
func direntOld(e *world.Entry, next int64) []byte {
	const header = 18
	raw := make([]byte, (header+len(e.Name)+2+7)&^7)
	binary.LittleEndian.PutUint64(raw[0:], e.Ino)
	binary.LittleEndian.PutUint64(raw[8:], uint64(next))
	binary.LittleEndian.PutUint16(raw[16:], uint16(len(raw)))
	copy(raw[header:], e.Name)
	raw[len(raw)-1] = direntType(e.Kind)
	return raw
}

func sysGetdents64(t *Thread, a args) (uint64, errno) { return t.getdents(a, dirent64) }
func sysGetdents(t *Thread, a args) (uint64, errno)   { return t.getdents(a, direntOld) }

// getdents is iterate_dir() of fs/readdir.c: as many whole entries as fit,
// EINVAL if not even one does.
func (t *Thread) getdents(a args, encode func(*world.Entry, int64) []byte) (uint64, errno) {
	p, addr, room := t.p, a[1], int64(a.uint(2))
	f, e := p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	if !f.isDir() {
		return 0, unix.ENOTDIR
	}
	if room > math.MaxInt32 {
		return 0, unix.EINVAL
	}
	done := int64(0)
	for {
		list, e := p.entries(f)
		if e == 0 && len(list) == 0 {
			break
		}
		n := 0
		if e == 0 {
			n, e = p.putEntries(f, list, addr+uint64(done), room-done, encode)
		}
		done += int64(n)
		if e != 0 && done == 0 {
			return 0, e
		}
		if e != 0 {
			break
		}
	}
	return uint64(done), 0
}

// putEntries writes entries and moves the cursor behind them: EINVAL when the
// next one does not fit, EFAULT at a fault, both after what was written.
func (p *Process) putEntries(f *openFile, list []world.Entry, addr uint64, room int64, encode func(*world.Entry, int64) []byte) (int, errno) {
	done := 0
	for i := range list {
		raw := encode(&list[i], f.pos+1)
		if int64(done+len(raw)) > room {
			return done, unix.EINVAL
		}
		if p.copyOut(addr+uint64(done), raw) < len(raw) {
			return done, unix.EFAULT
		}
		done += len(raw)
		f.pos++
	}
	return done, 0
}

// sysGetcwd returns the length with the NUL (fs/d_path.c): ENOENT once the
// folder is removed, ERANGE if the buffer is too short.
func sysGetcwd(t *Thread, a args) (uint64, errno) {
	r := t.p.ask(world.Request{Op: world.OpPath, Dir: t.p.files.cwd})
	if r.Errno != 0 {
		return 0, r.Errno
	}
	raw := append([]byte(r.Text), 0)
	if uint64(len(raw)) > a[1] {
		return 0, unix.ERANGE
	}
	return uint64(len(raw)), t.p.writeStruct(a[0], raw)
}

func sysChdir(t *Thread, a args) (uint64, errno) {
	dir, name, e := t.p.pathAt(unix.AT_FDCWD, a[0])
	if e != 0 {
		return 0, e
	}
	return 0, t.p.chdir(dir, name)
}

func sysFchdir(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.getAny(a.fd(0))
	if e != 0 {
		return 0, e
	}
	if !f.isDir() {
		return 0, unix.ENOTDIR
	}
	return 0, t.p.chdir(f.handle, ".")
}

func (p *Process) chdir(dir world.Handle, name string) errno {
	r := p.ask(world.Request{Op: world.OpOpen, Dir: dir, Path: name, Flags: unix.O_PATH | unix.O_DIRECTORY})
	if r.Errno != 0 {
		return r.Errno
	}
	p.forget(p.files.cwd)
	p.files.cwd = r.Handle
	p.files.cwdPath = p.ask(world.Request{Op: world.OpPath, Dir: r.Handle}).Text
	return 0
}

func sysMkdir(t *Thread, a args) (uint64, errno) { return t.mkdir(unix.AT_FDCWD, a[0], a.uint(1)) }

func sysMkdirat(t *Thread, a args) (uint64, errno) { return t.mkdir(a.fd(0), a[1], a.uint(2)) }

func (t *Thread) mkdir(dirfd int, addr uint64, mode uint32) (uint64, errno) {
	dir, name, e := t.p.pathAt(dirfd, addr)
	if e != 0 {
		return 0, e
	}
	mode &= 0o1777 &^ t.p.files.umask
	return 0, t.p.ask(world.Request{Op: world.OpMkdir, Dir: dir, Path: name, Mode: mode}).Errno
}
