package libos

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// memoryCalls are the calls that shape the address space.
var memoryCalls = []call{
	{9, "mmap", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}, {"prot", ArgProt, 0}, {"flags", ArgMapFlags, 0}, {"fd", ArgFD, 0}, {"offset", ArgHex, 0}}, sysMmap},
	{10, "mprotect", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}, {"prot", ArgProt, 0}}, sysMprotect},
	{11, "munmap", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}}, sysMunmap},
	{12, "brk", SubjectCore, []Arg{{"addr", ArgAddr, 0}}, sysBrk},
	{25, "mremap", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"old_size", ArgSize, 0}, {"new_size", ArgSize, 0}, {"flags", ArgHex, 0}, {"new_address", ArgAddr, 0}}, sysMremap},
	{26, "msync", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}, {"flags", ArgHex, 0}}, sysMsync},
	{27, "mincore", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgUint, 0}, {"vec", ArgStructOut, 1}}, sysMincore},
	{28, "madvise", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}, {"advice", ArgInt, 0}}, sysMadvise},
	{149, "mlock", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}}, sysMlock},
	{150, "munlock", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}}, sysMunlock},
	{151, "mlockall", SubjectCore, []Arg{{"flags", ArgHex, 0}}, sysMlockall},
	{152, "munlockall", SubjectCore, nil, sysMunlockall},
	{325, "mlock2", SubjectCore, []Arg{{"addr", ArgAddr, 0}, {"length", ArgSize, 0}, {"flags", ArgHex, 0}}, sysMlock2},
}

// protBits are the permissions that Prot has; other bits of a prot argument
// mean nothing to mmap.
const protBits = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC

// writableCode says whether prot asks for what W^X forbids. Linux refuses the
// same with EACCES where SELinux denies execmem.
func writableCode(prot uint64) bool {
	return prot&unix.PROT_WRITE != 0 && prot&unix.PROT_EXEC != 0
}

// mapping is what mmap(2) was asked for.
type mapping struct {
	addr, length, prot, flags, off uint64
	file                           pager
	limit                          uint64 // where the offsets of a file's pages end; 0 without a file
}

func (m *mapping) has(flag uint64) bool { return m.flags&flag != 0 }

// sysMmap is mmap(2): ksys_mmap_pgoff and do_mmap in mm/mmap.c.
func sysMmap(t *Thread, a args) (uint64, errno) {
	m := mapping{addr: a[0], length: a[1], prot: a[2], flags: a[3], off: a[5]}
	if m.off%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	var refused errno
	if !m.has(unix.MAP_ANONYMOUS) {
		m.limit = t.p.mapLimit(a.fd(4))
		shared := m.flags&unix.MAP_TYPE != unix.MAP_PRIVATE
		m.file, refused = t.p.pagerOf(a.fd(4), Prot(m.prot&protBits), shared)
		if refused == syscall.EBADF {
			return 0, refused
		}
		if shared && refused == 0 && m.prot&unix.PROT_WRITE != 0 {
			refused = syscall.ENODEV // nothing carries such writes back to the file
		}
		if m.file != nil {
			defer m.file.Release() // the region holds its own reference
		}
	}
	if m.has(unix.MAP_HUGETLB) {
		if !m.has(unix.MAP_ANONYMOUS) {
			return 0, syscall.EINVAL
		}
		if size := m.flags >> unix.MAP_HUGE_SHIFT & unix.MAP_HUGE_MASK; size != 0 && size != 21 && size != 30 {
			return 0, syscall.EINVAL // no such pages (hstate_sizelog)
		}
		return 0, syscall.ENOMEM // there is no pool of huge pages
	}
	if writableCode(m.prot) {
		return 0, syscall.EACCES
	}
	return t.p.mmap(m, refused)
}

// mapLimit is where the pages of a file can end: a regular file at the longest
// length, any other nowhere (file_mmap_size_max() of mm/mmap.c).
func (p *Process) mapLimit(fd int) uint64 {
	if f, e := p.files.get(fd); e == 0 && f.isRegular() {
		return math.MaxInt64
	}
	return math.MaxUint64
}

