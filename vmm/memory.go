package vmm

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

// Prot is what the guest may do with a page; a present page is readable.
type Prot uint8

// Permissions.
const (
	Read Prot = 1 << iota
	Write
	Exec
)

// entryFlags are the bits of a leaf entry for the permissions.
func entryFlags(p Prot) uint64 {
	if p == 0 {
		return pteKept | pteNX
	}
	f := ptePresent | pteUser
	if p&Write != 0 {
		f |= pteWrite
	}
	if p&Exec == 0 {
		f |= pteNX
	}
	return f
}

const entryPermissions = ptePresent | pteUser | pteWrite | pteNX | pteKept

// frameOf is the number of the frame that a leaf entry maps.
func frameOf(entry uint64) uint64 { return (entry&pteAddr - ramBase) / PageSize }

// Backing says how Map finds memory.
type Backing uint8

// The kinds of backing.
const (
	Lazily Backing = iota // the host finds a page when it is touched
	Now                   // all pages at once; they count as touched
	Huge                  // with huge pages, if the host has them
	Ahead                 // lazily, and only if that takes few page tables, which never come back
)

// aheadTables is the part of the limit that page tables may have before Ahead
// adds none: whoever touches nothing there would have no use for them.
const aheadTables = 32

// Map gives [addr, addr+length), of which nothing is mapped, frames that read
// as zero. For Huge, addr and length are multiples of 2 MiB.
// ErrNoMemory: nothing was mapped; Reclaim may help.
func (m *Machine) Map(addr, length uint64, prot Prot, how Backing) error {
	if err := checkRange(addr, length); err != nil {
		return err
	}
	if !m.fits(addr, length, how) {
		return ErrNoMemory
	}
	if err := m.forgetHuge(addr, length); err != nil {
		return err
	}
	for end := addr + length; addr < end; {
		if how == Huge && m.mapHuge(addr, prot) {
			addr += hugeSize
			continue
		}
		next := min(end, (addr|(hugeSize-1))+1)
		m.mapPages(addr, next, prot, how == Now)
		addr = next
	}
	m.notePeak()
	return nil
}

// fits says whether the limit and the slot have room for the range and its
// tables, those kept for splitting its huge pages among them.
func (m *Machine) fits(addr, length uint64, how Backing) bool {
	if length > m.limit {
		return false
	}
	tables := m.tables.missing(addr, length, 0)
	if how == Huge {
		tables += length / hugeSize
	}
	if how == Ahead && tables > 0 && m.tables.used+tables*PageSize > m.limit/aheadTables {
		return false
	}
	return m.tablesFit(tables, length)
}

func (m *Machine) tablesFit(tables, length uint64) bool {
	return m.Backed()+length+tables*PageSize <= m.limit && tables+m.kept <= m.tables.room()
}

// Limit is the memory limit in bytes.
func (m *Machine) Limit() uint64 { return m.limit }

// Backed is what is in use of it: frames, page tables, scratch.
func (m *Machine) Backed() uint64 {
	return m.frames.used*PageSize + m.tables.used + m.kept*PageSize + m.scratch
}

// mapHuge maps one huge page, if a block is free and the place in the tables
// has never held a table (tables are never freed).
func (m *Machine) mapHuge(addr uint64, prot Prot) bool {
	if e, found := m.tables.walk(addr, 1); e != nil && (found != 1 || atomic.LoadUint64(e) != 0) {
		return false
	}
	first, ok := m.frames.allocHuge()
	if !ok {
		return false
	}
	// Advice: a host that has no huge pages backs the block with small ones.
	_ = unix.Madvise(m.hostFrames(run{first, pagesPerBlock}), unix.MADV_HUGEPAGE)
	m.setHuge(addr, ramBase+first*PageSize|pteHuge|entryFlags(prot))
	return true
}

// mapPages maps pages below one table. There is room: fits said so, and
// frames in use never exceed the slot.
func (m *Machine) mapPages(addr, end uint64, prot Prot, now bool) {
	flags := entryFlags(prot)
	if now {
		// A KVM that shadows the tables maps the neighbours of a page that is
		// touched if they are there, accessed and dirty.
		flags |= pteAccessed | pteDirty
	}
	for addr < end {
		r := m.frames.alloc((end - addr) / PageSize)
		if now {
			// Advice: without it (before Linux 5.14) pages come one by one.
			_ = unix.Madvise(m.hostFrames(r), unix.MADV_POPULATE_WRITE)
		}
		for i := range r.n {
			e := m.tables.make(addr, 0)
			atomic.StoreUint64(e, ramBase+(r.first+i)*PageSize|flags)
			addr += PageSize
		}
	}
}

func (m *Machine) hostFrames(r run) []byte {
	return m.ram[r.first*PageSize : (r.first+r.n)*PageSize]
}

