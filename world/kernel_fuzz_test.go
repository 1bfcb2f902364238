package world

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzKernel compares the world with the kernel's own resolution of paths: the
// same tree of folders, files and links stands behind /out and in a folder that
// openat2(2) takes for the root, and each step of the input is done in both.
// The input is a tree as FuzzResolve has it, an empty line, and steps: letters,
// a space, a path (two with '>' between them for a rename).
func FuzzKernel(f *testing.F) {
	for _, seed := range []string{
		"a/b\na/l>../a\nl>a/l/l/b\n\ns /out/l/../l/b\nr /out/a/l/b\nrd /out/l",
		"x>y\ny>x\n\ns /out/x/z\nwc /out/x\nwcx /out/x\npn /out/x\nrn /out/x",
		"d/f\ne>d/\ng>d/f/\n\ns /out/g\nr /out/e/f\nwct /out/e/new\nrd /out/d/f\nwc /out/d/",
		"u>/out/a/../u2\nu2>/tmp\na/x\n\nwc /out/u/f\ns /tmp/f\nu /out/u/f\ns /out/u2/f",
		"r>/\n\ns /out/r/out/r/../../out/r/\nwc /out/r/f\nrd /out/r",
		"q/r/s\np>q/r\n\nv /out/p/s>/out/q/t\ns /out/p/../t\nk /out/q/r\nm /out/p\nm /out/q/r/\nm /out/q/w\nrd /out/q/w/..",
		"dangling>nowhere/x\nhere>made\n\nwc /out/dangling\nwc /out/here\ns /out/made\nwcx /out/here\nu /out/here\ns /out/made",
	} {
		f.Add(seed)
	}
	base := f.TempDir()
	f.Fuzz(func(t *testing.T, input string) {
		tree, steps, _ := strings.Cut(input, "\n\n")
		if len(input) > 1500 || strings.Contains(input, "\x00") || namesOthers(input) {
			return
		}
		k := newTwins(t, base)
		defer k.close()
		for _, line := range strings.Split(tree, "\n") {
			k.plant(line)
		}
		for i, line := range strings.Split(steps, "\n") {
			if how, path, ok := strings.Cut(line, " "); ok && path != "" && i < 20 && !k.step(how, path) {
				return
			}
		}
		if in, out := walked(t, k.kernel+"/out"), walked(t, k.out); !slices.Equal(in, out) {
			t.Errorf("input %q: afterwards the kernel has %q, the world %q", input, in, out)
		}
	})
}

// namesOthers says whether a path may lead to what the world alone has, or has
// for reading only.
func namesOthers(input string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(input, func(r rune) bool { return strings.ContainsRune("/\n> ", r) }), func(name string) bool {
		return slices.Contains([]string{"proc", "dev", "etc", "sys", "in", "app"}, name)
	})
}

// twins are a world and a root folder for the kernel with the same tree.
type twins struct {
	t           *testing.T
	server      *Server
	out, kernel string // folders of the host
	root        int    // the kernel's, open
	links       map[string]bool
	before      int
}

func newTwins(t *testing.T, base string) *twins {
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		t.Fatal(err)
	}
	k := &twins{t: t, out: dir + "/world", kernel: dir + "/kernel", links: map[string]bool{}, before: descriptors(t)}
	for _, path := range []string{k.out, k.kernel, k.kernel + "/out", k.kernel + "/tmp", k.kernel + "/data"} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if k.server, err = NewServer(Options{Out: k.out}); err != nil {
		t.Fatal(err)
	}
	if k.root, err = unix.Open(k.kernel, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	return k
}

