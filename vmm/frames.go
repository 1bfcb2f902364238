package vmm

import "math/bits"

// pagesPerBlock is how many pages a huge page has.
const pagesPerBlock = hugeSize / PageSize

// frames hands out the pages of the RAM slot: single pages and runs of them
// from the low end, whole blocks of 2 MiB for huge pages from the high end, so
// that the host's huge and small pages stay in two areas.
type frames struct {
	blocks []block
	used   uint64 // pages
}

// block is 2 MiB of the slot.
type block struct {
	huge bool                       // handed out whole
	used int                        // pages
	bits [pagesPerBlock / 64]uint64 // page n is in use; unused while huge
}

// run is a run of frames.
type run struct{ first, n uint64 }

func newFrames(blocks int) frames { return frames{blocks: make([]block, blocks)} }

// allocHuge takes a whole free block; ok is false if there is none.
func (f *frames) allocHuge() (first uint64, ok bool) {
	for i := len(f.blocks) - 1; i >= 0; i-- {
		if b := &f.blocks[i]; b.used == 0 {
			*b = block{huge: true, used: pagesPerBlock}
			f.used += pagesPerBlock
			return uint64(i) * pagesPerBlock, true
		}
	}
	return 0, false
}

// alloc takes at most n pages that lie together, at least one; a zero run when
// the slot is full. A run does not cross a block.
func (f *frames) alloc(n uint64) run {
	var best run
	bestBlock := -1
	for i := range f.blocks {
		b := &f.blocks[i]
		if b.used == pagesPerBlock {
			continue
		}
		if r := b.longest(min(n, pagesPerBlock)); r.n > best.n {
			best, bestBlock = r, i
			if best.n >= min(n, pagesPerBlock) {
				break
			}
		}
	}
	if bestBlock < 0 {
		return run{}
	}
	b := &f.blocks[bestBlock]
	for p := best.first; p < best.first+best.n; p++ {
		b.bits[p/64] |= 1 << (p % 64)
	}
	b.used += int(best.n)
	f.used += best.n
	best.first += uint64(bestBlock) * pagesPerBlock
	return best
}

// longest finds the first run of n free pages in the block, or the longest
// shorter one.
func (b *block) longest(n uint64) run {
	var best, cur run
	for p := uint64(0); p < pagesPerBlock; p++ {
		w := b.bits[p/64]
		if p%64 == 0 && w == ^uint64(0) {
			p += 63
			cur = run{}
			continue
		}
		if w>>(p%64)&1 != 0 {
			cur = run{}
			continue
		}
		if cur.n == 0 {
			cur.first = p
		}
		cur.n++
		if cur.n > best.n {
			best = cur
			if best.n == n {
				return best
			}
		}
	}
	return best
}

// free gives pages back. A block that was handed out whole and loses a part
// goes on as a block of single pages.
func (f *frames) free(r run) {
	for r.n > 0 {
		b := &f.blocks[r.first/pagesPerBlock]
		at := r.first % pagesPerBlock
		n := min(r.n, pagesPerBlock-at)
		b.free(at, n)
		f.used -= n
		r.first, r.n = r.first+n, r.n-n
	}
}

func (b *block) free(at, n uint64) {
	if b.huge {
		b.huge = false
		for i := range b.bits {
			b.bits[i] = ^uint64(0)
		}
	}
	for p := at; p < at+n; p++ {
		b.bits[p/64] &^= 1 << (p % 64)
	}
	b.used = 0
	for _, w := range b.bits {
		b.used += bits.OnesCount64(w)
	}
}
