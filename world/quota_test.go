package world

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// grow asks for room and checks the grant.
func grow(t *testing.T, s Service, h Handle, want, granted int64, e errno) {
	t.Helper()
	resp := do(t, s, Request{Op: OpGrow, Dir: h, Size: want}, e)
	if resp.Size != granted {
		t.Fatalf("grow to %d: granted %d, want %d", want, resp.Size, granted)
	}
}

func create(t *testing.T, s Service, path string) (Handle, int) {
	t.Helper()
	return openFD(t, s, path, unix.O_CREAT|unix.O_RDWR)
}

func used(s *Server, m Mount) int64 { return s.mounts[m].used }

func TestQuotaEndsAWriteWithThePartialCount(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 1000})
	h, _ := create(t, s, "/out/f")
	grow(t, s, h, 600, 600, 0)
	grow(t, s, h, 600, 600, 0)
	grow(t, s, h, 10, 600, 0)
	grow(t, s, h, 5000, 1000, 0)
	grow(t, s, h, 1001, 1000, unix.ENOSPC)
	other, _ := create(t, s, "/out/g")
	grow(t, s, other, 1, 0, unix.ENOSPC)
	grow(t, s, other, -1, 0, unix.EINVAL)
}

func TestAWriteBeyondTheQuotaTakesNothingOfIt(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 1000})
	h, _ := create(t, s, "/out/f")
	grow(t, s, h, 600, 600, 0)
	const far = 1 << 31
	if resp := do(t, s, Request{Op: OpGrow, Dir: h, Offset: far, Size: far + 16}, unix.ENOSPC); resp.Size != 600 || used(s, MountOut) != 600 {
		t.Errorf("a write of 16 bytes at 2^31: granted %d bytes, %d used, want 600 and 600", resp.Size, used(s, MountOut))
	}
	if resp := do(t, s, Request{Op: OpGrow, Dir: h, Offset: 900, Size: 1100}, 0); resp.Size != 1000 {
		t.Errorf("a write across the quota's end: granted %d bytes, want 1000", resp.Size)
	}
}

func TestQuotaTakesBack(t *testing.T) {
	const all = 1000
	fill := func(t *testing.T, s *Server, fd int, h Handle) {
		grow(t, s, h, all, all, 0)
		if _, err := unix.Write(fd, make([]byte, all)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		act  func(t *testing.T, s *Server, h Handle)
		want int64
	}{
		"what was granted and not written, at the last close": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpClose, Dir: h}, 0)
		}, all},
		"a truncated end": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpTruncate, Dir: h, Size: 300}, 0)
		}, 300},
		"a file truncated by its path": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpTruncate, Path: "/out/f", Size: 1}, 0)
		}, 1},
		"a file opened with O_TRUNC": {func(t *testing.T, s *Server, h Handle) { openFD(t, s, "/out/f", unix.O_TRUNC|unix.O_WRONLY) }, 0},
		"nothing for an unlinked file that is open": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpUnlink, Path: "/out/f"}, 0)
		}, all},
		"an unlinked file, at the last close": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpUnlink, Path: "/out/f"}, 0)
			do(t, s, Request{Op: OpClose, Dir: h}, 0)
		}, 0},
		"a file that another replaced": {func(t *testing.T, s *Server, h Handle) {
			do(t, s, Request{Op: OpClose, Dir: h}, 0)
			create(t, s, "/out/empty")
			do(t, s, Request{Op: OpRename, Path: "/out/empty", Path2: "/out/f"}, 0)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWorld(t, Options{Out: t.TempDir(), OutBytes: all})
			h, fd := create(t, s, "/out/f")
			fill(t, s, fd, h)
			c.act(t, s, h)
			if got := used(s, MountOut); got != c.want {
				t.Fatalf("the quota counts %d bytes, want %d", got, c.want)
			}
		})
	}
}

func TestWritesWithoutAskingAreCounted(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 1000})
	h, fd := create(t, s, "/out/f")
	if _, err := unix.Write(fd, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	grow(t, s, h, 6000, 5000, unix.ENOSPC)
	do(t, s, Request{Op: OpClose, Dir: h}, 0)
	if got := used(s, MountOut); got != 5000 {
		t.Fatalf("the quota counts %d bytes, want 5000", got)
	}
}