// close ends both, and fails the test if the world left something open.
func (k *twins) close() {
	k.server.Close()
	unix.Close(k.root)
	if after := descriptors(k.t); after != k.before {
		k.t.Errorf("%d descriptors are open after the run, %d before", after, k.before)
	}
	if err := os.RemoveAll(filepath.Dir(k.out)); err != nil {
		k.t.Error(err)
	}
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// plant makes a file or link in both trees, never through a link.
func (k *twins) plant(line string) {
	path, target, isLink := strings.Cut(line, ">")
	at := ""
	names := strings.Split(path, "/")
	for i, name := range names {
		if name == "" || name == "." || name == ".." || len(name) > NameMax || k.links[at] {
			return
		}
		at += "/" + name
		for _, tree := range []string{k.out, k.kernel + "/out"} {
			switch {
			case i < len(names)-1:
				_ = os.Mkdir(tree+at, 0o755) // it may be there
			case isLink && target != "":
				if os.Symlink(target, tree+at) == nil {
					k.links[at] = true
				}
			case !isLink && !k.links[at]:
				if file, err := os.OpenFile(tree+at, os.O_CREATE|os.O_EXCL, 0o644); err == nil {
					file.Close()
				}
			}
		}
	}
}

// letters are the flags of open(2) in a step.
var letters = map[rune]uint32{
	'r': unix.O_RDONLY, 'w': unix.O_WRONLY, 'b': unix.O_RDWR, 'c': unix.O_CREAT, 'x': unix.O_EXCL, 't': unix.O_TRUNC,
	'd': unix.O_DIRECTORY, 'n': unix.O_NOFOLLOW, 'p': unix.O_PATH,
}

// step does one step in both and compares; false: no further comparison makes
// sense.
func (k *twins) step(how, path string) bool {
	flags := uint32(0)
	for _, letter := range how {
		if strings.ContainsRune("smukv", letter) {
			return k.change(letter, path)
		}
		flags |= letters[letter]
	}
	switch { // what openat2 is stricter about than open
	case flags&unix.O_PATH != 0:
		flags &= unix.O_PATH | unix.O_NOFOLLOW | unix.O_DIRECTORY
	case flags&unix.O_CREAT != 0:
		flags &^= unix.O_DIRECTORY
	default:
		flags &^= unix.O_EXCL
	}
	if flags&unix.O_ACCMODE == unix.O_ACCMODE {
		return true
	}
	fd, want := k.openat2(path, flags)
	resp := k.server.Do(Request{Op: OpOpen, Path: path, Flags: flags, Mode: 0o644, Scratch: roomy})
	defer unix.Close(fd)
	if resp.Errno == 0 {
		defer k.server.Do(Request{Op: OpClose, Dir: resp.Handle})
		if resp.FD >= 0 {
			defer unix.Close(resp.FD)
		}
	}
	if resp.Errno == unix.EROFS {
		return k.readOnly(fd, how, path)
	}
	if resp.Errno != want {
		k.t.Errorf("%s %q: the world says %v, the kernel %v", how, path, resp.Errno, want)
		return false
	}
	return want != 0 || k.sameNode(how+" "+path, fd, &resp)
}

func (k *twins) openat2(path string, flags uint32) (int, errno) {
	how := unix.OpenHow{Flags: uint64(flags) | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT}
	if flags&unix.O_CREAT != 0 {
		how.Mode = 0o644
	}
	if flags&unix.O_PATH != 0 {
		how.Flags &^= unix.O_NONBLOCK
	}
	for {
		fd, err := unix.Openat2(k.root, path, &how)
		if err != unix.EAGAIN && err != unix.EINTR { // a rename elsewhere disturbed it
			return fd, errnoOf(err)
		}
	}
}

// readOnly checks that what the world would not write lies where only the
// kernel's root may be written: in the root itself.
func (k *twins) readOnly(fd int, how, path string) bool {
	if fd < 0 || filepath.Dir(k.nameOf(fd)) != "/" {
		k.t.Errorf("%s %q: the world says that it is read-only, the kernel has it at %q", how, path, k.nameOf(fd))
	}
	return false
}

// nameOf is the path of an open file in the kernel's root, or in /out.
func (k *twins) nameOf(fd int) string {
	name, err := os.Readlink(procPath(fd))
	if err != nil {
		return err.Error()
	}
	if at, ok := strings.CutPrefix(name, k.out); ok {
		return "/out" + at
	}
	if at := strings.TrimPrefix(name, k.kernel); at != "" {
		return at
	}
	return "/"
}

// sameNode compares what was opened.
func (k *twins) sameNode(step string, fd int, resp *Response) bool {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		k.t.Fatal(err)
	}
	want, got := k.nameOf(fd), ""
	switch {
	case resp.Kind == KindDir:
		r := k.server.Do(Request{Op: OpPath, Dir: resp.Handle})
		got = r.Text
	case resp.FD >= 0 && strings.HasPrefix(want, "/out/"):
		got = k.nameOf(resp.FD)
	default: // a file in memory, or no descriptor
		got = want
	}
	if got != want || resp.Stat.Mode&unix.S_IFMT != st.Mode&unix.S_IFMT {
		k.t.Errorf("%q: the world opened %q (%o), the kernel %q (%o)", step, got, resp.Stat.Mode, want, st.Mode)
		return false
	}
	return true
}

