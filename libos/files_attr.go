package libos

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

func sysAccess(t *Thread, a args) (uint64, errno) {
	return t.access(unix.AT_FDCWD, a[0], a.uint(1), 0)
}

func sysFaccessat(t *Thread, a args) (uint64, errno) {
	return t.access(a.fd(0), a[1], a.uint(2), 0)
}

func sysFaccessat2(t *Thread, a args) (uint64, errno) {
	return t.access(a.fd(0), a[1], a.uint(2), a.uint(3))
}

// access is do_faccessat() of fs/open.c; real and effective user are the same.
func (t *Thread) access(dirfd int, addr uint64, mode, flags uint32) (uint64, errno) {
	if mode&^(unix.R_OK|unix.W_OK|unix.X_OK) != 0 || flags&^(unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, unix.EINVAL
	}
	n, e := t.p.node(dirfd, addr, flags&unix.AT_EMPTY_PATH != 0)
	if e != 0 {
		return 0, e
	}
	if n.file != nil && !n.file.world {
		if mode&unix.X_OK != 0 {
			return 0, unix.EACCES
		}
		return 0, 0
	}
	return 0, t.p.askNode(n, world.Request{Op: world.OpAccess, Mode: mode, Flags: noFollow(flags&unix.AT_SYMLINK_NOFOLLOW != 0)})
}

func sysChmod(t *Thread, a args) (uint64, errno) {
	return t.chmod(unix.AT_FDCWD, a[0], a.uint(1), 0)
}

func sysFchmodat(t *Thread, a args) (uint64, errno) { return t.chmod(a.fd(0), a[1], a.uint(2), 0) }

func sysFchmodat2(t *Thread, a args) (uint64, errno) {
	return t.chmod(a.fd(0), a[1], a.uint(2), a.uint(3))
}

func (t *Thread) chmod(dirfd int, addr uint64, mode, flags uint32) (uint64, errno) {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, unix.EINVAL
	}
	n, e := t.p.node(dirfd, addr, flags&unix.AT_EMPTY_PATH != 0)
	if e != 0 {
		return 0, e
	}
	return 0, t.p.askNode(n, world.Request{Op: world.OpChmod, Mode: mode & permBits, Flags: noFollow(flags&unix.AT_SYMLINK_NOFOLLOW != 0)})
}

func sysFchmod(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.p.askNode(nodeRef{file: f}, world.Request{Op: world.OpChmod, Mode: a.uint(1) & permBits})
}

func sysUmask(t *Thread, a args) (uint64, errno) {
	old := t.p.files.umask
	t.p.files.umask = a.uint(0) & 0o777
	return uint64(old), 0
}

func sysChown(t *Thread, a args) (uint64, errno) {
	return t.chown(unix.AT_FDCWD, a[0], a.uint(1), a.uint(2), 0)
}

func sysLchown(t *Thread, a args) (uint64, errno) {
	return t.chown(unix.AT_FDCWD, a[0], a.uint(1), a.uint(2), unix.AT_SYMLINK_NOFOLLOW)
}

func sysFchownat(t *Thread, a args) (uint64, errno) {
	return t.chown(a.fd(0), a[1], a.uint(2), a.uint(3), a.uint(4))
}

func sysFchown(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.get(a.fd(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.p.chownNode(nodeRef{file: f}, a.uint(1), a.uint(2), 0)
}

func (t *Thread) chown(dirfd int, addr uint64, uid, gid, flags uint32) (uint64, errno) {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, unix.EINVAL
	}
	n, e := t.p.node(dirfd, addr, flags&unix.AT_EMPTY_PATH != 0)
	if e != 0 {
		return 0, e
	}
	return 0, t.p.chownNode(n, uid, gid, flags)
}

// chownNode keeps everything owned by 0:0: the world stores no owners. Giving
// a file to 0:0 changes nothing and succeeds, so that programs which copy owners
// run; any other owner is EPERM, as on a file system that cannot store one
// (fat_setattr of fs/fat/file.c).
func (p *Process) chownNode(n nodeRef, uid, gid, flags uint32) errno {
	const keep = ^uint32(0)
	if n.file == nil || n.file.world {
		// Times that are left alone are refused as an owner would be.
		leave := [2]world.Time{{Omit: true}, {Omit: true}}
		e := p.askNode(n, world.Request{Op: world.OpUtimens, Times: leave, Flags: noFollow(flags&unix.AT_SYMLINK_NOFOLLOW != 0)})
		if e != 0 {
			return e
		}
	}
	if uid != 0 && uid != keep || gid != 0 && gid != keep {
		return unix.EPERM
	}
	return 0
}

// twoTimes are the times of a call of the utime family; nil: now.
type twoTimes *[2]world.Time

var bothNow = [2]world.Time{{Now: true}, {Now: true}}

// setTimes is do_utimes() of fs/utimes.c. Nanoseconds are checked when the
// node is known (vfs_utimes).
func (t *Thread) setTimes(dirfd int, addr uint64, times twoTimes, flags uint32) errno {
	p := t.p
	var n nodeRef
	if addr == 0 && dirfd != unix.AT_FDCWD {
		if flags != 0 {
			return unix.EINVAL
		}
		f, e := p.files.get(dirfd)
		if e != 0 {
			return e
		}
		n.file = f
	} else {
		if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
			return unix.EINVAL
		}
		var e errno
		if n, e = p.node(dirfd, addr, flags&unix.AT_EMPTY_PATH != 0); e != 0 {
			return e
		}
	}
	noFinal := flags&unix.AT_SYMLINK_NOFOLLOW != 0
	r := world.Request{Op: world.OpUtimens, Times: bothNow, Flags: noFollow(noFinal)}
	if times != nil {
		r.Times = *times
		for _, x := range r.Times {
			if !x.Omit && !x.Now && (x.Nsec < 0 || x.Nsec > 999_999_999) {
				_, e := p.statNode(n, noFinal)
				return cmpErrno(e, unix.EINVAL)
			}
		}
	}
	return p.askNode(n, r)
}

