package libos

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sysMadvise is madvise(2): do_madvise in mm/madvise.c.
func sysMadvise(t *Thread, a args) (uint64, errno) {
	start, advice := a[0], int(a.int(2))
	if !knownAdvice(advice) || start%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	length := pageUp(a[1])
	end := start + length
	if a[1] != 0 && length == 0 || end < start {
		return 0, syscall.EINVAL
	}
	if end == start {
		return 0, 0
	}
	if advice == unix.MADV_POPULATE_READ || advice == unix.MADV_POPULATE_WRITE {
		return 0, t.p.populateAdvice(start, end, advice)
	}
	missing := errno(0)
	for l := &t.p.mem.regions; start < end; {
		i := l.from(start)
		if i == len(l.list) {
			return 0, syscall.ENOMEM
		}
		r := l.list[i]
		if r.start > start {
			missing = syscall.ENOMEM
			if start = r.start; start >= end {
				break
			}
		}
		to := min(end, r.end)
		if e := t.p.advise(r, start, to, advice); e != 0 {
			return 0, e
		}
		start = to
	}
	return 0, missing
}

// madvDontneedLocked is MADV_DONTNEED_LOCKED.
const madvDontneedLocked = 24

// knownAdvice says whether Linux has an advice.
func knownAdvice(advice int) bool {
	switch {
	case advice >= unix.MADV_NORMAL && advice <= unix.MADV_DONTNEED:
		return true
	case advice >= unix.MADV_FREE && advice <= unix.MADV_POPULATE_WRITE:
		return true
	}
	return advice == madvDontneedLocked
}

// advise takes an advice about [start, end) of one region.
func (p *Process) advise(r *region, start, end uint64, advice int) errno {
	private := r.flags&regionShared == 0
	if r.flags&regionLocked != 0 {
		switch advice {
		case unix.MADV_DONTNEED, unix.MADV_FREE, unix.MADV_REMOVE, unix.MADV_COLD, unix.MADV_PAGEOUT:
			return syscall.EINVAL
		}
	}
	switch advice {
	case unix.MADV_FREE:
		if r.file != nil || !private {
			return syscall.EINVAL
		}
		p.discard(start, end)
	case unix.MADV_DONTNEED, madvDontneedLocked:
		if r.file != nil || private { // what is shared stays in its file, which is this memory
			p.discard(start, end)
		}
	case unix.MADV_REMOVE:
		switch {
		case r.file != nil:
			return syscall.EACCES // it needs a shared writable mapping, which no file has here
		case private:
			return syscall.EINVAL
		}
		p.discard(start, end)
	case unix.MADV_WIPEONFORK:
		if r.file != nil || !private {
			return syscall.EINVAL
		}
	case unix.MADV_HUGEPAGE:
		return p.markHuge(start, end, regionHuge, regionNoHuge)
	case unix.MADV_NOHUGEPAGE:
		return p.markHuge(start, end, regionNoHuge, regionHuge)
	}
	return 0 // the others are about a swap, forks and core dumps that are not here
}

// markHuge notes what madvise said of huge pages.
func (p *Process) markHuge(start, end uint64, set, clear regionFlags) errno {
	l := &p.mem.regions
	if l.full(l.splits(start, end)) {
		return syscall.EAGAIN
	}
	l.change(start, end, func(r *region) { r.flags = r.flags&^clear | set })
	return 0
}

// populateAdvice is MADV_POPULATE_READ and _WRITE (madvise_populate).
func (p *Process) populateAdvice(start, end uint64, advice int) errno {
	access := ProtRead
	if advice == unix.MADV_POPULATE_WRITE {
		access = ProtWrite
	}
	for start < end && p.end == nil {
		if r := p.mem.regions.at(start); r != nil && r.prot&access == 0 {
			return syscall.EINVAL // it asks for the right itself, not what the processor makes of the others
		}
		switch p.touch(start, access, end-start) {
		case touchMapErr:
			return syscall.ENOMEM
		case touchAccErr:
			return syscall.EINVAL
		case touchBusErr:
			return syscall.EFAULT
		}
		start += PageSize
	}
	return 0
}

// sysMsync is msync(2). No mapping here is both shared and writable, so there
// is never anything to write back.
func sysMsync(t *Thread, a args) (uint64, errno) {
	start, flags := a[0], a.uint(2)
	if flags&^(unix.MS_ASYNC|unix.MS_INVALIDATE|unix.MS_SYNC) != 0 || start%PageSize != 0 ||
		flags&unix.MS_ASYNC != 0 && flags&unix.MS_SYNC != 0 {
		return 0, syscall.EINVAL
	}
	end := start + pageUp(a[1])
	if end < start {
		return 0, syscall.ENOMEM
	}
	l := &t.p.mem.regions
	if flags&unix.MS_INVALIDATE != 0 {
		for i := l.from(start); i < len(l.list) && l.list[i].start < end; i++ {
			if l.list[i].flags&regionLocked != 0 {
				return 0, syscall.EBUSY
			}
		}
	}
	if l.covered(start, end) < end {
		return 0, syscall.ENOMEM
	}
	return 0, 0
}

