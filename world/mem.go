package world

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A memNode is a file, folder, device or link that lives in the server's
// memory. The content of a file is a memfd, so that the runner can read and
// write it without asking.
type memNode struct {
	mount  *mount
	kind   Kind
	ino    uint64
	mode   uint32 // permission bits
	rdev   uint64
	nlink  uint32
	target string              // KindLink
	text   string              // KindText
	kids   map[string]*memNode // KindDir
	subs   uint32              // KindDir: how many of kids are folders
	gone   bool                // KindDir: removed

	memfd   int  // KindFile: the content; -1: none yet, an empty file
	program bool // memfd is the caller's file of the program, which runs
	sealed  bool // memfd is the caller's file of an image, whose times are not shown
	body    body
	opens   int
	atime   Timespec
	mtime   Timespec
	ctime   Timespec
	wrote   Timespec // memfd's own mtime when it was last seen
}

func (m *mount) newNode(kind Kind, mode uint32) *memNode {
	now := m.srv.now()
	n := &memNode{mount: m, kind: kind, ino: m.srv.newIno(), mode: mode, nlink: 1, memfd: -1,
		atime: now, mtime: now, ctime: now}
	n.body.mount = m
	return n
}

// borrowed says that the content is a file of the caller's.
func (n *memNode) borrowed() bool { return n.program || n.sealed }

func (n *memNode) typeBits() uint32 {
	switch n.kind {
	case KindDir:
		return unix.S_IFDIR
	case KindLink:
		return unix.S_IFLNK
	case KindNull, KindZero, KindRandom:
		return unix.S_IFCHR
	}
	return unix.S_IFREG
}

func (n *memNode) node() (node, errno) {
	st := Stat{Dev: n.mount.dev(), Ino: n.ino, Mode: n.typeBits() | n.mode, Nlink: n.nlink, Rdev: n.rdev,
		Blksize: page, Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime, Mount: n.mount.id}
	switch n.kind {
	case KindDir:
		st.Size = 20 * int64(len(n.kids)+2) // Linux, mm/shmem.c: BOGO_DIRENT_SIZE
		if st.Nlink = 2 + n.subs; n.gone {
			st.Nlink = 0
		}
	case KindLink:
		st.Size = int64(len(n.target))
	case KindText:
		st.Size = int64(len(n.text))
	case KindFile:
		if e := n.fileStat(&st); e != 0 {
			return node{}, e
		}
	}
	return node{kind: n.kind, stat: st, mem: n}, 0
}

// fileStat fills in what the memfd knows. The runner writes to it directly, so
// a change of its mtime is how the server learns of writes.
func (n *memNode) fileStat(st *Stat) errno {
	if n.memfd < 0 {
		return 0
	}
	var host unix.Stat_t
	if e := errnoOf(unix.Fstat(n.memfd, &host)); e != 0 {
		return e
	}
	st.Size, st.Blocks = host.Size, host.Blocks
	n.noticeWrites(&host)
	st.Mtime, st.Ctime, st.Atime = n.mtime, n.ctime, n.atime
	return 0
}

func (n *memNode) noticeWrites(host *unix.Stat_t) {
	wrote := Timespec{host.Mtim.Sec, host.Mtim.Nsec}
	chosen := n.mount.srv.clock.Chosen()
	switch {
	case n.sealed:
	case n.program && chosen:
		n.atime, n.mtime, n.ctime = wrote, wrote, wrote
	case n.program:
		n.atime, n.mtime, n.ctime = Timespec{host.Atim.Sec, host.Atim.Nsec}, wrote, Timespec{host.Ctim.Sec, host.Ctim.Nsec}
	case wrote != n.wrote:
		n.wrote = wrote
		n.touch()
		if chosen {
			n.wrote = setMtime(n.memfd, "", n.mtime, wrote)
		}
	}
}

// touch marks a change of the content.
func (n *memNode) touch() {
	n.mtime = n.mount.srv.now()
	n.ctime = n.mtime
}

// settle makes the quota count what the file really holds, and forgets a file
// that has neither names nor users.
func (n *memNode) settle() {
	if n.kind != KindFile || n.borrowed() || n.opens > 0 {
		return
	}
	if n.nlink == 0 {
		n.body.set(0)
		if n.memfd >= 0 {
			unix.Close(n.memfd)
			n.memfd = -1
		}
		return
	}
	var st Stat
	if n.fileStat(&st) == 0 {
		n.body.set(held(&st))
	}
}

// memFolder is a folder in memory.
type memFolder struct{ n *memNode }

func (f memFolder) look(name string) (node, errno) {
	n := f.n.kids[name]
	if n == nil {
		return node{}, unix.ENOENT
	}
	return n.node()
}

