// Package hwkvm boots a small Linux in QEMU that has KVM on emulated AMD
// processors, and runs programs there: tests that need the second kind of KVM,
// on which SYSCALL enters ring 0, run on any machine with it.
//
// The emulation (QEMU's TCG with SVM) needs no privilege and no /dev/kvm. It
// shows how AMD's manual says that the processor behaves, one to two orders of
// magnitude slower than hardware; it shows neither Intel's VMX, nor stale TLB
// entries, nor timing.
//
//	kernel, err := hwkvm.Fetch(ctx, "build/hwkvm") // Debian's cloud kernel, once
//	results, err := hwkvm.Boot(ctx, kernel, hwkvm.Machine{Init: init, Jobs: []hwkvm.Job{{
//		Name:  "vmm",
//		Args:  []string{"/vmm.test", "-test.v"},
//		Files: map[string]string{"/vmm.test": "build/vmm.test"},
//	}}})
//
// There is no root file system: kernel, modules, programs and their files are
// one archive in memory, and the first process is the program in the folder
// guest. It is support for tests: nothing that is delivered imports it.
package hwkvm
