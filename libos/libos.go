// Package libos is the Linux system-call personality of a cell: it serves the
// calls of a static Linux program out of the cell's world.
//
// There is no kernel in the guest. The machine stops at each call and each
// exception; its driver hands the stop to the guest's Thread (Call, Fault,
// Interrupted), which answers in the guest's registers and memory exactly as
// Linux would, to the errno, or ends the process. Memory of the guest is
// reached through the map of regions with the guest's own permissions, files
// through a world.Service; the package opens nothing on the host and knows
// nothing of KVM.
//
// It is not a kernel: no other process exists beside the one it serves, and
// calls that it does not have fail with ENOSYS and are counted by name.
package libos

import (
	"io"
	"sync"
	"syscall"
	"time"

	"spaceos/world"
)

// Config is what a Process needs to know of its cell.
type Config struct {
	Memory  Memory
	Meter   Meter
	World   world.Service
	Clock   *world.Clock
	Entropy io.Reader // never fails; deterministic under a seed

	Stdin, Stdout, Stderr int // descriptors of the host

	Args []string
	Env  []string
	Path string // the program's path in the world, for AT_EXECFN and /proc/self/exe

	CPUTime func() time.Duration // processor time of the main thread; nil: the clock's, less waits

	HideCycles bool // the machine lets RDTSC fault: the clock answers

	HugePages bool       // back large anonymous maps with huge pages
	Platform  Platform   // what the auxiliary vector says of the processor
	Trace     io.Writer  // one line a call, as strace prints it; nil: none
	Subjects  SubjectSet // calls of other subjects do not exist (ENOSYS); 0: all
}

// Platform is what the machine tells the program of its processor.
type Platform struct {
	HWCap, HWCap2 uint64 // AT_HWCAP (CPUID 1 EDX), AT_HWCAP2
	SignalFrame   uint64 // AT_MINSIGSTKSZ: bytes of a signal frame, XSAVE area included
	XFeatures     uint64 // XCR0: the components of the extended state
	XStateSize    int    // bytes of them in XSAVE's standard format, at least 576
	CPUs          int    // processors that sched_getaffinity shows
}

// Process is the one guest process of a cell.
type Process struct {
	cfg Config
	mu  sync.Mutex // held by a thread while it is in Call, Fault or Interrupted, except while it waits

	mem    addressSpace // regions, heap, stack: memory.go
	files  fileTable    // descriptors, working folder, umask: files.go
	sig    signals      // dispositions, pending signals: signals.go
	timers timers       // what sends signals at a time: timers.go
	ident  identity     // names, limits, times: process.go

	main    *Thread
	calls   callTable // dispatch.go
	ordinal uint64    // of the call under way, counted from 1
	counts  counters
	end     *End
}

// Thread is one guest thread; the machine runs one processor for each.
type Thread struct {
	p      *Process
	cpu    CPU
	tid    int
	wake   int           // eventfd, readable while the thread must leave a wait
	waited time.Duration // spent in waits since the call began

	clearTID   uint64 // set_tid_address
	robustList uint64 // set_robust_list
	noSIGPIPE  bool   // RWF_NOSIGNAL of the call under way
	sigThread         // mask, pending, alternate stack: signals.go
}

// End says how the process ended.
type End struct {
	Code   int    // exit status, if Signal is 0
	Signal int    // the signal that killed it
	OOM    bool   // the memory limit was reached (Signal is SIGKILL)
	Fault  *Fault // the exception behind the signal, if there was one
	Reason string // what a person should know beside that; mostly empty
	Err    error  // our own failure, not the payload's doing
}

// Fault is the state of the thread at a deadly exception.
type Fault struct {
	Trap Trap
	Code int    // si_code
	Addr uint64 // si_addr
	Regs Regs
}

// Status is the exit status a shell or container shows: Code, or 128+Signal.
func (e End) Status() int {
	if e.Signal != 0 {
		return 128 + e.Signal
	}
	return e.Code
}

// Counts is what the process used of the library OS.
type Counts struct {
	Calls       map[string]uint64 // by name
	Unsupported map[string]uint64 // calls answered with ENOSYS, by name
	Time        time.Duration     // spent serving calls and faults, waits excluded
	Read        map[string]uint64 // bytes by mount ("/in", "stdin")
	Written     map[string]uint64 // bytes by mount ("/out", "stdout")
	Refused     uint64            // requests for more memory than the cell's limit
}

// counters is what Counts is made from.
type counters struct {
	served, unsupported perCall
	time                time.Duration
	read, written       map[string]uint64
	refused             uint64
}

// errno is Linux's error number; 0 is success.
type errno = syscall.Errno