func TestAllocationBehindTheEndIsCounted(t *testing.T) {
	const mib = 1 << 20
	for name, o := range map[string]Options{
		"/out": {Out: t.TempDir(), OutBytes: 4 * mib}, "/tmp": {},
		"/out with a chosen clock": {Out: t.TempDir(), OutBytes: 4 * mib, Clock: NewClock(launch, true)},
	} {
		s := newWorld(t, o)
		at, m := "/out", s.mounts[MountOut]
		if name == "/tmp" {
			at, m = name, s.mounts[MountTmp]
		}
		h, _ := create(t, s, at+"/f")
		resp := s.Do(Request{Op: OpAllocate, Dir: h, Flags: unix.FALLOC_FL_KEEP_SIZE, Size: 3 * mib, Scratch: 4 * mib})
		if resp.Errno != 0 {
			t.Fatalf("%s: fallocate: %v", name, resp.Errno)
		}
		do(t, s, Request{Op: OpClose, Dir: h}, 0)
		if m.used < 3*mib {
			t.Errorf("%s: the quota counts %d bytes, want %d or more", name, m.used, 3*mib)
		}
		h, _ = create(t, s, at+"/g")
		if e := s.Do(Request{Op: OpAllocate, Dir: h, Size: 2 * mib, Scratch: 4 * mib}).Errno; e != unix.ENOSPC {
			t.Errorf("%s: a second fallocate: %v, want ENOSPC", name, e)
		}
	}
}

func TestQuotaOfNames(t *testing.T) {
	for _, mount := range []string{"/out", "/data", "/tmp"} {
		t.Run(mount, func(t *testing.T) {
			s := newWorld(t, Options{Out: t.TempDir(), Files: 2})
			create(t, s, mount+"/f")
			do(t, s, Request{Op: OpMkdir, Path: mount + "/d"}, 0)
			do(t, s, Request{Op: OpMkdir, Path: mount + "/e"}, unix.ENOSPC)
			do(t, s, Request{Op: OpOpen, Path: mount + "/g", Flags: unix.O_CREAT}, unix.ENOSPC)
			create(t, s, mount+"/f")
			do(t, s, Request{Op: OpRename, Path: mount + "/f", Path2: mount + "/d/f"}, 0)
			do(t, s, Request{Op: OpUnlink, Path: mount + "/d/f"}, 0)
			do(t, s, Request{Op: OpMkdir, Path: mount + "/e"}, 0)
			if st := do(t, s, Request{Op: OpStatfs, Path: mount}, 0).Statfs; st.Files != 2 || st.Ffree != 0 {
				t.Errorf("statfs: %d files, %d free, want 2 and 0", st.Files, st.Ffree)
			}
		})
	}
}

func TestQuotaCountsWhatIsThereAtTheStart(t *testing.T) {
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "a/b"), 0755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(data, "a/b/f"), "12345")
	writeFile(t, filepath.Join(data, "g"), "123")
	if err := os.Link(filepath.Join(data, "g"), filepath.Join(data, "hard")); err != nil {
		t.Fatal(err)
	}
	s := newWorld(t, Options{Data: data, DataBytes: 10})
	if m := s.mounts[MountData]; m.used != 8 || m.names != 5 {
		t.Fatalf("the quota counts %d bytes and %d names, want 8 and 5", m.used, m.names)
	}
	h, _ := openFD(t, s, "/data/g", unix.O_WRONLY)
	grow(t, s, h, 100, 5, 0)
	do(t, s, Request{Op: OpUnlink, Path: "/data/g"}, 0)
	do(t, s, Request{Op: OpClose, Dir: h}, 0)
	if got := used(s, MountData); got != 8 {
		t.Fatalf("one of two names has gone: the quota counts %d bytes, want 8", got)
	}
	do(t, s, Request{Op: OpUnlink, Path: "/data/hard"}, 0)
	if got := used(s, MountData); got != 5 {
		t.Fatalf("both names have gone: the quota counts %d bytes, want 5", got)
	}
}