// mmap makes a mapping; refused is what the file's own checks said.
func (p *Process) mmap(m mapping, refused errno) (uint64, errno) {
	if m.length == 0 {
		return 0, syscall.EINVAL
	}
	if m.has(unix.MAP_FIXED_NOREPLACE) {
		m.flags |= unix.MAP_FIXED
	}
	if !m.has(unix.MAP_FIXED) {
		m.addr &^= PageSize - 1
		if m.addr != 0 {
			m.addr = max(m.addr, userStart)
		}
	}
	if m.length = pageUp(m.length); m.length == 0 {
		return 0, syscall.ENOMEM
	}
	if p.mem.regions.full(0) {
		return 0, syscall.ENOMEM
	}
	start, e := p.place(m)
	if e != 0 {
		return 0, e
	}
	if m.has(unix.MAP_FIXED_NOREPLACE) && p.mem.regions.overlaps(start, start+m.length) {
		return 0, syscall.EEXIST
	}
	flags, e := p.mappingFlags(m, refused)
	if e != 0 {
		return 0, e
	}
	return p.mapAt(start, m, flags)
}

// mappingFlags checks what depends on the type of mapping and gives the
// region's flags.
func (p *Process) mappingFlags(m mapping, refused errno) (regionFlags, errno) {
	const legacy = unix.MAP_SHARED | unix.MAP_PRIVATE | unix.MAP_FIXED | unix.MAP_ANONYMOUS |
		unix.MAP_DENYWRITE | unix.MAP_EXECUTABLE | unix.MAP_GROWSDOWN | unix.MAP_LOCKED |
		unix.MAP_NORESERVE | unix.MAP_POPULATE | unix.MAP_NONBLOCK | unix.MAP_STACK |
		unix.MAP_HUGETLB | unix.MAP_32BIT // LEGACY_MAP_MASK in include/linux/mman.h
	if m.limit != 0 && (m.length > m.limit || m.off > (m.limit-m.length)&^(PageSize-1)) {
		return 0, syscall.EOVERFLOW // file_mmap_ok()
	}
	var flags regionFlags
	switch m.flags & unix.MAP_TYPE {
	case unix.MAP_SHARED_VALIDATE:
		if m.has(unix.MAP_ANONYMOUS) {
			return 0, syscall.EINVAL
		}
		if m.flags&^(legacy|unix.MAP_SHARED_VALIDATE) != 0 {
			return 0, syscall.EOPNOTSUPP
		}
		flags |= regionShared
	case unix.MAP_SHARED:
		flags |= regionShared
	case unix.MAP_PRIVATE:
	default:
		return 0, syscall.EINVAL
	}
	if refused != 0 {
		return 0, refused
	}
	if m.has(unix.MAP_GROWSDOWN) {
		if m.file != nil || flags&regionShared != 0 {
			return 0, syscall.EINVAL
		}
		flags |= regionStack
	}
	if m.has(unix.MAP_NORESERVE) {
		flags |= regionNoReserve
	}
	if m.has(unix.MAP_LOCKED) || p.mem.lockFuture {
		flags |= regionLocked
	}
	return flags, 0
}

// place chooses the address of a mapping (get_unmapped_area).
func (p *Process) place(m mapping) (uint64, errno) {
	if m.length > regionsEnd {
		return 0, syscall.ENOMEM
	}
	l := &p.mem.regions
	if m.has(unix.MAP_FIXED) {
		switch {
		case m.addr > ^uint64(4095):
			return 0, errno(-m.addr) // such an address is taken for an error (IS_ERR_VALUE)
		case m.addr > regionsEnd-m.length:
			return 0, syscall.ENOMEM
		case m.addr%PageSize != 0:
			return 0, syscall.EINVAL
		case m.addr < userStart:
			return 0, syscall.EPERM
		}
		return m.addr, 0
	}
	if m.addr >= userStart && m.addr <= regionsEnd-m.length && !l.crowds(m.addr, m.addr+m.length) {
		return m.addr, 0
	}
	low, top, align := uint64(userStart), p.mem.mmapTop, uint64(PageSize)
	if m.has(unix.MAP_32BIT) {
		low, top = 1<<30, 1<<31
	}
	if p.cfg.HugePages && m.file == nil && m.length >= hugeLength {
		align = HugeSize
	}
	if start, ok := l.gap(m.length, align, low, top); ok {
		return start, 0
	}
	if !m.has(unix.MAP_32BIT) {
		if start, ok := l.gap(m.length, PageSize, userStart, regionsEnd); ok {
			return start, 0
		}
	}
	return 0, syscall.ENOMEM
}