// sysUtimensat checks nothing if both times are to be left (fs/utimes.c).
func sysUtimensat(t *Thread, a args) (uint64, errno) {
	var times twoTimes
	if a[2] != 0 {
		words, e := t.p.readWords(a[2], 4)
		if e != 0 {
			return 0, e
		}
		times = &[2]world.Time{}
		for i := range times {
			x := world.Time{Sec: int64(words[2*i]), Nsec: int64(words[2*i+1])}
			x.Omit, x.Now = x.Nsec == unix.UTIME_OMIT, x.Nsec == unix.UTIME_NOW
			times[i] = x
		}
		if times[0].Omit && times[1].Omit {
			return 0, 0
		}
	}
	return 0, t.setTimes(a.fd(0), a[1], times, a.uint(3))
}

func sysUtime(t *Thread, a args) (uint64, errno) {
	var times twoTimes
	if a[1] != 0 {
		words, e := t.p.readWords(a[1], 2)
		if e != 0 {
			return 0, e
		}
		times = &[2]world.Time{{Sec: int64(words[0])}, {Sec: int64(words[1])}}
	}
	return 0, t.setTimes(unix.AT_FDCWD, a[0], times, 0)
}

func sysUtimes(t *Thread, a args) (uint64, errno) { return t.utimes(unix.AT_FDCWD, a[0], a[1]) }

func sysFutimesat(t *Thread, a args) (uint64, errno) { return t.utimes(a.fd(0), a[1], a[2]) }

func (t *Thread) utimes(dirfd int, addr, from uint64) (uint64, errno) {
	var times twoTimes
	if from != 0 {
		words, e := t.p.readWords(from, 4)
		if e != 0 {
			return 0, e
		}
		times = &[2]world.Time{}
		for i := range times {
			usec := int64(words[2*i+1])
			if usec < 0 || usec >= 1_000_000 {
				return 0, unix.EINVAL
			}
			times[i] = world.Time{Sec: int64(words[2*i]), Nsec: 1000 * usec}
		}
	}
	return 0, t.setTimes(dirfd, addr, times, 0)
}

const statfsSize = 120 // struct statfs of amd64

func sysStatfs(t *Thread, a args) (uint64, errno) {
	dir, name, e := t.p.pathAt(unix.AT_FDCWD, a[0])
	if e != 0 {
		return 0, e
	}
	r := t.p.ask(world.Request{Op: world.OpStatfs, Dir: dir, Path: name})
	if r.Errno != 0 {
		return 0, r.Errno
	}
	return 0, t.p.writeStruct(a[1], encodeStatfs(&r.Statfs, uint32(r.Stat.Dev)))
}

func sysFstatfs(t *Thread, a args) (uint64, errno) {
	f, e := t.p.files.getAny(a.fd(0))
	if e != 0 {
		return 0, e
	}
	const pipefs = 0x50495045 // PIPEFS_MAGIC
	s := world.Statfs{Type: pipefs, Bsize: PageSize}
	if f.world {
		r := t.p.ask(world.Request{Op: world.OpStatfs, Dir: f.handle})
		if r.Errno != 0 {
			return 0, r.Errno
		}
		s = r.Statfs
	}
	return 0, t.p.writeStruct(a[1], encodeStatfs(&s, uint32(f.ino.dev)))
}

// encodeStatfs is do_statfs_native() of fs/statfs.c.
func encodeStatfs(s *world.Statfs, id uint32) []byte {
	const valid, readOnly, relatime = 0x20, 0x1, 0x1000 // ST_VALID, ST_RDONLY, ST_RELATIME
	flags := uint64(valid | relatime)
	if s.ReadOnly {
		flags |= readOnly
	}
	raw := make([]byte, 0, statfsSize)
	for _, w := range [12]uint64{
		uint64(s.Type), uint64(s.Bsize), s.Blocks, s.Bfree, s.Bfree, s.Files, s.Ffree,
		uint64(id), world.NameMax, uint64(s.Bsize), flags, 0,
	} {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	return append(raw, make([]byte, statfsSize-len(raw))...)
}

// timespecOf is a time as stat shows it.
func timespecOf(t time.Time) world.Timespec {
	return world.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}

func sameTimes(t world.Timespec) [3]world.Timespec { return [3]world.Timespec{t, t, t} }

// setLocal answers OpChmod and OpUtimens for a stream or a pipe: what the guest
// sets shows in its own stat alone, never on the host.
func (f *openFile) setLocal(p *Process, r *world.Request) errno {
	var mode *uint32
	var times *[3]world.Timespec
	switch obj := f.obj.(type) {
	case *stream:
		mode, times = &obj.mode, &obj.times
	case *pipeEnd:
		mode, times = &obj.pipe.mode, &obj.pipe.times
	default:
		return unix.EPERM
	}
	now := timespecOf(p.cfg.Clock.Now())
	switch r.Op {
	case world.OpChmod:
		*mode = *mode&unix.S_IFMT | r.Mode&permBits
	case world.OpUtimens:
		for i, x := range r.Times {
			switch {
			case x.Now:
				times[i] = now
			case !x.Omit:
				times[i] = world.Timespec{Sec: x.Sec, Nsec: x.Nsec}
			}
		}
	}
	times[2] = now
	return 0
}
