package libos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"spaceos/world"
)

// fakeMachine is a machine made of a Go map: memory, meter and one processor.
// It notes every use that breaks what Memory promises.
type fakeMachine struct {
	pages    map[uint64]*fakePage
	limit    uint64
	scratch  uint64
	regs     Regs
	fs, gs   uint64
	xstate   []byte
	misuse   []string
	maps     int // calls of Map
	hugeMaps int
	peak     uint64

	moveNeeds uint64 // bytes that must be free for Move
}

type fakePage struct {
	prot    Prot
	touched bool
	data    [PageSize]byte
}

func newFakeMachine(limit uint64) *fakeMachine {
	return &fakeMachine{pages: map[uint64]*fakePage{}, limit: limit, xstate: make([]byte, 832)}
}

func (m *fakeMachine) complain(format string, a ...any) {
	m.misuse = append(m.misuse, fmt.Sprintf(format, a...))
}

func (m *fakeMachine) aligned(what string, values ...uint64) {
	for _, v := range values {
		if v%PageSize != 0 {
			m.complain("%s: %#x is not aligned", what, v)
		}
	}
}

func (m *fakeMachine) Map(addr, length uint64, prot Prot, how Backing) error {
	huge := how == BackHuge
	m.aligned("Map", addr, length)
	if huge && (addr%HugeSize != 0 || length%HugeSize != 0) {
		m.complain("Map: huge and not aligned: %#x, %#x", addr, length)
	}
	if prot&ProtWrite != 0 && prot&ProtExec != 0 {
		m.complain("Map: writable and executable at %#x", addr)
	}
	if addr+length > regionsEnd || addr < userStart {
		m.complain("Map: outside of user space: %#x", addr)
	}
	if m.used()+length > m.limit {
		return ErrOutOfMemory
	}
	m.maps++
	if huge {
		m.hugeMaps++
	}
	for a := addr; a < addr+length; a += PageSize {
		if m.pages[a] != nil {
			m.complain("Map: %#x is mapped", a)
		}
		m.pages[a] = &fakePage{prot: prot, touched: how == BackNow}
	}
	m.peak = m.Peak()
	return nil
}

func (m *fakeMachine) Touched(addr uint64) bool {
	p := m.pages[addr&^(PageSize-1)]
	return p != nil && p.touched
}

// each visits the mapped pages of a range.
func (m *fakeMachine) each(addr, length uint64, do func(a uint64, p *fakePage)) {
	if length/PageSize < uint64(len(m.pages)) {
		for a := addr; a < addr+length; a += PageSize {
			if p := m.pages[a]; p != nil {
				do(a, p)
			}
		}
		return
	}
	for a, p := range m.pages {
		if a >= addr && a-addr < length {
			do(a, p)
		}
	}
}

func (m *fakeMachine) Protect(addr, length uint64, prot Prot) error {
	m.aligned("Protect", addr, length)
	m.each(addr, length, func(_ uint64, p *fakePage) { p.prot = prot })
	return nil
}

func (m *fakeMachine) Unmap(addr, length uint64) error {
	m.aligned("Unmap", addr, length)
	m.each(addr, length, func(a uint64, _ *fakePage) { delete(m.pages, a) })
	return nil
}

func (m *fakeMachine) Move(from, to, length uint64) error {
	m.aligned("Move", from, to, length)
	if m.used()+m.moveNeeds > m.limit {
		return ErrOutOfMemory
	}
	moved := map[uint64]*fakePage{}
	m.each(from, length, func(a uint64, p *fakePage) { moved[a-from+to] = p; delete(m.pages, a) })
	for a, p := range moved {
		if m.pages[a] != nil {
			m.complain("Move: %#x is mapped", a)
		}
		m.pages[a] = p
	}
	return nil
}

