package libos

import (
	"encoding/binary"
	"syscall"
)

// Codes of the signals that exceptions raise
// (include/uapi/asm-generic/siginfo.h).
const (
	fpeIntDiv  = 1  // FPE_INTDIV
	fpeFltDiv  = 3  // FPE_FLTDIV
	fpeFltOvf  = 4  // FPE_FLTOVF
	fpeFltUnd  = 5  // FPE_FLTUND
	fpeFltRes  = 6  // FPE_FLTRES
	fpeFltInv  = 7  // FPE_FLTINV
	illOperand = 2  // ILL_ILLOPN
	trapBreak  = 1  // TRAP_BRKPT
	trapTrace  = 2  // TRAP_TRACE
	segvMapErr = 1  // SEGV_MAPERR
	segvAccErr = 2  // SEGV_ACCERR
	segvCPErr  = 10 // SEGV_CPERR
	busAlign   = 1  // BUS_ADRALN
	busAddr    = 2  // BUS_ADRERR
)

// Vectors that need more than their row (Intel SDM vol. 3, 6.15).
const (
	debugException    = 1
	generalProtection = 13
	pageFault         = 14
	mathFault         = 16
	simdException     = 19
)

// exception says what signal a vector raises.
type exception struct {
	sig   syscall.Signal
	code  int
	atRIP bool // si_addr is the instruction, else 0
}

// exceptionOf is what arch/x86/kernel/traps.c does with each vector that user
// code can raise, the page fault apart. A vector that it cannot raise counts
// as a general protection fault, which is what `int n` gives on Linux.
func exceptionOf(vector uint8) exception {
	switch vector {
	case 0: // divide error
		return exception{syscall.SIGFPE, fpeIntDiv, true}
	case 1: // debug
		return exception{syscall.SIGTRAP, trapTrace, true}
	case 3: // breakpoint
		return exception{syscall.SIGTRAP, codeKernel, false}
	case 4, 5: // overflow, bound range
		return exception{syscall.SIGSEGV, codeKernel, false}
	case 6: // invalid opcode
		return exception{syscall.SIGILL, illOperand, true}
	case 10, 13: // invalid TSS, general protection
		return exception{syscall.SIGSEGV, codeKernel, false}
	case 11, 12: // segment not present, stack
		return exception{syscall.SIGBUS, codeKernel, false}
	case 16, 19: // x87, SIMD
		return exception{syscall.SIGFPE, 0, true} // the code is in the status: mathCode
	case 17: // alignment
		return exception{syscall.SIGBUS, busAlign, false}
	case 21: // control protection
		return exception{syscall.SIGSEGV, segvCPErr, false}
	}
	return exception{syscall.SIGSEGV, codeKernel, false}
}

// Fault answers an exception: a page that is to be there is given, everything
// else raises the signal that Linux raises. The thread goes on with its
// registers unless the process has ended.
func (t *Thread) Fault(trap Trap) {
	defer t.leave(t.enter())
	if t.p.end != nil {
		return
	}
	if trap.Vector == pageFault {
		t.pageFault(trap)
	} else if trap.Vector != generalProtection || !t.readCycles() {
		t.exception(trap)
	}
	t.deliver()
}

// exception raises the signal of any other vector.
func (t *Thread) exception(trap Trap) {
	x, regs := exceptionOf(trap.Vector), t.cpu.Regs()
	info := sigInfo{sig: int(x.sig), code: x.code}
	switch trap.Vector {
	case debugException:
		if regs.RFLAGS&flagTF == 0 {
			info.code = trapBreak // INT1: nobody asked for single steps
		}
	case mathFault, simdException:
		if info.code = t.mathCode(trap.Vector); info.code == 0 {
			return // a spurious one: go on
		}
	}
	if x.atRIP {
		info.addr = regs.RIP
	}
	t.trap.vector, t.trap.err = uint64(trap.Vector), uint64(trap.ErrorCode)
	t.forceFault(trap, info)
}

// mathCode tells from the status of x87 or SSE which exception it was that is
// not masked; 0: none (fpu__exception_code in arch/x86/kernel/fpu/core.c).
func (t *Thread) mathCode(vector uint8) int {
	area, ok := t.readXState()
	if !ok {
		return 0
	}
	var raised uint16
	if vector == mathFault {
		control, status := binary.LittleEndian.Uint16(area), binary.LittleEndian.Uint16(area[2:])
		raised = status &^ control
	} else {
		mxcsr := binary.LittleEndian.Uint16(area[xstateMXCSR:])
		raised = mxcsr &^ (mxcsr >> 7)
	}
	const invalid, denormal, divide, overflow, underflow, inexact = 1, 2, 4, 8, 16, 32
	switch {
	case raised&invalid != 0:
		return fpeFltInv
	case raised&divide != 0:
		return fpeFltDiv
	case raised&overflow != 0:
		return fpeFltOvf
	case raised&(denormal|underflow) != 0:
		return fpeFltUnd
	case raised&inexact != 0:
		return fpeFltRes
	}
	return 0
}

// pageFault is do_user_addr_fault in arch/x86/mm/fault.c.
func (t *Thread) pageFault(trap Trap) {
	if trap.ErrorCode&faultUser == 0 {
		// The processor's own access on the guest's behalf, to a table that the
		// guest has no business with: no page of the guest's will help.
		t.forceFault(trap, sigInfo{sig: int(syscall.SIGSEGV), code: codeKernel})
		return
	}
	access := ProtRead
	switch {
	case trap.ErrorCode&faultWrite != 0:
		access = ProtWrite
	case trap.ErrorCode&faultFetch != 0:
		access = ProtExec
	}
	info := sigInfo{sig: int(syscall.SIGSEGV), addr: trap.Addr}
	switch t.p.touch(trap.Addr, access, 0) {
	case touchMapErr:
		info.code = segvMapErr
	case touchAccErr:
		info.code = segvAccErr
	case touchBusErr:
		info.sig, info.code = int(syscall.SIGBUS), busAddr
	default:
		return // it is there now, or the process has ended
	}
	t.trap = lastTrap{pageFault, uint64(shownError(trap)), trap.Addr}
	t.forceFault(trap, info)
}

// shownError is the error code that a frame shows: where the program may have
// no page it does not tell whether one is there (sanitize_error_code in
// arch/x86/mm/fault.c).
func shownError(trap Trap) uint32 {
	switch {
	case trap.Addr >= taskSize:
		return trap.ErrorCode&^faultReserved | faultPresent
	case trap.Addr >= regionsEnd:
		return trap.ErrorCode &^ faultPresent
	}
	return trap.ErrorCode
}

func (t *Thread) forceFault(trap Trap, info sigInfo) {
	t.force(info, &Fault{Trap: trap, Code: info.code, Addr: info.addr, Regs: *t.cpu.Regs()})
}
