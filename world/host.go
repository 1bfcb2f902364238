package world

import (
	"golang.org/x/sys/unix"
)

// hostKey tells files of the host apart.
type hostKey struct{ dev, ino uint64 }

// An inode is what the server remembers of a file of the host: its number in
// the world and, where there is a quota, what it counts.
type inode struct {
	ino      uint64
	counted  bool
	body     body
	opens    int
	lenders  int // of opens, those that loans of its mount knows
	nameless bool
	dates    dates
}

// maxInodes bounds the table of inodes. Beyond it the numbers of read-only
// files are made from the host's, which tells them apart as well but not the
// same way in every run. Files that count on a quota are always in the table;
// their number is bounded by the quota of names.
const maxInodes = 1 << 20

func (s *Server) newIno() uint64 {
	s.lastIno++
	return s.lastIno
}

func (m *mount) inode(key hostKey) *inode {
	s := m.srv
	if in := s.inodes[key]; in != nil {
		return in
	}
	if m.readOnly && len(s.inodes) >= maxInodes {
		return &inode{ino: 1<<62 | (key.dev*0x9E3779B97F4A7C15^key.ino)>>2}
	}
	in := &inode{ino: s.newIno()}
	s.inodes[key] = in
	return in
}

// count makes the quota know a file of size bytes.
func (in *inode) count(m *mount, size int64) {
	if in.counted || m.readOnly {
		return
	}
	in.counted = true
	in.body.mount = m
	in.body.set(size)
}

// forget drops a file whose last name has gone, when nobody has it open.
func (s *Server) forget(key hostKey) {
	in := s.inodes[key]
	if in == nil {
		return
	}
	in.nameless = true
	if in.opens > 0 {
		return
	}
	if in.counted {
		in.body.set(0)
	}
	delete(s.inodes, key)
}

// hostNode turns the host's stat into the world's; false: not a thing that is
// shown.
// name is the file's in the folder desc, or "" for what desc itself is.
func (m *mount) hostNode(st *unix.Stat_t, desc int, name string) (node, bool) {
	kind := KindFile
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		kind = KindDir
	case unix.S_IFLNK:
		kind = KindLink
	default:
		return node{}, false
	}
	key := hostKey{uint64(st.Dev), st.Ino}
	in := m.inode(key)
	n := node{kind: kind, key: key, stat: Stat{
		Dev: m.dev(), Ino: in.ino, Mode: st.Mode, Nlink: uint32(st.Nlink),
		Size: st.Size, Blocks: st.Blocks, Blksize: int32(st.Blksize),
		Atime: Timespec{st.Atim.Sec, st.Atim.Nsec},
		Mtime: Timespec{st.Mtim.Sec, st.Mtim.Nsec},
		Ctime: Timespec{st.Ctim.Sec, st.Ctim.Nsec},
		Mount: m.id,
	}}
	if m.srv.clock.Chosen() {
		m.date(in, &n, desc, name)
	}
	return n, true
}

func (m *mount) dev() uint64 { return unix.Mkdev(0, 32+uint32(m.id)) }

// hostFolder is a folder of the host. All access goes by one component from
// its descriptor and never follows a link, so nothing outside of the folder
// that was mounted can be reached, whatever happens to it meanwhile.
type hostFolder struct {
	mount *mount
	desc  int // O_PATH
	key   hostKey
}