// change does what changes or only looks at names.
func (k *twins) change(letter rune, path string) bool {
	if letter == 's' {
		fd, want := k.openat2(path, unix.O_PATH)
		defer unix.Close(fd)
		resp := k.server.Do(Request{Op: OpStat, Path: path, Scratch: roomy})
		if resp.Errno != want {
			k.t.Errorf("stat %q: the world says %v, the kernel %v", path, resp.Errno, want)
			return false
		}
		var st unix.Stat_t
		if want == 0 && (unix.Fstat(fd, &st) != nil || resp.Stat.Mode&unix.S_IFMT != st.Mode&unix.S_IFMT) {
			k.t.Errorf("stat %q: the world has %o, the kernel %o at %q", path, resp.Stat.Mode, st.Mode, k.nameOf(fd))
			return false
		}
		return true
	}
	from, to, _ := strings.Cut(path, ">")
	at, name, ok := k.parent(from)
	defer unix.Close(at)
	if !ok {
		return true
	}
	var want errno
	r := Request{Path: from, Mode: 0o755, Scratch: roomy}
	switch letter {
	case 'm':
		r.Op, want = OpMkdir, errnoOf(unix.Mkdirat(at, name, 0o755))
	case 'u':
		r.Op, want = OpUnlink, errnoOf(unix.Unlinkat(at, name, 0))
	case 'k':
		r.Op, want = OpRmdir, errnoOf(unix.Unlinkat(at, name, unix.AT_REMOVEDIR))
	case 'v':
		at2, name2, ok := k.parent(to)
		defer unix.Close(at2)
		if !ok || k.mountOf(at) != k.mountOf(at2) {
			return true
		}
		r.Op, r.Path2, want = OpRename, to, errnoOf(unix.Renameat(at, name, at2, name2))
	}
	if resp := k.server.Do(r); resp.Errno != want {
		k.t.Errorf("%c %q: the world says %v, the kernel %v", letter, path, resp.Errno, want)
		return false
	}
	return true
}

// parent opens the folder that a path's last name is in; false: it does not
// exist, it is the root, or the path ends otherwise.
func (k *twins) parent(path string) (fd int, name string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	folder, name := path[:i+1], path[i+1:]
	if i < 0 || name == "" || name == "." || name == ".." {
		return -1, name, false
	}
	fd, e := k.openat2(folder, unix.O_PATH|unix.O_DIRECTORY)
	return fd, name, e == 0 && k.nameOf(fd) != "/"
}

// mountOf is the first name of an open folder's path.
func (k *twins) mountOf(fd int) string {
	mount, _, _ := strings.Cut(k.nameOf(fd)[1:], "/")
	return mount
}

// walked lists a tree: path, type and target of a link.
func walked(t *testing.T, dir string) (list []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		list = append(list, fmt.Sprint(strings.TrimPrefix(path, dir), " ", d.Type(), " ", target))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
