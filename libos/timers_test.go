package libos

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"spaceos/world"
)

// frozenGuest has a clock that moves only when the program sleeps.
func frozenGuest(t testing.TB) *guest {
	clock := world.NewClock(time.Unix(1_000_000, 0), true)
	return bare(t, func(c *Config) { c.Clock = clock })
}

func (g *guest) pokeTimes(addr uint64, words ...uint64) {
	g.t.Helper()
	var raw []byte
	for _, w := range words {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	g.poke(addr, raw)
}

const timesAt = scratchPage + 256

// handle puts a handler for sig there that a test can see running.
func (g *guest) handle(sig syscall.Signal) {
	g.t.Helper()
	g.m.regs.RSP = scratchPage + 12*PageSize
	g.setHandler(sig, 0x40_0100, saRestorer|saSiginfo, 0x40_0200, 0)
}

// TestTimersOnAFrozenClock has sleeps that a timer ends at the very nanosecond:
// nothing in the timers looks at the host's clock.
func TestTimersOnAFrozenClock(t *testing.T) {
	g := frozenGuest(t)
	g.handle(syscall.SIGALRM)
	g.pokeTimes(timesAt, 0, 0, 2, 500_000) // after 2.5 s, once
	g.must("setitimer", itimerReal, timesAt, 0)
	g.pokeTimes(timesAt, 10, 0)
	if got := g.call("nanosleep", timesAt, timesAt+64); got != 0 || g.m.regs.RIP != 0x40_0100 {
		t.Fatalf("the sleep goes on at %#x with %d, want the handler", g.m.regs.RIP, got)
	}
	if sec, nsec := g.peek64(timesAt+64), g.peek64(timesAt+72); sec != 7 || nsec != 500_000_000 {
		t.Errorf("%d.%09d s are left of 10, want 7.5", sec, nsec)
	}
	if rax := int64(g.peek64(g.m.regs.RDX + contextRegs + 8*13)); rax != -int64(syscall.EINTR) {
		t.Errorf("the sleep will return %d, want EINTR", rax)
	}
	if now := g.p.cfg.Clock.Uptime(); now != 2500*time.Millisecond {
		t.Errorf("the clock says %v, want 2.5 s", now)
	}
	if _, any := g.p.NextTimer(); any {
		t.Error("the machine is told to stop a program for which no time passes")
	}
}

// TestOverrunsAreCounted has a timer of 1 s whose signal is blocked for 7.
func TestOverrunsAreCounted(t *testing.T) {
	g := frozenGuest(t)
	g.handle(syscall.SIGUSR1)
	event := make([]byte, sigeventSize)
	binary.LittleEndian.PutUint64(event, 99)
	binary.LittleEndian.PutUint32(event[sigeventSignal:], uint32(syscall.SIGUSR1))
	g.poke(timesAt, event)
	g.must("timer_create", 1, timesAt, timesAt+128)
	g.pokeTimes(timesAt, 1, 0, 0, 500_000_000) // first after half a second
	g.must("timer_settime", 0, 0, timesAt, 0)
	g.setMask(setOf(syscall.SIGUSR1))
	g.pokeTimes(timesAt, 7, 0)
	g.must("nanosleep", timesAt, 0)
	g.p.main.mask = 0
	g.call("getpid")
	if g.m.regs.RIP != 0x40_0100 {
		t.Fatalf("the thread goes on at %#x, want the handler", g.m.regs.RIP)
	}
	info := g.peek(g.m.regs.RSI, siginfoSize)
	if code, id, over, value := int32(binary.LittleEndian.Uint32(info[8:])), binary.LittleEndian.Uint32(info[16:]), binary.LittleEndian.Uint32(info[20:]), binary.LittleEndian.Uint64(info[24:]); code != codeTimer || id != 0 || over != 6 || value != 99 {
		t.Errorf("siginfo has code %d, timer %d, overrun %d, value %d; want %d, 0, 6, 99", code, id, over, value, codeTimer)
	}
	if got := g.call("timer_getoverrun", 0); got != 6 {
		t.Errorf("timer_getoverrun gives %d, want 6", got)
	}
	g.must("timer_gettime", 0, timesAt)
	if sec, nsec := g.peek64(timesAt+16), g.peek64(timesAt+24); sec != 0 || nsec != 500_000_000 {
		t.Errorf("the next is due in %d.%09d s, want 0.5", sec, nsec)
	}
}

// TestIgnoredTimerComesBack has a timer whose signal is ignored when it is due.
func TestIgnoredTimerComesBack(t *testing.T) {
	g := frozenGuest(t)
	g.setAction(syscall.SIGALRM, handlerIgnore)
	g.must("timer_create", 1, 0, timesAt+128)
	g.pokeTimes(timesAt, 1, 0, 1, 0)
	g.must("timer_settime", 0, 0, timesAt, 0)
	g.pokeTimes(timesAt, 3, 0)
	g.must("nanosleep", timesAt, 0)
	g.handle(syscall.SIGALRM)
	if g.m.regs.RIP != 0x40_0100 {
		t.Errorf("the thread goes on at %#x, want the handler", g.m.regs.RIP)
	}
}

// TestTimerSurvivesThatItsPendingSignalIsIgnored has a blocked signal that is
// ignored after a timer sent it, and handled again later.
func TestTimerSurvivesThatItsPendingSignalIsIgnored(t *testing.T) {
	g := frozenGuest(t)
	g.handle(syscall.SIGALRM)
	g.setMask(setOf(syscall.SIGALRM))
	g.must("timer_create", 1, 0, timesAt+128)
	g.pokeTimes(timesAt, 1, 0, 1, 0)
	g.must("timer_settime", 0, 0, timesAt, 0)
	g.pokeTimes(timesAt, 3, 0)
	g.must("nanosleep", timesAt, 0)
	g.setAction(syscall.SIGALRM, handlerIgnore)
	if pending := g.p.sig.pending.set(); pending != 0 {
		t.Errorf("signals %#x are pending that are ignored", pending)
	}
	g.handle(syscall.SIGALRM)
	g.p.main.mask = 0
	g.call("getpid")
	if g.m.regs.RIP != 0x40_0100 {
		t.Errorf("the thread goes on at %#x, want the handler", g.m.regs.RIP)
	}
}

// TestLongestIntervalComesOnce has a timer whose second time is later than a
// clock can tell: it must not lie in the past.
func TestLongestIntervalComesOnce(t *testing.T) {
	const longest = 1<<33 - 1 // seconds that a timer is cut to
	g := frozenGuest(t)
	g.handle(syscall.SIGALRM)
	g.must("timer_create", 0, 0, timesAt+128)
	// A first time 34 years on, and 272 more, are beyond the 292 of a Duration.
	g.pokeTimes(timesAt, longest, 0, 1<<30, 0)
	g.must("timer_settime", 0, 0, timesAt, 0)
	g.pokeTimes(timesAt, 1<<31, 0)
	g.call("nanosleep", timesAt, 0)
	if g.m.regs.RIP != 0x40_0100 {
		t.Fatalf("the thread goes on at %#x, want the handler", g.m.regs.RIP)
	}
	g.call("getpid")
	if pending := g.p.sig.pending.set(); pending != 0 {
		t.Errorf("signals %#x came again, %v on, want none for 272 years", pending, g.p.cfg.Clock.Uptime())
	}
}

// TestNextTimer has what the machine is told.
func TestNextTimer(t *testing.T) {
	g := bare(t, nil)
	if d, any := g.p.NextTimer(); any {
		t.Errorf("without a timer: %v", d)
	}
	g.must("alarm", 100)
	g.pokeTimes(timesAt, 0, 0, 50, 0)
	g.must("setitimer", itimerProf, timesAt, 0)
	if d, any := g.p.NextTimer(); !any || d <= 49*time.Second || d > 50*time.Second {
		t.Errorf("with timers of 50 and 100 s: %v, %v", d, any)
	}
	g.p.itimer(itimerVirtual).armed = true // at 0
	if d, any := g.p.NextTimer(); !any || d != shortestCPUWait {
		t.Errorf("with a processor timer that is due: %v, %v, want %v", d, any, shortestCPUWait)
	}
}

func TestTimersAreBounded(t *testing.T) {
	g := bare(t, nil)
	for range maxPending {
		g.must("timer_create", 1, 0, timesAt)
	}
	g.fails(syscall.EAGAIN, "timer_create", 1, 0, timesAt)
	g.must("timer_delete", 5)
	g.must("timer_create", 1, 0, timesAt)
}

// FuzzSigreturn goes back to frames of any bytes: to what they say, or to a
// SIGSEGV; never to registers that user code may not have.
func FuzzSigreturn(f *testing.F) {
	f.Add([]byte{}, uint64(scratchPage+64))
	f.Add(make([]byte, 2000), uint64(scratchPage+8))
	f.Add(make([]byte, 440), uint64(scratchPage+16*PageSize-100))
	f.Fuzz(func(t *testing.T, raw []byte, sp uint64) {
		g := bare(t, func(c *Config) { c.Trace = nil })
		defer g.close()
		for at := uint64(scratchPage); len(raw) > 0 && at < scratchPage+8*PageSize; at += uint64(len(raw)) {
			g.poke(at, raw)
		}
		if sp%4 == 0 { // often where the bytes are
			sp = scratchPage + sp%(15*PageSize)
		}
		g.m.regs.RSP, g.m.regs.RFLAGS = sp, 0x202
		g.call("rt_sigreturn")
		if flags := g.m.regs.RFLAGS; flags&^(flagsRestored|0x202) != 0 {
			t.Errorf("RFLAGS is %#x", flags)
		}
		if mxcsr := binary.LittleEndian.Uint32(g.m.xstate[xstateMXCSR:]); mxcsr&^oldMXCSRMask != 0 {
			t.Errorf("MXCSR is %#x", mxcsr)
		}
		if used := binary.LittleEndian.Uint64(g.m.xstate[xstateHeader:]); used&^7 != 0 {
			t.Errorf("the extended state has components %#x", used)
		}
		g.healthy()
	})
}