func (f *hostFolder) look(name string) (node, errno) {
	var st unix.Stat_t
	e := retry(func() error { return unix.Fstatat(f.desc, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if e != 0 {
		return node{}, e
	}
	n, shown := f.mount.hostNode(&st, f.desc, name)
	if !shown {
		return node{}, unix.ENOENT
	}
	return n, 0
}

func (f *hostFolder) enter(name string, n node) (folder, errno) {
	fd, e := openat(f.desc, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if e != 0 {
		return nil, gone(e)
	}
	var st unix.Stat_t
	if e := errnoOf(unix.Fstat(fd, &st)); e != 0 {
		unix.Close(fd)
		return nil, e
	}
	return &hostFolder{f.mount, fd, hostKey{uint64(st.Dev), st.Ino}}, 0
}

// gone turns what the host says when something else took a name's place
// between two calls into ENOENT.
func gone(e errno) errno {
	switch e {
	case unix.ELOOP, unix.ENXIO, unix.ENODEV, unix.ENOTDIR, unix.EISDIR:
		return unix.ENOENT
	}
	return e
}

// openat opens one name without following it and without ever waiting.
func openat(at int, name string, flags int, mode uint32) (int, errno) {
	fd := -1
	e := retry(func() (err error) {
		fd, err = unix.Openat(at, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, e
}

func (f *hostFolder) is(n node) bool { return f.key == n.key }

func (f *hostFolder) readlink(name string, _ node) (string, errno) {
	buf := make([]byte, PathMax)
	n, err := unix.Readlinkat(f.desc, name, buf)
	if err != nil {
		return "", gone(errnoOf(err))
	}
	if n >= PathMax {
		return "", unix.ENAMETOOLONG
	}
	return string(buf[:n]), 0
}

func (f *hostFolder) open(name string, n node, how openHow) (openFile, node, errno) {
	flags := how.hostFlags()
	if how.pathOnly {
		flags = unix.O_PATH
	}
	fd, e := openat(f.desc, name, flags, 0)
	if e != 0 {
		return nil, node{}, gone(e)
	}
	o := &hostFile{mount: f.mount, desc: fd, how: how}
	got, e := o.node()
	if e == 0 && (got.kind != n.kind) {
		e = unix.ENOENT
	}
	if e != 0 {
		unix.Close(fd)
		return nil, node{}, e
	}
	o.hold(got)
	if how.truncate && !how.pathOnly {
		if e = o.cut(); e == 0 {
			got, e = o.node()
		}
		if e != 0 {
			o.close()
			return nil, node{}, e
		}
	}
	return o, got, 0
}

// cut is O_TRUNC, done after it is known what was opened. A file opened only
// for reading is truncated as well (open(2) leaves that open, Linux does it).
func (o *hostFile) cut() errno {
	e := errno(0)
	if o.how.write() {
		e = errnoOf(unix.Ftruncate(o.desc, 0))
	} else {
		e = errnoOf(unix.Truncate(procPath(o.desc), 0))
	}
	if e == 0 {
		o.in.body.set(0)
	}
	return e
}

// hold counts an open file.
func (o *hostFile) hold(n node) {
	o.key = n.key
	o.in = o.mount.inode(n.key)
	o.in.opens++
	if n.kind == KindFile {
		o.in.count(o.mount, held(&n.stat))
	}
}

func (f *hostFolder) create(name string, how openHow) (openFile, node, errno) {
	if e := f.mount.addName(); e != 0 {
		return nil, node{}, e
	}
	mode := how.mode & 01777
	fd, e := openat(f.desc, name, how.hostFlags()|unix.O_CREAT|unix.O_EXCL, mode)
	if e != 0 {
		f.mount.dropName()
		return nil, node{}, e
	}
	o := &hostFile{mount: f.mount, desc: fd, how: how}
	n, e := o.node()
	if e == 0 && n.stat.Mode&07777 != mode { // the host process's umask
		if e = errnoOf(unix.Fchmod(fd, mode)); e == 0 {
			n, e = o.node()
		}
	}
	if e != 0 {
		unix.Close(fd)
		return nil, node{}, e
	}
	o.hold(n)
	f.changed()
	return o, n, 0
}

func (f *hostFolder) mkdir(name string, mode uint32) errno {
	if e := f.mount.addName(); e != 0 {
		return e
	}
	mode &= 01777
	if e := retry(func() error { return unix.Mkdirat(f.desc, name, mode) }); e != 0 {
		f.mount.dropName()
		return e
	}
	f.changed()
	fd, e := openat(f.desc, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if e != 0 {
		return gone(e)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if e := errnoOf(unix.Fstat(fd, &st)); e != 0 || st.Mode&01777 == mode {
		return e
	}
	return errnoOf(unix.Chmod(procPath(fd), mode)) // the host process's umask
}

func (f *hostFolder) remove(name string, n node) errno {
	flags := 0
	if n.kind == KindDir {
		flags = unix.AT_REMOVEDIR
	}
	if e := retry(func() error { return unix.Unlinkat(f.desc, name, flags) }); e != 0 {
		return e
	}
	f.mount.unlinked(n)
	f.changed()
	return 0
}

// unlinked keeps the books when a name of n has gone.
func (m *mount) unlinked(n node) {
	m.dropName()
	m.srv.stamp(n.key)
	if n.kind == KindDir || n.stat.Nlink <= 1 {
		m.srv.forget(n.key)
	}
}

func (f *hostFolder) rename(name string, n node, to folder, toName string, replaced *node) errno {
	dest := to.(*hostFolder)
	flags := uint(0)
	if replaced == nil {
		flags = unix.RENAME_NOREPLACE // what is not shown is not replaced
	}
	err := unix.Renameat2(f.desc, name, dest.desc, toName, flags)
	if err == unix.EINVAL && flags != 0 { // a file system without the flag
		err = unix.Renameat2(f.desc, name, dest.desc, toName, 0)
	}
	if err != nil {
		return errnoOf(err)
	}
	if replaced != nil {
		f.mount.unlinked(*replaced)
	}
	f.mount.srv.stamp(n.key)
	f.changed()
	dest.changed()
	return 0
}

func (f *hostFolder) stat() (Stat, errno) {
	var st unix.Stat_t
	if e := errnoOf(unix.Fstat(f.desc, &st)); e != 0 {
		return Stat{}, e
	}
	n, _ := f.mount.hostNode(&st, f.desc, "")
	return n.stat, 0
}

func (f *hostFolder) chmod(mode uint32) errno {
	return f.mount.stamped(f.key, unix.Chmod(procPath(f.desc), mode&01777))
}

func (f *hostFolder) utimens(times [2]unix.Timespec) errno {
	return f.mount.dated(f.key, times, unix.UtimesNanoAt(unix.AT_FDCWD, procPath(f.desc), times[:], 0))
}

func (f *hostFolder) access(mode uint32) errno {
	return errnoOf(unix.Faccessat(f.desc, ".", mode, unix.AT_EACCESS))
}

func (f *hostFolder) sync() errno {
	fd, e := openat(f.desc, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if e != 0 {
		return e
	}
	defer unix.Close(fd)
	return retry(func() error { return unix.Fsync(fd) })
}

func (f *hostFolder) drop() { unix.Close(f.desc) }
