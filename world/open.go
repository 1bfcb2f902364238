package world

import "golang.org/x/sys/unix"

// openHow is what the flags of open(2) come to.
type openHow struct {
	access    int // O_RDONLY, O_WRONLY, O_RDWR
	keep      int // flags that the host's description gets too
	create    bool
	exclusive bool
	truncate  bool
	folder    bool // O_DIRECTORY
	noFollow  bool
	pathOnly  bool // O_PATH
	mode      uint32
}

// write says that the description may write.
func (h openHow) write() bool {
	return h.access == unix.O_WRONLY || h.access == unix.O_RDWR
}

// wants says that opening needs the right to write (Linux, fs/open.c:
// build_open_flags: O_TRUNC implies MAY_WRITE).
func (h openHow) wants() bool { return h.access != unix.O_RDONLY || h.truncate }

func (h openHow) hostFlags() int { return h.access | h.keep }

// parseOpen checks flags as Linux does (fs/open.c: build_open_flags).
func parseOpen(flags, mode uint32) (openHow, errno) {
	f := int(flags)
	if f&unix.O_PATH != 0 {
		return openHow{pathOnly: true, folder: f&unix.O_DIRECTORY != 0, noFollow: f&unix.O_NOFOLLOW != 0}, 0
	}
	h := openHow{
		access:    f & unix.O_ACCMODE,
		keep:      f & (unix.O_SYNC | unix.O_DSYNC),
		create:    f&unix.O_CREAT != 0,
		exclusive: f&unix.O_EXCL != 0,
		truncate:  f&unix.O_TRUNC != 0,
		folder:    f&unix.O_DIRECTORY != 0,
		noFollow:  f&unix.O_NOFOLLOW != 0,
		mode:      mode & 07777,
	}
	const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
	switch {
	case f&tmpfile != 0:
		if !h.folder || h.create || h.access == unix.O_RDONLY {
			return h, unix.EINVAL
		}
		return h, unix.EOPNOTSUPP
	case h.create && h.folder:
		return h, unix.EINVAL
	}
	if h.create && h.exclusive {
		h.noFollow = true
	}
	return h, 0
}

// open is openat(2).
func (s *Server) open(r *Request, resp *Response) errno {
	how, e := parseOpen(r.Flags, r.Mode)
	if e != 0 && (e != unix.EOPNOTSUPP) {
		return e
	}
	if e := s.canOpen(); e != 0 {
		return e
	}
	if e == unix.EOPNOTSUPP { // O_TMPFILE: of the folder, once it is found
		return s.openTmpfile(r)
	}
	at, e := s.base(r.Dir, r.Path)
	if e != 0 {
		return e
	}
	hops := 0
	p, e := s.walk(at, r.Path, &hops)
	if e != 0 {
		return e
	}
	return s.openPlace(p, how, &hops, resp)
}

func (s *Server) openTmpfile(r *Request) errno {
	at, e := s.base(r.Dir, r.Path)
	if e != 0 {
		return e
	}
	f, e := s.lookup(at, r.Path, r.Flags&unix.O_NOFOLLOW == 0)
	switch {
	case e != 0:
		return e
	case f.kind != KindDir:
		return unix.ENOTDIR
	}
	return unix.EOPNOTSUPP
}

// openPlace opens or creates the last component, in the order of Linux's
// open_last_lookups and do_open (fs/namei.c).
func (s *Server) openPlace(p place, how openHow, hops *int, resp *Response) errno {
	for {
		if p.special() {
			d := p.folder()
			st, e := d.stat()
			if e != 0 {
				return e
			}
			return s.openFound(found{node: node{kind: KindDir, stat: st}, dir: d}, p.slash, how, resp)
		}
		if how.create && p.slash {
			return unix.EISDIR
		}
		n, e := p.dir.find(p.name)
		if e == unix.ENOENT && how.create {
			return s.createAt(p, how, resp)
		}
		if e != 0 {
			return e
		}
		f := found{node: n, at: p.dir, name: p.name}
		if n.kind != KindLink || how.noFollow && !p.slash {
			return s.openFound(f, p.slash, how, resp)
		}
		next, e := s.follow(f, hops)
		if e != 0 {
			return e
		}
		next.slash = next.slash || p.slash
		p = next
	}
}

func (s *Server) createAt(p place, how openHow, resp *Response) errno {
	if p.dir.gone {
		return unix.ENOENT
	}
	if p.dir.mount.readOnly {
		return unix.EROFS
	}
	o, n, e := p.dir.create(p.name, how)
	if e != 0 {
		return e
	}
	s.opened(&handle{file: o, kind: n.kind, mount: p.dir.mount}, n, resp)
	return 0
}

// openFound opens what exists (Linux: do_open, may_open).
func (s *Server) openFound(f found, slash bool, how openHow, resp *Response) errno {
	isDir := f.kind == KindDir
	switch {
	case how.create && how.exclusive:
		return unix.EEXIST
	case how.create && isDir:
		return unix.EISDIR
	case (how.folder || slash) && !isDir:
		return unix.ENOTDIR
	case f.kind == KindLink && !how.pathOnly:
		return unix.ELOOP
	case isDir && how.wants():
		return unix.EISDIR
	case isDir:
		d, e := s.folderOf(f)
		if e == 0 {
			s.opened(&handle{dir: d, kind: KindDir, mount: d.mount}, f.node, resp)
		}
		return e
	case how.write() && !how.truncate && f.mem != nil && f.mem.program:
		return unix.ETXTBSY // it runs (do_dentry_open asks this before the mount)
	case (how.write() || how.truncate) && f.at.mount.readOnly && !f.device():
		return unix.EROFS
	}
	var o openFile
	var n node
	var e errno
	if f.mem != nil {
		o, n, e = f.mem.opened(how)
	} else {
		o, n, e = f.at.open(f.name, f.node, how)
	}
	if e != 0 {
		return e
	}
	s.opened(&handle{file: o, kind: n.kind, mount: f.at.mount}, n, resp)
	return 0
}

// device says that writes do not go to the file system: they are allowed on a
// read-only one.
func (n node) device() bool { return n.stat.Mode&unix.S_IFMT == unix.S_IFCHR }

func (s *Server) opened(o *handle, n node, resp *Response) {
	resp.Handle = s.newHandle(o)
	resp.Kind, resp.Stat, resp.Size = n.kind, n.stat, n.stat.Size
	if o.file != nil {
		resp.FD = o.file.fd()
		resp.Room = o.file.lend(n.stat.Size)
		if n.kind == KindText || n.kind == KindLink {
			resp.Text = o.file.text()
		}
	}
}
