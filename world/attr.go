package world

import "golang.org/x/sys/unix"

// onNode serves the requests that look at a node or change its attributes: by
// path, or by handle with an empty path.
func (s *Server) onNode(r *Request, resp *Response) errno {
	if r.Op == OpAccess && r.Mode&^(unix.R_OK|unix.W_OK|unix.X_OK) != 0 {
		return unix.EINVAL
	}
	if r.Path == "" {
		o, e := s.handle(r.Dir)
		if e != 0 {
			return e
		}
		return s.onOpen(r, o, resp)
	}
	if r.Op == OpTruncate && r.Size < 0 {
		return unix.EINVAL
	}
	at, e := s.base(r.Dir, r.Path)
	if e != 0 {
		return e
	}
	f, e := s.lookup(at, r.Path, r.Flags&NoFollow == 0 && r.Op != OpReadlink)
	if e != 0 {
		return e
	}
	switch r.Op {
	case OpStat:
		resp.Stat, resp.Kind = f.stat, f.kind
		return 0
	case OpReadlink:
		if f.kind != KindLink {
			return unix.EINVAL
		}
		resp.Text, e = f.at.linkText(f.name, f.node)
		return e
	case OpTruncate:
		return s.truncate(f, r.Size)
	}
	return s.onFound(r, f, resp)
}

// onFound opens what was found for the length of the request.
func (s *Server) onFound(r *Request, f found, resp *Response) errno {
	if f.kind == KindDir {
		d, e := s.folderOf(f)
		if e != 0 {
			return e
		}
		return s.onOpen(r, &handle{dir: d, kind: KindDir, mount: d.mount}, resp)
	}
	o := &handle{kind: f.kind, mount: f.at.mount}
	if r.Op == OpStatfs {
		return s.onOpen(r, o, resp)
	}
	if e := checkWrite(r, o); e != 0 {
		return e
	}
	if f.mem != nil {
		e := onMemNode(r, f.mem)
		return checkAccess(r, o, f.device(), e)
	}
	e := f.at.folder.(*hostFolder).onName(r, f)
	return checkAccess(r, o, false, e)
}

func onMemNode(r *Request, n *memNode) errno {
	switch r.Op {
	case OpChmod:
		if n.kind == KindLink {
			return unix.EOPNOTSUPP
		}
		return n.chmod(r.Mode)
	case OpUtimens:
		return n.utimens(n.mount.srv.times(r.Times))
	}
	return n.access(r.Mode)
}

// onName changes or checks a file by its name, which is not followed.
func (f *hostFolder) onName(r *Request, at found) errno {
	fd, e := openat(f.desc, at.name, unix.O_PATH, 0)
	if e != 0 {
		return gone(e)
	}
	o := &hostFile{mount: f.mount, desc: fd}
	defer unix.Close(fd)
	n, e := o.node()
	switch {
	case e != 0:
		return e
	case n.kind != at.kind:
		return unix.ENOENT
	}
	switch r.Op {
	case OpChmod:
		if n.kind == KindLink {
			return unix.EOPNOTSUPP
		}
		return f.mount.stamped(n.key, unix.Chmod(procPath(fd), r.Mode&01777))
	case OpUtimens:
		times := f.mount.srv.times(r.Times)
		return f.mount.dated(n.key, times, unix.UtimesNanoAt(fd, "", times[:], unix.AT_EMPTY_PATH))
	}
	if n.kind == KindLink {
		return 0
	}
	return o.access(r.Mode)
}

// checkWrite refuses changes of a read-only mount.
func checkWrite(r *Request, o *handle) errno {
	if !o.mount.readOnly {
		return 0
	}
	switch r.Op {
	case OpChmod, OpUtimens, OpTruncate:
		return unix.EROFS
	}
	return 0
}

// checkAccess is access(2) where the permission bits have given e: the
// read-only mount comes after them (Linux, fs/open.c: do_faccessat).
func checkAccess(r *Request, o *handle, device bool, e errno) errno {
	if e == 0 && r.Mode&unix.W_OK != 0 && o.mount.readOnly && !device {
		return unix.EROFS
	}
	return e
}

