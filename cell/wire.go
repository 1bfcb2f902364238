package cell

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"spaceos/kvm"
	"spaceos/libos"
	"spaceos/vmm"
)

// Descriptors that the runner starts with, beside the standard streams.
const (
	fdControl = 3 + iota // messages between owner and runner
	fdWorld              // the world's requests
	fdKVM                // /dev/kvm, opened by the owner
	fdProgram            // the program's file
)

// A message is its length in 32 bits and its fields in order, integers
// little-endian in 64 bits. Both ends are the same program, so there are no
// versions; and since both start anew for each run, there is no reflection,
// which costs a fifth of a start.
type message interface{ fields(*codec) }

// setup is the first message to the runner: what to run.
type setup struct {
	Path      string   // in the world
	Args, Env []string // without the program's own name
	Size      int64    // of the program's file
	Memory    uint64   // the limit in bytes
	Host      vmm.Host // as the owner found it, while the runner woke up
	Seeded    bool
	Seed      uint64
	Clock     time.Time // zero: the host's
	Frozen    bool

	NoHugePages bool
	// NotExecutable says that the file lacks the permission: the program is
	// refused when nothing worse is wrong with it.
	NotExecutable bool
	Trace         bool
	Subjects      libos.SubjectSet
}

// seed is the seed of all entropy, nil for the host's entropy.
func (s *setup) seed() *uint64 {
	if !s.Seeded {
		return nil
	}
	return &s.Seed
}

func (s *setup) fields(c *codec) {
	c.text(&s.Path)
	c.list(&s.Args)
	c.list(&s.Env)
	num(c, &s.Size)
	num(c, &s.Memory)
	c.host(&s.Host)
	c.bools(&s.Seeded, &s.Frozen, &s.NoHugePages, &s.NotExecutable, &s.Trace)
	num(c, &s.Seed)
	num(c, &s.Subjects)
	c.time(&s.Clock)
}

// order is every later message to the runner.
type order struct {
	Signal int   // deliver it to the payload
	Stop   cause // end the run for this cause
}

func (o *order) fields(c *codec) {
	num(c, &o.Signal)
	c.text((*string)(&o.Stop))
}

// result is the one message from the runner: all it knows at the end.
type result struct {
	// Refused says why the program could not start, Broken why the machine
	// could not go on; both are "" for a run that ended by itself or by order.
	Refused, Broken string
	Cause           cause
	End             libos.End // without Err: an error does not travel, its words do
	Host            hostInfo
	FirstRun        int64 // CLOCK_MONOTONIC in ns when the guest started, 0: never
	GuestCPU        time.Duration
	LibOS           time.Duration
	Exits           Exits
	Calls           map[string]uint64
	Unsupported     map[string]uint64
	Read, Written   map[string]uint64
	Mapped          uint64
	Backed, Peak    uint64
	Touched         uint64
	MemoryRefused   uint64
	Resident        uint64
}

func (r *result) fields(c *codec) {
	c.text(&r.Refused)
	c.text(&r.Broken)
	c.text((*string)(&r.Cause))
	num(c, &r.End.Code)
	num(c, &r.End.Signal)
	c.bools(&r.End.OOM)
	c.text(&r.End.Reason)
	c.fault(&r.End.Fault)
	for _, s := range []*string{&r.Host.KVM, &r.Host.CPUID, &r.Host.CycleCounter, &r.Host.HugePages} {
		c.text(s)
	}
	num(c, &r.FirstRun)
	num(c, &r.GuestCPU)
	num(c, &r.LibOS)
	for _, n := range []*uint64{&r.Exits.Calls, &r.Exits.Faults, &r.Exits.Interrupts, &r.Mapped, &r.Backed, &r.Peak, &r.Touched, &r.MemoryRefused, &r.Resident} {
		num(c, n)
	}
	for _, m := range []*map[string]uint64{&r.Calls, &r.Unsupported, &r.Read, &r.Written} {
		c.counts(m)
	}
}

// Bounds of messages.
const (
	// maxMessage is for those to the runner: arguments and environment of exec(2)
	// are at most 6 MiB (bprm_stack_limits in Linux's fs/exec.c), and a string
	// has at least one byte beside the eight of its length.
	maxMessage = 64 << 20
	// maxResult is for the result, from a runner that is not trusted: Linux has
	// some 380 calls, whose names and counts, in either of two tables, take about
	// 50 bytes each: 40 KiB. The rest is room for a sentence with a path of
	// 4 KiB.
	maxResult = 64 << 10
)

var errMessage = errors.New("cell: a message between owner and runner is malformed")

func writeMessage(w io.Writer, m message) error {
	c := codec{b: make([]byte, 4, 1<<10), writing: true}
	m.fields(&c)
	n := len(c.b) - 4
	if n > maxMessage {
		return fmt.Errorf("%w: it has %d bytes", errMessage, n)
	}
	binary.LittleEndian.PutUint32(c.b, uint32(n))
	_, err := w.Write(c.b)
	return err
}

// readMessage reads a message of at most some bytes.
func readMessage(r io.Reader, most uint32, m message) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > most {
		return fmt.Errorf("%w: it claims %d bytes", errMessage, n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	if len(body) != int(n) {
		return io.ErrUnexpectedEOF
	}
	c := codec{b: body}
	m.fields(&c)
	if c.bad || len(c.b) != 0 {
		return fmt.Errorf("%w: its %d bytes are not the fields of a %T", errMessage, n, m)
	}
	return nil
}

// blocking is a descriptor used with plain system calls.
func blocking(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }

// host is what the owner knows of KVM for the runner.
func (c *codec) host(h *vmm.Host) {
	for _, b := range []*bool{&h.SyncRegs, &h.SMEP, &h.SMAP, &h.UMIP} {
		c.bools(b)
	}
	num(c, &h.PhysBits)
	num(c, &h.XCR0)
	num(c, &h.XSaveSize)
	num(c, &h.FeaturesEDX)
	n := len(h.CPUID)
	num(c, &n)
	if !c.writing {
		if n < 0 || n > maxLeaves {
			c.bad = true
			return
		}
		h.CPUID = make([]kvm.CPUIDEntry, n)
	}
	for i := range h.CPUID {
		e := &h.CPUID[i]
		for _, v := range []*uint32{&e.Function, &e.Index, &e.Flags, &e.EAX, &e.EBX, &e.ECX, &e.EDX} {
			num(c, v)
		}
	}
}

// maxLeaves is how many CPUID leaves KVM takes (KVM_MAX_CPUID_ENTRIES).
const maxLeaves = 256

func (c *codec) fault(f **libos.Fault) {
	there := *f != nil
	c.bools(&there)
	if !there {
		return
	}
	if !c.writing {
		*f = new(libos.Fault)
	}
	v := *f
	num(c, &v.Trap.Vector)
	num(c, &v.Trap.ErrorCode)
	num(c, &v.Trap.Addr)
	num(c, &v.Code)
	num(c, &v.Addr)
	r := &v.Regs
	for _, p := range []*uint64{
		&r.RAX, &r.RBX, &r.RCX, &r.RDX, &r.RSI, &r.RDI, &r.RSP, &r.RBP,
		&r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15, &r.RIP, &r.RFLAGS,
	} {
		num(c, p)
	}
}
