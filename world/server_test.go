package world

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// newWorld starts a server for a test and closes it at its end.
func newWorld(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := NewServer(o)
	if err != nil {
		t.Fatalf("NewServer(%+v) = %v", o, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

const roomy = 1 << 30 // Scratch for tests that are not about it

// do sends a request with room in /tmp and fails the test for another errno
// than want.
func do(t testing.TB, s Service, r Request, want errno) Response {
	t.Helper()
	if r.Scratch == 0 {
		r.Scratch = roomy
	}
	resp := s.Do(r)
	if resp.Errno != want {
		t.Fatalf("%+v: got %v, want %v", r, resp.Errno, want)
	}
	return resp
}

// openFD opens a file and gives its handle and descriptor.
func openFD(t testing.TB, s Service, path string, flags int) (Handle, int) {
	t.Helper()
	resp := do(t, s, Request{Op: OpOpen, Path: path, Flags: uint32(flags), Mode: 0644}, 0)
	if resp.FD >= 0 {
		t.Cleanup(func() { unix.Close(resp.FD) })
	}
	return resp.Handle, resp.FD
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0644); err != nil {
		t.Fatal(err)
	}
}

func TestFilesRoundTrip(t *testing.T) {
	out, data := t.TempDir(), t.TempDir()
	worlds := map[string]Options{
		"host folders": {Out: out, Data: data},
		"in memory":    {},
	}
	for name, o := range worlds {
		for _, at := range []string{"/out", "/data", "/tmp"} {
			t.Run(name+at, func(t *testing.T) {
				s := newWorld(t, o)
				path := at + "/f"
				h, fd := openFD(t, s, path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY)
				do(t, s, Request{Op: OpGrow, Dir: h, Size: 5}, 0)
				if _, err := unix.Write(fd, []byte("hello")); err != nil {
					t.Fatal(err)
				}
				if st := do(t, s, Request{Op: OpStat, Path: path}, 0).Stat; st.Size != 5 || st.Mode != unix.S_IFREG|0644 {
					t.Fatalf("stat of %s: size %d mode %o, want 5 and %o", path, st.Size, st.Mode, unix.S_IFREG|0644)
				}
				_, rd := openFD(t, s, path, unix.O_RDONLY)
				buf := make([]byte, 9)
				if n, err := unix.Read(rd, buf); err != nil || string(buf[:n]) != "hello" {
					t.Fatalf("read: %q, %v, want hello", buf[:n], err)
				}
				if _, err := unix.Write(rd, buf); err != unix.EBADF {
					t.Fatalf("write to a descriptor opened for reading: %v, want EBADF", err)
				}
				do(t, s, Request{Op: OpUnlink, Path: path}, 0)
				do(t, s, Request{Op: OpStat, Path: path}, unix.ENOENT)
				if st := do(t, s, Request{Op: OpStat, Dir: h}, 0).Stat; st.Nlink != 0 || st.Size != 5 {
					t.Fatalf("stat of an unlinked open file: links %d size %d, want 0 and 5", st.Nlink, st.Size)
				}
				do(t, s, Request{Op: OpClose, Dir: h}, 0)
			})
		}
	}
}

func TestTree(t *testing.T) {
	app := t.TempDir()
	writeFile(t, filepath.Join(app, "prog"), "hidden by the program")
	writeFile(t, filepath.Join(app, "model"), "data")
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	s := newWorld(t, Options{App: app, Program: exe, ProgramName: "prog", CPUs: 3})
	for _, c := range []struct {
		path string
		kind Kind
		text string
	}{
		{"/", KindDir, ""}, {"/app", KindDir, ""}, {"/app/..", KindDir, ""}, {"/app/prog", KindFile, ""},
		{"/app/model", KindFile, ""}, {"/proc/self/exe", KindFile, ""}, {"/proc/self/maps", KindMaps, ""},
		{"/proc/meminfo", KindMeminfo, ""}, {"/dev/null", KindNull, ""}, {"/dev/zero", KindZero, ""},
		{"/dev/urandom", KindRandom, ""}, {"/sys/devices/system/cpu/online", KindText, "0-2\n"},
		{"/etc/passwd", KindText, "root:x:0:0:root:/:/bin/sh\n"}, {"/etc/localtime", KindText, utcZone},
	} {
		resp := do(t, s, Request{Op: OpOpen, Path: c.path}, 0)
		if resp.Kind != c.kind || resp.Text != c.text {
			t.Errorf("open %s: kind %d text %q, want %d %q", c.path, resp.Kind, resp.Text, c.kind, c.text)
		}
		if resp.FD >= 0 {
			unix.Close(resp.FD)
		}
	}
	st := do(t, s, Request{Op: OpStat, Path: "/app/prog"}, 0).Stat
	if info, _ := exe.Stat(); st.Size != info.Size() || st.Mode != unix.S_IFREG|0555 {
		t.Errorf("the program: size %d mode %o, want %d %o", st.Size, st.Mode, info.Size(), unix.S_IFREG|0555)
	}
}

func TestNewServerRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "")
	sealed := filepath.Join(dir, "sealed")
	if err := os.Mkdir(sealed, 0755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", sealed, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Skipf("mounting a read-only file system needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(sealed, unix.MNT_DETACH) })
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"a missing folder":        {Options{In: filepath.Join(dir, "none")}, fs.ErrNotExist},
		"a file for a folder":     {Options{App: file}, unix.ENOTDIR},
		"a read-only file system": {Options{Out: sealed}, unix.EROFS},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewServer(c.o)
			if err == nil {
				s.Close()
			}
			var refused *FolderError
			if !errors.As(err, &refused) || !errors.Is(err, c.want) {
				t.Fatalf("NewServer(%+v) = %v, want a FolderError of %v", c.o, err, c.want)
			}
		})
	}
}

// countFDs counts this process's descriptors.
func countFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
