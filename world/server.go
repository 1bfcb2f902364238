package world

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options says what a world holds.
type Options struct {
	// Folders of the host. "" is an empty folder made by the world: /app and
	// /in stay empty, /out and /data are in memory, counted as scratch as
	// well, and gone after the run.
	App, In, Out, Data string

	// Program is shown as /app/ProgramName with mode 0555 in place of a file
	// of that name; /proc/self/exe is a link to it. It stays the caller's, who
	// closes it after the server.
	Program     *os.File
	ProgramName string

	// Sealed is what /app holds in place of App: the files of an image, the
	// program among them. They stay the caller's too.
	Sealed []SealedFile

	OutBytes, DataBytes int64 // quotas; 0: DefaultBytes
	TmpBytes            int64 // quota of /tmp beside Request.Scratch; 0: DefaultBytes
	Files               int   // quota of names, for each of /out, /data, /tmp; 0: DefaultFiles, DefaultMemoryFiles

	Clock *Clock // nil: the host's time
	CPUs  int    // shown in /sys; 0: 1
}

// Bounds of what a server holds for its client.
const (
	maxHandles = 4096 // open files and folders; ENFILE beyond
	maxDirs    = 1024 // folders that are open or lie above an open one; ENFILE beyond
)

// Server is the side of the world that owns it. Its methods may be called by
// several goroutines at once. It needs /proc of the host.
type Server struct {
	mu                    sync.Mutex
	clock                 *Clock
	root                  *dir
	mounts                [mounts]*mount
	dirs                  int
	fresh                 []*dir
	handles               []*handle // index: Handle
	free                  []Handle
	listed                int    // entries in all listings held by handles
	dirents               []byte // of the folder being read
	inodes                map[hostKey]*inode
	lastIno               uint64
	scratch, scratchLimit int64
	epoch                 uint64 // how often loans were recalled
	closed                bool
	program               *os.File // kept from the garbage collector
}

// A handle is an open folder (dir) or file (file).
type handle struct {
	dir     *dir
	file    openFile
	kind    Kind
	mount   *mount
	listing []Entry // of dir, as it was when its list was begun
}

