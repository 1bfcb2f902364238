package kvm

import (
	"fmt"
	"unsafe"
)

// abi prints the package's idea of what testdata/abi.c prints. Sizes and
// offsets are the compiler's; nothing is dereferenced.
func abi() (lines []string) {
	for _, n := range []struct {
		name  string
		value uint64
	}{
		{"KVM_GET_API_VERSION", kvmGetAPIVersion}, {"KVM_CREATE_VM", kvmCreateVM},
		{"KVM_CHECK_EXTENSION", kvmCheckExtension}, {"KVM_GET_VCPU_MMAP_SIZE", kvmGetVCPUMmapSize},
		{"KVM_GET_SUPPORTED_CPUID", kvmGetSupportedCPU}, {"KVM_CREATE_VCPU", kvmCreateVCPU},
		{"KVM_SET_USER_MEMORY_REGION", kvmSetUserMemory}, {"KVM_SET_TSS_ADDR", kvmSetTSSAddr},
		{"KVM_RUN", kvmRun}, {"KVM_GET_REGS", kvmGetRegs}, {"KVM_SET_REGS", kvmSetRegs},
		{"KVM_GET_SREGS", kvmGetSregs}, {"KVM_SET_SREGS", kvmSetSregs}, {"KVM_SET_MSRS", kvmSetMSRs},
		{"KVM_SET_CPUID2", kvmSetCPUID2}, {"KVM_GET_XSAVE", kvmGetXSAVE}, {"KVM_SET_XSAVE", kvmSetXSAVE},
		{"KVM_GET_XCRS", kvmGetXCRs}, {"KVM_SET_XCRS", kvmSetXCRs}, {"KVM_ENABLE_CAP", kvmEnableCap}, {"KVM_SET_MP_STATE", kvmSetMPState},
		{"KVM_X86_SET_MSR_FILTER", kvmX86SetMSRFilter}, {"KVM_GET_XSAVE2", kvmGetXSAVE2},
		{"KVM_CAP_XSAVE", uint64(CapXSAVE)}, {"KVM_CAP_XCRS", uint64(CapXCRs)},
		{"KVM_CAP_SYNC_REGS", uint64(CapSyncRegs)}, {"KVM_CAP_IMMEDIATE_EXIT", uint64(CapImmediateExit)},
		{"KVM_CAP_X86_USER_SPACE_MSR", uint64(CapX86UserMSR)}, {"KVM_CAP_X86_MSR_FILTER", uint64(CapX86MSRFilter)},
		{"KVM_CAP_XSAVE2", uint64(CapXSAVE2)}, {"KVM_CAP_SPLIT_IRQCHIP", uint64(CapSplitIRQChip)}, {"KVM_CAP_DISABLE_QUIRKS2", uint64(CapDisableQuirks2)},
		{"KVM_X86_QUIRK_FIX_HYPERCALL_INSN", QuirkFixHypercallInsn},
		{"KVM_MSR_FILTER_DEFAULT_DENY", msrDefaultDeny}, {"KVM_MEM_READONLY", memReadOnly},
		{"KVM_EXIT_IO", uint64(ExitIO)}, {"KVM_EXIT_HLT", uint64(ExitHLT)}, {"KVM_EXIT_MMIO", uint64(ExitMMIO)}, {"KVM_EXIT_IRQ_WINDOW_OPEN", uint64(ExitIRQWindowOpen)},
		{"KVM_EXIT_SHUTDOWN", uint64(ExitShutdown)}, {"KVM_EXIT_FAIL_ENTRY", uint64(ExitFailEntry)},
		{"KVM_EXIT_INTR", uint64(ExitIntr)}, {"KVM_EXIT_INTERNAL_ERROR", uint64(ExitInternalError)},
		{"KVM_EXIT_SYSTEM_EVENT", uint64(ExitSystemEvent)},
		{"KVM_SYNC_X86_REGS", uint64(SyncRegs)}, {"KVM_SYNC_X86_SREGS", uint64(SyncSregs)},
		{"KVM_SYNC_X86_EVENTS", uint64(SyncEvents)},
	} {
		lines = append(lines, fmt.Sprintf("%s %#x", n.name, n.value))
	}
	add := func(name string, n uintptr) { lines = append(lines, fmt.Sprintf("%s %d", name, n)) }
	add("kvm_regs", unsafe.Sizeof(Regs{}))
	add("kvm_sregs", unsafe.Sizeof(Sregs{}))
	add("kvm_segment", unsafe.Sizeof(Segment{}))
	add("kvm_dtable", unsafe.Sizeof(Table{}))
	add("kvm_cpuid_entry2", unsafe.Sizeof(CPUIDEntry{}))
	add("kvm_userspace_memory_region", unsafe.Sizeof(userspaceMemoryRegion{}))
	add("kvm_enable_cap", unsafe.Sizeof(enableCap{}))
	add("kvm_msr_filter", unsafe.Sizeof(msrFilter{}))
	add("kvm_msr_filter_range", unsafe.Sizeof(msrFilterRange{}))
	add("kvm_xcrs", unsafe.Sizeof(xcrs{}))
	add("kvm_msr_entry", unsafe.Sizeof(MSR{}))
	add("kvm_run.request_interrupt_window", runRequestWindow)
	add("kvm_run.immediate_exit", runImmediateExit)
	add("kvm_run.exit_reason", runExitReason)
	add("kvm_run.io.direction", runUnion)
	add("kvm_run.io.size", runUnion+1)
	add("kvm_run.io.port", runUnion+2)
	add("kvm_run.io.count", runUnion+4)
	add("kvm_run.kvm_valid_regs", runValidRegs)
	add("kvm_run.kvm_dirty_regs", runDirtyRegs)
	add("kvm_run.s", runSync)
	add("kvm_sync_regs.sregs", syncRegsSize)
	add("kvm_sregs.cr0", unsafe.Offsetof(Sregs{}.CR0))
	add("kvm_sregs.gdt", unsafe.Offsetof(Sregs{}.GDT))
	add("kvm_sregs.efer", unsafe.Offsetof(Sregs{}.EFER))
	add("kvm_regs.rip", unsafe.Offsetof(Regs{}.RIP))
	add("kvm_cpuid_entry2.eax", unsafe.Offsetof(CPUIDEntry{}.EAX))
	return lines
}
