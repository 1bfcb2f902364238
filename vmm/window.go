package vmm

// Where SYSCALL stays in ring 3 a call makes the guest leave twice: for the
// SYSCALL, which KVM serves by itself, and for the stub's OUT, which it has to
// decode. KVM can be asked to come back as soon as the guest could take an
// interrupt (request_interrupt_window); it looks after each departure that it
// served itself, so it comes back with the first one, the guest standing on the
// stub's OUT. That is a call, for half the price.
//
// A departure for another reason, as a tick of the host's clock, comes back as
// well and costs a turn through here for nothing. So the window is asked for
// behind a call, which others mostly follow, and no longer once it was in vain.
type window struct {
	open  bool // KVM is asked for it
	stuck int  // how often in a row the guest had not moved when it came
}

// maxStuck is when a KVM is not asked any more that comes back at once. A tick
// can do that too, but not time and again.
const maxStuck = 8

// syscallMask is what SYSCALL clears of RFLAGS. In a stub of ring 3 IF stays
// set, or the window would not open there; no interrupt ever comes.
func (m *Machine) syscallMask() uint64 {
	if m.host.Stub == StubSupervisor {
		return sfmask
	}
	return sfmask &^ rflagsIF
}

// openWindow asks for the window behind a call, where it helps.
func (c *CPU) openWindow() {
	if w := &c.window; !w.open && w.stuck < maxStuck && c.m.host.Stub == StubUser {
		w.open = true
		c.vcpu.RequestWindow(true)
	}
}

// windowOpened says whether the window came with a call, and shuts it if it came
// in vain. The guest went on at from.
func (c *CPU) windowOpened(from uint64) bool {
	w, rip := &c.window, c.Regs().RIP
	if rip == systemAddr(pageStub) {
		w.stuck = 0
		return true
	}
	if rip == from {
		w.stuck++
	} else {
		w.stuck = 0
	}
	w.open = false
	c.vcpu.RequestWindow(false)
	return false
}
