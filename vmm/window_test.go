package vmm

import (
	"testing"
	"time"

	"spaceos/kvm"
)

// twice runs code that makes one call, by the stub's OUT and then, where this
// KVM opens windows, by a window, and gives what each came to.
func twice(t *testing.T, m *Machine, c *CPU, code ...byte) (out, window Regs) {
	t.Helper()
	for _, open := range []bool{false, true} {
		c.window.open = open
		c.vcpu.RequestWindow(open)
		*c.Regs() = Regs{RSP: stackAt + PageSize - 64}
		wantCall(t, "the call", execute(t, m, c, code...))
		by := c.vcpu.ExitReason()
		if !open && by != kvm.ExitIO {
			t.Fatalf("without a window the call came by exit %d", by)
		}
		out, window = window, *c.Regs()
	}
	return out, window
}

// A call is the same call whichever way it came.
func TestACallByAWindowIsTheSameCall(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	if m.host.Stub != StubUser {
		t.Log("SYSCALL enters ring 0 here: no window is asked for")
		return
	}
	must(t, m.Map(stackAt, PageSize, Read|Write, Lazily))
	for name, code := range map[string][]byte{
		"plain":             {0xb8, 39, 0, 0, 0, 0x0f, 0x05},
		"carry, direction":  {0xf9, 0xfd, 0x0f, 0x05},
		"flags by popf":     {0x68, 0xd5, 0x0c, 0x24, 0, 0x9d, 0x0f, 0x05},
		"nested task, AC":   {0x68, 0, 0x40, 0x04, 0, 0x9d, 0x0f, 0x05},
		"no stack":          {0x31, 0xe4, 0x0f, 0x05},
		"stack in no place": {0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0x55, 0x55, 0x0f, 0x05},
		"jump to the stub":  {0xb9, 0x10, 0, 0x40, 0, 0x48, 0xb8, 0, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 0xff, 0xe0},
	} {
		t.Run(name, func(t *testing.T) {
			if out, window := twice(t, m, c, code...); out != window {
				t.Errorf("by the stub's OUT\n%+v\nby a window\n%+v", out, window)
			}
		})
	}
}

// Of calls in a row most come by a window where SYSCALL stays in ring 3, and
// none elsewhere.
func TestCallsInARowComeByWindows(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	execute(t, m, c, 0x0f, 0x05, 0xeb, 0xfc) // syscall; jmp to it
	const calls = 200
	windows := 0
	for range calls {
		wantCall(t, "a call in a row", resume(t, c))
		if c.vcpu.ExitReason() == kvm.ExitIRQWindowOpen {
			windows++
		}
	}
	t.Logf("%d of %d", windows, calls)
	if m.host.Stub == StubUser && windows < calls/2 || m.host.Stub != StubUser && windows > 0 {
		t.Errorf("%d of %d calls came by windows; the stub is %v", windows, calls, m.host.Stub)
	}
}

// A guest that computes is left alone: the first tick of the host's clock comes
// by the window, and the window is shut.
func TestAWindowInVainIsShut(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	wantCall(t, "the call that opens", execute(t, m, c, 0x0f, 0x05, 0xeb, 0xfe)) // syscall; jmp $
	if open := m.host.Stub == StubUser; c.window.open != open {
		t.Fatalf("behind a call the window is open: %v, want %v", c.window.open, open)
	}
	go func() {
		time.Sleep(100 * time.Millisecond) // ten ticks of the slowest clock that Linux has
		c.Kick()
	}()
	if e := resume(t, c); e.Kind != Interrupted || c.window.open {
		t.Errorf("%+v, the window is open: %v; want an interrupted loop and a shut window", e, c.window.open)
	}
}

// A KVM that comes back before the guest has moved is asked no more.
func TestAWindowThatStopsTheGuestIsGivenUp(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	if m.host.Stub != StubUser {
		t.Log("SYSCALL enters ring 0 here: no window is asked for")
		return
	}
	c.Regs().RIP = codeAt
	for range maxStuck {
		c.openWindow()
		if !c.window.open || c.windowOpened(codeAt) || c.window.open {
			t.Fatalf("after %d windows in vain: %+v", c.window.stuck, c.window)
		}
	}
	if c.openWindow(); c.window.open {
		t.Errorf("%d windows came at once and another is asked for", maxStuck)
	}
	c.window.stuck = maxStuck - 1
	c.Regs().RIP = codeAt + 2
	if c.windowOpened(codeAt) || c.window.stuck != 0 {
		t.Errorf("a guest that moved does not count: %+v", c.window)
	}
	c.window.stuck = maxStuck - 1
	c.Regs().RIP = systemAddr(pageStub)
	if !c.windowOpened(codeAt) || c.window.stuck != 0 {
		t.Errorf("a call does not count for the window: %+v", c.window)
	}
}

// SYSCALL leaves IF to the stub of ring 3 alone.
func TestWhatSyscallClears(t *testing.T) {
	const others = rflagsTF | 1<<10 | 1<<14 | 1<<18 // and DF, NT, AC
	for stub, want := range map[Stub]uint64{StubUser: others, StubSupervisor: others | rflagsIF} {
		m := &Machine{host: Host{Stub: stub}}
		if got := m.syscallMask(); got != want {
			t.Errorf("%v: SYSCALL clears %#x, want %#x", stub, got, want)
		}
	}
}