// onOpen serves what names an open file or folder.
func (s *Server) onOpen(r *Request, o *handle, resp *Response) errno {
	if r.Op == OpStatfs {
		resp.Statfs = o.mount.statfs()
		return 0
	}
	if o.dir != nil {
		return s.onFolder(r, o, resp)
	}
	n, e := o.file.node()
	if e != 0 {
		return e
	}
	switch r.Op {
	case OpStat:
		resp.Stat, resp.Kind = n.stat, n.kind
		return 0
	case OpReadlink:
		if n.kind != KindLink {
			return unix.ENOENT
		}
		resp.Text = o.file.text()
		return 0
	case OpTruncate:
		return o.file.truncate(r.Size)
	}
	if e := checkWrite(r, o); e != 0 {
		return e
	}
	switch r.Op {
	case OpChmod:
		return o.file.chmod(r.Mode)
	case OpUtimens:
		return o.file.utimens(s.times(r.Times))
	}
	return checkAccess(r, o, n.device(), o.file.access(r.Mode))
}

func (s *Server) onFolder(r *Request, o *handle, resp *Response) (e errno) {
	if e := checkWrite(r, o); e != 0 && r.Op != OpTruncate {
		return e
	}
	switch r.Op {
	case OpStat:
		resp.Kind = KindDir
		resp.Stat, e = o.dir.stat()
		return e
	case OpReadlink:
		return unix.ENOENT
	case OpTruncate:
		return unix.EINVAL
	case OpChmod:
		return o.dir.chmod(r.Mode)
	case OpUtimens:
		return o.dir.utimens(s.times(r.Times))
	}
	return checkAccess(r, o, false, o.dir.access(r.Mode))
}

// truncate is truncate(2) (Linux: vfs_truncate).
func (s *Server) truncate(f found, size int64) errno {
	switch {
	case f.kind == KindDir:
		return unix.EISDIR
	case f.stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return unix.EINVAL
	case f.at.mount.readOnly:
		return unix.EROFS
	case f.mem != nil:
		return f.mem.truncate(size)
	}
	o, _, e := f.at.open(f.name, f.node, openHow{access: unix.O_WRONLY})
	if e != 0 {
		return e
	}
	defer o.close()
	return o.truncate(size)
}

// times makes of a request's times what utimensat(2) takes, "now" being the
// world's.
func (s *Server) times(in [2]Time) (out [2]unix.Timespec) {
	now := s.now()
	for i, t := range in {
		switch {
		case t.Omit:
			out[i].Nsec = unix.UTIME_OMIT
		case t.Now:
			out[i] = unix.Timespec{Sec: now.Sec, Nsec: now.Nsec}
		default:
			out[i] = unix.Timespec{Sec: t.Sec, Nsec: t.Nsec}
		}
	}
	return out
}

// Magic numbers of statfs(2).
const (
	tmpfsMagic = 0x01021994
	ext4Magic  = 0xEF53
)

// statfs tells the quota as a file system of that size.
func (m *mount) statfs() Statfs {
	st := Statfs{Type: ext4Magic, Bsize: page, ReadOnly: m.readOnly}
	if m.memory || m.id == MountNone {
		st.Type = tmpfsMagic
	}
	if m.readOnly {
		return st
	}
	m.recall() // so that what was written is known
	st.Bfree = uint64(m.room()) / page
	if f, ok := m.root.folder.(*hostFolder); ok && !m.srv.clock.Chosen() {
		var host unix.Statfs_t
		if unix.Fstatfs(f.desc, &host) == nil && host.Bsize > 0 {
			st.Bfree = min(st.Bfree, host.Bavail*uint64(host.Bsize)/page)
		}
	}
	st.Blocks = st.Bfree + uint64(max(m.used, 0)+page-1)/page
	st.Files = uint64(m.maxNames)
	st.Ffree = uint64(max(m.maxNames-m.names, 0))
	return st
}