func TestScratchIsMemory(t *testing.T) {
	for _, mount := range []string{"/tmp", "/out", "/data"} {
		t.Run(mount, func(t *testing.T) {
			s := newWorld(t, Options{})
			const limit = nodeBytes + 3*page
			ask := func(r Request) Response { r.Scratch = limit; return s.Do(r) }
			h := ask(Request{Op: OpOpen, Path: mount + "/f", Flags: unix.O_CREAT | unix.O_RDWR})
			unix.Close(h.FD)
			resp := ask(Request{Op: OpGrow, Dir: h.Handle, Size: 1})
			if resp.Errno != 0 || resp.Scratch != nodeBytes+page {
				t.Fatalf("one byte: %v, scratch %d, want %d", resp.Errno, resp.Scratch, nodeBytes+page)
			}
			resp = ask(Request{Op: OpGrow, Dir: h.Handle, Size: 100 * page})
			if resp.Errno != 0 || resp.Size != 3*page {
				t.Fatalf("many bytes: %v, granted %d, want %d", resp.Errno, resp.Size, 3*page)
			}
			if e := ask(Request{Op: OpGrow, Dir: h.Handle, Size: 3*page + 1}).Errno; e != unix.ENOSPC {
				t.Fatalf("one more byte: %v, want ENOSPC", e)
			}
			if e := ask(Request{Op: OpMkdir, Path: mount + "/d"}).Errno; e != unix.ENOSPC {
				t.Fatalf("mkdir: %v, want ENOSPC", e)
			}
			if resp = ask(Request{Op: OpClose, Dir: h.Handle}); resp.Scratch != nodeBytes {
				t.Fatalf("after the close of an empty file: scratch %d, want %d", resp.Scratch, nodeBytes)
			}
			if resp = ask(Request{Op: OpUnlink, Path: mount + "/f"}); resp.Scratch != 0 {
				t.Fatalf("after unlink: scratch %d, want 0", resp.Scratch)
			}
		})
	}
}

func TestSizesBeyondReason(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir()})
	// /out is as ext4; /tmp as tmpfs, where room ends before a length does.
	for mount, beyond := range map[string]errno{"/out": unix.EFBIG, "/tmp": unix.ENOSPC} {
		h, _ := create(t, s, mount+"/f")
		for _, size := range []int64{maxFileSize + 1, 1 << 62, 1<<63 - page, 1<<63 - 1} {
			do(t, s, Request{Op: OpTruncate, Dir: h, Size: size}, beyond)
			do(t, s, Request{Op: OpAllocate, Dir: h, Size: size}, beyond)
		}
		do(t, s, Request{Op: OpAllocate, Dir: h, Offset: 1 << 62, Size: 1 << 62}, unix.EFBIG)
		do(t, s, Request{Op: OpTruncate, Dir: h, Size: maxFileSize}, unix.ENOSPC)
		if st := do(t, s, Request{Op: OpStat, Dir: h}, 0).Stat; st.Size != 0 {
			t.Errorf("%s: size %d after refused calls, want 0", mount, st.Size)
		}
	}
}

func TestStatfsTellsTheQuota(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 100 * page})
	h, _ := create(t, s, "/out/f")
	grow(t, s, h, 40*page, 40*page, 0)
	for path, want := range map[string]Statfs{
		"/out":  {Type: ext4Magic, Bsize: page, Blocks: 100, Bfree: 60, Files: DefaultFiles, Ffree: DefaultFiles - 1},
		"/tmp":  {Type: tmpfsMagic, Bsize: page, Blocks: roomy / page, Bfree: roomy / page, Files: DefaultMemoryFiles, Ffree: DefaultMemoryFiles},
		"/proc": {Type: tmpfsMagic, Bsize: page, ReadOnly: true},
	} {
		if got := do(t, s, Request{Op: OpStatfs, Path: path}, 0).Statfs; got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}

func TestFullDiskOfTheHost(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=64k,nr_inodes=4"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	s := newWorld(t, Options{Out: dir})
	h, fd := create(t, s, "/out/f")
	grow(t, s, h, 1<<20, 1<<20, 0)
	if n, err := unix.Write(fd, make([]byte, 1<<20)); n != 64<<10 {
		t.Fatalf("write: %d, %v, want the 65536 bytes that the disk holds", n, err)
	}
	for i := range 2 {
		do(t, s, Request{Op: OpMkdir, Path: fmt.Sprintf("/out/d%d", i)}, 0)
	}
	names := s.mounts[MountOut].names
	do(t, s, Request{Op: OpMkdir, Path: "/out/d3"}, unix.ENOSPC)
	do(t, s, Request{Op: OpOpen, Path: "/out/g", Flags: unix.O_CREAT}, unix.ENOSPC)
	if got := s.mounts[MountOut].names; got != names {
		t.Fatalf("refused creations are counted: %d names, want %d", got, names)
	}
	do(t, s, Request{Op: OpClose, Dir: h}, 0)
	if got := used(s, MountOut); got != 64<<10 {
		t.Fatalf("the quota counts %d bytes, want %d", got, 64<<10)
	}
}
