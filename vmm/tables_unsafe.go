package vmm

import (
	"sync/atomic"
	"unsafe"
)

// Bits of a page-table entry (Intel SDM vol. 3, 4.5). keptBit is one of those
// that the processor ignores: the entry keeps its frame while nobody may use
// it (PROT_NONE).
const (
	ptePresent  uint64 = 1 << 0
	pteWrite    uint64 = 1 << 1
	pteUser     uint64 = 1 << 2
	pteAccessed uint64 = 1 << 5
	pteDirty    uint64 = 1 << 6
	pteHuge     uint64 = 1 << 7
	pteKept     uint64 = 1 << 9
	pteNX       uint64 = 1 << 63
	pteAddr     uint64 = 0x000f_ffff_ffff_f000
)

// levels of 4-level paging; level 0 entries map pages, level 1 entries huge
// pages or tables.
const levels = 4

// tables are the page tables: pages of the system slot that are mapped at no
// guest address. A table is never freed or moved while the machine lives,
// because a KVM that shadows page tables does not notice when an entry that
// points to one is changed behind its back.
type tables struct {
	mem  []byte // the system slot
	root uint64
	next uint64 // first page that is no table yet
	used uint64 // bytes of tables
}

func newTables(mem []byte, first uint64) tables {
	return tables{mem: mem, root: first, next: first + PageSize, used: PageSize}
}

// entry gives the address of one entry of the table at offset table. Tables
// are page-aligned inside the slot, a mapping of the host's, so the word is
// aligned and stays where it is; it is atomic because the processor sets
// Accessed and Dirty in it while other processors run.
func (t *tables) entry(table uint64, index uint64) *uint64 {
	return (*uint64)(unsafe.Pointer(&t.mem[table+8*index]))
}

func index(addr uint64, level int) uint64 { return addr >> (12 + 9*uint(level)) & 511 }

// walk finds the entry that maps addr at the given level, or a huge page's
// above it (found says at which level); nil if a table is missing.
func (t *tables) walk(addr uint64, level int) (e *uint64, found int) {
	table := t.root
	for l := levels - 1; ; l-- {
		e = t.entry(table, index(addr, l))
		if l == level {
			return e, l
		}
		v := atomic.LoadUint64(e)
		if v == 0 {
			return nil, l
		}
		if v&pteHuge != 0 {
			return e, l
		}
		table = v & pteAddr
	}
}

// missing counts the tables that mapping [addr, addr+length) would need.
func (t *tables) missing(addr, length uint64, level int) uint64 {
	var n uint64
	for l := levels - 1; l > level; l-- {
		span := uint64(1) << (12 + 9*uint(l))
		for a := addr &^ (span - 1); a < addr+length; a += span {
			if e, found := t.walk(a, l); e == nil || found == l && atomic.LoadUint64(e) == 0 {
				n++
			}
		}
	}
	return n
}

// make finds the entry at the level and makes the tables above it. The caller
// has checked that there is room.
func (t *tables) make(addr uint64, level int) *uint64 {
	table := t.root
	for l := levels - 1; l > level; l-- {
		e := t.entry(table, index(addr, l))
		v := atomic.LoadUint64(e)
		if v == 0 {
			v = t.alloc() | ptePresent | pteWrite | pteUser | pteAccessed
			atomic.StoreUint64(e, v)
		}
		table = v & pteAddr
	}
	return t.entry(table, index(addr, level))
}

func (t *tables) alloc() uint64 {
	page := t.next
	t.next += PageSize
	t.used += PageSize
	return page
}

// room is how many more tables fit into the slot.
func (t *tables) room() uint64 { return (uint64(len(t.mem)) - t.next) / PageSize }

// set writes the entry of one page.
func (t *tables) set(addr, entry uint64) {
	atomic.StoreUint64(t.make(addr, 0), entry)
}

// split turns a huge page's entry into a table with the same frames and
// permissions. The caller has checked that there is room and makes the
// processors forget the huge page.
func (t *tables) split(e *uint64) {
	v := atomic.LoadUint64(e)
	table := t.alloc()
	for i := range uint64(512) {
		atomic.StoreUint64(t.entry(table, i), v&^pteHuge+i*PageSize)
	}
	atomic.StoreUint64(e, table|ptePresent|pteWrite|pteUser|pteAccessed)
}
