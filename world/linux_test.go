package world

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// linux is a Service that lets the real kernel answer: system calls of a
// thread of its own that lives in a mount namespace with the world's tree.
type linux struct {
	requests  chan Request
	responses chan Response
	fds       map[Handle]int
	next      Handle
}

// pair is one world twice: ours and Linux's, with equal content.
type pair struct {
	ours  *Server
	linux *linux
	same  map[Handle]Handle // ours -> Linux's
	fds   map[Handle]int    // ours
}

// newPair makes the two worlds. fill puts files into a folder of the host
// that is to be the mount with that name.
func newPair(t testing.TB, fill func(dir, mount string)) *pair {
	t.Helper()
	var o Options
	theirs := map[string]string{}
	for name, field := range map[string]*string{"app": &o.App, "in": &o.In, "out": &o.Out, "data": &o.Data} {
		*field = t.TempDir()
		theirs[name] = t.TempDir()
		fill(*field, "/"+name)
		fill(theirs[name], "/"+name)
	}
	return &pair{ours: newWorld(t, o), linux: newLinux(t, theirs), same: map[Handle]Handle{0: 0}, fds: map[Handle]int{}}
}

func newLinux(t testing.TB, folders map[string]string) *linux {
	t.Helper()
	l := &linux{requests: make(chan Request), responses: make(chan Response), fds: map[Handle]int{}}
	root := t.TempDir()
	ready, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		err := enterTree(root, folders)
		ready <- err
		if err != nil {
			return
		}
		l.fds[Root], _ = unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		for r := range l.requests {
			l.responses <- l.answer(r)
		}
		for _, fd := range l.fds {
			unix.Close(fd)
		}
		close(ended)
	}()
	if err := <-ready; err != nil {
		t.Skipf("a mount namespace to compare with Linux needs root: %v", err)
	}
	t.Cleanup(func() {
		close(l.requests)
		<-ended
	})
	return l
}

// enterTree gives this thread the world's tree made of real mounts.
func enterTree(root string, folders map[string]string) error {
	steps := []func() error{
		func() error { return unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS) },
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return unix.Mount("root", root, "tmpfs", 0, "mode=0555") },
		func() error { return os.Mkdir(root+"/tmp", 0755) },
		func() error { return unix.Mount("tmp", root+"/tmp", "tmpfs", 0, "mode=1777") },
		func() error { return os.Mkdir(root+"/dev", 0555) },
		func() error { return os.Mkdir(root+"/etc", 0555) },
		func() error { return os.Mkdir(root+"/proc", 0555) },
		func() error { return os.Mkdir(root+"/sys", 0555) },
		func() error { return unix.Mknod(root+"/dev/null", unix.S_IFCHR|0666, int(unix.Mkdev(1, 3))) },
		func() error { return os.Chmod(root+"/dev/null", 0666) },
	}
	for name, dir := range folders {
		at := filepath.Join(root, name)
		steps = append(steps,
			func() error { return os.Mkdir(at, 0755) },
			func() error { return unix.Mount(dir, at, "", unix.MS_BIND, "") })
		if name == "app" || name == "in" {
			steps = append(steps, func() error { return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "") })
		}
	}
	steps = append(steps,
		func() error { return unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "") },
		func() error { return unix.Chroot(root) },
		func() error { return unix.Chdir("/") },
		func() error { unix.Umask(0); return nil })
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// Do implements Service.
func (l *linux) Do(r Request) Response {
	l.requests <- r
	return <-l.responses
}

func (l *linux) answer(r Request) Response {
	resp := Response{FD: -1}
	resp.Errno = errnoOf(l.call(&r, &resp))
	if resp.Errno != 0 {
		return Response{Errno: resp.Errno, FD: -1}
	}
	return resp
}

func (l *linux) call(r *Request, resp *Response) (err error) {
	fd, open := l.fds[r.Dir]
	if !open {
		fd = -1
	}
	follow := 0
	if r.Flags&NoFollow != 0 {
		follow = unix.AT_SYMLINK_NOFOLLOW
	}
	byHandle := r.Path == ""
	switch r.Op {
	case OpOpen:
		got, err := unix.Openat(fd, r.Path, int(r.Flags)|unix.O_CLOEXEC|unix.O_LARGEFILE, r.Mode)
		if err != nil {
			return err
		}
		l.next++
		l.fds[l.next] = got
		resp.Handle = l.next
		return l.stat(got, "", unix.AT_EMPTY_PATH, resp)
	case OpClose:
		delete(l.fds, r.Dir)
		return unix.Close(fd)
	case OpStat:
		if byHandle {
			follow = unix.AT_EMPTY_PATH
		}
		return l.stat(fd, r.Path, follow, resp)
	case OpList:
		return l.list(fd, resp)
	case OpReadlink:
		buf := make([]byte, 5000)
		n, err := unix.Readlinkat(fd, r.Path, buf)
		resp.Text = string(buf[:max(n, 0)])
		return err
	case OpMkdir:
		return unix.Mkdirat(fd, r.Path, r.Mode)
	case OpUnlink:
		return unix.Unlinkat(fd, r.Path, 0)
	case OpRmdir:
		return unix.Unlinkat(fd, r.Path, unix.AT_REMOVEDIR)
	case OpRename:
		fd2, open := l.fds[r.Dir2]
		if !open {
			fd2 = -1
		}
		return unix.Renameat2(fd, r.Path, fd2, r.Path2, uint(r.Flags/RenameNoReplace*unix.RENAME_NOREPLACE))
	case OpTruncate:
		if byHandle {
			return unix.Ftruncate(fd, r.Size)
		}
		return l.from(fd, func() error { return unix.Truncate(r.Path, r.Size) })
	case OpAllocate:
		return unix.Fallocate(fd, r.Flags, r.Offset, r.Size)
	case OpChmod:
		if byHandle {
			return unix.Fchmod(fd, r.Mode)
		}
		return unix.Fchmodat(fd, r.Path, r.Mode, 0)
	case OpUtimens:
		ts := []unix.Timespec{{Sec: r.Times[0].Sec}, {Sec: r.Times[1].Sec}}
		return unix.UtimesNanoAt(fd, r.Path, ts, follow)
	case OpAccess:
		return unix.Faccessat(fd, r.Path, r.Mode, follow)
	case OpSync:
		return unix.Fsync(fd)
	case OpPath:
		return l.from(fd, func() error {
			buf := make([]byte, 4096)
			n, err := unix.Getcwd(buf)
			resp.Text = strings.TrimRight(string(buf[:max(n, 0)]), "\x00")
			return err
		})
	case OpCreate:
		err := unix.Symlinkat("x", fd, r.Path)
		if err == nil {
			if err = unix.Unlinkat(fd, r.Path, 0); err == nil {
				err = unix.EPERM // what a payload may not do
			}
		}
		return err
	}
	return unix.ENOSYS
}

