// Package vmm is a machine for one cell: guest memory behind page tables that
// the guest cannot reach, and processors that run user code and nothing else.
//
// The machine has no guest kernel. Guest code runs in ring 3; SYSCALL, every
// exception and every forbidden instruction lead to a few bytes of ours that
// leave the machine at once, and CPU.Run returns what happened. What a call
// means is not known here: package libos serves it.
//
//	host, err := vmm.Open(system)             // what this KVM can do
//	m, err := vmm.New(system, vmm.Options{Memory: 64 << 20})
//	cpu, err := m.NewCPU()
//	err = m.Map(0x400000, 4096, vmm.Read|vmm.Exec, vmm.Lazily)
//	copy(m.View(0x400000, 4096), code)
//	cpu.Regs().RIP = 0x400000
//	exit, err := cpu.Run()                    // exit.Kind == vmm.Call
//
// The machine is for x86-64 with KVM. One goroutine uses it at a time, but for
// CPU.Kick.
package vmm

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

// Stub is the way in which SYSCALL reaches us on a host.
type Stub uint8

// The two kinds of hosts (see probe.go).
const (
	StubUnknown    Stub = iota
	StubUser            // SYSCALL stays in ring 3: a paravirtual KVM without hardware support
	StubSupervisor      // SYSCALL enters ring 0: AMD SVM, Intel VMX, or their emulation
)

// String is the word that doctor and reports use.
func (s Stub) String() string {
	switch s {
	case StubUser:
		return "paravirtual (SYSCALL stays in ring 3)"
	case StubSupervisor:
		return "hardware (SYSCALL enters ring 0)"
	}
	return "unknown"
}

// Options say what the machine shall be.
type Options struct {
	Memory uint64 // limit in bytes: frames, page tables and scratch together; a multiple of PageSize
	Host   *Host  // what Examine found; nil: New asks

	// HideRandom leaves RDRAND and RDSEED out of CPUID, for a guest whose
	// random numbers come from elsewhere. HideCycles makes RDTSC and RDTSCP
	// fault in ring 3 (general protection), where the host can do that:
	// Host.CyclesHidden tells.
	HideRandom, HideCycles bool
}

// Machine is one virtual machine.
type Machine struct {
	vm   *kvm.VM
	host Host

	sys    []byte // system pages and page tables: guest-physical 0
	ram    []byte // frames: guest-physical ramBase
	tables tables
	frames frames

	limit      uint64
	scratch    uint64
	peak       uint64 // of Backed
	hideCycles bool   // Options.HideCycles
	kept       uint64 // pages kept back for splitting huge pages, one for each
	gone       uint64 // touched pages of what is unmapped by now

	cpus    []*CPU
	wasHuge map[uint64]struct{} // addresses (in huge pages) where a huge page was: see forgetHuge
}

// ErrNoMemory says that the machine's memory limit is reached.
var ErrNoMemory = errors.New("vmm: the memory limit of the machine is reached")

// ErrUnsupported is in the chain of every error that says what this machine's
// KVM lacks.
var ErrUnsupported = errors.New("not supported here")

// New makes a machine without processors, and finds out which stub it needs
// (the probe is the machine's own first run).
func New(sys *kvm.System, o Options) (*Machine, error) {
	host, err := o.host(sys)
	if err != nil {
		return nil, err
	}
	if err := host.checkMemory(o.Memory); err != nil {
		return nil, err
	}
	vm, err := sys.CreateVM()
	if err != nil {
		return nil, err
	}
	if o.HideRandom {
		host.hideRandom()
	}
	m := &Machine{vm: vm, host: host, hideCycles: o.HideCycles, limit: o.Memory, wasHuge: map[uint64]struct{}{}}
	if err := m.build(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (o *Options) host(sys *kvm.System) (Host, error) {
	if o.Host != nil {
		return *o.Host, nil
	}
	return Examine(sys)
}

func (m *Machine) build() error {
	if err := m.configure(); err != nil {
		return err
	}
	if err := m.allocate(); err != nil {
		return err
	}
	m.writeSystemPages()
	c, err := m.NewCPU()
	if err != nil {
		return err
	}
	return m.probe(c)
}

// configure closes what a guest could otherwise reach of KVM itself.
func (m *Machine) configure() error {
	if err := m.vm.SetTSSAddr(tssAddr); err != nil {
		return err
	}
	if err := m.vm.DenyMSRs(); err != nil {
		return err
	}
	// Processors without a local interrupt controller are so rare that the kernel
	// rewrites its own code when the first of them comes and when the last goes,
	// which stops all processors of the host. Nothing reaches the controller: the
	// guest maps no such page, and no interrupt has a source.
	if err := m.vm.EnableCap(kvm.CapSplitIRQChip, 0); err != nil {
		return err
	}
	return m.vm.EnableCap(kvm.CapDisableQuirks2, kvm.QuirkFixHypercallInsn)
}

// allocate reserves the host's memory; nothing of it is backed before it is
// touched.
func (m *Machine) allocate() error {
	blocks := (m.limit + hugeSize - 1) / hugeSize
	tableRoom := min(m.limit/8+1<<20, maxTableRoom)
	var err error
	if m.sys, err = reserve(systemPages*PageSize + tableRoom); err != nil {
		return err
	}
	if m.ram, err = reserveAligned(blocks * hugeSize); err != nil {
		return err
	}
	m.tables = newTables(m.sys, systemPages*PageSize)
	m.frames = newFrames(int(blocks))
	if err := m.vm.SetMemoryRegion(kvm.MemoryRegion{Slot: sysSlot}, m.sys); err != nil {
		return err
	}
	return m.vm.SetMemoryRegion(kvm.MemoryRegion{Slot: ramSlot, GuestPhys: ramBase}, m.ram)
}

func reserve(size uint64) ([]byte, error) {
	size = (size + PageSize - 1) &^ (PageSize - 1)
	mem, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("vmm: reserving %d bytes of address space: %w", size, err)
	}
	return mem, nil
}

// Close frees everything.
func (m *Machine) Close() error {
	for _, c := range m.cpus {
		c.vcpu.Close()
	}
	err := m.vm.Close()
	if m.sys != nil {
		unix.Munmap(m.sys)
	}
	if m.ram != nil {
		err = errors.Join(err, m.unmapRAM())
	}
	return err
}

// Host tells what the machine found out about its host.
func (m *Machine) Host() Host { return m.host }

// CPU gives processor id, which exists.
func (m *Machine) CPU(id int) *CPU { return m.cpus[id] }
