package world

import "golang.org/x/sys/unix"

// A node is what a name stood for when it was looked up.
type node struct {
	kind Kind
	stat Stat
	mem  *memNode // in memory, or made by the world
	key  hostKey  // on the host
}

// A folder is one directory of a file system: of the host (hostFolder) or in
// memory (memFolder). Names are single components, never "." or "..".
// The caller has checked that the mount may be written.
type folder interface {
	look(name string) (node, errno)
	enter(name string, n node) (folder, errno)
	is(n node) bool // whether n is this folder
	readlink(name string, n node) (string, errno)
	open(name string, n node, how openHow) (openFile, node, errno)
	create(name string, how openHow) (openFile, node, errno)
	mkdir(name string, mode uint32) errno
	remove(name string, n node) errno // a file's name or an empty folder
	rename(name string, n node, to folder, toName string, replaced *node) errno
	list() ([]Entry, errno)
	stat() (Stat, errno)
	chmod(mode uint32) errno
	utimens(times [2]unix.Timespec) errno
	access(mode uint32) errno
	sync() errno
	drop()
}

// An openFile is an open node that is not a folder.
type openFile interface {
	fd() int // the description that the runner gets a duplicate of; -1: none
	node() (node, errno)
	text() string
	truncate(size int64) errno
	grow(from, size int64) (int64, errno)
	lend(size int64) int64
	allocate(mode uint32, offset, size int64) errno
	chmod(mode uint32) errno
	utimens(times [2]unix.Timespec) errno
	access(mode uint32) errno
	sync() errno
	close()
}

// A dir is a folder at its place in the tree. It is the same object for all
// who hold it, so that a rename moves every handle below it.
type dir struct {
	folder
	mount  *mount
	parent *dir // the root's is itself
	name   string
	kids   map[string]*dir     // those in use
	over   map[string]*memNode // names that hide the file system's own
	refs   int                 // handles and kids
	fixed  bool                // the root or a mount point: never dropped, moved, removed
	gone   bool                // removed
	freed  bool
}

// find looks up one name.
func (d *dir) find(name string) (node, errno) {
	if len(name) > NameMax {
		return node{}, unix.ENAMETOOLONG
	}
	if k := d.kids[name]; k != nil && k.fixed {
		st, e := k.stat()
		return node{kind: KindDir, stat: st}, e
	}
	if n := d.over[name]; n != nil {
		return n.node()
	}
	return d.look(name)
}

// child gives the dir object of a subfolder that find has found.
func (s *Server) child(d *dir, name string, n node) (*dir, errno) {
	if k := d.kids[name]; k != nil {
		if k.fixed || k.is(n) {
			return k, 0
		}
		s.detach(k) // the host put another folder in its place
	}
	if s.dirs >= maxDirs {
		return nil, unix.ENFILE
	}
	f, e := d.enter(name, n)
	if e != 0 {
		return nil, e
	}
	k := &dir{folder: f, mount: d.mount, parent: d, name: name}
	d.adopt(k)
	s.dirs++
	s.fresh = append(s.fresh, k)
	return k, 0
}

// seen gives a mount's folder its inode number, as a look at it does.
func (d *dir) seen() {
	if f, is := d.folder.(*hostFolder); is {
		f.mount.inode(f.key)
	}
}

func (d *dir) adopt(k *dir) {
	if d.kids == nil {
		d.kids = make(map[string]*dir)
	}
	k.parent = d
	d.kids[k.name] = k
	d.refs++
}

// detach marks a folder that has lost its name. It keeps its parent, for
// ".." as Linux has it, until it is dropped.
func (s *Server) detach(k *dir) {
	k.gone = true
	if k.parent.kids[k.name] == k {
		delete(k.parent.kids, k.name)
	}
	s.fresh = append(s.fresh, k)
}

// release gives back one use of d and sees at the request's end whether it is
// still needed.
func (s *Server) release(d *dir) {
	d.refs--
	s.fresh = append(s.fresh, d)
}

// sweep drops the folders that this request has touched and nobody holds.
func (s *Server) sweep() {
	for i := len(s.fresh) - 1; i >= 0; i-- {
		for d := s.fresh[i]; d.refs == 0 && !d.fixed && !d.freed; d = d.parent {
			d.freed = true
			if d.parent.kids[d.name] == d {
				delete(d.parent.kids, d.name)
			}
			d.parent.refs--
			d.folder.drop()
			s.dirs--
		}
	}
	s.fresh = s.fresh[:0]
}

// path is the absolute path of d, as getcwd(2) gives it.
func (d *dir) path() (string, errno) {
	path := ""
	for ; d.parent != d; d = d.parent {
		if d.gone {
			return "", unix.ENOENT
		}
		path = "/" + d.name + path
		if len(path) >= PathMax {
			return "", unix.ENAMETOOLONG
		}
	}
	if path == "" {
		path = "/"
	}
	return path, 0
}
