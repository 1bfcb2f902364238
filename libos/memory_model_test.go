package libos

import (
	"fmt"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// pageModel is an address space told page by page: what the guest may do with
// each page and the byte that it finds there.
type pageModel map[uint64]modelPage

type modelPage struct {
	prot  Prot
	value byte
}

const (
	modelBase  = 0x1000_0000
	modelPages = 24
)

// memoryModel drives random memory calls against a pageModel.
type memoryModel struct {
	g     *guest
	pages pageModel
	heap  uint64
	log   []string
}

func (m *memoryModel) note(format string, a ...any) { m.log = append(m.log, fmt.Sprintf(format, a...)) }

func drawRange(r *rapid.T) (addr, pages uint64) {
	i := rapid.Uint64Range(0, modelPages-1).Draw(r, "page")
	return modelBase + i*PageSize, rapid.Uint64Range(1, 8).Draw(r, "pages")
}

func drawProt(r *rapid.T) Prot {
	return rapid.SampledFrom([]Prot{ProtNone, ProtRead, ProtRead | ProtWrite, ProtWrite, ProtRead | ProtExec, ProtExec}).Draw(r, "prot")
}

func (m *memoryModel) mmap(r *rapid.T) {
	addr, pages := drawRange(r)
	prot := drawProt(r)
	fixed := rapid.SampledFrom([]uint64{unix.MAP_FIXED, unix.MAP_FIXED_NOREPLACE}).Draw(r, "fixed")
	got := m.g.call("mmap", addr, pages*PageSize, uint64(prot), fixed|unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
	m.note("mmap(%#x, %d, %d, %#x) = %#x", addr, pages, prot, fixed, got)
	if fixed == unix.MAP_FIXED_NOREPLACE {
		for i := range pages {
			if _, there := m.pages[addr+i*PageSize]; there {
				if got != -int64(syscall.EEXIST) {
					r.Fatalf("MAP_FIXED_NOREPLACE over a page gives %d, want EEXIST", got)
				}
				return
			}
		}
	}
	if got != int64(addr) {
		r.Fatalf("mmap at %#x gives %#x", addr, got)
	}
	for i := range pages {
		m.pages[addr+i*PageSize] = modelPage{prot: prot}
	}
}

func (m *memoryModel) munmap(r *rapid.T) {
	addr, pages := drawRange(r)
	if got := m.g.call("munmap", addr, pages*PageSize); got != 0 {
		r.Fatalf("munmap(%#x, %d pages) = %d", addr, pages, got)
	}
	m.note("munmap(%#x, %d)", addr, pages)
	for i := range pages {
		delete(m.pages, addr+i*PageSize)
	}
}

func (m *memoryModel) mprotect(r *rapid.T) {
	addr, pages := drawRange(r)
	prot := drawProt(r)
	want := int64(0)
	for i := range pages {
		page, there := m.pages[addr+i*PageSize]
		if !there {
			want = -int64(syscall.ENOMEM)
			break
		}
		page.prot = prot
		m.pages[addr+i*PageSize] = page
	}
	got := m.g.call("mprotect", addr, pages*PageSize, uint64(prot))
	m.note("mprotect(%#x, %d, %d) = %d", addr, pages, prot, got)
	if got != want {
		r.Fatalf("mprotect(%#x, %d pages, %v) = %d, want %d", addr, pages, prot, got, want)
	}
}

func (m *memoryModel) discard(r *rapid.T) {
	addr, pages := drawRange(r)
	want := int64(0)
	for i := range pages {
		a := addr + i*PageSize
		if page, there := m.pages[a]; there {
			page.value = 0
			m.pages[a] = page
		} else {
			want = -int64(syscall.ENOMEM)
		}
	}
	got := m.g.call("madvise", addr, pages*PageSize, unix.MADV_DONTNEED)
	m.note("madvise(%#x, %d, DONTNEED) = %d", addr, pages, got)
	if got != want {
		r.Fatalf("madvise(%#x, %d pages, DONTNEED) = %d, want %d", addr, pages, got, want)
	}
}

// mremap takes its success from the call, since pages do not know where one
// mapping ends; what success must mean is checked.
func (m *memoryModel) mremap(r *rapid.T) {
	addr, pages := drawRange(r)
	size := rapid.Uint64Range(1, 8).Draw(r, "size")
	to, _ := drawRange(r)
	flags := rapid.SampledFrom([]uint64{0, unix.MREMAP_MAYMOVE, unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED}).Draw(r, "flags")
	got := m.g.call("mremap", addr, pages*PageSize, size*PageSize, flags, to)
	m.note("mremap(%#x, %d, %d, %d, %#x) = %#x", addr, pages, size, flags, to, got)
	if _, there := m.pages[addr]; !there && got >= 0 {
		r.Fatalf("mremap of nothing succeeds")
	}
	if got < 0 {
		return
	}
	first := m.pages[addr]
	if flags&unix.MREMAP_FIXED != 0 {
		m.clearTarget(addr, to, pages, size)
	}
	moved := map[uint64]modelPage{}
	for i := range max(pages, size) {
		old, there := m.pages[addr+i*PageSize]
		if i < pages {
			delete(m.pages, addr+i*PageSize)
		}
		if i < size && i < pages {
			if !there && size > pages {
				r.Fatalf("mremap grew a range with a hole")
			}
			if there {
				moved[uint64(got)+i*PageSize] = old
			}
		} else if i < size {
			moved[uint64(got)+i*PageSize] = modelPage{prot: first.prot}
		}
	}
	for a, page := range moved {
		m.pages[a] = page
	}
}

// clearTarget removes what MREMAP_FIXED replaces: all of the target, but only
// where something moves to when the size stays.
func (m *memoryModel) clearTarget(addr, to, pages, size uint64) {
	for i := range size {
		if _, there := m.pages[addr+i*PageSize]; there || size != pages {
			delete(m.pages, to+i*PageSize)
		}
	}
}

func (m *memoryModel) brk(r *rapid.T) {
	old := pageUp(m.heap)
	want := m.g.p.mem.brkStart + rapid.Uint64Range(0, 6*PageSize).Draw(r, "brk")
	got := m.g.must("brk", want)
	m.note("brk(%#x) = %#x", want, got)
	if got != want {
		r.Fatalf("brk(%#x) = %#x", want, got)
	}
	m.heap = got
	for a := old; a < pageUp(got); a += PageSize {
		m.pages[a] = modelPage{prot: ProtRead | ProtWrite}
	}
	for a := pageUp(got); a < old; a += PageSize {
		delete(m.pages, a)
	}
}

// write lets the guest write to one of its pages.
func (m *memoryModel) write(r *rapid.T) {
	addr, _ := drawRange(r)
	page, there := m.pages[addr]
	if !there || page.prot&ProtWrite == 0 {
		return
	}
	page.value = rapid.Byte().Draw(r, "value")
	if !m.g.touch(addr, ProtWrite) {
		r.Fatalf("the guest cannot write to %#x", addr)
	}
	m.g.m.pages[addr].data[7] = page.value
	m.pages[addr] = page
	m.note("write %#x", addr)
}

// check compares every page with the model, by the guest's own accesses and by
// the library OS's.
func (m *memoryModel) check(r *rapid.T) {
	fail := func(format string, a ...any) {
		r.Fatalf("%s\nafter: %q", fmt.Sprintf(format, a...), m.log)
	}
	for i := range uint64(modelPages + 10) {
		addr := modelBase + i*PageSize
		want, there := m.pages[addr]
		for _, access := range []Prot{ProtRead, ProtWrite, ProtExec} {
			allowed := there && (access == ProtRead && want.prot != ProtNone || want.prot&access != 0)
			if got := m.g.touch(addr, access); got != allowed {
				fail("page %#x for %v: %v, want %v", addr, access, got, allowed)
			}
			m.g.p.end = nil
			if got := m.g.p.span(addr+7, 1, access) != nil; got != allowed {
				fail("span of %#x for %v: %v, want %v", addr, access, got, allowed)
			}
		}
		if there && want.prot != ProtNone {
			if got := m.g.peek(addr+7, 1)[0]; got != want.value {
				fail("page %#x holds %d, want %d", addr, got, want.value)
			}
		}
	}
	for _, s := range m.g.m.misuse {
		fail("misuse of the machine: %s", s)
	}
}

func TestMemoryCallsFollowPageModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := bare(t, func(c *Config) { c.Trace = nil })
		defer g.close()
		m := &memoryModel{g: g, pages: pageModel{}, heap: g.p.mem.brk}
		steps := map[string]func(*rapid.T){
			"mmap": m.mmap, "munmap": m.munmap, "mprotect": m.mprotect, "discard": m.discard,
			"mremap": m.mremap, "brk": m.brk, "write": m.write, "write2": m.write, "": m.check,
		}
		r.Repeat(steps)
		g.healthy()
	})
}
