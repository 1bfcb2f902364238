package libos

import (
	"errors"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// openFile is an open file description (open(2), "Open file descriptions"):
// what descriptors made by dup share.
type openFile struct {
	refs  int
	flags int32 // access mode and status flags as F_GETFL shows them
	pos   int64
	obj   object
	mount string // name under which bytes are counted

	// handle of the world, if world is set: the node as a starting point of
	// paths and for requests on the open file.
	handle world.Handle
	world  bool
	kind   world.Kind
	ino    inode
	path   string // absolute, as it was when the file was opened: named
}

// object is what a description reads and writes. Offsets are where to start
// in the file; objects without positions ignore them.
type object interface {
	// read moves bytes to the guest: fewer than asked for at the end, at a
	// fault, or if no more is there now; an errno only if nothing was moved.
	read(t *Thread, f *openFile, b *buffers, off int64) (int, errno)
	// write is the same the other way.
	write(t *Thread, f *openFile, b *buffers, off int64) (int, errno)
	// stat tells what fstat(2) shows.
	stat(p *Process, f *openFile) (world.Stat, errno)
	// ready tells the poll events that hold now; host is a descriptor to ask
	// instead, or -1.
	ready(f *openFile) (events int16, host int)
	// close lets go of what the object holds.
	close(p *Process, f *openFile)
}

// seeker is an object with positions: pread(2) and lseek(2) work.
type seeker interface {
	// seek answers lseek(2) for a description at f.pos.
	seek(p *Process, f *openFile, off int64, whence int32) (int64, errno)
}

// retain adds a reference.
func (f *openFile) retain() *openFile {
	f.refs++
	return f
}

// release takes a reference away and closes what nothing refers to.
func (f *openFile) release(p *Process) {
	f.refs--
	if f.refs > 0 {
		return
	}
	p.files.locks.forget(f)
	f.obj.close(p, f)
	if len(f.path) > shortPath {
		p.files.longPaths -= len(f.path)
	}
	if f.world {
		p.forget(f.handle)
	}
}

func (f *openFile) readable() bool {
	m := f.flags & unix.O_ACCMODE
	return m == unix.O_RDONLY || m == unix.O_RDWR
}

func (f *openFile) writable() bool {
	m := f.flags & unix.O_ACCMODE
	return m == unix.O_WRONLY || m == unix.O_RDWR
}

func (f *openFile) nonblocking() bool { return f.flags&unix.O_NONBLOCK != 0 }

// seekable says whether the description has a position (FMODE_PREAD).
func (f *openFile) seekable() bool {
	if s, ok := f.obj.(*stream); ok {
		return s.regular || s.null
	}
	_, ok := f.obj.(seeker)
	return ok
}

// ask puts a request to the world. /tmp may grow into what the memory limit
// leaves beside the guest's frames; what it holds afterwards counts as memory.
// Frames that were backed in vain stand in nobody's way.
func (p *Process) ask(r world.Request) world.Response {
	resp := p.request(r)
	full := resp.Errno == unix.ENOSPC || r.Op == world.OpGrow && resp.Errno == 0 && resp.Size < r.Size
	if full && p.reclaim() {
		if more := p.request(r); more.Errno == 0 {
			return more
		}
	}
	return resp
}

func (p *Process) request(r world.Request) world.Response {
	left := int64(p.cfg.Meter.Limit()) - int64(p.cfg.Meter.Backed())
	r.Scratch = max(left+p.files.scratch, 0)
	if p.cfg.Clock.Frozen() {
		r.Uptime = int64(p.cfg.Clock.Uptime())
	}
	resp := p.cfg.World.Do(r)
	if r.Op == world.OpClose { // it has no answer
		return resp
	}
	if r.Op == world.OpRmdir || r.Op == world.OpRename {
		p.files.listing = listingPage{} // of a folder that may be gone
	}
	p.files.epoch = resp.Epoch
	if resp.Scratch != p.files.scratch {
		p.files.scratch = resp.Scratch
		p.cfg.Meter.SetScratch(uint64(max(resp.Scratch, 0)))
	}
	return resp
}

// forget closes a handle of the world.
func (p *Process) forget(h world.Handle) {
	if h != world.Root {
		p.ask(world.Request{Op: world.OpClose, Dir: h})
	}
}

// initFiles opens the standard streams that the host has open, and starts in "/".
func (p *Process) initFiles() {
	p.files.umask = 0o022
	for fd, host := range [3]int{p.cfg.Stdin, p.cfg.Stdout, p.cfg.Stderr} {
		if f := p.openStream(fd, host); f != nil {
			p.install(fd, f, false)
		}
	}
}

// closeFiles closes every descriptor and the working folder.
func (p *Process) closeFiles() {
	for fd := range p.files.fds {
		if p.files.fds[fd].file != nil {
			p.drop(fd)
		}
	}
	p.forget(p.files.cwd)
	p.files.cwd = world.Root
}

// hostErrno is the error number in an error of a system call on the host.
func hostErrno(err error) errno {
	if err == nil {
		return 0
	}
	var e errno
	if errors.As(err, &e) {
		return e
	}
	return unix.EIO
}
