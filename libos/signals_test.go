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

func TestHandlerEndsWithAWord(t *testing.T) {
	g := bare(t, nil)
	g.setAction(syscall.SIGTERM, 0x40_0000)
	g.call("kill", guestPID, uint64(syscall.SIGTERM))
	if end := g.p.End(); end == nil || end.Signal != 15 || end.Reason == "" {
		t.Errorf("end is %+v, want SIGTERM and a reason", end)
	}
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
		"x87":                {Trap{Vector: 16}, syscall.SIGFPE, 14, rip},
		"alignment":          {Trap{Vector: 17}, syscall.SIGBUS, 1, 0},
		"SIMD":               {Trap{Vector: 19}, syscall.SIGFPE, 14, rip},
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
			g.m.regs.RIP = rip
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