// from does a call that has no form with a folder's descriptor.
func (l *linux) from(fd int, call func() error) error {
	if err := unix.Fchdir(fd); err != nil {
		return err
	}
	defer unix.Chdir("/")
	return call()
}

func (l *linux) stat(fd int, path string, flags int, resp *Response) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, path, &st, flags); err != nil {
		return err
	}
	resp.Stat = Stat{Mode: st.Mode, Nlink: uint32(st.Nlink), Size: st.Size, Rdev: uint64(st.Rdev)}
	return nil
}

func (l *linux) list(fd int, resp *Response) error {
	again, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(again)
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Getdents(again, buf)
		if err != nil || n <= 0 {
			sortEntries(resp.Entries)
			return err
		}
		resp.Entries = appendDirents(resp.Entries, buf[:n])
	}
}

// both asks the two worlds and compares the answers; it gives ours.
func (p *pair) both(t rapidT, r Request) Response {
	t.Helper()
	r.Scratch = roomy
	mine := p.ours.Do(r)
	other := r
	other.Dir, other.Dir2 = p.theirs(r.Dir), p.theirs(r.Dir2)
	want := p.linux.Do(other)
	if mine.Errno != want.Errno {
		t.Fatalf("%s: ours %v, Linux %v", show(r), mine.Errno, want.Errno)
		return Response{Errno: unix.EIO, FD: -1}
	}
	if mine.Errno == 0 {
		p.compare(t, r, mine, want)
		switch r.Op {
		case OpOpen:
			p.same[mine.Handle] = want.Handle
			if mine.FD >= 0 {
				p.fds[mine.Handle] = mine.FD
			}
		case OpClose:
			delete(p.same, r.Dir)
			if fd, ok := p.fds[r.Dir]; ok {
				unix.Close(fd)
				delete(p.fds, r.Dir)
			}
		}
	}
	return mine
}

// theirs is Linux's handle for one of ours; one that was never opened stays so.
func (p *pair) theirs(h Handle) Handle {
	if l, ok := p.same[h]; ok {
		return l
	}
	return 1 << 30
}

type rapidT interface {
	Helper()
	Fatalf(string, ...any)
}

func (p *pair) compare(t rapidT, r Request, mine, want Response) {
	t.Helper()
	a, b := mine.Stat, want.Stat
	isDir := a.Mode&unix.S_IFMT == unix.S_IFDIR
	if a.Mode != b.Mode || a.Rdev != b.Rdev || !isDir && a.Size != b.Size || a.Nlink != b.Nlink && a.Mount != MountNone {
		t.Fatalf("%s: ours mode %o links %d size %d, Linux mode %o links %d size %d", show(r), a.Mode, a.Nlink, a.Size, b.Mode, b.Nlink, b.Size)
	}
	if r.Op != OpOpen && mine.Text != want.Text {
		t.Fatalf("%s: ours %q, Linux %q", show(r), mine.Text, want.Text)
	}
	if r.Op == OpList && r.Dir != Root {
		if a, b := names(mine.Entries), names(want.Entries); !slices.Equal(a, b) {
			t.Fatalf("%s: ours lists %q, Linux %q", show(r), a, b)
		}
	}
}

func names(entries []Entry) (names []string) {
	for _, e := range entries {
		if e.Name != "." && e.Name != ".." {
			names = append(names, e.Name)
		}
	}
	return names
}

var opNames = map[Op]string{OpOpen: "open", OpClose: "close", OpStat: "stat", OpList: "list", OpReadlink: "readlink",
	OpMkdir: "mkdir", OpUnlink: "unlink", OpRmdir: "rmdir", OpRename: "rename", OpTruncate: "truncate",
	OpAllocate: "fallocate", OpChmod: "chmod", OpUtimens: "utimens", OpAccess: "access", OpSync: "fsync", OpPath: "getcwd", OpCreate: "symlink"}

func show(r Request) string {
	path := r.Path
	if len(path) > 80 {
		path = fmt.Sprintf("%s... (%d bytes)", path[:40], len(path))
	}
	s := fmt.Sprintf("%s(%d, %q", opNames[r.Op], r.Dir, path)
	if r.Op == OpRename {
		s += fmt.Sprintf(", %d, %q", r.Dir2, r.Path2)
	}
	return s + fmt.Sprintf(", flags %#x, mode %#o, offset %d, size %d)", r.Flags, r.Mode, r.Offset, r.Size)
}
