package libos

import (
	"iter"
	"math/bits"
)

// pageSet is a set of pages: which of the guest's pages the machine has frames
// for. It costs memory only for blocks of 2 MiB that have any.
type pageSet struct {
	blocks map[uint64]*[8]uint64 // by address / HugeSize, one bit a page
	pages  uint64
}

func bitOf(addr uint64) (word int, bit uint64) {
	page := addr % HugeSize / PageSize
	return int(page / 64), 1 << (page % 64)
}

// has says whether the page of addr is in the set.
func (s *pageSet) has(addr uint64) bool {
	b := s.blocks[addr/HugeSize]
	if b == nil {
		return false
	}
	word, bit := bitOf(addr)
	return b[word]&bit != 0
}

// add puts the pages of [start, end) into the set; none of them is in it.
func (s *pageSet) add(start, end uint64) {
	if s.blocks == nil {
		s.blocks = make(map[uint64]*[8]uint64)
	}
	for addr := start; addr < end; addr += PageSize {
		b := s.blocks[addr/HugeSize]
		if b == nil {
			b = new([8]uint64)
			s.blocks[addr/HugeSize] = b
		}
		word, bit := bitOf(addr)
		b[word] |= bit
		s.pages++
	}
}

// visit calls do for each block that has pages and overlaps [start, end), until
// it says that it has seen enough.
func (s *pageSet) visit(start, end uint64, do func(block uint64) bool) {
	if start >= end {
		return
	}
	first, last := start/HugeSize, (end-1)/HugeSize
	if last-first >= uint64(len(s.blocks)) {
		for block := range s.blocks {
			if block >= first && block <= last && !do(block) {
				return
			}
		}
		return
	}
	for block := first; block <= last; block++ {
		if s.blocks[block] != nil && !do(block) {
			return
		}
	}
}

// pagesIn gives the addresses of the block's pages in [start, end).
func (s *pageSet) pagesIn(block, start, end uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		base := block * HugeSize
		for i, word := range s.blocks[block] {
			for ; word != 0; word &= word - 1 {
				addr := base + uint64(i*64+bits.TrailingZeros64(word))*PageSize
				if addr >= start && addr < end && !yield(addr) {
					return
				}
			}
		}
	}
}

// each calls do for each page of the set in [start, end), in no order.
func (s *pageSet) each(start, end uint64, do func(addr uint64)) {
	s.visit(start, end, func(block uint64) bool {
		for addr := range s.pagesIn(block, start, end) {
			do(addr)
		}
		return true
	})
}

// any says whether a page of [start, end) is in the set.
func (s *pageSet) any(start, end uint64) bool {
	found := false
	s.visit(start, end, func(block uint64) bool {
		for range s.pagesIn(block, start, end) {
			found = true
			break
		}
		return !found
	})
	return found
}

// remove takes the pages of [start, end) out of the set.
func (s *pageSet) remove(start, end uint64) {
	s.each(start, end, func(addr uint64) {
		word, bit := bitOf(addr)
		s.blocks[addr/HugeSize][word] &^= bit
		s.pages--
	})
	s.visit(start, end, func(block uint64) bool {
		if *s.blocks[block] == [8]uint64{} {
			delete(s.blocks, block)
		}
		return true
	})
}

// move takes the pages of [from, from+length) to the same places in
// [to, to+length), of which none is in the set.
func (s *pageSet) move(from, to, length uint64) {
	var moved []uint64
	s.each(from, from+length, func(addr uint64) { moved = append(moved, addr) })
	s.remove(from, from+length)
	for _, addr := range moved {
		s.add(addr-from+to, addr-from+to+PageSize)
	}
}
