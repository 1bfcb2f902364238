package libos

import "slices"

// Limits of the guest's address space, as Linux has them on amd64.
const (
	// taskSize is where Linux ends user space (TASK_SIZE).
	taskSize = 0x7fff_ffff_f000
	// regionsEnd is where regions end: the machine's own pages stand above it.
	regionsEnd = 0x7fff_ff00_0000
	// userStart is vm.mmap_min_addr.
	userStart = 0x1_0000
	// maxRegions is vm.max_map_count.
	maxRegions = 65530
)

// regionFlags are what distinguishes regions beside permissions and file.
type regionFlags uint8

const (
	regionShared    regionFlags = 1 << iota // MAP_SHARED
	regionStack                             // grows down when touched below (MAP_GROWSDOWN)
	regionHeap                              // made by brk
	regionNoReserve                         // not charged when it becomes writable
	regionHuge                              // MADV_HUGEPAGE
	regionNoHuge                            // MADV_NOHUGEPAGE
	regionLocked                            // mlock: MADV_DONTNEED refuses it
)

// region is a range of pages with one set of permissions, empty or filled from
// one file. It holds one reference to its pager.
type region struct {
	start, end uint64
	prot       Prot
	flags      regionFlags
	file       pager // nil: anonymous
	off        int64 // position of start in file

	next, run uint64 // faults in sequence: where the next is expected, how many bytes they backed so far
}

func (r *region) length() uint64 { return r.end - r.start }

// low is where the space begins that others must leave to r: below a growing
// stack Linux keeps a gap.
func (r *region) low() uint64 {
	if r.flags&regionStack != 0 {
		return r.start - min(r.start, stackGuard)
	}
	return r.start
}

// fileOffset is the position in the file of an address in r.
func (r *region) fileOffset(addr uint64) int64 { return r.off + int64(addr-r.start) }

// permits says whether the guest may do access (ProtRead, ProtWrite or
// ProtExec). Every page that is not PROT_NONE can be read on amd64.
func (r *region) permits(access Prot) bool {
	if access == ProtRead {
		return r.prot != ProtNone
	}
	return r.prot&access == access
}

// joins says whether b, which follows a, is more of the same.
func (a *region) joins(b *region) bool {
	return a.end == b.start && a.prot == b.prot && a.flags == b.flags && a.file == b.file &&
		(a.file == nil || a.fileOffset(a.end) == b.off)
}

// regionList holds the regions of an address space: sorted, disjoint, and no
// two neighbours that could be one.
type regionList struct {
	list []*region
}

// from gives the index of the first region that ends above addr.
func (l *regionList) from(addr uint64) int {
	i, _ := slices.BinarySearchFunc(l.list, addr, func(r *region, addr uint64) int {
		if r.end <= addr {
			return -1
		}
		return 1
	})
	return i
}

// at gives the region that holds addr, or nil.
func (l *regionList) at(addr uint64) *region {
	if i := l.from(addr); i < len(l.list) && l.list[i].start <= addr {
		return l.list[i]
	}
	return nil
}

// overlaps says whether any region has a page in [start, end).
func (l *regionList) overlaps(start, end uint64) bool {
	i := l.from(start)
	return i < len(l.list) && l.list[i].start < end
}

// crowds says the same of regions with the gaps below stacks.
func (l *regionList) crowds(start, end uint64) bool {
	i := l.from(start)
	return i < len(l.list) && l.list[i].low() < end
}

// covered says how far [start, end) is covered by regions without a hole.
func (l *regionList) covered(start, end uint64) uint64 {
	for i := l.from(start); i < len(l.list) && start < end && l.list[i].start <= start; i++ {
		start = l.list[i].end
	}
	return min(start, end)
}

// split makes addr a border between regions and gives the index of the first
// region at or above it.
func (l *regionList) split(addr uint64) int {
	i := l.from(addr)
	if i == len(l.list) || l.list[i].start >= addr {
		return i
	}
	low := l.list[i]
	high := *low
	high.start, high.next, high.run = addr, 0, 0
	if low.file != nil {
		high.off = low.fileOffset(addr)
		low.file.Retain()
	}
	low.end = addr
	l.list = slices.Insert(l.list, i+1, &high)
	return i + 1
}

// splits counts the regions that making start and end borders would add.
func (l *regionList) splits(start, end uint64) int {
	n := 0
	for _, addr := range []uint64{start, end} {
		if r := l.at(addr); r != nil && r.start < addr {
			n++
		}
	}
	return n
}

// full says whether extra more regions are too many.
func (l *regionList) full(extra int) bool { return len(l.list)+extra > maxRegions }

// cut removes everything in [start, end).
func (l *regionList) cut(start, end uint64) {
	i := l.split(start)
	j := l.split(end)
	for _, r := range l.list[i:j] {
		if r.file != nil {
			r.file.Release()
		}
	}
	l.list = slices.Delete(l.list, i, j)
}

// insert adds a region where nothing is and joins it with its neighbours.
func (l *regionList) insert(r region) {
	i := l.from(r.start)
	l.list = slices.Insert(l.list, i, &r)
	l.join(i+1, i+1)
	l.join(i, i)
}

// join merges the regions with index first to last with the ones before them
// where they can be one.
func (l *regionList) join(first, last int) {
	for i := min(last, len(l.list)-1); i >= max(first, 1); i-- {
		low, high := l.list[i-1], l.list[i]
		if !low.joins(high) {
			continue
		}
		low.end, low.next, low.run = high.end, high.next, high.run
		if high.file != nil {
			high.file.Release()
		}
		l.list = slices.Delete(l.list, i, i+1)
	}
}

// change lets edit alter every region in [start, end), which is covered.
func (l *regionList) change(start, end uint64, edit func(*region)) {
	i := l.split(start)
	j := l.split(end)
	for _, r := range l.list[i:j] {
		edit(r)
	}
	l.join(i, j)
}

// gap finds the highest free range of length in [low, high) whose start is a
// multiple of align; false: there is none.
func (l *regionList) gap(length, align, low, high uint64) (uint64, bool) {
	top := high
	for i := l.from(high - 1); ; i-- {
		// The free range below top ends at the end of region i-1 or at low.
		if i < len(l.list) && l.list[i].low() < top {
			top = l.list[i].low()
		}
		bottom := low
		if i > 0 {
			bottom = max(low, l.list[i-1].end)
		}
		if top > bottom && top-bottom >= length {
			if start := (top - length) &^ (align - 1); start >= bottom {
				return start, true
			}
		}
		if i == 0 || bottom == low {
			return 0, false
		}
	}
}
