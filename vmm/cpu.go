package vmm

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

// Regs are the general registers of a guest thread.
type Regs = kvm.Regs

// Kind says what made the guest stop.
type Kind uint8

// The kinds of exits.
const (
	Call        Kind = iota // SYSCALL: RIP is behind it, RFLAGS as before it; RCX and R11 repeat them
	Trap                    // an exception; registers are those of the faulting instruction
	Interrupted             // Kick
)

// Exit is one stop of the guest.
type Exit struct {
	Kind   Kind
	Vector uint8  // of a Trap
	Error  uint32 // its error code, 0 where the vector has none
	Addr   uint64 // CR2 of a page fault
}

// Exception vectors (Intel SDM vol. 3, 6.15) that are named here.
const (
	vectorDB = 1
	vectorBP = 3
	vectorOF = 4
	vectorUD = 6
	vectorGP = 13
	vectorPF = 14
)

// Control register bits (Intel SDM vol. 3, 2.5) and EFER's.
const (
	cr0 = 1<<0 | 1<<1 | 1<<4 | 1<<5 | 1<<16 | 1<<18 | 1<<31 // PE MP ET NE WP AM PG

	cr4TSD  = 1 << 2
	cr4     = 1<<5 | 1<<9 | 1<<10 | 1<<16 | 1<<18 // PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE
	cr4UMIP = 1 << 11
	cr4SMEP = 1 << 20
	cr4SMAP = 1 << 21

	efer = 1<<0 | 1<<8 | 1<<10 | 1<<11 // SCE LME LMA NXE

	cr3Toggle = 1 << 3 // PWT of the root table: changes CR3 without changing what it means
)

// MSRs of SYSCALL (Intel SDM vol. 4).
const (
	msrSTAR  = 0xc0000081
	msrLSTAR = 0xc0000082
	msrFMASK = 0xc0000084
)

// RFLAGS. A guest keeps the arithmetic flags, TF, DF, NT, RF, AC and ID.
const (
	rflagsFixed = 1<<1 | rflagsIF // IF is set as under Linux; no interrupt ever comes
	rflagsUser  = 0x0cd5 | rflagsTF | 1<<14 | 1<<16 | 1<<18 | 1<<21
	rflagsTF    = 1 << 8
	rflagsIF    = 1 << 9
	// sfmask is what SYSCALL clears, TF IF DF NT AC; see syscallMask for IF.
	sfmask = 1<<8 | rflagsIF | 1<<10 | 1<<14 | 1<<18
)

// CPU is one processor. Its methods are for the goroutine that runs it, locked
// to its thread, but for Kick.
type CPU struct {
	m        *Machine
	vcpu     *kvm.VCPU
	id       int
	flushTLB bool
	newBases bool   // FS or GS base was set
	inCall   bool   // stopped in the supervisor stub, before its SYSRET
	stubRIP  uint64 // what RIP was there
	xstate   []byte // where XState reads to
	window   window
	tid      atomic.Int32
	kicked   atomic.Bool
	running  atomic.Bool
}

// NewCPU adds a processor, at most 64.
func (m *Machine) NewCPU() (*CPU, error) {
	if len(m.cpus) == maxCPUs {
		return nil, fmt.Errorf("vmm: a machine has at most %d processors: %w", maxCPUs, unix.EAGAIN)
	}
	vcpu, err := m.vm.CreateVCPU(len(m.cpus))
	if err != nil {
		return nil, err
	}
	c := &CPU{m: m, vcpu: vcpu, id: len(m.cpus)}
	if err := c.configure(); err != nil {
		vcpu.Close()
		return nil, err
	}
	m.writeCPUPage(c.id)
	m.cpus = append(m.cpus, c)
	return c, nil
}

