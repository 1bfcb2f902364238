package libos

import "errors"

// Prot is what a guest may do with a page. W and X together are refused
// before they come here.
type Prot uint8

// Permissions of pages. A readable page is what every present page is on
// amd64: ProtWrite and ProtExec imply reading, and mmap(PROT_WRITE) reads too.
const (
	ProtRead Prot = 1 << iota
	ProtWrite
	ProtExec
	ProtNone Prot = 0
)

// Backing says how a machine finds memory for what it maps.
type Backing uint8

// The kinds of backing.
const (
	BackLazily Backing = iota // the host finds a page when it is touched
	BackNow                   // all pages at once, which count as touched: for a guest that is about to
	BackHuge                  // with huge pages, if the host has them
	BackAhead                 // lazily, and only if that takes few page tables, which never come back
)

// PageSize is the unit of every mapping.
const PageSize = 4096

// HugeSize is the size of a huge page on amd64.
const HugeSize = 2 << 20

// ErrOutOfMemory says that the cell's memory limit is reached: no frame is left.
var ErrOutOfMemory = errors.New("the cell's memory limit is reached")

// Memory is the machine's side of the guest's address space: page tables and
// frames, no policy. Addresses and lengths are multiples of PageSize. It is
// package vmm's in a cell and a Go map in tests. What Unmap or Protect takes
// away is gone when the call returns, also from a guest that has it cached.
type Memory interface {
	// Map gives [addr, addr+length), none of which is mapped, frames that read
	// as zero. For BackHuge, addr and length are multiples of HugeSize.
	// ErrOutOfMemory: nothing was mapped.
	Map(addr, length uint64, prot Prot, how Backing) error
	// Reclaim takes back every page that was mapped and never touched, and
	// says which.
	Reclaim(gone func(addr, length uint64))
	// Protect changes the permissions of what is mapped in the range.
	// ProtNone keeps the contents.
	Protect(addr, length uint64, prot Prot) error
	// Unmap gives what is mapped in the range back to the host.
	Unmap(addr, length uint64) error
	// Move takes what is mapped in [from, from+length) to [to, ...), of which
	// nothing is mapped.
	Move(from, to, length uint64) error
	// Touched says whether the guest or View has touched the page of addr since
	// it was mapped.
	Touched(addr uint64) bool
	// View gives the host's view of guest memory from addr (any byte) on: as
	// many bytes of length as lie together, nil if the page of addr is not
	// mapped. It ignores permissions and counts the pages as touched. It is
	// valid until the next Unmap or Move.
	View(addr, length uint64) []byte
}

// Meter tells how much memory is used and is told what /tmp holds, which
// counts against the same limit.
type Meter interface {
	Limit() uint64  // bytes: --memory
	Backed() uint64 // bytes in use of it: frames, page tables, scratch
	Peak() uint64   // the most that Backed was
	SetScratch(bytes uint64)
}

// Regs are the registers of a guest thread, in the order of struct kvm_regs so
// that one struct converts to the other. After a system call RIP is the
// address of the next instruction and RFLAGS the flags before the call.
type Regs struct {
	RAX, RBX, RCX, RDX uint64
	RSI, RDI, RSP, RBP uint64
	R8, R9, R10, R11   uint64
	R12, R13, R14, R15 uint64
	RIP, RFLAGS        uint64
}

// CPU is the processor of one guest thread while it is stopped.
type CPU interface {
	// Regs may be changed; the thread goes on with them.
	Regs() *Regs
	// Bases gives the FS and GS base addresses.
	Bases() (fs, gs uint64)
	// SetBases sets them; both are canonical.
	SetBases(fs, gs uint64)
	// XState gives x87, SSE, AVX and so on as XSAVE writes them in its standard
	// format, Platform.XStateSize bytes, components at rest with their initial
	// values. The bytes may be changed and are valid until the next XState.
	XState() ([]byte, error)
	// SetXState sets them; the area is one that XRSTOR takes.
	SetXState(area []byte) error
}

// Trap is an exception that the guest raised.
type Trap struct {
	Vector    uint8  // 0 divide error .. 14 page fault .. (Intel SDM vol. 3, 6.15)
	ErrorCode uint32 // 0 where the vector has none
	Addr      uint64 // CR2 of a page fault
}

// Bits of a page fault's error code (Intel SDM vol. 3, 4.7).
const (
	faultPresent  = 1 << 0
	faultWrite    = 1 << 1
	faultUser     = 1 << 2
	faultReserved = 1 << 3
	faultFetch    = 1 << 4
)
