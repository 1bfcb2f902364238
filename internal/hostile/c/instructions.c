// instructions: what user code must not be able to do with one instruction.
#include "attack.h"

// Memory that attacks may use: aligned as XSAVE wants it, the last page of
// which nobody may touch.
__attribute__((aligned(4096))) char room[4 * 4096];

// The system pages of a cell, where Linux has nothing mapped in a program
// whose stack lies as low as ours is moved.
#define STUB "0x7fffff000000"

// An attack is assembly that may use every register but RSP: guarded saves them.
#define INT(n) X(int_##n, "mov $20, %eax; int $" #n)
#define OPCODE(n) X(opcode_##n, ".byte 0x" #n "; .fill 14, 1, 0x90")
#define SELECTOR(n) \
	X(ds_##n, "mov $0x" #n ", %eax; mov %eax, %ds; xor %eax, %eax; mov %eax, %ds")        \
	X(ss_##n, "mov $0x" #n ", %eax; mov %eax, %ss")                     \
	X(fs_##n, "rdfsbase %rbx; mov $0x" #n ", %eax; mov %eax, %fs; wrfsbase %rbx")                     \
	X(lar_##n, "mov $0x" #n ", %ecx; lar %ecx, %eax; setz seen")        \
	X(verw_##n, "mov $0x" #n ", %ecx; verw %cx; setz seen")             \
	X(far_jump_##n, "movl $1f, room; movw $0x" #n ", room+4; ljmpl *room; 1:") \
	X(far_call_##n, "movl $1f, room; movw $0x" #n ", room+4; lcalll *room; 1: add $8, %rsp") \
	X(iret_##n, "mov %rsp, %rax; mov %ss, %ecx; push %rcx; push %rax; push $0x202; push $0x" #n "; push $1f; iretq; 1:") \
	X(retf_##n, "push $0x" #n "; push $1f; lretq; 1:")

// From a far jump to Linux's 32-bit code segment, 1 is 32-bit code.
#define IN32(name, code) \
	X(in32_##name, "mov %rsp, room+256; movl $1f, room; movw $0x23, room+4; ljmpl *room; .code32; 1: " code "; .byte 0xea; .long 2f; .word 0x33; .code64; 2: mov room+256, %rsp")

#define FLAGS(or) "pushf; orl $" or ", (%rsp); popf;"
#define NOFLAGS "; pushf; andl $0xfffbbaff, (%rsp); popf"
#define GETPID "mov $39, %eax; syscall"

#define ATTACKS \
	X(hlt, "hlt") X(cli, "cli") X(sti, "sti") X(clts, "clts")           \
	X(invd, "invd") X(wbinvd, "wbinvd") X(wbnoinvd, ".byte 0xf3,0x0f,0x09") \
	X(lgdt, "lgdt room") X(lidt, "lidt room") X(lldt, "lldt room") X(ltr, "ltr room") \
	X(lmsw, "lmsw room") X(lmsw_register, "mov $1, %eax; lmsw %ax")     \
	X(sgdt, "sgdt room") X(sidt, "sidt room") X(sldt, "sldt %eax") X(str, "str %eax") X(smsw, "smsw %rax") \
	X(sgdt_system_page, "mov $" STUB "+0x1000, %rax; sgdt (%rax)")      \
	X(invlpg, "invlpg room") X(invpcid, "mov $2, %eax; invpcid room, %rax") X(invlpga, "mov $room, %rax; xor %ecx, %ecx; .byte 0x0f,0x01,0xdf") \
	X(read_cr0, "mov %cr0, %rax") X(read_cr2, "mov %cr2, %rax") X(read_cr3, "mov %cr3, %rax") X(read_cr4, "mov %cr4, %rax") X(read_cr8, "mov %cr8, %rax") \
	X(write_cr0, "mov %rax, %cr0") X(write_cr2, "mov %rax, %cr2") X(write_cr3, "mov %rax, %cr3") X(write_cr4, "mov %rax, %cr4") X(write_cr8, "mov %rax, %cr8") \
	X(read_cr1, ".byte 0x0f,0x20,0xc8") X(write_cr15, ".byte 0x44,0x0f,0x22,0xf8") \
	X(read_dr0, "mov %dr0, %rax") X(read_dr7, "mov %dr7, %rax") X(write_dr0, "mov %rax, %dr0") X(write_dr7, "mov %rax, %dr7") X(write_dr5, "mov %rax, %dr5") \
	X(rdmsr_tsc, "mov $0x10, %ecx; rdmsr") X(rdmsr_apic, "mov $0x1b, %ecx; rdmsr") X(rdmsr_efer, "mov $0xc0000080, %ecx; rdmsr") X(rdmsr_lstar, "mov $0xc0000082, %ecx; rdmsr") \
	X(rdmsr_gsbase, "mov $0xc0000102, %ecx; rdmsr") X(rdmsr_kvm, "mov $0x4b564d01, %ecx; rdmsr") X(rdmsr_hyperv, "mov $0x40000000, %ecx; rdmsr") X(rdmsr_pvm, "mov $0x4b564df0, %ecx; rdmsr") X(rdmsr_none, "mov $0xffffffff, %ecx; rdmsr") \
	X(wrmsr_efer, "mov $0xc0000080, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr") X(wrmsr_lstar, "mov $0xc0000082, %ecx; mov $room, %eax; xor %edx, %edx; wrmsr") X(wrmsr_star, "mov $0xc0000081, %ecx; xor %eax, %eax; mov $0x230010, %edx; wrmsr") \
	X(wrmsr_sfmask, "mov $0xc0000084, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr") X(wrmsr_fsbase, "mov $0xc0000100, %ecx; mov $-1, %eax; mov $0x1234, %edx; wrmsr") X(wrmsr_sysenter, "mov $0x176, %ecx; mov $room, %eax; xor %edx, %edx; wrmsr") \
	X(wrmsr_apic, "mov $0x1b, %ecx; wrmsr") X(wrmsr_x2apic, "mov $0x830, %ecx; wrmsr") X(wrmsr_kvmclock, "mov $0x4b564d01, %ecx; mov $room+1, %eax; xor %edx, %edx; wrmsr") X(wrmsr_hyperv, "mov $0x40000001, %ecx; wrmsr") X(wrmsr_debugctl, "mov $0x1d9, %ecx; mov $3, %eax; wrmsr") \
	X(rdmsrlist, ".byte 0xf2,0x0f,0x01,0xc6") X(wrmsrns, ".byte 0x0f,0x01,0xc6") \
	X(swapgs, "swapgs") X(sysretq, "mov $1f, %ecx; sysretq; 1:") X(sysretl, "mov $1f, %ecx; sysretl; 1:") \
	X(sysexit, "mov $1f, %edx; mov %esp, %ecx; sysexit; 1:") X(sysexitq, ".byte 0x48; sysexit") X(sysret_noncanonical, "mov $0x800000000000, %rcx; sysretq") \
	X(xsetbv, "xor %ecx, %ecx; xor %edx, %edx; mov $1, %eax; xsetbv") X(xsetbv_all, "xor %ecx, %ecx; mov $-1, %edx; mov $-1, %eax; xsetbv") X(xsetbv_1, "mov $1, %ecx; xor %edx, %edx; xor %eax, %eax; xsetbv") \
	X(monitor, "mov $room, %eax; xor %ecx, %ecx; xor %edx, %edx; monitor") X(mwait, "xor %eax, %eax; xor %ecx, %ecx; mwait") \
	X(rsm, "rsm") X(getsec, "xor %eax, %eax; .byte 0x0f,0x37") X(skinit, ".byte 0x0f,0x01,0xde") X(stgi, ".byte 0x0f,0x01,0xdc") X(clgi, ".byte 0x0f,0x01,0xdd") \
	X(vmrun, "mov $room, %eax; .byte 0x0f,0x01,0xd8") X(vmload, "mov $room, %eax; .byte 0x0f,0x01,0xda") X(vmsave, "mov $room, %eax; .byte 0x0f,0x01,0xdb") X(vmgexit, ".byte 0xf3,0x0f,0x01,0xd9") \
	X(vmcall, "mov $1, %eax; .byte 0x0f,0x01,0xc1") X(vmmcall, "mov $1, %eax; .byte 0x0f,0x01,0xd9") \
	X(vmcall_pvm, "mov $0x17088200, %eax; .byte 0x0f,0x01,0xc1") X(vmmcall_kick, "mov $5, %eax; xor %ebx, %ebx; xor %ecx, %ecx; .byte 0x0f,0x01,0xd9") X(vmmcall_map_gpa, "mov $12, %eax; xor %ebx, %ebx; mov $1, %ecx; .byte 0x0f,0x01,0xd9") X(vmmcall_garbage, "mov $-1, %rax; mov %rax, %rbx; mov %rax, %rcx; mov %rax, %rdx; mov %rax, %rsi; .byte 0x0f,0x01,0xd9") \
	X(vmlaunch, ".byte 0x0f,0x01,0xc2") X(vmresume, ".byte 0x0f,0x01,0xc3") X(vmxoff, ".byte 0x0f,0x01,0xc4") X(vmxon, ".byte 0xf3,0x0f,0xc7,0x34,0x25; .long room") X(vmptrld, ".byte 0x0f,0xc7,0x34,0x25; .long room") X(vmptrst, ".byte 0x0f,0xc7,0x3c,0x25; .long room") X(vmclear, ".byte 0x66,0x0f,0xc7,0x34,0x25; .long room") \
	X(vmread, ".byte 0x0f,0x78,0xc0") X(vmwrite, ".byte 0x0f,0x79,0xc0") X(vmfunc, "xor %eax, %eax; xor %ecx, %ecx; .byte 0x0f,0x01,0xd4") X(invept, ".byte 0x66,0x0f,0x38,0x80,0x04,0x25; .long room") X(invvpid, ".byte 0x66,0x0f,0x38,0x81,0x04,0x25; .long room") \
	X(tdcall, ".byte 0x66,0x0f,0x01,0xcc") X(seamcall, ".byte 0x66,0x0f,0x01,0xcf") X(pvalidate, ".byte 0xf2,0x0f,0x01,0xff") X(rmpadjust, ".byte 0xf3,0x0f,0x01,0xfe") X(psmash, ".byte 0xf3,0x0f,0x01,0xff") X(invlpgb, ".byte 0x0f,0x01,0xfe") X(tlbsync, ".byte 0x0f,0x01,0xff") \
	X(encls, "xor %eax, %eax; .byte 0x0f,0x01,0xcf") X(enclu, "xor %eax, %eax; .byte 0x0f,0x01,0xd7") X(enclv, "xor %eax, %eax; .byte 0x0f,0x01,0xc0") X(pconfig, "xor %eax, %eax; .byte 0x0f,0x01,0xc5") \
	X(rdpmc, "xor %ecx, %ecx; rdpmc") X(rdpmc_fixed, "mov $0x40000000, %ecx; rdpmc") X(rdpru, "xor %ecx, %ecx; .byte 0x0f,0x01,0xfd") \
	X(umonitor, "mov $room, %eax; .byte 0xf3,0x0f,0xae,0xf0") X(umwait, "xor %eax, %eax; xor %edx, %edx; .byte 0xf2,0x0f,0xae,0xf0") X(tpause, "xor %eax, %eax; xor %edx, %edx; .byte 0x66,0x0f,0xae,0xf0") \
	X(senduipi, ".byte 0xf3,0x0f,0xc7,0xf0") X(uiret, ".byte 0xf3,0x0f,0x01,0xec") X(clui, ".byte 0xf3,0x0f,0x01,0xee") X(stui, ".byte 0xf3,0x0f,0x01,0xef") X(clac, ".byte 0x0f,0x01,0xca") X(stac, ".byte 0x0f,0x01,0xcb") \
	X(eretu, ".byte 0xf3,0x0f,0x01,0xca") X(erets, ".byte 0xf2,0x0f,0x01,0xca") X(lkgs, ".byte 0xf2,0x0f,0x00,0xf0") X(hreset, ".byte 0xf3,0x0f,0x3a,0xf0,0xc0,0x00") \
	X(setssbsy, ".byte 0xf3,0x0f,0x01,0xe8") X(rstorssp, ".byte 0xf3,0x0f,0x01,0x2c,0x25; .long room") X(clrssbsy, ".byte 0xf3,0x0f,0xae,0x34,0x25; .long room") X(wrss, ".byte 0x48,0x0f,0x38,0xf6,0x04,0x25; .long room") X(wruss, ".byte 0x66,0x48,0x0f,0x38,0xf5,0x04,0x25; .long room") X(incssp, ".byte 0xf3,0x48,0x0f,0xae,0xe8") X(rdssp, "xor %eax, %eax; .byte 0xf3,0x48,0x0f,0x1e,0xc8; mov %rax, seen") \
	X(enqcmd, "mov $room, %eax; .byte 0xf2,0x0f,0x38,0xf8,0x04,0x25; .long room") X(enqcmds, "mov $room, %eax; .byte 0xf3,0x0f,0x38,0xf8,0x04,0x25; .long room") X(wrpkru, "xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx; .byte 0x0f,0x01,0xef") X(rdpkru, "xor %ecx, %ecx; .byte 0x0f,0x01,0xee") \
	X(llwpcb, "mov $room, %eax; .byte 0x8f,0xe9,0x78,0x12,0xc0") X(slwpcb, ".byte 0x8f,0xe9,0x78,0x12,0xc8") X(montmul, ".byte 0xf3,0x0f,0xa6,0xc0") X(xstore, ".byte 0x0f,0xa7,0xc0") \
	X(ud0, ".byte 0x0f,0xff,0xc0") X(ud1, ".byte 0x0f,0xb9,0xc0") X(ud2, "ud2") X(icebp, ".byte 0xf1") X(int3, "int3") \
	OPCODE(06) OPCODE(07) OPCODE(0e) OPCODE(16) OPCODE(17) OPCODE(1e) OPCODE(1f) OPCODE(27) OPCODE(2f) OPCODE(37) OPCODE(3f) OPCODE(60) OPCODE(61) OPCODE(82) OPCODE(9a) OPCODE(ce) OPCODE(d4) OPCODE(d6) OPCODE(ea) \
	X(in_al, "in $0, %al") X(in_ax, "in $0, %ax") X(in_eax, "in $0, %eax") X(out_al, "out %al, $0") X(out_ax, "out %ax, $0") X(out_eax, "out %eax, $0") \
	X(insb_stub, "mov $room, %edi; xor %edx, %edx; insb") X(insw_stub, "mov $room, %edi; xor %edx, %edx; insw") X(insl_stub, "mov $room, %edi; xor %edx, %edx; insl") X(outsb_stub, "mov $room, %esi; xor %edx, %edx; outsb") X(outsw_stub, "mov $room, %esi; xor %edx, %edx; outsw") X(outsl_stub, "mov $room, %esi; xor %edx, %edx; outsl") \
	X(rep_insb_stub, "mov $room, %edi; mov $4000, %ecx; xor %edx, %edx; rep insb") X(rep_outsb_stub, "mov $room, %esi; mov $4000, %ecx; xor %edx, %edx; rep outsb") X(rep_insb_unmapped, "xor %edi, %edi; mov $4, %ecx; xor %edx, %edx; rep insb") X(rep_outsb_unmapped, "xor %esi, %esi; mov $4, %ecx; xor %edx, %edx; rep outsb") X(rep_insb_system, "mov $" STUB "+0x1000, %rdi; mov $4, %ecx; xor %edx, %edx; rep insb") X(rep_outsb_none, "mov $room, %esi; xor %ecx, %ecx; xor %edx, %edx; rep outsb") X(rep_insb_code, "mov $main, %edi; mov $4, %ecx; xor %edx, %edx; rep insb") X(insb_backwards, "std; mov $room, %edi; mov $40, %ecx; xor %edx, %edx; rep insb; cld") \
	X(out_handler_port, "mov $0x4e, %edx; out %al, %dx") X(out_handler_first, "out %al, $0x40") X(out_handler_last, "out %al, $0x60") X(in_handler_port, "in $0x4e, %al") X(rep_outsb_handler, "mov $room, %esi; mov $40, %ecx; mov $0x4e, %edx; rep outsb") X(outl_last_port, "mov $0xffff, %edx; out %eax, %dx") X(out_16_before_stub, "mov $0xffff, %edx; out %ax, %dx") \
	X(sysenter, "mov $20, %eax; sysenter") X(into, ".byte 0xce") X(bound, ".byte 0x62,0x04,0x25; .long room") \
	X(syscall_long, "mov $39, %eax; .fill 13, 1, 0x66; syscall") X(syscall_too_long, "mov $39, %eax; .fill 14, 1, 0x66; syscall") X(syscall_rex, "mov $39, %eax; .byte 0x48; syscall") X(syscall_rep, "mov $39, %eax; .byte 0xf3; syscall") X(syscall_address, "mov $39, %eax; .byte 0x67; syscall") X(syscall_fs, "mov $39, %eax; .byte 0x64; syscall") \
	X(nop_15, ".fill 14, 1, 0x66; nop") X(nop_16, ".fill 15, 1, 0x66; nop") X(prefixes_16, ".fill 16, 1, 0xf3; nop") X(rex_only, ".fill 15, 1, 0x48; nop") \
	X(lock_nop, ".byte 0xf0,0x90") X(lock_mov, ".byte 0xf0,0x89,0x04,0x25; .long room") X(lock_add_register, ".byte 0xf0,0x01,0xc0") X(lock_syscall, "mov $39, %eax; .byte 0xf0; syscall") X(lock_int3, ".byte 0xf0,0xcc") X(lock_hlt, ".byte 0xf0,0xf4") X(lock_ud2, ".byte 0xf0,0x0f,0x0b") X(lock_out, ".byte 0xf0,0xe6,0x00") X(lock_int, ".byte 0xf0,0xcd,0x80") X(lock_cmpxchg8b_register, ".byte 0xf0,0x0f,0xc7,0xc8") X(lock_pause, ".byte 0xf0,0xf3,0x90") X(lock_movcr, ".byte 0xf0,0x0f,0x20,0xc0") \
	X(int_rex, ".byte 0x48,0xcd,0x20") X(int_prefixed, ".byte 0x66,0x67,0xcd,0x20") X(int_3_long, ".byte 0xcd,0x03") X(int_4_long, ".byte 0xcd,0x04") \
	X(fsbase_noncanonical, "rdfsbase %rbx; mov $0x800000000000, %rax; wrfsbase %rax; " GETPID "; wrfsbase %rbx") X(gsbase_noncanonical, "mov $0x7fffffffffffffff, %rax; wrgsbase %rax; " GETPID) \
	X(fsbase_upper, "rdfsbase %rbx; mov $-4096, %rax; wrfsbase %rax; " GETPID "; wrfsbase %rbx") X(gsbase_upper, "mov $0xffff800000000000, %rax; wrgsbase %rax; " GETPID) X(gsbase_upper_read, "mov $0xffff888000000000, %rax; wrgsbase %rax; mov %gs:0, %rax") X(gsbase_stub, "mov $" STUB ", %rax; wrgsbase %rax; " GETPID "; mov %gs:0x1000, %rax") X(gsbase_32, "mov $-1, %eax; wrgsbase %eax; " GETPID) \
	X(tf, FLAGS("0x100") "nop" NOFLAGS) X(tf_syscall, FLAGS("0x100") "syscall; nop" NOFLAGS) X(tf_int3, FLAGS("0x100") "int3" NOFLAGS) X(tf_ud2, FLAGS("0x100") "ud2") X(tf_hlt, FLAGS("0x100") "hlt") X(tf_fault, "xor %eax, %eax;" FLAGS("0x100") "mov (%rax), %al") X(tf_mov_ss, "mov %ss, %ecx;" FLAGS("0x100") "mov %ecx, %ss; nop; nop" NOFLAGS) X(tf_mov_ss_syscall, "mov %ss, %ecx; mov $39, %eax;" FLAGS("0x100") "mov %ecx, %ss; syscall; nop" NOFLAGS) X(tf_mov_ss_int3, "mov %ss, %ecx;" FLAGS("0x100") "mov %ecx, %ss; int3" NOFLAGS) X(tf_mov_ss_ud2, "mov %ss, %ecx;" FLAGS("0x100") "mov %ecx, %ss; ud2") X(tf_int_32, FLAGS("0x100") "int $32") X(tf_out, FLAGS("0x100") "out %al, $0") X(tf_rep, "mov $room, %edi; mov %edi, %esi; mov $100, %ecx;" FLAGS("0x100") "rep movsb" NOFLAGS) X(tf_jump_stub, "mov $" STUB ", %rcx;" FLAGS("0x100") "jmp *%rcx") X(tf_cpuid, "xor %eax, %eax; push %rbx;" FLAGS("0x100") "cpuid" NOFLAGS) \
	X(mov_ss_syscall, "mov %ss, %ecx; mov $39, %eax; mov %ecx, %ss; syscall") X(pop_ss_int3, "mov %ss, %ecx; mov %ecx, %ss; int3") X(mov_ss_ud2, "mov %ss, %ecx; mov %ecx, %ss; ud2") X(mov_ss_hlt, "mov %ss, %ecx; mov %ecx, %ss; hlt") \
	X(ac_syscall, FLAGS("0x40000") GETPID NOFLAGS) X(ac_misaligned_after, FLAGS("0x40000") GETPID "; mov room+1, %eax" NOFLAGS) X(df_syscall, "std; " GETPID "; pushf; pop %rax; and $0x400, %eax; mov %rax, seen; cld") X(nt_syscall, FLAGS("0x4000") GETPID "; pushf; pop %rax; and $0x4000, %eax; mov %rax, seen" NOFLAGS) X(nt_iret, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; " FLAGS("0x4000") "push %rcx; push %rax; push $0x202; push %rbx; push $1f; iretq; 1:" NOFLAGS) X(all_flags_syscall, "push $0x24ed5; popf; " GETPID "; cld" NOFLAGS) X(popf_iopl, "pushf; orl $0x3000, (%rsp); popf; pushf; pop %rax; and $0x3000, %eax; mov %rax, seen; cli") X(popf_vif, "pushf; orl $0x1a0000, (%rsp); popf; pushf; pop %rax; and $0x1a0000, %eax; mov %rax, seen") \
	X(iret_iopl, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $0x3202; push %rbx; push $1f; iretq; 1: pushf; pop %rax; and $0x3000, %eax; mov %rax, seen") X(iret_if, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $2; push %rbx; push $1f; iretq; 1: pushf; pop %rax; and $0x200, %eax; mov %rax, seen") X(iret_vm, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $0x20202; push %rbx; push $1f; iretq; 1:") X(iret_noncanonical, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $0x202; push %rbx; mov $0x800000000000, %rax; push %rax; iretq") X(iret_stack_noncanonical, "mov $0x800000000000, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $0x202; push %rbx; push $1f; iretq; 1: pop %rax") X(iret_upper, "mov %rsp, %rax; mov %ss, %ecx; mov %cs, %ebx; push %rcx; push %rax; push $0x202; push %rbx; push $-4096; iretq") X(iret_null_ss, "mov %rsp, %rax; mov %cs, %ebx; push $0; push %rax; push $0x202; push %rbx; push $1f; iretq; 1:") X(iret_16, ".byte 0x66; iret") X(iret_32, "iretl") \
	SELECTOR(0) SELECTOR(3) SELECTOR(10) SELECTOR(18) SELECTOR(23) SELECTOR(2b) SELECTOR(33) SELECTOR(40) SELECTOR(43) SELECTOR(7) SELECTOR(fff8) \
	IN32(nop, "nop") IN32(syscall, "movl $20, %eax; .byte 0x0f,0x05") IN32(int80, "movl $20, %eax; .byte 0xcd,0x80") IN32(sysenter, "movl $20, %eax; movl %esp, %ebp; .byte 0x0f,0x34") IN32(ud2, "ud2") IN32(hlt, "hlt") IN32(out, "out %al, $0") IN32(null, "xorl %eax, %eax; movb (%eax), %al") IN32(int3, "int3") IN32(into, "movb $127, %al; incb %al; into") IN32(bound, "boundl %eax, room") IN32(touch, "movb room+8192, %al") \
	X(ldmxcsr_reserved, "movl $0xffffffff, room; ldmxcsr room") X(fxrstor_mxcsr, "movl $0xffffffff, room+24; fxrstor room") X(fxrstor_misaligned, "movl $0x1f80, room+25; fxrstor room+1") X(fxsave_edge, "fxsave64 room+0x2f00") \
	X(xrstor_garbage, "lea room, %rdi; mov $-1, %rax; mov $1024, %ecx; rep stosb; mov $-1, %eax; mov $-1, %edx; xrstor room") X(xrstor_header, "movq $0, room+512; movq $1, room+528; mov $7, %eax; xor %edx, %edx; xrstor room") X(xrstor_unknown, "movq $0, room+528; movq $0, room+520; movabs $0x4000000000000000, %rax; mov %rax, room+512; mov $-1, %eax; mov $-1, %edx; xrstor room") X(xrstor_compact, "movabs $0x8000000000000000, %rax; mov %rax, room+520; movq $7, room+512; mov $7, %eax; xor %edx, %edx; xrstor room") X(xrstor_supervisor, "movabs $0x8000000000000100, %rax; mov %rax, room+520; movq $0x100, room+512; mov $-1, %eax; mov $-1, %edx; xrstor room") X(xrstor_misaligned, "mov $7, %eax; xor %edx, %edx; xrstor room+8") X(xrstors, "mov $7, %eax; xor %edx, %edx; xrstors room") X(xsaves, "mov $7, %eax; xor %edx, %edx; xsaves room") \
	X(xsave_edge, "mov $-1, %eax; mov $-1, %edx; xsave room+0x2f00") X(xsave_code, "mov $-1, %eax; mov $-1, %edx; lea main, %rbx; and $-64, %rbx; xsave (%rbx)") X(xsave_system, "mov $-1, %eax; mov $-1, %edx; mov $" STUB "+0x1000, %rbx; xsave (%rbx)") X(xrstor_system, "mov $-1, %eax; mov $-1, %edx; mov $" STUB "+0x5000, %rbx; xrstor (%rbx)") X(xgetbv_2, "mov $2, %ecx; xgetbv") X(xgetbv_max, "mov $-1, %ecx; xgetbv") X(avx_edge, "vmovups room+0x2ff0, %ymm0") X(avx_misaligned, "vmovaps room+1, %ymm0") X(vzeroall, "vzeroall") \
	X(ldtilecfg, ".byte 0xc4,0xe2,0x78,0x49,0x04,0x25; .long room") X(tilerelease, ".byte 0xc4,0xe2,0x78,0x49,0xc0") X(tilezero, ".byte 0xc4,0xe2,0x7b,0x49,0xc0") X(tdpbssd, ".byte 0xc4,0xe2,0x73,0x5e,0xc2") X(xop, ".byte 0x8f,0xe8,0x78,0xc2,0xc0,0x00") X(fma4, ".byte 0xc4,0xe3,0xf9,0x69,0xc0,0x00") X(apx_rex2, ".byte 0xd5,0x00,0x90,0x90,0x90") X(femms, ".byte 0x0f,0x0e") X(x87_garbage, "movw $0, room; fldenv room; fldcw room; fld1; fldz; fdivrp; fwait; fninit") X(cr_lock_8, ".byte 0xf0,0x0f,0x20,0xc0") \
	X(clflush_system, "mov $" STUB "+0x1000, %rax; clflush (%rax)") X(prefetch_system, "mov $" STUB "+0x1000, %rax; prefetcht0 (%rax)") X(maskmov_system, "mov $" STUB "+0x1000, %rdi; pxor %xmm0, %xmm0; pxor %xmm1, %xmm1; maskmovdqu %xmm1, %xmm0") X(lea_system, "mov $" STUB ", %rax; lea (%rax), %rbx") X(movdir64b_system, "mov $" STUB "+0x1000, %rax; .byte 0x66,0x0f,0x38,0xf8,0x04,0x25; .long room") X(cmpxchg16b_system, "mov $" STUB "+0x1000, %rsi; lock cmpxchg16b (%rsi)") X(ptwrite, ".byte 0xf3,0x0f,0xae,0xe0") X(serialize, ".byte 0x0f,0x01,0xe8") X(clzero_system, "mov $" STUB "+0x1000, %rax; .byte 0x0f,0x01,0xfc") X(monitorx_system, "mov $" STUB "+0x1000, %rax; xor %ecx, %ecx; xor %edx, %edx; .byte 0x0f,0x01,0xfa") X(mwaitx, "xor %eax, %eax; mov $2, %ecx; mov $1, %ebx; .byte 0x0f,0x01,0xfb") X(xbegin, ".byte 0xc7,0xf8,0,0,0,0") X(xabort, ".byte 0xc6,0xf8,0x00") X(xend, ".byte 0x0f,0x01,0xd5") \
	INT(0) INT(1) INT(2) INT(5) INT(6) INT(7) INT(8) INT(9) INT(10) INT(11) INT(12) INT(13) INT(14) INT(15) INT(16) INT(17) INT(18) INT(19) INT(20) INT(21) INT(28) INT(29) INT(30) INT(31) INT(32) INT(33) INT(64) INT(127) INT(129) INT(236) INT(239) INT(242) INT(251) INT(254) INT(255) INT(128)

#define X(name, code) \
	__attribute__((naked, noinline)) static void attack_##name(void) { __asm__(code "\n\tret"); }
ATTACKS
#undef X

static const struct entry table[] = {
#define X(name, code) {#name, attack_##name},
	ATTACKS
#undef X
};

static void list(void) { list_table(table, LEN(table)); }
static int attack(const char *name)
{
	must(mprotect(room + 3 * 4096, 4096, PROT_NONE) == 0);
	return attack_table(table, LEN(table), name);
}
