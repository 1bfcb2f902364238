package libos

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// Flags of open(2) as amd64 has them; others are ignored (VALID_OPEN_FLAGS in
// include/linux/fcntl.h).
const (
	openTmpfile  = 0o20000000 // __O_TMPFILE; O_TMPFILE is this with O_DIRECTORY
	openLarge    = 0o100000   // O_LARGEFILE: always on for 64-bit programs
	openSyncBit  = 0o4000000  // __O_SYNC
	openKnown    = unix.O_ACCMODE | unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_APPEND | unix.O_NONBLOCK | unix.O_DSYNC | openSyncBit | unix.O_ASYNC | unix.O_DIRECT | openLarge | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NOATIME | unix.O_CLOEXEC | unix.O_PATH | openTmpfile
	openPathOnly = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_PATH | unix.O_CLOEXEC
	openForgets  = unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_CLOEXEC
	permBits     = 0o7777
)

func sysOpen(t *Thread, a args) (uint64, errno) {
	return t.open(unix.AT_FDCWD, a[0], a.uint(1), a.uint(2))
}

func sysCreat(t *Thread, a args) (uint64, errno) {
	return t.open(unix.AT_FDCWD, a[0], unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, a.uint(1))
}

func sysOpenat(t *Thread, a args) (uint64, errno) {
	return t.open(a.fd(0), a[1], a.uint(2), a.uint(3))
}

// checkOpenFlags is build_open_flags() of fs/open.c.
func checkOpenFlags(flags uint32) (uint32, errno) {
	flags = flags&openKnown | openLarge
	if flags&unix.O_PATH != 0 {
		return flags & openPathOnly, 0
	}
	if flags&unix.O_DIRECTORY != 0 && flags&unix.O_CREAT != 0 {
		return 0, unix.EINVAL
	}
	if flags&openTmpfile != 0 {
		if flags&unix.O_DIRECTORY == 0 || flags&unix.O_ACCMODE == unix.O_RDONLY {
			return 0, unix.EINVAL
		}
	}
	return flags, 0
}

// open is do_sys_openat2() of fs/open.c.
func (t *Thread) open(dirfd int, addr uint64, flags, mode uint32) (uint64, errno) {
	p := t.p
	flags, e := checkOpenFlags(flags)
	if e != 0 {
		return 0, e
	}
	name, e := p.path(addr)
	if e != 0 {
		return 0, e
	}
	if _, e := p.room(0); e != 0 {
		return 0, e
	}
	dir, e := p.at(dirfd, name)
	if e != 0 {
		return 0, e
	}
	if flags&openTmpfile != 0 {
		return 0, t.openTmpfile(dir, name)
	}
	request := world.Request{Op: world.OpOpen, Dir: dir, Path: name, Flags: flags &^ (unix.O_DIRECT | unix.O_ASYNC | unix.O_CLOEXEC)}
	if flags&unix.O_CREAT != 0 {
		request.Mode = mode & permBits &^ p.files.umask
	}
	r := p.ask(request)
	if r.Errno != 0 {
		return 0, r.Errno
	}
	f := p.opened(r, flags)
	p.files.opening = opening{f, r.Stat, p.ordinal}
	f.named(p, p.absolute(dirfd, name))
	return p.add(f, 0, flags&unix.O_CLOEXEC != 0)
}

// openTmpfile answers O_TMPFILE as a file system that cannot do it (vfs_tmpfile
// in fs/namei.c).
func (t *Thread) openTmpfile(dir world.Handle, path string) errno {
	r := t.p.ask(world.Request{Op: world.OpStat, Dir: dir, Path: path})
	if r.Errno != 0 {
		return r.Errno
	}
	if r.Stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	r = t.p.ask(world.Request{Op: world.OpAccess, Dir: dir, Path: path, Mode: unix.W_OK})
	if r.Errno != 0 {
		return r.Errno
	}
	return unix.EOPNOTSUPP
}

// opening is what the answer to an open tells of the file. It holds for the very
// next call, before which the program can have changed nothing.
type opening struct {
	of   *openFile
	stat world.Stat
	call uint64 // the open's ordinal
}

// opened makes the description of what the world opened.
func (p *Process) opened(r world.Response, flags uint32) *openFile {
	f := &openFile{
		refs: 1, flags: int32(flags &^ openForgets), handle: r.Handle, world: true,
		kind: r.Kind, mount: r.Stat.Mount.String(), ino: inode{r.Stat.Dev, r.Stat.Ino},
	}
	switch r.Kind {
	case world.KindFile:
		h := &hostFile{fd: r.FD}
		h.lent(r)
		f.obj = h
	case world.KindDir:
		f.obj = &folder{}
	case world.KindNull:
		f.obj = nullDevice{}
	case world.KindZero:
		f.obj = zeroDevice{}
	case world.KindRandom:
		f.obj = randomDevice{}
	case world.KindMaps:
		f.obj = &mapsFile{}
	case world.KindMeminfo:
		f.obj = &textFile{text: p.meminfoText(), proc: true}
	case world.KindLink: // O_PATH: nothing reads it
		f.obj = &textFile{}
	default: // KindText
		f.obj = &textFile{text: r.Text}
	}
	if r.FD >= 0 && r.Kind != world.KindFile {
		f.obj.close(p, f)
	}
	return f
}

// path copies a path in: ENOENT for an empty one (getname() of fs/namei.c).
func (p *Process) path(addr uint64) (string, errno) {
	s, e := p.copyString(addr, world.PathMax)
	if e == 0 && s == "" {
		e = unix.ENOENT
	}
	return s, e
}

// at gives the folder from which path is resolved. The descriptor does not
// matter for an absolute path (path_init() of fs/namei.c).
func (p *Process) at(dirfd int, path string) (world.Handle, errno) {
	if path != "" && path[0] == '/' {
		return world.Root, 0
	}
	if dirfd == unix.AT_FDCWD {
		return p.files.cwd, 0
	}
	f, e := p.files.getAny(dirfd)
	if e != 0 {
		return 0, e
	}
	if !f.isDir() {
		return 0, unix.ENOTDIR
	}
	return f.handle, 0
}

// absolute is the path as /proc/self/maps shows it.
func (p *Process) absolute(dirfd int, name string) string {
	base := p.files.cwdPath
	if f, e := p.files.getAny(dirfd); e == 0 && dirfd != unix.AT_FDCWD {
		base = f.path
	}
	if strings.HasPrefix(name, "/") {
		base = "/"
	}
	return path.Join("/", base, name)
}

const (
	// shortPath is up to how many bytes each description keeps its path; of
	// longer ones all together have maxLongPaths. That is memory of the host
	// which --memory does not count.
	shortPath    = 512
	maxLongPaths = 1 << 20
)

// named gives a description its path. One that is too long, for Linux or for
// what is left for such, is known by its last name.
func (f *openFile) named(p *Process, full string) {
	f.path = full
	if len(full) <= shortPath {
		return
	}
	if len(full) < world.PathMax && p.files.longPaths+len(full) <= maxLongPaths {
		p.files.longPaths += len(full)
		return
	}
	last := path.Base(full)
	f.path = "/.../" + last[max(0, len(last)-unix.NAME_MAX):]
}

// isDir says whether the description is a folder.
func (f *openFile) isDir() bool {
	_, ok := f.obj.(*folder)
	return ok
}
