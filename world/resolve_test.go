package world

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// model is a tree as a flat table, for a resolver that rewrites text instead
// of walking: the reference for ours.
type model map[string]string // path -> "dir", "file" or the target of a link, after '>'

// resolve gives the path that a path leads to. A slash at the end is a "."
// that was left out (POSIX.1-2024, XBD 4.16).
func (m model) resolve(path string, follow bool) (string, errno) {
	at, pending, links := "/", components(path), 0
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		next := strings.TrimSuffix(at, "/") + "/" + name
		target, isLink := strings.CutPrefix(m[next], ">")
		switch {
		case m[at] != "dir":
			return "", unix.ENOTDIR
		case name == ".":
		case name == "..":
			at = parentOf(at)
		case len(name) > NameMax:
			return "", unix.ENAMETOOLONG
		case m[next] == "":
			return "", unix.ENOENT
		case isLink && (follow || len(pending) > 0):
			if links++; links > MaxLinks {
				return "", unix.ELOOP
			}
			if strings.HasPrefix(target, "/") {
				at = "/"
			}
			pending = append(components(target), pending...)
		default:
			at = next
		}
	}
	return at, 0
}

func components(path string) (names []string) {
	if strings.HasSuffix(path, "/") {
		path += "."
	}
	for _, name := range strings.Split(path, "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// FuzzResolve builds a tree of folders, files and links out of the input's
// lines and compares every path with the reference.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{
		"a/b\na/l>../a\nl>a/l/l/b\n\n/tmp/l/../l/b",
		"x>y\ny>x\n\n/tmp/x/z",
		"d/f\ne>d/\ng>d/f/\n\n/tmp/g\n",
		"a/b/c\nu>/tmp/a/b/../../u2\nu2>a\n\n/tmp/u/b/c/..",
		"r>/\n\n/tmp/r/tmp/r/../../tmp/r/",
		"r>.\nq>r/r/./r/..\n\n/tmp/q/tmp/q",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		tree, path, _ := strings.Cut(input, "\n\n")
		if len(input) > 2000 || checkPath(path) != 0 {
			return
		}
		s, m := plant(t, tree)
		defer s.Close()
		for _, flags := range []uint32{0, NoFollow} {
			want, wantErrno := m.resolve(path, flags == 0)
			resp := s.Do(Request{Op: OpStat, Path: path, Flags: flags, Scratch: roomy})
			if resp.Errno != wantErrno {
				t.Fatalf("tree %q, path %q, flags %d: %v, want %v (%s)", tree, path, flags, resp.Errno, wantErrno, want)
			}
			if wantErrno != 0 {
				continue
			}
			direct := s.Do(Request{Op: OpStat, Path: want, Flags: NoFollow, Scratch: roomy})
			if direct.Stat != resp.Stat {
				t.Fatalf("tree %q, path %q, flags %d: leads to %+v, want %s: %+v", tree, path, flags, resp.Stat, want, direct.Stat)
			}
		}
	})
}

// plant makes the tree in /tmp and in the model. A line is a file's path, or
// a link's path, '>' and its target.
func plant(t *testing.T, tree string) (*Server, model) {
	s := newWorld(t, Options{})
	m := model{}
	m.scan(s.root.folder.(memFolder).n, "")
	for i, mount := range s.mounts {
		if i != int(MountNone) {
			m[mount.id.String()] = "dir"
		}
	}
	tmp := s.mounts[MountTmp]
	for _, line := range strings.Split(tree, "\n") {
		path, target, isLink := strings.Cut(line, ">")
		at, where := tmp.root.folder.(memFolder).n, "/tmp"
		parts := strings.Split(path, "/")
		for i, name := range parts {
			if name == "" || name == "." || name == ".." || checkPath(name) != 0 || len(name) > NameMax || at.kind != KindDir {
				break
			}
			next := at.kids[name]
			where += "/" + name
			if next == nil {
				switch {
				case i < len(parts)-1:
					next = tmp.newNode(KindDir, 0755)
					next.kids = map[string]*memNode{}
					m[where] = "dir"
				case isLink && checkPath(target) == 0:
					next = tmp.newNode(KindLink, 0777)
					next.target = target
					m[where] = ">" + target
				default:
					next = tmp.newNode(KindFile, 0644)
					m[where] = "file"
				}
				memFolder{at}.add(name, next)
			}
			at = next
		}
	}
	return s, m
}

// scan takes what the world itself holds into the model.
func (m model) scan(n *memNode, at string) {
	if n.kind != KindDir {
		m[at] = "file"
		return
	}
	m[at] = "dir"
	if at == "" {
		m["/"] = "dir"
	}
	for name, k := range n.kids {
		m.scan(k, at+"/"+name)
	}
}

func TestPathsThatAreTooDeepEndInAnError(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir()})
	at, depth := Root, 0
	path := "/out/d"
	for ; depth < 3*maxDirs; depth++ {
		resp := s.Do(Request{Op: OpMkdir, Dir: at, Path: path, Mode: 0755})
		if resp.Errno != 0 {
			t.Fatalf("mkdir at depth %d: %v", depth, resp.Errno)
		}
		resp = s.Do(Request{Op: OpOpen, Dir: at, Path: path, Flags: unix.O_DIRECTORY})
		if resp.Errno == unix.ENFILE {
			break
		}
		if resp.Errno != 0 {
			t.Fatalf("open at depth %d: %v", depth, resp.Errno)
		}
		if at != Root {
			do(t, s, Request{Op: OpClose, Dir: at}, 0)
		}
		at, path = resp.Handle, "d"
	}
	if depth < maxDirs-1 || depth > maxDirs {
		t.Fatalf("folders ended at depth %d, want %d", depth, maxDirs)
	}
	do(t, s, Request{Op: OpPath, Dir: at}, 0)
	do(t, s, Request{Op: OpClose, Dir: at}, 0)
	if s.dirs != 0 {
		t.Fatalf("%d folders are held after the last handle was closed", s.dirs)
	}
}

func TestHandlesEnd(t *testing.T) {
	s := newWorld(t, Options{})
	seen := map[Handle]bool{}
	for i := range maxHandles {
		h := do(t, s, Request{Op: OpOpen, Path: "/dev/null"}, 0).Handle
		if seen[h] {
			t.Fatalf("handle %d was given twice", h)
		}
		seen[h] = true
		_ = i
	}
	do(t, s, Request{Op: OpOpen, Path: "/dev/null"}, unix.ENFILE)
	do(t, s, Request{Op: OpOpen, Path: "/tmp/new", Flags: unix.O_CREAT}, unix.ENFILE)
	do(t, s, Request{Op: OpStat, Path: "/tmp/new"}, unix.ENOENT)
	do(t, s, Request{Op: OpClose, Dir: 7}, 0)
	if h := do(t, s, Request{Op: OpOpen, Path: "/dev/null"}, 0).Handle; h != 7 {
		t.Fatalf("handle %d after 7 was closed, want 7", h)
	}
	for _, h := range []Handle{maxHandles + 1, 1 << 31, 1<<32 - 1} {
		do(t, s, Request{Op: OpStat, Dir: h}, unix.EBADF)
		do(t, s, Request{Op: OpClose, Dir: h}, unix.EBADF)
	}
}

// Example shows a world over no host folder at all.
func ExampleServer() {
	s, err := NewServer(Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	resp := s.Do(Request{Op: OpOpen, Path: "/", Flags: unix.O_DIRECTORY})
	for _, e := range s.Do(Request{Op: OpList, Dir: resp.Handle}).Entries {
		fmt.Print(e.Name, " ")
	}
	// Output: . .. app data dev etc in out proc sys tmp
}
