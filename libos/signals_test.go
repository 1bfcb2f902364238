package libos

import (
	"encoding/binary"
	"syscall"
	"testing"
)

// setAction is rt_sigaction with a handler.
func (g *guest) setAction(sig syscall.Signal, handler uint64) {
	g.t.Helper()
	raw := make([]byte, 32)
	binary.LittleEndian.PutUint64(raw, handler)
	g.poke(scratchPage, raw)
	g.must("rt_sigaction", uint64(sig), scratchPage, 0, 8)
}

func (g *guest) setMask(set sigSet) {
	g.t.Helper()
	g.poke(scratchPage, binary.LittleEndian.AppendUint64(nil, uint64(set)))
	g.must("rt_sigprocmask", 2, scratchPage, 0, 8)
}

func TestSelfSentSignals(t *testing.T) {
	const abort, term, chld = syscall.SIGABRT, syscall.SIGTERM, syscall.SIGCHLD
	for name, row := range map[string]struct {
		before func(*guest)
		call   func(*guest)
		want   int // signal of the end; 0: none
	}{
		"abort dies by SIGABRT":      {nil, func(g *guest) { g.call("tgkill", guestPID, guestPID, uint64(abort)) }, 6},
		"tkill":                      {nil, func(g *guest) { g.call("tkill", guestPID, uint64(term)) }, 15},
		"kill of oneself":            {nil, func(g *guest) { g.call("kill", guestPID, uint64(term)) }, 15},
		"kill of one's group":        {nil, func(g *guest) { g.call("kill", 0, uint64(term)) }, 15},
		"signal 0 only asks":         {nil, func(g *guest) { g.must("kill", guestPID, 0) }, 0},
		"nobody else is there":       {nil, func(g *guest) { g.fails(syscall.ESRCH, "kill", 1, uint64(term)) }, 0},
		"nobody but oneself":         {nil, func(g *guest) { g.fails(syscall.ESRCH, "kill", ^uint64(0), uint64(term)) }, 0},
		"SIGCHLD does nothing":       {nil, func(g *guest) { g.must("kill", guestPID, uint64(chld)) }, 0},
		"an ignored one":             {func(g *guest) { g.setAction(term, handlerIgnore) }, func(g *guest) { g.must("kill", guestPID, uint64(term)) }, 0},
		"a blocked one waits":        {func(g *guest) { g.setMask(setOf(term)) }, func(g *guest) { g.must("kill", guestPID, uint64(term)) }, 0},
		"SIGKILL cannot be blocked":  {func(g *guest) { g.setMask(^sigSet(0)) }, func(g *guest) { g.call("kill", guestPID, 9) }, 9},
		"unblocked, it takes effect": {func(g *guest) { g.setMask(setOf(term)); g.must("kill", guestPID, uint64(term)) }, func(g *guest) { g.p.main.mask = 0; g.call("getpid") }, 15},
		"the lowest comes first": {func(g *guest) {
			g.setMask(setOf(term, abort))
			g.must("kill", guestPID, uint64(term))
			g.must("kill", guestPID, uint64(abort))
		}, func(g *guest) { g.p.main.mask = 0; g.call("getpid") }, 6},
		"ignoring drops what waits": {func(g *guest) {
			g.setMask(setOf(term))
			g.must("kill", guestPID, uint64(term))
			g.setAction(term, handlerIgnore)
			g.setAction(term, handlerDefault)
		}, func(g *guest) { g.p.main.mask = 0; g.call("getpid") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, nil)
			if row.before != nil {
				row.before(g)
			}
			row.call(g)
			got := 0
			if end := g.p.End(); end != nil {
				got = end.Signal
			}
			if got != row.want {
				t.Errorf("ends by signal %d, want %d", got, row.want)
			}
		})
	}
}

