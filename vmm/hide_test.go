package vmm

import (
	"slices"
	"testing"

	"spaceos/kvm"
)

// TestCycleCounterFaultsWhereTheHostSaysSo: with HideCycles, RDTSC faults or
// the machine says that it does not; hardware must let it fault.
func TestCycleCounterFaultsWhereTheHostSaysSo(t *testing.T) {
	rdtsc := []byte{0x0f, 0x31, 0x0f, 0x0b} // rdtsc; ud2
	passed := Exit{Kind: Trap, Vector: vectorUD}
	for _, hide := range []bool{false, true} {
		m, c := newMachineOf(t, Options{Memory: 8 << 20, HideCycles: hide})
		want, at := passed, uint64(codeAt+2)
		if m.Host().CyclesHidden {
			want, at = Exit{Kind: Trap, Vector: vectorGP}, codeAt
		}
		if e := execute(t, m, c, rdtsc...); e != want || c.Regs().RIP != at {
			t.Errorf("HideCycles %v, hidden %v: RDTSC ended with %+v at %#x, want %+v at %#x",
				hide, m.Host().CyclesHidden, e, c.Regs().RIP, want, at)
		}
		if hidden := hide && m.Host().Stub == StubSupervisor; m.Host().CyclesHidden != hidden {
			t.Errorf("HideCycles %v on a KVM that is %v: hidden %v, want %v", hide, m.Host().Stub, !hidden, hidden)
		}
	}
}

// TestHideRandomLeavesTheRest takes two bits out of leaves that have all.
func TestHideRandomLeavesTheRest(t *testing.T) {
	const all = 1<<32 - 1
	h := Host{CPUID: []kvm.CPUIDEntry{{Function: 1, ECX: all}, {Function: 7, EBX: all}, {Function: 0xd, EBX: all, ECX: all}}}
	h.hideRandom()
	want := []kvm.CPUIDEntry{{Function: 1, ECX: all &^ (1 << 30)}, {Function: 7, EBX: all &^ (1 << 18)}, {Function: 0xd, EBX: all, ECX: all}}
	if !slices.Equal(h.CPUID, want) {
		t.Errorf("got %+v, want %+v", h.CPUID, want)
	}
}

// TestCPUIDNamesNoRandomNumbers: the guest itself asks.
func TestCPUIDNamesNoRandomNumbers(t *testing.T) {
	ask := []byte{ // r8: leaf 1 ECX; rbx: leaf 7 EBX
		0xb8, 1, 0, 0, 0, 0x0f, 0xa2, 0x41, 0x89, 0xc8,
		0xb8, 7, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0x0f, 0x05,
	}
	for _, hide := range []bool{false, true} {
		m, c := newMachineOf(t, Options{Memory: 8 << 20, HideRandom: hide})
		for _, e := range m.host.CPUID {
			if hide && (e.Function == 1 && e.ECX&featureRDRAND != 0 || e.Function == 7 && e.EBX&featureRDSEED != 0) {
				t.Errorf("leaf %d is to name RDRAND or RDSEED: %+v", e.Function, e)
			}
		}
		if e := execute(t, m, c, ask...); e.Kind != Call {
			t.Fatalf("asking CPUID ended with %+v, want a call", e)
		}
		shown := uint32(c.Regs().R8)&featureRDRAND != 0 || uint32(c.Regs().RBX)&featureRDSEED != 0
		if hide && shown && !m.Host().CPUIDVisible {
			t.Errorf("the guest sees RDRAND or RDSEED: leaf 1 ECX %#x, leaf 7 EBX %#x", c.Regs().R8, c.Regs().RBX)
		}
	}
}
