package libos

import (
	"encoding/binary"
	"syscall"
)

// Offsets in struct rt_sigframe (arch/x86/include/asm/sigframe.h) and in the
// ucontext that it holds behind the return address.
const (
	frameContext = 8
	frameInfo    = frameContext + 304
	frameSize    = frameInfo + siginfoSize

	contextStack   = 16
	contextRegs    = 40 // struct sigcontext
	contextMask    = 296
	contextWords   = contextRegs / 8
	regsWords      = 24                // of sigcontext, without its reserved end
	contextFlags   = 1 | contextSS | 4 // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
	contextSS      = 2
	contextStrict  = 4
	frameAlignment = 16
	redZone        = 128
)

// Selectors of 64-bit user code and its stack (arch/x86/include/asm/segment.h).
const (
	userCS = 0x33
	userSS = 0x2b
)

// Flags of sigaction(2).
const (
	saSiginfo   = 0x4
	saRestorer  = 0x0400_0000
	saOnStack   = 0x0800_0000
	saRestart   = 0x1000_0000
	saNoDefer   = 0x4000_0000
	saResetHand = 0x8000_0000
)

// Bits of RFLAGS.
const (
	flagTF = 1 << 8
	flagDF = 1 << 10
	flagRF = 1 << 16
	// flagsRestored are those that sigreturn takes from the frame (FIX_EFLAGS):
	// CF PF AF ZF SF TF DF OF RF AC.
	flagsRestored = 0x8d5 | flagTF | flagDF | flagRF | 1<<18
)

// lastTrap is what the frame tells of the latest exception that raised a
// signal: a thread keeps it (thread_struct's trap_nr, error_code and cr2).
type lastTrap struct {
	vector, err, cr2 uint64
}

// runHandler makes the thread go on in the handler of a signal, as
// handle_signal does (arch/x86/kernel/signal.c). A frame that cannot be
// written is a SIGSEGV.
func (t *Thread) runHandler(info sigInfo, a action, fault *Fault) {
	t.endCall(a.flags&saRestart != 0 && t.restart.e == errRestart)
	if !t.pushFrame(info, &a) {
		if t.p.end == nil {
			t.forceSegv(info.sig, fault)
		}
		return
	}
	t.saved = nil
	t.mask |= a.mask
	if a.flags&saNoDefer == 0 {
		t.mask |= setOf(syscall.Signal(info.sig))
	}
	if t.alt.flags&altAutoDisarm != 0 {
		t.alt = altStack{flags: altDisable}
	}
}

// forceSegv is force_sigsegv: the frame of sig could not be written. That of
// SIGSEGV itself is deadly.
func (t *Thread) forceSegv(sig int, fault *Fault) {
	if sig == int(syscall.SIGSEGV) {
		t.p.sig.actions[sig].handler = handlerDefault
	}
	t.force(sigInfo{sig: int(syscall.SIGSEGV), code: codeKernel}, fault)
}

// pushFrame writes the frame and sets the registers (x64_setup_rt_frame).
func (t *Thread) pushFrame(info sigInfo, a *action) bool {
	if a.flags&saRestorer == 0 {
		return false // there is nothing to return to
	}
	regs := t.cpu.Regs()
	sp, fp, ok := t.placeFrame(regs.RSP, a)
	if !ok || !t.saveXState(fp) {
		return false
	}
	mask := t.mask
	if t.saved != nil {
		mask = *t.saved
	}
	frame := t.contextBytes(regs, a.restorer, fp, mask)
	if t.p.writeStruct(sp, frame) != 0 || t.p.writeWords(sp+frameContext+contextMask, uint64(mask)) != 0 {
		return false
	}
	if a.flags&saSiginfo != 0 && t.p.writeStruct(sp+frameInfo, info.bytes()) != 0 {
		return false
	}
	regs.RDI, regs.RSI, regs.RDX, regs.RAX = uint64(info.sig), sp+frameInfo, sp+frameContext, 0
	regs.RIP, regs.RSP = a.handler, sp
	regs.RFLAGS &^= flagDF | flagRF | flagTF
	return t.resetXState()
}

