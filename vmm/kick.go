package vmm

import (
	"time"

	"golang.org/x/sys/unix"
)

// How long Kick waits before it sends its signal again.
const (
	firstRepeat = 50 * time.Microsecond
	lastRepeat  = 10 * time.Millisecond
)

// Kick makes Run return soon, from any goroutine but the one that runs the
// processor: from where it is now, or at once when it is called next. It
// returns when the processor has left the guest.
//
// KVM looks at immediate_exit before it enters the guest; a signal takes it out
// of the guest, or keeps it from entering when it came after that look. The
// signal is repeated, in case that one of them is taken on the way in, by the
// Go runtime, before the thread is in KVM_RUN.
func (c *CPU) Kick() {
	c.kicked.Store(true)
	c.vcpu.SetImmediateExit(true)
	for wait := firstRepeat; c.kicked.Load() && c.running.Load(); wait = min(2*wait, lastRepeat) {
		_ = unix.Tgkill(unix.Getpid(), int(c.tid.Load()), unix.SIGURG) // a thread that is gone needs no kick
		time.Sleep(wait)
	}
}

// acknowledge ends a kick, if there is one and the guest can be stopped where
// it is. In our own code it goes on to the exit that is coming anyway, which
// serves the one who kicked as well; between a call's answer and its SYSRET
// the way back to ring 3 is made by hand, since no exit need ever come.
func (c *CPU) acknowledge() bool {
	kicked := c.kicked.Swap(false)
	c.clearImmediateExit() // also when there is none: it may be left of a kick that was seen before it asked
	if !kicked {
		return false
	}
	r, s := c.Regs(), c.sregs()
	if s.CS.DPL == 0 && r.RIP == systemAddr(pageStub)+stubOutSize {
		r.RIP, r.RFLAGS = r.RCX, r.R11
		return true
	}
	return s.CS.DPL == 3 && r.RIP < SystemBase
}

// clearImmediateExit takes back a request to leave, but not one that a Kick
// makes at the same time: Kick says so first and asks after.
func (c *CPU) clearImmediateExit() {
	c.vcpu.SetImmediateExit(false)
	if c.kicked.Load() {
		c.vcpu.SetImmediateExit(true)
	}
}
