package libos

import "slices"

// readCycles answers the RDTSC or RDTSCP that the thread faulted at, and steps
// over it; false: it stands at no such instruction, or the machine hides no
// counter. The counter goes at one a nanosecond of the world's uptime; the
// processor that RDTSCP names is the first.
func (t *Thread) readCycles() bool {
	if !t.p.cfg.HideCycles {
		return false
	}
	regs := t.cpu.Regs()
	var code [maxInstruction]byte
	n := t.p.copyIn(code[:], regs.RIP)
	size, withID := cycleInstruction(code[:n])
	if size == 0 {
		return false
	}
	now := uint64(t.p.cfg.Clock.Uptime())
	regs.RAX, regs.RDX = now&0xffff_ffff, now>>32
	if withID {
		regs.RCX = 0
	}
	regs.RIP += uint64(size)
	return true
}

// maxInstruction is the longest instruction of amd64, in bytes.
const maxInstruction = 15

// cycleInstruction gives the length of the RDTSC (0F 31) or RDTSCP (0F 01 F9)
// that code starts with, 0 for anything else. Prefixes that mean nothing to
// them are allowed, as the processor does; LOCK is not (Intel SDM vol. 2).
func cycleInstruction(code []byte) (size int, withID bool) {
	prefixes := []byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3}
	i := 0
	for i < len(code) && slices.Contains(prefixes, code[i]) {
		i++
	}
	if i < len(code) && code[i]&0xf0 == 0x40 { // REX
		i++
	}
	switch rest := code[i:]; {
	case len(rest) >= 2 && rest[0] == 0x0f && rest[1] == 0x31:
		return i + 2, false
	case len(rest) >= 3 && rest[0] == 0x0f && rest[1] == 0x01 && rest[2] == 0xf9:
		return i + 3, true
	}
	return 0, false
}
