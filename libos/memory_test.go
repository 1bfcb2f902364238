package libos

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const anonymous = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS

// testPager is a file of which page n is filled with byte n+1, with one page
// that cannot be read.
type testPager struct {
	size, broken int64
	refs         int
}

func (g *testPager) ReadPages(dst []byte, off int64) (int, bool) {
	n := int(min(int64(len(dst)), g.size-off))
	for i := range dst[:n] {
		dst[i] = byte(off/PageSize + 1)
	}
	return n, off != g.broken
}
func (g *testPager) Size() int64  { return g.size }
func (g *testPager) Retain()      { g.refs++ }
func (g *testPager) Release()     { g.refs-- }
func (g *testPager) Name() string { return "/in/file" }

func TestFilePages(t *testing.T) {
	g := bare(t, nil)
	file := &testPager{size: 2*PageSize + 100, broken: -1, refs: 1}
	addr, e := g.p.mmap(mapping{length: 5 * PageSize, prot: unix.PROT_READ, flags: unix.MAP_PRIVATE, file: file}, 0)
	if e != 0 {
		t.Fatal(e)
	}
	if got := g.peek(addr+2*PageSize+98, 4); string(got) != "\x03\x03\x00\x00" {
		t.Errorf("the end of the file reads %x, want its bytes and then zeros", got)
	}
	if g.touch(addr+3*PageSize, ProtRead) {
		t.Fatal("a page behind the end of the file can be read")
	}
	end := g.p.end
	if end.Signal != int(syscall.SIGBUS) || end.Fault.Code != busAddr || end.Fault.Addr != addr+3*PageSize {
		t.Errorf("reading it ends with %+v, want SIGBUS, BUS_ADRERR and its address", end)
	}
	g.p.end = nil
	if n := g.p.copyOut(addr, []byte("x")); n != 0 {
		t.Error("the library OS writes to a read-only page")
	}
	g.must("mprotect", addr, PageSize, unix.PROT_READ|unix.PROT_WRITE)
	g.poke(addr, []byte("x"))
	g.must("munmap", addr+PageSize, PageSize)
	g.must("munmap", addr, 5*PageSize)
	if file.refs != 1 {
		t.Errorf("after munmap the file has %d references, want the test's own", file.refs)
	}
	g.healthy()
}

func TestUnreadablePageIsBusError(t *testing.T) {
	g := bare(t, nil)
	file := &testPager{size: 8 * PageSize, broken: 3 * PageSize, refs: 1}
	addr, _ := g.p.mmap(mapping{length: 8 * PageSize, prot: unix.PROT_READ, flags: unix.MAP_PRIVATE, file: file}, 0)
	if !g.touch(addr+2*PageSize, ProtRead) {
		t.Errorf("a good page beside a broken one: %+v", g.p.end)
	}
	if g.touch(addr+3*PageSize, ProtRead) || g.p.end.Signal != int(syscall.SIGBUS) {
		t.Errorf("a page that cannot be read ends with %+v, want SIGBUS", g.p.end)
	}
	g.healthy()
}

func TestHugePagesForLargeAnonymousMapsAlone(t *testing.T) {
	for name, row := range map[string]struct {
		length  uint64
		enabled bool
		advice  uint64
		want    int
	}{
		"4 MiB":               {4 << 20, true, unix.MADV_NORMAL, 1},
		"below 4 MiB":         {4<<20 - PageSize, true, unix.MADV_NORMAL, 0},
		"switched off":        {8 << 20, false, unix.MADV_NORMAL, 0},
		"below, but asked":    {2<<20 + 2<<20 - PageSize, true, unix.MADV_HUGEPAGE, 1},
		"large, but declined": {8 << 20, true, unix.MADV_NOHUGEPAGE, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, func(c *Config) { c.HugePages = row.enabled })
			addr := g.must("mmap", 0, row.length, 3, anonymous, ^uint64(0), 0)
			g.must("madvise", addr, row.length, row.advice)
			g.touch((addr+HugeSize-1)&^(HugeSize-1)+5*PageSize, ProtWrite)
			if g.m.hugeMaps != row.want {
				t.Errorf("one touch makes %d huge pages, want %d", g.m.hugeMaps, row.want)
			}
			g.healthy()
		})
	}
}

