package vmm

import "testing"

// User code reaches no port: the processor refuses, before the machine is left.
// (What the VMM makes of an access that does leave it looks the same, so the
// exits are looked at as they come.) The last byte of the bitmap covers ports 8
// to 15, its limit all others.
func TestPortsAreClosedToUserCode(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	for port := range 256 {
		if port == portStub && m.Host().Stub == StubUser {
			continue // the stub is user code there
		}
		for _, code := range [][]byte{{0xe6, byte(port)}, {0xe4, byte(port)}, {0xe7, byte(port)}} { // out al, in al, out eax
			copy(m.View(codeAt, PageSize), append(code, trapUnit...))
			c.Regs().RIP = codeAt
			e, err := c.exit()
			if err != nil {
				t.Fatal(err)
			}
			if !e.out || e.port != portHandler+vectorGP || e.frame.rip != codeAt {
				t.Fatalf("code % x: the machine was left at port %d (out %v, frame %+v), want the handler of a general-protection fault at %#x", code, e.port, e.out, e.frame, codeAt)
			}
		}
	}
}