// mapAt puts a mapping at start, over whatever was there (mmap_region).
func (p *Process) mapAt(start uint64, m mapping, flags regionFlags) (uint64, errno) {
	end := start + m.length
	r := region{start: start, end: end, prot: Prot(m.prot & protBits), flags: flags, file: m.file}
	if m.file != nil {
		r.off = int64(m.off)
	}
	account := r.prot&ProtWrite != 0 && flags&regionShared == 0
	if account && flags&regionStack == 0 && !p.mayGrowData(m.length) {
		return 0, syscall.ENOMEM
	}
	if p.mem.regions.full(p.mem.regions.splits(start, end) + 1) {
		return 0, syscall.ENOMEM
	}
	p.remove(start, end)
	if account && flags&regionNoReserve == 0 && !p.affordable(m.length) {
		return 0, syscall.ENOMEM
	}
	if r.file != nil {
		r.file.Retain()
	}
	p.mem.regions.insert(r)
	if flags&regionLocked != 0 || m.has(unix.MAP_POPULATE) && !m.has(unix.MAP_NONBLOCK) {
		p.populate(start, end)
	} else {
		p.expect(start)
	}
	return start, 0
}

// mayGrowData says whether RLIMIT_DATA leaves length more bytes of private
// writable memory (may_expand_vm).
func (p *Process) mayGrowData(length uint64) bool {
	limit := p.limit(rlimitData)
	if limit == unlimited {
		return true
	}
	data := p.mapped(func(r *region) bool {
		return r.prot&ProtWrite != 0 && r.flags&(regionShared|regionStack) == 0
	})
	return data+length <= limit
}

// populate backs every page of a range that may be read; false where one could
// not be.
func (p *Process) populate(start, end uint64) bool {
	for addr := start; addr < end && p.end == nil; addr += PageSize {
		if p.touch(addr, ProtRead, end-addr) != touchOK {
			return false
		}
	}
	return true
}

// sysMunmap is munmap(2).
func sysMunmap(t *Thread, a args) (uint64, errno) {
	return 0, t.p.munmap(a[0], a[1])
}

// munmap is __do_munmap in mm/mmap.c.
func (p *Process) munmap(start, length uint64) errno {
	if start%PageSize != 0 || start > taskSize || length > taskSize-start {
		return syscall.EINVAL
	}
	end := start + pageUp(length)
	if end == start {
		return syscall.EINVAL
	}
	if !p.mem.regions.overlaps(start, end) {
		return 0
	}
	r := p.mem.regions.at(start)
	if r != nil && r.start < start && r.end > end && p.mem.regions.full(1) {
		return syscall.ENOMEM
	}
	p.remove(start, end)
	return 0
}

// sysBrk is brk(2) as the kernel has it: it returns the break, moved or not.
func sysBrk(t *Thread, a args) (uint64, errno) {
	m := &t.p.mem
	want := a[0]
	if want < m.brkStart || want > regionsEnd {
		return m.brk, 0
	}
	if limit := t.p.limit(rlimitData); want-m.brkStart+m.dataSize > limit {
		return m.brk, 0
	}
	from, to := pageUp(m.brk), pageUp(want)
	if to < from {
		t.p.remove(to, from)
	}
	if to > from && !t.p.growHeap(from, to) {
		return m.brk, 0
	}
	m.brk = want
	return m.brk, 0
}

// growHeap adds [from, to) to the heap, if nothing stands there or in the page
// behind (do_brk_flags).
func (p *Process) growHeap(from, to uint64) bool {
	l := &p.mem.regions
	if to > regionsEnd-PageSize || l.crowds(from, to+PageSize) {
		return false
	}
	if l.full(1) || !p.mayGrowData(to-from) || !p.affordable(to-from) {
		return false
	}
	l.insert(region{start: from, end: to, prot: ProtRead | ProtWrite, flags: regionHeap})
	p.expect(from)
	return true
}