func (m *fakeMachine) View(addr, length uint64) []byte {
	p := m.pages[addr&^(PageSize-1)]
	if p == nil {
		return nil
	}
	p.touched = true
	in := addr % PageSize
	return p.data[in:min(in+length, PageSize)]
}

func (m *fakeMachine) Reclaim(gone func(addr, length uint64)) {
	for addr, p := range m.pages {
		if !p.touched {
			delete(m.pages, addr)
			gone(addr, PageSize)
		}
	}
}

func (m *fakeMachine) used() uint64 { return uint64(len(m.pages))*PageSize + m.scratch }

func (m *fakeMachine) Limit() uint64  { return m.limit }
func (m *fakeMachine) Backed() uint64 { return m.used() }

func (m *fakeMachine) Peak() uint64 { return max(m.peak, m.used()) }

func (m *fakeMachine) SetScratch(bytes uint64) { m.scratch = bytes }

func (m *fakeMachine) Regs() *Regs            { return &m.regs }
func (m *fakeMachine) Bases() (fs, gs uint64) { return m.fs, m.gs }
func (m *fakeMachine) SetBases(fs, gs uint64) { m.fs, m.gs = fs, gs }

func (m *fakeMachine) XState() ([]byte, error) { return slices.Clone(m.xstate), nil }

func (m *fakeMachine) SetXState(area []byte) error {
	m.xstate = append(m.xstate[:0], area...)
	return nil
}

// guest is a process on a fake machine, driven as the cell drives it.
type guest struct {
	t     testing.TB
	m     *fakeMachine
	p     *Process
	trace bytes.Buffer
	close func() // once; also at the end of the test
}

const fakeLimit = 64 << 20