func checkRange(addr, length uint64) error {
	if addr%PageSize != 0 || length%PageSize != 0 || addr >= UserEnd || length > UserEnd-addr {
		return fmt.Errorf("vmm: range %#x+%#x is not of whole pages of user space: %w", addr, length, unix.EINVAL)
	}
	return nil
}

// leaves calls fn for each mapped leaf entry in the range, with the address it
// maps and its size. A huge page that the range covers in part is split first.
func (m *Machine) leaves(addr, length uint64, fn func(e *uint64, addr, size uint64)) error {
	end := addr + length
	for addr < end {
		e, level := m.tables.walk(addr, 0)
		size := uint64(1) << (12 + 9*uint(level))
		next := addr&^(size-1) + size
		if e == nil || atomic.LoadUint64(e) == 0 {
			addr = next
			continue
		}
		if level == 1 && (addr&(size-1) != 0 || next > end) {
			if err := m.split(e); err != nil {
				return err
			}
			continue
		}
		fn(e, addr, size)
		addr = next
	}
	return nil
}

// setHuge writes a huge page's entry and keeps a page back for the table that
// splitting it takes: giving memory back must not fail for want of memory.
func (m *Machine) setHuge(addr, entry uint64) {
	atomic.StoreUint64(m.tables.make(addr, 1), entry)
	m.kept++
}

// split makes single pages out of a huge one, with the page kept for that. A
// table that takes the place of a huge page is the one change in the tables
// that a shadowing KVM could mix up, so it forgets everything.
func (m *Machine) split(e *uint64) error {
	m.tables.split(e)
	m.kept--
	return m.forgetAll()
}

// Unmap gives what is mapped in the range back to the host. The guest has lost
// it when the call returns.
func (m *Machine) Unmap(addr, length uint64) error {
	if err := checkRange(addr, length); err != nil {
		return err
	}
	var gone []run
	err := m.leaves(addr, length, func(e *uint64, addr, size uint64) {
		v := m.clear(e, addr)
		if v&pteAccessed != 0 {
			m.gone += size
		}
		gone = appendRun(gone, run{frameOf(v), size / PageSize})
	})
	return m.release(gone, err)
}

// release frees frames whose entries are gone: MADV_DONTNEED takes them from
// the guest (through the mmu notifier, whatever it has cached) and makes them
// read as zero when they are used again.
func (m *Machine) release(gone []run, err error) error {
	for _, r := range gone {
		mem := m.hostFrames(r)
		if e := unix.Madvise(mem, unix.MADV_DONTNEED); e != nil && err == nil {
			err = fmt.Errorf("vmm: giving memory back: %w", e)
		}
		m.noHuge(r)
		m.frames.free(r)
	}
	if len(gone) > 0 {
		m.flush()
	}
	return err
}

// noHuge ends the advice of mapHuge for blocks that are given back.
func (m *Machine) noHuge(r run) {
	if m.frames.blocks[r.first/pagesPerBlock].huge {
		_ = unix.Madvise(m.hostFrames(r), unix.MADV_NOHUGEPAGE)
	}
}

func appendRun(runs []run, r run) []run {
	if n := len(runs); n > 0 && runs[n-1].first+runs[n-1].n == r.first {
		runs[n-1].n += r.n
		return runs
	}
	return append(runs, r)
}

// Protect changes the permissions of what is mapped in the range; 0 keeps the
// contents and lets nobody at them. What is taken away is gone when the call
// returns.
func (m *Machine) Protect(addr, length uint64, prot Prot) error {
	if err := checkRange(addr, length); err != nil {
		return err
	}
	flags := entryFlags(prot)
	var less []run
	err := m.leaves(addr, length, func(e *uint64, _, size uint64) {
		v := atomic.LoadUint64(e)
		atomic.StoreUint64(e, v&^entryPermissions|flags)
		if takesAway(v, flags) {
			less = appendRun(less, run{frameOf(v), size / PageSize})
		}
	})
	return m.forget(less, err)
}

// takesAway says whether new flags allow less than the old entry.
func takesAway(old, flags uint64) bool {
	had := old & (ptePresent | pteWrite)
	return had&^flags != 0 || old&pteNX == 0 && flags&pteNX != 0
}

// forget makes the guest lose what it has cached of frames that stay mapped.
func (m *Machine) forget(runs []run, err error) error {
	if len(runs) == 0 {
		return err
	}
	m.flush()
	if m.host.Stub != StubUser {
		return err
	}
	// A KVM that shadows the tables does not see the new entries. Taking the
	// host's own access away for a moment makes its mmu notifier drop the old.
	for _, r := range runs {
		mem := m.hostFrames(r)
		e := unix.Mprotect(mem, unix.PROT_READ)
		if e == nil {
			e = unix.Mprotect(mem, unix.PROT_READ|unix.PROT_WRITE)
		}
		if e != nil && err == nil {
			err = fmt.Errorf("vmm: taking permissions away: %w", e)
		}
	}
	return err
}

