package libos

import (
	"bytes"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBasesStayInUserSpace(t *testing.T) {
	const setGS, setFS, getFS = 0x1001, 0x1002, 0x1003
	g := bare(t, nil)
	for _, code := range []uint64{setGS, setFS} {
		g.must("arch_prctl", code, taskSize-1)
		for _, addr := range []uint64{taskSize, 1 << 47, 1 << 63, ^uint64(0)} {
			g.fails(syscall.EPERM, "arch_prctl", code, addr)
		}
	}
	if g.m.fs != taskSize-1 || g.m.gs != taskSize-1 {
		t.Errorf("bases are %#x and %#x, want the last good ones", g.m.fs, g.m.gs)
	}
	g.must("arch_prctl", getFS, scratchPage)
	if got := g.peek64(scratchPage); got != taskSize-1 {
		t.Errorf("ARCH_GET_FS gives %#x", got)
	}
}

func TestStackKeepsItsGuardGap(t *testing.T) {
	g := bare(t, nil)
	stack := g.p.mem.stackTop - stackInitial
	below := stack - stackGuard - 2*PageSize
	g.must("mmap", below, PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	if !g.touch(below+PageSize+stackGuard, ProtWrite) {
		t.Errorf("the stack cannot grow to its gap: %+v", g.p.end)
	}
	if g.touch(below+stackGuard, ProtWrite) {
		t.Error("the stack grows into the gap above another region")
	}
	g.p.end = nil
	if got := g.must("mmap", g.p.mem.stackTop-stackInitial-3*PageSize, PageSize, 3, anonymous, ^uint64(0), 0); got+PageSize > g.p.mem.stackTop-stackInitial-stackGuard {
		t.Errorf("a hint below the stack gives %#x, inside of the gap", got)
	}
}

func TestNameIsKept(t *testing.T) {
	g := bare(t, nil)
	g.poke(scratchPage, append([]byte("a name that is too long"), 0))
	g.must("prctl", unix.PR_SET_NAME, scratchPage)
	g.must("prctl", unix.PR_GET_NAME, scratchPage+64)
	if got, want := g.peek(scratchPage+64, 16), append([]byte("a name that is "), 0); !bytes.Equal(got, want) {
		t.Errorf("PR_GET_NAME gives %q, want %q", got, want)
	}
	g.fails(syscall.EFAULT, "prctl", unix.PR_SET_NAME, 0)
	g.fails(syscall.EINVAL, "prctl", 12345)
}

func TestHardLimitsOnlyFall(t *testing.T) {
	g := bare(t, nil)
	set := func(soft, hard uint64) { g.p.writeWords(scratchPage, soft, hard) }
	set(4096, 4096)
	g.must("prlimit64", 0, unix.RLIMIT_NOFILE, scratchPage, 0)
	if got := g.p.limit(rlimitNofile); got != 4096 {
		t.Errorf("the soft limit is %d", got)
	}
	set(2000, 3000)
	g.must("setrlimit", unix.RLIMIT_NOFILE, scratchPage)
	set(2000, 3001)
	g.fails(syscall.EPERM, "setrlimit", unix.RLIMIT_NOFILE, scratchPage)
	set(3001, 3000)
	g.fails(syscall.EINVAL, "setrlimit", unix.RLIMIT_NOFILE, scratchPage)
	g.fails(syscall.EINVAL, "setrlimit", rlimits, scratchPage)
	g.fails(syscall.ESRCH, "prlimit64", 1, unix.RLIMIT_NOFILE, 0, scratchPage)
}

func TestDataLimitStopsTheHeap(t *testing.T) {
	g := bare(t, nil)
	start := g.must("brk", 0)
	g.p.writeWords(scratchPage, 1<<20, 1<<20)
	g.must("setrlimit", unix.RLIMIT_DATA, scratchPage)
	if got := g.must("brk", start+2<<20); got != start {
		t.Errorf("the heap grows to %#x beyond RLIMIT_DATA", got)
	}
	g.fails(syscall.ENOMEM, "mmap", 0, 2<<20, 3, anonymous, ^uint64(0), 0)
	g.must("mmap", 0, 2<<20, 1, anonymous, ^uint64(0), 0)
}

func TestUnameSaysLinux(t *testing.T) {
	g := bare(t, nil)
	g.must("uname", scratchPage)
	raw := g.peek(scratchPage, 6*65)
	for i, want := range []string{"Linux", "cell", kernelRelease, "", "x86_64"} {
		got, _, _ := bytes.Cut(raw[i*65:], []byte{0})
		if want != "" && string(got) != want {
			t.Errorf("field %d of uname is %q, want %q", i, got, want)
		}
	}
}

// ru_maxrss is the most that was used at once (getrusage(2)).
func TestMaxRSSIsThePeak(t *testing.T) {
	g := bare(t, nil)
	const pages = 100
	addr := g.must("mmap", 0, pages*PageSize, 3, anonymous|unix.MAP_POPULATE, ^uint64(0), 0)
	g.must("munmap", addr, pages*PageSize)
	g.must("getrusage", unix.RUSAGE_SELF, scratchPage)
	rss := g.peek64(scratchPage+32) << 10
	if rss < pages*PageSize || rss <= g.m.Backed() {
		t.Errorf("ru_maxrss is %d bytes; %d came and went, %d are left", rss, pages*PageSize, g.m.Backed())
	}
}
