package vmm

import (
	"slices"
	"testing"
)

// TestSoftwareInterrupts has every INT n: a general-protection fault with the
// gate in its error code, at the instruction, but for INT3's and INTO's gates,
// which stand open as under Linux.
func TestSoftwareInterrupts(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	// The first exception makes the host find the pages of the table. Emulated,
	// an INT that has to wait for that is taken up behind itself: KVM skips the
	// instruction where the processor does not say where the next one is.
	execute(t, m, c, 0x0f, 0x0b)
	// Paravirtual KVM answers these itself: 26 is as a NOP, the others fault
	// behind themselves.
	odd := []int{23, 25, 26}
	for n := range 256 {
		if m.Host().Stub == StubUser && slices.Contains(odd, n) {
			continue
		}
		want, at := emulated(Exit{Kind: Trap, Vector: vectorGP, Error: uint32(n)<<3 | errorIDT}), uint64(codeAt)
		if n == vectorBP || n == vectorOF {
			want, at = Exit{Kind: Trap, Vector: uint8(n)}, codeAt+2
		}
		got := execute(t, m, c, 0xcd, byte(n), 0x0f, 0x0b)
		if rip := c.Regs().RIP; got != want || rip != at {
			t.Errorf("int %d: %+v at %#x, want %+v at %#x", n, got, rip, want, at)
		}
	}
}
