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
// To have more run there, say so in one place, and nothing else is to be done:
//
//   - a program whose behaviour in a cell must be Linux's is a case of
//     conformance.Cases: it runs natively here and in a cell there;
//   - tests of a package that need a machine are a row of suites in
//     checks_test.go, with the programs that they ask a conformance.Bench for
//     and what they must be told of the Linux here.
//     The programs are compiled here: there is neither a compiler nor a go command
//     there, and /tmp is the only folder. SPACEOS_EMULATED is set, for tests
//     that draw or repeat: a call takes a millisecond there, a start of a cell
//     half a second.
//
// A part of it is tried by HWKVM_ONLY (a job, and behind a slash what go test
// -run takes), with HWKVM_LOG for a file that gets what the jobs print:
//
//	HWKVM_ONLY=conformance/TestCell/memory go test -v ./internal/hwkvm
//
// There is no root file system: kernel, modules, programs and their files are
// one archive in memory, and the first process is the program in the folder
// guest. It is support for tests: nothing that is delivered imports it.
package hwkvm
