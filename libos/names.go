package libos

import (
	"strings"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// pathAt copies a path in and finds where it is resolved from.
func (p *Process) pathAt(dirfd int, addr uint64) (world.Handle, string, errno) {
	name, e := p.path(addr)
	if e != 0 {
		return 0, "", e
	}
	dir, e := p.at(dirfd, name)
	return dir, name, e
}

func sysUnlink(t *Thread, a args) (uint64, errno) {
	return t.remove(world.OpUnlink, unix.AT_FDCWD, a[0])
}

func sysRmdir(t *Thread, a args) (uint64, errno) {
	return t.remove(world.OpRmdir, unix.AT_FDCWD, a[0])
}

func sysUnlinkat(t *Thread, a args) (uint64, errno) {
	switch a.uint(2) {
	case 0:
		return t.remove(world.OpUnlink, a.fd(0), a[1])
	case unix.AT_REMOVEDIR:
		return t.remove(world.OpRmdir, a.fd(0), a[1])
	}
	return 0, unix.EINVAL
}

func (t *Thread) remove(op world.Op, dirfd int, addr uint64) (uint64, errno) {
	dir, name, e := t.p.pathAt(dirfd, addr)
	if e != 0 {
		return 0, e
	}
	return 0, t.p.ask(world.Request{Op: op, Dir: dir, Path: name}).Errno
}

func sysRename(t *Thread, a args) (uint64, errno) {
	return t.rename(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], 0)
}

func sysRenameat(t *Thread, a args) (uint64, errno) {
	return t.rename(a.fd(0), a[1], a.fd(2), a[3], 0)
}

func sysRenameat2(t *Thread, a args) (uint64, errno) {
	return t.rename(a.fd(0), a[1], a.fd(2), a[3], a.uint(4))
}

// rename is do_renameat2() of fs/namei.c: flags first, then the old path, then
// the new one.
func (t *Thread) rename(oldFD int, oldAddr uint64, newFD int, newAddr uint64, flags uint32) (uint64, errno) {
	p := t.p
	oldName, oldErr := p.path(oldAddr)
	newName, newErr := p.path(newAddr)
	const single = unix.RENAME_NOREPLACE | unix.RENAME_WHITEOUT
	if flags&^(single|unix.RENAME_EXCHANGE) != 0 || flags&unix.RENAME_EXCHANGE != 0 && flags&single != 0 {
		return 0, unix.EINVAL
	}
	if oldErr != 0 {
		return 0, oldErr
	}
	dir, e := p.at(oldFD, oldName)
	if e != 0 {
		return 0, e
	}
	dir2, e := p.at(newFD, newName)
	if newErr != 0 {
		e = newErr
	}
	if e != 0 {
		// The folder of the old path is looked up before the new path.
		return 0, cmpErrno(p.parentError(dir, oldName), e)
	}
	r := world.Request{Op: world.OpRename, Dir: dir, Path: oldName, Dir2: dir2, Path2: newName}
	for _, f := range [][2]uint32{
		{unix.RENAME_NOREPLACE, world.RenameNoReplace}, {unix.RENAME_EXCHANGE, world.RenameExchange}, {unix.RENAME_WHITEOUT, world.RenameWhiteout},
	} {
		if flags&f[0] != 0 {
			r.Flags |= f[1]
		}
	}
	return 0, p.ask(r).Errno
}

// cmpErrno gives the first errno that is one.
func cmpErrno(first, second errno) errno {
	if first != 0 {
		return first
	}
	return second
}

// parent is the folder part of a path, to be resolved from the same place.
func parent(name string) string {
	name = strings.TrimRight(name, "/")
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "."
	}
	return name[:i+1]
}

// parentError is what resolving all but the last component of a path says. What
// it asks for is no longer than the path.
func (p *Process) parentError(dir world.Handle, name string) errno {
	folder := parent(name)
	if strings.HasSuffix(folder, "/") {
		folder += "."
	}
	return p.ask(world.Request{Op: world.OpStat, Dir: dir, Path: folder}).Errno
}

func sysReadlink(t *Thread, a args) (uint64, errno) {
	return t.readlink(unix.AT_FDCWD, a[0], a[1], a.int(2))
}

func sysReadlinkat(t *Thread, a args) (uint64, errno) {
	return t.readlink(a.fd(0), a[1], a[2], a.int(3))
}

// readlink is do_readlinkat() of fs/stat.c. An empty path names the descriptor,
// which may be a link opened with O_PATH and O_NOFOLLOW.
func (t *Thread) readlink(dirfd int, addr, to uint64, room int32) (uint64, errno) {
	p := t.p
	if room <= 0 {
		return 0, unix.EINVAL
	}
	name, e := p.copyString(addr, world.PathMax)
	if e != 0 {
		return 0, e
	}
	target := ""
	if name == "" {
		target, e = p.readlinkFD(dirfd)
	} else {
		var dir world.Handle
		if dir, e = p.at(dirfd, name); e == 0 {
			r := p.ask(world.Request{Op: world.OpReadlink, Dir: dir, Path: name})
			target, e = r.Text, r.Errno
		}
	}
	if e != 0 {
		return 0, e
	}
	raw := []byte(target)
	raw = raw[:min(len(raw), int(room))]
	return uint64(len(raw)), p.writeStruct(to, raw)
}