// configure gives the processor its CPUID, control registers and MSRs.
func (c *CPU) configure() error {
	// CPUID first: the rest is checked against it.
	if err := c.vcpu.SetCPUID(c.m.host.CPUID); err != nil {
		return err
	}
	s, err := c.vcpu.GetSregs()
	if err != nil {
		return err
	}
	c.fillSregs(&s)
	if err := c.vcpu.SetSregs(&s); err != nil {
		return err
	}
	if c.id > 0 {
		if err := c.vcpu.SetRunnable(); err != nil {
			return err
		}
	}
	if err := c.vcpu.SetXCR0(c.m.host.XCR0); err != nil {
		return err
	}
	err = c.vcpu.SetMSRs([]kvm.MSR{
		// SYSRET adds 16 to its base for code and 8 for the stack.
		{Index: msrSTAR, Value: selKernelCode<<32 | (selUserCode-16)<<48},
		{Index: msrLSTAR, Value: systemAddr(pageStub)},
		{Index: msrFMASK, Value: c.m.syscallMask()},
	})
	if err != nil {
		return err
	}
	*c.vcpu.SyncedSregs() = s
	*c.vcpu.SyncedRegs() = Regs{RFLAGS: rflagsFixed}
	c.vcpu.Sync(kvm.SyncRegs | kvm.SyncSregs)
	return nil
}

