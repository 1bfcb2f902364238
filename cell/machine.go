package cell

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"spaceos/libos"
	"spaceos/vmm"
)

// memory is the machine's memory as the library OS wants it. The two packages
// do not know each other; permissions and kinds of backing have the same
// values in both.
type memory struct{ m *vmm.Machine }

func (a memory) Map(addr, length uint64, prot libos.Prot, how libos.Backing) error {
	return outOfMemory(a.m.Map(addr, length, vmm.Prot(prot), vmm.Backing(how)))
}

func (a memory) Reclaim(gone func(addr, length uint64)) { a.m.Reclaim(gone) }

func (a memory) Protect(addr, length uint64, prot libos.Prot) error {
	return outOfMemory(a.m.Protect(addr, length, vmm.Prot(prot)))
}

func (a memory) Unmap(addr, length uint64) error { return outOfMemory(a.m.Unmap(addr, length)) }

func (a memory) Move(from, to, length uint64) error { return outOfMemory(a.m.Move(from, to, length)) }

func (a memory) Touched(addr uint64) bool { return a.m.Touched(addr) }

func (a memory) View(addr, length uint64) []byte { return a.m.View(addr, length) }

func (a memory) Limit() uint64 { return a.m.Limit() }

func (a memory) Backed() uint64 { return a.m.Backed() }

func (a memory) Peak() uint64 { return a.m.Peak() }

func (a memory) SetScratch(bytes uint64) { a.m.SetScratch(bytes) }

func outOfMemory(err error) error {
	if errors.Is(err, vmm.ErrNoMemory) {
		return libos.ErrOutOfMemory
	}
	return err
}

// processor is the machine's processor as the library OS wants it.
type processor struct{ c *vmm.CPU }

func (a processor) Regs() *libos.Regs { return (*libos.Regs)(a.c.Regs()) }

func (a processor) Bases() (fs, gs uint64) { return a.c.Bases() }

func (a processor) SetBases(fs, gs uint64) { a.c.SetBases(fs, gs) }

func (a processor) XState() ([]byte, error) { return a.c.XState() }

func (a processor) SetXState(area []byte) error { return a.c.SetXState(area) }

// Sizes of a signal frame beside the XSAVE area: siginfo, ucontext and the
// return address, and what alignment can cost (Linux: get_sigframe_size in
// arch/x86/kernel/signal.c).
const signalFrameRest = 128 + 304 + 8 + 64 + 16 + 4

// platform is what the auxiliary vector says of the processor.
func platform(h vmm.Host) libos.Platform {
	const fsgsbase = 1 << 1 // HWCAP2_FSGSBASE
	return libos.Platform{
		HWCap: uint64(h.FeaturesEDX), HWCap2: fsgsbase,
		SignalFrame: uint64(h.XSaveSize+signalFrameRest+15) &^ 15, CPUs: 1,
		XFeatures: h.XCR0, XStateSize: h.XSaveSize,
	}
}

// describe puts the host's facts into the report's words.
func describe(h vmm.Host) hostInfo {
	info := hostInfo{KVM: h.Stub.String(), CPUID: "chosen", CycleCounter: "visible"}
	if h.CPUIDVisible {
		info.CPUID = "visible"
	}
	if h.CyclesHidden {
		info.CycleCounter = "hidden"
	}
	return info
}

// noMachine says what to do about a machine that does not come to be, where
// package vmm does not know it.
func noMachine(err error) error {
	var known *vmm.Missing
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("KVM gives no machine (%w): see what spaceos doctor says", err)
}

// hugePageSetting is the host's word for who gets huge pages: always, madvise
// or never.
func hugePageSetting() string {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		return "unknown"
	}
	if _, rest, ok := strings.Cut(string(b), "["); ok {
		word, _, _ := strings.Cut(rest, "]")
		return word
	}
	return "unknown"
}
