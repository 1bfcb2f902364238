package libos

import "syscall"

// Codes of the signals that exceptions raise
// (include/uapi/asm-generic/siginfo.h).
const (
	fpeIntDiv  = 1  // FPE_INTDIV
	fpeUnknown = 14 // FPE_FLTUNK: the machine does not show which flag it was
	illOperand = 2  // ILL_ILLOPN
	trapTrace  = 2  // TRAP_TRACE
	segvMapErr = 1  // SEGV_MAPERR
	segvAccErr = 2  // SEGV_ACCERR
	segvCPErr  = 10 // SEGV_CPERR
	busAlign   = 1  // BUS_ADRALN
	busAddr    = 2  // BUS_ADRERR
)

const (
	generalProtection = 13
	pageFault         = 14
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
		return exception{syscall.SIGFPE, fpeUnknown, true}
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
	done := t.enter()
	defer done()
	if t.p.end != nil {
		return
	}
	if trap.Vector == pageFault {
		t.pageFault(trap)
	} else if trap.Vector != generalProtection || !t.readCycles() {
		x := exceptionOf(trap.Vector)
		info := sigInfo{sig: int(x.sig), code: x.code}
		if x.atRIP {
			info.addr = t.cpu.Regs().RIP
		}
		t.forceFault(trap, info)
	}
	t.deliver()
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
	t.forceFault(trap, info)
}

func (t *Thread) forceFault(trap Trap, info sigInfo) {
	t.force(info, &Fault{Trap: trap, Code: info.code, Addr: info.addr, Regs: *t.cpu.Regs()})
}