func (c *CPU) fillSregs(s *kvm.Sregs) {
	data := kvm.Segment{Limit: 0xffffffff, Selector: selUserData, Type: 3, Present: 1, DPL: 3, DB: 1, S: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS = data, data, data, data
	userSegments(s)
	s.TR = kvm.Segment{Base: systemAddr(pageCPU + c.id), Limit: tssLimit, Selector: selTSS, Type: 11, Present: 1}
	s.LDT = kvm.Segment{Unusable: 1} // at reset it would be usable, with base 0
	s.GDT = kvm.Table{Base: systemAddr(pageGDT), Limit: gdtLimit}
	s.IDT = kvm.Table{Base: systemAddr(pageIDT), Limit: PageSize - 1}
	s.CR0, s.CR3, s.CR4, s.EFER = cr0, c.m.tables.root, cr4, efer
	h := &c.m.host
	for _, f := range []struct {
		on  bool
		bit uint64
	}{{c.m.hideCycles, cr4TSD}, {h.SMEP, cr4SMEP}, {h.SMAP, cr4SMAP}, {h.UMIP, cr4UMIP}} {
		if f.on {
			s.CR4 |= f.bit
		}
	}
}

// userSegments are the code and stack segments of ring 3.
func userSegments(s *kvm.Sregs) {
	s.CS = kvm.Segment{Limit: 0xffffffff, Selector: selUserCode, Type: 11, Present: 1, DPL: 3, S: 1, L: 1, G: 1}
	s.SS = kvm.Segment{Limit: 0xffffffff, Selector: selUserData, Type: 3, Present: 1, DPL: 3, DB: 1, S: 1, G: 1}
}

// Regs are the registers of the stopped guest; changes count when it goes on.
func (c *CPU) Regs() *Regs { return c.vcpu.SyncedRegs() }

func (c *CPU) sregs() *kvm.Sregs { return c.vcpu.SyncedSregs() }

// Bases gives the FS and GS base addresses.
func (c *CPU) Bases() (fs, gs uint64) { return c.sregs().FS.Base, c.sregs().GS.Base }

// SetBases sets them; both must be canonical.
func (c *CPU) SetBases(fs, gs uint64) {
	c.sregs().FS.Base, c.sregs().GS.Base = fs, gs
	c.newBases = true
}

// reset puts the processor back into ring 3 with empty registers.
func (c *CPU) reset() {
	*c.Regs() = Regs{RFLAGS: rflagsFixed}
	c.inCall = false
}

// Run lets the guest go on until something happens. An error says that the
// machine itself is broken; the guest cannot go on.
func (c *CPU) Run() (Exit, error) {
	if c.tid.Load() == 0 {
		c.tid.Store(int32(unix.Gettid()))
	}
	if e, bad := badStart(c.Regs().RIP); bad {
		return e, nil
	}
	c.running.Store(true)
	e, err := c.exit()
	c.running.Store(false)
	if err != nil || e.interrupted {
		return Exit{Kind: Interrupted}, err
	}
	return c.interpret(e)
}

// badStart says what comes of going on at an address where no guest can be. One
// that is not canonical faults before ring 3 sees it: SYSRET with such an
// address is an exception in ring 0 on Intel. One of ours is as good as not
// mapped: where the stub is a page of ring 3, a SYSCALL just below it would
// return into it, and so call again without end.
func badStart(rip uint64) (e Exit, bad bool) {
	switch {
	case !Canonical(rip):
		return Exit{Kind: Trap, Vector: vectorGP}, true
	case rip >= UserEnd:
		return Exit{Kind: Trap, Vector: vectorPF, Error: errorUser | errorFetch, Addr: rip}, true
	}
	return Exit{}, false
}

// Canonical says whether an address has the form that 48-bit processors take.
func Canonical(addr uint64) bool { return uint64(int64(addr)<<16>>16) == addr }

// exitState is what an exit left behind.
type exitState struct {
	interrupted bool
	call        bool // SYSCALL, seen at the window
	port        uint16
	out         bool
	frame       exceptionFrame
}

// exceptionFrame is the state of the guest at an exception.
type exceptionFrame struct {
	rip, cs, rflags, rsp uint64
	err                  uint32
}

// exit enters the guest with the registers as they are and comes back at the
// next port access, or at a window that a call came by.
func (c *CPU) exit() (exitState, error) {
	c.enter()
	for from := c.Regs().RIP; ; {
		err := c.vcpu.Run()
		if err == unix.EINTR {
			if c.acknowledge() {
				return exitState{interrupted: true}, nil
			}
			continue
		}
		if err != nil {
			return exitState{}, err
		}
		switch reason := c.vcpu.ExitReason(); reason {
		case kvm.ExitIO:
			io := c.vcpu.IO()
			return exitState{port: io.Port, out: io.Out && io.Size == 1 && io.Count == 1, frame: c.readFrame()}, nil
		case kvm.ExitIRQWindowOpen:
			if c.windowOpened(from) {
				return exitState{call: true}, nil
			}
		case kvm.ExitIntr:
		default:
			return exitState{}, c.broken(reason)
		}
	}
}

// enter hands the registers to KVM.
func (c *CPU) enter() {
	r, s := c.Regs(), c.sregs()
	dirty := kvm.SyncRegs
	if c.newBases || c.flushTLB {
		dirty |= kvm.SyncSregs
	}
	if c.flushTLB {
		s.CR3 ^= cr3Toggle
	}
	// SYSRET traps before the first instruction when it sets TF; Linux goes back
	// by IRET then, and the trap comes behind that instruction.
	if c.inCall && r.RCX == r.RIP && r.R11 == r.RFLAGS && r.RFLAGS&rflagsTF == 0 {
		r.RIP = c.stubRIP // SYSRET takes the rest from RCX and R11
		r.R11 = r.R11&rflagsUser | rflagsFixed
	} else if s.CS.Selector != selUserCode {
		userSegments(s)
		dirty |= kvm.SyncSregs
	}
	r.RFLAGS = r.RFLAGS&rflagsUser | rflagsFixed
	c.inCall, c.newBases, c.flushTLB = false, false, false
	c.vcpu.Dirty(dirty)
}

func (c *CPU) readFrame() exceptionFrame {
	page := c.m.systemPage(pageCPU + c.id)
	word := func(back int) uint64 { return binary.LittleEndian.Uint64(page[PageSize-back:]) }
	return exceptionFrame{rip: word(frameRIP), cs: word(frameCS) & 0xffff, rflags: word(frameRFLAGS), rsp: word(frameRSP), err: uint32(word(frameError))}
}

// hasErrorCode says which vectors push one: DF TS NP SS GP PF AC CP.
const hasErrorCode = 1<<8 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<17 | 1<<21

// interpret turns a port access into what happened.
func (c *CPU) interpret(e exitState) (Exit, error) {
	r, s := c.Regs(), c.sregs()
	ring0 := s.CS.DPL == 0
	// A paravirtual KVM emulates SYSCALL, and enters ring 0, where the stack
	// pointer is not canonical.
	supervisor := c.m.host.Stub == StubSupervisor
	if e.call || e.out && e.port == portStub && r.RIP-systemAddr(pageStub) <= stubOutSize && (ring0 || !supervisor) {
		c.inCall, c.stubRIP = supervisor, r.RIP
		c.openWindow()
		r.RIP, r.RFLAGS = r.RCX, r.R11
		return Exit{Kind: Call}, nil
	}
	if e.out && ring0 && e.port >= portHandler && e.port <= portHandler+otherVector {
		return c.exception(uint8(e.port-portHandler), e.frame), nil
	}
	// A guest's own IN or OUT on the stub's port.
	saved := *r
	if err := c.complete(); err != nil {
		return Exit{}, err
	}
	*r = saved
	return Exit{Kind: Trap, Vector: vectorGP}, nil
}

// complete lets KVM finish the instruction that led to an exit: it would
// otherwise do so at the next entry, upon the registers that were set by then.
func (c *CPU) complete() error {
	c.vcpu.Dirty(0)
	c.vcpu.SetImmediateExit(true)
	err := c.vcpu.Run()
	c.clearImmediateExit()
	if err == unix.EINTR {
		return nil
	}
	return err
}

// exception puts the interrupted registers back into place.
func (c *CPU) exception(vector uint8, f exceptionFrame) Exit {
	r := c.Regs()
	r.RIP, r.RSP, r.RFLAGS = f.rip, f.rsp, f.rflags
	if f.cs != selUserCode { // in the stub, by a trick with the trap flag: the guest's own doing
		r.RIP, r.RFLAGS = r.RCX, r.R11
	}
	const traps = 1<<vectorDB | 1<<vectorBP | 1<<vectorOF // come behind an instruction
	if r.RIP-systemAddr(pageStub) < PageSize && traps>>vector&1 == 0 && c.m.host.Stub == StubUser {
		e, _ := badStart(r.RIP)
		return e // the guest jumped into the stub, which is a page of ring 3 here
	}
	e := Exit{Kind: Trap, Vector: vector}
	if n, is := c.softwareInterrupt(); is && vector == vectorUD {
		return Exit{Kind: Trap, Vector: vectorGP, Error: uint32(n)<<3 | errorIDT}
	}
	if hasErrorCode>>vector&1 != 0 {
		e.Error = f.err
	}
	if vector == vectorPF {
		e.Addr = c.sregs().CR2
	}
	return e
}

// errorIDT says that an error code's selector part names a gate (Intel SDM
// vol. 3, 6.13).
const errorIDT = 1 << 1

// softwareInterrupt says whether the guest stands at an INT n, and its n. A
// paravirtual KVM makes an invalid opcode of it; hardware and Linux a
// general-protection fault.
func (c *CPU) softwareInterrupt() (n byte, is bool) {
	if c.m.host.Stub != StubUser {
		return 0, false
	}
	const intN = 0xcd
	rip := c.Regs().RIP
	op, arg := c.m.View(rip, 1), c.m.View(rip+1, 1)
	if len(op) == 0 || len(arg) == 0 || op[0] != intN {
		return 0, false
	}
	return arg[0], true
}

func (c *CPU) broken(reason kvm.ExitReason) error {
	r := c.Regs()
	return fmt.Errorf("vmm: KVM stopped the machine with exit %d %#x at RIP %#x, CS %#x: the guest cannot go on",
		reason, c.vcpu.Detail(), r.RIP, c.sregs().CS.Selector)
}