// TestHandlerRunsAndReturns follows a signal through a handler: where the
// frame lies, what is in it, and that sigreturn puts back what was there or
// what the handler made of it.
func TestHandlerRunsAndReturns(t *testing.T) {
	const handler, restorer, stack = 0x40_0100, 0x40_0200, scratchPage + 8*PageSize
	g := bare(t, nil)
	g.setHandler(syscall.SIGUSR1, handler, saSiginfo|saRestorer, restorer, setOf(syscall.SIGUSR2))
	g.m.xstate[xstateXMM] = 77
	before := g.m.regs
	before.RSP, before.RFLAGS, before.RBX = stack, 0x202|flagDF, 1234
	g.m.regs = before
	g.call("kill", guestPID, uint64(syscall.SIGUSR1))
	r := g.m.regs
	if r.RIP != handler || r.RDI != uint64(syscall.SIGUSR1) || r.RAX != 0 || r.RFLAGS&flagDF != 0 {
		t.Fatalf("the thread goes on with %+v, want the handler %#x", r, uint64(handler))
	}
	if r.RSP%16 != 8 || r.RSP+frameSize > stack-redZone {
		t.Errorf("the frame is at %#x, want it below %#x and 8 off a multiple of 16", r.RSP, stack-redZone)
	}
	if got := g.peek64(r.RSP); got != restorer {
		t.Errorf("the handler returns to %#x, want %#x", got, uint64(restorer))
	}
	if want := setOf(syscall.SIGUSR1, syscall.SIGUSR2); g.p.main.mask != want {
		t.Errorf("in the handler the mask is %#x, want %#x", g.p.main.mask, want)
	}
	if g.m.xstate[xstateXMM] != 0 {
		t.Error("the handler starts with the program's SSE registers")
	}
	g.poke(r.RDX+contextRegs+8*3, binary.LittleEndian.AppendUint64(nil, 4321)) // r11
	g.poke(r.RDX+contextRegs+8*17, binary.LittleEndian.AppendUint64(nil, ^uint64(0)))
	g.m.regs.RSP, g.m.regs.RAX = r.RSP+8, uint64(numberOf["rt_sigreturn"])
	g.p.Main().Call()
	want := before
	want.RIP, want.RDI, want.RSI, want.R11 = 0x40_0010, guestPID, uint64(syscall.SIGUSR1), 4321
	want.RFLAGS = 0x202 | flagsRestored // of all flags, those that are a program's (IOPL is not)
	want.RDX, want.R10, want.R8, want.R9, want.RAX = 0, 0, 0, 0, 0
	if g.m.regs != want {
		t.Errorf("afterwards the registers are\n%+v, want\n%+v", g.m.regs, want)
	}
	if g.p.main.mask != 0 || g.m.xstate[xstateXMM] != 77 {
		t.Errorf("afterwards the mask is %#x and the SSE byte %d, want 0 and 77", g.p.main.mask, g.m.xstate[xstateXMM])
	}
}

// TestFrameThatCannotBeWrittenKills has the ways in which a handler cannot run.
func TestFrameThatCannotBeWrittenKills(t *testing.T) {
	for name, row := range map[string]struct {
		rsp, flags uint64
		alt        altStack
	}{
		"no restorer":            {scratchPage + 8*PageSize, 0, altStack{}},
		"a stack that is not":    {0x1000, saRestorer, altStack{}},
		"a stack of the kernel":  {0xffff_8000_0000_1000, saRestorer, altStack{}},
		"no room on the other":   {scratchPage + 8*PageSize, saRestorer | saOnStack, altStack{scratchPage + PageSize, 1300, 0}},
		"the other is not there": {scratchPage + 8*PageSize, saRestorer | saOnStack, altStack{0x1000, 8192, 0}},
		"overflow of the other":  {scratchPage + PageSize + 1000, saRestorer | saOnStack, altStack{scratchPage + PageSize, 4096, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, nil)
			g.setHandler(syscall.SIGUSR1, 0x40_0100, row.flags, 0x40_0200, 0)
			g.p.main.alt, g.m.regs.RSP = row.alt, row.rsp
			g.call("kill", guestPID, uint64(syscall.SIGUSR1))
			if end := g.p.End(); end == nil || end.Signal != int(syscall.SIGSEGV) {
				t.Errorf("flags %#x, RSP %#x, other stack %+v: the end is %+v, want SIGSEGV", row.flags, row.rsp, row.alt, end)
			}
		})
	}
}

