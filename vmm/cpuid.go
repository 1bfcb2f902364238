package vmm

import "spaceos/kvm"

// Features that a guest may see, by CPUID leaf and register (Intel SDM vol. 2,
// CPUID; AMD APM vol. 3, appendix E). Everything that concerns ring 0, timers,
// performance counters, virtualisation and identification stays out.
const (
	// Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES
	// XSAVE OSXSAVE AVX F16C RDRAND.
	allow1ECX = 1<<0 | 1<<1 | 1<<9 | 1<<12 | 1<<13 | 1<<19 | 1<<20 | 1<<22 | 1<<23 |
		1<<25 | 1<<26 | 1<<27 | 1<<28 | 1<<29 | 1<<30
	// Leaf 1 EDX: FPU TSC CX8 SEP(no) CMOV CLFSH MMX FXSR SSE SSE2, and what
	// every 64-bit processor has (PSE MSR PAE PGE PAT).
	allow1EDX = 1<<0 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<8 | 1<<13 | 1<<15 | 1<<16 |
		1<<19 | 1<<23 | 1<<24 | 1<<25 | 1<<26
	// Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS AVX512F DQ RDSEED ADX SMAP
	// IFMA CLFLUSHOPT CLWB CD SHA BW VL.
	allow7EBX = 1<<0 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<16 | 1<<17 | 1<<18 |
		1<<19 | 1<<20 | 1<<21 | 1<<23 | 1<<24 | 1<<28 | 1<<29 | 1<<30 | 1<<31
	// Leaf 7 ECX: VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ.
	allow7ECX = 1<<1 | 1<<2 | 1<<6 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12 | 1<<14
	// Leaf 7 EDX: FSRM.
	allow7EDX = 1 << 4
	// Leaf 0x80000001 ECX: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH.
	allowExtECX = 1<<0 | 1<<5 | 1<<6 | 1<<7 | 1<<8
	// Leaf 0x80000001 EDX: as leaf 1, and SYSCALL NX PDPE1GB(no) LM.
	allowExtEDX = allow1EDX&0x0183f3ff | 1<<11 | 1<<20 | 1<<29

	featureRDRAND = 1 << 30 // leaf 1 ECX
	featureRDSEED = 1 << 18 // leaf 7 EBX

	featureUMIP = 1 << 2
	featureSMEP = 1 << 7
	featureSMAP = 1 << 20
)

// XCR0 components: AMX (17 and 18) is left out, its 8 KiB of state and its
// permission protocol are not worth a payload's while.
const (
	xcr0Base   = 1<<0 | 1<<1 // x87 and SSE
	xcr0AMX    = 1<<17 | 1<<18
	xsaveBasic = 512 + 64
)

// choose makes the guest's CPUID out of what KVM offers, leaf by leaf.
func (h *Host) choose(offered []kvm.CPUIDEntry) {
	h.PhysBits, h.XCR0, h.XSaveSize = 36, xcr0Base, xsaveBasic
	for _, e := range offered {
		switch e.Function {
		case 7:
			if e.Index == 0 {
				h.SMEP, h.SMAP = e.EBX&featureSMEP != 0, e.EBX&featureSMAP != 0
				h.UMIP = e.ECX&featureUMIP != 0
			}
		case 0xd:
			if e.Index == 0 {
				h.XCR0 = xcr0Base | (uint64(e.EDX)<<32|uint64(e.EAX))&^xcr0AMX
			}
		case 0x80000008:
			h.PhysBits = uint(e.EAX & 0xff)
		}
	}
	for _, e := range offered {
		if c, ok := h.leaf(e); ok {
			h.CPUID = append(h.CPUID, c)
		}
	}
}

// leaf decides about one leaf; what is not named here is not shown.
func (h *Host) leaf(e kvm.CPUIDEntry) (kvm.CPUIDEntry, bool) {
	switch e.Function {
	case 0: // highest leaf and vendor: C libraries choose code by them
		e.EAX = min(e.EAX, 0xd)
	case 1: // family and features; no APIC id, one processor
		e.EBX &= 0x0000ff00 // CLFLUSH line size
		e.ECX &= allow1ECX
		e.EDX &= allow1EDX
		h.FeaturesEDX = e.EDX
	case 2, 4, 0x80000005, 0x80000006, 0x8000001d: // caches: C libraries size their copies by them
	case 7:
		if e.Index != 0 {
			return e, false
		}
		e.EAX = 0
		e.EBX, e.ECX, e.EDX = e.EBX&allow7EBX, e.ECX&allow7ECX, e.EDX&allow7EDX
	case 0xd:
		return h.leafXSAVE(e)
	case 0x80000000:
		e.EAX = min(e.EAX, 0x8000001d)
		e.EBX, e.ECX, e.EDX = 0, 0, 0
	case 0x80000001:
		e.EAX, e.EBX = 0, 0
		e.ECX, e.EDX = e.ECX&allowExtECX, e.EDX&allowExtEDX
	case 0x80000008: // address bits
		e.EBX, e.ECX, e.EDX = 0, 0, 0
	default:
		return e, false
	}
	return e, true
}

// hideRandom takes the processor's own random numbers out of what the guest is
// told.
func (h *Host) hideRandom() {
	for i := range h.CPUID {
		switch e := &h.CPUID[i]; e.Function {
		case 1:
			e.ECX &^= featureRDRAND
		case 7:
			e.EBX &^= featureRDSEED
		}
	}
}

// leafXSAVE keeps leaf 0xD and XCR0 in agreement.
func (h *Host) leafXSAVE(e kvm.CPUIDEntry) (kvm.CPUIDEntry, bool) {
	switch {
	case e.Index == 0:
		e.EAX, e.EDX = uint32(h.XCR0), uint32(h.XCR0>>32)
	case e.Index == 1: // XSAVEOPT XSAVEC XGETBV1; no supervisor state
		e.EAX &= 7
		e.EBX, e.ECX, e.EDX = 0, 0, 0
	case e.Index < 63 && h.XCR0>>e.Index&1 != 0:
		h.XSaveSize = max(h.XSaveSize, int(e.EAX+e.EBX)) // size and offset of the component
	default:
		return e, false
	}
	return e, true
}