// newGuest makes a guest with an empty address space and a page of scratch
// memory at scratchPage.
func newGuest(t testing.TB, edit func(*Config)) *guest {
	t.Helper()
	m := newFakeMachine(fakeLimit)
	g := &guest{t: t, m: m}
	seed := uint64(1)
	server, err := world.NewServer(world.Options{Clock: world.NewClock(time.Time{}, false)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Memory: m, Meter: m, World: server, Clock: world.NewClock(time.Time{}, false),
		Entropy: world.NewEntropy(&seed), Stdin: 0, Stdout: 1, Stderr: 2,
		Path: "/app/prog", Args: []string{"prog"}, Trace: &g.trace, Platform: Platform{CPUs: 1, SignalFrame: 1360, XFeatures: 7, XStateSize: 832},
	}
	if edit != nil {
		edit(&cfg)
	}
	if g.p, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	g.p.Main().Attach(m)
	g.close = sync.OnceFunc(func() { g.p.Close(); server.Close() })
	t.Cleanup(g.close)
	return g
}

const scratchPage = 0x20_0000

// bare gives a guest the address space that Load would, without a program.
func bare(t testing.TB, edit func(*Config)) *guest {
	g := newGuest(t, edit)
	g.p.layOut(&program{start: 0x40_0000, end: 0x40_1000}, make([]byte, 32))
	g.must("mmap", scratchPage, 16*PageSize, 3, 0x32, ^uint64(0), 0)
	return g
}

var numberOf = func() map[string]uint32 {
	numbers := map[string]uint32{}
	for nr, name := range linuxCalls {
		numbers[name] = uint32(nr)
	}
	return numbers
}()

// call makes a system call and gives RAX.
func (g *guest) call(name string, a ...uint64) int64 {
	g.t.Helper()
	nr, ok := numberOf[name]
	if !ok {
		g.t.Fatalf("no call is named %q", name)
	}
	return g.callNumber(uint64(nr), a...)
}

func (g *guest) callNumber(nr uint64, a ...uint64) int64 {
	a = append(slices.Clip(a), make([]uint64, 6)...)
	r := &g.m.regs
	r.RAX, r.RDI, r.RSI, r.RDX, r.R10, r.R8, r.R9 = nr, a[0], a[1], a[2], a[3], a[4], a[5]
	r.RIP = 0x40_0010
	g.p.Main().Call()
	return int64(r.RAX)
}

// must makes a call that may not fail.
func (g *guest) must(name string, a ...uint64) uint64 {
	g.t.Helper()
	v := g.call(name, a...)
	if v < 0 && v > -4096 {
		g.t.Fatalf("%s(%#x) = %v, want success", name, a, errno(-v))
	}
	return uint64(v)
}

// fails makes a call that must fail with want.
func (g *guest) fails(want errno, name string, a ...uint64) {
	g.t.Helper()
	if v := g.call(name, a...); v != -int64(want) {
		g.t.Errorf("%s(%#x) = %d, want %d (%v)", name, a, v, -int64(want), want)
	}
}

func (g *guest) poke(addr uint64, b []byte) {
	g.t.Helper()
	if n := g.p.copyOut(addr, b); n != len(b) {
		g.t.Fatalf("the guest cannot write %d bytes at %#x: only %d", len(b), addr, n)
	}
}

func (g *guest) peek(addr uint64, n int) []byte {
	g.t.Helper()
	b := make([]byte, n)
	if got := g.p.copyIn(b, addr); got != n {
		g.t.Fatalf("the guest cannot read %d bytes at %#x: only %d", n, addr, got)
	}
	return b
}

func (g *guest) peek64(addr uint64) uint64 {
	g.t.Helper()
	return binary.LittleEndian.Uint64(g.peek(addr, 8))
}

// touch accesses a byte as the guest's own instructions do: through the
// machine's pages, with a fault where they do not allow it. It says whether
// the access was made.
func (g *guest) touch(addr uint64, access Prot) bool {
	page := addr &^ (PageSize - 1)
	allowed := func() bool {
		p := g.m.pages[page]
		if p == nil || p.prot&access == 0 && (access != ProtRead || p.prot == ProtNone) {
			return false
		}
		p.touched = true
		return true
	}
	if allowed() {
		return true
	}
	code := uint32(4)
	if g.m.pages[page] != nil {
		code |= faultPresent
	}
	switch access {
	case ProtWrite:
		code |= faultWrite
	case ProtExec:
		code |= faultFetch
	}
	g.p.Main().Fault(Trap{Vector: pageFault, ErrorCode: code, Addr: addr})
	if g.p.end != nil {
		return false
	}
	if !allowed() {
		g.t.Errorf("after a fault at %#x for %v the machine still refuses the access", addr, access)
	}
	return true
}

// healthy fails the test if the library OS misused the machine or its own
// books differ from the machine's.
func (g *guest) healthy() {
	g.t.Helper()
	for _, s := range g.m.misuse {
		g.t.Errorf("misuse of the machine: %s", s)
	}
	for addr, page := range g.m.pages {
		r := g.p.mem.regions.at(addr)
		switch {
		case r == nil:
			g.t.Errorf("page %#x is mapped where no region is", addr)
		case r.prot != page.prot:
			g.t.Errorf("page %#x has permissions %v, its region %v", addr, page.prot, r.prot)
		case !g.p.mem.backed.has(addr):
			g.t.Errorf("page %#x is mapped and not in the books", addr)
		}
	}
	if n := g.p.mem.backed.pages; n != uint64(len(g.m.pages)) {
		g.t.Errorf("the books have %d pages, the machine %d", n, len(g.m.pages))
	}
	list := g.p.mem.regions.list
	for i, r := range list {
		if r.start >= r.end || r.start%PageSize != 0 || r.end%PageSize != 0 {
			g.t.Errorf("region %#x-%#x is empty or not aligned", r.start, r.end)
		}
		if i > 0 && (list[i-1].end > r.start || list[i-1].joins(r)) {
			g.t.Errorf("regions %#x-%#x and %#x-%#x overlap, are out of order or could be one", list[i-1].start, list[i-1].end, r.start, r.end)
		}
	}
}
