package world

import (
	"strings"

	"golang.org/x/sys/unix"
)

// A place is where a path leads before its last component is looked up, like
// Linux's nameidata (fs/namei.c: filename_parentat).
type place struct {
	dir   *dir
	name  string // "" when the path is "/"; may be "." or ".."
	slash bool   // the name is followed by a slash: it must be a folder
}

// special says that the last component names a folder by its position: "/",
// "." or ".." (Linux: last_type is not LAST_NORM).
func (p place) special() bool { return p.name == "" || p.name == "." || p.name == ".." }

// folder is the folder that a special place names.
func (p place) folder() *dir {
	if p.name == ".." {
		return p.dir.parent
	}
	return p.dir
}

// walk resolves all of path but its last component. hops counts the links
// followed by the whole resolution.
func (s *Server) walk(at *dir, path string, hops *int) (place, errno) {
	if path == "" {
		return place{}, unix.ENOENT
	}
	if path[0] == '/' {
		at = s.root
		path = strings.TrimLeft(path, "/")
	}
	for {
		name, rest, slash := strings.Cut(path, "/")
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return place{at, name, slash}, 0
		}
		path = rest
		switch name {
		case ".":
		case "..":
			at = at.parent
		default:
			next, e := s.step(at, name, hops)
			if e != 0 {
				return place{}, e
			}
			at = next
		}
	}
}

// step goes from at into the folder called name, through links.
func (s *Server) step(at *dir, name string, hops *int) (*dir, errno) {
	if k := at.kids[name]; k != nil && k.fixed {
		k.seen()
		return k, 0
	}
	f, e := s.finish(place{at, name, true}, true, hops)
	if e != 0 {
		return nil, e
	}
	return s.folderOf(f)
}

// A found node and where it is: exactly one of dir and at is set, except for
// a folder that was found by name.
type found struct {
	node
	at   *dir // the folder it was looked up in
	name string
	dir  *dir // the folder itself, when it is one and is known already
}

// finish looks up the last component of p; follow: also through a link.
func (s *Server) finish(p place, follow bool, hops *int) (found, errno) {
	if p.special() {
		d := p.folder()
		st, e := d.stat()
		return found{node: node{kind: KindDir, stat: st}, dir: d}, e
	}
	n, e := p.dir.find(p.name)
	if e != 0 {
		return found{}, e
	}
	f := found{node: n, at: p.dir, name: p.name}
	if n.kind == KindLink && (follow || p.slash) {
		next, e := s.follow(f, hops)
		if e != 0 {
			return found{}, e
		}
		next.slash = next.slash || p.slash
		return s.finish(next, true, hops)
	}
	if p.slash && n.kind != KindDir {
		return found{}, unix.ENOTDIR
	}
	return f, 0
}

// follow goes where a link points. An absolute target starts at the world's
// root.
func (s *Server) follow(f found, hops *int) (place, errno) {
	if *hops++; *hops > MaxLinks {
		return place{}, unix.ELOOP
	}
	target, e := f.at.linkText(f.name, f.node)
	if e != 0 {
		return place{}, e
	}
	return s.walk(f.at, target, hops)
}

func (d *dir) linkText(name string, n node) (string, errno) {
	if n.mem != nil {
		return n.mem.target, 0
	}
	return d.readlink(name, n)
}

// lookup resolves a whole path.
func (s *Server) lookup(at *dir, path string, follow bool) (found, errno) {
	hops := 0
	p, e := s.walk(at, path, &hops)
	if e != 0 {
		return found{}, e
	}
	return s.finish(p, follow, &hops)
}

// folderOf opens the folder that was found; ENOTDIR for anything else.
func (s *Server) folderOf(f found) (*dir, errno) {
	if f.kind != KindDir {
		return nil, unix.ENOTDIR
	}
	if f.dir != nil {
		return f.dir, 0
	}
	return s.child(f.at, f.name, f.node)
}

// base is the folder that a request's path starts from.
func (s *Server) base(h Handle, path string) (*dir, errno) {
	if e := checkPath(path); e != 0 {
		return nil, e
	}
	if h == Root || strings.HasPrefix(path, "/") {
		return s.root, 0
	}
	o, e := s.handle(h)
	if e != 0 {
		return nil, e
	}
	if o.dir == nil {
		return nil, unix.ENOTDIR
	}
	return o.dir, 0
}

func checkPath(path string) errno {
	switch {
	case path == "":
		return unix.ENOENT
	case len(path) >= PathMax:
		return unix.ENAMETOOLONG
	case strings.IndexByte(path, 0) >= 0:
		return unix.EINVAL
	}
	return 0
}

// parent resolves a request's path up to its last component.
func (s *Server) parent(h Handle, path string) (place, errno) {
	at, e := s.base(h, path)
	if e != 0 {
		return place{}, e
	}
	hops := 0
	return s.walk(at, path, &hops)
}