func (f memFolder) enter(_ string, n node) (folder, errno)    { return memFolder{n.mem}, 0 }
func (f memFolder) is(n node) bool                            { return f.n == n.mem }
func (f memFolder) readlink(_ string, n node) (string, errno) { return n.mem.target, 0 }
func (f memFolder) sync() errno                               { return 0 }
func (f memFolder) drop()                                     {}
func (f memFolder) chmod(mode uint32) errno                   { return f.n.chmod(mode) }
func (f memFolder) utimens(times [2]unix.Timespec) errno      { return f.n.utimens(times) }
func (f memFolder) access(mode uint32) errno                  { return f.n.access(mode) }
func (f memFolder) open(_ string, n node, how openHow) (openFile, node, errno) {
	return n.mem.opened(how)
}

func (f memFolder) stat() (Stat, errno) {
	n, e := f.n.node()
	return n.stat, e
}

func (f memFolder) add(name string, n *memNode) {
	f.n.kids[name] = n
	if n.kind == KindDir {
		f.n.subs++
	}
	f.n.touch()
}

// take removes a name; the node keeps its content.
func (f memFolder) take(name string) *memNode {
	n := f.n.kids[name]
	delete(f.n.kids, name)
	if n.kind == KindDir {
		f.n.subs--
	}
	f.n.touch()
	return n
}

func (f memFolder) create(name string, how openHow) (openFile, node, errno) {
	if f.n.gone {
		return nil, node{}, unix.ENOENT
	}
	if e := f.n.mount.addName(); e != 0 {
		return nil, node{}, e
	}
	n := f.n.mount.newNode(KindFile, how.mode)
	o, e := n.open(how)
	if e != 0 {
		f.n.mount.dropName()
		return nil, node{}, e
	}
	f.add(name, n)
	found, e := n.node()
	return o, found, e
}

func (f memFolder) mkdir(name string, mode uint32) errno {
	if f.n.gone {
		return unix.ENOENT
	}
	if e := f.n.mount.addName(); e != 0 {
		return e
	}
	n := f.n.mount.newNode(KindDir, mode)
	n.kids = make(map[string]*memNode)
	f.add(name, n)
	return 0
}

func (f memFolder) remove(name string, n node) errno {
	if n.kind == KindDir && len(n.mem.kids) > 0 {
		return unix.ENOTEMPTY
	}
	f.take(name).unlinked()
	return 0
}

// unlinked drops a node that has lost its name.
func (n *memNode) unlinked() {
	n.nlink--
	n.gone = n.kind == KindDir
	n.ctime = n.mount.srv.now()
	n.mount.dropName()
	n.settle()
}

func (f memFolder) rename(name string, n node, to folder, toName string, replaced *node) errno {
	dest := to.(memFolder)
	if dest.n.gone {
		return unix.ENOENT
	}
	if replaced != nil {
		if len(replaced.mem.kids) > 0 {
			return unix.ENOTEMPTY
		}
		dest.take(toName).unlinked()
	}
	moved := f.take(name)
	moved.ctime = n.mem.mount.srv.now()
	dest.add(toName, moved)
	return 0
}

func (f memFolder) list() ([]Entry, errno) {
	entries := make([]Entry, 0, len(f.n.kids))
	for name, n := range f.n.kids {
		entries = append(entries, Entry{Name: name, Ino: n.ino, Kind: n.kind})
	}
	return entries, 0
}

func (n *memNode) chmod(mode uint32) errno {
	n.mode = mode & 07777
	n.ctime = n.mount.srv.now()
	return 0
}

func (n *memNode) utimens(times [2]unix.Timespec) errno {
	if n.memfd >= 0 { // a write that came before must not look later
		var st Stat
		if e := n.fileStat(&st); e != 0 {
			return e
		}
	}
	for i, t := range []*Timespec{&n.atime, &n.mtime} {
		if times[i].Nsec != unix.UTIME_OMIT {
			*t = Timespec{times[i].Sec, times[i].Nsec}
		}
	}
	if n.memfd >= 0 && times[1].Nsec != unix.UTIME_OMIT {
		n.wrote = setMtime(n.memfd, "", n.mtime, n.wrote) // or a write in the tick of the last would not show
	}
	n.ctime = n.mount.srv.now()
	return 0
}

// access is for user 0 with all capabilities: only executing a file that
// nobody may execute is refused (capabilities(7), CAP_DAC_OVERRIDE).
func (n *memNode) access(mode uint32) errno {
	if mode&unix.X_OK != 0 && n.kind != KindDir && n.mode&0111 == 0 {
		return unix.EACCES
	}
	return 0
}