func TestHeapGrowthOf4MiBIsHuge(t *testing.T) {
	g := bare(t, func(c *Config) { c.HugePages = true })
	start := g.must("brk", 0)
	g.must("brk", start+8<<20)
	g.touch((start+HugeSize)&^(HugeSize-1), ProtWrite)
	if g.m.hugeMaps != 1 {
		t.Errorf("%d huge pages, want 1", g.m.hugeMaps)
	}
}

func TestSequentialFaultsBackMore(t *testing.T) {
	g := bare(t, nil)
	const length = 16 << 20
	addr := g.must("mmap", 0, length, 3, anonymous, ^uint64(0), 0)
	before := g.m.maps
	for a := addr; a < addr+length; a += PageSize {
		g.touch(a, ProtWrite)
	}
	if n := g.m.maps - before; n > 24 {
		t.Errorf("touching 16 MiB in order took %d faults, want at most 24", n)
	}
	g.healthy()
}

func TestMemoryLimit(t *testing.T) {
	g := bare(t, nil)
	g.fails(syscall.ENOMEM, "mmap", 0, fakeLimit+PageSize, 3, anonymous, ^uint64(0), 0)
	g.must("mmap", 0, 1<<40, unix.PROT_NONE, anonymous, ^uint64(0), 0)
	noReserve := g.must("mmap", 0, 1<<40, 3, anonymous|unix.MAP_NORESERVE, ^uint64(0), 0)
	if len(g.m.pages) > 64 {
		t.Errorf("reservations took %d pages", len(g.m.pages))
	}
	g.fails(syscall.ENOMEM, "mprotect", g.must("mmap", 0, 1<<40, 0, anonymous, ^uint64(0), 0), 1<<40, 3)
	start := g.must("brk", 0)
	if got := g.must("brk", start+fakeLimit+PageSize); got != start {
		t.Errorf("the heap grows to %#x, beyond the limit", got)
	}
	for a := noReserve; g.touch(a, ProtWrite); a += PageSize {
		if a-noReserve > fakeLimit {
			t.Fatal("the limit is never reached")
		}
	}
	if end := g.p.end; !end.OOM || end.Status() != 137 {
		t.Errorf("the end is %+v, want out of memory with status 137", end)
	}
	if used := g.m.used(); used != fakeLimit {
		t.Errorf("out of memory with %d bytes used, want all %d", used, fakeLimit)
	}
	g.healthy()
}

func TestSparseTouchesReachTheLimit(t *testing.T) {
	g := bare(t, nil)
	at := g.must("mmap", 0, 1<<40, 3, anonymous|unix.MAP_NORESERVE, ^uint64(0), 0)
	free := (fakeLimit - g.m.used()) / PageSize
	for i := range free - 2 {
		if a := at + i*1<<20; !g.touch(a, ProtWrite) {
			t.Fatalf("out of memory at touch %d of %d: what was backed ahead was not taken back", i, free)
		}
	}
	if g.p.end != nil {
		t.Errorf("ended: %+v", g.p.end)
	}
	g.healthy()
}

func TestHintsBelowUserSpaceAreNotTaken(t *testing.T) {
	g := bare(t, nil)
	at := g.must("mmap", 0, PageSize, 3, anonymous, ^uint64(0), 0)
	const keepAndMove = unix.MREMAP_MAYMOVE | unix.MREMAP_DONTUNMAP
	if to := g.must("mremap", at, PageSize, PageSize, keepAndMove, PageSize); to < userStart {
		t.Errorf("mremap with a hint of %#x moved to %#x, below %#x", PageSize, to, userStart)
	}
	g.healthy()
}

