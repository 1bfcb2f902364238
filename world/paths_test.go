package world

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fillTricky puts one of each thing that path resolution can meet into a
// folder.
func fillTricky(t testing.TB) func(dir, mount string) {
	return func(dir, mount string) {
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"d", "d/sub", "e"} {
			must(os.Mkdir(filepath.Join(dir, name), 0755))
		}
		for _, name := range []string{"f", "g", "d/f", "d/sub/g", strings.Repeat("n", NameMax)} {
			writeFile(t, filepath.Join(dir, name), "0123456789")
		}
		must(os.WriteFile(filepath.Join(dir, "x"), []byte("x"), 0711))
		must(os.Link(filepath.Join(dir, "g"), filepath.Join(dir, "hard")))
		links := map[string]string{"lf": "f", "ld": "d", "labs": mount + "/d", "lroot": "/", "lup": "..", "lself": "lself",
			"la": "lb", "lb": "la", "dangling": "nowhere", "ldslash": "d/", "lfslash": "f/", "lout": "../../../../etc",
			"ldeep": "d/sub/../sub/g", "lmissing": "no/such", "ldot": ".", "lthrough": "f/x", "lmount": "/tmp", "ldd": "ld",
			"danglingslash": "nowhere/", "lnull": "/dev/null"}
		for i := range 45 {
			links[fmt.Sprintf("c%d", i)] = fmt.Sprintf("c%d", i+1)
		}
		links["c45"] = "f"
		for name, target := range links {
			must(os.Symlink(target, filepath.Join(dir, name)))
		}
	}
}

// fillTmp puts into /tmp of both worlds what can be made there.
func (p *pair) fillTmp(t testing.TB) {
	for _, name := range []string{"d", "d/sub", "e"} {
		p.both(t, Request{Op: OpMkdir, Path: "/tmp/" + name, Mode: 0755})
	}
	for _, name := range []string{"f", "g", "d/f", "d/sub/g", "x"} {
		h := p.both(t, Request{Op: OpOpen, Path: "/tmp/" + name, Flags: unix.O_CREAT | unix.O_WRONLY, Mode: 0644}).Handle
		p.both(t, Request{Op: OpTruncate, Dir: h, Size: 10})
		p.both(t, Request{Op: OpClose, Dir: h})
	}
}

// trickyPaths are paths into a mount filled by fillTricky, and others.
func trickyPaths(mount string) []string {
	paths := []string{"", "/", "//", "/.", "/..", "/../..", "/dev", "/dev/null", "/dev/null/", "/none", "/none/", "/none/x", "f", "tmp"}
	for _, p := range []string{"", "/", "/.", "/..", "/../.", "/f", "/f/", "/f/.", "/f/..", "/f/x", "/d", "/d/", "/d/.", "/d/..", "/d/../f", "/d//f",
		"/d/./f", "/none", "/none/", "/none/.", "/none/..", "/none/x", "/lf", "/lf/", "/lf/x", "/ld", "/ld/", "/ld/f", "/ld/..", "/ld/../f", "/ld/.",
		"/labs", "/labs/f", "/labs/..", "/lroot", "/lroot/tmp/f", "/lroot/dev/null", "/lup", "/lup/tmp", "/lself", "/lself/", "/lself/x", "/la", "/dangling", "/dangling/",
		"/dangling/x", "/danglingslash", "/ldslash", "/ldslash/f", "/lfslash", "/lout", "/ldeep", "/lmissing", "/ldot", "/ldot/ldot/f", "/lthrough",
		"/lmount", "/lmount/f", "/lmount/../tmp/d", "/ldd", "/ldd/", "/ldd/f", "/c0", "/c5", "/c6", "/c7", "/c45", "/c5/", "/x", "/e", "/e/", "/hard", "/lnull",
		"/" + strings.Repeat("n", NameMax), "/" + strings.Repeat("n", NameMax+1), "/" + strings.Repeat("n", NameMax+1) + "/x", "/f/" + strings.Repeat("n", NameMax+1)} {
		paths = append(paths, mount+p)
	}
	for _, length := range []int{PathMax - 2, PathMax - 1, PathMax} {
		paths = append(paths, mount+strings.Repeat("/", length-len(mount)-1)+"f")
	}
	return paths
}

var treeMounts = []string{"/out", "/in", "/tmp"}

func TestOpenAnswersAsLinux(t *testing.T) {
	p := newPair(t, fillTricky(t))
	p.fillTmp(t)
	var flags []uint32
	for _, access := range []uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_ACCMODE} {
		for _, f := range []uint32{0, unix.O_CREAT, unix.O_CREAT | unix.O_EXCL, unix.O_TRUNC, unix.O_CREAT | unix.O_TRUNC,
			unix.O_CREAT | unix.O_EXCL | unix.O_TRUNC, unix.O_DIRECTORY, unix.O_NOFOLLOW, unix.O_DIRECTORY | unix.O_NOFOLLOW,
			unix.O_CREAT | unix.O_NOFOLLOW, unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW, unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW,
			unix.O_DIRECTORY | unix.O_CREAT, unix.O_APPEND, unix.O_EXCL, unix.O_DIRECTORY | unix.O_TRUNC, unix.O_PATH | unix.O_CREAT} {
			flags = append(flags, access|f)
		}
	}
	for _, mount := range treeMounts {
		for _, path := range trickyPaths(mount) {
			for _, f := range flags {
				resp := p.both(errorT{t}, Request{Op: OpOpen, Path: path, Flags: f, Mode: 0640})
				if resp.Errno != 0 {
					continue
				}
				p.both(errorT{t}, Request{Op: OpStat, Dir: resp.Handle})
				p.both(t, Request{Op: OpClose, Dir: resp.Handle})
				if f&unix.O_CREAT != 0 {
					for _, made := range []string{"/none", "/nowhere"} {
						p.both(t, Request{Op: OpUnlink, Path: mount + made})
					}
				}
			}
		}
	}
}

