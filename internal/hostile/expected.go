package hostile

import (
	"time"

	"spaceos/cell"
)

// usual are the limits of a case that names none. The time is for what hangs.
var usual = Limits{Timeout: time.Minute}

// limits are those of the cases that need others.
var limits = map[string]Limits{}

// limited are the ends by a limit, as the report has them.
var limited = map[string]cell.Ended{}

// Reasons for another end than Linux's.
const (
	noInvention = "Linux answers these instructions with invented values"
	no32        = "there is no 32-bit code segment, and no 32-bit call"
	noLowPages  = "Linux lets root use the first 64 KiB, a cell's program is nobody's root"
	ourPages    = "the last 16 MiB of the lower half are the machine's"
	openStub    = "the stub is a page of ring 3 on this KVM: it may be read, and a jump to its start is a call"
	noNT        = "this KVM clears the flag"
	emulated    = "this KVM executes by itself what the processor refuses to user code: what it does not know is an invalid opcode, and some of what it knows does nothing"
)

// expected gives the end of a case where it is not Linux's, by name.
func expected() map[string]Expected {
	all := map[string]Expected{
		"instructions/lar_23":         {Cell: "alive, 0", Reason: no32},
		"instructions/int_128":        {Cell: "SIGSEGV", Reason: no32},
		"instructions/iret_23":        {Cell: "SIGSEGV", Paravirtual: "SIGBUS", Reason: no32},
		"instructions/read_cr1":       {Paravirtual: "SIGSEGV", Reason: emulated},
		"instructions/write_cr15":     {Paravirtual: "SIGSEGV", Reason: emulated},
		"instructions/monitor":        {Paravirtual: "SIGSEGV", Reason: emulated},
		"instructions/mwait":          {Paravirtual: "SIGSEGV", Reason: emulated},
		"instructions/nt_syscall":     {Paravirtual: "alive, 0", Reason: noNT},
		"instructions/rep_outsb_none": {Paravirtual: "alive, 0", Reason: emulated},
	}
	add := func(e Expected, names ...string) {
		for _, name := range names {
			all["instructions/"+name] = e
		}
	}
	add(Expected{Cell: "SIGSEGV", Reason: noInvention}, "sgdt", "sidt", "sldt", "str", "smsw")
	add(Expected{Cell: "SIGSEGV", Reason: no32}, "ds_23", "fs_23")
	add(Expected{Cell: "SIGSEGV", Paravirtual: "SIGILL", Reason: no32}, "far_jump_23", "far_call_23",
		"in32_nop", "in32_syscall", "in32_int80", "in32_sysenter", "in32_ud2", "in32_hlt", "in32_out", "in32_null",
		"in32_int3", "in32_into", "in32_bound", "in32_touch")
	add(Expected{Paravirtual: "SIGILL", Reason: emulated}, "invpcid", "pvalidate", "lock_movcr", "cr_lock_8",
		"int_rex", "int_prefixed", "ldmxcsr_reserved", "xsaves", "xrstors", "avx_misaligned")
	add(Expected{Paravirtual: "alive, 0", Reason: emulated}, "umwait", "tpause", "setssbsy", "serialize", "fxrstor_misaligned")
	places(all)
	return all
}

// refused is what calls say of a pointer into a range that is not the guest's.
func refused(mmap, mremap string) string {
	return "write EFAULT\nread EFAULT\nopen EFAULT\nclock_gettime EFAULT\npipe2 EFAULT\nmunmap ok\nmprotect ENOMEM\n" +
		"mmap " + mmap + "\nmremap " + mremap + "\nmadvise ENOMEM\narch_prctl ok"
}

// places adds the ends of the guest of that name.
func places(all map[string]Expected) {
	for _, name := range []string{"null", "one"} {
		all["places/pointer_"+name] = Expected{Cell: refused("EPERM", "EPERM"), Reason: noLowPages}
	}
	for _, name := range []string{"stub", "stub_1", "stub_2", "stub_3", "stub_4", "stub_middle", "stub_odd", "stub_end", "gdt", "gdt_end",
		"idt", "handlers", "handler_14", "probe", "tss", "exception_stack", "exception_stack_top", "second_processor", "last_page"} {
		all["places/pointer_"+name] = Expected{Cell: refused("ENOMEM", "ENOMEM"), Reason: ourPages}
	}
	for _, name := range []string{"pop_stub", "read_stub", "read_stub_1", "read_stub_2", "read_stub_3", "read_stub_4", "read_stub_middle", "read_stub_odd"} {
		all["places/"+name] = Expected{Paravirtual: "alive, 0", Reason: openStub}
	}
	all["places/jump_call_stub"] = Expected{Paravirtual: "SIGILL", Reason: openStub}
	all["places/beyond_last"] = Expected{Cell: "alive, 0", Reason: ourPages}
}
