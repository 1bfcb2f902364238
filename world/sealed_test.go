package world

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sealed makes sealed files of a text each, and a way to change them.
func sealed(t *testing.T, paths ...string) (list []SealedFile) {
	t.Helper()
	for i, p := range paths {
		at := filepath.Join(t.TempDir(), "blob")
		writeFile(t, at, "content of "+p)
		f, err := os.Open(at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		list = append(list, SealedFile{p, f, i == 0})
	}
	return list
}

func TestSealedFilesAreApp(t *testing.T) {
	files := sealed(t, "bin/hello", "model/a/table", "model/b")
	s := newWorld(t, Options{Sealed: files, Program: files[0].File, ProgramName: "bin/hello"})
	for path, mode := range map[string]uint32{
		"/app": unix.S_IFDIR | 0555, "/app/bin": unix.S_IFDIR | 0555, "/app/bin/hello": unix.S_IFREG | 0555,
		"/app/model/a": unix.S_IFDIR | 0555, "/app/model/a/table": unix.S_IFREG | 0444, "/app/model/b": unix.S_IFREG | 0444,
	} {
		st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat
		if st.Mode != mode || st.Mtime != (Timespec{}) || st.Ctime != (Timespec{}) {
			t.Errorf("%s: mode %o, times %v %v; want mode %o and times of zero", path, st.Mode, st.Mtime, st.Ctime, mode)
		}
	}
	if target := do(t, s, Request{Op: OpReadlink, Path: "/proc/self/exe"}, 0).Text; target != "/app/bin/hello" {
		t.Errorf("/proc/self/exe leads to %q", target)
	}
	for _, f := range files {
		_, fd := openFD(t, s, "/app/"+f.Path, unix.O_RDONLY)
		buf := make([]byte, 99)
		if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "content of "+f.Path {
			t.Errorf("%s: read %q, %v", f.Path, buf[:n], err)
		}
		if n, err := unix.Write(fd, []byte("x")); err == nil {
			t.Errorf("%s: %d bytes were written", f.Path, n)
		}
	}
}

func TestSealedFilesCannotBeChanged(t *testing.T) {
	files := sealed(t, "hello", "model/b")
	s := newWorld(t, Options{Sealed: files, Program: files[0].File, ProgramName: "hello"})
	for _, r := range []Request{
		{Op: OpOpen, Path: "/app/model/b", Flags: unix.O_WRONLY},
		{Op: OpOpen, Path: "/app/model/b", Flags: unix.O_RDWR | unix.O_TRUNC},
		{Op: OpOpen, Path: "/app/hello", Flags: unix.O_RDONLY | unix.O_TRUNC},
		{Op: OpOpen, Path: "/app/new", Flags: unix.O_WRONLY | unix.O_CREAT},
		{Op: OpUnlink, Path: "/app/model/b"},
		{Op: OpMkdir, Path: "/app/new"},
		{Op: OpChmod, Path: "/app/model/b", Mode: 0777},
	} {
		do(t, s, r, unix.EROFS)
	}
	do(t, s, Request{Op: OpOpen, Path: "/app/hello", Flags: unix.O_WRONLY}, unix.ETXTBSY)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // they are the caller's
		if _, err := f.File.Stat(); err != nil {
			t.Errorf("%s was closed with the world: %v", f.Path, err)
		}
	}
}

func TestSealedFilesAreRefused(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, paths := range map[string][]string{
		"no path": {""}, "an absolute path": {"/a"}, "a path outside": {"../a"}, "a path that is not clean": {"a//b"},
		"the folder itself": {"."}, "one twice": {"a", "a"}, "a file and a folder": {"a", "a/b"}, "a folder and a file": {"a/b", "a"},
		"a long name": {strings.Repeat("a", NameMax+1)}, "a long path": {strings.Repeat("a/", PathMax)},
	} {
		if s, err := NewServer(Options{Sealed: sealed(t, paths...)}); err == nil {
			t.Errorf("%s is taken", name)
			s.Close()
		}
	}
	if s, err := NewServer(Options{Sealed: []SealedFile{{"a", dir, false}}}); err == nil {
		t.Error("a folder is taken for a file")
		s.Close()
	}
	if s, err := NewServer(Options{Sealed: sealed(t, "a"), App: t.TempDir()}); err == nil {
		t.Error("a folder and files are taken for /app")
		s.Close()
	}
}

func TestTmpHasAQuota(t *testing.T) {
	s := newWorld(t, Options{TmpBytes: 64 << 10})
	h, _ := openFD(t, s, "/tmp/f", unix.O_CREAT|unix.O_WRONLY)
	if got := do(t, s, Request{Op: OpGrow, Dir: h, Size: 1 << 20}, 0).Size; got > 64<<10 || got < 32<<10 {
		t.Errorf("a file in /tmp may grow to %d bytes of 1 MiB, where /tmp has 64 KiB", got)
	}
}
