package vmm

import "sync/atomic"

// Usage tells how much memory the machine uses, in bytes.
type Usage struct {
	Limit   uint64 // as given to New
	Backed  uint64 // frames, page tables and scratch
	Peak    uint64 // the most that was backed at once
	Touched uint64 // pages that the guest or View touched, those unmapped by now too
}

// SetScratch tells what else counts against the limit, in bytes.
func (m *Machine) SetScratch(n uint64) {
	m.scratch = n
	m.notePeak()
}

// notePeak is called behind all that may need more than before.
func (m *Machine) notePeak() { m.peak = max(m.peak, m.Backed()) }

// Peak is the most that Backed was.
func (m *Machine) Peak() uint64 { return max(m.peak, m.Backed()) }

// Usage walks the tables and counts.
func (m *Machine) Usage() Usage {
	touched := m.gone
	m.eachLeaf(func(e *uint64, _, size uint64) {
		if atomic.LoadUint64(e)&pteAccessed != 0 {
			touched += size
		}
	})
	return Usage{Limit: m.limit, Backed: m.Backed(), Peak: m.Peak(), Touched: touched}
}

// Touched says whether the guest or View has touched the page of addr since it
// was mapped.
func (m *Machine) Touched(addr uint64) bool {
	if addr >= UserEnd {
		return false
	}
	e, _ := m.tables.walk(addr, 0)
	return e != nil && atomic.LoadUint64(e)&pteAccessed != 0
}

// Reclaim takes back every page that was mapped and never touched, and says
// which: their contents are zero.
func (m *Machine) Reclaim(taken func(addr, length uint64)) {
	var gone []run
	m.eachLeaf(func(e *uint64, addr, size uint64) {
		if v := atomic.LoadUint64(e); v&pteAccessed == 0 {
			m.clear(e, addr)
			gone = appendRun(gone, run{frameOf(v), size / PageSize})
			taken(addr, size)
		}
	})
	_ = m.release(gone, nil) // DONTNEED of a mapping of our own does not fail
}

// eachLeaf visits every mapped entry of user space.
func (m *Machine) eachLeaf(fn func(e *uint64, addr, size uint64)) {
	m.visit(m.tables.root, levels-1, 0, fn)
}

func (m *Machine) visit(table uint64, level int, base uint64, fn func(e *uint64, addr, size uint64)) {
	size := uint64(1) << (12 + 9*uint(level))
	for i := range uint64(512) {
		e := m.tables.entry(table, i)
		v := atomic.LoadUint64(e)
		addr := base + i*size
		switch {
		case v == 0 || addr >= UserEnd:
		case level == 0 || v&pteHuge != 0:
			fn(e, addr, size)
		default:
			m.visit(v&pteAddr, level-1, addr, fn)
		}
	}
}

// Resident is how much of the frames the host holds in memory, in bytes.
func (m *Machine) Resident() uint64 {
	vec := make([]byte, len(m.ram)/PageSize)
	if err := mincore(m.ram, vec); err != nil {
		return 0
	}
	var n uint64
	for _, v := range vec {
		n += uint64(v & 1)
	}
	return n * PageSize
}
