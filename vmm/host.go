package vmm

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

// Host is what a machine can rely on here.
type Host struct {
	Stub         Stub // known once a machine was made
	CPUIDVisible bool // CPUID shows the processor itself, whatever we choose
	SyncRegs     bool // registers come with the exit
	PhysBits     uint // MAXPHYADDR
	XCR0         uint64
	XSaveSize    int  // bytes of an XSAVE area in the standard format
	CyclesHidden bool // RDTSC faults, as Options.HideCycles asked
	SMEP, SMAP   bool
	UMIP         bool
	FeaturesEDX  uint32 // CPUID 1 EDX: AT_HWCAP

	CPUID []kvm.CPUIDEntry // what the guest is told
}

// Missing is an error that says what this machine lacks for a cell and how to
// get it. It is an ErrUnsupported.
type Missing struct {
	What string // "KVM_CAP_IMMEDIATE_EXIT"
	Help string
}

func (e *Missing) Error() string { return e.What + ": " + e.Help }

// Unwrap says that nothing is broken, only absent.
func (e *Missing) Unwrap() error { return ErrUnsupported }

// OpenSystem opens /dev/kvm and says in a sentence what is wrong if that fails.
func OpenSystem(path string) (*kvm.System, error) {
	sys, err := kvm.Open(path)
	switch {
	case err == nil:
		return sys, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return nil, &Missing{"there is no " + path,
			"load the kernel module (modprobe kvm_intel or kvm_amd), or switch on virtualisation in the firmware or in the surrounding virtual machine"}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil, &Missing{"no permission to open " + path,
			"add your user to the group that owns it (usermod -aG kvm " + user() + ") and log in again, or run as root"}
	}
	return nil, err
}

func user() string {
	if u := os.Getenv("USER"); u != "" {
		return u
	}
	return "USER"
}

// Examine asks KVM for everything that does not need a running guest.
func Examine(sys *kvm.System) (Host, error) {
	var h Host
	v, err := sys.APIVersion()
	if err != nil {
		return h, &Missing{"this is not a KVM device", "KVM_GET_API_VERSION failed (" + err.Error() + "); give the real /dev/kvm"}
	}
	if v != kvm.APIVersion {
		return h, &Missing{fmt.Sprintf("KVM's API version is %d, not %d", v, kvm.APIVersion), "use a Linux kernel of 5.10 or later"}
	}
	var lacks []string
	for _, c := range []struct {
		cap  kvm.Cap
		name string
	}{
		{kvm.CapImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"},
		{kvm.CapSyncRegs, "KVM_CAP_SYNC_REGS"},
		{kvm.CapXSAVE, "KVM_CAP_XSAVE"},
		{kvm.CapXCRs, "KVM_CAP_XCRS"},
		{kvm.CapX86MSRFilter, "KVM_CAP_X86_MSR_FILTER"},
		{kvm.CapDisableQuirks2, "KVM_CAP_DISABLE_QUIRKS2"},
		{kvm.CapSplitIRQChip, "KVM_CAP_SPLIT_IRQCHIP"},
	} {
		if sys.Check(c.cap) == 0 {
			lacks = append(lacks, c.name)
		}
	}
	if len(lacks) > 0 {
		return h, &Missing{"this KVM lacks " + strings.Join(lacks, ", "), "use a Linux kernel of 5.19 or later"}
	}
	h.SyncRegs = true
	offered, err := sys.SupportedCPUID()
	if err != nil {
		return h, err
	}
	h.choose(offered)
	return h, nil
}

// checkMemory says whether a slot of that size fits into the guest-physical
// address space.
func (h *Host) checkMemory(limit uint64) error {
	if limit == 0 || limit%PageSize != 0 {
		return fmt.Errorf("vmm: a memory limit of %d bytes is not a positive number of pages: %w", limit, unix.EINVAL)
	}
	if top := uint64(1) << h.PhysBits; limit > top-ramBase-hugeSize {
		return &Missing{fmt.Sprintf("%d bytes of memory do not fit into this processor's %d address bits", limit, h.PhysBits), "ask for less"}
	}
	return nil
}
