package conformance

import (
	"golang.org/x/sys/unix"
)

func drawOpen(d *drawer) []Step {
	access := pick(d, flag{"O_RDONLY", 0}, flag{"O_WRONLY", 1}, flag{"O_RDWR", 2}, flag{"O_RDWR", 2}, flag{"O_RDWR|O_CREAT", 2 | unix.O_CREAT})
	if d.in(60) {
		access = flag{"3", 3}
	}
	flags := d.flags(access, 10, flag{"O_CREAT", unix.O_CREAT}, flag{"O_CREAT|O_EXCL", unix.O_CREAT | unix.O_EXCL},
		flag{"O_TRUNC", unix.O_TRUNC}, flag{"O_APPEND", unix.O_APPEND}, flag{"O_DIRECTORY", unix.O_DIRECTORY},
		flag{"O_NOFOLLOW", unix.O_NOFOLLOW}, flag{"O_CLOEXEC", unix.O_CLOEXEC}, flag{"O_NONBLOCK", unix.O_NONBLOCK},
		flag{"O_PATH", unix.O_PATH}, flag{"O_EXCL", unix.O_EXCL}, flag{"O_NOATIME", unix.O_NOATIME}, flag{"O_DSYNC", unix.O_DSYNC})
	if d.in(3) {
		return one(unix.SYS_OPENAT, "openat", d.dirfd(), d.path(), flags, d.mode())
	}
	if d.in(12) {
		return one(unix.SYS_CREAT, "creat", d.path(), d.mode())
	}
	return one(unix.SYS_OPEN, "open", d.path(), flags, d.mode())
}

func drawClose(d *drawer) []Step {
	if d.in(8) {
		first := 1 + int64(d.IntN(12)) // 0 to -1 would be all, the output too
		return one(unix.SYS_CLOSE_RANGE, "close_range", num(first), num(first-1+int64(d.IntN(4))), num(pick[int64](d, 0, 0, 4, 1)))
	}
	return one(unix.SYS_CLOSE, "close", d.fd())
}