// sysMincore is mincore(2): which pages a touch would find present.
func sysMincore(t *Thread, a args) (uint64, errno) {
	start, length, vec := a[0], a[1], a[2]
	if start%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	if !accessOK(start, length) {
		return 0, syscall.ENOMEM
	}
	end := start + pageUp(length)
	if !accessOK(vec, (end-start)/PageSize) {
		return 0, syscall.EFAULT
	}
	for start < end {
		to := min(end, start+PageSize*PageSize, t.p.mem.regions.covered(start, end))
		if to == start {
			return 0, syscall.ENOMEM
		}
		present := make([]byte, 0, (to-start)/PageSize)
		for addr := start; addr < to; addr += PageSize {
			bit := byte(0)
			if t.p.cfg.Memory.Touched(addr) {
				bit = 1
			}
			present = append(present, bit)
		}
		if e := t.p.writeStruct(vec, present); e != 0 {
			return 0, e
		}
		vec += (to - start) / PageSize
		start = to
	}
	return 0, 0
}

// Pages of a cell are never written to a swap, so locking them means only that
// they are there.

func sysMlock(t *Thread, a args) (uint64, errno) { return 0, t.p.mlock(a[0], a[1], true, true) }

func sysMunlock(t *Thread, a args) (uint64, errno) { return 0, t.p.mlock(a[0], a[1], false, false) }

func sysMlock2(t *Thread, a args) (uint64, errno) {
	const onFault = 1 // MLOCK_ONFAULT
	flags := a.uint(2)
	if flags&^onFault != 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.p.mlock(a[0], a[1], true, flags == 0)
}

// mlock marks a range as far as it is mapped and makes it present
// (apply_vma_lock_flags and mm_populate); lock is false for munlock, present
// for MLOCK_ONFAULT.
func (p *Process) mlock(start, length uint64, lock, present bool) errno {
	length = pageUp(length + start%PageSize)
	start &^= PageSize - 1
	end := start + length
	if lock {
		if e := p.mayLock(start, length); e != 0 {
			return e
		}
	}
	if end < start {
		return syscall.EINVAL
	}
	l := &p.mem.regions
	mapped := l.covered(start, end)
	if l.full(l.splits(start, mapped)) {
		return syscall.ENOMEM
	}
	if mapped > start {
		l.change(start, mapped, func(r *region) { r.mark(lock) })
	}
	if mapped < end || present && !p.populate(start, end) {
		return syscall.ENOMEM
	}
	return 0
}

// mayLock is the check of RLIMIT_MEMLOCK (can_do_mlock and do_mlock in
// mm/mlock.c). What is locked already counts once.
func (p *Process) mayLock(start, length uint64) errno {
	limit := p.limit(unix.RLIMIT_MEMLOCK)
	if limit == 0 {
		return syscall.EPERM
	}
	locked := p.mapped(func(r *region) bool {
		return r.flags&regionLocked != 0 && (r.start >= start+length || r.end <= start)
	})
	if limit != unlimited && (length > limit || locked > limit-length) {
		return syscall.ENOMEM
	}
	return 0
}

func (r *region) mark(locked bool) {
	r.flags &^= regionLocked
	if locked {
		r.flags |= regionLocked
	}
}

func sysMlockall(t *Thread, a args) (uint64, errno) {
	const onFault = 4 // MCL_ONFAULT
	flags := a.uint(0)
	if flags == 0 || flags == onFault || flags&^(unix.MCL_CURRENT|unix.MCL_FUTURE|onFault) != 0 {
		return 0, syscall.EINVAL
	}
	if limit := t.p.limit(unix.RLIMIT_MEMLOCK); limit == 0 {
		return 0, syscall.EPERM
	} else if flags&unix.MCL_CURRENT != 0 && limit < t.p.mapped(func(*region) bool { return true }) {
		return 0, syscall.ENOMEM
	}
	t.p.lockAll(flags&unix.MCL_CURRENT != 0, flags&unix.MCL_FUTURE != 0)
	return 0, 0
}

func sysMunlockall(t *Thread, _ args) (uint64, errno) {
	t.p.lockAll(false, false)
	return 0, 0
}

// lockAll is apply_mlockall_flags. What is mapped is not made present: that
// would be all of the stack and of each reservation.
func (p *Process) lockAll(current, future bool) {
	p.mem.lockFuture = future
	if future && !current {
		return
	}
	p.mem.regions.change(0, regionsEnd, func(r *region) { r.mark(current) })
}
