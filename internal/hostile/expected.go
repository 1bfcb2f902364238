package hostile

import (
	"os"
	"time"

	"spaceos"
	"spaceos/cell"
)

// usual are the limits of a case that names none. The time is for what hangs.
func usual() Limits { return Limits{Timeout: time.Minute} }

// emulation says whether the processor is emulated, where all takes longer.
func emulation() bool { return os.Getenv("SPACEOS_EMULATED") != "" }

// dear are attacks of so many calls that only the other KVM tries them.
var dear = []string{"paths/renames_under_way"}

// limits are those of the cases that need others. What burns processor time is
// ended by a limit of that: how long it may take depends on nobody else.
func limits() map[string]Limits {
	cpu, wall := 300*time.Millisecond, time.Second
	if emulation() {
		cpu, wall = 3*time.Second, 6*time.Second
	}
	small := Limits{Timeout: time.Minute, Memory: 8 * spaceos.MiB}
	few := Limits{Timeout: time.Minute, Files: 300, OutBytes: 4 * spaceos.MiB, DataBytes: 4 * spaceos.MiB, Memory: 16 * spaceos.MiB}
	all := map[string]Limits{"bombs/loop": {Timeout: wall}, "bombs/loop_of_sleeps": {Timeout: wall}, "bombs/traced": {CPUTime: cpu, Trace: true}}
	for _, name := range burning {
		all["bombs/"+name] = Limits{CPUTime: cpu, Memory: 16 * spaceos.MiB}
	}
	for _, name := range greedy {
		all["bombs/"+name] = small
	}
	for _, name := range filling {
		all["bombs/"+name] = few
	}
	return all
}

// Bombs by what ends them: processor time, memory, a quota.
var (
	burning = []string{"loop_cpu", "loop_of_calls", "loop_of_no_calls", "loop_of_faults", "loop_of_signals", "loop_of_segv",
		"loop_of_opens", "loop_of_polls", "stdout_without_end", "stderr_without_end", "stdout_by_bytes", "stdout_by_vectors"}
	greedy  = []string{"memory", "memory_by_break", "memory_in_one", "memory_by_call", "tables_2m", "tables_1g", "tables_unmapped"}
	filling = []string{"file_in_tmp", "file_in_out", "file_in_data", "sparse", "million_files", "million_files_in_tmp", "deep_folders"}
)

// limited are the ends by a limit, as the report has them, by name.
func limited() map[string]cell.Ended {
	timeout := cell.Ended{Cause: "timeout", Status: 124, Message: "the time limit was reached"}
	cpu := cell.Ended{Cause: "cpu-time", Status: 152, Signal: 24, SignalName: "SIGXCPU", Message: "the CPU time limit was reached"}
	memory := cell.Ended{Cause: "out-of-memory", Status: 137, Signal: 9, SignalName: "SIGKILL", Message: "out of memory"}
	all := map[string]cell.Ended{"bombs/loop": timeout, "bombs/loop_of_sleeps": timeout, "bombs/traced": cpu}
	for _, name := range burning {
		all["bombs/"+name] = cpu
	}
	for _, name := range greedy {
		all["bombs/"+name] = memory
	}
	return all
}

// Reasons for another end than Linux's.
const (
	noInvention = "Linux answers these instructions with invented values"
	no32        = "there is no 32-bit code segment, and no 32-bit call"
	noLowPages  = "Linux lets root use the first 64 KiB, a cell's program is nobody's root"
	ourPages    = "the last 16 MiB of the lower half are the machine's"
	openStub    = "the stub is a page of ring 3 on this KVM: it may be read, and a jump to its start is a call"
	noNT        = "this KVM clears the flag"
	asKernel    = "QEMU does the stack accesses of far calls and returns as the kernel, which may not reach it (SMAP): a Linux on it dies of IRET"
	noUMIP      = "Linux answers with invented values; a processor that lacks UMIP shows what MOV to CR0 set, which KVM cannot hide"
	otherCall   = "a hypercall of ring 3 gets an error from whoever runs the machine; which instruction is one depends on the processor's make, and QEMU's is AMD's"
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
	add(Expected{Cell: "SIGSEGV", Reason: noInvention}, "sgdt", "sidt", "sldt", "str")
	add(Expected{Cell: "SIGSEGV", OrLinux: true, Reason: noUMIP}, "smsw")
	add(Expected{Cell: "SIGSEGV", Reason: no32}, "ds_23", "fs_23")
	add(Expected{Cell: "SIGSEGV", Paravirtual: "SIGILL", Reason: no32}, "far_jump_23", "far_call_23",
		"in32_nop", "in32_syscall", "in32_int80", "in32_sysenter", "in32_ud2", "in32_hlt", "in32_out", "in32_null",
		"in32_int3", "in32_into", "in32_bound", "in32_touch")
	add(Expected{Paravirtual: "SIGILL", Reason: emulated}, "invpcid", "pvalidate", "lock_movcr", "cr_lock_8",
		"int_rex", "int_prefixed", "ldmxcsr_reserved", "xsaves", "xrstors", "avx_misaligned")
	// Of AMD's and Intel's own, what the one's processors refuse is executed here on the other's.
	add(Expected{Paravirtual: "SIGSEGV", OrLinux: true, Reason: emulated}, "skinit")
	add(Expected{Paravirtual: "SIGSEGV", Emulated: "SIGSEGV", OrLinux: true, Reason: emulated + "; KVM on AMD's processors switches SVM on, of which they are"},
		"invlpga", "stgi", "clgi", "vmrun", "vmload", "vmsave")
	add(Expected{Emulated: "alive, 0", Reason: otherCall}, "vmgexit", "vmmcall", "vmmcall_kick", "vmmcall_map_gpa", "vmmcall_garbage")
	add(Expected{Emulated: "SIGSEGV", Reason: otherCall}, "vmcall", "vmcall_pvm")
	add(Expected{Emulated: "SIGILL", Reason: "protection keys are off in a cell (CR4.PKE); Linux has them where the processor does"}, "rdpkru", "wrpkru")
	add(Expected{Paravirtual: "SIGILL", OrLinux: true, Reason: emulated}, "sysenter", "xend")
	add(Expected{Paravirtual: "alive, 0", Reason: emulated}, "umwait", "tpause", "setssbsy", "serialize", "fxrstor_misaligned")
	for _, name := range []string{"iret_iopl", "iret_if", "iret_vm", "iret_stack_noncanonical", "iret_33", "retf_33", "far_call_33"} {
		all["instructions/"+name] = Expected{Emulated: "SIGSEGV", Reason: asKernel}
	}
	all["instructions/lock_int"] = Expected{Emulated: "SIGSEGV", Reason: "QEMU takes LOCK there, and then " + no32}
	places(all)
	paths(all)
	for name, said := range map[string]string{
		"signals_without_end": "SIGSEGV", "file_in_tmp": "ENOSPC\nalive, 0", "file_in_out": "ENOSPC\nalive, 0", "file_in_data": "ENOSPC\nalive, 0",
		"sparse": "EFBIG\nENOSPC\nENOSPC\nalive, 0", "million_files": "stopped, ENOSPC\nalive, 0", "million_files_in_tmp": "stopped, ENOSPC\nalive, 0",
		"deep_folders": "stopped, ENOSPC\nalive, 0", "descriptors": "EMFILE\nalive, 0", "pipes": "EMFILE\nalive, 0", "remaps": "alive, 0",
		"breaks": "alive, 0", "protections": "alive, 0", "huge_and_small": "alive, 0", "long_names": "ENAMETOOLONG\nalive, 0", "list_while_removed": "alive, 0",
	} {
		all["bombs/"+name] = Expected{Cell: said, Reason: "the limits are the cell's own"}
	}
	return all
}

