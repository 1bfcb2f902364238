package libos

import (
	"errors"
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

// remapping is what mremap(2) was asked for, in whole pages.
type remapping struct {
	addr, old, size, to uint64
	fixed, may, keep    bool
}

// sysMremap is mremap(2): do_mremap in mm/mremap.c.
func sysMremap(t *Thread, a args) (uint64, errno) {
	flags := a[3]
	if flags&^(unix.MREMAP_FIXED|unix.MREMAP_MAYMOVE|unix.MREMAP_DONTUNMAP) != 0 {
		return 0, syscall.EINVAL
	}
	m := remapping{
		addr: a[0], old: pageUp(a[1]), size: pageUp(a[2]), to: a[4],
		fixed: flags&unix.MREMAP_FIXED != 0, may: flags&unix.MREMAP_MAYMOVE != 0, keep: flags&unix.MREMAP_DONTUNMAP != 0,
	}
	if e := t.p.checkRemapping(m); e != 0 {
		return 0, e
	}
	if m.fixed && m.old == m.size {
		return t.p.moveAll(m)
	}
	r := t.p.mem.regions.at(m.addr)
	if r == nil {
		return 0, syscall.EFAULT
	}
	if e := t.p.resizable(r, m); e != 0 {
		return 0, e
	}
	switch {
	case m.fixed || m.keep:
		return t.p.mremapTo(m)
	case m.old > m.size:
		return m.addr, t.p.munmap(m.addr+m.size, m.old-m.size)
	case m.old == m.size || t.p.expand(r, m):
		return m.addr, 0
	case !m.may:
		return 0, syscall.ENOMEM
	}
	to, e := t.p.place(mapping{length: m.size, file: r.file})
	if e != 0 {
		return 0, e
	}
	m.to = to
	return t.p.move(r, m)
}

// checkRemapping is check_mremap_params.
func (p *Process) checkRemapping(m remapping) errno {
	if m.addr%PageSize != 0 || m.size == 0 || m.size > taskSize {
		return syscall.EINVAL
	}
	if !m.fixed && !m.keep {
		return 0
	}
	if m.to > taskSize-m.size || m.to%PageSize != 0 || !m.may || m.keep && m.old != m.size {
		return syscall.EINVAL
	}
	if m.addr+m.old > m.to && m.to+m.size > m.addr {
		return syscall.EINVAL
	}
	if p.mem.regions.full(5) {
		return syscall.ENOMEM
	}
	return 0
}

// moveAll moves every region in a range, with the holes between them
// (remap_move).
func (p *Process) moveAll(m remapping) (uint64, errno) {
	end := m.addr + m.old
	l := &p.mem.regions
	if r := l.at(m.addr); r == nil {
		return 0, syscall.EFAULT
	}
	for at := m.addr; at < end; {
		i := l.from(at)
		if i == len(l.list) || l.list[i].start >= end {
			break
		}
		r := l.list[i]
		at = max(at, r.start)
		next := min(end, r.end)
		piece := m
		piece.addr, piece.old, piece.size, piece.to = at, next-at, next-at, m.to+(at-m.addr)
		if e := p.resizable(r, piece); e != 0 {
			return 0, e
		}
		if _, e := p.mremapTo(piece); e != 0 {
			return 0, e
		}
		at = next
	}
	return m.to, 0
}

// resizable is check_prep_vma: may m be done to r?
func (p *Process) resizable(r *region, m remapping) errno {
	if !m.fixed && !m.keep && m.old >= m.size {
		return 0
	}
	if m.old == 0 && r.flags&regionShared == 0 {
		return syscall.EINVAL
	}
	if min(m.old, m.size) > r.end-m.addr || m.old < m.size && m.old > r.end-m.addr {
		return syscall.EFAULT
	}
	if m.size <= m.old {
		return 0
	}
	if r.file != nil && uint64(r.fileOffset(m.addr))+m.size < m.size {
		return syscall.EINVAL
	}
	if r.prot&ProtWrite != 0 && r.flags&regionShared == 0 {
		if !p.mayGrowData(m.size-m.old) || r.flags&regionNoReserve == 0 && !p.affordable(m.size-m.old) {
			return syscall.ENOMEM
		}
	}
	return 0
}

// expand makes the end of r longer where it is.
func (p *Process) expand(r *region, m remapping) bool {
	end := m.addr + m.size
	if m.old != r.end-m.addr || m.size > regionsEnd || m.addr > regionsEnd-m.size || p.mem.regions.crowds(r.end, end) {
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
func (p *Process) mremapTo(m remapping) (uint64, errno) {
	if m.fixed {
		if m.to > regionsEnd-min(m.size, regionsEnd) {
			return 0, syscall.ENOMEM
		}
		if m.to < userStart {
			return 0, syscall.EPERM
		}
		if e := p.munmap(m.to, m.size); e != 0 {
			return 0, e
		}
	}
	if m.old > m.size {
		if e := p.munmap(m.addr+m.size, m.old-m.size); e != 0 {
			return 0, e
		}
		m.old = m.size
	}
	r := p.mem.regions.at(m.addr)
	if r == nil {
		return 0, syscall.EFAULT
	}
	if !m.fixed {
		to, e := p.place(mapping{addr: m.to, length: m.size, file: r.file})
		if e != 0 {
			return 0, e
		}
		m.to = to
	}
	return p.move(r, m)
}

// move takes the range of m, which is in r, to where nothing is (move_vma).
// With keep the old place stays mapped, empty.
func (p *Process) move(r *region, m remapping) (uint64, errno) {
	if p.mem.regions.full(3) {
		return 0, syscall.ENOMEM
	}
	length := min(m.old, m.size)
	if p.mem.backed.any(m.addr, m.addr+length) {
		err := p.cfg.Memory.Move(m.addr, m.to, length)
		if errors.Is(err, ErrOutOfMemory) && p.reclaim() {
			err = p.cfg.Memory.Move(m.addr, m.to, length)
		}
		switch {
		case errors.Is(err, ErrOutOfMemory):
			return 0, syscall.ENOMEM
		case err != nil:
			p.fail("move guest memory", err)
		}
		p.mem.backed.move(m.addr, m.to, length)
	}
	moved := region{start: m.to, end: m.to + m.size, prot: r.prot, flags: r.flags, file: r.file}
	if r.file != nil {
		moved.off = r.fileOffset(m.addr)
		r.file.Retain()
	}
	if !m.keep && m.old > 0 {
		p.remove(m.addr, m.addr+m.old)
	}
	p.mem.regions.insert(moved)
	return m.to, 0
}