// forgetAll makes KVM forget the whole slot.
func (m *Machine) forgetAll() error {
	m.flush()
	if m.host.Stub != StubUser {
		return nil
	}
	region := kvm.MemoryRegion{Slot: ramSlot, GuestPhys: ramBase}
	if err := m.vm.SetMemoryRegion(region, nil); err != nil {
		return err
	}
	return m.vm.SetMemoryRegion(region, m.ram)
}

// clear empties a leaf entry and gives what was there.
func (m *Machine) clear(e *uint64, addr uint64) uint64 {
	v := atomic.SwapUint64(e, 0)
	if v&pteHuge != 0 {
		m.kept--
		if m.host.Stub == StubUser {
			m.wasHuge[addr/hugeSize] = struct{}{}
		}
	}
	return v
}

// forgetHuge is called before anything is mapped where a huge page may have
// been. A shadowing KVM keeps a table of its own for a huge page that the host
// backs with small ones, and would fill that table with frames it was not made
// for; so it starts anew.
func (m *Machine) forgetHuge(addr, length uint64) error {
	for block := range m.wasHuge {
		if block >= addr/hugeSize && block <= (addr+length-1)/hugeSize {
			clear(m.wasHuge)
			return m.forgetAll()
		}
	}
	return nil
}

// flush makes every processor drop its translations before it runs again. With
// several processors, those that run must be stopped before frames are freed or
// permissions count as taken: the caller that brings them kicks them here and
// waits (the host's mmu notifier does so for frames that go back).
func (m *Machine) flush() {
	for _, c := range m.cpus {
		c.flushTLB = true
	}
}

// Move takes what is mapped in [from, from+length) to the address to, where
// nothing is mapped.
func (m *Machine) Move(from, to, length uint64) error {
	if err := checkRange(from, length); err != nil {
		return err
	}
	if err := checkRange(to, length); err != nil {
		return err
	}
	tables, err := m.tablesForMove(from, to, length)
	if err != nil {
		return err
	}
	if !m.tablesFit(tables, 0) {
		return ErrNoMemory
	}
	if err := m.forgetHuge(to, length); err != nil {
		return err
	}
	var moved []run
	err = m.leaves(from, length, func(e *uint64, addr, size uint64) {
		v := m.clear(e, addr)
		moved = appendRun(moved, run{frameOf(v), size / PageSize})
		m.place(to+(addr-from), v, size)
	})
	m.notePeak()
	return m.forget(moved, err)
}

// tablesForMove counts the tables that a move may need, at most. Huge pages
// that the range covers in part are split on the way.
func (m *Machine) tablesForMove(from, to, length uint64) (tables uint64, err error) {
	counted := ^uint64(0) // the block counted last
	err = m.leaves(from, length, func(_ *uint64, addr, size uint64) {
		at := to + (addr - from)
		for block := at / hugeSize; block <= (at+size-1)/hugeSize; block++ {
			if block != counted {
				tables += m.tables.missing(block*hugeSize, PageSize, 0)
				counted = block
			}
		}
	})
	return tables, err
}

// place writes the entry of a moved page; a huge one stays huge only where it
// is aligned and there is no table yet.
func (m *Machine) place(addr, entry, size uint64) {
	if size == hugeSize && addr%hugeSize == 0 {
		if e, found := m.tables.walk(addr, 1); e == nil || found == 1 && atomic.LoadUint64(e) == 0 {
			m.setHuge(addr, entry)
			return
		}
	}
	for off := uint64(0); off < size; off += PageSize {
		m.tables.set(addr+off, entry&^pteHuge+off)
	}
}

// View gives the host's view of guest memory from addr on: as many of length
// bytes as lie together, nil if the page of addr is not mapped. It ignores
// permissions, counts the pages as touched, and is valid until the next Unmap
// or Move.
func (m *Machine) View(addr, length uint64) []byte {
	if addr >= UserEnd || length == 0 {
		return nil
	}
	var view run // in bytes of the slot
	for view.n < length {
		e, level := m.tables.walk(addr+view.n, 0)
		if e == nil {
			break
		}
		v := atomic.LoadUint64(e)
		if v == 0 {
			break
		}
		if v&(pteAccessed|pteDirty) != pteAccessed|pteDirty {
			// Dirty as well: a KVM that shadows the tables then maps the
			// neighbours along with the first page that the guest touches.
			atomic.OrUint64(e, pteAccessed|pteDirty)
		}
		size := uint64(1) << (12 + 9*uint(level))
		off := (addr + view.n) & (size - 1)
		at := v&pteAddr&^(size-1) - ramBase + off
		if view.n == 0 {
			view.first = at
		} else if view.first+view.n != at {
			break
		}
		view.n += size - off
	}
	if view.n == 0 {
		return nil
	}
	n := min(view.n, length)
	return m.ram[view.first : view.first+n : view.first+n]
}