func TestFirstPagesStayUnmapped(t *testing.T) {
	g := bare(t, nil)
	for _, at := range []uint64{0, PageSize, userStart - PageSize} {
		g.fails(syscall.EPERM, "mmap", at, PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	}
	if got := g.must("mmap", userStart, PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0); got != userStart {
		t.Errorf("the first page that may be mapped went to %#x, want %#x", got, userStart)
	}
}

func TestWritableCodeIsRefused(t *testing.T) {
	g := bare(t, nil)
	const all = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC
	g.fails(syscall.EACCES, "mmap", 0, PageSize, all, anonymous, ^uint64(0), 0)
	g.fails(syscall.EACCES, "mprotect", scratchPage, PageSize, all)
	g.poke(scratchPage, []byte{0xc3})
	g.must("mprotect", scratchPage, PageSize, unix.PROT_READ|unix.PROT_EXEC)
	if n := g.p.copyOut(scratchPage, []byte{0}); n != 0 {
		t.Error("the library OS writes to code")
	}
	g.healthy()
}

func TestRegionsStayBelowTheMachinesPages(t *testing.T) {
	g := bare(t, nil)
	g.fails(syscall.ENOMEM, "mmap", regionsEnd, PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	g.fails(syscall.ENOMEM, "mmap", regionsEnd-PageSize, 2*PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	g.fails(syscall.EPERM, "mmap", userStart-PageSize, PageSize, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	g.fails(syscall.ENOMEM, "mremap", scratchPage, PageSize, PageSize, 3, regionsEnd)
	if got := g.must("mmap", regionsEnd, PageSize, 3, anonymous, ^uint64(0), 0); got >= regionsEnd {
		t.Errorf("a hint gives %#x", got)
	}
	g.fails(0, "munmap", regionsEnd, PageSize)
}

func TestTooManyRegions(t *testing.T) {
	g := bare(t, func(c *Config) { c.Trace = nil })
	g.must("mmap", modelBase, 2*(maxRegions+10)*PageSize, 0, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	for i := uint64(0); ; i++ {
		if v := g.call("mprotect", modelBase+2*i*PageSize, PageSize, 1); v != 0 {
			if v != -int64(syscall.ENOMEM) {
				t.Errorf("mprotect fails with %d, want ENOMEM", v)
			}
			break
		}
	}
	if n := len(g.p.mem.regions.list); n > maxRegions || n < maxRegions-2 {
		t.Errorf("%d regions, want %d", n, maxRegions)
	}
	g.fails(syscall.ENOMEM, "munmap", modelBase+2*(maxRegions+5)*PageSize, PageSize)
}

func TestMapsAndMeminfo(t *testing.T) {
	g := bare(t, nil)
	g.p.mem.regions.cut(0, regionsEnd)
	g.p.mem.stackTop = 0x7ffe_0000_0000
	file := &testPager{size: PageSize}
	for _, r := range []region{
		{start: 0x40_0000, end: 0x40_1000, prot: ProtRead | ProtExec, file: file, off: 0x2000},
		{start: 0x50_0000, end: 0x50_2000, prot: ProtRead | ProtWrite, flags: regionHeap},
		{start: 0x7ffd_ffff_f000, end: 0x7ffe_0000_0000, prot: ProtRead | ProtWrite, flags: regionStack},
	} {
		g.p.mem.regions.insert(r)
	}
	// Lines as Linux 6.18 prints them, but for devices and inode numbers.
	want := "00400000-00401000 r-xp 00002000 00:00 0                                  /in/file\n" +
		"00500000-00502000 rw-p 00000000 00:00 0                                  [heap]\n" +
		"7ffdfffff000-7ffe00000000 rw-p 00000000 00:00 0                          [stack]\n"
	if got := g.p.mapsText(); got != want {
		t.Errorf("maps:\n%swant:\n%s", got, want)
	}
	if got, want := g.p.meminfoText()[:28], "MemTotal:          65536 kB\n"; got != want {
		t.Errorf("meminfo begins %q, want %q", got, want)
	}
}

func TestFreshSmallMemoryNeedsNoFault(t *testing.T) {
	for name, row := range map[string]struct {
		length, prot uint64
		want         int // calls of Map for touching every page
	}{
		"512 KiB":               {512 << 10, 3, 0},
		"a page":                {PageSize, 3, 0},
		"more than 512 KiB":     {512<<10 + PageSize, 3, 7},
		"nothing to be written": {PageSize, unix.PROT_READ, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, nil)
			vec := g.must("brk", 0) // elsewhere
			g.must("brk", vec+PageSize)
			addr := g.must("mmap", 0, row.length, row.prot, anonymous, ^uint64(0), 0)
			g.must("mincore", addr, PageSize, vec)
			if got := g.peek(vec, 1)[0]; got != 0 {
				t.Errorf("mincore says %d of a page that nobody has touched, want 0", got)
			}
			before := g.m.maps
			for a := addr; a < addr+row.length; a += PageSize {
				g.touch(a, ProtRead)
			}
			if n := g.m.maps - before; n > row.want || row.want > 0 && n == 0 {
				t.Errorf("touching %d bytes took %d faults, want %d", row.length, n, row.want)
			}
			g.peek(addr, 1)
			g.must("mincore", addr, PageSize, vec)
			if got := g.peek(vec, 1)[0]; got != 1 {
				t.Errorf("mincore says %d of a page that was touched, want 1", got)
			}
			g.healthy()
		})
	}
}

func TestNoRoomForFreshMemoryIsNoError(t *testing.T) {
	g := bare(t, nil)
	big := g.must("mmap", 0, fakeLimit-64*PageSize, 3, anonymous, ^uint64(0), 0)
	for a := big; a < big+fakeLimit-64*PageSize; a += PageSize {
		g.touch(a, ProtWrite)
	}
	addr := g.must("mmap", 0, 1<<20, 3, anonymous, ^uint64(0), 0)
	if g.p.end != nil || !g.touch(addr, ProtWrite) {
		t.Errorf("a mapping that does not fit yet ends the program: %+v", g.p.end)
	}
	g.healthy()
}

// What is backed ahead is nobody's loss: whoever needs the room gets it.
func TestMemoryBackedAheadMakesRoom(t *testing.T) {
	const limit, small, n = 4 << 20, 512 << 10, 100 // far more than there is
	regions := func(g *guest) (addrs [n]uint64) {
		for i := range addrs {
			addrs[i] = g.must("mmap", 0, small, 3, anonymous, ^uint64(0), 0)
			g.must("mmap", 0, PageSize, 0, anonymous, ^uint64(0), 0) // keeps them apart
		}
		return addrs
	}
	for name, use := range map[string]func(g *guest, addrs [n]uint64){
		"for two pages of each region": func(g *guest, addrs [n]uint64) {
			for _, a := range addrs {
				g.poke(a, []byte{1})
				g.poke(a+PageSize, []byte{1})
			}
		},
		"for the tables of a move": func(g *guest, addrs [n]uint64) {
			g.poke(addrs[0], []byte{1})
			g.m.moveNeeds = limit / 2
			g.must("mremap", addrs[0], small, small, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, 1<<40)
		},
		"for a file in /tmp": func(g *guest, addrs [n]uint64) {
			g.poke(addrs[0], []byte("/tmp/f\x00"))
			fd := g.must("open", addrs[0], unix.O_CREAT|unix.O_RDWR, 0600)
			g.must("ftruncate", fd, limit/2)
			const size = 1 << 20
			if got := g.must("pwrite64", fd, addrs[1], small/2, limit/2+size); got != small/2 {
				g.t.Errorf("a write wrote %d bytes, want %d", got, small/2)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, nil)
			g.m.limit = limit
			use(g, regions(g))
			if g.p.end != nil {
				t.Errorf("the program has ended: %+v", g.p.end)
			}
			g.healthy()
		})
	}
}