// NewServer opens the folders that Options names. Its errors are sentences for
// the person who named them; errors.Is knows fs.ErrNotExist,
// fs.ErrPermission and so on.
func NewServer(o Options) (*Server, error) {
	s := &Server{clock: o.Clock, inodes: make(map[hostKey]*inode), handles: []*handle{nil}, program: o.Program}
	if s.clock == nil {
		s.clock = NewClock(time.Time{}, false)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := s.build(o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (o *Options) check() error {
	switch {
	case o.Files < 0 || o.OutBytes < 0 || o.DataBytes < 0 || o.TmpBytes < 0:
		return fmt.Errorf("a quota is negative (files %d, /out %d bytes, /data %d bytes, /tmp %d bytes): give 0 for the default or a positive number", o.Files, o.OutBytes, o.DataBytes, o.TmpBytes)
	case o.Files > maxInodes:
		return fmt.Errorf("a quota of %d files is more than the %d that a world can keep account of: give less", o.Files, maxInodes)
	case o.CPUs < 0:
		return fmt.Errorf("the world cannot have %d processors: give 0 for one or a positive number", o.CPUs)
	case o.Sealed != nil && o.App != "":
		return errors.New("/app cannot show a folder and sealed files at once: give one of them")
	case o.Program == nil, o.Sealed != nil: // addSealed looks at the names
		return nil
	case o.ProgramName == "" || o.ProgramName == "." || o.ProgramName == ".." || len(o.ProgramName) > NameMax ||
		strings.ContainsAny(o.ProgramName, "/\x00"):
		return fmt.Errorf("the program's name %q cannot stand in /app: it must be a single file name of at most %d bytes", o.ProgramName, NameMax)
	}
	return nil
}

// build makes the mounts and the tree.
func (s *Server) build(o Options) error {
	if err := s.buildRoot(o); err != nil {
		return err
	}
	for _, m := range []struct {
		id    Mount
		host  string
		bytes int64
	}{
		{MountApp, o.App, 0}, {MountIn, o.In, 0},
		{MountOut, o.Out, o.OutBytes}, {MountData, o.Data, o.DataBytes}, {MountTmp, "", o.TmpBytes},
	} {
		if err := s.mount(m.id, m.host, m.bytes, o.Files); err != nil {
			return err
		}
	}
	if o.Sealed != nil {
		return s.addSealed(o)
	}
	if o.Program != nil {
		return s.addProgram(o)
	}
	return nil
}

// mount puts a host folder, or one in memory, at its place below the root.
func (s *Server) mount(id Mount, host string, bytes int64, files int) error {
	m := &mount{id: id, srv: s, readOnly: id == MountApp || id == MountIn, memory: host == ""}
	s.mounts[id] = m
	if m.limit = bytes; bytes == 0 {
		m.limit = DefaultBytes
	}
	m.maxNames = files
	if files == 0 {
		if m.maxNames = DefaultFiles; m.memory {
			m.maxNames = DefaultMemoryFiles
		}
	}
	d := &dir{mount: m, name: id.String()[1:], fixed: true}
	if m.memory {
		n := m.newNode(KindDir, rootMode(id))
		n.kids = make(map[string]*memNode)
		d.folder = memFolder{n}
	} else {
		f, err := m.openHost(host)
		if err != nil {
			return err
		}
		d.folder = f
	}
	m.root = d
	s.root.adopt(d)
	if m.memory || m.readOnly {
		return nil
	}
	err := m.countHost(host)
	if f, is := d.folder.(*hostFolder); is && m.names == 0 && s.clock.Chosen() {
		f.begin()
	}
	m.counted = true
	return err
}

func rootMode(id Mount) uint32 {
	switch id {
	case MountTmp:
		return 01777
	case MountApp, MountIn:
		return 0555
	}
	return 0755
}

// openHost opens the folder of the host that a mount shows.
func (m *mount) openHost(path string) (*hostFolder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		if info, e := os.Stat(path); e == nil && !info.IsDir() {
			err = unix.ENOTDIR
		}
		return nil, m.refuse(path, err)
	}
	defer root.Close()
	top, err := root.Open(".")
	if err != nil {
		return nil, m.refuse(path, err)
	}
	defer top.Close()
	fd, e := openat(int(top.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	runtime.KeepAlive(top)
	if e != 0 {
		return nil, m.refuse(path, e)
	}
	f := &hostFolder{mount: m, desc: fd}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	f.key = hostKey{uint64(st.Dev), st.Ino}
	if err == nil && !m.readOnly {
		err = unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		f.drop()
		return nil, m.refuse(path, err)
	}
	return f, nil
}

// refuse makes a sentence of what is wrong with a folder of the host.
func (m *mount) refuse(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FolderError{m.id, path, "does not exist: create it or name another", err}
	case errors.Is(err, unix.ENOTDIR):
		return &FolderError{m.id, path, "is not a folder: name the folder that holds the files", err}
	case errors.Is(err, unix.EROFS):
		return &FolderError{m.id, path, "lies on a read-only file system: name a folder that can be written", err}
	case errors.Is(err, fs.ErrPermission) && !m.readOnly:
		return &FolderError{m.id, path, "is not writable for this user: change its permissions or name another", err}
	case errors.Is(err, fs.ErrPermission):
		return &FolderError{m.id, path, "is not readable for this user: change its permissions or name another", err}
	}
	return &FolderError{m.id, path, fmt.Sprintf("cannot be opened (%v): name another", err), err}
}

// FolderError is what NewServer says about a folder that cannot be mounted.
type FolderError struct {
	Mount  Mount
	Path   string // on the host
	Reason string // what is wrong and what to do
	Err    error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("the folder %q for %v %s", e.Path, e.Mount, e.Reason)
}

// Unwrap gives the cause.
func (e *FolderError) Unwrap() error { return e.Err }

// maxDepth is how deep a writable folder may be nested when the world starts.
const maxDepth = 256

// countHost finds out what a writable folder of the host holds already.
func (m *mount) countHost(path string) error {
	if _, e := m.root.stat(); e != 0 { // so that its times are known
		return m.refuse(path, e)
	}
	return m.countFolder(path, m.root.folder.(*hostFolder), 0)
}

func (m *mount) countFolder(path string, f *hostFolder, depth int) error {
	if depth > maxDepth {
		return &FolderError{m.id, path, fmt.Sprintf("has folders nested deeper than %d: move some of them elsewhere", maxDepth), unix.ELOOP}
	}
	entries, e := f.list()
	if e != 0 && depth > 0 {
		return nil // what cannot be read counts nothing, and is closed to the payload too
	}
	if e != 0 {
		return m.refuse(path, e)
	}
	for _, entry := range entries {
		if m.names++; m.names > maxInodes {
			return &FolderError{m.id, path, fmt.Sprintf("holds more than %d files: move some of them elsewhere", maxInodes), unix.ENFILE}
		}
		n, e := f.look(entry.Name)
		switch {
		case e != 0:
			continue // it has gone in the meantime
		case n.kind == KindFile:
			m.inode(n.key).count(m, held(&n.stat))
		case n.kind == KindDir:
			sub, e := f.enter(entry.Name, n)
			if e != 0 {
				continue
			}
			err := m.countFolder(path+"/"+entry.Name, sub.(*hostFolder), depth+1)
			sub.drop()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Close closes everything that is open. Requests get EIO afterwards.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for h := range s.handles {
		s.close(Handle(h))
	}
	s.sweep()
	for _, m := range s.mounts {
		if m != nil && m.root != nil {
			m.root.dropTree()
		}
	}
	return nil
}

// dropTree frees what a mount holds in memory and its root's descriptor.
func (d *dir) dropTree() {
	if f, ok := d.folder.(memFolder); ok {
		f.n.discard()
	}
	for _, n := range d.over {
		n.discard()
	}
	d.folder.drop()
}

func (n *memNode) discard() {
	for _, k := range n.kids {
		k.discard()
	}
	if n.memfd >= 0 && !n.borrowed() {
		unix.Close(n.memfd)
	}
	n.memfd = -1
}
