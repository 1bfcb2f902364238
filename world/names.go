package world

import "golang.org/x/sys/unix"

// make is mkdir(2); for OpCreate it is everything of symlink, link and mknod
// up to the permission that a payload never has (Linux: filename_create).
func (s *Server) make(r *Request) errno {
	p, e := s.parent(r.Dir, r.Path)
	if e != 0 {
		return e
	}
	if p.special() {
		return unix.EEXIST
	}
	_, e = p.dir.find(p.name)
	switch {
	case e == 0:
		return unix.EEXIST
	case e != unix.ENOENT:
		return e
	case p.slash && r.Op != OpMkdir:
		return unix.ENOENT
	case p.dir.mount.readOnly:
		return unix.EROFS
	case p.dir.gone:
		return unix.ENOENT
	case r.Op != OpMkdir:
		return unix.EPERM
	}
	return p.dir.mkdir(p.name, r.Mode&01777)
}

// unlink is unlink(2) (Linux: do_unlinkat).
func (s *Server) unlink(r *Request) errno {
	p, e := s.parent(r.Dir, r.Path)
	switch {
	case e != 0:
		return e
	case p.special():
		return unix.EISDIR
	case p.dir.mount.readOnly:
		return unix.EROFS
	}
	n, e := p.dir.find(p.name)
	switch {
	case e != 0:
		return e
	case n.kind == KindDir:
		return unix.EISDIR
	case p.slash:
		return unix.ENOTDIR
	}
	return p.dir.remove(p.name, n)
}

// rmdir is rmdir(2) (Linux: do_rmdir).
func (s *Server) rmdir(r *Request) errno {
	p, e := s.parent(r.Dir, r.Path)
	switch {
	case e != 0:
		return e
	case p.name == "":
		return unix.EBUSY
	case p.name == ".":
		return unix.EINVAL
	case p.name == "..":
		return unix.ENOTEMPTY
	case p.dir.mount.readOnly:
		return unix.EROFS
	}
	n, e := p.dir.find(p.name)
	switch {
	case e != 0:
		return e
	case n.kind != KindDir:
		return unix.ENOTDIR
	}
	if e := p.dir.remove(p.name, n); e != 0 {
		return e
	}
	if k := p.dir.kids[p.name]; k != nil {
		s.detach(k)
	}
	return 0
}

// rename is renameat2(2) (Linux: do_renameat2, vfs_rename).
func (s *Server) rename(r *Request) errno {
	if r.Flags&^(RenameNoReplace|RenameExchange|RenameWhiteout) != 0 {
		return unix.EINVAL
	}
	noReplace := r.Flags&RenameNoReplace != 0
	from, e := s.parent(r.Dir, r.Path)
	if e != 0 {
		return e
	}
	to, e := s.parent(r.Dir2, r.Path2)
	switch {
	case e != 0:
		return e
	case from.dir.mount != to.dir.mount:
		return unix.EXDEV
	case from.special():
		return unix.EBUSY
	case to.special() && noReplace:
		return unix.EEXIST
	case to.special():
		return unix.EBUSY
	case from.dir.mount.readOnly:
		return unix.EROFS
	}
	return s.move(from, to, r.Flags)
}

// move renames between two places of one writable mount. Exchanges and
// whiteouts are refused last, as by a file system without them (renameat2(2)).
func (s *Server) move(from, to place, flags uint32) errno {
	noReplace, exchange := flags&RenameNoReplace != 0, flags&RenameExchange != 0
	old, e := from.dir.find(from.name)
	if e != 0 {
		return e
	}
	target, e := to.dir.find(to.name)
	exists := e == 0
	switch {
	case !exists && (e != unix.ENOENT || exchange):
		return e
	case exists && noReplace:
		return unix.EEXIST
	case old.kind != KindDir && (from.slash || to.slash && !exchange):
		return unix.ENOTDIR
	case exchange && target.kind != KindDir && to.slash:
		return unix.ENOTDIR
	case old.kind == KindDir && from.holds(to.dir):
		return unix.EINVAL
	case exists && target.kind == KindDir && to.holds(from.dir):
		if exchange {
			return unix.EINVAL
		}
		return unix.ENOTEMPTY
	case exists && old.stat.Ino == target.stat.Ino: // one file, or two names of it
		return 0
	case !exists && to.dir.gone:
		return unix.ENOENT
	case exchange:
		return unix.EINVAL
	case exists && old.kind == KindDir && target.kind != KindDir:
		return unix.ENOTDIR
	case exists && old.kind != KindDir && target.kind == KindDir:
		return unix.EISDIR
	case flags&RenameWhiteout != 0:
		return unix.EINVAL
	}
	var replaced *node
	if exists {
		replaced = &target
	}
	if e := from.dir.rename(from.name, old, to.dir.folder, to.name, replaced); e != 0 {
		return e
	}
	s.moved(from, to)
	return 0
}

// holds says whether d is the folder that p names, or lies below it.
func (p place) holds(d *dir) bool {
	k := p.dir.kids[p.name]
	for ; k != nil; d = d.parent {
		if d == k {
			return true
		}
		if d.parent == d {
			return false
		}
	}
	return false
}

// moved gives the open folders their new places.
func (s *Server) moved(from, to place) {
	if k := to.dir.kids[to.name]; k != nil {
		s.detach(k)
	}
	k := from.dir.kids[from.name]
	if k == nil {
		return
	}
	delete(from.dir.kids, from.name)
	s.release(from.dir)
	k.name = to.name
	to.dir.adopt(k)
}
