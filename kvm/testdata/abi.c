// Prints what the kernel's headers say; abi_unsafe_test.go prints the same of
// the Go package.
#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define N(name) printf(#name " %#lx\n", (unsigned long)name)
#define S(type) printf(#type " %zu\n", sizeof(struct type))
#define O(type, member) printf(#type "." #member " %zu\n", offsetof(struct type, member))

int main(void) {
	N(KVM_GET_API_VERSION); N(KVM_CREATE_VM); N(KVM_CHECK_EXTENSION); N(KVM_GET_VCPU_MMAP_SIZE);
	N(KVM_GET_SUPPORTED_CPUID); N(KVM_CREATE_VCPU); N(KVM_SET_USER_MEMORY_REGION); N(KVM_SET_TSS_ADDR);
	N(KVM_RUN); N(KVM_GET_REGS); N(KVM_SET_REGS); N(KVM_GET_SREGS); N(KVM_SET_SREGS); N(KVM_SET_MSRS);
	N(KVM_SET_CPUID2); N(KVM_GET_XSAVE); N(KVM_SET_XSAVE); N(KVM_GET_XCRS); N(KVM_SET_XCRS);
	N(KVM_ENABLE_CAP); N(KVM_SET_MP_STATE); N(KVM_X86_SET_MSR_FILTER); N(KVM_GET_XSAVE2);
	N(KVM_CAP_XSAVE); N(KVM_CAP_XCRS); N(KVM_CAP_SYNC_REGS); N(KVM_CAP_IMMEDIATE_EXIT);
	N(KVM_CAP_X86_USER_SPACE_MSR); N(KVM_CAP_X86_MSR_FILTER); N(KVM_CAP_XSAVE2); N(KVM_CAP_SPLIT_IRQCHIP); N(KVM_CAP_DISABLE_QUIRKS2);
	N(KVM_X86_QUIRK_FIX_HYPERCALL_INSN); N(KVM_MSR_FILTER_DEFAULT_DENY); N(KVM_MEM_READONLY);
	N(KVM_EXIT_IO); N(KVM_EXIT_HLT); N(KVM_EXIT_MMIO); N(KVM_EXIT_IRQ_WINDOW_OPEN); N(KVM_EXIT_SHUTDOWN); N(KVM_EXIT_FAIL_ENTRY);
	N(KVM_EXIT_INTR); N(KVM_EXIT_INTERNAL_ERROR); N(KVM_EXIT_SYSTEM_EVENT);
	N(KVM_SYNC_X86_REGS); N(KVM_SYNC_X86_SREGS); N(KVM_SYNC_X86_EVENTS);
	S(kvm_regs); S(kvm_sregs); S(kvm_segment); S(kvm_dtable); S(kvm_cpuid_entry2);
	S(kvm_userspace_memory_region); S(kvm_enable_cap); S(kvm_msr_filter); S(kvm_msr_filter_range);
	S(kvm_xcrs); S(kvm_msr_entry);
	O(kvm_run, request_interrupt_window); O(kvm_run, immediate_exit); O(kvm_run, exit_reason); O(kvm_run, io.direction); O(kvm_run, io.size);
	O(kvm_run, io.port); O(kvm_run, io.count); O(kvm_run, kvm_valid_regs); O(kvm_run, kvm_dirty_regs);
	O(kvm_run, s); O(kvm_sync_regs, sregs);
	O(kvm_sregs, cr0); O(kvm_sregs, gdt); O(kvm_sregs, efer); O(kvm_regs, rip); O(kvm_cpuid_entry2, eax);
	return 0;
}
