package delta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Corrections turn copied bytes of the old file into those of the new one.
// What differs in moved code is addresses, so a correction is a number that is
// added to the little-endian word of four bytes that begins at the first byte
// that differs: a carry costs nothing, and all addresses that moved by as much
// have the same number. Two lists hold them: how many copied bytes are right
// before each, and the number.
type corrections struct{ gaps, words []byte }

// wordSize is the length of a corrected word in bytes; at the end of a span it
// may be shorter.
const wordSize = 4

// A corrector writes corrections.
type corrector struct {
	corrections
	gap uint64
}

// span appends what turns old into new, which are equally long.
func (c *corrector) span(old, new []byte) {
	for i := 0; i < len(new); {
		if old[i] == new[i] {
			c.gap++
			i++
			continue
		}
		n := min(wordSize, len(new)-i)
		c.gaps = binary.AppendUvarint(c.gaps, c.gap)
		c.words = binary.AppendVarint(c.words, int64(difference(old[i:i+n], new[i:i+n])))
		c.gap = 0
		i += n
	}
}

// difference is new - old as words of at most four bytes.
func difference(old, new []byte) int32 {
	var a, b [wordSize]byte
	unused := 8 * (wordSize - len(old))
	copy(a[:], old)
	copy(b[:], new)
	d := binary.LittleEndian.Uint32(b[:]) - binary.LittleEndian.Uint32(a[:])
	return int32(d<<unused) >> unused
}

// A correcting reads corrections and applies them to what is copied.
type correcting struct {
	gaps, words *stream
	gap         uint64
	open        bool // gap is that of a correction that was not applied yet
	over        bool // there are no more corrections
	word        uint32
	bytes       int // of word, that are to be added
	carry       uint32
}

// apply corrects p, the next copied bytes; left is how many the span has, p
// included.
func (c *correcting) apply(p []byte, left int64) error {
	for i := 0; i < len(p); {
		if c.bytes > 0 {
			p[i] = c.add(p[i])
			i++
			continue
		}
		if c.over {
			return nil
		}
		if !c.open {
			if err := c.next(); err != nil {
				return err
			}
			continue
		}
		right := int(min(c.gap, uint64(len(p)-i)))
		i, c.gap = i+right, c.gap-uint64(right)
		if c.gap == 0 && i < len(p) {
			if err := c.load(left - int64(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// next reads the gap before the next correction, if there is one.
func (c *correcting) next() error {
	switch err := c.gaps.fill(); {
	case errors.Is(err, io.EOF):
		c.over = true
		return nil
	case err != nil:
		return damaged(err)
	}
	gap, err := c.gaps.number()
	c.gap, c.open = gap, true
	return err
}

// load reads the number of the correction that begins here.
func (c *correcting) load(left int64) error {
	word, err := c.words.signed()
	if err != nil {
		return err
	}
	if word < math.MinInt32 || word > math.MaxInt32 {
		return fmt.Errorf("%w: a correction by %d is more than a word holds", ErrDamaged, word)
	}
	c.word, c.bytes, c.carry, c.open = uint32(word), int(min(wordSize, left)), 0, false
	return nil
}

// add adds the next byte of the word.
func (c *correcting) add(old byte) byte {
	sum := uint32(old) + c.word&0xff + c.carry
	c.word, c.bytes, c.carry = c.word>>8, c.bytes-1, sum>>8
	return byte(sum)
}

// done wants every correction used.
func (c *correcting) done() error {
	if c.open {
		return fmt.Errorf("%w: a correction lies behind the end of the file", ErrDamaged)
	}
	return errors.Join(c.gaps.done(), c.words.done())
}
