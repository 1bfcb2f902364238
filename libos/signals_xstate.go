package libos

import (
	"encoding/binary"
	"fmt"
)

// Places in an XSAVE area in the standard format (Intel SDM vol. 1, 13.4), and
// what Linux adds to one in a signal frame (arch/x86/include/uapi/asm/sigcontext.h).
const (
	xstateMXCSR     = 24
	xstateMXCSRMask = 28
	xstateXMM       = 160
	xstateXMMEnd    = 416
	xstateSoftware  = 464 // struct _fpx_sw_bytes
	xstateLegacy    = 512
	xstateHeader    = 512 // XSTATE_BV, XCOMP_BV, 48 bytes reserved
	xstateExtended  = 576
	xstateAlignment = 64

	xstateMagic1 = 0x46505853 // FP_XSTATE_MAGIC1
	xstateMagic2 = 0x46505845 // FP_XSTATE_MAGIC2, behind the area
	magic2Size   = 4

	featureX87 = 1 << 0
	featureSSE = 1 << 1
	featureAVX = 1 << 2

	initialFCW   = 0x37f
	initialMXCSR = 0x1f80
	// oldMXCSRMask is the mask of processors that show none (Intel SDM vol. 1,
	// 11.6.6).
	oldMXCSRMask = 0xffbf
)

// xstateRoom is what the extended state takes in a frame.
func (t *Thread) xstateRoom() uint64 { return uint64(t.p.cfg.Platform.XStateSize) + magic2Size }

// readXState gives the guest's extended state; if the machine cannot, the
// process is over.
func (t *Thread) readXState() ([]byte, bool) {
	area, err := t.cpu.XState()
	if want := t.p.cfg.Platform.XStateSize; err == nil && len(area) != want {
		err = fmt.Errorf("%d bytes of extended state, %d were promised", len(area), want)
	}
	if err != nil {
		t.p.fail("read a thread's extended state", err)
		return nil, false
	}
	return area, true
}

func (t *Thread) writeXState(area []byte) bool {
	if err := t.cpu.SetXState(area); err != nil {
		t.p.fail("set a thread's extended state", err)
		return false
	}
	return true
}

// saveXState writes the extended state to a frame (copy_fpstate_to_sigframe in
// arch/x86/kernel/fpu/signal.c).
func (t *Thread) saveXState(at uint64) bool {
	area, ok := t.readXState()
	if !ok {
		return false
	}
	features := t.p.cfg.Platform.XFeatures
	le := binary.LittleEndian
	software := area[xstateSoftware:xstateLegacy]
	clear(software)
	le.PutUint32(software, xstateMagic1)
	le.PutUint32(software[4:], uint32(len(area)+magic2Size))
	le.PutUint64(software[8:], features)
	le.PutUint32(software[16:], uint32(len(area)))
	// x87 and SSE always count: old programs change them and not the header.
	used := le.Uint64(area[xstateHeader:])&features | featureX87 | featureSSE
	le.PutUint64(area[xstateHeader:], used)
	return t.p.writeStruct(at, le.AppendUint32(area[:len(area):len(area)], xstateMagic2)) == 0
}

// initialXState is the state that a handler starts with.
func (t *Thread) initialXState() []byte {
	area := make([]byte, t.p.cfg.Platform.XStateSize)
	binary.LittleEndian.PutUint16(area, initialFCW)
	binary.LittleEndian.PutUint32(area[xstateMXCSR:], initialMXCSR)
	binary.LittleEndian.PutUint64(area[xstateHeader:], featureX87|featureSSE)
	return area
}

func (t *Thread) resetXState() bool { return t.writeXState(t.initialXState()) }

// restoreXState takes the extended state of a frame (fpu__restore_sig): none
// is the initial one, and so is one that XRSTOR would fault on, with which the
// frame is bad.
func (t *Thread) restoreXState(at uint64) bool {
	if at == 0 {
		return t.resetXState()
	}
	area, ok := t.frameXState(at)
	if !ok {
		t.resetXState()
		return false
	}
	return t.writeXState(area)
}

// frameXState reads the extended state of a frame as XRSTOR would, or as
// FXRSTOR where Linux's marks are not there.
func (t *Thread) frameXState(at uint64) ([]byte, bool) {
	le, size := binary.LittleEndian, t.p.cfg.Platform.XStateSize
	if !accessOK(at, uint64(size+magic2Size)) {
		return nil, false
	}
	legacy := make([]byte, xstateLegacy)
	if t.p.readStruct(at, legacy) != 0 {
		return nil, false
	}
	software := legacy[xstateSoftware:]
	if le.Uint32(software) == xstateMagic1 {
		var magic2 [magic2Size]byte
		if t.p.readStruct(at+uint64(size), magic2[:]) != 0 {
			return nil, false
		}
		if le.Uint32(magic2[:]) == xstateMagic2 {
			return t.fullXState(at, le.Uint64(software[8:])&t.p.cfg.Platform.XFeatures)
		}
	}
	if at%16 != 0 {
		return nil, false
	}
	area := make([]byte, size)
	copy(area, legacy)
	le.PutUint64(area[xstateHeader:], featureX87|featureSSE)
	return area, t.validMXCSR(area)
}

// fullXState is XRSTOR of the wanted components; all others get their initial
// state.
func (t *Thread) fullXState(at, wanted uint64) ([]byte, bool) {
	le := binary.LittleEndian
	area := make([]byte, t.p.cfg.Platform.XStateSize)
	if at%xstateAlignment != 0 || t.p.readStruct(at, area) != 0 {
		return nil, false
	}
	header := area[xstateHeader:xstateExtended]
	has := le.Uint64(header)
	if has&^t.p.cfg.Platform.XFeatures != 0 || le.Uint64(header[8:]) != 0 || le.Uint64(header[16:]) != 0 {
		return nil, false
	}
	if wanted&(featureSSE|featureAVX) == 0 {
		le.PutUint32(area[xstateMXCSR:], initialMXCSR)
	} else if !t.validMXCSR(area) {
		return nil, false
	}
	has &= wanted
	first := t.initialXState()
	if has&featureX87 == 0 {
		copy(area[:xstateMXCSR], first)
		copy(area[xstateMXCSR+8:xstateXMM], first[xstateMXCSR+8:])
	}
	if has&featureSSE == 0 {
		clear(area[xstateXMM:xstateXMMEnd])
	}
	clear(header)
	le.PutUint64(header, has|featureX87|featureSSE)
	return area, true
}

// validMXCSR says whether no reserved bit of MXCSR is set.
func (t *Thread) validMXCSR(area []byte) bool {
	now, ok := t.readXState()
	if !ok {
		return false
	}
	mask := binary.LittleEndian.Uint32(now[xstateMXCSRMask:])
	if mask == 0 {
		mask = oldMXCSRMask
	}
	return binary.LittleEndian.Uint32(area[xstateMXCSR:])&^mask == 0
}
