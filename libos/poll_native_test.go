package libos

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestPollAnswersAsLinux polls and selects random sets of files, pipes in every
// state and closed numbers, without waiting, and compares results and what was
// written back.
func TestPollAnswersAsLinux(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t, rt)
		p.call("open", unix.SYS_OPEN, p.path("f"), unix.O_RDWR, 0) // 3
		p.call("open", unix.SYS_OPEN, p.path("dir"), 0, 0)         // 4
		p.call("open", unix.SYS_OPEN, p.path("f"), unix.O_PATH, 0) // 5
		for range 4 {                                              // 6 to 13
			p.call("pipe2", unix.SYS_PIPE2, twinOut, unix.O_NONBLOCK)
		}
		p.call("write", unix.SYS_WRITE, 9, twinOut, 10)
		p.call("close", unix.SYS_CLOSE, 10) // 11 has no reader
		p.call("close", unix.SYS_CLOSE, 13) // 12 has no writer
		for range 17 {
			p.call("write", unix.SYS_WRITE, 7, twinBase, 4096)
		}
		for range rapid.IntRange(1, 10).Draw(rt, "calls") {
			if rapid.Bool().Draw(rt, "select") {
				p.selectOnce()
			} else {
				p.pollOnce()
			}
		}
	})
}

// pollOnce polls up to 8 descriptors with timeout 0.
func (p *pair) pollOnce() {
	n := rapid.IntRange(0, 8).Draw(p.t, "nfds")
	raw := make([]byte, 64)
	for i := range n {
		fd := rapid.IntRange(-1, 15).Draw(p.t, "fd")
		binary.LittleEndian.PutUint32(raw[8*i:], uint32(fd))
		binary.LittleEndian.PutUint16(raw[8*i+4:], uint16(rapid.IntRange(0, 0x3ff).Draw(p.t, "events")))
		binary.LittleEndian.PutUint16(raw[8*i+6:], 0xffff)
	}
	copy(p.filler[twinIn-twinBase:], raw)
	p.poke(twinIn, raw)
	addr := rapid.SampledFrom([]uint64{twinIn, twinIn, twinIn, twinHole - 8, twinRO - 8, 0}).Draw(p.t, "fds")
	if rapid.IntRange(0, 9).Draw(p.t, "many") == 0 {
		n = 1025
	}
	p.call("poll", unix.SYS_POLL, addr, uint64(n), 0)
}

// selectOnce selects with three random sets and a timeout of 0.
func (p *pair) selectOnce() {
	raw := make([]byte, 128)
	for i := range 3 {
		set := uint64(rapid.IntRange(0, 1<<14-1).Draw(p.t, "set"))
		if rapid.IntRange(0, 3).Draw(p.t, "open") > 0 {
			set &= 0b1_1011_1101_1000 | 7
		}
		binary.LittleEndian.PutUint64(raw[32*i:], set)
	}
	copy(p.filler[twinIn-twinBase:], raw)
	p.poke(twinIn, raw)
	pick := func(good uint64) uint64 {
		return rapid.SampledFrom([]uint64{good, good, good, 0, twinRO, twinHole}).Draw(p.t, "set")
	}
	n := rapid.SampledFrom([]uint64{14, 8, 0, 64, ^uint64(0)}).Draw(p.t, "n")
	p.call("select", unix.SYS_SELECT, n, pick(twinIn), pick(twinIn+32), pick(twinIn+64), twinIn+96)
}
