package libos

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

const (
	statSize  = 144 // struct stat of amd64
	statxSize = 256 // struct statx

	statxSyncType = 0x6000 // AT_STATX_SYNC_TYPE

	// statxReserved is STATX__RESERVED, statxKnown what the world can tell.
	statxReserved = 0x80000000
	statxKnown    = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID
)

func sysStat(t *Thread, a args) (uint64, errno) {
	return t.statTo(a[1])(t.statAt(unix.AT_FDCWD, a[0], 0))
}

func sysLstat(t *Thread, a args) (uint64, errno) {
	return t.statTo(a[1])(t.statAt(unix.AT_FDCWD, a[0], unix.AT_SYMLINK_NOFOLLOW))
}

func sysFstat(t *Thread, a args) (uint64, errno) {
	return t.statTo(a[1])(t.p.statFD(a.fd(0)))
}

func sysNewfstatat(t *Thread, a args) (uint64, errno) {
	return t.statTo(a[2])(t.statAt(a.fd(0), a[1], a.uint(3)))
}

// statTo writes what stat found to the guest.
func (t *Thread) statTo(addr uint64) func(world.Stat, errno) (uint64, errno) {
	return func(s world.Stat, e errno) (uint64, errno) {
		if e != 0 {
			return 0, e
		}
		raw := encodeStat(&s)
		return 0, t.p.writeStruct(addr, raw[:])
	}
}

// statFD is vfs_fstat(): it works on O_PATH descriptors too.
func (p *Process) statFD(fd int) (world.Stat, errno) {
	f, e := p.files.getAny(fd)
	if e != 0 {
		return world.Stat{}, e
	}
	return f.obj.stat(p, f)
}

// statAt is vfs_fstatat() of fs/stat.c.
func (t *Thread) statAt(dirfd int, addr uint64, flags uint32) (world.Stat, errno) {
	path, empty, pathErr := t.p.maybeEmptyPath(addr, flags)
	if empty && dirfd >= 0 {
		return t.p.statFD(dirfd)
	}
	return t.statPath(dirfd, path, pathErr, flags)
}

// statPath is vfs_statx(): flags are checked before the path's own error.
func (t *Thread) statPath(dirfd int, path string, pathErr errno, flags uint32) (world.Stat, errno) {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT|unix.AT_EMPTY_PATH|statxSyncType) != 0 {
		return world.Stat{}, unix.EINVAL
	}
	if pathErr != 0 {
		return world.Stat{}, pathErr
	}
	dir, e := t.p.at(dirfd, path)
	if e != 0 {
		return world.Stat{}, e
	}
	r := t.p.ask(world.Request{Op: world.OpStat, Dir: dir, Path: path, Flags: noFollow(flags&unix.AT_SYMLINK_NOFOLLOW != 0)})
	return r.Stat, r.Errno
}

// maybeEmptyPath is getname_maybe_null() of include/linux/fs.h: with
// AT_EMPTY_PATH an empty path, or no path at all, names the descriptor.
func (p *Process) maybeEmptyPath(addr uint64, flags uint32) (path string, empty bool, e errno) {
	if flags&unix.AT_EMPTY_PATH == 0 {
		path, e = p.path(addr)
		return path, false, e
	}
	if addr == 0 {
		return "", true, 0
	}
	path, e = p.copyString(addr, world.PathMax)
	return path, e == 0 && path == "", e
}

func noFollow(yes bool) uint32 {
	if yes {
		return world.NoFollow
	}
	return 0
}

// encodeStat is cp_new_stat() of fs/stat.c with struct stat of
// arch/x86/include/uapi/asm/stat.h.
func encodeStat(s *world.Stat) (raw [statSize]byte) {
	le := binary.LittleEndian
	le.PutUint64(raw[0:], s.Dev)
	le.PutUint64(raw[8:], s.Ino)
	le.PutUint64(raw[16:], uint64(s.Nlink))
	le.PutUint32(raw[24:], s.Mode)
	le.PutUint64(raw[40:], s.Rdev)
	le.PutUint64(raw[48:], uint64(s.Size))
	le.PutUint64(raw[56:], uint64(s.Blksize))
	le.PutUint64(raw[64:], uint64(s.Blocks))
	for i, ts := range [3]world.Timespec{s.Atime, s.Mtime, s.Ctime} {
		le.PutUint64(raw[72+16*i:], uint64(ts.Sec))
		le.PutUint64(raw[80+16*i:], uint64(ts.Nsec))
	}
	return raw
}

// sysStatx is statx(2), do_statx() of fs/stat.c.
func sysStatx(t *Thread, a args) (uint64, errno) {
	dirfd, addr, flags, mask, to := a.fd(0), a[1], a.uint(2), a.uint(3), a[4]
	path, empty, pathErr := t.p.maybeEmptyPath(addr, flags)
	if mask&statxReserved != 0 || flags&statxSyncType == statxSyncType {
		return 0, unix.EINVAL
	}
	var s world.Stat
	var e errno
	if empty && dirfd >= 0 {
		s, e = t.p.statFD(dirfd)
	} else {
		s, e = t.statPath(dirfd, path, pathErr, flags)
	}
	if e != 0 {
		return 0, e
	}
	raw := encodeStatx(&s)
	return 0, t.p.writeStruct(to, raw[:])
}

// encodeStatx is cp_statx() with struct statx of include/uapi/linux/stat.h.
func encodeStatx(s *world.Stat) (raw [statxSize]byte) {
	le := binary.LittleEndian
	le.PutUint32(raw[0:], statxKnown)
	le.PutUint32(raw[4:], uint32(s.Blksize))
	le.PutUint32(raw[16:], s.Nlink)
	le.PutUint16(raw[28:], uint16(s.Mode))
	le.PutUint64(raw[32:], s.Ino)
	le.PutUint64(raw[40:], uint64(s.Size))
	le.PutUint64(raw[48:], uint64(s.Blocks))
	le.PutUint64(raw[56:], unix.STATX_ATTR_MOUNT_ROOT) // stx_attributes_mask
	for i, ts := range [4]world.Timespec{s.Atime, {}, s.Ctime, s.Mtime} {
		le.PutUint64(raw[64+16*i:], uint64(ts.Sec))
		le.PutUint32(raw[72+16*i:], uint32(ts.Nsec))
	}
	le.PutUint32(raw[128:], unix.Major(s.Rdev))
	le.PutUint32(raw[132:], unix.Minor(s.Rdev))
	le.PutUint32(raw[136:], unix.Major(s.Dev))
	le.PutUint32(raw[140:], unix.Minor(s.Dev))
	le.PutUint64(raw[144:], mountID(s))
	return raw
}

// mountID is stx_mnt_id: pipes and standard streams lie in no mount of the
// world, as pipes lie in one of the kernel's own on Linux.
func mountID(s *world.Stat) uint64 {
	if s.Dev == pipeDevice || s.Dev == streamDevice {
		return s.Dev
	}
	return uint64(s.Mount) + 1
}