// errorT goes on after a difference.
type errorT struct{ testing.TB }

func (t errorT) Fatalf(format string, args ...any) { t.Helper(); t.Errorf(format, args...) }

func TestNamesAnswerAsLinux(t *testing.T) {
	p := newPair(t, fillTricky(t))
	p.fillTmp(t)
	for _, mount := range treeMounts {
		for _, path := range trickyPaths(mount) {
			var requests []Request
			for _, flags := range []uint32{0, NoFollow} {
				requests = append(requests, Request{Op: OpStat, Flags: flags}, Request{Op: OpUtimens, Flags: flags, Times: [2]Time{{Sec: 1}, {Sec: 2}}})
				for _, mode := range []uint32{0, unix.R_OK, unix.W_OK, unix.X_OK, 7} {
					if flags == 0 {
						requests = append(requests, Request{Op: OpAccess, Flags: flags, Mode: mode})
					}
				}
			}
			requests = append(requests, Request{Op: OpReadlink}, Request{Op: OpTruncate, Size: 10}, Request{Op: OpTruncate, Size: -1},
				Request{Op: OpChmod, Mode: 0755}, Request{Op: OpCreate}, Request{Op: OpMkdir, Mode: 0700}, Request{Op: OpStat})
			for _, r := range requests {
				r.Path = path
				if path == "" && r.Op != OpMkdir && r.Op != OpCreate {
					continue // names the handle itself
				}
				p.both(errorT{t}, r)
			}
			p.both(errorT{t}, Request{Op: OpRmdir, Path: mount + "/none"})
		}
	}
}

func TestRemovingAnswersAsLinux(t *testing.T) {
	for _, op := range []Op{OpUnlink, OpRmdir} {
		p := newPair(t, fillTricky(t))
		p.fillTmp(t)
		for _, mount := range treeMounts {
			for _, path := range trickyPaths(mount) {
				p.both(errorT{t}, Request{Op: op, Path: path})
			}
			p.sameTree(t, mount)
		}
	}
}

func TestRenameAnswersAsLinux(t *testing.T) {
	p := newPair(t, fillTricky(t))
	p.fillTmp(t)
	some := func(mount string) (paths []string) {
		for _, name := range []string{"", "/", "/.", "/..", "/f", "/f/", "/f/x", "/g", "/hard", "/d", "/d/", "/d/.", "/d/sub", "/d/sub/new", "/e", "/e/new", "/none", "/none/", "/none/x",
			"/lf", "/ld", "/ld/", "/ld/f", "/lself", "/dangling", "/dangling/", "/" + strings.Repeat("n", NameMax+1)} {
			paths = append(paths, mount+name)
		}
		return append(paths, "/", "/none", "/tmp", "/tmp/f")
	}
	for _, mount := range treeMounts {
		for _, flags := range []uint32{0, RenameNoReplace} {
			for _, from := range some(mount) {
				for _, to := range some(mount) {
					p.both(errorT{t}, Request{Op: OpRename, Path: from, Path2: to, Flags: flags})
					// put things back as far as this goes, to keep later cases rich
					p.both(errorT{t}, Request{Op: OpRename, Path: to, Path2: from, Flags: RenameNoReplace})
					for _, dir := range []string{"/e", "/d", "/d/sub"} {
						p.both(errorT{t}, Request{Op: OpMkdir, Path: mount + dir, Mode: 0755})
					}
					for _, file := range []string{"/f", "/g", "/d/f", "/d/sub/g"} {
						if resp := p.both(errorT{t}, Request{Op: OpOpen, Path: mount + file, Flags: unix.O_CREAT, Mode: 0644}); resp.Errno == 0 {
							p.both(errorT{t}, Request{Op: OpClose, Dir: resp.Handle})
						}
					}
				}
			}
		}
		p.sameTree(t, mount)
	}
}

// sameTree compares all names below path.
func (p *pair) sameTree(t rapidT, path string) {
	t.Helper()
	resp := p.both(t, Request{Op: OpOpen, Path: path, Flags: unix.O_DIRECTORY | unix.O_NOFOLLOW})
	if resp.Errno != 0 {
		return
	}
	entries := p.both(t, Request{Op: OpList, Dir: resp.Handle}).Entries
	p.both(t, Request{Op: OpClose, Dir: resp.Handle})
	for _, e := range entries {
		if e.Name == "." || e.Name == ".." {
			continue
		}
		p.both(t, Request{Op: OpStat, Path: path + "/" + e.Name, Flags: NoFollow})
		if e.Kind == KindDir {
			p.sameTree(t, path+"/"+e.Name)
		}
	}
}