// contextBytes is the frame's return address and its ucontext up to
// sigcontext's reserved end.
func (t *Thread) contextBytes(r *Regs, restorer, fp uint64, mask sigSet) []byte {
	words := [1 + contextWords + regsWords]uint64{
		restorer,
		contextFlags, 0, t.alt.sp, uint64(t.alt.flags), t.alt.size,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15,
		r.RDI, r.RSI, r.RBP, r.RBX, r.RDX, r.RAX, r.RCX, r.RSP, r.RIP, r.RFLAGS,
		uint64(t.selectors.cs) | uint64(t.selectors.ss)<<48,
		t.trap.err, t.trap.vector, uint64(mask), t.trap.cr2, fp,
	}
	if t.selectors.cs != userCS {
		words[1] &^= contextStrict // not a 64-bit context
	}
	raw := make([]byte, 0, 8*len(words))
	for _, w := range words {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	return raw
}

// placeFrame chooses where frame and extended state lie: below the red zone or
// on the alternate stack, which they must not overflow (get_sigframe).
func (t *Thread) placeFrame(rsp uint64, a *action) (sp, fp uint64, ok bool) {
	on := t.alt.holds(rsp)
	sp = rsp - redZone
	if a.flags&saOnStack != 0 && t.alt.size != 0 && !t.alt.holds(sp) {
		sp, on = t.alt.sp+t.alt.size, true
	}
	fp = (sp - t.xstateRoom()) &^ (xstateAlignment - 1)
	sp = (fp-frameSize)&^(frameAlignment-1) - 8
	return sp, fp, !on || t.alt.contains(sp)
}

// sysSigreturn goes back to what a handler's frame says, or what the handler
// made of it (arch/x86/kernel/signal_64.c).
func sysSigreturn(t *Thread, _ args) (uint64, errno) {
	regs := t.cpu.Regs()
	context := regs.RSP - 8 + frameContext
	words, e := t.p.readWords(context, contextMask/8+1)
	if e != 0 {
		return 0, t.badFrame()
	}
	t.mask = sigSet(words[contextMask/8]) &^ neverCaught
	stack := words[contextStack/8:]
	_ = t.setAltStack(altStack{sp: stack[0], flags: uint32(stack[1]), size: stack[2]})
	w := words[contextWords : contextWords+regsWords]
	selectors := uint16(w[18]) | 3
	ss := uint16(w[18]>>48) | 3
	t.restoreRegs(w)
	if words[0]&contextStrict == 0 && selectors == userCS {
		ss = userSS // what else there was is not for 64-bit code
	}
	if !t.restoreXState(w[23]) {
		return 0, t.badFrame()
	}
	if selectors != userCS || ss != userSS {
		t.badSelectors(selectors, ss)
	}
	return regs.RAX, 0
}

// restoreRegs takes the registers of a sigcontext.
func (t *Thread) restoreRegs(w []uint64) {
	r := t.cpu.Regs()
	flags := r.RFLAGS&^flagsRestored | w[17]&flagsRestored
	*r = Regs{
		R8: w[0], R9: w[1], R10: w[2], R11: w[3], R12: w[4], R13: w[5], R14: w[6], R15: w[7],
		RDI: w[8], RSI: w[9], RBP: w[10], RBX: w[11], RDX: w[12], RAX: w[13], RCX: w[14],
		RSP: w[15], RIP: w[16], RFLAGS: flags,
	}
}

// badFrame is signal_fault: the frame cannot be read.
func (t *Thread) badFrame() errno {
	t.force(sigInfo{sig: int(syscall.SIGSEGV), code: codeKernel}, nil)
	return 0
}

// badSelectors is what IRET makes of selectors that ring 3 may not have: a
// general-protection fault at the place gone back to (fixup_bad_iret in
// arch/x86/kernel/traps.c).
func (t *Thread) badSelectors(cs, ss uint16) {
	bad := cs
	if cs == userCS {
		bad = ss
	}
	trap := Trap{Vector: generalProtection, ErrorCode: uint32(bad &^ 3)}
	t.trap.vector, t.trap.err = generalProtection, uint64(trap.ErrorCode)
	t.selectors.cs, t.selectors.ss = cs, ss
	t.forceFault(trap, sigInfo{sig: int(syscall.SIGSEGV), code: codeKernel})
	t.selectors = userSelectors
}

// selectors are those of code and stack.
type selectors struct{ cs, ss uint16 }

var userSelectors = selectors{userCS, userSS}
