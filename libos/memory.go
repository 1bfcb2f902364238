package libos

import (
	"errors"
	"syscall"
)

// How much one fault backs: a fault costs an exit of the machine, a page too
// many costs memory.
const (
	minChunk = 64 << 10
	maxChunk = 1 << 20
	// wholeLength is the largest anonymous region that is backed whole, ahead or
	// by one fault: beyond it, faults that back at once what comes in order cost
	// less than the host's page by page.
	wholeLength = 512 << 10
	// hugeLength is the smallest anonymous region that gets huge pages unasked.
	hugeLength = 4 << 20
)

// stackGuard is the gap that Linux keeps below a growing stack
// (stack_guard_gap, 256 pages).
const stackGuard = 256 * PageSize

// addressSpace is what the guest's memory looks like to the guest, and which
// pages of it the machine has frames for.
type addressSpace struct {
	regions regionList
	backed  pageSet

	brkStart, brk uint64 // the heap: [brkStart, brk), to the byte
	mmapTop       uint64 // mmap places regions below it
	dataSize      uint64 // bytes of the program's data segments, for RLIMIT_DATA
	stackTop      uint64
	lockFuture    bool // mlockall(MCL_FUTURE)
}

// touchResult says what happens to an access of the guest.
type touchResult int

const (
	touchOK     touchResult = iota
	touchMapErr             // no region there: SEGV_MAPERR
	touchAccErr             // not permitted: SEGV_ACCERR
	touchBusErr             // past the end of the file: BUS_ADRERR
	touchOOM                // no frame is left
)

// touch makes the page of addr present for access, growing the stack as Linux
// does; length is how many bytes from addr on the caller is going to use.
// Out of memory ends the process.
func (p *Process) touch(addr uint64, access Prot, length uint64) touchResult {
	r := p.mem.regions.at(addr)
	if r == nil {
		if r = p.growStack(addr); r == nil {
			return touchMapErr
		}
	}
	if !r.permits(access) {
		return touchAccErr
	}
	if p.mem.backed.has(addr) {
		return touchOK
	}
	result := p.back(r, addr&^(PageSize-1), length)
	if result == touchOOM {
		p.finish(End{Signal: int(syscall.SIGKILL), OOM: true})
	}
	return result
}

// growStack extends a region that grows down to the page of addr, if one
// stands above it and nothing is in the way (expand_downwards in mm/mmap.c).
func (p *Process) growStack(addr uint64) *region {
	page := addr &^ (PageSize - 1)
	l := &p.mem.regions
	i := l.from(page)
	if page < userStart || i == len(l.list) || l.list[i].flags&regionStack == 0 {
		return nil
	}
	r := l.list[i]
	if r.end-page > p.limit(rlimitStack) {
		return nil
	}
	if i > 0 {
		below := l.list[i-1]
		if below.prot != ProtNone && below.flags&regionStack == 0 && page-below.end < stackGuard {
			return nil
		}
	}
	r.start = page
	l.join(i, i)
	return l.at(page)
}

// back gives a page of r and its neighbourhood frames with their contents.
func (p *Process) back(r *region, page, length uint64) touchResult {
	if p.backHuge(r, page) {
		return touchOK
	}
	start, end, result := p.chunkAround(r, page, length)
	if result != touchOK {
		return result
	}
	how := BackLazily
	if page == r.next && r.file == nil && p.cfg.Memory.Touched(page-PageSize) {
		how = BackNow // the guest goes through its memory in order
	}
	err := p.cfg.Memory.Map(start, end-start, r.prot, how)
	if errors.Is(err, ErrOutOfMemory) {
		p.reclaim()
		start, end = page, page+PageSize
		err = p.cfg.Memory.Map(start, end-start, r.prot, BackLazily)
	}
	switch {
	case errors.Is(err, ErrOutOfMemory):
		return touchOOM
	case err != nil:
		p.fail("back guest memory", err)
		return touchOOM
	}
	p.mem.backed.add(start, end)
	if page != r.next {
		r.run = 0
	}
	r.next, r.run = end, r.run+end-start
	if r.file != nil {
		return p.fill(r, start, end, page)
	}
	return touchOK
}

// expect backs fresh memory of a small region, which a program touches next as a
// rule: that spares it the fault. Nothing is lost where there is no room, and
// what is not touched is not paid for.
func (p *Process) expect(start uint64) {
	r := p.mem.regions.at(start)
	if r.file != nil || r.flags&regionStack != 0 || r.prot&ProtWrite == 0 || r.length() > wholeLength {
		return
	}
	from, to, _ := p.chunkAround(r, start, 0)
	if p.cfg.Memory.Map(from, to-from, r.prot, BackAhead) != nil {
		return
	}
	p.mem.backed.add(from, to)
	r.next, r.run = to, 0
}

// reclaim takes back all memory that was backed in vain, and says whether there
// was any.
func (p *Process) reclaim() (any bool) {
	p.cfg.Memory.Reclaim(func(addr, length uint64) {
		p.mem.backed.remove(addr, addr+length)
		any = true
	})
	return any
}

