package libos

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mapsText is the whole of /proc/self/maps.
func (p *Process) mapsText() string {
	raw := make([]byte, 1<<20)
	var text strings.Builder
	x := &mapsFile{}
	for {
		n, e := x.read(p.main, nil, p.hostBuffer(raw), int64(text.Len()))
		if n == 0 || e != 0 {
			return text.String()
		}
		text.Write(raw[:n])
	}
}

// namedPager is a file with a name.
type namedPager struct {
	testPager
	name string
}

func (g *namedPager) Name() string { return g.name }

// crowd fills the map with regions of files with names of a length.
func (g *guest) crowd(regions, name int) {
	const base = 0x100_0000_0000
	for i := range uint64(regions) {
		file := &namedPager{testPager{refs: 1}, strings.Repeat("n", name-6) + fmt.Sprintf("\n%05d", i)}
		g.p.mem.regions.insert(region{start: base + 2*i*PageSize, end: base + (2*i+1)*PageSize, prot: ProtRead, file: file})
	}
}

// readMaps reads fd to its end in pieces of size bytes.
func (g *guest) readMaps(fd, size uint64) string {
	var text strings.Builder
	for {
		n := g.must("read", fd, scratchPage+PageSize, size)
		if n == 0 {
			return text.String()
		}
		text.Write(g.peek(scratchPage+PageSize, int(n)))
	}
}

func (g *guest) openMaps() uint64 {
	g.poke(scratchPage, []byte("/proc/self/maps\x00"))
	return g.must("open", scratchPage, unix.O_RDONLY)
}

func heapInUse() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestOpenMapsHoldNoText(t *testing.T) {
	g := bare(t, nil)
	g.crowd(2000, 3900)
	const opens = 20
	fds := []uint64{g.openMaps()}
	g.must("pread64", fds[0], scratchPage+PageSize, 10, 100_000)
	before := heapInUse()
	for range opens {
		fd := g.openMaps()
		fds = append(fds, fd)
		g.must("pread64", fd, scratchPage+PageSize, 10, 100_000)
	}
	if grown := heapInUse() - before; grown > opens*2048 {
		t.Errorf("%d descriptors of /proc/self/maps hold %d bytes, want at most 2048 each", opens, grown)
	}
	for _, fd := range fds {
		g.must("close", fd)
	}
}

func TestMapsReadInAnyPieces(t *testing.T) {
	g := bare(t, nil)
	g.crowd(30, 100)
	g.p.mem.regions.insert(region{start: 0x200_0000_0000, end: 0x200_0000_1000, file: &namedPager{name: strings.Repeat("long", 3000)}})
	want := g.p.mapsText()
	if n := strings.Count(want, "\n"); n != len(g.p.mem.regions.list) {
		t.Fatalf("%d lines, want one for each of %d regions", n, len(g.p.mem.regions.list))
	}
	fd := g.openMaps()
	for _, size := range []uint64{1, 7, 73, 74, 1000, 4096, 5000, 14 * PageSize} {
		g.must("lseek", fd, 0, io.SeekStart)
		if got := g.readMaps(fd, size); got != want {
			t.Errorf("in pieces of %d: %d bytes that differ, want %d", size, len(got), len(want))
		}
	}
	for off := uint64(0); off < uint64(len(want))+20; off += 37 {
		n := g.must("pread64", fd, scratchPage+PageSize, 50, off)
		rest := want[min(off, uint64(len(want))):]
		got := string(g.peek(scratchPage+PageSize, int(n)))
		if !strings.HasPrefix(rest, got) || n == 0 && rest != "" || n > 50 {
			t.Fatalf("pread of 50 at %d: got %q, want it from %q", off, got, rest[:min(50, len(rest))])
		}
	}
	g.fails(unix.EINVAL, "lseek", fd, 0, io.SeekEnd)
	g.fails(unix.EFAULT, "pread64", fd, 0x10, 50, 10)
	g.fails(unix.ENODEV, "mmap", 0, PageSize, unix.PROT_READ, unix.MAP_PRIVATE, fd, 0)
}

func TestMapsLinesStayWholeWhileTheMapChanges(t *testing.T) {
	g := bare(t, nil)
	g.crowd(100, 60)
	before := strings.SplitAfter(g.p.mapsText(), "\n")
	fd := g.openMaps()
	text := string(g.peek(scratchPage+PageSize, int(g.must("read", fd, scratchPage+PageSize, 4096))))
	if !strings.HasSuffix(text, "\n") || len(text) > 4096 {
		t.Errorf("a read into a page ends with %q after %d bytes, want whole lines", text[max(0, len(text)-20):], len(text))
	}
	lines := strings.Count(text, "\n")
	part := string(g.peek(scratchPage+PageSize, int(g.must("read", fd, scratchPage+PageSize, 30))))
	// The region whose line is cut, and all before it, go away; later ones stay.
	g.p.mem.regions.cut(0x100_0000_0000, 0x100_0000_0000+uint64(2*lines)*PageSize)
	after := strings.SplitAfter(g.p.mapsText(), "\n")
	rest := part + g.readMaps(fd, 4096)
	got := strings.SplitAfter(rest, "\n")
	if fixed := before[lines][:44]; !strings.HasPrefix(got[0], fixed) {
		t.Errorf("the line that was cut is %q, want it to begin %q", got[0], fixed)
	}
	if want := strings.Join(after[len(after)-len(got)+1:], ""); strings.Join(got[1:], "") != want {
		t.Errorf("the lines after it are %.300q, want %.300q", strings.Join(got[1:], ""), want)
	}
}
