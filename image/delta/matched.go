package delta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sections of a matched difference, in their order in the delta.
const (
	sectionEntries = iota // insert, copy, seek; insert, copy, seek; ...
	sectionGaps           // of the corrections
	sectionWords
	sectionExtra // what is inserted
	matchedSections
)

// windows of the sections.
var windows = [matchedSections]int{listWindow, listWindow, listWindow, textWindow}

// matched is new as a matched difference to old, by spans that cover it.
func (q *squeezer) matched(old, new []byte, spans []span) ([][]byte, error) {
	var entries, extra []byte
	var c corrector
	at, from := 0, 0
	for _, s := range append(spans, span{0, len(new), 0}) {
		extra = append(extra, new[at:s.new]...)
		if s.new == at && s.length == 0 {
			continue // nothing behind the last span
		}
		entries = appendEntry(entries, int64(s.new-at), int64(s.length), int64(s.old-from))
		c.span(old[s.old:s.old+s.length], new[s.new:s.new+s.length])
		at, from = s.new+s.length, s.old+s.length
	}
	sections := make([][]byte, matchedSections)
	for i, list := range [matchedSections][]byte{entries, c.gaps, c.words, extra} {
		var err error
		if sections[i], err = q.squeeze(list, windows[i]); err != nil {
			return nil, err
		}
	}
	return sections, nil
}

// appendEntry appends an entry; without a copy there is no place to seek.
func appendEntry(dst []byte, insert, length, seek int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(insert))
	dst = binary.AppendUvarint(dst, uint64(length))
	if length == 0 {
		return dst
	}
	return binary.AppendVarint(dst, seek)
}

// A matched reads a file that is a matched difference. Each entry is some
// inserted bytes, then a copy of corrected bytes of the old file, whose place
// is counted from the end of the copy before.
type matched struct {
	base     io.ReaderAt
	baseSize int64
	left     int64 // of the file, not yet in an entry
	insert   int64
	length   int64
	at       int64 // in the old file
	entries  *stream
	extra    *stream
	correcting
}

func newMatched(sections []section, base io.ReaderAt, baseSize, size int64) (*matched, error) {
	var open [matchedSections]*stream
	for i := range open {
		s, err := unsqueeze(sections[i], windows[i], nil)
		if err != nil {
			closeAll(open[:i])
			return nil, err
		}
		open[i] = s
	}
	return &matched{
		base: base, baseSize: baseSize, left: size,
		entries: open[sectionEntries], extra: open[sectionExtra],
		correcting: correcting{gaps: open[sectionGaps], words: open[sectionWords]},
	}, nil
}

func closeAll(streams []*stream) {
	for _, s := range streams {
		s.close()
	}
}

func (m *matched) close() { closeAll([]*stream{m.entries, m.gaps, m.words, m.extra}) }

// Read must not be called behind the end of the file.
func (m *matched) Read(p []byte) (int, error) {
	if m.insert == 0 && m.length == 0 {
		if err := m.entry(); err != nil {
			return 0, err
		}
	}
	if m.insert > 0 {
		n, err := m.extra.Read(p[:min(int64(len(p)), m.insert)])
		if err != nil {
			return 0, damaged(err)
		}
		m.insert -= int64(n)
		return n, nil
	}
	p = p[:min(int64(len(p)), m.length)]
	if n, err := m.base.ReadAt(p, m.at); n < len(p) {
		return 0, onDisk("read the old file", err)
	}
	if err := m.correcting.apply(p, m.length); err != nil {
		return 0, err
	}
	m.at, m.length = m.at+int64(len(p)), m.length-int64(len(p))
	return len(p), nil
}

// entry reads the next entry. One that makes nothing is refused, so that a
// delta cannot keep a spacecraft busy for longer than its output is long.
func (m *matched) entry() error {
	insert, err := m.entries.number()
	if err != nil {
		return err
	}
	length, err := m.entries.number()
	if err != nil {
		return err
	}
	switch left := uint64(m.left); {
	case insert > left || length > left-insert:
		return fmt.Errorf("%w: an entry of %d and %d bytes, where the file has %d left", ErrDamaged, insert, length, left)
	case insert == 0 && length == 0:
		return fmt.Errorf("%w: an entry makes nothing", ErrDamaged)
	}
	m.insert, m.length = int64(insert), int64(length)
	m.left -= m.insert + m.length
	if length == 0 {
		return nil
	}
	return m.seek()
}

// seek moves to where the copy of an entry lies in the old file.
func (m *matched) seek() error {
	by, err := m.entries.signed()
	if err != nil {
		return err
	}
	// Both sides of each comparison stay within the size of a file.
	if by < -m.at || by > m.baseSize-m.at || m.length > m.baseSize-m.at-by {
		return fmt.Errorf("%w: a copy of %d bytes, %d from byte %d of the old file, which has %d", ErrDamaged, m.length, by, m.at, m.baseSize)
	}
	m.at += by
	return nil
}

// done wants everything used up. Of the entries all is: they never make more
// than the file has left.
func (m *matched) done() error {
	return errors.Join(m.entries.done(), m.extra.done(), m.correcting.done())
}
