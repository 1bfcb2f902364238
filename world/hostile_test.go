package world

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// trap is a folder with one of each thing that a payload must not reach.
func trap(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	steps := []error{
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0666),
		unix.Mknod(filepath.Join(dir, "device"), unix.S_IFCHR|0666, int(unix.Mkdev(1, 3))),
		os.Symlink("fifo", filepath.Join(dir, "link")),
		os.Mkdir(filepath.Join(dir, "sub"), 0755),
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	for _, err := range append(steps, err) {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { socket.Close() })
	return dir
}

func TestOnlyFilesFoldersAndLinksAreShown(t *testing.T) {
	s := newWorld(t, Options{In: trap(t), Out: trap(t)})
	for _, mount := range []string{"/in", "/out"} {
		for _, name := range []string{"fifo", "device", "socket", "link"} {
			path := mount + "/" + name
			do(t, s, Request{Op: OpStat, Path: path}, unix.ENOENT)
			do(t, s, Request{Op: OpAccess, Path: path}, unix.ENOENT)
			do(t, s, Request{Op: OpChmod, Path: path, Mode: 0777}, unix.ENOENT)
			for _, flags := range []uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_PATH, unix.O_TRUNC} {
				do(t, s, Request{Op: OpOpen, Path: path, Flags: flags}, unix.ENOENT)
			}
		}
		h, _ := openFD(t, s, mount, unix.O_DIRECTORY)
		if got := names(do(t, s, Request{Op: OpList, Dir: h}, 0).Entries); strings.Join(got, " ") != "link sub" {
			t.Errorf("%s lists %q, want link and sub", mount, got)
		}
	}
	do(t, s, Request{Op: OpUnlink, Path: "/out/fifo"}, unix.ENOENT)
	create(t, s, "/out/f")
	do(t, s, Request{Op: OpRename, Path: "/out/f", Path2: "/out/fifo"}, unix.EEXIST)
	do(t, s, Request{Op: OpMkdir, Path: "/out/socket"}, unix.EEXIST)
	do(t, s, Request{Op: OpOpen, Path: "/out/device", Flags: unix.O_CREAT}, unix.EEXIST)
}