// setHandler is rt_sigaction with everything.
func (g *guest) setHandler(sig syscall.Signal, handler, flags, restorer uint64, mask sigSet) {
	g.t.Helper()
	var raw []byte
	for _, w := range []uint64{handler, flags, restorer, uint64(mask)} {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	g.poke(scratchPage, raw)
	g.must("rt_sigaction", uint64(sig), scratchPage, 0, 8)
}

func TestSigtimedwaitTakesBlockedSignals(t *testing.T) {
	g := bare(t, nil)
	g.setMask(setOf(syscall.SIGUSR1, syscall.SIGUSR2))
	set := binary.LittleEndian.AppendUint64(nil, uint64(setOf(syscall.SIGUSR1)))
	g.poke(scratchPage, append(set, make([]byte, 32)...)) // the set, then a timeout of 0
	g.fails(syscall.EAGAIN, "rt_sigtimedwait", scratchPage, 0, scratchPage+8, 8)
	g.must("kill", guestPID, uint64(syscall.SIGUSR2))
	g.must("tkill", guestPID, uint64(syscall.SIGUSR1))
	if got := g.must("rt_sigtimedwait", scratchPage, scratchPage+128, scratchPage+8, 8); got != uint64(syscall.SIGUSR1) {
		t.Errorf("takes signal %d, want SIGUSR1", got)
	}
	info := g.peek(scratchPage+128, 24)
	if sig, code, pid := binary.LittleEndian.Uint32(info), int32(binary.LittleEndian.Uint32(info[8:])), binary.LittleEndian.Uint32(info[16:]); sig != 10 || code != codeThread || pid != guestPID {
		t.Errorf("siginfo has signal %d, code %d, pid %d", sig, code, pid)
	}
	g.must("rt_sigpending", scratchPage+512, 8)
	if got := sigSet(g.peek64(scratchPage + 512)); got != setOf(syscall.SIGUSR2) {
		t.Errorf("pending are %#x, want SIGUSR2", got)
	}
}

// TestExceptions has what Linux raises for each vector
// (arch/x86/kernel/traps.c), with a signal mask that blocks everything: an
// exception takes effect all the same.
func TestExceptions(t *testing.T) {
	const rip = 0x40_0123
	for name, row := range map[string]struct {
		trap Trap
		sig  syscall.Signal
		code int
		addr uint64
	}{
		"divide error":       {Trap{Vector: 0}, syscall.SIGFPE, 1, rip},
		"single step":        {Trap{Vector: 1}, syscall.SIGTRAP, 2, rip},
		"int3":               {Trap{Vector: 3}, syscall.SIGTRAP, codeKernel, 0},
		"invalid opcode":     {Trap{Vector: 6}, syscall.SIGILL, 2, rip},
		"stack segment":      {Trap{Vector: 12}, syscall.SIGBUS, codeKernel, 0},
		"general protection": {Trap{Vector: 13}, syscall.SIGSEGV, codeKernel, 0},
		"x87":                {Trap{Vector: 16}, syscall.SIGFPE, fpeFltDiv, rip},
		"alignment":          {Trap{Vector: 17}, syscall.SIGBUS, 1, 0},
		"SIMD":               {Trap{Vector: 19}, syscall.SIGFPE, fpeFltInv, rip},
		"int 0x80":           {Trap{Vector: 0x80}, syscall.SIGSEGV, codeKernel, 0},
		"null page":          {Trap{Vector: 14, ErrorCode: 4}, syscall.SIGSEGV, 1, 0},
		"read-only page":     {Trap{Vector: 14, ErrorCode: 7, Addr: modelBase + 5}, syscall.SIGSEGV, 2, modelBase + 5},
		"data as code":       {Trap{Vector: 14, ErrorCode: 0x15, Addr: modelBase}, syscall.SIGSEGV, 2, modelBase},
		"kernel address":     {Trap{Vector: 14, ErrorCode: 4, Addr: 0xffff_8000_0000_0000}, syscall.SIGSEGV, 1, 0xffff_8000_0000_0000},
		"the machine's page": {Trap{Vector: 14, ErrorCode: 5, Addr: regionsEnd}, syscall.SIGSEGV, 1, regionsEnd},
	} {
		t.Run(name, func(t *testing.T) {
			g := bare(t, nil)
			g.must("mmap", modelBase, PageSize, 1, anonymous|0x10, ^uint64(0), 0)
			g.p.main.mask = ^sigSet(0)
			g.m.regs.RIP, g.m.regs.RFLAGS = rip, flagTF
			binary.LittleEndian.PutUint16(g.m.xstate, 0x37b)                // x87: division by zero is not masked,
			binary.LittleEndian.PutUint16(g.m.xstate[2:], 4)                // and happened
			binary.LittleEndian.PutUint32(g.m.xstate[xstateMXCSR:], 0x1f01) // SSE: an invalid operation
			g.p.Main().Fault(row.trap)
			end := g.p.End()
			if end == nil || end.Fault == nil {
				t.Fatalf("the process goes on: %+v", end)
			}
			if end.Signal != int(row.sig) || end.Fault.Code != row.code || end.Fault.Addr != row.addr || end.Fault.Regs.RIP != rip {
				t.Errorf("signal %d code %d address %#x, want %d %d %#x", end.Signal, end.Fault.Code, end.Fault.Addr, row.sig, row.code, row.addr)
			}
		})
	}
}
