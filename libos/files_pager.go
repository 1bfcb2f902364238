package libos

import "golang.org/x/sys/unix"

// pager fills the pages of a mapped file. It keeps the open file description
// alive after the descriptor is closed, as a mapping does.
type pager interface {
	// ReadPages reads the bytes of one or more pages at off, n of them and zeros
	// after that; ok is false behind the end of the file (SIGBUS).
	ReadPages(dst []byte, off int64) (n int, ok bool)
	// Size is the file's size now.
	Size() int64
	Retain()
	Release()
	// Name is the path shown in /proc/self/maps.
	Name() string
}

// pagerOf is for mmap(2) of a descriptor: EBADF, EACCES if it is not open for
// reading or a shared mapping shall be writable without O_RDWR, ENODEV if it
// has no pages. The caller gets a reference of its own, to release.
func (p *Process) pagerOf(fd int, prot Prot, shared bool) (pager, errno) {
	f, e := p.files.get(fd)
	if e != 0 {
		return nil, e
	}
	if shared && prot&ProtWrite != 0 && !f.writable() || !f.readable() {
		return nil, unix.EACCES
	}
	switch x := f.obj.(type) {
	case *hostFile, zeroDevice:
	case *textFile:
		if x.proc {
			return nil, unix.ENODEV
		}
	case *stream:
		if !x.regular {
			return nil, unix.ENODEV
		}
	default:
		return nil, unix.ENODEV
	}
	return &filePager{p, f.retain()}, 0
}

// filePager reads pages through a description.
type filePager struct {
	p *Process
	f *openFile
}

func (g *filePager) Retain()  { g.f.retain() }
func (g *filePager) Release() { g.f.release(g.p) }

func (g *filePager) Size() int64 {
	switch obj := g.f.obj.(type) {
	case *hostFile:
		size, _ := obj.size()
		return size
	case *textFile:
		return int64(len(obj.text))
	case *stream:
		var st unix.Stat_t
		if unix.Fstat(obj.fd, &st) != nil {
			return 0
		}
		return st.Size
	}
	return maxFileSize // /dev/zero has no end
}

func (g *filePager) ReadPages(dst []byte, off int64) (n int, ok bool) {
	switch obj := g.f.obj.(type) {
	case *hostFile:
		g.p.files.opening = opening{} // reading changes the access time
		n = readFully(obj.fd, dst, off)
	case *stream:
		n = readFully(obj.fd, dst, off)
	case *textFile:
		if off < int64(len(obj.text)) {
			n = copy(dst, obj.text[off:])
		}
	default:
		n = len(dst)
		clear(dst)
	}
	clear(dst[n:])
	return n, n > 0
}

// readFully reads until dst is full, the file ends, or it can't be read.
func readFully(fd int, dst []byte, off int64) (n int) {
	for n < len(dst) {
		m, e := hostRead(fd, [][]byte{dst[n:]}, off+int64(n), 0)
		if e != 0 || m == 0 {
			break
		}
		n += m
	}
	return n
}

// Name is the path by which the file was opened, whatever became of it.
func (g *filePager) Name() string { return g.f.path }
