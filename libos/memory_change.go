package libos

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sysMprotect is mprotect(2): do_mprotect_pkey in mm/mprotect.c.
func sysMprotect(t *Thread, a args) (uint64, errno) {
	const grows = unix.PROT_GROWSDOWN | unix.PROT_GROWSUP
	const protSem = 8
	start, length, prot := a[0], a[1], a[2]
	if prot&grows == grows || start%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	if length == 0 {
		return 0, 0
	}
	end := start + pageUp(length)
	if end <= start {
		return 0, syscall.ENOMEM
	}
	if prot&^(protBits|protSem|grows) != 0 {
		return 0, syscall.EINVAL
	}
	l := &t.p.mem.regions
	i := l.from(start)
	if i == len(l.list) {
		return 0, syscall.ENOMEM
	}
	switch first := l.list[i]; {
	case prot&unix.PROT_GROWSDOWN != 0:
		if first.start >= end {
			return 0, syscall.ENOMEM
		}
		if start = first.start; first.flags&regionStack == 0 {
			return 0, syscall.EINVAL
		}
	case first.start > start:
		return 0, syscall.ENOMEM
	case prot&unix.PROT_GROWSUP != 0:
		return 0, syscall.EINVAL // nothing grows up on amd64
	}
	return 0, t.p.mprotect(start, end, Prot(prot&protBits))
}

// mprotect changes regions one after the other up to the first that refuses or
// is missing, as Linux does.
func (p *Process) mprotect(start, end uint64, prot Prot) errno {
	l := &p.mem.regions
	for start < end {
		r := l.at(start)
		if r == nil {
			return syscall.ENOMEM
		}
		to := min(end, r.end)
		if writableCode(uint64(prot)) || r.flags&regionShared != 0 && r.file != nil && prot&ProtWrite != 0 {
			return syscall.EACCES
		}
		if r.prot != prot {
			if e := p.protect(r, start, to, prot); e != 0 {
				return e
			}
		}
		start = to
	}
	return 0
}

// protect changes [start, end) of one region (mprotect_fixup).
func (p *Process) protect(r *region, start, end uint64, prot Prot) errno {
	l := &p.mem.regions
	if prot&ProtWrite != 0 && r.prot&ProtWrite == 0 && r.flags&regionShared == 0 {
		if !p.mayGrowData(end-start) || r.flags&regionNoReserve == 0 && !p.affordable(end-start) {
			return syscall.ENOMEM
		}
	}
	if l.full(l.splits(start, end)) {
		return syscall.ENOMEM
	}
	l.change(start, end, func(r *region) { r.prot = prot })
	if p.mem.backed.any(start, end) {
		if err := p.cfg.Memory.Protect(start, end-start, prot); err != nil {
			p.fail("protect guest memory", err)
		}
	}
	return 0
}

// sysMremap is mremap(2): mm/mremap.c.
func sysMremap(t *Thread, a args) (uint64, errno) {
	addr, flags, to := a[0], a[3], a[4]
	fixed, may, keep := flags&unix.MREMAP_FIXED != 0, flags&unix.MREMAP_MAYMOVE != 0, flags&unix.MREMAP_DONTUNMAP != 0
	if flags&^(unix.MREMAP_FIXED|unix.MREMAP_MAYMOVE|unix.MREMAP_DONTUNMAP) != 0 ||
		fixed && !may || keep && (!may || a[1] != a[2]) || addr%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	old, size := pageUp(a[1]), pageUp(a[2])
	if size == 0 {
		return 0, syscall.EINVAL
	}
	r := t.p.mem.regions.at(addr)
	if r == nil {
		return 0, syscall.EFAULT
	}
	if fixed || keep {
		return t.p.mremapTo(addr, old, size, to, fixed, keep)
	}
	if old >= size {
		if old > size {
			if e := t.p.munmap(addr+size, old-size); e != 0 {
				return 0, e
			}
		}
		return addr, 0
	}
	if e := t.p.resizable(r, addr, old, size); e != 0 {
		return 0, e
	}
	if t.p.expand(r, addr, old, size) {
		return addr, 0
	}
	if !may {
		return 0, syscall.ENOMEM
	}
	m := mapping{length: size, file: r.file}
	if to, e := t.p.place(m); e == 0 {
		return t.p.move(r, addr, old, to, size, false)
	}
	return 0, syscall.ENOMEM
}

