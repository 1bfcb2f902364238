package vmm

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

// errProbe says that the probe guest did something that no known kind of host
// does.
var errProbe = errors.New("vmm: this KVM handles SYSCALL in a way we do not know")

// Bits of a page fault's error code (Intel SDM vol. 3, 4.7).
const (
	errorPresent = 1 << 0
	errorUser    = 1 << 2
	errorFetch   = 1 << 4
	// errorFetchUser is an instruction fetch in ring 3 from a page that is there.
	errorFetchUser = errorPresent | errorUser | errorFetch
)

// probe runs a guest of three instructions to find out where SYSCALL leads.
// The stub is a page of ring 0 at first. Hardware enters ring 0 and executes
// it; a paravirtual KVM stays in ring 3 and faults on it, and then the stub
// becomes a page of ring 3, with a TSS that lets it use its one port.
func (m *Machine) probe(c *CPU) error {
	e, err := c.startProbe()
	if err != nil {
		return err
	}
	r := c.Regs()
	features := uint32(r.RDX) // of leaf 1
	visible, ring0, rip := uint32(r.R8) != 0, c.sregs().CS.DPL == 0, r.RIP
	if err := c.complete(); err != nil {
		return err
	}
	c.reset()
	// CPUID 0x40000000 is the hypervisor's leaf; the guest is shown none.
	m.host.CPUIDVisible = visible
	m.host.FeaturesEDX = features
	switch {
	case e.port == portStub && ring0:
		m.host.Stub = StubSupervisor
		if err := c.vcpu.SetMSRs([]kvm.MSR{{Index: msrFMASK, Value: m.syscallMask()}}); err != nil {
			return err
		}
	case e.port == portHandler+vectorPF && e.frame.err == errorFetchUser && e.frame.rip == systemAddr(pageStub):
		m.host.Stub = StubUser
		m.writeStub(stubUser)
		m.mapSystem(pageStub, pteUser)
		m.writeCPUPage(c.id)
	default:
		return fmt.Errorf("%w: it ended at port %#x, RIP %#x", errProbe, e.port, rip)
	}
	return m.removeProbe()
}

// rdtscSize is the length of the probe's first instruction.
const rdtscSize = 2

// startProbe runs the probe guest to its exit. If the cycle counter is to be
// hidden it starts with RDTSC: one KVM lets that fault, and then the guest goes
// on behind it; another lets it pass.
func (c *CPU) startProbe() (exitState, error) {
	start := systemAddr(pageProbe)
	if c.m.hideCycles {
		e, err := c.runProbe(start)
		if err != nil || e.port != portHandler+vectorGP || e.frame.rip != start {
			return e, err
		}
		c.m.host.CyclesHidden = true
		if err := c.complete(); err != nil {
			return e, err
		}
	}
	return c.runProbe(start + rdtscSize)
}

// runProbe enters the probe guest at rip.
func (c *CPU) runProbe(rip uint64) (exitState, error) {
	c.reset()
	c.Regs().RIP = rip
	return c.exit()
}

// removeProbe takes the probe's page away from the guest for good.
func (m *Machine) removeProbe() error {
	atomic.StoreUint64(m.tables.make(systemAddr(pageProbe), 0), 0)
	m.flush()
	if err := unix.Madvise(m.systemPage(pageProbe), unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("vmm: removing the probe: %w", err)
	}
	return nil
}