func (p *Process) readlinkFD(dirfd int) (string, errno) {
	if dirfd == unix.AT_FDCWD {
		return "", unix.ENOENT
	}
	f, e := p.files.getAny(dirfd)
	if e != 0 {
		return "", e
	}
	if f.kind != world.KindLink {
		return "", unix.ENOENT
	}
	r := p.ask(world.Request{Op: world.OpReadlink, Dir: f.handle})
	return r.Text, r.Errno
}

func sysSymlink(t *Thread, a args) (uint64, errno) { return t.symlink(a[0], unix.AT_FDCWD, a[1]) }

func sysSymlinkat(t *Thread, a args) (uint64, errno) { return t.symlink(a[0], a.fd(1), a[2]) }

// symlink always ends in EPERM: the world has no links but the image's own.
func (t *Thread) symlink(target uint64, dirfd int, addr uint64) (uint64, errno) {
	if _, e := t.p.path(target); e != 0 {
		return 0, e
	}
	return 0, t.p.refuseAt(dirfd, addr)
}

// refuseAt checks a path at which a name shall be made and refuses it.
func (p *Process) refuseAt(dirfd int, addr uint64) errno {
	dir, name, e := p.pathAt(dirfd, addr)
	if e != 0 {
		return e
	}
	return p.ask(world.Request{Op: world.OpCreate, Dir: dir, Path: name}).Errno
}

func sysLink(t *Thread, a args) (uint64, errno) {
	return t.link(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], 0)
}

func sysLinkat(t *Thread, a args) (uint64, errno) {
	return t.link(a.fd(0), a[1], a.fd(2), a[3], a.uint(4))
}

// link is do_linkat() of fs/namei.c; it ends in EPERM, as on a file system
// without hard links.
func (t *Thread) link(oldFD int, oldAddr uint64, newFD int, newAddr uint64, flags uint32) (uint64, errno) {
	p := t.p
	if flags&^(unix.AT_SYMLINK_FOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, unix.EINVAL
	}
	n, e := p.node(oldFD, oldAddr, flags&unix.AT_EMPTY_PATH != 0)
	if e != 0 {
		return 0, e
	}
	st, e := p.statNode(n, flags&unix.AT_SYMLINK_FOLLOW == 0)
	if e != 0 {
		return 0, e
	}
	dir, name, e := p.pathAt(newFD, newAddr)
	if e != 0 {
		return 0, e
	}
	e = p.ask(world.Request{Op: world.OpCreate, Dir: dir, Path: name}).Errno
	if e == unix.EPERM {
		r := p.ask(world.Request{Op: world.OpStat, Dir: dir, Path: parent(name)})
		if r.Errno == 0 && r.Stat.Dev != st.Dev {
			return 0, unix.EXDEV
		}
	}
	return 0, e
}

func sysMknod(t *Thread, a args) (uint64, errno) {
	return t.mknod(unix.AT_FDCWD, a[0], a.uint(1))
}

func sysMknodat(t *Thread, a args) (uint64, errno) { return t.mknod(a.fd(0), a[1], a.uint(2)) }

// mknod is EPERM after the path (do_mknodat and may_mknod of fs/namei.c): a
// world makes its files by open.
func (t *Thread) mknod(dirfd int, addr uint64, mode uint32) (uint64, errno) {
	switch mode & unix.S_IFMT {
	case 0, unix.S_IFREG, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO, unix.S_IFSOCK:
		return 0, t.p.refuseAt(dirfd, addr)
	case unix.S_IFDIR:
		return 0, unix.EPERM
	}
	return 0, unix.EINVAL
}

// node is what an "at" call acts on: a path from a folder of the world, or a
// description.
type nodeRef struct {
	dir  world.Handle
	name string
	file *openFile // with AT_EMPTY_PATH and an empty path
}

// node resolves the arguments of an "at" call; empty allows an empty path.
func (p *Process) node(dirfd int, addr uint64, empty bool) (nodeRef, errno) {
	if !empty {
		dir, name, e := p.pathAt(dirfd, addr)
		return nodeRef{dir: dir, name: name}, e
	}
	name, e := p.copyString(addr, world.PathMax)
	if e != 0 {
		return nodeRef{}, e
	}
	if name != "" {
		dir, e := p.at(dirfd, name)
		return nodeRef{dir: dir, name: name}, e
	}
	if dirfd == unix.AT_FDCWD {
		return nodeRef{dir: p.files.cwd, name: "."}, 0
	}
	f, e := p.files.getAny(dirfd)
	return nodeRef{file: f}, e
}

// statNode is stat of what node found.
func (p *Process) statNode(n nodeRef, noFinalLink bool) (world.Stat, errno) {
	if n.file != nil {
		return n.file.obj.stat(p, n.file)
	}
	r := p.ask(world.Request{Op: world.OpStat, Dir: n.dir, Path: n.name, Flags: noFollow(noFinalLink)})
	return r.Stat, r.Errno
}

// askNode puts a request about what node found. Streams and pipes, which the
// world does not know, keep their permissions and times themselves.
func (p *Process) askNode(n nodeRef, r world.Request) errno {
	if n.file != nil {
		if !n.file.world {
			return n.file.setLocal(p, &r)
		}
		r.Dir = n.file.handle
	} else {
		r.Dir, r.Path = n.dir, n.name
	}
	return p.ask(r).Errno
}
