package vmm

import "encoding/binary"

// Sizes.
const (
	PageSize = 4096
	hugeSize = 2 << 20
)

// Guest-physical memory. Frames start at 4 GiB: below lie the places that KVM
// and the processor want for themselves (the local APIC at 0xfee00000, the
// three pages of SetTSSAddr).
const (
	sysSlot = 0
	ramSlot = 1
	ramBase = 4 << 30
	tssAddr = 0xfffbd000
	// maxTableRoom keeps the system slot far below all of these; so many tables
	// map half a tebibyte of small pages.
	maxTableRoom = 1 << 30
)

// SystemBase is the first address of the system pages, in the last 16 MiB of
// the lower half, where Linux would put the top of the stack. The half's very
// last page stays unmapped: a SYSCALL that ends there would return to a
// non-canonical address.
const SystemBase = 0x7fff_ff00_0000

// UserEnd is the end of what a guest may map.
const UserEnd = SystemBase

// Pages of the system area, as offsets from SystemBase and from
// guest-physical 0. Processor n has page pageCPU+n.
const (
	pageStub     = 0 // SYSCALL's target
	pageGDT      = 1
	pageIDT      = 2
	pageHandlers = 3
	pageProbe    = 4 // the probe guest, gone after it ran
	pageCPU      = 5 // TSS at the start, exception stack at the end
	maxCPUs      = 64
	systemPages  = pageCPU + maxCPUs
)

func systemAddr(page int) uint64 { return SystemBase + uint64(page)*PageSize }

// Selectors. User code and data have Linux's numbers, which a program can read.
// There is no 32-bit code segment: no far jump or IRET can leave 64-bit mode.
const (
	selKernelCode = 0x10
	selKernelData = 0x18
	selUserData   = 0x28 | 3
	selUserCode   = 0x30 | 3
	selTSS        = 0x40
	gdtLimit      = 0x38 - 1
)

// Ports. The stub's is the only one that the TSS opens to ring 3 (and only
// where SYSCALL stays there); handlers run in ring 0.
const (
	portStub    = 0x00
	portHandler = 0x40 // + vector, or + otherVector for 32 to 255
	otherVector = 32
)

// istStack is the interrupt stack that every gate uses: a fault must find a
// stack of ours whatever the guest did to RSP.
const istStack = 1

// exceptionFrame is where the processor leaves the state of the guest, counted
// back from the top of the exception stack (Intel SDM vol. 3, 6.14.2). The
// error code lies below, for the vectors that have one.
const (
	frameSS     = 8
	frameRSP    = 16
	frameRFLAGS = 24
	frameCS     = 32
	frameRIP    = 40
	frameError  = 48
)

// The TSS (Intel SDM vol. 3, 7.7).
const (
	tssRSP0   = 0x04
	tssIST1   = 0x24
	tssIOMap  = 0x66
	tssSize   = 0x68
	tssLimit  = tssSize + 1 // one byte of bitmap for ports 0-7, one that ends it
	ioMapStub = 0xff &^ (1 << portStub)
)

// stubOutSize is the length of the stub's OUT.
const stubOutSize = 2

var (
	stubCode  = []byte{0xe6, portStub, 0x48, 0x0f, 0x07} // out portStub, al; sysretq
	stubUser  = []byte{0xe6, portStub, 0x0f, 0x0b}       // out portStub, al; ud2 (never reached by a call)
	trapUnit  = []byte{0x0f, 0x0b}                       // ud2
	probeCode = []byte{
		0x0f, 0x31, // rdtsc, executed where it is to fault
		0xb8, 0x00, 0x00, 0x00, 0x40, // mov eax, 0x40000000
		0x0f, 0xa2, // cpuid
		0x49, 0x89, 0xd8, // mov r8, rbx
		0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1
		0x0f, 0xa2, // cpuid
		0x0f, 0x05, // syscall
		0x0f, 0x0b, // ud2
	}
)

func (m *Machine) systemPage(page int) []byte {
	return m.sys[page*PageSize : (page+1)*PageSize]
}

// writeSystemPages fills the pages that all processors share and maps them for
// ring 0 alone. Only the exception stacks are writable.
func (m *Machine) writeSystemPages() {
	m.writeStub(stubCode)
	m.writeGDT()
	m.writeIDT()
	copy(m.systemPage(pageProbe), probeCode)
	m.mapSystem(pageStub, 0)
	m.mapSystem(pageGDT, pteNX)
	m.mapSystem(pageIDT, pteNX)
	m.mapSystem(pageHandlers, 0)
	m.mapSystem(pageProbe, pteUser)
}

func (m *Machine) mapSystem(page int, flags uint64) {
	// Accessed (and Dirty) are set beforehand, so that the processor has
	// nothing to write into the tables for these pages.
	m.tables.set(systemAddr(page), uint64(page)*PageSize|ptePresent|pteAccessed|flags)
}

// writeStub fills the whole page, so that a jump into its middle traps.
func (m *Machine) writeStub(code []byte) {
	page := m.systemPage(pageStub)
	for i := 0; i < len(page); i += len(trapUnit) {
		copy(page[i:], trapUnit)
	}
	copy(page, code)
}

func (m *Machine) writeGDT() {
	gdt := m.systemPage(pageGDT)
	put := func(sel int, v uint64) { binary.LittleEndian.PutUint64(gdt[sel&^7:], v) }
	// Flat segments with the Accessed bit set: a read-only table works.
	put(selKernelCode, 0x00af_9b00_0000_ffff)
	put(selKernelData, 0x00cf_9300_0000_ffff)
	put(selUserData, 0x00cf_f300_0000_ffff)
	put(selUserCode, 0x00af_fb00_0000_ffff)
}

// writeIDT makes all 256 gates. As under Linux they are of privilege 0 but for
// INT3's and INTO's: INT n in ring 3 is a general-protection fault with the
// vector in its error code.
func (m *Machine) writeIDT() {
	idt, handlers := m.systemPage(pageIDT), m.systemPage(pageHandlers)
	const unit = 4
	for v := range 256 {
		n := min(v, otherVector)
		copy(handlers[unit*n:], []byte{0xe6, byte(portHandler + n), 0xf4, 0xf4}) // out; hlt; hlt
		addr := systemAddr(pageHandlers) + uint64(unit*n)
		const present, interruptGate, ring3 = 1 << 47, 0xe << 40, 3 << 45
		gate := uint64(present | interruptGate)
		if v == vectorBP || v == vectorOF {
			gate |= ring3
		}
		binary.LittleEndian.PutUint64(idt[16*v:], addr&0xffff|selKernelCode<<16|
			istStack<<32|gate|(addr>>16&0xffff)<<48)
		binary.LittleEndian.PutUint64(idt[16*v+8:], addr>>32)
	}
}

// writeCPUPage fills and maps the page of processor id.
func (m *Machine) writeCPUPage(id int) {
	page := m.systemPage(pageCPU + id)
	top := systemAddr(pageCPU+id) + PageSize
	binary.LittleEndian.PutUint64(page[tssRSP0:], top)
	binary.LittleEndian.PutUint64(page[tssIST1:], top)
	binary.LittleEndian.PutUint16(page[tssIOMap:], tssSize)
	page[tssSize], page[tssSize+1] = 0xff, 0xff
	if m.host.Stub == StubUser {
		page[tssSize] = ioMapStub
	}
	m.mapSystem(pageCPU+id, pteWrite|pteDirty|pteNX)
}