// backHuge backs the aligned 2 MiB around page at once where the policy allows
// it: anonymous regions of hugeLength or more, or as madvise said.
func (p *Process) backHuge(r *region, page uint64) bool {
	if !p.cfg.HugePages || r.file != nil || r.flags&(regionNoHuge|regionStack) != 0 {
		return false
	}
	if r.length() < hugeLength && r.flags&regionHuge == 0 {
		return false
	}
	if !p.hugeFits() {
		return false
	}
	start := page &^ (HugeSize - 1)
	if start < r.start || start+HugeSize > r.end || p.mem.backed.any(start, start+HugeSize) {
		return false
	}
	if p.cfg.Memory.Map(start, HugeSize, r.prot, BackHuge) != nil {
		return false // what is left may do for smaller pages
	}
	p.mem.backed.add(start, start+HugeSize)
	r.next, r.run = start+HugeSize, r.run+HugeSize
	return true
}

// hugeFits says whether huge pages leave enough for the rest: all of it where
// the limit holds whatever is mapped, else half of the limit. A program that
// touches a byte here and there in more than it may use would otherwise end for
// want of memory that it never asked for.
func (p *Process) hugeFits() bool {
	limit := p.cfg.Meter.Limit()
	usable := func(r *region) bool { return r.prot != ProtNone && r.flags&regionStack == 0 }
	return p.cfg.Meter.Backed()+HugeSize <= limit/2 || p.mapped(usable) <= limit
}

// chunkAround chooses what one fault at page backs: the aligned chunk around
// it, more where faults come in sequence or length asks for it, less where
// region, file or pages that are there already end it.
func (p *Process) chunkAround(r *region, page, length uint64) (start, end uint64, result touchResult) {
	low, high := page&^(minChunk-1), page&^(minChunk-1)+minChunk
	switch {
	case page == r.next:
		// Half of what came in sequence: what is backed in vain is at most a
		// third of it.
		ahead := min(max(r.run/2&^(minChunk-1), minChunk), maxChunk)
		low, high = page, page+ahead
	case r.file == nil && r.flags&regionStack == 0 && r.length() <= wholeLength:
		low, high = r.start, r.end
	}
	high = max(high, page+min(length, maxChunk))
	high = (min(high, r.end) + PageSize - 1) &^ (PageSize - 1)
	low = max(low, r.start)
	if r.file != nil {
		size := pageUp(uint64(max(r.file.Size(), 0)))
		if r.off < 0 || size <= uint64(r.fileOffset(page)) {
			return 0, 0, touchBusErr
		}
		high = min(high, page+size-uint64(r.fileOffset(page)))
	}
	start, end = page, page+PageSize
	for start > low && !p.mem.backed.has(start-PageSize) {
		start -= PageSize
	}
	for end < high && !p.mem.backed.has(end) {
		end += PageSize
	}
	return start, end, touchOK
}

// fill reads a file's bytes into fresh frames. A page that cannot be read is
// taken back, and is a bus error if it is the one that was asked for.
func (p *Process) fill(r *region, start, end, wanted uint64) touchResult {
	result := touchOK
	for page := start; page < end; {
		if n := p.fillRun(r, page, end); n > 0 {
			page += n
			continue
		}
		p.discard(page, page+PageSize)
		if page == wanted {
			result = touchBusErr
		}
		page += PageSize
	}
	return result
}

// fillRun reads into the frames from page on that lie together, and gives how
// many bytes of whole pages it filled.
func (p *Process) fillRun(r *region, page, end uint64) uint64 {
	view := p.cfg.Memory.View(page, end-page)
	view = view[:len(view)&^(PageSize-1)]
	if len(view) > PageSize {
		if n, ok := r.file.ReadPages(view, r.fileOffset(page)); ok && n > 0 {
			return pageUp(uint64(n))
		}
		view = view[:PageSize]
	}
	if len(view) == PageSize {
		if _, ok := r.file.ReadPages(view, r.fileOffset(page)); ok {
			return PageSize
		}
	}
	return 0
}

// discard gives the frames of [start, end) back to the machine.
func (p *Process) discard(start, end uint64) {
	if !p.mem.backed.any(start, end) {
		return
	}
	if err := p.cfg.Memory.Unmap(start, end-start); err != nil {
		p.fail("unmap guest memory", err)
	}
	p.mem.backed.remove(start, end)
}

// remove unmaps [start, end) as the guest sees it.
func (p *Process) remove(start, end uint64) {
	p.discard(start, end)
	p.mem.regions.cut(start, end)
}

// pageUp rounds up to whole pages; what does not fit becomes 0, as Linux's
// PAGE_ALIGN.
func pageUp(n uint64) uint64 { return (n + PageSize - 1) &^ (PageSize - 1) }

// affordable is Linux's overcommit heuristic (__vm_enough_memory): one private
// writable mapping may not be larger than all of memory. What is refused is
// counted.
func (p *Process) affordable(length uint64) bool {
	if length <= p.cfg.Meter.Limit() {
		return true
	}
	p.counts.refused++
	return false
}

// Mapped is how many bytes the guest has mapped, reservations included.
func (p *Process) Mapped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mapped(func(*region) bool { return true })
}

// mapped sums the lengths of regions that count.
func (p *Process) mapped(counts func(*region) bool) uint64 {
	var n uint64
	for _, r := range p.mem.regions.list {
		if counts(r) {
			n += r.length()
		}
	}
	return n
}