func drawDup(d *drawer) []Step {
	switch d.IntN(5) {
	case 0:
		return one(unix.SYS_DUP, "dup", d.fd())
	case 1:
		return one(unix.SYS_DUP3, "dup3", d.fd(), d.fd(), d.flags(flag{"0", 0}, 3, flag{"O_CLOEXEC", unix.O_CLOEXEC}, flag{"O_APPEND", unix.O_APPEND}))
	case 2:
		return one(unix.SYS_FCNTL, "fcntl", d.fd(), pick(d, named(unix.F_DUPFD, "F_DUPFD"), named(unix.F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC")), num(pick[int64](d, 0, 5, 12, -1)))
	case 3:
		return one(unix.SYS_PIPE2, "pipe2", structure(argPair, "&ends", nil), d.flags(flag{"O_NONBLOCK", unix.O_NONBLOCK}, 3, flag{"O_CLOEXEC", unix.O_CLOEXEC}))
	}
	return one(unix.SYS_DUP2, "dup2", d.fd(), d.fd())
}

func drawFcntl(d *drawer) []Step {
	switch d.IntN(4) {
	case 0:
		return one(unix.SYS_FCNTL, "fcntl", d.fd(), named(unix.F_GETFD, "F_GETFD"))
	case 1:
		return one(unix.SYS_FCNTL, "fcntl", d.fd(), named(unix.F_SETFD, "F_SETFD"), num(int64(d.IntN(2))))
	case 2:
		return one(unix.SYS_FCNTL, "fcntl", d.fd(), named(unix.F_GETFL, "F_GETFL"))
	}
	// Without O_NONBLOCK a pipe would wait for ever.
	return one(unix.SYS_FCNTL, "fcntl", d.fd(), named(unix.F_SETFL, "F_SETFL"), d.flags(flag{"O_NONBLOCK", unix.O_NONBLOCK}, 2, flag{"O_APPEND", unix.O_APPEND}, flag{"O_NOATIME", unix.O_NOATIME}, flag{"O_EXCL", unix.O_EXCL}, flag{"O_WRONLY", unix.O_WRONLY}))
}

func drawLock(d *drawer) []Step {
	if d.in(2) {
		return one(unix.SYS_FLOCK, "flock", d.fd(), pick(d, named(unix.LOCK_SH|unix.LOCK_NB, "LOCK_SH|LOCK_NB"), named(unix.LOCK_EX|unix.LOCK_NB, "LOCK_EX|LOCK_NB"), named(unix.LOCK_UN, "LOCK_UN"), num(16), num(0)))
	}
	command := pick(d, named(unix.F_SETLK, "F_SETLK"), named(unix.F_GETLK, "F_GETLK"), named(unix.F_OFD_SETLK, "F_OFD_SETLK"), named(unix.F_OFD_SETLK, "F_OFD_SETLK"), named(unix.F_OFD_GETLK, "F_OFD_GETLK"))
	return one(unix.SYS_FCNTL, "fcntl", d.fd(), command,
		lock(pick[int16](d, 0, 1, 2, 0, 1, 2, 3), pick[int16](d, 0, 0, 0, 1, 2, 5), pick[int64](d, 0, 10, 4096, -1, -5000), pick[int64](d, 0, 1, 100, -10, 1<<40)))
}

func drawRead(d *drawer) []Step {
	n := d.length()
	if d.in(2) {
		return one(unix.SYS_PREAD64, "pread64", d.fd(), room(argRoom, n), num(int64(n)), num(d.position()))
	}
	return one(unix.SYS_READ, "read", d.fd(), room(argRoom, n), num(int64(n)))
}

func drawWrite(d *drawer) []Step {
	n := d.length()
	if d.in(3) {
		return one(unix.SYS_PWRITE64, "pwrite64", d.fd(), data(n, d.fill()), num(int64(n)), num(min(d.position(), 1<<20)))
	}
	return one(unix.SYS_WRITE, "write", d.fd(), data(n, d.fill()), num(int64(n)))
}

func drawVectors(d *drawer) []Step {
	list := d.lengths()
	count := num(int64(len(list)))
	at := min(d.position(), 1<<20)
	read, write := parts(argRoomParts, 0, list), parts(argDataParts, d.fill(), list)
	flags := pick(d, num(0), named(unix.RWF_APPEND, "RWF_APPEND"), named(unix.RWF_DSYNC, "RWF_DSYNC"), hex(0x800))
	switch d.IntN(6) {
	case 0:
		return one(unix.SYS_READV, "readv", d.fd(), read, count)
	case 1:
		return one(unix.SYS_PREADV, "preadv", d.fd(), read, count, num(at), num(0))
	case 2:
		return one(unix.SYS_PREADV2, "preadv2", d.fd(), read, count, num(pick(d, at, -1)), num(0), pick(d, num(0), named(unix.RWF_APPEND, "RWF_APPEND"), hex(0x800)))
	case 3:
		return one(unix.SYS_PWRITEV, "pwritev", d.fd(), write, count, num(at), num(0))
	case 4:
		return one(unix.SYS_PWRITEV2, "pwritev2", d.fd(), write, count, num(pick(d, at, -1)), num(0), flags)
	}
	return one(unix.SYS_WRITEV, "writev", d.fd(), write, count)
}

func drawSeek(d *drawer) []Step {
	at := d.position()
	whence := pick(d, named(0, "SEEK_SET"), named(1, "SEEK_CUR"), named(2, "SEEK_END"), named(3, "SEEK_DATA"), named(4, "SEEK_HOLE"), num(5))
	if d.in(3) {
		at = -at
	}
	return one(stepSeek, "lseek", d.fd(), num(at), whence)
}

// smallEnd is a file's new length: a quota counts lengths, and takes what no
// file system minds.
func smallEnd(d *drawer) stepArg {
	at := d.position()
	if at > 1<<20 {
		at = 1 << 16
	}
	return num(at)
}

func drawSize(d *drawer) []Step {
	return fdOrPath(d, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, "truncate", smallEnd(d))
}

func drawSpace(d *drawer) []Step {
	const keep, punch, zero = unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE
	mode := pick(d, num(0), named(keep, "KEEP_SIZE"), named(keep|punch, "KEEP_SIZE|PUNCH_HOLE"), named(punch, "PUNCH_HOLE"), named(keep|punch, "KEEP_SIZE|PUNCH_HOLE"))
	return one(unix.SYS_FALLOCATE, "fallocate", d.fd(), mode, smallEnd(d), smallEnd(d))
}

func drawCopy(d *drawer) []Step {
	pointer := func() stepArg {
		if d.in(2) {
			return named(0, "NULL")
		}
		return offset(min(d.position(), 1<<20))
	}
	n := num(int64(d.length()))
	if d.in(2) {
		return one(stepSend, "sendfile", d.fd(), d.fd(), pointer(), n)
	}
	return one(stepCopy, "copy_file_range", d.fd(), pointer(), d.fd(), pointer(), n, num(pick[int64](d, 0, 0, 0, 0, 1)))
}

func drawSync(d *drawer) []Step {
	switch d.IntN(12) {
	case 0:
		return one(unix.SYS_FDATASYNC, "fdatasync", d.fd())
	case 1:
		return one(unix.SYS_FADVISE64, "fadvise64", d.fd(), num(0), num(pick[int64](d, 0, 4096, -1)), num(int64(d.IntN(7))))
	case 2:
		return one(unix.SYS_FSYNC, "fsync", d.fd())
	}
	return one(unix.SYS_READAHEAD, "readahead", d.fd(), num(0), num(4096))
}

func drawRename(d *drawer) []Step {
	switch d.IntN(4) {
	case 0:
		return one(unix.SYS_RENAMEAT, "renameat", d.dirfd(), d.path(), d.dirfd(), d.path())
	case 1:
		flags := pick(d, num(0), named(unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"), named(unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"), named(3, "RENAME_NOREPLACE|RENAME_EXCHANGE"), hex(8))
		return one(unix.SYS_RENAMEAT2, "renameat2", d.dirfd(), d.path(), d.dirfd(), d.path(), flags)
	}
	return one(unix.SYS_RENAME, "rename", d.path(), d.path())
}

func drawUnlink(d *drawer) []Step {
	if d.in(3) {
		return one(unix.SYS_UNLINKAT, "unlinkat", d.dirfd(), d.path(), pick(d, num(0), named(unix.AT_REMOVEDIR, "AT_REMOVEDIR"), hex(1)))
	}
	return one(unix.SYS_UNLINK, "unlink", d.path())
}

func drawMkdir(d *drawer) []Step {
	if d.in(3) {
		return one(unix.SYS_MKDIRAT, "mkdirat", d.dirfd(), d.path(), d.mode())
	}
	return one(unix.SYS_MKDIR, "mkdir", d.path(), d.mode())
}

func drawRmdir(d *drawer) []Step {
	return one(unix.SYS_RMDIR, "rmdir", d.path())
}

func drawStat(d *drawer) []Step {
	into := structure(argStat, "&stat", nil)
	switch d.IntN(3) {
	case 0:
		return one(unix.SYS_STAT, "stat", d.path(), into)
	case 1:
		return one(unix.SYS_NEWFSTATAT, "newfstatat", d.dirfd(), pick(d, d.path(), path("")), into, atFlags(d))
	}
	return one(unix.SYS_LSTAT, "lstat", d.path(), into)
}

func drawFstat(d *drawer) []Step {
	return one(unix.SYS_FSTAT, "fstat", d.fd(), structure(argStat, "&stat", nil))
}

func drawStatx(d *drawer) []Step {
	return one(unix.SYS_STATX, "statx", d.dirfd(), pick(d, d.path(), path("")), atFlags(d), hex(pick[int64](d, 0x7ff, 0x7ff, 0x2c0, 1<<31)), structure(argStatx, "&statx", nil))
}

func drawAccess(d *drawer) []Step {
	mode := num(pick[int64](d, 0, 1, 2, 3, 4, 6, 7, 8))
	if d.in(2) {
		return one(unix.SYS_FACCESSAT2, "faccessat2", d.dirfd(), d.path(), mode, d.flags(flag{"0", 0}, 3, flag{"AT_EACCESS", unix.AT_EACCESS}, flag{"AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW}))
	}
	return one(unix.SYS_ACCESS, "access", d.path(), mode)
}

func drawReadlink(d *drawer) []Step {
	n := pick(d, 100, 100, 3, 0)
	if d.in(2) {
		return one(unix.SYS_READLINKAT, "readlinkat", d.dirfd(), pick(d, d.path(), path("")), room(argText, n), num(int64(n)))
	}
	return one(unix.SYS_READLINK, "readlink", d.path(), room(argText, n), num(int64(n)))
}

func drawChdir(d *drawer) []Step {
	if d.in(3) {
		return one(unix.SYS_FCHDIR, "fchdir", d.fd())
	}
	if d.in(2) {
		return one(unix.SYS_CHDIR, "chdir", path(d.walk.root()))
	}
	return one(unix.SYS_CHDIR, "chdir", d.path())
}

func drawGetcwd(d *drawer) []Step {
	n := pick(d, 100, 100, 200, 5, 0)
	return one(unix.SYS_GETCWD, "getcwd", room(argText, n), num(int64(n)))
}

func drawChmod(d *drawer) []Step {
	if d.in(3) {
		return one(unix.SYS_FCHMODAT, "fchmodat", d.dirfd(), d.path(), d.mode())
	}
	return fdOrPath(d, unix.SYS_CHMOD, unix.SYS_FCHMOD, "chmod", d.mode())
}

func drawTimes(d *drawer) []Step {
	spec := func() unix.Timespec {
		return unix.Timespec{Sec: d.Int64N(1_600_000_000), Nsec: pick(d, 0, d.Int64N(1e9), d.Int64N(1e9), unix.UTIME_NOW, unix.UTIME_OMIT, 1e9)}
	}
	when := times(spec(), spec())
	if d.in(6) {
		when = named(0, "NULL")
	}
	name := d.path()
	if d.in(3) {
		return one(unix.SYS_UTIMENSAT, "utimensat", d.fd(), named(0, "NULL"), when, num(0))
	}
	return one(unix.SYS_UTIMENSAT, "utimensat", d.dirfd(), name, when, pick(d, num(0), named(unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"), num(1)))
}

func drawUmask(d *drawer) []Step {
	return one(unix.SYS_UMASK, "umask", octal(pick[uint32](d, 0, 0o22, 0o77, 0o27)))
}

func drawList(d *drawer) []Step {
	return one(stepList, "list", d.fd())
}

func drawSame(d *drawer) []Step {
	return one(stepSame, "same", d.fd(), d.path())
}

func drawTree(d *drawer) []Step {
	return one(stepTree, "tree", path(d.walk.root()))
}

// mapsAddress is where files are mapped, 64 pages.
const mapsAddress = 0x100000000000

// drawMap maps a file, looks at it, and takes it away again: what a page shows
// of changes after its first touch is in memory.c.
func drawMap(d *drawer) []Step {
	const page = 4096
	at := mapsAddress + page*d.Int64N(40)
	pages := 1 + d.Int64N(6)
	fd := d.fd()
	how := pick(d, named(unix.MAP_PRIVATE|unix.MAP_FIXED, "MAP_PRIVATE|MAP_FIXED"), named(unix.MAP_SHARED|unix.MAP_FIXED, "MAP_SHARED|MAP_FIXED"))
	where := page * d.Int64N(4)
	if d.in(20) {
		where = pick[int64](d, 1, 100, -4096, 1<<62)
	}
	steps := one(unix.SYS_MMAP, "mmap", hex(at), num(pages*page-pick[int64](d, 0, 0, 1, 4000)), named(unix.PROT_READ, "PROT_READ"), how, fd, num(where))
	steps = append(steps, call(stepPeek, "peek", hex(at+d.Int64N(3000)), num(1+d.Int64N(pages*page-3000))))
	if d.in(3) {
		steps = append(steps, call(unix.SYS_MPROTECT, "mprotect", hex(at), num(page), hex(int64(d.IntN(2)))),
			call(stepPeek, "peek", hex(at), num(100)))
	}
	return append(steps, call(unix.SYS_MUNMAP, "munmap", hex(at), num(pages*page)))
}
