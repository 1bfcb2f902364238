package kvm

// Ioctl numbers: _IO* of type 0xAE (KVMIO), the structure's size in bits 16-29.
const (
	kvmGetAPIVersion   = 0xAE00
	kvmCreateVM        = 0xAE01
	kvmCheckExtension  = 0xAE03
	kvmGetVCPUMmapSize = 0xAE04
	kvmGetSupportedCPU = 0xC008AE05
	kvmCreateVCPU      = 0xAE41
	kvmSetUserMemory   = 0x4020AE46
	kvmSetTSSAddr      = 0xAE47
	kvmRun             = 0xAE80
	kvmGetRegs         = 0x8090AE81
	kvmSetRegs         = 0x4090AE82
	kvmGetSregs        = 0x8138AE83
	kvmSetSregs        = 0x4138AE84
	kvmSetMSRs         = 0x4008AE89
	kvmSetCPUID2       = 0x4008AE90
	kvmGetXSAVE        = 0x9000AEA4
	kvmSetXSAVE        = 0x5000AEA5
	kvmGetXCRs         = 0x8188AEA6
	kvmSetXCRs         = 0x4188AEA7
	kvmSetMPState      = 0x4004AE99
	kvmEnableCap       = 0x4068AEA3
	kvmX86SetMSRFilter = 0x4188AEC6
	kvmGetXSAVE2       = 0x9000AECF
)

// Cap is a capability's number (KVM_CAP_*).
type Cap uint32

// Capabilities that the project asks for.
const (
	CapXSAVE          Cap = 55
	CapXCRs           Cap = 56
	CapSyncRegs       Cap = 74
	CapImmediateExit  Cap = 136
	CapX86UserMSR     Cap = 188
	CapX86MSRFilter   Cap = 189
	CapXSAVE2         Cap = 208
	CapSplitIRQChip   Cap = 121
	CapDisableQuirks2 Cap = 213
)

// Quirks of CapDisableQuirks2.
const (
	QuirkFixHypercallInsn = 1 << 5 // KVM patches VMCALL to VMMCALL in guest memory
)

// MemoryRegion is a slot of guest-physical memory. A Size of 0 deletes it.
type MemoryRegion struct {
	Slot      uint32
	ReadOnly  bool
	GuestPhys uint64
}

const (
	memReadOnly    = 1 << 1 // KVM_MEM_READONLY
	msrDefaultDeny = 1 << 0 // KVM_MSR_FILTER_DEFAULT_DENY
)

// Segment is struct kvm_segment: a segment register with its hidden part.
type Segment struct {
	Base     uint64
	Limit    uint32
	Selector uint16
	Type     uint8
	Present  uint8
	DPL      uint8
	DB       uint8
	S        uint8
	L        uint8
	G        uint8
	AVL      uint8
	Unusable uint8
	_        uint8
}

// Table is struct kvm_dtable: GDTR or IDTR.
type Table struct {
	Base  uint64
	Limit uint16
	_     [3]uint16
}

// Sregs is struct kvm_sregs.
type Sregs struct {
	CS, DS, ES, FS, GS, SS  Segment
	TR, LDT                 Segment
	GDT, IDT                Table
	CR0, CR2, CR3, CR4, CR8 uint64
	EFER                    uint64
	APICBase                uint64
	InterruptBitmap         [4]uint64
}

// Regs is struct kvm_regs.
type Regs struct {
	RAX, RBX, RCX, RDX uint64
	RSI, RDI, RSP, RBP uint64
	R8, R9, R10, R11   uint64
	R12, R13, R14, R15 uint64
	RIP, RFLAGS        uint64
}

// MSR is one model-specific register's number and value.
type MSR struct {
	Index uint32
	_     uint32
	Value uint64
}

// CPUIDEntry is struct kvm_cpuid_entry2: the answer to one CPUID leaf.
type CPUIDEntry struct {
	Function uint32
	Index    uint32
	Flags    uint32
	EAX      uint32
	EBX      uint32
	ECX      uint32
	EDX      uint32
	_        [3]uint32
}

// CPUIDSignificantIndex says that Index counts (KVM_CPUID_FLAG_SIGNIFCANT_INDEX).
const CPUIDSignificantIndex = 1

// ExitReason is why KVM_RUN returned (KVM_EXIT_*).
type ExitReason uint32

// Exit reasons that the project tells apart.
const (
	ExitUnknown       ExitReason = 0
	ExitException     ExitReason = 1
	ExitIO            ExitReason = 2
	ExitHypercall     ExitReason = 3
	ExitDebug         ExitReason = 4
	ExitHLT           ExitReason = 5
	ExitMMIO          ExitReason = 6
	ExitIRQWindowOpen ExitReason = 7
	ExitShutdown      ExitReason = 8
	ExitFailEntry     ExitReason = 9
	ExitIntr          ExitReason = 10
	ExitInternalError ExitReason = 17
	ExitSystemEvent   ExitReason = 24
)

// IOExit is the io member of kvm_run.
type IOExit struct {
	Out   bool
	Size  uint8 // bytes of one item: 1, 2, 4
	Port  uint16
	Count uint32
}

// Offsets in struct kvm_run.
const (
	runRequestWindow = 0
	runImmediateExit = 1
	runExitReason    = 8
	runUnion         = 32
	runValidRegs     = 288
	runDirtyRegs     = 296
	runSync          = 304
	syncRegsSize     = 144
	runSize          = runSync + 2048
)

// SyncSet is a set of register groups of KVM_CAP_SYNC_REGS.
type SyncSet uint64

// Register groups.
const (
	SyncRegs   SyncSet = 1 << 0
	SyncSregs  SyncSet = 1 << 1
	SyncEvents SyncSet = 1 << 2
)