// TestSwappedBetweenLookAndOpen calls the two halves of an open apart, and
// lets something else take the file's place between them.
func TestSwappedBetweenLookAndOpen(t *testing.T) {
	dir := trap(t)
	s := newWorld(t, Options{In: dir, Out: dir})
	writeFile(t, filepath.Join(dir, "file"), "content")
	folder := s.mounts[MountOut].root.folder
	file, e := folder.look("file")
	if e != 0 {
		t.Fatal(e)
	}
	before := countFDs(t)
	for _, name := range []string{"fifo", "device", "socket", "link", "sub", "none"} {
		for _, how := range []openHow{{}, {access: unix.O_WRONLY}, {access: unix.O_RDWR}, {truncate: true}, {pathOnly: true}} {
			if o, _, e := folder.open(name, file, how); e != unix.ENOENT {
				t.Errorf("%s has taken the place of a file, opened as %+v: %v %v, want ENOENT", name, how, o, e)
			}
		}
		if name != "sub" {
			if _, e := folder.enter(name, node{kind: KindDir}); e != unix.ENOENT {
				t.Errorf("%s has taken the place of a folder: %v, want ENOENT", name, e)
			}
		}
	}
	if after := countFDs(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func TestLinksOfTheHostStayInTheWorld(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	writeFile(t, secret, "secret")
	in := t.TempDir()
	for name, target := range map[string]string{
		"absolute": secret, "up": strings.Repeat("../", 40) + secret[1:], "proc": "/proc/self/root" + secret,
		"fd": "/proc/self/fd/0", "passwd": "/etc/passwd", "shadow": "/etc/shadow", "folder": filepath.Dir(secret),
	} {
		if err := os.Symlink(target, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := newWorld(t, Options{In: in})
	for _, path := range []string{"/in/absolute", "/in/up", "/in/proc", "/in/fd", "/in/shadow", "/in/folder/secret", "/in/../.." + secret} {
		do(t, s, Request{Op: OpStat, Path: path}, unix.ENOENT)
		do(t, s, Request{Op: OpOpen, Path: path}, unix.ENOENT)
	}
	if got := do(t, s, Request{Op: OpOpen, Path: "/in/passwd"}, 0).Text; got != "root:x:0:0:root:/:/bin/sh\n" {
		t.Errorf("/etc/passwd through a link: %q, want the world's own", got)
	}
	if got := do(t, s, Request{Op: OpReadlink, Path: "/in/absolute"}, 0).Text; got != secret {
		t.Errorf("readlink: %q, want %q", got, secret)
	}
}

// TestNoRaceLeadsOut exchanges a folder for a link to a folder outside, again
// and again, while the payload opens and creates below it.
func TestNoRaceLeadsOut(t *testing.T) {
	out, outside := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(out, "a"), 0755), os.Mkdir(filepath.Join(out, "a/b"), 0755),
		os.Mkdir(filepath.Join(outside, "b"), 0755), os.Symlink(outside, filepath.Join(out, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(out, "a/b/f"), "inside")
	writeFile(t, filepath.Join(outside, "b/f"), "outside")
	s := newWorld(t, Options{Out: out})
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(out, "a"), unix.AT_FDCWD, filepath.Join(out, "link"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	opened := 0
	for range 3000 {
		resp := s.Do(Request{Op: OpOpen, Path: "/out/a/b/f"})
		if resp.Errno == 0 {
			opened++
			buf := make([]byte, 10)
			n, _ := unix.Read(resp.FD, buf)
			unix.Close(resp.FD)
			s.Do(Request{Op: OpClose, Dir: resp.Handle})
			if string(buf[:n]) != "inside" {
				t.Fatalf("a race led to %q", buf[:n])
			}
		}
		resp = s.Do(Request{Op: OpOpen, Path: "/out/a/b/new", Flags: unix.O_CREAT | unix.O_WRONLY})
		if resp.Errno == 0 {
			unix.Close(resp.FD)
			s.Do(Request{Op: OpClose, Dir: resp.Handle})
		}
		s.Do(Request{Op: OpMkdir, Path: "/out/a/b/dir"})
		s.Do(Request{Op: OpChmod, Path: "/out/a/b/f", Mode: 0600})
		s.Do(Request{Op: OpRename, Path: "/out/a/b/new", Path2: "/out/a/b/newer"})
		s.Do(Request{Op: OpUnlink, Path: "/out/a/b/newer"})
	}
	close(stop)
	if n := <-stopped; n == 0 || opened == 0 {
		t.Fatalf("%d exchanges and %d opens: there was no race", n, opened)
	}
	entries, err := os.ReadDir(filepath.Join(outside, "b"))
	info, err2 := os.Stat(filepath.Join(outside, "b/f"))
	if err != nil || err2 != nil || len(entries) != 1 || info.Mode() != 0644 {
		t.Fatalf("outside was changed: %v, %v, %v, %v", entries, info.Mode(), err, err2)
	}
}

func TestHostChangesUnderAnOpenHandle(t *testing.T) {
	out := t.TempDir()
	s := newWorld(t, Options{Out: out})
	do(t, s, Request{Op: OpMkdir, Path: "/out/d", Mode: 0755}, 0)
	h, _ := openFD(t, s, "/out/d", unix.O_DIRECTORY)
	f, _ := create(t, s, "/out/d/f")
	before := do(t, s, Request{Op: OpStat, Path: "/out/d/f"}, 0).Stat
	for _, err := range []error{
		os.Rename(filepath.Join(out, "d"), filepath.Join(out, "moved")),
		os.Mkdir(filepath.Join(out, "d"), 0755),
		os.WriteFile(filepath.Join(out, "d/f"), []byte("another"), 0600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if st := do(t, s, Request{Op: OpStat, Path: "/out/d/f"}, 0).Stat; st.Size != 7 || st.Ino == before.Ino {
		t.Errorf("by path: size %d inode %d, want the new file's 7 and not %d", st.Size, st.Ino, before.Ino)
	}
	if st := do(t, s, Request{Op: OpStat, Dir: f}, 0).Stat; st.Ino != before.Ino {
		t.Errorf("by handle: inode %d, want %d", st.Ino, before.Ino)
	}
	if st := do(t, s, Request{Op: OpStat, Dir: h, Path: "f"}, 0).Stat; st.Ino != before.Ino {
		t.Errorf("below the folder's handle: inode %d, want %d", st.Ino, before.Ino)
	}
	do(t, s, Request{Op: OpPath, Dir: h}, unix.ENOENT)
}

func TestSetuidNeverReachesTheHost(t *testing.T) {
	out := t.TempDir()
	s := newWorld(t, Options{Out: out})
	do(t, s, Request{Op: OpOpen, Path: "/out/f", Flags: unix.O_CREAT, Mode: 07755}, 0)
	do(t, s, Request{Op: OpChmod, Path: "/out/f", Mode: 06755}, 0)
	do(t, s, Request{Op: OpMkdir, Path: "/out/d", Mode: 06777}, 0)
	for name, want := range map[string]os.FileMode{"f": 0755, "d": 0777 | os.ModeDir} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestCloseLeavesNothingOpen(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(in, "f"), "x")
	before := countFDs(t)
	for range 3 {
		s, err := NewServer(Options{In: in, Out: out})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/in/f", "/out/f", "/tmp/f", "/tmp/g", "/data/f", "/dev/null", "/in", "/tmp"} {
			flags := uint32(unix.O_CREAT | unix.O_RDWR)
			if path == "/in/f" || path == "/in" || path == "/tmp" {
				flags = unix.O_RDONLY
			}
			if resp := do(t, s, Request{Op: OpOpen, Path: path, Flags: flags}, 0); resp.FD >= 0 {
				unix.Close(resp.FD)
			}
		}
		do(t, s, Request{Op: OpUnlink, Path: "/tmp/g"}, 0)
		s.Close()
		s.Close()
		do(t, s, Request{Op: OpStat, Path: "/"}, unix.EIO)
	}
	if _, err := NewServer(Options{In: in, Out: filepath.Join(out, "none")}); err == nil {
		t.Fatal("a missing folder was accepted")
	}
	if after := countFDs(t); after != before {
		t.Fatalf("%d descriptors are open after Close, %d before NewServer", after, before)
	}
}