// paths adds the ends of the guest of that name: the four calls of its look all
// fail in one way, but for those that say more.
func paths(all map[string]Expected) {
	four := func(errno string) string {
		return "open: " + errno + "\nstat: " + errno + "\nwrite: " + errno + "\nchdir: " + errno
	}
	add := func(said string, names ...string) {
		for _, name := range names {
			all["paths/"+name] = Expected{Cell: said + "alive, 0", Reason: "the world is another, and the host is not in it"}
		}
	}
	add(four("ENOENT")+"\n", "fifo", "socket_", "character_device", "block_device", "kvm_device", "link_to_device", "link_to_fifo", "absolute_link", "relative_link",
		"proc_link", "folder_link", "link_to_link_out", "up", "up_up", "up_inside", "up_from_link", "root_up", "proc_root", "proc_cwd", "proc_fd", "proc_mem", "proc_1",
		"proc_parent", "dev_kvm", "dev_mem", "dev_tty", "etc_shadow", "sys_kernel", "dev_fd", "empty", "slashes", "dots", "newline", "many_ups")
	add(four("ELOOP")+"\n", "loop_link", "ping_link", "chain_link")
	add(four("ENOTDIR")+"\n", "up_from_file", "trailing")
	add(four("ENAMETOOLONG")+"\n", "long_name", "long_path")
	add(four("ENAMETOOLONG")+"\n"+four("EFAULT")+"\n", "not_ended")
	add("open: root:x:0:0:root:/:/bin/sh\n\nstat: ok\nwrite: EROFS\nchdir: ENOTDIR\n", "climbing_link") // the world's own file
	add("the file before the zero\n", "nul_inside")
	add("secret: ENOENT\nin: found\nlink: ENOENT\n", "climb_by_descriptor")
	add("symlink: EPERM\nlink: EXDEV\nrename: EXDEV\nrename up: EROFS\nmknod: EPERM\nmkfifo: EPERM\nmount: ENOSYS\npivot: ENOSYS\nsetuid: made\nodd name: made\n", "make_links")
	add("", "renames_under_way", "list_in")
}

// refused is what calls say of a pointer into a range that is not the guest's.
func refused(mmap, mremap string) string {
	return "write EFAULT\nread EFAULT\nopen EFAULT\nclock_gettime EFAULT\npipe2 EFAULT\nmunmap ok\nmprotect ENOMEM\n" +
		"mmap " + mmap + "\nmremap " + mremap + "\nmadvise ENOMEM\narch_prctl ok\nalive, 0"
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
	for _, name := range []string{"pop_stub", "read_stub", "read_stub_1", "read_stub_2", "read_stub_3", "read_stub_4", "read_stub_middle", "read_stub_odd",
		"last_nop", "last_out", "last_jump", "last_prefix"} {
		all["places/"+name] = Expected{Paravirtual: "alive, 0", Reason: openStub}
	}
	for _, name := range []string{"1", "2", "3"} {
		all["storm/storm_"+name] = Expected{Cell: "alive, 0", Reason: "as root it would shake the machine"}
	}
	all["places/jump_call_stub"] = Expected{Paravirtual: "SIGILL", Reason: openStub}
	all["places/beyond_last"] = Expected{Cell: "alive, 0", Reason: ourPages}
}