// memFile is an open memNode.
type memFile struct {
	n    *memNode
	desc int // an open file description of its own; -1: none
	how  openHow
}

func (n *memNode) open(how openHow) (openFile, errno) {
	o := &memFile{n: n, desc: -1, how: how}
	if n.kind == KindFile && !how.pathOnly {
		if e := n.content(); e != 0 {
			return nil, e
		}
		if how.truncate {
			if e := n.truncate(0); e != 0 {
				return nil, e
			}
		}
		fd, e := reopen(n.memfd, how.hostFlags())
		if e != 0 {
			return nil, e
		}
		o.desc = fd
	}
	n.opens++
	return o, 0
}

// opened is open with what the file is then.
func (n *memNode) opened(how openHow) (openFile, node, errno) {
	o, e := n.open(how)
	if e != 0 {
		return nil, node{}, e
	}
	got, e := o.node()
	if e != 0 {
		o.close()
		return nil, node{}, e
	}
	return o, got, 0
}

// content makes the memfd of a file.
func (n *memNode) content() errno {
	if n.memfd >= 0 {
		return 0
	}
	fd, err := unix.MemfdCreate("spaceos", unix.MFD_CLOEXEC)
	if err != nil {
		return errnoOf(err)
	}
	n.memfd = fd
	var st unix.Stat_t
	if e := errnoOf(unix.Fstat(fd, &st)); e != 0 {
		return e
	}
	n.wrote = Timespec{st.Mtim.Sec, st.Mtim.Nsec}
	if n.mount.srv.clock.Chosen() {
		n.wrote = setMtime(fd, "", n.mtime, n.wrote) // a write in the same tick shows
	}
	return 0
}

// reopen makes a new open file description, with an offset and an access mode
// of its own, of a file that fd refers to (proc(5), /proc/pid/fd).
func reopen(fd, flags int) (int, errno) {
	got := -1
	e := retry(func() (err error) {
		got, err = unix.Open(procPath(fd), flags|unix.O_CLOEXEC, 0)
		return err
	})
	return got, e
}

func procPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func (n *memNode) truncate(size int64) errno {
	if e := n.content(); e != 0 {
		return e
	}
	var st Stat
	if e := n.fileStat(&st); e != 0 {
		return e
	}
	if e := n.body.need(st.Size, size); e != 0 {
		return e
	}
	if e := errnoOf(unix.Ftruncate(n.memfd, size)); e != 0 {
		return e
	}
	n.body.set(size)
	n.touch()
	return n.fileStat(&st)
}

func (o *memFile) fd() int             { return o.desc }
func (o *memFile) node() (node, errno) { return o.n.node() }
func (o *memFile) sync() errno         { return 0 }

func (o *memFile) text() string {
	if o.n.kind == KindLink {
		return o.n.target
	}
	return o.n.text
}

func (o *memFile) truncate(size int64) errno {
	switch {
	case o.how.pathOnly:
		return unix.EBADF
	case o.n.kind != KindFile || !o.how.write():
		return unix.EINVAL
	}
	return o.n.truncate(size)
}

func (o *memFile) size() (int64, errno) {
	var st Stat
	e := o.n.fileStat(&st)
	return st.Size, e
}

func (o *memFile) grow(from, want int64) (int64, errno) {
	if o.desc < 0 || !o.how.write() {
		return 0, unix.EBADF
	}
	size, e := o.size()
	if e != 0 {
		return 0, e
	}
	return o.n.body.grow(size, from, want)
}

// lend gives nothing: what memory holds counts as the cell's when it is given.
func (o *memFile) lend(int64) int64 { return 0 }

func (o *memFile) allocate(mode uint32, offset, length int64) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	if e := checkAllocate(mode, offset, length); e != 0 {
		return e
	}
	switch {
	case !o.how.write():
		return unix.EBADF
	case o.desc < 0:
		return unix.ENODEV
	}
	return allocate(o.desc, &o.n.body, mode, offset, length)
}

func (o *memFile) chmod(mode uint32) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	return o.n.chmod(mode)
}

func (o *memFile) utimens(times [2]unix.Timespec) errno {
	if o.how.pathOnly {
		return unix.EBADF
	}
	return o.n.utimens(times)
}

func (o *memFile) access(mode uint32) errno { return o.n.access(mode) }

func (o *memFile) close() {
	if o.desc >= 0 {
		unix.Close(o.desc)
	}
	o.n.opens--
	o.n.settle()
}

// now is the world's time as a file's time.
func (s *Server) now() Timespec {
	return timespec(s.clock.Now())
}

func timespec(t time.Time) Timespec {
	return Timespec{t.Unix(), int64(t.Nanosecond())}
}

// sortEntries orders a listing by name: the host's order is chance.
func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
}