// resizable is vma_to_resize: may [addr, addr+old) of r become size long?
func (p *Process) resizable(r *region, addr, old, size uint64) errno {
	if old == 0 && r.flags&regionShared == 0 {
		return syscall.EINVAL
	}
	if old > r.end-addr {
		return syscall.EFAULT
	}
	if size <= old {
		return 0
	}
	if r.file != nil && uint64(r.fileOffset(addr))+size < size {
		return syscall.EINVAL
	}
	if r.prot&ProtWrite != 0 && r.flags&regionShared == 0 {
		if !p.mayGrowData(size-old) || r.flags&regionNoReserve == 0 && !p.affordable(size-old) {
			return syscall.ENOMEM
		}
	}
	return 0
}

// expand makes [addr, addr+old), the end of r, size long where it is.
func (p *Process) expand(r *region, addr, old, size uint64) bool {
	end := addr + size
	if old != r.end-addr || size > regionsEnd || addr > regionsEnd-size || p.mem.regions.crowds(r.end, end) {
		return false
	}
	more := region{start: r.end, end: end, prot: r.prot, flags: r.flags, file: r.file}
	if r.file != nil {
		more.off = r.fileOffset(r.end)
		r.file.Retain()
	}
	p.mem.regions.insert(more)
	return true
}

// mremapTo is mremap with MREMAP_FIXED or MREMAP_DONTUNMAP (mremap_to).
func (p *Process) mremapTo(addr, old, size, to uint64, fixed, keep bool) (uint64, errno) {
	if to%PageSize != 0 || size > taskSize || to > taskSize-size {
		return 0, syscall.EINVAL
	}
	if addr+old > to && to+size > addr {
		return 0, syscall.EINVAL
	}
	if p.mem.regions.full(5) {
		return 0, syscall.ENOMEM
	}
	if fixed {
		if to < userStart {
			return 0, syscall.EPERM
		}
		if to > regionsEnd-min(size, regionsEnd) {
			return 0, syscall.ENOMEM
		}
		if e := p.munmap(to, size); e != 0 {
			return 0, e
		}
	}
	if old > size {
		if e := p.munmap(addr+size, old-size); e != 0 {
			return 0, e
		}
		old = size
	}
	r := p.mem.regions.at(addr)
	if r == nil {
		return 0, syscall.EFAULT
	}
	if e := p.resizable(r, addr, old, size); e != 0 {
		return 0, e
	}
	if !fixed {
		var e errno
		if to, e = p.place(mapping{addr: to, length: size, file: r.file}); e != 0 {
			return 0, e
		}
	}
	return p.move(r, addr, old, to, size, keep)
}

// move takes [addr, addr+old) of r to [to, to+size), where nothing is
// (move_vma). With keep the old place stays mapped, empty.
func (p *Process) move(r *region, addr, old, to, size uint64, keep bool) (uint64, errno) {
	if p.mem.regions.full(3) {
		return 0, syscall.ENOMEM
	}
	moved := region{start: to, end: to + size, prot: r.prot, flags: r.flags, file: r.file}
	if r.file != nil {
		moved.off = r.fileOffset(addr)
		r.file.Retain()
	}
	length := min(old, size)
	if length > 0 && p.mem.backed.any(addr, addr+length) {
		if err := p.cfg.Memory.Move(addr, to, length); err != nil {
			p.fail("move guest memory", err)
		}
		p.mem.backed.move(addr, to, length)
	}
	if !keep && old > 0 {
		p.remove(addr, addr+old)
	}
	p.mem.regions.insert(moved)
	return to, 0
}
